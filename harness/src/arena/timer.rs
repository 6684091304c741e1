//! When could a sleeping thread wake by itself? Decoded from the system call that it sleeps in.
//!
//! Timeouts in registers are read from the arguments, those behind a pointer from the thread's memory.
//! Relative timeouts count from the moment the thread was first seen asleep, which makes the result an
//! upper bound. Not seen: `SO_RCVTIMEO`, `setitimer`.

use std::io::IoSliceMut;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, openat, readlinkat};

use super::look::Syscall;

/// The thread's memory can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAccess;

/// How a call bounds its sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Never,
    /// Milliseconds; negative is for ever.
    Millis(i32),
    /// A `timespec` at this address, relative; null is for ever.
    Timespec(u64),
    /// A `timeval` at this address, relative; null is for ever.
    Timeval(u64),
    /// A `timespec` at this address, absolute on this clock; null is for ever.
    Until(u64, libc::clockid_t),
    /// Sleeps by a rule that the call doesn't show.
    Unknown,
}

/// Time left until the call ends by itself, or `None` if it won't.
///
/// # Errors
/// [`NoAccess`] if the timeout lies in memory that can't be read, or isn't shown at all.
pub fn remaining(tid: u32, call: Syscall, slept: Duration) -> Result<Option<Duration>, NoAccess> {
    let relative = |total: Duration| Some(total.saturating_sub(slept));
    match bound(call) {
        Bound::Never => Ok(None),
        Bound::Unknown => Err(NoAccess),
        Bound::Millis(ms) => Ok(u64::try_from(ms)
            .ok()
            .and_then(|ms| relative(Duration::from_millis(ms)))),
        Bound::Timespec(0) | Bound::Timeval(0) | Bound::Until(0, _) => Ok(None),
        Bound::Timespec(at) => {
            let [secs, nanos] = read_pair(tid, at)?;
            Ok(relative(duration(secs, nanos)?))
        }
        Bound::Timeval(at) => {
            let [secs, micros] = read_pair(tid, at)?;
            Ok(relative(duration(secs, micros.saturating_mul(1000))?))
        }
        Bound::Until(at, clock) => {
            let [secs, nanos] = read_pair(tid, at)?;
            Ok(Some(duration(secs, nanos)?.saturating_sub(now(clock))))
        }
    }
}

fn bound(call: Syscall) -> Bound {
    let a = call.args;
    match call.number {
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait => Bound::Millis(a[3] as i32),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll => Bound::Millis(a[2] as i32),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_select => Bound::Timeval(a[4]),
        libc::SYS_epoll_pwait => Bound::Millis(a[3] as i32),
        libc::SYS_epoll_pwait2 => Bound::Timespec(a[3]),
        libc::SYS_ppoll => Bound::Timespec(a[2]),
        libc::SYS_pselect6 => Bound::Timespec(a[4]),
        libc::SYS_nanosleep => Bound::Timespec(a[0]),
        libc::SYS_clock_nanosleep if a[1] as i32 & libc::TIMER_ABSTIME != 0 => {
            Bound::Until(a[2], a[0] as libc::clockid_t)
        }
        libc::SYS_clock_nanosleep => Bound::Timespec(a[2]),
        libc::SYS_rt_sigtimedwait => Bound::Timespec(a[2]),
        libc::SYS_semtimedop => Bound::Timespec(a[3]),
        libc::SYS_io_getevents => Bound::Timespec(a[4]),
        libc::SYS_recvmmsg => Bound::Timespec(a[4]),
        libc::SYS_futex => futex(a),
        libc::SYS_futex_waitv => Bound::Until(a[3], a[4] as libc::clockid_t),
        // A sleep that a signal interrupted and the kernel took up again: its rest isn't shown.
        libc::SYS_restart_syscall => Bound::Unknown,
        _ => Bound::Never,
    }
}

fn futex(a: [u64; 6]) -> Bound {
    let op = a[1] as i32;
    let clock = if op & libc::FUTEX_CLOCK_REALTIME != 0 {
        libc::CLOCK_REALTIME
    } else {
        libc::CLOCK_MONOTONIC
    };
    match op & !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME) {
        libc::FUTEX_WAIT => Bound::Timespec(a[3]),
        libc::FUTEX_WAIT_BITSET | libc::FUTEX_WAIT_REQUEUE_PI => Bound::Until(a[3], clock),
        libc::FUTEX_LOCK_PI => Bound::Until(a[3], libc::CLOCK_REALTIME),
        _ => Bound::Never,
    }
}

/// Two 64-bit words of another process: a `timespec` or `timeval`.
fn read_pair(tid: u32, at: u64) -> Result<[i64; 2], NoAccess> {
    let mut bytes = [0u8; 16];
    let mut local = [IoSliceMut::new(&mut bytes)];
    let remote = libc::iovec {
        iov_base: at as *mut libc::c_void,
        iov_len: 16,
    };
    // SAFETY: one local buffer of 16 bytes, which lives throughout; the remote side is only read.
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
    if got != 16 {
        return Err(NoAccess);
    }
    let word = |i: usize| i64::from_ne_bytes(std::array::from_fn(|k| bytes[8 * i + k]));
    Ok([word(0), word(1)])
}

