//! Bare TCP servers with scripted behaviours.
//!
//! When a connection was made is known only as well as somebody looked: each listener is asked every few
//! milliseconds, and a connection came after the last time that none was there. That moment is recorded, so that
//! "too early" can be said for certain on any host.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, accept_with, bind, connect,
    getsockname, listen, socket_with, sockopt,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{sleep, timeout};

use super::diag::Diag;
use super::ready::register;
use super::side::{self, Side};
use crate::evidence::writer::Recorder;
use crate::evidence::{Event, PeerEnding};
use crate::task::peer::Does;

const BACKLOG: i32 = 1024;
/// How often a listener is asked.
const TICK: Duration = Duration::from_millis(5);
/// Pause between the bytes of a dripping peer.
const DRIP: Duration = Duration::from_millis(150);
/// Bytes after which it falls silent.
const DRIPS: u32 = 40;
/// What a client says first, bytes.
const GREETING: usize = 4;
/// How long a queue that should be full is watched, and how often that is tried.
const FILLING: Duration = Duration::from_millis(30);
const FILLERS: usize = 8;

/// Peers that can be connected to.
pub struct Peers {
    shared: Rc<Shared>,
    /// Sockets that only have to be there.
    _kept: Vec<OwnedFd>,
}

struct Shared {
    recorder: Rc<Recorder>,
    side: Rc<Side>,
    diag: Option<Rc<Diag>>,
    met: Cell<u64>,
    next: Cell<u32>,
    /// Connections on which we are about to say more.
    busy: Cell<u32>,
    over: Cell<bool>,
}

impl Peers {
    /// Opens a port for each, on 127.0.0.1, and begins to serve in tasks of this thread's runtime.
    ///
    /// # Errors
    /// When the host gives no sockets, or its queues can't be filled.
    pub async fn open(
        all: &[Does],
        recorder: &Rc<Recorder>,
        side: &Rc<Side>,
    ) -> io::Result<(Peers, Vec<SocketAddr>)> {
        let shared = Rc::new(Shared {
            recorder: recorder.clone(),
            side: side.clone(),
            diag: Diag::new().ok(),
            met: Cell::new(0),
            next: Cell::new(0),
            busy: Cell::new(0),
            over: Cell::new(false),
        });
        let (mut kept, mut addrs) = (Vec::new(), Vec::new());
        for (peer, &does) in (0..).zip(all) {
            let fd = socket()?;
            bind(&fd, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            let addr = SocketAddr::try_from(getsockname(&fd)?)?;
            match does {
                Does::Refuse => kept.push(fd),
                Does::Unreachable => {
                    listen(&fd, 0)?;
                    kept.extend(fill(addr).await?);
                    kept.push(fd);
                }
                _ => {
                    listen(&fd, BACKLOG)?;
                    let shared = shared.clone();
                    tokio::task::spawn_local(async move { shared.serve(fd, peer, does).await });
                }
            }
            addrs.push(addr);
        }
        Ok((
            Peers {
                shared,
                _kept: kept,
            },
            addrs,
        ))
    }

    /// Connections so far.
    pub fn met(&self) -> u64 {
        self.shared.met.get()
    }

    /// Whether something is about to be said on a connection, by the clock.
    pub fn busy(&self) -> bool {
        self.shared.busy.get() > 0
    }

    /// The run is over: what happens now is no news of the submission.
    pub fn leave(&self) {
        self.shared.over.set(true);
    }
}

fn socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    Ok(socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        flags,
        None,
    )?)
}

/// Connections that fill a queue of the smallest size, the last of which isn't made any more.
async fn fill(addr: SocketAddr) -> io::Result<Vec<OwnedFd>> {
    let mut fillers = Vec::new();
    while fillers.len() < FILLERS {
        let fd = socket()?;
        match connect(&fd, &addr) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        sleep(FILLING).await;
        let made = matches!(rustix::net::getpeername(&fd), Ok(Some(_)));
        fillers.push(fd);
        if !made {
            return Ok(fillers);
        }
    }
    Err(io::Error::other(
        "this host's queues of connections never fill up",
    ))
}

