//! Starts init and the program in a sealed arena, and ends them.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::pipe::PipeFlags;

use super::filter::Filter;
use super::limits::{Limits, Prepared};
use super::program::{Start, Strings};
use super::refusal::{Failed, host};
use super::seal::Sealed;
use super::status::{self, Kind, Status, Wire};
use super::{init, sys, tree};
use crate::evidence::Tier;

pub use super::filter::Gate;
pub use super::refusal::SpawnError;

/// What to start.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    /// The program and its arguments. A name without a slash is looked for on the program's `PATH`,
    /// a relative path from the work folder.
    pub argv: Vec<String>,
    /// Added to the arena's environment, or put in its place.
    pub env: BTreeMap<String, String>,
    /// Folder to start in, as the program sees it; absent: the work folder.
    pub folder: Option<PathBuf>,
    pub limits: Limits,
    pub gate: Gate,
}

/// A started program. Dropping it ends it with all its descendants.
#[derive(Debug)]
pub struct Program {
    /// Ids of the process above it and of its own, as this process sees them.
    pub init_pid: i32,
    pub pid: i32,
    pub pidfd: OwnedFd,
    /// Our ends of the program's streams.
    pub stdin: Option<OwnedFd>,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    /// Readable when init has something to say, see [`Program::next_status`].
    pub status: OwnedFd,
    /// The descriptor on which held calls are heard of, with a gate that isn't open.
    pub notify: Option<OwnedFd>,
    init: Init,
}

/// The process above the program. Dropping it ends it with all its descendants.
#[derive(Debug)]
struct Init {
    pid: i32,
    pidfd: OwnedFd,
    /// Our end of its socket.
    status: OwnedFd,
    /// It has a process namespace, so that its end is everybody's.
    sealed: bool,
    ended: bool,
}

/// Starts a program. Returns once it runs: its exec has happened, and its gate is in place.
pub fn spawn(sealed: &Sealed, launch: &Launch) -> Result<Program, SpawnError> {
    let command = launch
        .argv
        .first()
        .filter(|name| !name.is_empty())
        .ok_or(SpawnError::Empty)?;
    let mut env = sealed.env.clone();
    env.extend(launch.env.clone());
    let places = places(
        command,
        env.get("PATH").map_or("", String::as_str),
        &sealed.paths.work,
    );
    let folder = launch.folder.as_deref().unwrap_or(&sealed.paths.work);

    let pipe =
        || rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(|e| host("making pipes")(e.into()));
    let (in_read, in_write) = pipe()?;
    let (out_read, out_write) = pipe()?;
    let (err_read, err_write) = pipe()?;
    let (boot, boot_child) = pair().map_err(host("making sockets"))?;
    let (status, status_child) = pair().map_err(host("making sockets"))?;
    rustix::net::sockopt::set_socket_passcred(&boot, true)
        .map_err(|e| host("asking for ids")(e.into()))?;

    let walled = sealed.tier != Tier::Portable;
    let filter = Filter {
        gate: launch.gate,
        deny_trace: sealed.tier == Tier::Reduced,
    };
    let start = Start {
        sealed: sealed.root.is_some(),
        places: strings(&places)?,
        argv: Strings::new(strings(&launch.argv)?),
        env: Strings::new(strings(
            env.iter().map(|(name, value)| format!("{name}={value}")),
        )?),
        folder: string(&folder.to_string_lossy())?,
        streams: [&in_read, &out_write, &err_write].map(AsRawFd::as_raw_fd),
        boot: boot_child.as_raw_fd(),
        status: status_child.as_raw_fd(),
        groups: sealed.groups.iter().map(AsRawFd::as_raw_fd).collect(),
        user: sealed.user,
        words: words(),
        last_capability: last_capability(),
        limits: Prepared::new(&launch.limits, sealed.own_user),
        wall: sealed.wall.as_ref().map(AsRawFd::as_raw_fd),
        filter: walled.then(|| filter.assemble()),
        listen: walled && launch.gate != Gate::Open,
        processors: launch.limits.cpus.and_then(super::limits::processors),
    };
    if let Some(root) = &sealed.root {
        // The copy of our namespace that init gets has its own mounts; only this folder is carried over.
        rustix::process::fchdir(root).map_err(|e| host("entering the root")(e.into()))?;
    }
    let flags = if start.sealed {
        libc::CLONE_NEWPID | libc::CLONE_NEWNS
    } else {
        0
    };
    let mask = sys::block_signals();
    // Safety: the child goes to `init::run`, which keeps to async-signal-safe calls and never returns.
    let cloned = unsafe { sys::clone(flags as u64) };
    if let Ok(None) = cloned {
        init::run(&start);
    }
    sys::restore_signals(mask);
    let Some((init_pid, init)) = cloned.map_err(host("making init"))? else {
        unreachable!("the child never returns")
    };
    drop((in_read, out_write, err_write, boot_child, status_child));

    let init = Init {
        pid: init_pid,
        pidfd: init,
        status,
        sealed: start.sealed,
        ended: false,
    };
    let mut begun = Begun {
        init,
        pid: None,
        pidfd: None,
        notify: None,
    };
    begun
        .follow(&boot)
        .map_err(|failed| failed.explain(command, folder, &places))?;
    let (Some(pid), Some(pidfd)) = (begun.pid, begun.pidfd) else {
        return Err(host("waiting for the program")(
            io::ErrorKind::UnexpectedEof.into(),
        ));
    };
    Ok(Program {
        init_pid,
        pid,
        pidfd,
        stdin: Some(in_write),
        stdout: out_read,
        stderr: err_read,
        status: begun
            .init
            .status
            .try_clone()
            .map_err(host("copying a socket"))?,
        notify: begun.notify,
        init: begun.init,
    })
}