fn duration(secs: i64, nanos: i64) -> Result<Duration, NoAccess> {
    let secs = u64::try_from(secs).map_err(|_| NoAccess)?;
    let nanos = u32::try_from(nanos).map_err(|_| NoAccess)?;
    if nanos >= 1_000_000_000 {
        return Err(NoAccess);
    }
    Ok(Duration::new(secs, nanos))
}

fn now(clock: libc::clockid_t) -> Duration {
    let mut ts = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec; a foreign clock id leaves it zero.
    unsafe { libc::clock_gettime(clock, &raw mut ts) };
    Duration::new(ts.tv_sec.max(0) as u64, ts.tv_nsec.max(0) as u32)
}

/// The earliest armed timerfd of a process, from `fdinfo` (see proc(5)).
pub fn earliest_timerfd(proc: BorrowedFd<'_>, pid: u32, bound: usize) -> Option<Duration> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fds = openat(proc, format!("{pid}/fd"), flags, Mode::empty()).ok()?;
    let names: Vec<String> = rustix::fs::Dir::read_from(&fds)
        .ok()?
        .flatten()
        .filter_map(|e| e.file_name().to_str().ok().map(str::to_owned))
        .take(bound + 1)
        .collect();
    if names.len() > bound {
        return None;
    }
    let is_timer = |name: &&String| {
        readlinkat(&fds, name.as_str(), Vec::new())
            .is_ok_and(|link| link.as_bytes() == b"anon_inode:[timerfd]")
    };
    names
        .iter()
        .filter(is_timer)
        .filter_map(|name| timerfd_left(proc, pid, name))
        .min()
}

fn timerfd_left(proc: BorrowedFd<'_>, pid: u32, fd: &str) -> Option<Duration> {
    let file = openat(
        proc,
        format!("{pid}/fdinfo/{fd}"),
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .ok()?;
    parse_it_value(&std::io::read_to_string(std::fs::File::from(file)).ok()?)
}

/// `it_value: (SECONDS, NANOSECONDS)`; zero is disarmed.
fn parse_it_value(fdinfo: &str) -> Option<Duration> {
    let line = fdinfo.lines().find_map(|l| l.strip_prefix("it_value:"))?;
    let (secs, nanos) = line
        .trim()
        .strip_prefix('(')?
        .strip_suffix(')')?
        .split_once(',')?;
    let left = Duration::new(secs.trim().parse().ok()?, nanos.trim().parse().ok()?);
    (!left.is_zero()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: i64, args: [u64; 6]) -> Syscall {
        Syscall { number, args }
    }

    #[test]
    fn timeouts_in_registers_count_from_the_moment_of_falling_asleep() {
        let slept = Duration::from_millis(40);
        let epoll = |ms: u64| call(libc::SYS_epoll_pwait, [0, 0, 0, ms, 0, 0]);
        assert_eq!(
            remaining(0, epoll(100), slept),
            Ok(Some(Duration::from_millis(60)))
        );
        assert_eq!(remaining(0, epoll(u64::from(u32::MAX)), slept), Ok(None));
        assert_eq!(remaining(0, epoll(10), slept), Ok(Some(Duration::ZERO)));
    }

    #[test]
    fn timeouts_behind_pointers_are_read_from_memory() {
        let ts = [3i64, 500_000_000];
        let at = (&raw const ts) as u64;
        let me = std::process::id();
        let left = remaining(
            me,
            call(libc::SYS_ppoll, [0, 0, at, 0, 0, 0]),
            Duration::from_secs(1),
        );
        assert_eq!(left, Ok(Some(Duration::from_millis(2500))));
        assert_eq!(
            remaining(me, call(libc::SYS_ppoll, [0; 6]), Duration::ZERO),
            Ok(None)
        );
        assert_eq!(
            remaining(
                me,
                call(libc::SYS_ppoll, [0, 0, 8, 0, 0, 0]),
                Duration::ZERO
            ),
            Err(NoAccess)
        );
    }

    #[test]
    fn absolute_futex_timeouts_are_compared_with_their_clock() {
        let soon = now(libc::CLOCK_MONOTONIC) + Duration::from_secs(100);
        let ts = [soon.as_secs() as i64, i64::from(soon.subsec_nanos())];
        let op = (libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG) as u64;
        let futex = call(libc::SYS_futex, [0, op, 0, (&raw const ts) as u64, 0, 0]);
        let left = remaining(std::process::id(), futex, Duration::from_secs(50))
            .unwrap()
            .unwrap();
        assert!(
            left > Duration::from_secs(90) && left <= Duration::from_secs(100),
            "{left:?}"
        );
    }

    #[test]
    fn garbage_in_memory_is_no_timer() {
        let ts = [8_800_000i64, -1];
        let sleep = call(libc::SYS_nanosleep, [(&raw const ts) as u64, 0, 0, 0, 0, 0]);
        assert_eq!(
            remaining(std::process::id(), sleep, Duration::ZERO),
            Err(NoAccess)
        );
    }

    #[test]
    fn an_armed_timerfd_is_told_from_a_disarmed_one() {
        assert_eq!(
            parse_it_value("pos:\t0\nit_value: (0, 580000000)\nit_interval: (0, 0)\n"),
            Some(Duration::from_millis(580))
        );
        assert_eq!(parse_it_value("it_value: (0, 0)\n"), None);
    }
}
