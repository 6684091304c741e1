//! One connection to the origin: its socket, what was read ahead of the server, and the heads found
//! in it.
//!
//! While a request is parked the server reads nothing, but requests sent behind it are in flight as
//! well, and the client's hanging up must be noticed. So the connection is read on, up to a bound.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddrV4;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use hyper::rt::ReadBufCursor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::heads::{Head, Scanner};
use super::side::{Side, Watch};

/// Most bytes read ahead behind a parked request.
const AHEAD: usize = 64 << 10;

/// What reading has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    Open,
    /// The client ended its stream: it closed, or it will send nothing more.
    Ended,
    /// The connection broke.
    Broken,
}

/// Called with each head that the connection's bytes complete.
pub type OnHead<T> = Box<dyn Fn(Head<'_>) -> T>;

/// A connection. `T` is what stands for a request whose head was found.
pub struct Wire<T> {
    // Before the stream, as a watch must end before its descriptor does.
    watch: Watch,
    stream: RefCell<TcpStream>,
    side: Rc<Side>,
    /// The client's address.
    pub peer: SocketAddrV4,
    /// Ours.
    pub local: SocketAddrV4,
    ahead: RefCell<BytesMut>,
    scanner: RefCell<Scanner>,
    on_head: OnHead<T>,
    found: RefCell<VecDeque<T>>,
    reading: Cell<Reading>,
    write_blocked: Cell<bool>,
    hung_up: Cell<bool>,
    /// Whether somebody waits for bytes since the connection's task was last polled.
    awaited: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl<T> Wire<T> {
    pub fn new(
        stream: TcpStream,
        side: &Rc<Side>,
        peer: SocketAddrV4,
        local: SocketAddrV4,
        on_head: OnHead<T>,
    ) -> io::Result<Wire<T>> {
        Ok(Wire {
            watch: side.watch(&stream, super::side::Interest::READ)?,
            stream: RefCell::new(stream),
            side: Rc::clone(side),
            peer,
            local,
            ahead: RefCell::default(),
            scanner: RefCell::default(),
            on_head,
            found: RefCell::default(),
            reading: Cell::new(Reading::Open),
            write_blocked: Cell::new(false),
            hung_up: Cell::new(false),
            awaited: Cell::new(false),
            waker: RefCell::default(),
        })
    }

    /// The next request whose head was found and that nobody has taken up.
    pub fn next(&self) -> Option<T> {
        self.found.borrow_mut().pop_front()
    }

    pub fn reading(&self) -> Reading {
        self.reading.get()
    }

    /// Whether bytes wait for room in the kernel.
    pub fn write_blocked(&self) -> bool {
        self.write_blocked.get()
    }

    /// Whether the client was found to be gone.
    pub fn hung_up(&self) -> bool {
        self.hung_up.get()
    }

    /// Whether the kernel shows that the client's end may be gone.
    pub fn suspect(&self) -> bool {
        self.reading.get() != Reading::Open || self.watch.hung_up()
    }

    /// Tells the connection's task that the client is gone.
    pub fn hang_up(&self) {
        self.hung_up.set(true);
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The socket, for options.
    pub fn with_stream<R>(&self, act: impl FnOnce(&TcpStream) -> R) -> R {
        act(&self.stream.borrow())
    }

    /// To be called whenever the connection's task is polled, before anything reads.
    pub fn begin_turn(&self) {
        self.awaited.set(false);
    }

    /// Whether somebody waits for bytes since then; if not, there is a need to [`read_ahead`](Self::read_ahead).
    pub fn awaited(&self) -> bool {
        self.awaited.get()
    }

    /// Reads on behind a request that is being answered, and has the task woken by whatever the client
    /// does. Says what reading has come to.
    pub fn read_ahead(&self, cx: &mut Context<'_>) -> Reading {
        {
            let mut waker = self.waker.borrow_mut();
            if !waker.as_ref().is_some_and(|old| old.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
        }
        let mut ahead = self.ahead.borrow_mut();
        while self.reading.get() == Reading::Open {
            if ahead.len() >= AHEAD {
                self.watch.want_read(false);
                self.watch.on_hang_up(cx.waker());
                break;
            }
            ahead.reserve(4 << 10);
            let room = ahead.spare_capacity_mut();
            let mut buffer = ReadBuf::uninit(room);
            if self.poll_fill(cx, &mut buffer).is_pending() {
                break;
            }
            let n = buffer.filled().len();
            let len = ahead.len() + n;
            // SAFETY: the read initialised `n` bytes of the spare capacity.
            unsafe { ahead.set_len(len) };
        }
        self.reading.get()
    }

    /// Reads once from the socket; finds the heads in it. An end or an error is noted in `reading`.
    fn poll_fill(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Not borrowed any longer: the heads found below may have this connection looked at.
        let read = Pin::new(&mut *self.stream.borrow_mut()).poll_read(cx, buffer);
        self.watch.want_read(read.is_pending());
        self.awaited.set(read.is_pending());
        match &read {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => self.end(Reading::Ended),
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => self.end(Reading::Broken),
        }
        self.side.bump();
        let mut found = self.found.borrow_mut();
        self.scanner.borrow_mut().feed(buffer.filled(), |head| {
            found.push_back((self.on_head)(head))
        });
        read
    }

    fn end(&self, reading: Reading) {
        self.reading.set(reading);
        self.watch.read_out();
    }

    fn poll_take(
        &self,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut ahead = self.ahead.borrow_mut();
        if !ahead.is_empty() {
            let n = ahead.len().min(buffer.remaining());
            buffer.put_slice(&ahead[..n]);
            ahead.advance(n);
            return Poll::Ready(Ok(()));
        }
        drop(ahead);
        match self.reading.get() {
            Reading::Open => {}
            Reading::Ended => return Poll::Ready(Ok(())),
            Reading::Broken => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
        // SAFETY: the slice is only handed to a `ReadBuf`, which never makes a byte uninitialised.
        let mut room = ReadBuf::uninit(unsafe { buffer.as_mut() });
        let read = self.poll_fill(cx, &mut room);
        let n = room.filled().len();
        // SAFETY: the read initialised so many bytes at the start of the slice.
        unsafe { buffer.advance(n) };
        read
    }

    fn poll_put<R>(
        &self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        let mut stream = self.stream.borrow_mut();
        let written = write(Pin::new(&mut *stream), cx);
        let blocked = written.is_pending();
        if self.write_blocked.replace(blocked) != blocked {
            self.watch.want_write(blocked);
        }
        if !blocked {
            self.side.bump();
        }
        written
    }

    /// Writes some of these bytes.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_put(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    /// Ends our stream.
    pub fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_put(cx, |stream, cx| stream.poll_shutdown(cx))
    }
}

/// The server's handle on a connection.
pub struct Tap<T>(pub Rc<Wire<T>>);

impl<T> hyper::rt::Read for Tap<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_take(cx, buffer)
    }
}

impl<T> hyper::rt::Write for Tap<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket has no buffer of its own to flush.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0
            .poll_put(cx, |stream, cx| stream.poll_write_vectored(cx, parts))
    }
}
