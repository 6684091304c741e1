//! What the program's process does before it becomes the program: it takes its streams, its limits
//! and its walls, each for good. Runs between fork and exec: nothing here may allocate.

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::os::fd::RawFd;

use super::limits::Prepared;
use super::status::{Kind, Stage, Wire};
use super::{filter, sys, wall};

/// Everything that init and the program's process need, made before the fork.
pub(super) struct Start {
    /// Own namespaces: init finishes the root, and its death ends everything.
    pub sealed: bool,
    /// Places to look for the program, tried in order.
    pub places: Vec<CString>,
    pub argv: Strings,
    pub env: Strings,
    pub folder: CString,
    /// Standard input, output and error.
    pub streams: [RawFd; 3],
    /// Until the exec: socket on which the start is told.
    pub boot: RawFd,
    /// Init's socket to the arena.
    pub status: RawFd,
    /// Files to join the control groups by.
    pub groups: Vec<RawFd>,
    /// Take this user first (tier reduced, as root).
    pub user: Option<u32>,
    /// Where this process's command line and environment lie in memory: first byte, and the one after the last.
    pub words: [(usize, usize); 2],
    /// Last capability that the kernel knows.
    pub last_capability: u64,
    pub limits: Prepared,
    pub wall: Option<RawFd>,
    pub filter: Option<Vec<libc::sock_filter>>,
    pub listen: bool,
    /// Processors the program may use, as the kernel takes them.
    pub processors: Option<libc::cpu_set_t>,
}

/// A null-terminated array of C strings.
pub(super) struct Strings {
    _owned: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl Strings {
    pub(super) fn new(owned: Vec<CString>) -> Strings {
        let pointers = owned
            .iter()
            .map(|s| s.as_ptr())
            .chain([std::ptr::null()])
            .collect();
        Strings {
            _owned: owned,
            pointers,
        }
    }
}

/// The program's process, up to the exec.
pub(super) fn run(start: &Start) -> ! {
    send(start.boot, &Wire::new(Kind::Hello, 0, 0), 0);
    // The first to go when the host runs out of memory. Fails only where /proc is missing.
    let _ = sys::write_file(c"/proc/self/oom_score_adj", b"1000");
    // Safety: plain numbers and C strings made before the fork.
    unsafe {
        libc::setsid();
        libc::umask(0o022);
    }
    let boot = match streams(start) {
        Ok(boot) => boot,
        Err(error) => fail(start.boot, Stage::Streams, raw(&error)),
    };
    // Safety: a C string.
    if unsafe { libc::chdir(start.folder.as_ptr()) } != 0 {
        fail(boot, Stage::Folder, sys::errno());
    }
    if let Some(processors) = &start.processors {
        // A host that forbids it leaves the program all processors. Safety: valid for the call.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), processors) };
    }
    start.limits.apply();
    if let Err(error) = credentials(start) {
        fail(boot, Stage::Credentials, raw(&error));
    }
    if let Some(Err(error)) = start.wall.map(wall::restrict) {
        fail(boot, Stage::Wall, raw(&error));
    }
    sys::close_range(boot + 1, RawFd::MAX);
    // Their dispositions are the defaults since init began.
    sys::restore_signals(0);
    if let Some(code) = &start.filter {
        match filter::install(code, start.listen) {
            Ok(None) => {}
            Ok(Some(listener)) => {
                // The program must not be able to answer itself.
                if let Err(error) = hand_over(boot, Kind::Listener, listener) {
                    fail(boot, Stage::Listener, raw(&error));
                }
            }
            Err(error) => fail(boot, Stage::Filter, raw(&error)),
        }
    }
    let (stage, errno) = execute(start);
    fail(boot, stage, errno)
}

/// Puts the streams at 0, 1 and 2 and the boot socket, close-on-exec, at 3.
fn streams(start: &Start) -> io::Result<RawFd> {
    let mut high = [0; 4];
    let all = [
        start.streams[0],
        start.streams[1],
        start.streams[2],
        start.boot,
    ];
    // First out of the way: a source may lie where another has to go.
    for (from, to) in all.into_iter().zip(&mut high) {
        // Safety: descriptors of ours.
        *to = sys::check(unsafe { libc::fcntl(from, libc::F_DUPFD_CLOEXEC, 16) }.into())? as RawFd;
    }
    for (to, from) in (0..).zip(high) {
        let flags = if to == 3 { libc::O_CLOEXEC } else { 0 };
        // Safety: as above. The wall's ruleset may lie at 3, so it is moved by the caller.
        sys::check(unsafe { libc::dup3(from, to, flags) }.into())?;
    }
    Ok(3)
}

/// Nobody's rights: no user but the program's own, no capability, no way to gain one.
fn credentials(start: &Start) -> io::Result<()> {
    if let Some(id) = start.user {
        for capability in 0..=start.last_capability {
            let _ = sys::prctl(libc::PR_CAPBSET_DROP, capability);
        }
        sys::become_user(id)?;
    } else if start.sealed {
        for capability in 0..=start.last_capability {
            sys::prctl(libc::PR_CAPBSET_DROP, capability)?;
        }
    }
    if start.filter.is_some() {
        // Safety: plain numbers.
        unsafe {
            libc::prctl(
                libc::PR_CAP_AMBIENT,
                libc::PR_CAP_AMBIENT_CLEAR_ALL,
                0,
                0,
                0,
            )
        };
        sys::set_capabilities(0)?;
        sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    }
    if !start.sealed {
        // Init's end must not leave the program behind. The change of user would have undone it.
        sys::die_with_parent()?;
    }
    Ok(())
}

/// Sends a record with a descriptor and lets go of the descriptor.
pub(super) fn hand_over(socket: RawFd, kind: Kind, fd: RawFd) -> io::Result<()> {
    let wire = Wire::new(kind, 0, 0);
    let bytes = wire.bytes();
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let mut control = [0u64; 8];
    // Safety: the message points to locals that outlive the call; the control buffer is aligned and
    // large enough for one descriptor.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(size_of::<RawFd>() as u32) as usize;
        let head = libc::CMSG_FIRSTHDR(&raw const message);
        (*head).cmsg_level = libc::SOL_SOCKET;
        (*head).cmsg_type = libc::SCM_RIGHTS;
        (*head).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as usize;
        std::ptr::write_unaligned(libc::CMSG_DATA(head).cast(), fd);
        sys::check(libc::sendmsg(socket, &raw const message, libc::MSG_NOSIGNAL) as libc::c_long)?;
        libc::close(fd);
    }
    Ok(())
}

