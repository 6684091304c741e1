//! Zip archives, by the central directory alone.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use zip::ZipArchive;
use zip::result::ZipError;

use super::{Into, Refusal, Trouble, lossy};

const TYPE: u32 = 0o170_000;
const LINK: u32 = 0o120_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;

pub(super) fn unpack(mut file: File, into: &mut Into) -> Result<(), Trouble> {
    // The whole directory is read into memory: its length is asked for before.
    if let Some(count) = count(&mut file)
        && count > into.names.most()
    {
        return Err(Refusal::TooMany(into.names.most()).into());
    }
    let mut archive = ZipArchive::new(file).map_err(|error| damaged(&error, &[]))?;
    for i in 0..archive.len() {
        // Raw at first: what can't be unpacked can still be named.
        let (raw, mode, encrypted, folder) = {
            let entry = archive.by_index_raw(i).map_err(|e| damaged(&e, &[]))?;
            let raw = entry.name_raw().to_vec();
            let folder = raw.ends_with(b"/") || raw.ends_with(b"\\");
            (raw, entry.unix_mode(), entry.encrypted(), folder)
        };
        match mode.map_or(0, |mode| mode & TYPE) {
            LINK => return Err(Refusal::Link(lossy(&raw)).into()),
            0 | REGULAR => {}
            FOLDER if folder => {}
            _ => return Err(Refusal::NoFile(lossy(&raw)).into()),
        }
        if folder {
            into.folder(&raw)?;
            continue;
        }
        if encrypted {
            return Err(Refusal::Encrypted(lossy(&raw)).into());
        }
        let entry = archive.by_index(i).map_err(|error| damaged(&error, &raw))?;
        let executable = mode.is_some_and(|mode| mode & 0o111 != 0);
        into.file(&raw, executable, entry)?;
    }
    Ok(())
}

fn damaged(error: &ZipError, raw: &[u8]) -> Refusal {
    match error {
        ZipError::CompressionMethodNotSupported(method) => Refusal::Method {
            name: lossy(raw),
            method: method.to_string(),
        },
        ZipError::UnsupportedArchive(why) if !raw.is_empty() => Refusal::Method {
            name: lossy(raw),
            method: (*why).to_owned(),
        },
        error => Refusal::Damaged(super::lossy(error.to_string().as_bytes())),
    }
}

/// How many entries the end of the directory claims, by APPNOTE 4.3.16 (and 4.3.14 for zip64). None:
/// there is no such end, which the reader will find too.
fn count(file: &mut File) -> Option<u64> {
    const END: &[u8] = b"PK\x05\x06";
    const LOCATOR: &[u8] = b"PK\x06\x07";
    const LONGEST_END: u64 = 22 + 65_535;
    let length = file.seek(SeekFrom::End(0)).ok()?;
    let from = length.saturating_sub(LONGEST_END + 20);
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut tail = Vec::new();
    file.take(LONGEST_END + 20).read_to_end(&mut tail).ok()?;
    let end = tail.windows(4).rposition(|window| window == END)?;
    let short = u64::from(u16::from_le_bytes(
        tail.get(end + 10..end + 12)?.try_into().ok()?,
    ));
    let locator = end
        .checked_sub(20)
        .filter(|&at| tail[at..].starts_with(LOCATOR));
    let Some(at) = locator else {
        return Some(short);
    };
    let place = u64::from_le_bytes(tail.get(at + 8..at + 16)?.try_into().ok()?);
    let mut record = [0; 40];
    file.seek(SeekFrom::Start(place)).ok()?;
    file.read_exact(&mut record).ok()?;
    Some(u64::from_le_bytes(record[32..40].try_into().ok()?).max(short))
}
