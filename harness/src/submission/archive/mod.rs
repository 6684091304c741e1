//! Submissions that come packed: zip, tar, tar.gz. Archives are strangers' data: whatever isn't plain
//! files and folders below one place is refused in clear words, and nothing is written outside.
//!
//! Formats: APPNOTE.TXT 6.3.10 (zip), POSIX.1-2017 `pax` with the GNU long names (tar), RFC 1952 (gzip).

mod meter;
mod names;
mod tape;
mod tree;
mod zipped;

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use meter::Meter;
use names::Names;
use tree::Tree;

/// What is unpacked, at most.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Bytes of the archive itself.
    pub packed: u64,
    /// Bytes of all files together.
    pub bytes: u64,
    /// Files and folders, those that are only implied by others' names too.
    pub entries: u64,
    /// Folders within folders.
    pub depth: usize,
    /// Bytes unpacked for each byte of the archive, once more than `free` bytes came out of it.
    pub ratio: u64,
    /// Bytes for which no ratio is asked: small files of zeros are no attack.
    pub free: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            packed: 256 << 20,
            bytes: 1 << 30,
            entries: 100_000,
            depth: 64,
            ratio: 200,
            free: 16 << 20,
        }
    }
}

/// Why an archive isn't unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("{}: can't be read: {source}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The host's fault, not the archive's.
    #[error("{}: can't be unpacked: {source}\n   help: make room, or set TMPDIR to another folder", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{archive}: {refusal}")]
    Refused { archive: String, refusal: Refusal },
}

impl ArchiveError {
    /// The archive can be blamed, not the place that it is unpacked to.
    pub fn is_submission(&self) -> bool {
        matches!(self, ArchiveError::Refused { .. })
    }
}

/// What of an archive isn't taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is no zip, tar or tar.gz archive; pack the folder again as one of these")]
    Unknown,
    #[error("it is not a regular file")]
    Special,
    #[error("it is damaged: {0}; pack the folder again")]
    Damaged(String),
    #[error("`{0}` is encrypted; pack the folder again without a password")]
    Encrypted(String),
    #[error(
        "`{name}` is packed by a method that isn't read here ({method}); pack it again with plain zip or tar.gz"
    )]
    Method { name: String, method: String },
    #[error("`{0}` is a link; put the file itself in the archive")]
    Link(String),
    #[error("`{0}` is no file and no folder (a device, a pipe, a sparse file); leave it out")]
    NoFile(String),
    #[error("`{0}` is an absolute name; pack the folder from inside it")]
    Absolute(String),
    #[error("`{0}` leads out of the archive; pack the folder from inside it")]
    Outside(String),
    #[error(
        "a name in it isn't UTF-8 (`{0}`); rename the file, or pack it with a tool that writes UTF-8 names"
    )]
    Encoding(String),
    #[error(
        "`{0}` is a name that can't be taken (control characters, backslashes, or too long); rename it"
    )]
    Name(String),
    #[error("`{0}` is in it twice")]
    Twice(String),
    #[error("`{0}` and `{1}` differ only in upper and lower case; rename one of them")]
    Case(String, String),
    #[error("`{0}` is both a file and a folder in it")]
    Clash(String),
    #[error("its folders are more than {limit} deep (`{name}`)")]
    TooDeep { name: String, limit: usize },
    #[error("the archive has more than {0} bytes; leave out what isn't needed to run it")]
    Packed(u64),
    #[error("it unpacks to more than {0} bytes; leave out what isn't needed to run it")]
    TooLarge(u64),
    #[error("it has more than {0} files and folders; leave out what isn't needed to run it")]
    TooMany(u64),
    #[error(
        "it unpacks to more than {0} times its size, as archives do that are made to fill disks"
    )]
    Ratio(u64),
}

/// Endings of the names of archives that are taken.
const ENDINGS: [&str; 4] = [".tar.gz", ".tgz", ".tar", ".zip"];

/// Whether a file's name is one of an archive.
pub fn is_named(path: &Path) -> bool {
    stem(path).is_some()
}

/// The archive's name without its ending; none: the name is none of an archive.
pub fn stem(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let lower = name.to_ascii_lowercase();
    let ending = ENDINGS.iter().find(|ending| lower.ends_with(*ending))?;
    let stem = &name[..name.len() - ending.len()];
    (!stem.is_empty()).then(|| stem.to_owned())
}

