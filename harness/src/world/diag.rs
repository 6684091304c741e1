//! A look at the submission's ends of our connections, by the kernel's socket diagnosis.
//!
//! From our own end a client that closed and one that only ended its sending look the same, and
//! nothing shows what it has not read yet. The other end lives in the same network namespace, and an
//! exact look-up by its addresses costs a few microseconds (protocol: sock_diag(7)).

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::rc::Rc;

/// Why there is no socket diagnosis.
#[derive(Debug, thiserror::Error)]
pub enum DiagError {
    #[error("socket diagnosis: no netlink socket: {0}")]
    Socket(io::Error),
    #[error("socket diagnosis: no loopback connection to try it on: {0}")]
    Trial(io::Error),
    #[error(
        "socket diagnosis: the kernel doesn't find a socket that is there (is tcp_diag missing?)"
    )]
    Blind,
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The kernel's TCP state; see [`FIN_WAIT1`].
    pub state: u8,
    /// Bytes received and not read.
    pub unread: u32,
    /// Bytes written and not acknowledged.
    pub unsent: u32,
    /// 0 once no process holds the socket.
    pub inode: u32,
    /// Bytes received in all, if the kernel tells.
    pub received: Option<u64>,
    /// It will read no more: it shut its receiving side down (or heard the end of our stream).
    pub deaf: bool,
}

/// State of a socket that closed and whose closing isn't acknowledged yet; that counts as one unsent byte.
pub const FIN_WAIT1: u8 = 4;

/// State of a listener. An exact look-up finds it where the connection itself is gone; its numbers are
/// those of its queue.
pub const LISTEN: u8 = 10;

impl End {
    /// Whether a process still holds this end.
    pub fn held(&self) -> bool {
        self.inode != 0
    }

    /// Whether bytes that it wrote haven't reached us.
    pub fn sending(&self) -> bool {
        let close = u32::from(self.state == FIN_WAIT1);
        self.unsent > close
    }
}

const FAMILY: u8 = libc::AF_INET as u8;
const BY_FAMILY: u16 = 20;
const ERROR: u16 = libc::NLMSG_ERROR as u16;
/// Ask for `struct tcp_info`.
const INFO: u16 = 2;
/// Told unasked: the sides that are shut down, the receiving one as bit 0.
const SHUTDOWN: u16 = 8;
const HEADER: usize = 16;
const REQUEST: usize = HEADER + 56;
const ANSWER: usize = 72;
/// Position of `tcpi_bytes_received` in `struct tcp_info` (Linux 4.1 and later).
const RECEIVED: usize = 128;

/// A socket for diagnosis in the network namespace that it was made in.
pub struct Diag {
    socket: OwnedFd,
    next: Cell<u32>,
    buffer: RefCell<Vec<u8>>,
}