/// What a start has told so far.
struct Begun {
    init: Init,
    pid: Option<i32>,
    pidfd: Option<OwnedFd>,
    notify: Option<OwnedFd>,
}

impl Begun {
    /// Reads what the start tells until the exec closes the socket.
    fn follow(&mut self, boot: &OwnedFd) -> Result<(), Failed> {
        loop {
            let Some(news) = receive(boot).map_err(Failed::Here)? else {
                return Ok(());
            };
            let wire = news.wire;
            if wire.kind == Kind::Failed as u32 {
                return Err(Failed::Child(wire.a, wire.b as i32));
            } else if wire.kind == Kind::Hello as u32 {
                self.pid = Some(news.sender);
            } else if wire.kind == Kind::Program as u32 {
                self.pidfd = news.fd;
            } else if wire.kind == Kind::Listener as u32 {
                self.notify = news.fd;
            }
        }
    }
}

impl Program {
    /// What init has to say next, without waiting. `Ok(None)` when there is nothing now.
    /// An error of kind `UnexpectedEof` when init is gone: everything of the program is.
    pub fn next_status(&self) -> io::Result<Option<Status>> {
        let mut buffer = [0u8; status::SIZE];
        loop {
            let flags = rustix::net::RecvFlags::DONTWAIT;
            match rustix::net::recv(&self.status, &mut buffer[..], flags) {
                Ok((_, 0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((_, got)) => match Status::from_bytes(&buffer[..got]) {
                    Some(status) => return Ok(Some(status)),
                    None => continue,
                },
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends a signal to the program's own process. False when it has already ended.
    pub fn signal(&self, signal: i32) -> io::Result<bool> {
        let target = self.pidfd.as_raw_fd();
        // Safety: plain numbers and no further information.
        let ret = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                target,
                signal,
                std::ptr::null::<u8>(),
                0,
            )
        };
        match sys::check(ret) {
            Ok(_) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether it was ended by [`kill`](Program::kill).
    pub fn is_ended(&self) -> bool {
        self.init.ended
    }

    /// Ends the program and all its descendants at once, stopped or held ones too, and waits until
    /// they are gone; at most some ten seconds, then it is the host's fault.
    pub fn kill(&mut self) -> io::Result<()> {
        // A listener that is let go fails the held calls, so that nothing waits for us.
        self.notify = None;
        self.init.end()
    }

    /// Ids of the program's process and all that descend from it, as this process sees them, the
    /// orphaned ones too. What is born or ends meanwhile may be missed.
    pub fn tree(&self) -> Vec<i32> {
        tree::descendants(self.init.pid)
    }
}

impl Init {
    fn end(&mut self) -> io::Result<()> {
        if self.ended {
            return Ok(());
        }
        let limit = Duration::from_secs(10);
        let tree = if self.sealed {
            Ok(())
        } else {
            self.end_tree(limit)
        };
        rustix::process::pidfd_send_signal(&self.pidfd, rustix::process::Signal::KILL)?;
        tree::wait_end(&self.pidfd, limit)?;
        self.ended = true;
        tree?;
        match self.sealed {
            true => Ok(()),
            // Whatever init lost comes to this process, which has nothing else below it.
            false => tree::end_descendants(std::process::id() as i32, limit),
        }
    }

    /// Where its end isn't everybody's end.
    fn end_tree(&self, limit: Duration) -> io::Result<()> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        tree::end_descendants(self.pid, limit)?;
        // Letting go of our end tells init to end what is left, and then itself.
        let _ = rustix::net::shutdown(&self.status, rustix::net::Shutdown::Both);
        poll(
            &mut [PollFd::new(&self.pidfd, PollFlags::IN)],
            Some(&Timespec {
                tv_sec: 1,
                tv_nsec: 0,
            }),
        )?;
        Ok(())
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Where to look for a command, in order.
fn places(command: &str, path: &str, work: &Path) -> Vec<String> {
    if command.contains('/') {
        return vec![work.join(command).to_string_lossy().into_owned()];
    }
    let entries = path.split(':').filter(|entry| entry.starts_with('/'));
    entries
        .map(|entry| format!("{}/{command}", entry.trim_end_matches('/')))
        .collect()
}

/// A pair of connected sockets that keep the bounds of what was sent.
fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    Ok(socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

struct News {
    wire: Wire,
    /// Process that sent it, as this process sees it.
    sender: i32,
    fd: Option<OwnedFd>,
}

/// One record of a start with what the kernel added; none at the end.
fn receive(boot: &OwnedFd) -> io::Result<Option<News>> {
    let mut bytes = [0u8; status::SIZE];
    let mut control = [0u64; 16];
    let mut part = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    let (mut sender, mut fd) = (0, None);
    // Safety: the message points to locals that outlive the call; control messages are walked by the
    // C library's macros and read unaligned.
    let got = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control);
        let got = loop {
            match sys::check(libc::recvmsg(
                boot.as_raw_fd(),
                &raw mut message,
                libc::MSG_CMSG_CLOEXEC,
            ) as _)
            {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                got => break got?,
            }
        };
        let mut head = libc::CMSG_FIRSTHDR(&raw const message);
        while !head.is_null() {
            let data = libc::CMSG_DATA(head);
            match ((*head).cmsg_level, (*head).cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                    let sent: RawFd = std::ptr::read_unaligned(data.cast());
                    fd = Some(OwnedFd::from_raw_fd(sent));
                }
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => {
                    sender = std::ptr::read_unaligned(data.cast::<libc::ucred>()).pid;
                }
                _ => {}
            }
            head = libc::CMSG_NXTHDR(&raw const message, head);
        }
        got as usize
    };
    if got == 0 {
        return Ok(None);
    }
    let wire = Wire::from_bytes(&bytes[..got]).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Some(News { wire, sender, fd }))
}

/// Where the kernel finds our command line and environment for `/proc` (proc(5), fields 48 to 51 of `stat`).
/// Empty where it doesn't tell.
fn words() -> [(usize, usize); 2] {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    // The first of these fields is the third of all.
    let mut ends = fields
        .split(' ')
        .skip(45)
        .map_while(|n| n.trim().parse::<usize>().ok());
    let mut pair = || match (ends.next(), ends.next()) {
        (Some(from), Some(to)) if from > 0 && from <= to => (from, to),
        _ => (0, 0),
    };
    [pair(), pair()]
}

/// Number of the last capability that this kernel knows.
fn last_capability() -> u64 {
    let text = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap_or_default();
    text.trim().parse().unwrap_or(40)
}

fn strings<S: AsRef<str>>(list: impl IntoIterator<Item = S>) -> Result<Vec<CString>, SpawnError> {
    list.into_iter().map(|text| string(text.as_ref())).collect()
}

fn string(text: &str) -> Result<CString, SpawnError> {
    CString::new(text).map_err(|_| SpawnError::Null(text.to_owned()))
}