/// Tries the places in order, as `execvp` does; returns only if none works.
fn execute(start: &Start) -> (Stage, i32) {
    let mut worst = (Stage::Execute, libc::ENOENT);
    for place in &start.places {
        let errno = try_place(place, start);
        match errno {
            libc::ENOENT | libc::ENOTDIR if exists(place) => return (Stage::Interpreter, errno),
            libc::ENOENT | libc::ENOTDIR => {}
            libc::EACCES if exists(place) => worst = (Stage::Execute, errno),
            libc::EACCES if worst.1 == libc::ENOENT => worst = (Stage::Unreachable, errno),
            libc::EACCES => {}
            _ => return (Stage::Execute, errno),
        }
    }
    worst
}

fn try_place(place: &CStr, start: &Start) -> i32 {
    // Safety: C strings and null-terminated arrays, all made before the fork.
    unsafe {
        libc::execve(
            place.as_ptr(),
            start.argv.pointers.as_ptr(),
            start.env.pointers.as_ptr(),
        )
    };
    sys::errno()
}

fn exists(place: &CStr) -> bool {
    // Safety: a C string.
    unsafe { libc::access(place.as_ptr(), libc::F_OK) == 0 }
}

/// Sends one record; a vanished arena is no error here, its death ends us anyway.
pub(super) fn send(socket: RawFd, wire: &Wire, flags: libc::c_int) {
    let bytes = wire.bytes();
    // `send`, never `write`: the gate may hold writes, and nobody would let this one go.
    // Safety: a buffer with its length.
    unsafe {
        libc::send(
            socket,
            bytes.as_ptr().cast(),
            bytes.len(),
            flags | libc::MSG_NOSIGNAL,
        )
    };
}

/// Tells the arena why this start failed, and ends.
pub(super) fn fail(boot: RawFd, stage: Stage, errno: i32) -> ! {
    send(
        boot,
        &Wire::new(Kind::Failed, stage as u32, errno as u32),
        0,
    );
    // Safety: ends this process at once.
    unsafe { libc::_exit(127) }
}

fn raw(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
