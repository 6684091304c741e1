//! What can only be known by trying, tried in a child.

use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::arena::{sys, tree};

/// Runs `steps` in a child and gives its two numbers. The child may make only async-signal-safe calls.
pub(super) fn trial(steps: impl FnOnce() -> (i32, i32)) -> io::Result<(i32, i32)> {
    let (mut from, to) = UnixStream::pair()?;
    let mask = sys::block_signals();
    // Safety: the child keeps to plain calls, and ends by `_exit`.
    let cloned = unsafe { sys::clone(0) };
    if let Ok(None) = cloned {
        let (step, errno) = steps();
        let numbers = [step, errno];
        // Not by `write`, which the trial's own filter may hold. Safety: a buffer with its length.
        unsafe {
            libc::send(
                to.as_raw_fd(),
                numbers.as_ptr().cast(),
                size_of_val(&numbers),
                libc::MSG_NOSIGNAL,
            );
            libc::_exit(0);
        }
    }
    sys::restore_signals(mask);
    let Some((_, child)) = cloned? else {
        return Err(io::ErrorKind::Other.into());
    };
    drop(to);
    let mut bytes = [0u8; 8];
    let read = from.read_exact(&mut bytes);
    tree::wait_end(&child, Duration::from_secs(10))?;
    read?;
    let number =
        |at: usize| i32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Ok((number(0), number(4)))
}

/// The arena's own steps, in small. Gives the number of the step that failed and its errno.
/// Runs in a child: allocates nothing.
pub(super) fn namespaces() -> (i32, i32) {
    // Safety: C strings and plain numbers, in a process of its own.
    unsafe {
        let (uid, gid) = (libc::geteuid(), libc::getegid());
        if uid == 0 {
            // As an arena does: what root may by itself says nothing about its runs' users.
            if sys::become_user_with_namespaces(65_533).is_err() {
                return (1, sys::errno());
            }
            let _ = sys::prctl(libc::PR_SET_DUMPABLE, 1);
        }
        let all = libc::CLONE_NEWUSER
            | libc::CLONE_NEWNS
            | libc::CLONE_NEWNET
            | libc::CLONE_NEWIPC
            | libc::CLONE_NEWUTS
            | libc::CLONE_NEWPID;
        if libc::syscall(libc::SYS_unshare, all) != 0 {
            return (1, sys::errno());
        }
        let _ = sys::write_file(c"/proc/self/setgroups", b"deny");
        let (uid, gid) = if uid == 0 {
            (65_533, 65_533)
        } else {
            (uid, gid)
        };
        for (file, id) in [(c"/proc/self/uid_map", uid), (c"/proc/self/gid_map", gid)] {
            let mut line = *b"1000            1\n";
            digits(id, &mut line[5..15]);
            if sys::write_file(file, &line).is_err() {
                return (2, sys::errno());
            }
        }
        let none = std::ptr::null::<libc::c_char>();
        let private = libc::MS_REC | libc::MS_PRIVATE;
        libc::mount(none, c"/".as_ptr(), none, private, none.cast());
        let place = c"/dev".as_ptr();
        if libc::mount(
            c"tmpfs".as_ptr(),
            place,
            c"tmpfs".as_ptr(),
            libc::MS_NOSUID,
            none.cast(),
        ) != 0
            || libc::chdir(place) != 0
            || libc::mkdir(c"proc".as_ptr(), 0o755) != 0
        {
            return (3, sys::errno());
        }
        let here = libc::open(c".".as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY);
        let here = std::os::fd::BorrowedFd::borrow_raw(here);
        if sys::mount_setattr(here, false, libc::MOUNT_ATTR_NODEV).is_err() {
            return (4, sys::errno());
        }
        // The new process namespace is that of children only, and a /proc belongs to one of it.
        match sys::clone(0) {
            Ok(None) => libc::_exit(if fresh_proc() { 0 } else { sys::errno() }),
            Ok(Some((child, _))) => {
                let mut status = 0;
                libc::waitpid(child, &raw mut status, 0);
                if libc::WEXITSTATUS(status) != 0 {
                    return (5, libc::WEXITSTATUS(status));
                }
            }
            Err(_) => return (5, sys::errno()),
        }
        if libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) != 0 {
            return (6, sys::errno());
        }
    }
    (0, 0)
}

/// Safety: as its only caller's.
unsafe fn fresh_proc() -> bool {
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    let proc = c"proc".as_ptr();
    unsafe { libc::mount(proc, proc, proc, flags, std::ptr::null()) == 0 }
}

/// Writes a number at the end of blanks.
fn digits(mut number: u32, field: &mut [u8]) {
    for place in field.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_at_the_end_of_their_field() {
        let mut field = *b"          ";
        digits(65_533, &mut field);
        assert_eq!(&field, b"     65533");
        let mut field = *b"          ";
        digits(u32::MAX, &mut field);
        assert_eq!(&field, b"4294967295");
    }
}
