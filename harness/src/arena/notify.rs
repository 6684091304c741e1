//! Operations on the descriptor by which held calls are heard of (`seccomp_unotify(2)`).
//!
//! Any number of calls may be outstanding and they may be answered in any order. Poll the descriptor
//! before each [`receive`]: receiving blocks, whatever the descriptor's flags. A hang-up on it means
//! that the last process with the filter is gone.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::sys;

/// A call that waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The kernel's number of this notification.
    pub id: u64,
    /// The thread that waits, as this process sees it.
    pub tid: u32,
    /// Number of the call.
    pub number: i64,
    pub arguments: [u64; 6],
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It goes on as if nothing had been.
    Continue,
    /// It fails with this error number.
    Fail(i32),
    /// It returns this without being made.
    Return(i64),
}

/// A call is there to be received.
pub fn is_pending(listener: BorrowedFd) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut one = [PollFd::new(&listener, PollFlags::IN)];
    poll(&mut one, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    Ok(one[0].revents().contains(PollFlags::IN))
}

/// Receives one call. `Ok(None)` when a signal has withdrawn it meanwhile.
pub fn receive(listener: BorrowedFd) -> io::Result<Option<Call>> {
    // Safety: the kernel demands zeroes and fills the structure.
    let mut notif: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    match ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut notif) {
        Ok(()) => Ok(Some(Call {
            id: notif.id,
            tid: notif.pid,
            number: notif.data.nr.into(),
            arguments: notif.data.args,
        })),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Answers a call. False when the caller is gone.
pub fn answer(listener: BorrowedFd, id: u64, answer: Answer) -> io::Result<bool> {
    let (val, error, flags) = match answer {
        Answer::Continue => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
        Answer::Fail(errno) => (0, -errno, 0),
        Answer::Return(value) => (value, 0, 0),
    };
    let mut response = libc::seccomp_notif_resp { id, val, error, flags };
    gone(ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response))
}

/// The call still waits: what was read of its thread meanwhile belongs to it.
pub fn is_valid(listener: BorrowedFd, mut id: u64) -> io::Result<bool> {
    gone(ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw mut id))
}

/// Gives the caller a descriptor of ours as the result of its call (an open), as number `at` if
/// given, close-on-exec if `cloexec`. False when the caller is gone. Linux 5.14.
pub fn give(listener: BorrowedFd, id: u64, fd: BorrowedFd, at: Option<u32>, cloexec: bool) -> io::Result<bool> {
    const SEND: u32 = 1 << 1;
    let set = if at.is_some() { libc::SECCOMP_ADDFD_FLAG_SETFD as u32 } else { 0 };
    let mut request = libc::seccomp_notif_addfd {
        id,
        flags: SEND | set,
        srcfd: fd.as_raw_fd() as u32,
        newfd: at.unwrap_or(0),
        newfd_flags: if cloexec { libc::O_CLOEXEC as u32 } else { 0 },
    };
    gone(ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw mut request))
}

fn gone(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

fn ioctl<T>(fd: BorrowedFd, request: libc::Ioctl, argument: *mut T) -> io::Result<()> {
    // Safety: each caller passes the structure that belongs to its request.
    sys::check(unsafe { libc::ioctl(fd.as_raw_fd(), request, argument) }.into()).map(drop)
}