impl Diag {
    /// Opens a diagnosis for this thread's network namespace, tried on a connection of our own.
    pub fn new() -> Result<Rc<Diag>, DiagError> {
        // SAFETY: a system call without pointers; the new descriptor is owned by nobody else.
        let socket = unsafe {
            let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
            let fd = libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_SOCK_DIAG);
            if fd < 0 {
                return Err(DiagError::Socket(io::Error::last_os_error()));
            }
            OwnedFd::from_raw_fd(fd)
        };
        let diag = Diag {
            socket,
            next: Cell::new(1),
            buffer: RefCell::new(vec![0; 16 << 10]),
        };
        diag.trial()?;
        Ok(Rc::new(diag))
    }

    /// The end of a connection that has the address `local` and talks to `remote`; none if there is no
    /// such socket (any more).
    pub fn end(&self, local: SocketAddrV4, remote: SocketAddrV4) -> io::Result<Option<End>> {
        let seq = self.next.get();
        self.next.set(seq.wrapping_add(1));
        self.send(&request(seq, local, remote))?;
        let mut buffer = self.buffer.borrow_mut();
        loop {
            let len = self.receive(&mut buffer)?;
            match parse(&buffer[..len], seq) {
                Parsed::End(end) => return Ok(Some(end)),
                Parsed::Absent => return Ok(None),
                Parsed::Error(error) => return Err(error),
                Parsed::Other => {}
            }
        }
    }

    fn trial(&self) -> Result<(), DiagError> {
        let listener =
            TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).map_err(DiagError::Trial)?;
        let remote = listener.local_addr().map_err(DiagError::Trial)?;
        let client = TcpStream::connect(remote).map_err(DiagError::Trial)?;
        let local = client.local_addr().map_err(DiagError::Trial)?;
        let (std::net::SocketAddr::V4(local), std::net::SocketAddr::V4(remote)) = (local, remote)
        else {
            return Err(DiagError::Blind);
        };
        match self.end(local, remote) {
            Ok(Some(end)) if end.held() => Ok(()),
            Ok(_) => Err(DiagError::Blind),
            Err(error) => Err(DiagError::Socket(error)),
        }
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        // SAFETY: the buffer lives across the call and has the length given.
        let n = unsafe {
            libc::send(
                self.socket.as_raw_fd(),
                bytes.as_ptr().cast(),
                bytes.len(),
                0,
            )
        };
        if n < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // SAFETY: as in `send`.
            let n = unsafe {
                libc::recv(
                    self.socket.as_raw_fd(),
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                    0,
                )
            };
            if n >= 0 {
                return Ok(n as usize);
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2`.
fn request(seq: u32, local: SocketAddrV4, remote: SocketAddrV4) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    let mut at = 0;
    let mut put = |part: &[u8]| {
        bytes[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    };
    put(&(REQUEST as u32).to_ne_bytes());
    put(&BY_FAMILY.to_ne_bytes());
    put(&(libc::NLM_F_REQUEST as u16).to_ne_bytes());
    put(&seq.to_ne_bytes());
    put(&0u32.to_ne_bytes());
    put(&[FAMILY, libc::IPPROTO_TCP as u8, 1 << (INFO - 1), 0]);
    put(&u32::MAX.to_ne_bytes());
    put(&local.port().to_be_bytes());
    put(&remote.port().to_be_bytes());
    put(&local.ip().octets());
    put(&[0; 12]);
    put(&remote.ip().octets());
    put(&[0; 12]);
    put(&0u32.to_ne_bytes());
    // "No cookie": any socket with these addresses.
    put(&[0xff; 8]);
    bytes
}

enum Parsed {
    End(End),
    Absent,
    Error(io::Error),
    Other,
}

fn parse(bytes: &[u8], seq: u32) -> Parsed {
    let (Some(len), Some(kind), Some(found)) =
        (u32_at(bytes, 0), u16_at(bytes, 4), u32_at(bytes, 8))
    else {
        return Parsed::Other;
    };
    if found != seq {
        return Parsed::Other;
    }
    let message = &bytes[HEADER.min(bytes.len())..bytes.len().min(len as usize)];
    if kind == ERROR {
        let errno = u32_at(message, 0).map_or(libc::EPROTO, |n| (n as i32).wrapping_neg());
        return match errno {
            libc::ENOENT => Parsed::Absent,
            errno => Parsed::Error(io::Error::from_raw_os_error(errno)),
        };
    }
    let (Some(state), Some(unread), Some(unsent), Some(inode)) = (
        message.get(1),
        u32_at(message, 56),
        u32_at(message, 60),
        u32_at(message, 68),
    ) else {
        return Parsed::Other;
    };
    let Some(attributes) = message.get(ANSWER..) else {
        return Parsed::Other;
    };
    let info = attribute(attributes, INFO);
    let received = info
        .and_then(|info| info.get(RECEIVED..RECEIVED + 8)?.try_into().ok())
        .map(u64::from_ne_bytes);
    let shut = attribute(attributes, SHUTDOWN)
        .and_then(|value| value.first().copied())
        .unwrap_or(0);
    Parsed::End(End {
        state: *state,
        unread,
        unsent,
        inode,
        received,
        deaf: shut & 1 != 0,
    })
}

/// The value of a netlink attribute.
fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (len, kind) = (usize::from(u16_at(bytes, 0)?), u16_at(bytes, 2)?);
        let value = bytes.get(4..len)?;
        if kind == wanted {
            return Some(value);
        }
        bytes = bytes.get(len.next_multiple_of(4)..)?;
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)?
        .try_into()
        .ok()
        .map(u32::from_ne_bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..at + 2)?
        .try_into()
        .ok()
        .map(u16::from_ne_bytes)
}

/// Connections that this thread's network namespace has dropped since it was made, as their queue was full
/// (`ListenOverflows` and `ListenDrops` of /proc/net/netstat). A client whose connection was dropped
/// sleeps for a second before it tries again, and no look shows that: while this number rises, nothing
/// is settled.
pub fn dropped_connections() -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/net/netstat")?;
    sum_drops(&text).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "/proc/net/netstat has no listen counters",
        )
    })
}

fn sum_drops(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let pairs = names.split(' ').zip(values.split(' '));
    let counts: Vec<u64> = pairs
        .filter(|(name, _)| matches!(*name, "ListenOverflows" | "ListenDrops"))
        .map(|(_, value)| value.parse())
        .collect::<Result<_, _>>()
        .ok()?;
    (counts.len() == 2).then(|| counts.iter().sum())
}
