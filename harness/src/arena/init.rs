//! The first process of an arena: it finishes the root, starts the program, reaps what is orphaned,
//! tells how the program ended, and takes everything with it when it ends.
//!
//! Runs between fork and exec, or rather without ever reaching an exec: nothing here may allocate.

use std::ffi::CStr;
use std::io;
use std::os::fd::{IntoRawFd, RawFd};

use super::program::{self, Start};
use super::status::{Kind, Stage, Wire};
use super::{sys, wall};

/// Life of init. `start` and all it points to was made before the fork.
pub(super) fn run(start: &Start) -> ! {
    sys::reset_signals();
    let _ = sys::prctl(libc::PR_SET_NAME, c"init".as_ptr() as u64);
    for (from, to) in start.words {
        // The harness's paths are no business of the program, which could read our command line.
        // Safety: this process's own copy of the words it was started with, which nobody reads any more.
        unsafe { std::ptr::write_bytes(from as *mut u8, 0, to - from) };
    }
    for &group in &start.groups {
        // "0" is whoever writes. Safety: a constant buffer.
        if unsafe { libc::write(group, c"0".as_ptr().cast(), 1) } != 1 {
            program::fail(start.boot, Stage::Control, sys::errno());
        }
    }
    if start.sealed {
        let _ = sys::die_with_parent();
        if let Err(error) = mount_proc() {
            program::fail(start.boot, Stage::Proc, raw(&error));
        }
        if let Err(error) = enter_root() {
            program::fail(start.boot, Stage::Root, raw(&error));
        }
        if let Some(ruleset) = start.wall {
            wall::allow_proc(ruleset);
        }
    } else {
        let _ = sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        // Safety: plain numbers. A group of its own keeps the terminal's Ctrl-C away.
        unsafe { libc::setpgid(0, 0) };
    }
    // Safety: the child goes on to `program::run`, which keeps to async-signal-safe calls.
    match unsafe { sys::clone(0) } {
        Ok(None) => program::run(start),
        Ok(Some((pid, pidfd))) => {
            // A failure means that the arena is gone, which the serving notices.
            let _ = program::hand_over(start.boot, Kind::Program, pidfd.into_raw_fd());
            serve(pid, start)
        }
        Err(error) => program::fail(start.boot, Stage::Fork, raw(&error)),
    }
}

/// The fresh /proc has to be mounted while the host's is still in sight: the kernel demands that an
/// unprivileged namespace sees no more by a new one than by the one it had.
fn mount_proc() -> io::Result<()> {
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    // Safety: C strings.
    let ret = unsafe {
        libc::mount(
            c"proc".as_ptr(),
            c"proc".as_ptr(),
            c"proc".as_ptr(),
            flags,
            std::ptr::null(),
        )
    };
    sys::check(ret.into()).map(drop)
}

/// Makes the current folder the root and lets go of the host's.
fn enter_root() -> io::Result<()> {
    // Safety: C strings and plain numbers.
    unsafe {
        let here = c".".as_ptr();
        sys::check(libc::syscall(libc::SYS_pivot_root, here, here))?;
        sys::check(libc::umount2(here, libc::MNT_DETACH).into())?;
        sys::check(libc::chdir(c"/".as_ptr()).into())?;
    }
    Ok(())
}

/// Reaps until the program and all its children are gone, or until the arena lets go of its end.
fn serve(main: libc::pid_t, start: &Start) -> ! {
    // Our memory holds what the arena knows: nobody inside may look.
    let _ = sys::prctl(libc::PR_SET_DUMPABLE, 0);
    sys::close_range(0, start.status - 1);
    sys::close_range(start.status + 1, RawFd::MAX);
    let children = child_signals();
    let mut reported = false;
    loop {
        let mut ended = None;
        let empty = loop {
            let mut status = 0;
            // Safety: zeroed accounts are valid, and both pointers are for the call only.
            let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
            let flags = libc::WNOHANG | libc::__WALL;
            let pid = unsafe { libc::wait4(-1, &raw mut status, flags, &raw mut usage) };
            match pid {
                pid if pid == main => ended = Some((status, usage)),
                pid if pid > 0 => {
                    let wire = Wire {
                        pid: pid as u32,
                        ..Wire::new(Kind::Orphan, status as u32, 0)
                    };
                    // Orphans may be many and the arena busy: then they go unmentioned.
                    program::send(start.status, &wire, libc::MSG_DONTWAIT);
                }
                0 => break false,
                _ => break true,
            }
        };
        if let Some((status, usage)) = ended {
            let left = if empty { 0 } else { count_left(start.sealed) };
            program::send(start.status, &exit_record(status, &usage, left), 0);
            reported = true;
        }
        if empty && reported {
            exit();
        }
        if wait_for_change(children, start.status) {
            if !start.sealed {
                end_user(start.user);
                end_children();
            }
            exit();
        }
    }
}

fn exit_record(status: i32, usage: &libc::rusage, left: u32) -> Wire {
    let micros = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    Wire {
        user_us: micros(usage.ru_utime),
        system_us: micros(usage.ru_stime),
        max_rss_kib: usage.ru_maxrss as u64,
        ..Wire::new(Kind::Exited, status as u32, left)
    }
}

