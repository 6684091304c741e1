//! What a submission is, in one number: its files with their names, contents and whether they may be
//! executed. Version control, links that lead out and special files don't count, as no run sees them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::copy::{CopyError, LEFT_OUT, Rules, stays_inside};

/// Digest (SHA-256, in hex) of a folder, within the bounds for copies. A folder and a copy of it by
/// [`stage`](super::stage) with the same rules have the same one.
///
/// # Errors
/// As for copies: it can't be read, or is too large.
pub fn digest(folder: &Path, rules: &Rules) -> Result<String, CopyError> {
    let hidden = rules
        .hidden
        .iter()
        .filter_map(|path| fs::metadata(path).ok());
    let mut walk = Walk {
        rules,
        hidden: hidden.map(|meta| (meta.dev(), meta.ino())).collect(),
        hash: Sha256::new(),
        entries: 0,
        bytes: 0,
    };
    walk.folder(folder, Path::new(""), 0)?;
    Ok(hex(&walk.hash.finalize()))
}

/// Digest (SHA-256, in hex) of one file's bytes.
///
/// # Errors
/// If it can't be read.
pub fn digest_file(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    each_block(&mut open(path)?, |block| hash.update(block))?;
    Ok(hex(&hash.finalize()))
}

struct Walk<'r> {
    rules: &'r Rules,
    hidden: Vec<(u64, u64)>,
    hash: Sha256,
    entries: u64,
    bytes: u64,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, path: &Path, depth: u32) -> Result<(), CopyError> {
        let (depth_limit, entries_limit) = (self.rules.depth, self.rules.entries);
        if depth > depth_limit {
            return Err(CopyError::TooDeep {
                path: path.to_owned(),
                limit: depth_limit,
            });
        }
        let read = |source| CopyError::Read {
            path: folder.to_owned(),
            source,
        };
        let entries = fs::read_dir(folder).map_err(read)?;
        let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
        let mut names = names.collect::<io::Result<Vec<_>>>().map_err(read)?;
        names.retain(|name| !LEFT_OUT.iter().any(|out| out.to_bytes() == name.as_bytes()));
        names.sort();
        for name in names {
            self.entries += 1;
            if self.entries > entries_limit {
                return Err(CopyError::TooMany {
                    path: path.join(name),
                    limit: entries_limit,
                });
            }
            self.entry(&folder.join(&name), &path.join(&name), depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, real: &Path, path: &Path, depth: u32) -> Result<(), CopyError> {
        let read = |source| CopyError::Read {
            path: path.to_owned(),
            source,
        };
        let meta = fs::symlink_metadata(real).map_err(read)?;
        let kind = meta.file_type();
        if kind.is_dir() {
            if self.hidden.contains(&(meta.dev(), meta.ino())) {
                return Ok(());
            }
            self.put(b'd', path.as_os_str().as_bytes());
            self.folder(real, path, depth + 1)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(real).map_err(read)?;
            if target.to_str().is_some() && stays_inside(path, &target) {
                self.put(b'l', path.as_os_str().as_bytes());
                self.put(b't', target.as_os_str().as_bytes());
            }
        } else if kind.is_file() {
            let executable = meta.permissions().mode() & 0o111 != 0;
            self.put(
                if executable { b'x' } else { b'f' },
                path.as_os_str().as_bytes(),
            );
            let limit = self.rules.bytes;
            let mut content = Sha256::new();
            let mut length = 0u64;
            let mut file = open(real).map_err(read)?.take(limit - self.bytes + 1);
            each_block(&mut file, |block| {
                length += block.len() as u64;
                content.update(block);
            })
            .map_err(read)?;
            self.bytes += length;
            if self.bytes > limit {
                return Err(CopyError::TooLarge {
                    path: path.to_owned(),
                    limit,
                });
            }
            // Of fixed length, so that no content can be taken for the names behind it.
            self.hash.update(content.finalize());
        }
        Ok(())
    }

    fn put(&mut self, kind: u8, bytes: &[u8]) {
        self.hash.update([kind]);
        self.hash.update((bytes.len() as u64).to_be_bytes());
        self.hash.update(bytes);
    }
}

/// A regular file, never a link's target, and no waiting for a pipe's writer.
fn open(path: &Path) -> io::Result<File> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        let path: PathBuf = path.to_owned();
        Err(io::Error::other(format!(
            "{} is not a regular file",
            path.display()
        )))
    }
}

fn each_block(file: &mut impl Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => take(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::submission::stage;

    fn of(folder: &Path) -> String {
        digest(folder, &Rules::default()).expect("digest")
    }

    #[test]
    fn a_copy_has_the_same_digest() {
        let dir = tempfile::tempdir().expect("dir");
        let from = dir.path().join("from");
        fs::create_dir_all(from.join("a/b")).expect("folder");
        fs::create_dir_all(from.join(".git")).expect("folder");
        fs::write(from.join(".git/x"), "x").expect("file");
        fs::write(from.join("a/b/c"), "content").expect("file");
        fs::write(from.join("run"), "x").expect("file");
        fs::set_permissions(from.join("run"), fs::Permissions::from_mode(0o700)).expect("mode");
        symlink("a/b/c", from.join("inside")).expect("link");
        symlink("/etc/passwd", from.join("outside")).expect("link");
        let to = dir.path().join("to");
        stage(Some(&from), &to, None, &Rules::default()).expect("copied");
        assert_eq!(of(&from), of(&to));
    }

    #[test]
    fn whatever_a_run_could_see_changes_it() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("s");
        fs::create_dir(&path).expect("folder");
        fs::write(path.join("a"), "12").expect("file");
        fs::write(path.join("b"), "3").expect("file");
        let mut seen = std::collections::BTreeSet::from([of(&path)]);
        let mut fresh = |what: &str| assert!(seen.insert(of(&path)), "{what}");
        // The same bytes, cut elsewhere.
        fs::write(path.join("a"), "1").expect("file");
        fs::write(path.join("b"), "23").expect("file");
        fresh("contents");
        fs::set_permissions(path.join("a"), fs::Permissions::from_mode(0o755)).expect("mode");
        fresh("a mode");
        fs::rename(path.join("b"), path.join("c")).expect("renamed");
        fresh("a name");
        fs::create_dir(path.join("d")).expect("folder");
        fresh("an empty folder");
        symlink("a", path.join("l")).expect("link");
        fresh("a link");
    }

    #[test]
    fn what_is_too_large_is_no_digest() {
        let dir = tempfile::tempdir().expect("dir");
        fs::write(dir.path().join("a"), "123").expect("file");
        let rules = |bytes, entries| Rules {
            bytes,
            entries,
            ..Rules::default()
        };
        assert!(matches!(
            digest(dir.path(), &rules(2, 9)),
            Err(CopyError::TooLarge { .. })
        ));
        assert!(matches!(
            digest(dir.path(), &rules(9, 0)),
            Err(CopyError::TooMany { .. })
        ));
        assert!(digest(dir.path(), &rules(3, 1)).is_ok());
    }
}
