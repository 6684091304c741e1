//! HTTP requests of the world to the submission: each on a connection of its own, its answer kept as it came.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use tokio::io::Interest;
use tokio::sync::Notify;

use super::diag::{Diag, LISTEN};
use super::ready::register;
use super::side::{self, Side};
use crate::evidence::writer::Recorder;
use crate::evidence::{Bytes, CallEnding, Event, http};

/// Longest answer that is kept, bytes.
const LONGEST: usize = 256 << 10;
/// Of many calls that wait only the first are asked about bytes on the way.
const ASKED: usize = 64;

/// What a call is about.
#[derive(Debug, Clone)]
pub struct About {
    pub target: String,
    /// The plan's number of the city that it asks for.
    pub city: Option<u32>,
}

/// All calls of a run.
pub struct Callers {
    recorder: Rc<Recorder>,
    side: Rc<Side>,
    target: SocketAddr,
    diag: Option<Rc<Diag>>,
    calls: RefCell<Vec<(String, Rc<Call>)>>,
    about_cities: Cell<u64>,
}

struct Call {
    id: u32,
    local: Cell<Option<SocketAddrV4>>,
    over: Cell<bool>,
    returned: Cell<bool>,
    stop: Notify,
}

impl Callers {
    /// Callers of the submission at this address. Nobody calls yet.
    pub fn new(recorder: Rc<Recorder>, side: Rc<Side>, target: SocketAddr) -> Callers {
        let diag = Diag::new().ok();
        Callers {
            recorder,
            side,
            target,
            diag,
            calls: RefCell::default(),
            about_cities: Cell::new(0),
        }
    }

    /// Begins a call, as a task of this thread's runtime.
    ///
    /// # Errors
    /// When the host gives no socket.
    pub fn call(&self, group: &str, about: About) -> io::Result<()> {
        let fd = rustix::net::socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
            None,
        )?;
        sockopt::set_tcp_nodelay(&fd, true)?;
        let mut calls = self.calls.borrow_mut();
        let call = Rc::new(Call {
            id: u32::try_from(calls.len()).unwrap_or(u32::MAX),
            local: Cell::new(None),
            over: Cell::new(false),
            returned: Cell::new(false),
            stop: Notify::new(),
        });
        self.recorder.record(Event::Call {
            call: call.id,
            group: group.to_owned(),
            target: about.target.clone(),
            city: about.city,
        });
        let cities = self.about_cities.get();
        self.about_cities
            .set(cities + u64::from(about.city.is_some()));
        calls.push((group.to_owned(), call.clone()));
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
            about.target, self.target
        );
        let line = Line {
            recorder: self.recorder.clone(),
            side: self.side.clone(),
            call,
        };
        match rustix::net::connect(&fd, &self.target) {
            Ok(()) | Err(Errno::INPROGRESS) => {
                tokio::task::spawn_local(async move { line.run(fd, request.into_bytes()).await });
            }
            Err(_) => line.end(CallEnding::Refused, Vec::new()),
        }
        Ok(())
    }

    /// Breaks the connections of a group's calls off, by a reset.
    pub fn hang_up(&self, group: &str) {
        self.of(group).for_each(|call| call.stop.notify_one());
    }

    /// All calls break off without a word, at the end of a run.
    pub fn leave(&self) {
        for (_, call) in self.calls.borrow().iter() {
            call.over.set(true);
            call.stop.notify_one();
        }
    }

    /// Calls so far that asked about a city.
    pub fn about_cities(&self) -> u64 {
        self.about_cities.get()
    }

    /// Calls of a group.
    pub fn size(&self, group: &str) -> u64 {
        self.of(group).count() as u64
    }

    /// Calls of a group that have been returned to, one way or another.
    pub fn returned(&self, group: &str) -> u64 {
        self.of(group).filter(|call| call.returned.get()).count() as u64
    }

    /// Whether bytes of an answer must move by themselves. Where the host doesn't tell: no.
    pub fn owed(&self) -> bool {
        let (Some(diag), SocketAddr::V4(target)) = (&self.diag, self.target) else {
            return false;
        };
        let calls = self.calls.borrow();
        let waiting = calls.iter().filter(|(_, c)| !c.over.get());
        waiting.take(ASKED).any(|(_, call)| {
            let Some(local) = call.local.get() else {
                return false;
            };
            let theirs = diag.end(target, local);
            matches!(theirs, Ok(Some(end)) if end.state != LISTEN && end.sending())
        })
    }

    fn of(&self, group: &str) -> impl Iterator<Item = Rc<Call>> {
        let calls = self.calls.borrow();
        let found: Vec<_> = calls
            .iter()
            .filter(|(name, _)| name == group)
            .map(|(_, call)| call.clone())
            .collect();
        found.into_iter()
    }
}

