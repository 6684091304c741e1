//! Tar archives, header by header: long names are read here, within bounds, as a name of a gigabyte is
//! an attack too.

use std::io::{self, Read};

use tar::{Archive, EntryType, PaxExtensions};

use super::{Into, Refusal, Trouble, lossy};

/// Longest extension (a long name, attributes), bytes.
const LONGEST: u64 = 64 << 10;

/// What extensions say of the entry that follows them.
#[derive(Default)]
struct Next {
    path: Option<Vec<u8>>,
    odd: bool,
}

pub(super) fn unpack(from: impl Read, into: &mut Into) -> Result<(), Trouble> {
    let mut archive = Archive::new(from);
    let damaged = |error: io::Error| Refusal::Damaged(lossy(error.to_string().as_bytes()));
    let mut next = Next::default();
    for entry in archive.entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        // Headers count: a million empty entries are an attack as well.
        into.meter.count(512)?;
        let kind = entry.header().entry_type();
        match kind {
            EntryType::XGlobalHeader => {
                bounded(&mut entry, into)?;
                continue;
            }
            EntryType::GNULongName => {
                let mut name = bounded(&mut entry, into)?;
                while name.last() == Some(&0) {
                    name.pop();
                }
                next.path = Some(name);
                continue;
            }
            EntryType::GNULongLink => {
                bounded(&mut entry, into)?;
                continue;
            }
            EntryType::XHeader => {
                next.pax(&bounded(&mut entry, into)?)?;
                continue;
            }
            _ => {}
        }
        let Next { path, odd } = std::mem::take(&mut next);
        let raw = path.unwrap_or_else(|| entry.path_bytes().into_owned());
        let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
        match kind {
            EntryType::Link | EntryType::Symlink => return Err(Refusal::Link(lossy(&raw)).into()),
            EntryType::Directory => folder(entry, &raw, into)?,
            // Before there was a type for folders, a slash said it.
            EntryType::Regular if raw.ends_with(b"/") => folder(entry, &raw, into)?,
            EntryType::Regular | EntryType::Continuous if !odd => {
                let size = entry.size();
                if into.file(&raw, executable, entry)? != size {
                    return Err(Refusal::Damaged("it ends too early".to_owned()).into());
                }
            }
            _ => return Err(Refusal::NoFile(lossy(&raw)).into()),
        }
    }
    Ok(())
}

/// A folder has no content; what it claims to have is counted.
fn folder(entry: impl Read, raw: &[u8], into: &mut Into) -> Result<(), Trouble> {
    into.skip(entry)?;
    into.folder(raw)
}

fn bounded(entry: &mut impl Read, into: &mut Into) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    into.meter.copy(entry.take(LONGEST + 1), &mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(Refusal::Name(lossy(&bytes[..120])).into());
    }
    Ok(bytes)
}

impl Next {
    fn pax(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        for extension in PaxExtensions::new(bytes) {
            let extension = extension.map_err(|error| Refusal::Damaged(error.to_string()))?;
            match extension.key_bytes() {
                b"path" => self.path = Some(extension.value_bytes().to_vec()),
                // Sizes beyond the header's, and sparse files: neither is needed by a submission.
                b"size" => self.odd = true,
                key if key.starts_with(b"GNU.sparse.") => self.odd = true,
                _ => {}
            }
        }
        Ok(())
    }
}
