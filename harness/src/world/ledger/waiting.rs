//! What waits for the ledger, or makes it wait.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::Ledger;

/// Work of the world's own; see [`Ledger::work`].
pub struct Work(pub(super) Rc<Ledger>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.busy.set(self.0.busy.get() - 1);
        self.0.touch();
    }
}

/// See [`Ledger::changed`].
pub struct Changed {
    pub(super) ledger: Rc<Ledger>,
    pub(super) version: u64,
}

impl Future for Changed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.ledger.version.get() != self.version {
            return Poll::Ready(());
        }
        let mut waiting = self.ledger.waiting.borrow_mut();
        if !waiting.iter().any(|old| old.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
