//! A fresh private copy of a submission's folder. Follows no link and opens no special file; bounded in
//! bytes, entries and depth.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};

use crate::arena::user::User;

/// What is copied, at most.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Bytes in all.
    pub bytes: u64,
    /// Files, folders and links in all.
    pub entries: u64,
    /// Folders within folders.
    pub depth: u32,
    /// Folders that are left out wherever they lie: results, task packs.
    pub hidden: Vec<PathBuf>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            bytes: 1 << 30,
            entries: 100_000,
            depth: 64,
            hidden: Vec::new(),
        }
    }
}

/// What was copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    pub bytes: u64,
    pub entries: u64,
    /// What was left out and why, for the report; the first hundred.
    pub notes: Vec<String>,
}

/// Why a folder can't be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("{}: can't be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: can't be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the submission has more than {limit} bytes (reached at {}); remove what isn't needed to run it, or name a smaller folder", path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("the submission has more than {limit} files and folders (reached at {}); remove what isn't needed to run it, or name a smaller folder", path.display())]
    TooMany { path: PathBuf, limit: u64 },
    #[error("the submission's folders are more than {limit} deep (reached at {})", path.display())]
    TooDeep { path: PathBuf, limit: u32 },
}

impl CopyError {
    /// The submission can be blamed, not the place that it is copied to.
    pub fn is_submission(&self) -> bool {
        !matches!(self, CopyError::Write { .. })
    }
}

/// Version control is of no use to a run, and often the largest part of a folder.
pub(super) const LEFT_OUT: &[&CStr] = &[c".git", c".hg", c".svn"];
const MOST_NOTES: usize = 100;

/// Copies `from` (nothing, if it is none) to `to`, which is made along with the folders above it and
/// must not be there yet. All of the copy belongs to `owner` where one is given. Modes are kept, but for
/// set-id bits; the owner may always enter and list folders.
///
/// # Errors
/// See [`CopyError`]. What was copied so far is left for the caller to remove.
pub fn stage(
    from: Option<&Path>,
    to: &Path,
    owner: Option<User>,
    rules: &Rules,
) -> Result<Copied, CopyError> {
    let write = |source: io::Error| CopyError::Write {
        path: to.to_owned(),
        source,
    };
    if let Some(above) = to.parent() {
        std::fs::create_dir_all(above).map_err(write)?;
    }
    std::fs::create_dir(to).map_err(write)?;
    let target = open_folder(CWD, to).map_err(write)?;
    let hidden = rules
        .hidden
        .iter()
        .filter_map(|path| std::fs::metadata(path).ok());
    let hidden = hidden.map(|meta| (meta.dev(), meta.ino())).collect();
    let mut copier = Copier {
        rules,
        owner,
        hidden,
        done: Copied::default(),
    };
    if let Some(from) = from {
        let read = |source: io::Error| CopyError::Read {
            path: from.to_owned(),
            source,
        };
        // The folder itself may be named through a link; nothing below it is.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let source = rustix::fs::open(from, flags, Mode::empty()).map_err(|e| read(e.into()))?;
        copier.folder(source.as_fd(), target.as_fd(), Path::new(""), 0)?;
    }
    copier
        .finish_folder(&target, Mode::from_raw_mode(0o755))
        .map_err(write)?;
    Ok(copier.done)
}

struct Copier<'a> {
    rules: &'a Rules,
    owner: Option<User>,
    hidden: Vec<(u64, u64)>,
    done: Copied,
}