/// Unpacks an archive into `to`, which is made and must not be there yet. What the archive is follows
/// from its content. Modes are 0755 where anything may be executed and else 0644.
///
/// # Errors
/// See [`ArchiveError`]; what was unpacked so far is left for the caller to remove.
pub fn unpack(archive: &Path, to: &Path, bounds: &Bounds) -> Result<(), ArchiveError> {
    let read = |source| ArchiveError::Read {
        path: archive.to_owned(),
        source,
    };
    let refused = |refusal| ArchiveError::Refused {
        archive: shown(archive),
        refusal,
    };
    // A pipe of that name must not make us wait for its writer.
    if !fs::metadata(archive).map_err(read)?.is_file() {
        return Err(refused(Refusal::Special));
    }
    let mut file = File::open(archive).map_err(read)?;
    let packed = file.metadata().map_err(read)?.len();
    if packed > bounds.packed {
        return Err(refused(Refusal::Packed(bounds.packed)));
    }
    let kind = Kind::of(&mut file).map_err(read)?;
    let write = |source| ArchiveError::Write {
        path: to.to_owned(),
        source,
    };
    let mut into = Into {
        tree: Tree::new(to).map_err(write)?,
        names: Names::new(bounds.entries, bounds.depth),
        meter: Meter::new(packed, bounds),
    };
    let done = match kind {
        Kind::Zip => zipped::unpack(file, &mut into),
        Kind::Tar => tape::unpack(file, &mut into),
        Kind::Gzip => tape::unpack(flate2::read::MultiGzDecoder::new(file), &mut into),
        Kind::Unknown => Err(Trouble::Refused(Refusal::Unknown)),
    };
    done.map_err(|trouble| match trouble {
        Trouble::Refused(refusal) => refused(refusal),
        Trouble::Write(source) => write(source),
    })
}

/// Where the submission is in what was unpacked: people often pack the folder instead of what is in it.
/// A lone folder is entered, unless it bears one of the names that `stop` knows.
pub fn inner(folder: &Path, stop: &dyn Fn(&str) -> bool) -> PathBuf {
    let mut at = folder.to_owned();
    loop {
        let mut entries = fs::read_dir(&at).into_iter().flatten().flatten();
        let (Some(only), None) = (entries.next(), entries.next()) else {
            return at;
        };
        let name = only.file_name();
        // Unpacking makes no links, so that a folder is one.
        let folder = only.file_type().is_ok_and(|kind| kind.is_dir());
        if !folder || name.to_str().is_some_and(stop) {
            return at;
        }
        at.push(name);
    }
}

/// Everything that entries go through on their way to the disk.
struct Into {
    tree: Tree,
    names: Names,
    meter: Meter,
}

/// What ends an unpacking.
#[derive(Debug)]
enum Trouble {
    Refused(Refusal),
    Write(io::Error),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Trouble::Refused(refusal)
    }
}

impl Into {
    fn folder(&mut self, raw: &[u8]) -> Result<(), Trouble> {
        let Some(name) = self.names.folder(raw)? else {
            return Ok(());
        };
        self.tree.folder(&name).map_err(Trouble::Write)
    }

    /// Gives the file's length.
    fn file(&mut self, raw: &[u8], executable: bool, from: impl Read) -> Result<u64, Trouble> {
        let Some(name) = self.names.file(raw)? else {
            return self.skip(from);
        };
        let mut file = self.tree.file(&name).map_err(Trouble::Write)?;
        let length = self.meter.copy(from, &mut file)?;
        tree::finish(&file, executable).map_err(Trouble::Write)?;
        Ok(length)
    }

    /// Counted all the same: nobody can hide a bomb in what is left out.
    fn skip(&mut self, from: impl Read) -> Result<u64, Trouble> {
        self.meter.copy(from, &mut io::sink())
    }
}

enum Kind {
    Zip,
    Tar,
    Gzip,
    Unknown,
}

impl Kind {
    fn of(file: &mut File) -> io::Result<Kind> {
        const MAGIC: usize = 257;
        let mut head = Vec::new();
        file.take(512).read_to_end(&mut head)?;
        file.rewind()?;
        Ok(match &head[..] {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Kind::Zip,
            [0x1f, 0x8b, ..] => Kind::Gzip,
            head if head.get(MAGIC..MAGIC + 5) == Some(b"ustar") => Kind::Tar,
            _ => Kind::Unknown,
        })
    }
}

fn shown(path: &Path) -> String {
    crate::report::clean::clean_line(&path.display().to_string(), 200)
}

/// A name from an archive, fit for a message.
fn lossy(raw: &[u8]) -> String {
    crate::report::clean::clean_line(&String::from_utf8_lossy(raw), 120)
}

#[cfg(test)]
mod tests;
