//! Removes what a run left behind, whatever it made of it: closed folders, folders within folders
//! without end, links to places outside. Follows no link.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// Open folders at a time; what lies deeper is first moved up to the top.
const DEPTH: u32 = 64;

/// Removes a folder with all that is in it. A folder that isn't there is no error.
///
/// # Errors
/// When something can't be removed; the rest may be gone.
pub fn remove(folder: &Path) -> io::Result<()> {
    let top = match open(CWD, folder) {
        Err(Errno::NOENT) => return Ok(()),
        top => top?,
    };
    let mut remover = Remover {
        top: top.as_fd(),
        moved: 0,
    };
    // What was moved up while one round went on is there for the next.
    while remover.empty(top.as_fd(), 0)? {}
    match rustix::fs::unlinkat(CWD, folder, AtFlags::REMOVEDIR) {
        Err(Errno::NOENT) => Ok(()),
        done => Ok(done?),
    }
}

struct Remover<'a> {
    top: BorrowedFd<'a>,
    moved: u64,
}

impl Remover<'_> {
    /// Empties a folder. True if something was moved to the top.
    fn empty(&mut self, folder: BorrowedFd, depth: u32) -> io::Result<bool> {
        // Ours to change, or another's: then what follows tells.
        let _ = rustix::fs::fchmod(folder, Mode::RWXU);
        let mut moved = false;
        for name in names(folder)? {
            match rustix::fs::unlinkat(folder, &*name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => continue,
                Err(Errno::ISDIR | Errno::PERM) if is_folder(folder, &name) => {}
                Err(error) => return Err(error.into()),
            }
            let inner = open(folder, &*name)?;
            if depth >= DEPTH {
                // Moving a folder writes its `..`.
                let _ = rustix::fs::fchmod(&inner, Mode::RWXU);
                self.lift(folder, &name)?;
                moved = true;
                continue;
            }
            moved |= self.empty(inner.as_fd(), depth + 1)?;
            rustix::fs::unlinkat(folder, &*name, AtFlags::REMOVEDIR)?;
        }
        Ok(moved)
    }

    fn lift(&mut self, folder: BorrowedFd, name: &CStr) -> io::Result<()> {
        loop {
            self.moved += 1;
            let place = format!("gradus-deep-{}", self.moved);
            let flags = rustix::fs::RenameFlags::NOREPLACE;
            match rustix::fs::renameat_with(folder, name, self.top, place, flags) {
                Err(Errno::EXIST) => continue,
                done => return Ok(done?),
            }
        }
    }
}

fn names(folder: BorrowedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        if entry.file_name() != c"." && entry.file_name() != c".." {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

fn is_folder(at: BorrowedFd, name: &CStr) -> bool {
    let stat = rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW);
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// Opens a folder, even one that was closed to us, if it is ours.
fn open<P: rustix::path::Arg + Copy>(at: impl AsFd + Copy, name: P) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(at, name, flags | OFlags::RDONLY, Mode::empty()) {
        Err(Errno::ACCESS) => {
            // By a descriptor that only names it, as changing a mode by name could follow a link.
            let named = rustix::fs::openat(at, name, flags | OFlags::PATH, Mode::empty())?;
            rustix::fs::chmod(format!("/proc/self/fd/{}", named.as_raw_fd()), Mode::RWXU)?;
            rustix::fs::openat(at, name, flags | OFlags::RDONLY, Mode::empty())
        }
        folder => folder,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn closed_folders_and_links_go_and_what_links_lead_to_stays() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "").unwrap();
        let top = dir.path().join("top");
        fs::create_dir_all(top.join("a/b")).unwrap();
        fs::write(top.join("a/b/file"), "").unwrap();
        symlink(&outside, top.join("a/link")).unwrap();
        for name in ["a/b", "a", ""] {
            fs::set_permissions(top.join(name), fs::Permissions::from_mode(0o0)).unwrap();
        }
        remove(&top).unwrap();
        assert!(!top.exists());
        assert!(outside.join("kept").exists());
        remove(&top).unwrap();
    }

    #[test]
    fn a_very_deep_folder_goes() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("top");
        fs::create_dir(&top).unwrap();
        let mut at = open(CWD, top.as_path()).unwrap();
        for _ in 0..1500 {
            rustix::fs::mkdirat(&at, c"d", Mode::RWXU).unwrap();
            at = open(at.as_fd(), c"d").unwrap();
        }
        remove(&top).unwrap();
        assert!(!top.exists());
    }

    #[test]
    fn a_link_in_place_of_the_folder_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("kept"), "").unwrap();
        let link = dir.path().join("link");
        symlink(dir.path(), &link).unwrap();
        assert!(remove(&link).is_err());
        assert!(dir.path().join("kept").exists());
    }
}
