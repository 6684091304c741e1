//! One client: a connection, what it still has to say, and what must come back.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;

use crate::world::ready::register;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, sockopt,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use super::lines::Lines;
use super::message::Message;
use super::tally::Tally;
use crate::evidence::writer::Recorder;
use crate::evidence::{ClientEnding, Event};
use crate::world::diag::{Diag, LISTEN};
use crate::world::side::{self, Side, Watch};

/// What the swarm's clients share.
pub struct Shared {
    pub recorder: Rc<Recorder>,
    pub side: Rc<Side>,
    pub target: SocketAddr,
    /// Absent where the host doesn't let us ask about sockets.
    pub diag: Option<Rc<Diag>>,
    /// Counts over the clients of all groups.
    pub all: Tally,
    /// Counts what happens to clients.
    pub news: Cell<u64>,
}

impl Shared {
    pub(super) fn bump(&self) {
        self.side.bump();
        self.news.set(self.news.get().wrapping_add(1));
    }
}

/// Most that one turn sends or receives, so that one loud connection doesn't keep the others waiting.
const TURN: u64 = 512 << 10;

/// How far a client's connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Connecting,
    Open,
    /// The connection was refused, or broke before it was made.
    Failed,
    /// The submission's end of stream, a reset, or our own close.
    Ended(ClientEnding),
}

/// A socket and its entry in the side epoll, which must go first.
pub(super) struct Socket {
    pub(super) watch: Watch,
    pub(super) fd: AsyncFd<OwnedFd>,
}

/// A client of the submission.
pub struct Client {
    pub id: u32,
    pub group: u16,
    pub(super) shared: Rc<Shared>,
    tally: Rc<Tally>,
    /// Its own address, once it has one.
    pub(super) local: Cell<Option<SocketAddrV4>>,
    pub(super) socket: RefCell<Option<Rc<Socket>>>,
    phase: Cell<Phase>,
    reading: Cell<bool>,
    pub(super) outbox: RefCell<VecDeque<Message>>,
    /// Offset of what is sent next within the outbox's first message.
    out_at: Cell<u64>,
    sent: Cell<u64>,
    finish: Cell<bool>,
    finished: Cell<bool>,
    /// Bytes that may be sent now; the rest waits for the script (pieces).
    allowance: Cell<u64>,
    pub(super) inbox: RefCell<VecDeque<Message>>,
    in_at: Cell<u64>,
    pub(super) received: Cell<u64>,
    pub(super) due: Cell<u64>,
    unraised: Cell<u64>,
    /// Set once it speaks in lines.
    lines: RefCell<Option<Lines>>,
    /// Where the connection was made by the submission: its address.
    pub(super) theirs: Cell<Option<SocketAddrV4>>,
    /// The end of its stream has come, and we may still speak.
    pub(super) heard_end: Cell<bool>,
    pub(super) wrong: Cell<bool>,
    echoed: Cell<bool>,
    /// When the connect, and the last `send`, began, by the run's clock.
    begun: Cell<u64>,
    spoke: Cell<u64>,
    /// What the evidence knows of bytes sent and received.
    reported: Cell<(u64, u64)>,
    woken: Notify,
}

