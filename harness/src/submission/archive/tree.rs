//! Writing below one folder and nowhere else. Names were looked at before; here the kernel is asked to
//! hold to it as well.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

pub(super) struct Tree {
    top: OwnedFd,
}

impl Tree {
    /// Makes the folder, which must not be there yet.
    pub fn new(path: &Path) -> io::Result<Tree> {
        std::fs::create_dir(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Tree {
            top: rustix::fs::openat(CWD, path, flags, Mode::empty())?,
        })
    }

    /// Makes a folder and those above it, as far as they aren't there.
    pub fn folder(&self, path: &Path) -> io::Result<()> {
        let mut at = None;
        for part in path {
            let above = at.as_ref().unwrap_or(&self.top);
            match rustix::fs::mkdirat(above, part, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            at = Some(rustix::fs::openat(above, part, flags, Mode::empty())?);
        }
        Ok(())
    }

    /// Makes a new file, and the folders above it.
    pub fn file(&self, path: &Path) -> io::Result<File> {
        if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
            self.folder(above)?;
        }
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let opened = match rustix::fs::openat2(&self.top, path, flags, mode, beneath) {
            // Some sandboxes and old kernels don't have it; the names are clean already.
            Err(Errno::NOSYS | Errno::PERM) => rustix::fs::openat(&self.top, path, flags, mode),
            opened => opened,
        };
        Ok(File::from(opened?))
    }
}

/// Gives a file its final mode.
pub(super) fn finish(file: &File, executable: bool) -> io::Result<()> {
    let mode = if executable { 0o755 } else { 0o644 };
    Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?)
}
