//! What lies in the output folder at the end of a run, and what is new beside it.
//!
//! The submission could write there, so no link is followed and nothing but regular files is opened.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use sha2::{Digest, Sha256};

use crate::evidence::writer::Recorder;
use crate::evidence::{Event, FileKind};

/// Folders within the output folder that are looked into.
const DEEPEST: usize = 4;
/// Folders around the output folder that are looked into.
const DEEPEST_BESIDE: usize = 2;
/// Most entries of the output folder that are recorded.
const MOST: usize = 20_000;
/// Most entries around it that are looked at.
const MOST_BESIDE: usize = 20_000;
/// Longest source that is looked into, bytes.
const LONGEST_SOURCE: i64 = 256 << 10;
/// Most sources that are looked into.
const MOST_SOURCES: usize = 500;
/// Most bytes whose digest is taken in one run.
const MOST_BYTES: u64 = 4 << 30;

/// The work folder, and the output folder in it.
pub struct Shelf {
    work: OwnedFd,
    folder: String,
    /// What was there before the submission started.
    before: HashMap<String, Mark>,
}

/// By which a changed file is known.
type Mark = (u64, u64, i64, u64);

struct Entry {
    path: String,
    stat: Stat,
}

impl Shelf {
    /// Remembers what is in the work folder now. `folder` is the output folder's name in it.
    pub fn new(work: OwnedFd, folder: &str) -> Shelf {
        let mut shelf = Shelf {
            work,
            folder: folder.to_owned(),
            before: HashMap::new(),
        };
        shelf.before = shelf
            .beside()
            .into_iter()
            .map(|e| (e.path, mark(&e.stat)))
            .collect();
        shelf
    }

    /// Records what lies in the folder, then what is new or changed beside it (as `../name`).
    ///
    /// # Errors
    /// When the folder is there and can't be read.
    pub fn report(&self, recorder: &Recorder) -> io::Result<()> {
        let mut left = MOST_BYTES;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match open(self.work.as_fd(), &self.folder, flags) {
            Ok(folder) => {
                let mut entries = Vec::new();
                walk(folder.as_fd(), "", DEEPEST, MOST, &mut entries, &|_| true);
                for entry in entries {
                    record(recorder, folder.as_fd(), "", &entry, &mut left);
                }
            }
            Err(rustix::io::Errno::NOENT) => {}
            // A link or a file in its place is no folder: said as what it is.
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => {
                let stat = rustix::fs::statat(
                    &self.work,
                    self.folder.as_str(),
                    AtFlags::SYMLINK_NOFOLLOW,
                )?;
                record(
                    recorder,
                    self.work.as_fd(),
                    "",
                    &Entry {
                        path: self.folder.clone(),
                        stat,
                    },
                    &mut 0,
                );
            }
            Err(error) => return Err(error.into()),
        }
        for entry in self.beside() {
            let old = self.before.get(&entry.path) == Some(&mark(&entry.stat));
            if !old && kind(&entry.stat) == FileKind::Regular {
                record(recorder, self.work.as_fd(), "../", &entry, &mut left);
            }
        }
        Ok(())
    }

    /// Records where sources of the submission name one of these libraries.
    pub fn mentions(&self, libraries: &[String], recorder: &Recorder) {
        if libraries.is_empty() {
            return;
        }
        let source =
            |e: &&Entry| kind(&e.stat) == FileKind::Regular && e.stat.st_size <= LONGEST_SOURCE;
        for entry in self.beside().iter().filter(source).take(MOST_SOURCES) {
            let Ok(bytes) = read(self.work.as_fd(), &entry.path, LONGEST_SOURCE as u64) else {
                continue;
            };
            // What isn't text is no source.
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            for library in libraries {
                if let Some(at) = text.lines().position(|line| names(line, library)) {
                    recorder.record(Event::Mention {
                        path: entry.path.clone(),
                        line: u32::try_from(at + 1).unwrap_or(u32::MAX),
                        library: library.clone(),
                    });
                }
            }
        }
    }

    /// Everything in the work folder but the output folder.
    fn beside(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        let other = |path: &str| path != self.folder;
        walk(
            self.work.as_fd(),
            "",
            DEEPEST_BESIDE,
            MOST_BESIDE,
            &mut entries,
            &other,
        );
        entries
    }
}

fn mark(stat: &Stat) -> Mark {
    (
        stat.st_ino,
        stat.st_size as u64,
        stat.st_mtime,
        stat.st_mtime_nsec,
    )
}

fn kind(stat: &Stat) -> FileKind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::Regular,
        FileType::Directory => FileKind::Folder,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Other,
    }
}

/// Gathers the entries beneath a folder, in the order of their names. What can't be read is left out.
fn walk(
    root: BorrowedFd<'_>,
    path: &str,
    depth: usize,
    most: usize,
    into: &mut Vec<Entry>,
    wanted: &dyn Fn(&str) -> bool,
) {
    let here = if path.is_empty() { "." } else { path };
    let Ok(folder) = open(
        root,
        here,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
    ) else {
        return;
    };
    let Ok(entries) = rustix::fs::Dir::read_from(&folder) else {
        return;
    };
    let names = entries.flatten().map(|e| e.file_name().to_owned());
    let mut names: Vec<_> = names
        .filter(|name| !matches!(name.as_bytes(), b"." | b".."))
        .take(most)
        .collect();
    names.sort();
    for name in names {
        if into.len() >= most {
            return;
        }
        let Ok(stat) = rustix::fs::statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        let name = name.to_string_lossy();
        let path = if path.is_empty() {
            name.into_owned()
        } else {
            format!("{path}/{name}")
        };
        if !wanted(&path) {
            continue;
        }
        let enter = kind(&stat) == FileKind::Folder && depth > 1;
        into.push(Entry {
            path: path.clone(),
            stat,
        });
        if enter {
            walk(root, &path, depth - 1, most, into, wanted);
        }
    }
}

