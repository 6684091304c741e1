//! The submission's standard input: bytes that the script feeds go in as fast as they are taken.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::Poll;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::stage::Stage;
use crate::evidence::writer::Recorder;
use crate::evidence::{Bytes, Event, StepOutcome};
use crate::plan::lines;
use crate::plan::seed::Dice;
use crate::task::amount::AmountError;
use crate::task::stream::Feed as Lines;
use crate::world::ready::register;
use crate::world::side::{self, Side, Watch};

/// The writing end of standard input.
pub struct Feed {
    recorder: Rc<Recorder>,
    side: Rc<Side>,
    queue: RefCell<VecDeque<u8>>,
    /// Nothing more will be fed.
    ending: Cell<bool>,
    // Goes before the descriptor that it watches.
    watch: RefCell<Option<Watch>>,
    fd: RefCell<Option<AsyncFd<OwnedFd>>>,
    task: RefCell<Option<std::task::Waker>>,
}

impl Feed {
    /// Takes over the writing end of the pipe.
    ///
    /// # Errors
    /// When the descriptor can't be made non-blocking or registered.
    pub fn new(fd: OwnedFd, recorder: Rc<Recorder>, side: Rc<Side>) -> io::Result<Rc<Feed>> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        let watch = side.watch(&fd, side::Interest::NONE)?;
        Ok(Rc::new(Feed {
            recorder,
            side,
            queue: RefCell::default(),
            ending: Cell::new(false),
            watch: RefCell::new(Some(watch)),
            fd: RefCell::new(Some(register(fd, Interest::WRITABLE)?)),
            task: RefCell::default(),
        }))
    }

    /// Writes whenever there is something to write and room for it. Run as a task of its own.
    pub async fn pump(self: Rc<Self>) {
        std::future::poll_fn(|cx| {
            self.task.replace(Some(cx.waker().clone()));
            while let Some(fd) = self.fd.borrow().as_ref() {
                if self.queue.borrow().is_empty() {
                    if self.ending.get() {
                        break;
                    }
                    return Poll::Pending;
                }
                let Poll::Ready(Ok(mut guard)) = fd.poll_write_ready(cx) else {
                    return Poll::Pending;
                };
                if !self.write(fd.get_ref()) {
                    guard.clear_ready();
                }
            }
            Poll::Ready(())
        })
        .await;
        self.close();
    }

    /// Feeds these bytes, after those that still wait.
    pub fn push(&self, bytes: &[u8]) {
        if self.fd.borrow().is_none() || self.ending.get() {
            return;
        }
        self.say(bytes, false);
        self.queue.borrow_mut().extend(bytes);
        self.go_on();
    }

    /// Ends standard input, once all that was fed is written.
    pub fn end(&self) {
        if !self.ending.replace(true) {
            self.say(&[], true);
            self.go_on();
        }
    }

    fn say(&self, bytes: &[u8], end: bool) {
        let data: Bytes = Bytes::of(bytes);
        self.recorder.record(Event::Input { data, end });
        self.side.bump();
    }

    fn go_on(&self) {
        if let Some(fd) = self.fd.borrow().as_ref() {
            self.write(fd.get_ref());
        }
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    /// Writes what there is room for. False when there was none left.
    fn write(&self, fd: &OwnedFd) -> bool {
        let mut queue = self.queue.borrow_mut();
        while !queue.is_empty() {
            match rustix::io::write(fd, queue.as_slices().0) {
                Ok(n) => {
                    queue.drain(..n);
                    self.side.bump();
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    self.want(true);
                    return false;
                }
                // Nobody reads any more: what is left goes nowhere.
                Err(_) => queue.clear(),
            }
        }
        self.want(false);
        true
    }

    fn want(&self, wanted: bool) {
        if let Some(watch) = self.watch.borrow().as_ref() {
            watch.want_write(wanted);
        }
    }

    fn close(&self) {
        self.watch.take();
        self.fd.take();
    }
}

impl Stage {
    /// Feeds the lines of a step; which ones is told by the run's seed and the step's number.
    pub(super) fn feed(&self, step: usize, feed: &Lines) -> Result<StepOutcome, AmountError> {
        let Some(input) = self.input.as_ref().filter(|_| !self.exited.get()) else {
            return Ok(StepOutcome::Idle);
        };
        let text = feed
            .holding
            .as_ref()
            .and_then(|name| self.plan.params.get(name))
            .map(ToString::to_string);
        let lines = lines::Lines {
            count: self.plan.amount(&feed.lines)?,
            size: feed.size,
            holding: text.as_ref().map(String::as_bytes),
            made_of: feed.made_of,
            newline: feed.newline,
        };
        let mut dice = Dice::new(self.plan.seed, &format!("feed {step}"));
        input.push(&lines.bytes(&mut dice));
        Ok(StepOutcome::Reached)
    }

    pub(super) fn end_input(&self) -> StepOutcome {
        match &self.input {
            Some(input) => {
                input.end();
                StepOutcome::Reached
            }
            None => StepOutcome::Idle,
        }
    }

    pub(super) fn close_output(&self) -> StepOutcome {
        if self.out.shut() {
            StepOutcome::Reached
        } else {
            StepOutcome::Idle
        }
    }
}