impl Client {
    /// Starts to connect. The caller runs [`Client::live`] as a task.
    ///
    /// # Errors
    /// When the host gives no socket (descriptors, ports): the harness's own limit, never the submission's.
    pub fn connect(
        id: u32,
        (group, tally): (u16, Rc<Tally>),
        reading: bool,
        source: SocketAddr,
        shared: Rc<Shared>,
    ) -> io::Result<Rc<Client>> {
        let fd = rustix::net::socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
            None,
        )?;
        sockopt::set_tcp_nodelay(&fd, true)?;
        sockopt::set_socket_reuseaddr(&fd, true)?;
        // The port is chosen at the connect, where only the whole 4-tuple must be unique: choosing it here
        // would search ever longer as the ports fill up.
        choose_port_late(&fd)?;
        rustix::net::bind(&fd, &source)?;
        let at = shared.recorder.now();
        let begun = rustix::net::connect(&fd, &shared.target);
        let client = Rc::new(Client::new(id, (group, tally), reading, at, shared));
        for tally in client.tallies() {
            tally.size.set(tally.size.get() + 1);
            tally.enter(Phase::Connecting);
            tally.echoed.set(tally.echoed.get() + 1);
        }
        match begun {
            Ok(()) | Err(Errno::INPROGRESS) => {
                let watch = client.shared.side.watch(&fd, side::Interest::WRITE)?;
                let fd = register(fd, Interest::READABLE | Interest::WRITABLE)?;
                client.socket.replace(Some(Rc::new(Socket { watch, fd })));
            }
            Err(error) => client.fail(error),
        }
        Ok(client)
    }

    pub(super) fn new(
        id: u32,
        (group, tally): (u16, Rc<Tally>),
        reading: bool,
        at: u64,
        shared: Rc<Shared>,
    ) -> Client {
        Client {
            id,
            group,
            socket: RefCell::new(None),
            phase: Cell::new(Phase::Connecting),
            reading: Cell::new(reading),
            outbox: RefCell::default(),
            out_at: Cell::new(0),
            sent: Cell::new(0),
            finish: Cell::new(false),
            finished: Cell::new(false),
            allowance: Cell::new(0),
            inbox: RefCell::default(),
            in_at: Cell::new(0),
            received: Cell::new(0),
            due: Cell::new(0),
            unraised: Cell::new(0),
            lines: RefCell::default(),
            theirs: Cell::new(None),
            heard_end: Cell::new(false),
            wrong: Cell::new(false),
            echoed: Cell::new(true),
            begun: Cell::new(at),
            spoke: Cell::new(at),
            reported: Cell::default(),
            woken: Notify::new(),
            local: Cell::new(None),
            tally,
            shared,
        }
    }

    /// Moves bytes until the connection has ended and nothing is left to do.
    pub async fn live(self: Rc<Self>) {
        loop {
            let Some(socket) = self.socket.borrow().clone() else {
                return;
            };
            let fd = &socket.fd;
            let wants_out = self.wants_out();
            let wants_in = self.wants_in();
            // By the time that one of these is ready, the script may have ended the connection or the reading.
            tokio::select! {
                ready = fd.writable(), if wants_out => match ready {
                    Ok(mut guard) => if self.wants_out() && !self.push(guard.get_inner()) { guard.clear_ready(); },
                    Err(_) => return,
                },
                ready = fd.readable(), if wants_in => match ready {
                    Ok(mut guard) => if self.wants_in() && !self.pull(guard.get_inner()) { guard.clear_ready(); },
                    Err(_) => return,
                },
                () = self.woken.notified() => {}
            }
            self.arm();
        }
    }

    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Everything that was said has come back as it must (in upper case or as it was).
    pub fn echoed(&self) -> bool {
        if let Some(lines) = &*self.lines.borrow() {
            return lines.answered() && self.outbox.borrow().is_empty();
        }
        !self.wrong.get()
            && self.received.get() == self.due.get()
            && self.outbox.borrow().is_empty()
    }

    /// Everything that was sent so far has come back.
    pub fn up_to_date(&self) -> bool {
        self.received.get() == self.sent.get()
    }

    /// Whether bytes between us and the submission must move by themselves soon: ours to an end that has
    /// read everything, or its own to us, who read. Where the host doesn't tell: no.
    pub fn owed(&self) -> bool {
        let (Some(diag), Some(local)) = (&self.shared.diag, self.local.get()) else {
            return false;
        };
        let (Some(socket), SocketAddr::V4(target)) = (&*self.socket.borrow(), self.shared.target)
        else {
            return false;
        };
        if self.phase.get() != Phase::Open {
            return false;
        }
        let (near, far) = match self.theirs.get() {
            Some(theirs) => (theirs, target),
            None => (target, local),
        };
        let Ok(Some(theirs)) = diag.end(near, far) else {
            return false;
        };
        if theirs.state == LISTEN {
            return false;
        }
        let ours = || ioctl_outq(socket.fd.get_ref()).unwrap_or(0);
        (self.reading.get() && theirs.sending())
            || (theirs.held() && theirs.unread == 0 && ours() > 0)
    }

    pub(super) fn tallies(&self) -> [&Tally; 2] {
        [&self.tally, &self.shared.all]
    }

    pub(super) fn enter(&self, phase: Phase) {
        let old = self.phase.replace(phase);
        for tally in self.tallies() {
            tally.leave(old);
            tally.enter(phase);
        }
    }

    /// Keeps the counts of those who got everything.
    pub(super) fn recount(&self) {
        let now = self.echoed();
        if self.echoed.replace(now) != now {
            for tally in self.tallies() {
                let count = tally.echoed.get();
                tally.echoed.set(if now {
                    count + 1
                } else {
                    count.saturating_sub(1)
                });
            }
        }
    }

    pub fn received(&self) -> u64 {
        self.received.get()
    }

    /// Adds a message; up to `allowed` bytes of what is unsent may go at once.
    pub fn say(&self, message: Message, allowed: u64) {
        self.due.set(self.due.get() + message.len());
        self.outbox.borrow_mut().push_back(message.clone());
        self.inbox.borrow_mut().push_back(message);
        self.recount();
        self.allow(allowed);
    }

    /// Adds lines that it asks one after the other, each with the entry of the list that it names.
    pub fn ask(&self, asked: impl IntoIterator<Item = (String, Option<u32>)>) {
        self.lines
            .borrow_mut()
            .get_or_insert_default()
            .extend(asked);
        self.ask_next();
        self.recount();
    }

    /// Sends the next line, if the one before was answered.
    fn ask_next(&self) {
        let next = self.lines.borrow_mut().as_mut().and_then(Lines::next);
        let Some((mut line, item)) = next else {
            return;
        };
        self.shared.recorder.record(Event::ClientAsked {
            client: self.id,
            line: line.clone(),
            item,
        });
        line.push('\n');
        let message = Message::literal(line.as_bytes());
        let all = message.len();
        self.outbox.borrow_mut().push_back(message);
        self.allow(all);
    }

    /// Lets further bytes of what is unsent go.
    pub fn allow(&self, bytes: u64) {
        self.allowance
            .set(self.allowance.get().saturating_add(bytes));
        self.wake();
    }

    /// Bytes that are said but not yet sent.
    pub fn unsent(&self) -> u64 {
        let outbox = self.outbox.borrow();
        outbox
            .iter()
            .map(Message::len)
            .sum::<u64>()
            .saturating_sub(self.out_at.get())
    }

    /// Turns reading on or off.
    pub fn read(&self, on: bool) {
        self.reading.set(on);
        self.wake();
    }

    /// Half-closes once everything is sent.
    pub fn finish(&self) {
        self.finish.set(true);
        self.wake();
    }

    /// Ends the connection now: orderly, or by a reset.
    pub fn close(&self, reset: bool) {
        if matches!(self.phase.get(), Phase::Connecting | Phase::Open) {
            if reset && let Some(socket) = self.socket.borrow().as_ref() {
                // Without it the connection just closes in order: the evidence says so either way.
                let _ = sockopt::set_socket_linger(
                    socket.fd.get_ref(),
                    Some(std::time::Duration::ZERO),
                );
            }
            self.end(ClientEnding::World);
        }
    }

    /// Goes without a word, at the end of a run.
    pub fn leave(&self) {
        if matches!(self.phase.get(), Phase::Connecting | Phase::Open) {
            self.enter(Phase::Ended(ClientEnding::World));
            self.drop_socket();
        }
    }

    /// Records how far the client has come, where that isn't known yet.
    pub fn report(&self) {
        let now = (self.sent.get(), self.received.get());
        let known = self.reported.replace(now);
        if known.0 != now.0 {
            self.tell_sent();
        }
        if known.1 != now.1 {
            let (total, unraised) = (now.1, self.unraised.get());
            self.shared.recorder.record(Event::ClientReceived {
                client: self.id,
                total,
                unraised,
            });
        }
    }

    fn tell_sent(&self) {
        self.shared.recorder.record(Event::ClientSent {
            client: self.id,
            total: self.sent.get(),
            begun: Some(self.spoke.get()),
        });
    }

    fn wants_in(&self) -> bool {
        self.phase.get() == Phase::Open && self.reading.get() && !self.heard_end.get()
    }

    fn wants_out(&self) -> bool {
        match self.phase.get() {
            Phase::Connecting => true,
            Phase::Open => {
                let sendable = !self.outbox.borrow().is_empty() && self.allowance.get() > 0;
                sendable
                    || (self.finish.get()
                        && !self.finished.get()
                        && self.outbox.borrow().is_empty())
            }
            _ => false,
        }
    }

    fn wake(&self) {
        self.arm();
        self.woken.notify_one();
    }

    /// Tells the side epoll what would be work for us on this descriptor.
    pub(super) fn arm(&self) {
        if let Some(socket) = self.socket.borrow().as_ref() {
            socket.watch.want_read(self.wants_in());
            socket.watch.want_write(self.wants_out());
        }
    }

    /// Writes while the kernel takes it. Returns false when it would block.
    fn push(&self, fd: &OwnedFd) -> bool {
        if self.phase.get() == Phase::Connecting && !self.connected(fd) {
            return self.phase.get() != Phase::Connecting;
        }
        self.shared.bump();
        let mut outbox = self.outbox.borrow_mut();
        let turn = self.sent.get() + TURN;
        while let Some(message) = outbox.front() {
            if self.sent.get() >= turn {
                return true;
            }
            let bytes = message.at(self.out_at.get());
            let n = bytes
                .len()
                .min(usize::try_from(self.allowance.get()).unwrap_or(usize::MAX));
            if n == 0 && !message.is_empty() {
                return true;
            }
            let at = self.shared.recorder.now();
            match rustix::net::send(fd, &bytes[..n], SendFlags::NOSIGNAL) {
                Ok(n) => {
                    self.spoke.set(at);
                    self.out_at.set(self.out_at.get() + n as u64);
                    self.sent.set(self.sent.get() + n as u64);
                    self.allowance.set(self.allowance.get() - n as u64);
                }
                Err(Errno::AGAIN) => return false,
                Err(Errno::INTR) => {}
                Err(_) => {
                    // The reading side tells how the connection ended, after what is still to be read.
                    outbox.clear();
                    drop(outbox);
                    self.allowance.set(0);
                    self.recount();
                    if self.theirs.get().is_some() && !self.reading.get() {
                        self.end(ClientEnding::Reset);
                    }
                    return true;
                }
            }
            if self.out_at.get() == message.len() {
                outbox.pop_front();
                self.out_at.set(0);
                self.reported.set((self.sent.get(), self.reported.get().1));
                self.tell_sent();
            }
        }
        drop(outbox);
        self.recount();
        if self.finish.get() && !self.finished.replace(true) {
            // A connection that is gone already is told by the reading side.
            let _ = rustix::net::shutdown(fd, Shutdown::Write);
            self.shared
                .recorder
                .record(Event::ClientFinished { client: self.id });
        }
        true
    }

    fn connected(&self, fd: &OwnedFd) -> bool {
        match sockopt::socket_error(fd) {
            Ok(Ok(())) if rustix::net::getpeername(fd).is_ok() => {
                self.enter(Phase::Open);
                if let Ok(local) = rustix::net::getsockname(fd) {
                    self.local.set(SocketAddrV4::try_from(local).ok());
                }
                self.shared.bump();
                self.shared.recorder.record(Event::ClientOpen {
                    client: self.id,
                    group: self.group,
                    begun: Some(self.begun.get()),
                });
                true
            }
            Ok(Ok(())) => false,
            Ok(Err(error)) | Err(error) => {
                self.fail(error);
                false
            }
        }
    }

    /// Reads all that is there. Returns false when it would block.
    fn pull(&self, fd: &OwnedFd) -> bool {
        let mut buffer = [0u8; 32 << 10];
        for _ in 0..TURN / buffer.len() as u64 {
            match rustix::net::recv(fd, &mut buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => {
                    if self.theirs.get().is_some() {
                        self.half_end();
                    } else {
                        self.end(ClientEnding::Eof);
                    }
                    return true;
                }
                Ok((n, _)) => self.take(&buffer[..n]),
                Err(Errno::AGAIN) => return false,
                Err(Errno::INTR) => {}
                Err(_) => {
                    self.end(ClientEnding::Reset);
                    return true;
                }
            }
        }
        true
    }

    fn take(&self, mut got: &[u8]) {
        self.shared.bump();
        if self.lines.borrow().is_some() {
            return self.take_lines(got);
        }
        let mut inbox = self.inbox.borrow_mut();
        while !got.is_empty() {
            let at = self.received.get();
            let Some(message) = inbox.front() else {
                drop(inbox);
                self.mismatch(at, String::new(), got);
                return;
            };
            let room = message.len() - self.in_at.get();
            let (part, rest) =
                got.split_at(got.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            let compared = message.compare(self.in_at.get(), part);
            if let Some(i) = compared.mismatch {
                let due = message.at(self.in_at.get() + i as u64);
                let due = String::from_utf8_lossy(&due[..due.len().min(16)]).into_owned();
                drop(inbox);
                self.mismatch(at + i as u64, due, &part[i..]);
                return;
            }
            self.unraised.set(self.unraised.get() + compared.unraised);
            self.received.set(at + part.len() as u64);
            self.in_at.set(self.in_at.get() + part.len() as u64);
            if self.in_at.get() == message.len() {
                inbox.pop_front();
                self.in_at.set(0);
            }
            got = rest;
        }
        let caught_up = inbox.is_empty();
        drop(inbox);
        self.recount();
        if caught_up {
            self.report();
        }
    }

    fn take_lines(&self, got: &[u8]) {
        self.received.set(self.received.get() + got.len() as u64);
        let told = match &mut *self.lines.borrow_mut() {
            Some(lines) => lines.take(got),
            None => Vec::new(),
        };
        for line in told {
            self.shared.recorder.record(Event::ClientTold {
                client: self.id,
                line,
            });
            self.ask_next();
        }
        self.recount();
    }

    /// Said once: after the first wrong byte nothing that follows means anything.
    fn mismatch(&self, at: u64, expected: String, got: &[u8]) {
        if !self.wrong.replace(true) {
            let got = String::from_utf8_lossy(&got[..got.len().min(16)]).into_owned();
            self.shared.recorder.record(Event::ClientMismatch {
                client: self.id,
                at,
                expected,
                got,
            });
        }
        self.inbox.borrow_mut().clear();
        self.recount();
    }

    fn fail(&self, error: Errno) {
        self.enter(Phase::Failed);
        self.drop_socket();
        let error = io::Error::from(error).to_string();
        self.shared.recorder.record(Event::ClientRefused {
            client: self.id,
            group: self.group,
            error,
        });
    }

    fn end(&self, how: ClientEnding) {
        self.report();
        self.enter(Phase::Ended(how));
        self.drop_socket();
        self.shared.recorder.record(Event::ClientEnd {
            client: self.id,
            how,
        });
    }

    fn drop_socket(&self) {
        self.shared.bump();
        self.socket.take();
        self.woken.notify_one();
    }
}

/// Bytes that the other end has not acknowledged: `SIOCOUTQ` of tcp(7), the same number as `TIOCOUTQ`.
fn ioctl_outq(fd: &OwnedFd) -> io::Result<u32> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the kernel writes one int, which lives across the call.
    let done = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(u32::try_from(bytes).unwrap_or(0))
    }
}

/// `IP_BIND_ADDRESS_NO_PORT` of ip(7).
fn choose_port_late(fd: &OwnedFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the kernel reads one int, which lives across the call.
    let done = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