fn record(recorder: &Recorder, root: BorrowedFd<'_>, before: &str, entry: &Entry, left: &mut u64) {
    let kind = kind(&entry.stat);
    let size = u64::try_from(entry.stat.st_size).unwrap_or(0);
    let mut sha256 = None;
    if kind == FileKind::Regular && size <= *left {
        *left -= size;
        sha256 = digest(root, &entry.path, size).ok();
    }
    let path = format!("{before}{}", entry.path);
    recorder.record(Event::File {
        path,
        kind,
        size,
        sha256,
    });
}

/// Whether a line of a source has this name in it as a word.
fn names(line: &str, library: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(library).any(|(at, found)| {
        !line[..at].ends_with(word) && !line[at + found.len()..].starts_with(word)
    })
}

/// The bytes of a regular file, which are no more than `most`.
fn read(root: BorrowedFd<'_>, path: &str, most: u64) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let file = open(
        root,
        path,
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC,
    )?;
    let mut bytes = Vec::new();
    std::fs::File::from(file)
        .take(most)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// SHA-256 of a regular file of this size, in lower-case hexadecimal.
fn digest(root: BorrowedFd<'_>, path: &str, size: u64) -> io::Result<String> {
    // Not to be kept waiting by a pipe that took the file's place meanwhile.
    let file = open(
        root,
        path,
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC,
    )?;
    let stat = rustix::fs::fstat(&file)?;
    if kind(&stat) != FileKind::Regular || stat.st_size as u64 != size {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    loop {
        match rustix::io::read(&file, &mut buffer) {
            Ok(0) => break,
            Ok(got) => {
                total += got as u64;
                if total > size {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                hash.update(&buffer[..got]);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// Opens something beneath a folder; no link is followed anywhere on the way.
fn open(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(root, path, flags | OFlags::NOFOLLOW, Mode::empty(), resolve)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::rc::Rc;

    fn shelf(work: &Path) -> Shelf {
        Shelf::new(fs::File::open(work).unwrap().into(), "out")
    }

    fn report(shelf: &Shelf) -> Vec<(String, FileKind, u64, Option<String>)> {
        let recorder = Recorder::new(io::sink());
        let seen = Rc::new(RefCell::new(Vec::new()));
        let keep = seen.clone();
        recorder.observe(move |record| {
            if let Event::File {
                path,
                kind,
                size,
                sha256,
            } = &record.event
            {
                keep.borrow_mut()
                    .push((path.clone(), *kind, *size, sha256.clone()));
            }
        });
        shelf.report(&recorder).unwrap();
        seen.take()
    }

    #[test]
    fn files_are_listed_and_links_are_not_followed() {
        let work = tempfile::tempdir().unwrap();
        let shelf = shelf(work.path());
        let out = work.path().join("out");
        fs::create_dir_all(out.join("sub")).unwrap();
        fs::write(out.join("sub/a"), "abc").unwrap();
        symlink("/etc/passwd", out.join("link")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            out.join("pipe"),
            FileType::Fifo,
            Mode::from_raw_mode(0o644),
            0,
        )
        .unwrap();
        let seen = report(&shelf);
        let kinds: Vec<_> = seen.iter().map(|s| (s.0.as_str(), s.1)).collect();
        assert_eq!(
            kinds,
            [
                ("link", FileKind::Link),
                ("pipe", FileKind::Other),
                ("sub", FileKind::Folder),
                ("sub/a", FileKind::Regular)
            ]
        );
        assert!(seen[0].3.is_none());
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(seen[3].3.as_deref(), Some(abc));
    }

    #[test]
    fn what_is_new_or_changed_beside_the_folder_is_told() {
        let work = tempfile::tempdir().unwrap();
        fs::write(work.path().join("main.py"), "x").unwrap();
        fs::write(work.path().join("other.py"), "x").unwrap();
        let shelf = shelf(work.path());
        fs::create_dir(work.path().join("out")).unwrap();
        fs::write(work.path().join("evil"), "y").unwrap();
        fs::write(work.path().join("main.py"), "changed").unwrap();
        let paths: Vec<_> = report(&shelf).into_iter().map(|s| s.0).collect();
        assert_eq!(paths, ["../evil", "../main.py"]);
    }

    #[test]
    fn a_library_is_named_by_a_whole_word() {
        assert!(names("import aiofiles.os", "aiofiles"));
        assert!(names("require('aiofiles')", "aiofiles"));
        assert!(!names("my_aiofiles = 1", "aiofiles"));
        assert!(!names("aiofiles2", "aiofiles"));
    }

    #[test]
    fn a_link_in_the_folders_place_is_told_as_a_link() {
        let work = tempfile::tempdir().unwrap();
        let shelf = shelf(work.path());
        symlink("/etc", work.path().join("out")).unwrap();
        assert_eq!(
            report(&shelf),
            [("out".to_owned(), FileKind::Link, 4, None)]
        );
    }

    #[test]
    fn no_folder_is_nothing() {
        let work = tempfile::tempdir().unwrap();
        assert_eq!(report(&shelf(work.path())), []);
    }
}
