//! The body of an ordinary answer, as the server takes it piece by piece.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::ledger::{Ledger, Pass, Ticket};
use crate::evidence::{Ending, Point};
use crate::plan::body::{PIECE, piece};

/// Where the bytes come from.
#[derive(Debug, Clone)]
pub enum Content {
    /// The body with this seed.
    Seeded(u64),
    /// A fixed text.
    Text(&'static str),
    /// Made for this answer.
    Page(Bytes),
}

/// A body that knows its request: it passes the gate and tells the ledger just before its last piece.
pub struct Answer {
    pub ledger: Rc<Ledger>,
    pub ticket: Ticket,
    pub status: u16,
    pub content: Content,
    pub size: u64,
    /// Whether the size is told beforehand.
    pub sized: bool,
    /// Held after the first part; `Some(true)` until all gates are opened.
    pub gate: Option<bool>,
    pub sent: u64,
}

/// Bytes of the part that goes before the gate within a body.
pub fn first_part(size: u64) -> u64 {
    (size / 2).min(16 << 10)
}

impl Answer {
    fn bytes(&self, len: usize) -> Bytes {
        let from = self.sent as usize;
        match &self.content {
            Content::Seeded(seed) => Bytes::from_static(piece(*seed, self.sent, len)),
            Content::Text(text) => Bytes::from_static(&text.as_bytes()[from..from + len]),
            Content::Page(page) => page.slice(from..from + len),
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut end = self.size;
        if let Some(stuck) = self.gate {
            let first = first_part(self.size);
            if self.sent < first {
                end = first;
            } else {
                match self.ledger.poll_gate(self.ticket, Point::Body, stuck, cx) {
                    Poll::Ready(Pass::Go) => self.gate = None,
                    // The connection's task ends it.
                    Poll::Ready(Pass::Gone) | Poll::Pending => return Poll::Pending,
                }
            }
        }
        let len = (end - self.sent).min(PIECE as u64) as usize;
        if len == 0 {
            return Poll::Ready(None);
        }
        let bytes = self.bytes(len);
        self.sent += len as u64;
        if self.sent == self.size {
            self.ledger
                .answer(self.ticket, self.status, self.size, Ending::Complete);
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent == self.size
    }

    fn size_hint(&self) -> SizeHint {
        if self.sized {
            SizeHint::with_exact(self.size - self.sent)
        } else {
            SizeHint::default()
        }
    }
}
