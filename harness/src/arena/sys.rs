//! Kernel calls that neither std nor rustix has, or that must be made between fork and exec, where
//! nothing may allocate, lock or unwind.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Turns a raw result into a value or the errno behind it.
pub(super) fn check(ret: libc::c_long) -> io::Result<libc::c_long> {
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(ret) }
}

/// A clone without shared memory, by `clone3`: returns twice, as fork does.
/// `Ok(None)` in the child, `Ok(Some((pid, pidfd)))` in the parent.
///
/// # Safety
/// The child may only make async-signal-safe calls and must end by `_exit` or `execve`.
pub(super) unsafe fn clone(flags: u64) -> io::Result<Option<(libc::pid_t, OwnedFd)>> {
    let mut pidfd: libc::c_int = -1;
    let args = libc::clone_args {
        flags: flags | libc::CLONE_PIDFD as u64,
        pidfd: (&raw mut pidfd) as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: libc::SIGCHLD as u64,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: 0,
    };
    // Safety: `args` is valid for the call and the kernel writes only `pidfd`.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<libc::clone_args>()) };
    match check(pid)? {
        0 => Ok(None),
        // Safety: the kernel has just made this descriptor for us.
        pid => Ok(Some((pid as libc::pid_t, unsafe { OwnedFd::from_raw_fd(pidfd) }))),
    }
}

/// Sets attributes on a mount and, if `recursive`, on all beneath it, and cuts it off from what is mounted
/// or unmounted where it came from (Linux 5.12).
pub(super) fn mount_setattr(mount: BorrowedFd, recursive: bool, set: u64) -> io::Result<()> {
    let attr = libc::mount_attr { attr_set: set, attr_clr: 0, propagation: libc::MS_PRIVATE, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // Safety: the path is a C string and `attr` is valid for the call.
    let ret = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        )
    };
    check(ret).map(drop)
}

/// Ends this process when its parent's thread ends. Must be set anew after each change of user.
pub(super) fn die_with_parent() -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64)
}

/// `prctl` with one argument.
pub(super) fn prctl(option: libc::c_int, arg: u64) -> io::Result<()> {
    // Safety: the options used here take plain numbers.
    check(unsafe { libc::prctl(option, arg, 0u64, 0u64, 0u64) }.into()).map(drop)
}

/// Takes a user id and group id for good, without supplementary groups.
/// Raw calls: the C library would address threads that a forked child doesn't have.
pub(super) fn become_user(id: u32) -> io::Result<()> {
    // Safety: plain numbers, and an empty list.
    unsafe {
        check(libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>()))?;
        check(libc::syscall(libc::SYS_setresgid, id, id, id))?;
        check(libc::syscall(libc::SYS_setresuid, id, id, id))?;
    }
    Ok(())
}

/// As [`become_user`], but still able to make namespaces: hosts that forbid those to ordinary users
/// (AppArmor's and Debian's switches) leave them to holders of this one capability. Moving into a new
/// user namespace takes it away for good.
pub(super) fn become_user_with_namespaces(id: u32) -> io::Result<()> {
    /// `CAP_SYS_ADMIN`.
    const ADMINISTRATION: u32 = 1 << 21;
    prctl(libc::PR_SET_KEEPCAPS, 1)?;
    become_user(id)?;
    // A container may have kept it from us: then we are as an ordinary user.
    let _ = set_capabilities(ADMINISTRATION);
    prctl(libc::PR_SET_KEEPCAPS, 0)
}

/// Sets the effective and the permitted capabilities to those of `low`, and clears the inheritable.
pub(super) fn set_capabilities(low: u32) -> io::Result<()> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    /// `_LINUX_CAPABILITY_VERSION_3`: two times effective, permitted, inheritable, of 32 bits each.
    const VERSION: u32 = 0x2008_0522;
    let header = Header { version: VERSION, pid: 0 };
    let sets = [low, low, 0, 0, 0, 0];
    // Safety: structures as the kernel defines them.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()) }).map(drop)
}

/// Writes all of `text` to an existing file without allocating; a short write is an error.
pub(super) fn write_file(path: &CStr, text: &[u8]) -> io::Result<()> {
    // Safety: a C string, and a buffer with its length.
    unsafe {
        let fd = check(libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC).into())? as RawFd;
        let ret = check(libc::write(fd, text.as_ptr().cast(), text.len()) as libc::c_long);
        libc::close(fd);
        match ret? as usize == text.len() {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(libc::EIO)),
        }
    }
}

/// Closes every descriptor from `first` to `last`, both included.
pub(super) fn close_range(first: RawFd, last: RawFd) {
    if first <= last {
        // Safety: the caller owns this process's descriptors (a child that is about to exec or serve).
        unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}

/// All signals to their default, and all of them blocked.
pub(super) fn reset_signals() {
    // Handler, flags, restorer and mask as the kernel takes them; all zero is the default. The C library
    // would refuse the signals that it keeps for itself, but those can be inherited as ignored too.
    let default = [0u64; 4];
    // Safety: the buffers have the kernel's sizes; what the kernel refuses (KILL, STOP) needs no change.
    unsafe {
        for signal in 1..=64 {
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), 0usize, 8usize);
        }
    }
    block_signals();
}

/// Blocks all signals for the calling thread; the mask before is given back to [`restore_signals`].
pub(super) fn block_signals() -> u64 {
    let (all, mut old) = (!0u64, 0u64);
    // Safety: both masks have the kernel's size, 8 bytes.
    unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const all, &raw mut old, 8usize)
    };
    old
}

/// Puts a signal mask back.
pub(super) fn restore_signals(old: u64) {
    // Safety: the mask has the kernel's size, 8 bytes.
    unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const old, 0usize, 8usize);
    }
}

/// The errno of the last failed call of this thread.
pub(super) fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}
