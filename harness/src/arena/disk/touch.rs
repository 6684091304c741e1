//! Which file a call is for, and what it does to it.
//!
//! Paths are those of the submission. Where a call names a file by a path, that path is read from the
//! caller's memory and joined by its text alone: this tells calls apart, it keeps nothing out (the call
//! goes on as it was made, and the arena's walls hold whatever the path was).

use std::io::IoSliceMut;
use std::os::fd::BorrowedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::readlinkat;

use super::policy::Act;
use crate::arena::notify::Call;
use crate::task::disk::Op;

const PAGE: u64 = 4096;
const LONGEST: usize = libc::PATH_MAX as usize;

/// What a call does, and to which file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touch {
    /// Changes this file or name.
    Change(Act, PathBuf),
    /// Opens this file for reading.
    Read(PathBuf),
}

/// A look into the caller.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// An open `/proc` in which `tid` is a name.
    pub proc: BorrowedFd<'a>,
    pub tid: u32,
}

/// Tells what a call is about; none: nothing that has a name in a file system.
pub fn touch(caller: Caller<'_>, call: &Call) -> Option<Touch> {
    let a = call.arguments;
    let here = libc::AT_FDCWD as u64;
    let change = |act, path: Option<PathBuf>| Some(Touch::Change(act, path?));
    let op = |op, path| change(Act::Op(op), path);
    match call.number {
        libc::SYS_write
        | libc::SYS_pwrite64
        | libc::SYS_writev
        | libc::SYS_pwritev
        | libc::SYS_pwritev2
        | libc::SYS_ftruncate
        | libc::SYS_fallocate
        | libc::SYS_sendfile => op(Op::Write, caller.descriptor(a[0])),
        libc::SYS_copy_file_range | libc::SYS_splice => op(Op::Write, caller.descriptor(a[2])),
        libc::SYS_truncate => op(Op::Write, caller.path(here, a[0])),
        libc::SYS_fsync | libc::SYS_fdatasync | libc::SYS_sync_file_range => {
            op(Op::Fsync, caller.descriptor(a[0]))
        }
        libc::SYS_openat => open(a[2] as i32, caller.path(a[0], a[1])),
        libc::SYS_renameat | libc::SYS_renameat2 | libc::SYS_linkat => {
            op(Op::Rename, caller.path(a[2], a[3]))
        }
        libc::SYS_symlinkat => op(Op::Rename, caller.path(a[1], a[2])),
        libc::SYS_unlinkat => change(Act::Remove, caller.path(a[0], a[1])),
        libc::SYS_mkdirat => change(Act::Make, caller.path(a[0], a[1])),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => open(a[1] as i32, caller.path(here, a[0])),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_creat => op(Op::Open, caller.path(here, a[0])),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rename | libc::SYS_link | libc::SYS_symlink => {
            op(Op::Rename, caller.path(here, a[1]))
        }
        #[cfg(target_arch = "x86_64")]
        libc::SYS_unlink | libc::SYS_rmdir => change(Act::Remove, caller.path(here, a[0])),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_mkdir => change(Act::Make, caller.path(here, a[0])),
        _ => None,
    }
}

fn open(flags: i32, path: Option<PathBuf>) -> Option<Touch> {
    let writing = libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC;
    if flags & writing != 0 {
        Some(Touch::Change(Act::Op(Op::Open), path?))
    } else if flags & (libc::O_DIRECTORY | libc::O_PATH) == 0 {
        Some(Touch::Read(path?))
    } else {
        None
    }
}