impl Shared {
    async fn serve(self: Rc<Self>, fd: OwnedFd, peer: u32, does: Does) {
        let result: io::Result<()> = async {
            let _watch = self.side.watch(&fd, side::Interest::READ)?;
            let fd = register(fd.try_clone()?, Interest::READABLE)?;
            let mut empty = self.recorder.now();
            loop {
                let now = self.recorder.now();
                match accept_with(fd.get_ref(), SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                    Ok(stream) => {
                        self.side.bump();
                        let conn = self.next.replace(self.next.get() + 1);
                        self.met.set(self.met.get() + 1);
                        self.recorder.record(Event::PeerMet {
                            conn,
                            peer,
                            after: empty,
                        });
                        let shared = self.clone();
                        tokio::task::spawn_local(
                            async move { shared.meet(stream, conn, does).await },
                        );
                    }
                    Err(Errno::AGAIN) => {
                        empty = now;
                        if let Ok(ready) = timeout(TICK, fd.readable()).await {
                            ready?.clear_ready();
                        }
                    }
                    Err(Errno::INTR | Errno::CONNABORTED) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        .await;
        if let Err(error) = result {
            self.fault(&error);
        }
    }

    async fn meet(&self, stream: OwnedFd, conn: u32, does: Does) {
        let how = async {
            let watch = self.side.watch(&stream, side::Interest::READ)?;
            let stream = register(stream.try_clone()?, Interest::READABLE)?;
            let ending = self.behave(&stream, conn, does).await;
            drop(watch);
            Ok::<_, io::Error>(ending)
        }
        .await;
        // The last descriptor of the connection, with which it ends.
        drop(stream);
        match how {
            Ok(how) if !self.over.get() => {
                self.side.bump();
                self.recorder.record(Event::PeerGone { conn, how });
            }
            Ok(_) => {}
            Err(error) => self.fault(&error),
        }
    }

    async fn behave(&self, stream: &AsyncFd<OwnedFd>, conn: u32, does: Does) -> PeerEnding {
        let mut heard = 0;
        while heard < GREETING {
            match self.hear(stream).await {
                Ok(0) => return PeerEnding::Client,
                Ok(n) => heard += n,
                Err(_) => return PeerEnding::Client,
            }
        }
        let say = |text: &[u8]| rustix::net::send(stream.get_ref(), text, SendFlags::NOSIGNAL);
        match does {
            Does::Line => {
                let _ = say(b"pong\n");
            }
            Does::Close => {
                let _ = say(b"pon");
                return PeerEnding::World;
            }
            Does::Reset => {
                // Refused, the connection just closes in order.
                let _ = sockopt::set_socket_linger(stream.get_ref(), Some(Duration::ZERO));
                return PeerEnding::World;
            }
            Does::Drip => {
                self.busy.set(self.busy.get() + 1);
                let gone = self.drip(stream, conn).await;
                self.busy.set(self.busy.get() - 1);
                if gone {
                    return PeerEnding::Client;
                }
            }
            Does::Silent | Does::Refuse | Does::Unreachable => {}
        }
        while let Ok(1..) = self.hear(stream).await {}
        PeerEnding::Client
    }

    /// Says a byte now and then. Whether the client went meanwhile.
    async fn drip(&self, stream: &AsyncFd<OwnedFd>, conn: u32) -> bool {
        for _ in 0..DRIPS {
            if rustix::net::send(stream.get_ref(), b".", SendFlags::NOSIGNAL).is_err() {
                return true;
            }
            if let Ok(Ok(0) | Err(_)) = timeout(DRIP, self.hear(stream)).await {
                return true;
            }
            if self.taken(stream) {
                self.recorder.record(Event::PeerHeard { conn });
            }
        }
        false
    }

    /// Whether nothing waits unread at the client. Where the host doesn't tell: no.
    fn taken(&self, stream: &AsyncFd<OwnedFd>) -> bool {
        let address = |name: Result<rustix::net::SocketAddrAny, Errno>| match name
            .map(SocketAddr::try_from)
        {
            Ok(Ok(SocketAddr::V4(address))) => Some(address),
            _ => None,
        };
        let ours = address(getsockname(stream.get_ref()));
        let theirs = rustix::net::getpeername(stream.get_ref());
        let theirs = theirs.ok().flatten().and_then(|name| address(Ok(name)));
        let (Some(diag), Some(ours), Some(theirs)) = (&self.diag, ours, theirs) else {
            return false;
        };
        matches!(diag.end(theirs, ours), Ok(Some(end)) if end.held() && end.unread == 0)
    }

    /// Bytes that came; 0 at the end of the stream.
    async fn hear(&self, stream: &AsyncFd<OwnedFd>) -> io::Result<usize> {
        let mut buffer = [0; 512];
        loop {
            let mut ready = stream.readable().await?;
            match rustix::net::recv(stream.get_ref(), &mut buffer[..], RecvFlags::empty()) {
                Ok((n, _)) => {
                    self.side.bump();
                    return Ok(n);
                }
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn fault(&self, error: &io::Error) {
        self.recorder.record(Event::Fault {
            message: format!("a target can't serve: {error}"),
        });
    }
}
