//! The proof that nothing of ours is runnable: the event loop went to sleep.
//!
//! However often a task yields, others may still be waiting for their turn; only the hook that the
//! runtime calls before it sleeps knows that all of its queues are empty. Together with a side epoll
//! that shows nothing, everything that reached us has then been handled.
//!
//! Outside of both proofs, and so not to be used in an arena: other threads, `spawn_blocking`, signals
//! and child processes by way of the runtime, and timers that are due.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use super::side::Side;

#[derive(Default)]
struct Park {
    wanted: Cell<bool>,
    idle: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    side: RefCell<Weak<Side>>,
}

thread_local! {
    static PARK: Park = Park::default();
}

/// To be given to `Builder::on_thread_park` of the arena's runtime.
pub fn hook() {
    PARK.with(|park| {
        if !park.wanted.get() {
            return;
        }
        let Some(side) = park.side.borrow().upgrade() else {
            return;
        };
        if side.ready() {
            // Something arrived after the tasks ran: the sleep will be short, and the hook called again.
            return;
        }
        park.wanted.set(false);
        park.idle.set(true);
        let waker = park.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    });
}

impl Side {
    /// Waits until the runtime had nothing runnable and no watched descriptor was ready, both at once.
    /// As long as nothing is awaited afterwards, no task can run, and [`ready`](Self::ready) alone tells
    /// of news. Needs [`hook`] in the runtime, and only one may wait in a thread at a time: from a task,
    /// not from the future given to `block_on`.
    pub fn drain(self: &Rc<Side>) -> Drain {
        Drain {
            side: Rc::clone(self),
            asked: false,
        }
    }
}

/// See [`Side::drain`].
pub struct Drain {
    side: Rc<Side>,
    asked: bool,
}

impl Future for Drain {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        PARK.with(|park| {
            if self.asked && park.idle.take() {
                self.asked = false;
                return Poll::Ready(());
            }
            if !self.asked {
                self.asked = true;
                park.idle.set(false);
                *park.side.borrow_mut() = Rc::downgrade(&self.side);
            }
            park.wanted.set(true);
            *park.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        if self.asked {
            PARK.with(|park| {
                park.wanted.set(false);
                park.idle.set(false);
                park.waker.borrow_mut().take();
            });
        }
    }
}