impl Copier<'_> {
    /// Copies what is in one folder. `path` is for messages, relative to the top.
    fn folder(
        &mut self,
        from: BorrowedFd,
        to: BorrowedFd,
        path: &Path,
        depth: u32,
    ) -> Result<(), CopyError> {
        if depth > self.rules.depth {
            return Err(CopyError::TooDeep {
                path: path.to_owned(),
                limit: self.rules.depth,
            });
        }
        let read = |source: rustix::io::Errno| CopyError::Read {
            path: shown(path),
            source: source.into(),
        };
        for entry in Dir::read_from(from).map_err(read)? {
            let entry = entry.map_err(read)?;
            let name = entry.file_name();
            if name == c"." || name == c".." || LEFT_OUT.contains(&name) {
                continue;
            }
            let inner = path.join(name.to_string_lossy().as_ref());
            self.done.entries += 1;
            if self.done.entries > self.rules.entries {
                return Err(CopyError::TooMany {
                    path: inner,
                    limit: self.rules.entries,
                });
            }
            self.entry(from, to, name, &inner, depth)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        from: BorrowedFd,
        to: BorrowedFd,
        name: &CStr,
        path: &Path,
        depth: u32,
    ) -> Result<(), CopyError> {
        let read = |source: io::Error| CopyError::Read {
            path: path.to_owned(),
            source,
        };
        let write = |source: io::Error| CopyError::Write {
            path: path.to_owned(),
            source,
        };
        let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| read(e.into()))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory if self.hidden.contains(&(stat.st_dev, stat.st_ino)) => {
                self.note(format!("{}: left out", path.display()));
            }
            FileType::Directory => {
                let source = open_folder(from, name).map_err(read)?;
                rustix::fs::mkdirat(to, name, Mode::RWXU).map_err(|e| write(e.into()))?;
                let target = open_folder(to, name).map_err(write)?;
                self.folder(source.as_fd(), target.as_fd(), path, depth + 1)?;
                self.finish_folder(&target, mode(&stat)).map_err(write)?;
            }
            FileType::RegularFile => self.file(from, to, name, path)?,
            FileType::Symlink => {
                let target =
                    rustix::fs::readlinkat(from, name, Vec::new()).map_err(|e| read(e.into()))?;
                let inside = target
                    .to_str()
                    .is_ok_and(|target| stays_inside(path, Path::new(target)));
                if !inside {
                    self.note(format!(
                        "{}: a link that leads out of the folder was left out",
                        path.display()
                    ));
                    return Ok(());
                }
                rustix::fs::symlinkat(target, to, name).map_err(|e| write(e.into()))?;
                self.own_link(to, name).map_err(write)?;
            }
            _ => self.note(format!("{}: a special file was left out", path.display())),
        }
        Ok(())
    }

    fn file(
        &mut self,
        from: BorrowedFd,
        to: BorrowedFd,
        name: &CStr,
        path: &Path,
    ) -> Result<(), CopyError> {
        let read = |source: io::Error| CopyError::Read {
            path: path.to_owned(),
            source,
        };
        let write = |source: io::Error| CopyError::Write {
            path: path.to_owned(),
            source,
        };
        // It was a regular file a moment ago; should it have become a pipe, opening must not wait.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let source =
            rustix::fs::openat(from, name, flags, Mode::empty()).map_err(|e| read(e.into()))?;
        let stat = rustix::fs::fstat(&source).map_err(|e| read(e.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(read(io::Error::other("changed while it was copied")));
        }
        let left = self.rules.bytes - self.done.bytes;
        let too_large = || CopyError::TooLarge {
            path: path.to_owned(),
            limit: self.rules.bytes,
        };
        if stat.st_size as u64 > left {
            return Err(too_large());
        }
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = Mode::RUSR | Mode::WUSR;
        let target = rustix::fs::openat(to, name, flags, made).map_err(|e| write(e.into()))?;
        let mut target = File::from(target);
        let copied =
            io::copy(&mut File::from(source).take(left + 1), &mut target).map_err(write)?;
        if copied > left {
            return Err(too_large());
        }
        self.done.bytes += copied;
        self.own(target.as_fd()).map_err(write)?;
        rustix::fs::fchmod(&target, mode(&stat)).map_err(|e| write(e.into()))
    }

    /// Only now, so that no mode keeps us from filling the folder.
    fn finish_folder(&self, folder: &OwnedFd, mode: Mode) -> io::Result<()> {
        self.own(folder.as_fd())?;
        Ok(rustix::fs::fchmod(folder, mode | Mode::RWXU)?)
    }

    fn own(&self, fd: BorrowedFd) -> io::Result<()> {
        let Some(User { id }) = self.owner else {
            return Ok(());
        };
        std::os::unix::fs::fchown(fd, Some(id), Some(id))
    }

    fn own_link(&self, folder: BorrowedFd, name: &CStr) -> io::Result<()> {
        let Some(User { id }) = self.owner else {
            return Ok(());
        };
        let (user, group) = (rustix::fs::Uid::from_raw(id), rustix::fs::Gid::from_raw(id));
        Ok(rustix::fs::chownat(
            folder,
            name,
            Some(user),
            Some(group),
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }

    fn note(&mut self, note: String) {
        if self.done.notes.len() < MOST_NOTES {
            self.done.notes.push(note);
        }
    }
}

/// A relative link whose text never climbs above the top, read from where it lies.
pub(super) fn stays_inside(link: &Path, target: &Path) -> bool {
    let mut depth = link.components().count() as i64 - 1;
    target.components().all(|component| {
        depth += match component {
            Component::Normal(_) => 1,
            Component::ParentDir => -1,
            Component::CurDir => 0,
            Component::RootDir | Component::Prefix(_) => return false,
        };
        depth >= 0
    })
}

fn open_folder<P: rustix::path::Arg>(at: impl AsFd, name: P) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(at, name, flags, Mode::empty())?)
}

fn mode(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.st_mode & 0o777)
}

/// The top has no name of its own.
fn shown(path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() {
        ".".into()
    } else {
        path.to_owned()
    }
}

#[cfg(test)]
#[path = "copy_tests.rs"]
mod tests;