/// A descriptor that becomes readable when a child ends; -1 if there is none to be had, then the
/// waiting below is a plain short sleep.
fn child_signals() -> RawFd {
    let mask: u64 = 1 << (libc::SIGCHLD - 1);
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // Safety: the mask has the kernel's size, 8 bytes.
    unsafe { libc::syscall(libc::SYS_signalfd4, -1, &raw const mask, 8usize, flags) as RawFd }
}

/// Sleeps until a child ended or the arena let go. True for the latter.
fn wait_for_change(children: RawFd, status: RawFd) -> bool {
    let poll = |fd, events| libc::pollfd {
        fd,
        events,
        revents: 0,
    };
    let mut both = [poll(children, libc::POLLIN), poll(status, libc::POLLRDHUP)];
    let timeout = if children < 0 { 10 } else { -1 };
    // Safety: the array and the buffer are valid for the calls.
    unsafe {
        libc::poll(both.as_mut_ptr(), 2, timeout);
        let mut info = [0u8; 128];
        libc::read(children, info.as_mut_ptr().cast(), info.len());
    }
    both[1].revents & (libc::POLLHUP | libc::POLLRDHUP | libc::POLLERR) != 0
}

/// Processes of the program that are still there: all but init in its own process namespace, else
/// those that have become init's children.
fn count_left(sealed: bool) -> u32 {
    let mut count = 0;
    if sealed {
        each_process(|pid| count += u32::from(pid != 1));
    } else {
        each_child(|_| count += 1);
    }
    count
}

/// Ends all processes of the program's own user at once, whatever they fork meanwhile: the kernel
/// signals them all without letting one slip. Only for a user that nobody else has.
fn end_user(user: Option<u32>) {
    let Some(id) = user else { return };
    // Safety: the child makes plain calls and ends; as that user it can't signal anybody else's.
    unsafe {
        if let Ok(None) = sys::clone(0) {
            if sys::become_user(id).is_ok() {
                libc::kill(-1, libc::SIGKILL);
            }
            libc::_exit(0);
        }
    }
}

/// Ends every child, and the children that they leave to init, until none is left. Without a process
/// namespace a program that forks faster than this could get away; the arena looks after that.
fn end_children() {
    loop {
        let mut any = false;
        each_child(|pid| {
            any = true;
            // Safety: plain numbers; the pid can't be reused before we reap it.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        });
        let mut status = 0;
        // Safety: the pointer is for the call only.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL) };
        if pid < 0 && !any {
            return;
        }
    }
}

/// Calls `each` with every process id under /proc.
fn each_process(mut each: impl FnMut(libc::pid_t)) {
    // Safety: a C string.
    let folder = unsafe {
        libc::open(
            c"/proc".as_ptr(),
            libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC,
        )
    };
    let mut buffer = [0u64; 512];
    loop {
        let bytes = size_of_val(&buffer);
        // Safety: the kernel fills at most `bytes` with `linux_dirent64` records.
        let filled =
            unsafe { libc::syscall(libc::SYS_getdents64, folder, buffer.as_mut_ptr(), bytes) };
        if filled <= 0 {
            break;
        }
        let mut at = 0;
        while at < filled as usize {
            // Safety: `at` is the start of a record that lies wholly within what was filled; its name
            // is a C string at a fixed offset.
            let (length, name) = unsafe {
                let record = buffer
                    .as_ptr()
                    .cast::<u8>()
                    .add(at)
                    .cast::<libc::dirent64>();
                (
                    (*record).d_reclen,
                    CStr::from_ptr((&raw const (*record).d_name).cast()),
                )
            };
            if let Some(pid) = number(name.to_bytes()) {
                each(pid);
            }
            at += usize::from(length.max(1));
        }
    }
    // Safety: our own descriptor.
    unsafe { libc::close(folder) };
}

/// Calls `each` with every child of this process.
fn each_child(mut each: impl FnMut(libc::pid_t)) {
    let mut buffer = [0u8; 4096];
    let mut used = 0;
    // Safety: a C string, and a buffer with its length. What doesn't fit is left for the next round.
    unsafe {
        let file = libc::open(
            c"/proc/thread-self/children".as_ptr(),
            libc::O_RDONLY | libc::O_CLOEXEC,
        );
        while used < buffer.len() {
            let got = libc::read(
                file,
                buffer.as_mut_ptr().add(used).cast(),
                buffer.len() - used,
            );
            if got <= 0 {
                break;
            }
            used += got as usize;
        }
        libc::close(file);
    }
    let whole = if used == buffer.len() {
        buffer.iter().rposition(|b| *b == b' ').unwrap_or(0)
    } else {
        used
    };
    buffer[..whole]
        .split(|byte| *byte == b' ')
        .filter_map(number)
        .for_each(&mut each);
}

fn number(digits: &[u8]) -> Option<libc::pid_t> {
    let digit = |b: &u8| b.is_ascii_digit().then(|| libc::pid_t::from(b - b'0'));
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0, |n: libc::pid_t, b| {
        n.checked_mul(10)?.checked_add(digit(b)?)
    })
}

fn exit() -> ! {
    // Safety: ends this process at once, without running anything of the arena's.
    unsafe { libc::_exit(0) }
}

fn raw(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
