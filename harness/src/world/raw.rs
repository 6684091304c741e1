//! Answers that no proper server would give, written on the socket itself.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::answer::first_part;
use super::ledger::{Pass, Ticket};
use super::serve::{Ask, Site};
use super::wire::Wire;
use crate::evidence::{Ending, Point};
use crate::plan::Item;
use crate::plan::body::PIECE;
use crate::task::world::{Answer, Framing};

/// Pieces that a dripping answer comes in, at most, and the pause between two.
const DRIPS: u64 = 64;
const PAUSE: Duration = Duration::from_millis(1);

/// What is to be said on a connection that was taken over from the server.
pub struct Saying {
    pub ticket: Ticket,
    /// The entry of the list that was asked for.
    pub item: u32,
    /// The client speaks HTTP/1.0.
    pub old: bool,
    /// It asked for the head alone.
    pub bare: bool,
}

/// Says it and ends the connection (by a reset where the answer is one, else when it is dropped). A client
/// that goes away ends this early: the ledger learns that from the connection's task.
pub async fn say(site: &Rc<Site>, wire: &Wire<Ask>, saying: Saying) {
    let item = &site.items[saying.item as usize];
    let speech = Speech {
        site,
        wire,
        item,
        saying: &saying,
        chunked: item.framing == Framing::Chunked && !saying.old,
    };
    // A failing write means that the client is gone.
    let _ = speech.run().await;
}

struct Speech<'a> {
    site: &'a Rc<Site>,
    wire: &'a Wire<Ask>,
    item: &'a Item,
    saying: &'a Saying,
    chunked: bool,
}

impl Speech<'_> {
    async fn run(&self) -> io::Result<()> {
        let size = self.item.size;
        let first = first_part(size);
        match self.item.answer {
            Answer::Reset => self.reset(0, 0),
            Answer::Garbage => {
                // Garbage can be known by its first byte.
                self.ended(0, 0, Ending::Garbage);
                self.write(&self.garbage()).await?;
                self.close().await
            }
            Answer::Dripping => self.drip().await,
            _ => {
                self.write(&self.head()).await?;
                if self.saying.bare {
                    self.ended(200, 0, Ending::Complete);
                    return self.close().await;
                }
                self.part(0, first).await?;
                self.gate().await;
                if self.item.answer == Answer::ResetInside {
                    return self.reset(200, first);
                }
                self.ended(200, first, Ending::Truncated);
                self.close().await
            }
        }
    }

    fn head(&self) -> Vec<u8> {
        let framing = if self.chunked {
            "Transfer-Encoding: chunked\r\n".to_owned()
        } else if self.item.framing == Framing::Close {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", self.item.size)
        };
        let kind = match self.item.text {
            Some(_) => "application/json",
            None => "text/plain; charset=utf-8",
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n");
        format!("{head}{framing}\r\n").into_bytes()
    }

    /// Nothing that a reader of HTTP could take for an answer, but with line ends for those that wait for one.
    fn garbage(&self) -> Vec<u8> {
        let mut bytes = b"\x00\x15\x03garbage ".to_vec();
        bytes.extend_from_slice(self.item.bytes(0, 200));
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes
    }

    /// The body from one position to another, framed.
    async fn part(&self, from: u64, to: u64) -> io::Result<()> {
        let mut at = from;
        while at < to {
            let bytes = self.item.bytes(at, (to - at).min(PIECE as u64) as usize);
            self.write(&self.framed(bytes)).await?;
            at += bytes.len() as u64;
        }
        Ok(())
    }

    fn framed(&self, bytes: &[u8]) -> Vec<u8> {
        if !self.chunked {
            return bytes.to_vec();
        }
        let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        framed
    }

    /// The whole answer, head included, a few bytes at a time.
    async fn drip(&self) -> io::Result<()> {
        let _work = self.site.ledger.work();
        let mut bytes = self.head();
        let head = bytes.len();
        if !self.saying.bare {
            bytes.extend(self.whole_body());
        }
        // Small steps first, so that the head and the first line of the body come apart, too.
        let small = DRIPS / 2;
        let rest = (bytes.len() as u64).saturating_sub(small);
        let large = rest.div_ceil(DRIPS - small).max(1) as usize;
        let (mut at, mut held) = (0, false);
        while at < bytes.len() {
            let step = if (at as u64) < small { 1 } else { large };
            let end = (at + step).min(bytes.len());
            if end == bytes.len() {
                let body = if self.saying.bare { 0 } else { self.item.size };
                self.ended(200, body, Ending::Complete);
            }
            self.write(&bytes[at..end]).await?;
            at = end;
            if at > head && !held && at < bytes.len() {
                held = true;
                self.gate().await;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.close().await
    }

    fn whole_body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let mut at = 0;
        while at < self.item.size {
            let left = self.item.size - at;
            let bytes = self.item.bytes(at, left.min(PIECE as u64) as usize);
            body.extend(self.framed(bytes));
            at += bytes.len() as u64;
        }
        if self.chunked {
            body.extend_from_slice(b"0\r\n\r\n");
        }
        body
    }

    async fn gate(&self) {
        if self.site.gate == Some(Point::Body) {
            let ledger = &self.site.ledger;
            let passed =
                poll_fn(|cx| ledger.poll_gate(self.saying.ticket, Point::Body, false, cx)).await;
            if passed == Pass::Gone {
                // The connection's task ends this.
                std::future::pending::<()>().await;
            }
        }
    }

    fn ended(&self, status: u16, bytes: u64, ending: Ending) {
        self.site
            .ledger
            .answer(self.saying.ticket, status, bytes, ending);
    }

    fn reset(&self, status: u16, bytes: u64) -> io::Result<()> {
        self.ended(status, bytes, Ending::Reset);
        // With no time to linger, closing the socket resets the connection.
        self.wire
            .with_stream(|stream| set_socket_linger(stream, Some(Duration::ZERO)))?;
        Ok(())
    }

    async fn close(&self) -> io::Result<()> {
        poll_fn(|cx| self.wire.poll_shutdown(cx)).await
    }

    async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = poll_fn(|cx| self.wire.poll_write(cx, bytes)).await?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[n..];
        }
        Ok(())
    }
}
