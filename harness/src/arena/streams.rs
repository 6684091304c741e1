//! The submission's standard output and error: read as they come, kept up to a bound, never parsed here.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::Poll;

use crate::world::ready::register;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::evidence::writer::Recorder;
use crate::evidence::{Bytes, Event, Stream};
use crate::world::side::{self, Side, Watch};

/// One output stream of the submission.
pub struct Output {
    stream: Stream,
    watch: RefCell<Option<Watch>>,
    /// Gone once it is closed on our side.
    fd: RefCell<Option<AsyncFd<OwnedFd>>>,
    recorder: Rc<Recorder>,
    side: Rc<Side>,
    /// Bytes that may still be kept.
    room: Cell<u64>,
    dropped: Cell<u64>,
    lines: Cell<u64>,
    /// Pieces read so far, each of which was counted by `side`.
    pieces: Cell<u64>,
    ended: Cell<bool>,
    /// The unfinished UTF-8 sequence at the end of what was read last, so that text stays text.
    rest: RefCell<Vec<u8>>,
}

impl Output {
    /// Takes over the reading end of the pipe.
    ///
    /// # Errors
    /// When the descriptor can't be made non-blocking or registered.
    pub fn new(
        stream: Stream,
        fd: OwnedFd,
        bound: u64,
        recorder: Rc<Recorder>,
        side: Rc<Side>,
    ) -> io::Result<Rc<Output>> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        let watch = RefCell::new(Some(side.watch(&fd, side::Interest::READ)?));
        let fd = RefCell::new(Some(register(fd, Interest::READABLE)?));
        Ok(Rc::new(Output {
            stream,
            watch,
            fd,
            recorder,
            side,
            room: Cell::new(bound),
            dropped: Cell::new(0),
            lines: Cell::new(0),
            pieces: Cell::new(0),
            ended: Cell::new(false),
            rest: RefCell::new(Vec::new()),
        }))
    }

    /// Reads until the stream ends. Run as a task of its own.
    pub async fn pump(self: Rc<Self>) {
        std::future::poll_fn(|cx| {
            while let Some(fd) = self.fd.borrow().as_ref().filter(|_| !self.ended.get()) {
                let Poll::Ready(Ok(mut guard)) = fd.poll_read_ready(cx) else {
                    return Poll::Pending;
                };
                if !self.read(fd.get_ref()) {
                    guard.clear_ready();
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Reads all that is there now. Returns whether the stream has ended.
    pub fn drain(&self) -> bool {
        match self.fd.borrow().as_ref() {
            Some(fd) => self.read(fd.get_ref()),
            None => self.ended.get(),
        }
    }

    /// Closes our end: from now on the submission speaks to nobody. False if it has closed its own before.
    pub fn shut(&self) -> bool {
        if self.drain() {
            return false;
        }
        self.flush_rest();
        self.ended.set(true);
        self.watch.take();
        self.fd.take();
        self.side.bump();
        self.recorder.record(Event::OutputClosed {
            stream: self.stream,
        });
        true
    }

    fn read(&self, fd: &OwnedFd) -> bool {
        let mut buffer = [0u8; 16 << 10];
        while !self.ended.get() {
            match rustix::io::read(fd, &mut buffer) {
                Ok(0) => self.end(),
                Ok(n) => self.take(&buffer[..n]),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => self.end(),
            }
        }
        self.ended.get()
    }

    /// Lines seen so far, an unfinished last one not counted.
    pub fn lines(&self) -> u64 {
        self.lines.get()
    }

    /// Pieces seen so far: how much of what the side counts was mere printing.
    pub fn pieces(&self) -> u64 {
        self.pieces.get()
    }

    /// Says how much was not kept. Call once, when the run is over.
    pub fn close(&self) {
        self.flush_rest();
        if self.dropped.get() > 0 {
            self.recorder.record(Event::OutputDropped {
                stream: self.stream,
                bytes: self.dropped.get(),
            });
        }
    }

    fn take(&self, bytes: &[u8]) {
        self.side.bump();
        self.pieces.set(self.pieces.get() + 1);
        self.lines
            .set(self.lines.get() + bytes.iter().filter(|&&b| b == b'\n').count() as u64);
        let keep = usize::try_from(self.room.get())
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        self.room.set(self.room.get() - keep as u64);
        self.dropped
            .set(self.dropped.get() + (bytes.len() - keep) as u64);
        if keep > 0 {
            let mut whole = self.rest.take();
            whole.extend_from_slice(&bytes[..keep]);
            let cut = whole.len() - unfinished(&whole);
            self.rest.replace(whole.split_off(cut));
            self.record(&whole);
        }
    }

    fn record(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.recorder.record(Event::Output {
                stream: self.stream,
                data: Bytes::of(bytes),
            });
        }
    }

    fn flush_rest(&self) {
        let rest = self.rest.take();
        self.record(&rest);
    }

    fn end(&self) {
        self.side.bump();
        self.watch.take();
        self.ended.set(true);
        self.flush_rest();
        self.recorder.record(Event::OutputEnd {
            stream: self.stream,
        });
    }
}

/// Bytes at the end that may be the start of a UTF-8 sequence still to come.
fn unfinished(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(e) if e.error_len().is_none() => bytes.len() - e.valid_up_to(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sequence_that_may_still_be_finished_is_kept_back() {
        assert_eq!(unfinished("aä".as_bytes()), 0);
        assert_eq!(unfinished(&"aä".as_bytes()[..2]), 1);
        assert_eq!(unfinished(&"a€".as_bytes()[..3]), 2);
        assert_eq!(unfinished(b"a\xff"), 0, "never text");
    }

    #[test]
    fn bytes_are_kept_without_loss() {
        assert_eq!(Bytes::of(b"h\xc3\xa9"), Bytes::Text("hé".into()));
        assert_eq!(Bytes::of(b"\xff\x00"), Bytes::Base64("/wA=".into()));
    }
}