impl Caller<'_> {
    /// Whether the calling thread is the main one of its process.
    pub fn is_main(self) -> bool {
        let name = format!("{}/status", self.tid);
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
        let Ok(fd) = rustix::fs::openat(self.proc, name, flags, rustix::fs::Mode::empty()) else {
            return false;
        };
        let text = std::io::read_to_string(std::fs::File::from(fd)).unwrap_or_default();
        let group = text.lines().find_map(|line| line.strip_prefix("Tgid:"));
        group.is_some_and(|id| id.trim().parse() == Ok(self.tid))
    }

    /// The file behind a descriptor; none for sockets, pipes and the like.
    fn descriptor(self, fd: u64) -> Option<PathBuf> {
        self.link(&format!("fd/{}", fd as u32))
    }

    fn link(self, name: &str) -> Option<PathBuf> {
        let link = readlinkat(self.proc, format!("{}/{name}", self.tid), Vec::new()).ok()?;
        let text = link.to_str().ok()?;
        let text = text.strip_suffix(" (deleted)").unwrap_or(text);
        text.starts_with('/').then(|| PathBuf::from(text))
    }

    /// The path at an address of the caller's memory, seen from a folder descriptor.
    fn path(self, folder: u64, address: u64) -> Option<PathBuf> {
        let given = self.text(address)?;
        if given.is_absolute() {
            return Some(tidy(&given));
        }
        let folder = match folder as i32 {
            libc::AT_FDCWD => self.link("cwd")?,
            fd => self.descriptor(fd as u64)?,
        };
        Some(tidy(&folder.join(given)))
    }

    fn text(self, address: u64) -> Option<PathBuf> {
        use std::os::unix::ffi::OsStringExt;
        let mut text = Vec::new();
        let mut at = address;
        while text.len() < LONGEST {
            // Not across the end of a page: the next one may not be there.
            let room = (PAGE - at % PAGE) as usize;
            let mut piece = vec![0; room.min(256)];
            let got = read_memory(self.tid, at, &mut piece)?;
            if let Some(end) = piece[..got].iter().position(|&byte| byte == 0) {
                text.extend_from_slice(&piece[..end]);
                return Some(std::ffi::OsString::from_vec(text).into());
            }
            text.extend_from_slice(&piece[..got]);
            at = at.checked_add(got as u64)?;
        }
        None
    }
}

/// Reads memory of another process; none if it isn't there.
fn read_memory(tid: u32, address: u64, into: &mut [u8]) -> Option<usize> {
    let len = into.len();
    let mut local = [IoSliceMut::new(into)];
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: len,
    };
    // Safety: one local buffer of the length given, which lives throughout; the other side is only read.
    let got = unsafe {
        libc::process_vm_readv(
            tid as libc::pid_t,
            local.as_mut_ptr().cast(),
            1,
            &raw const remote,
            1,
            0,
        )
    };
    usize::try_from(got).ok().filter(|&got| got > 0)
}

/// Undoes `.` and `..` by the text alone.
pub fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                tidy.pop();
            }
            Component::CurDir => {}
            part => tidy.push(part),
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags};
    use std::os::fd::AsFd;

    fn me() -> (std::os::fd::OwnedFd, u32) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let proc = rustix::fs::open("/proc", flags, Mode::empty()).unwrap();
        (proc, std::process::id())
    }

    fn call(number: libc::c_long, arguments: [u64; 6]) -> Call {
        Call {
            id: 0,
            tid: 0,
            number,
            arguments,
        }
    }

    #[test]
    fn paths_in_memory_are_joined_to_their_folder() {
        let (proc, tid) = me();
        let caller = Caller {
            proc: proc.as_fd(),
            tid,
        };
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        let folder = std::fs::File::open(&real).unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&folder) as u64;
        let name = c"sub/../a\xc3\xa9.jpg";
        let flags = (libc::O_CREAT | libc::O_WRONLY) as u64;
        let seen = touch(
            caller,
            &call(libc::SYS_openat, [fd, name.as_ptr() as u64, flags, 0, 0, 0]),
        );
        assert_eq!(
            seen,
            Some(Touch::Change(Act::Op(Op::Open), real.join("aé.jpg")))
        );
        let seen = touch(
            caller,
            &call(
                libc::SYS_openat,
                [fd, c"/etc/./x".as_ptr() as u64, 0, 0, 0, 0],
            ),
        );
        assert_eq!(seen, Some(Touch::Read("/etc/x".into())));
    }

    #[test]
    fn descriptors_are_files_or_nothing() {
        let (proc, tid) = me();
        let caller = Caller {
            proc: proc.as_fd(),
            tid,
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("x");
        let file = std::fs::File::create(&path).unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file) as u64;
        let write = |fd| touch(caller, &call(libc::SYS_write, [fd, 0, 0, 0, 0, 0]));
        assert_eq!(
            write(fd),
            Some(Touch::Change(Act::Op(Op::Write), path.clone()))
        );
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            write(fd),
            Some(Touch::Change(Act::Op(Op::Write), path)),
            "a removed file still has its name"
        );
        let (read, _write) = std::io::pipe().unwrap();
        assert_eq!(write(std::os::fd::AsRawFd::as_raw_fd(&read) as u64), None);
        assert_eq!(write(u64::MAX), None, "no descriptor at all");
    }

    #[test]
    fn a_bad_address_is_no_path() {
        let (proc, tid) = me();
        let caller = Caller {
            proc: proc.as_fd(),
            tid,
        };
        assert_eq!(
            touch(caller, &call(libc::SYS_mkdirat, [0, 8, 0, 0, 0, 0])),
            None
        );
        assert!(caller.is_main() || tid != rustix::thread::gettid().as_raw_nonzero().get() as u32);
    }
}