/// One call's connection.
struct Line {
    recorder: Rc<Recorder>,
    side: Rc<Side>,
    call: Rc<Call>,
}

impl Line {
    async fn run(self, fd: OwnedFd, request: Vec<u8>) {
        let fault = |error: io::Error| {
            self.recorder.record(Event::Fault {
                message: format!("a call's connection can't be watched: {error}"),
            });
        };
        let watch = match self.side.watch(&fd, side::Interest::WRITE) {
            Ok(watch) => watch,
            Err(error) => return fault(error),
        };
        // Dropped after it: a watch must go before its descriptor.
        let fd = match register(fd, Interest::READABLE | Interest::WRITABLE) {
            Ok(fd) => fd,
            Err(error) => {
                drop(watch);
                return fault(error);
            }
        };
        let mut answer = Vec::new();
        let ending = tokio::select! {
            ending = self.talk(&fd, &watch, &request, &mut answer) => ending,
            () = self.call.stop.notified() => {
                // Without it the connection just closes in order: the submission sees its going either way.
                let _ = sockopt::set_socket_linger(fd.get_ref(), Some(Duration::ZERO));
                CallEnding::World
            }
        };
        drop(watch);
        drop(fd);
        self.end(ending, answer);
    }

    async fn talk(
        &self,
        fd: &tokio::io::unix::AsyncFd<OwnedFd>,
        watch: &side::Watch,
        request: &[u8],
        answer: &mut Vec<u8>,
    ) -> CallEnding {
        let mut sent = 0;
        while sent < request.len() {
            let Ok(mut ready) = fd.writable().await else {
                return CallEnding::Reset;
            };
            self.side.bump();
            if sent == 0 {
                if sockopt::socket_error(fd.get_ref()).map_or(true, |error| error.is_err()) {
                    return CallEnding::Refused;
                }
                let local = rustix::net::getsockname(fd.get_ref()).ok();
                if let Some(Ok(SocketAddr::V4(local))) = local.map(SocketAddr::try_from) {
                    self.call.local.set(Some(local));
                }
            }
            match rustix::net::send(fd.get_ref(), &request[sent..], SendFlags::NOSIGNAL) {
                Ok(n) => sent += n,
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(Errno::INTR) => {}
                Err(_) => return CallEnding::Reset,
            }
        }
        watch.want_write(false);
        watch.want_read(true);
        let mut buffer = vec![0; 16 << 10];
        loop {
            let Ok(mut ready) = fd.readable().await else {
                return CallEnding::Reset;
            };
            match rustix::net::recv(fd.get_ref(), &mut buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => {
                    self.side.bump();
                    return CallEnding::Eof;
                }
                Ok((n, _)) => {
                    self.side.bump();
                    answer.extend_from_slice(&buffer[..n]);
                    if answer.len() > LONGEST || http::parse(answer).is_some_and(|a| a.whole) {
                        return CallEnding::Whole;
                    }
                }
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(Errno::INTR) => {}
                Err(_) => {
                    self.side.bump();
                    return CallEnding::Reset;
                }
            }
        }
    }

    fn end(&self, how: CallEnding, answer: Vec<u8>) {
        if self.call.over.replace(true) {
            return;
        }
        self.call.returned.set(how != CallEnding::World);
        self.side.bump();
        self.recorder.record(Event::Reply {
            call: self.call.id,
            how,
            data: Bytes::of(&answer),
        });
    }
}
