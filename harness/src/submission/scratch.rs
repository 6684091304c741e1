//! The harness's own folder for the runs of one grading, and the end of those that a killed harness
//! left behind.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::clean::remove;

/// Beginning of the folders' names.
const PREFIX: &str = "gradus-";
/// The file whose lock says that its folder is in use.
const LOCK: &str = "lock";

/// A folder of this process alone, removed when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _lock: File,
    kept: bool,
}

impl Scratch {
    /// Makes one in the host's temporary folder (`TMPDIR`). Others may pass through it, but see nothing
    /// of it: a run's own user has to get to its folder.
    ///
    /// # Errors
    /// When no folder can be made there.
    pub fn new() -> io::Result<Scratch> {
        Scratch::within(&std::env::temp_dir())
    }

    fn within(parent: &Path) -> io::Result<Scratch> {
        let path = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(parent)?
            .keep();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o711))?;
        // Locked before it has its name, so that nobody can take it for an abandoned one.
        let fresh = path.join("lock.new");
        let lock = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        fs::rename(&fresh, path.join(LOCK))?;
        Ok(Scratch {
            path,
            _lock: lock,
            kept: false,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder for the user to look at, and to remove. No sweep takes it.
    pub fn keep(mut self) -> PathBuf {
        self.kept = true;
        let _ = fs::remove_file(self.path.join(LOCK));
        self.path.clone()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.kept {
            // A folder that stays is taken by the next sweep.
            let _ = remove(&self.path);
        }
    }
}

/// Removes the folders of harness processes that are no more from the host's temporary folder.
/// Gives their number.
pub fn sweep() -> usize {
    sweep_in(&std::env::temp_dir())
}

fn sweep_in(parent: &Path) -> usize {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    ours.filter(|entry| is_abandoned(&entry.path()) && remove(&entry.path()).is_ok())
        .count()
}

/// Ours, with a lock file that nobody holds.
fn is_abandoned(folder: &Path) -> bool {
    let me = rustix::process::geteuid().as_raw();
    let is_ours = fs::symlink_metadata(folder).is_ok_and(|meta| meta.is_dir() && meta.uid() == me);
    if !is_ours {
        return false;
    }
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let lock = fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(folder.join(LOCK));
    lock.is_ok_and(|lock| {
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_abandoned_folders_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let used = Scratch::within(dir.path()).unwrap();
        let abandoned = Scratch::within(dir.path()).unwrap();
        let abandoned_path = abandoned.path().to_owned();
        // As after a kill: the folder stays, the lock is gone with its process.
        rustix::fs::flock(&abandoned._lock, FlockOperation::Unlock).unwrap();
        std::mem::forget(abandoned);
        let foreign = dir.path().join("gradus-notes");
        fs::create_dir(&foreign).unwrap();
        assert_eq!(sweep_in(dir.path()), 1);
        assert!(!abandoned_path.exists() && used.path().exists() && foreign.exists());
    }

    #[test]
    fn a_dropped_one_is_gone_and_a_kept_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = Scratch::within(dir.path()).unwrap().path().to_owned();
        assert!(!path.exists());
        let kept = Scratch::within(dir.path()).unwrap().keep();
        assert_eq!(sweep_in(dir.path()), 0);
        assert!(kept.exists());
    }
}
