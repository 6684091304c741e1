//! The one writer of a run's evidence: it numbers and times the events and turns them into lines.
//!
//! Memory doesn't grow with the run: events are written out and forgotten. The four events that come
//! with every request are formatted by hand, since a general serialiser would cost more than
//! answering the request does; the tests hold them equal to its form.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Instant;

use super::{Ending, Event, Record, Side};

/// Bytes gathered before they are written out.
const BATCH: usize = 64 << 10;

/// Called with every record, before it is written.
type Observer = Box<dyn Fn(&Record)>;

/// Writes a run's evidence as JSON lines.
pub struct Recorder {
    inner: RefCell<Inner>,
    observer: RefCell<Option<Observer>>,
    start: Instant,
}

struct Inner {
    sink: Box<dyn Write>,
    buffer: Vec<u8>,
    next: u64,
    last: u64,
    fault: Option<io::Error>,
}

impl Recorder {
    /// A recorder whose clock starts now. Writes block: the reader of a pipe must read.
    pub fn new(sink: impl Write + 'static) -> Rc<Recorder> {
        Rc::new(Recorder {
            inner: RefCell::new(Inner {
                sink: Box::new(sink),
                buffer: Vec::with_capacity(BATCH + (4 << 10)),
                next: 0,
                last: 0,
                fault: None,
            }),
            observer: RefCell::new(None),
            start: Instant::now(),
        })
    }

    /// Monotonic nanoseconds since the run began.
    pub fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Events so far.
    pub fn count(&self) -> u64 {
        self.inner.borrow().next
    }

    /// Calls `observer` with every later record. It must not record anything itself. With one, every
    /// event of a request costs an allocation: fine for progress, not for measuring.
    pub fn observe(&self, observer: impl Fn(&Record) + 'static) {
        *self.observer.borrow_mut() = Some(Box::new(observer));
    }

    /// Records an event; gives its number. A failing sink shows at the next [`flush`](Self::flush).
    pub fn record(&self, event: Event) -> u64 {
        match event {
            Event::Connected { conn, host } => self.connected(conn, host),
            Event::Request {
                req,
                conn,
                host,
                method,
                target,
                item,
            } => self.request(req, conn, host, &method, &target, item),
            Event::Answered {
                req,
                status,
                bytes,
                ending,
            } => self.answered(req, status, bytes, ending),
            Event::Disconnected { conn, by, requests } => self.disconnected(conn, by, requests),
            event => {
                let t = self.now();
                let record = self.inner.borrow_mut().slow(t, event);
                self.show(&record);
                record.n
            }
        }
    }

    /// Records [`Event::Connected`].
    pub fn connected(&self, conn: u64, host: u16) -> u64 {
        self.fast(
            |line| {
                line.text(b"connected\",\"conn\":")
                    .number(conn)
                    .text(b",\"host\":")
                    .number(u64::from(host));
            },
            || Event::Connected { conn, host },
        )
    }

    /// Records [`Event::Request`].
    pub fn request(
        &self,
        req: u64,
        conn: u64,
        host: u16,
        method: &str,
        target: &str,
        item: Option<u32>,
    ) -> u64 {
        self.fast(
            |line| {
                line.text(b"request\",\"req\":").number(req);
                line.text(b",\"conn\":").number(conn);
                line.text(b",\"host\":").number(u64::from(host));
                line.text(b",\"method\":").string(method);
                line.text(b",\"target\":").string(target);
                if let Some(item) = item {
                    line.text(b",\"item\":").number(u64::from(item));
                }
            },
            || Event::Request {
                req,
                conn,
                host,
                method: method.to_owned(),
                target: target.to_owned(),
                item,
            },
        )
    }

    /// Records [`Event::Answered`].
    pub fn answered(&self, req: u64, status: u16, bytes: u64, ending: Ending) -> u64 {
        let word: &[u8] = match ending {
            Ending::Complete => b"\"complete\"",
            Ending::Reset => b"\"reset\"",
            Ending::Truncated => b"\"truncated\"",
            Ending::Garbage => b"\"garbage\"",
            Ending::Unfinished => b"\"unfinished\"",
        };
        self.fast(
            |line| {
                line.text(b"answered\",\"req\":").number(req);
                line.text(b",\"status\":").number(u64::from(status));
                line.text(b",\"bytes\":").number(bytes);
                line.text(b",\"ending\":").text(word);
            },
            || Event::Answered {
                req,
                status,
                bytes,
                ending,
            },
        )
    }

    /// Records [`Event::Disconnected`].
    pub fn disconnected(&self, conn: u64, by: Side, requests: u64) -> u64 {
        let word: &[u8] = match by {
            Side::Peer => b"\"peer\"",
            Side::World => b"\"world\"",
        };
        self.fast(
            |line| {
                line.text(b"disconnected\",\"conn\":").number(conn);
                line.text(b",\"by\":").text(word);
                line.text(b",\"requests\":").number(requests);
            },
            || Event::Disconnected { conn, by, requests },
        )
    }

    /// Writes out everything recorded so far. Gives the sink's first error, once and for all.
    pub fn flush(&self) -> io::Result<()> {
        let mut inner = self.inner.borrow_mut();
        inner.write_out();
        if inner.fault.is_none()
            && let Err(fault) = inner.sink.flush()
        {
            inner.fault = Some(fault);
        }
        match &inner.fault {
            Some(fault) => Err(io::Error::new(fault.kind(), fault.to_string())),
            None => Ok(()),
        }
    }

    fn fast(&self, write: impl FnOnce(&mut Line<'_>), event: impl FnOnce() -> Event) -> u64 {
        let t = self.now();
        let (n, t) = {
            let mut inner = self.inner.borrow_mut();
            let (n, t) = inner.stamp(t);
            let mut line = Line(&mut inner.buffer);
            line.text(b"{\"n\":")
                .number(n)
                .text(b",\"t\":")
                .number(t)
                .text(b",\"e\":\"");
            write(&mut line);
            line.text(b"}\n");
            inner.after();
            (n, t)
        };
        if self.observer.borrow().is_some() {
            self.show(&Record {
                n,
                t,
                event: event(),
            });
        }
        n
    }

    fn show(&self, record: &Record) {
        if let Some(observer) = &*self.observer.borrow() {
            observer(record);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.inner.get_mut().write_out();
    }
}

impl Inner {
    fn stamp(&mut self, t: u64) -> (u64, u64) {
        let n = self.next;
        self.next += 1;
        self.last = self.last.max(t);
        (n, self.last)
    }

    fn slow(&mut self, t: u64, event: Event) -> Record {
        let (n, t) = self.stamp(t);
        let record = Record { n, t, event };
        match serde_json::to_writer(&mut self.buffer, &record) {
            Ok(()) => self.buffer.push(b'\n'),
            Err(error) => self.fault = Some(error.into()),
        }
        self.after();
        record
    }

    fn after(&mut self) {
        if self.buffer.len() >= BATCH {
            self.write_out();
        }
    }

    fn write_out(&mut self) {
        // After a fault the rest is dropped: a file with a hole would be worse than a short one.
        if self.fault.is_none()
            && let Err(fault) = self.sink.write_all(&self.buffer)
        {
            self.fault = Some(fault);
        }
        self.buffer.clear();
        self.buffer.shrink_to(2 * BATCH);
    }
}

/// The numbers 00 to 99, two digits each.
static PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut n = 0;
    while n < 100 {
        pairs[2 * n] = b'0' + (n / 10) as u8;
        pairs[2 * n + 1] = b'0' + (n % 10) as u8;
        n += 1;
    }
    pairs
};

/// A line being written.
struct Line<'a>(&'a mut Vec<u8>);

impl Line<'_> {
    // Inlined, so that a text of known length becomes a few moves instead of a call.
    #[inline(always)]
    fn text(&mut self, text: &[u8]) -> &mut Self {
        self.0.extend_from_slice(text);
        self
    }

    #[inline]
    fn number(&mut self, mut n: u64) -> &mut Self {
        if n < 10 {
            self.0.push(b'0' + n as u8);
            return self;
        }
        let mut digits = [0; 20];
        let mut at = digits.len();
        while n >= 10 {
            at -= 2;
            let pair = 2 * (n % 100) as usize;
            digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
            n /= 100;
        }
        if n > 0 {
            at -= 1;
            digits[at] = b'0' + n as u8;
        }
        self.0.extend_from_slice(&digits[at..]);
        self
    }

    fn string(&mut self, text: &str) -> &mut Self {
        let plain = text
            .bytes()
            .all(|b| b >= 0x20 && b != b'"' && b != b'\\' && b != 0x7f);
        if plain {
            self.text(b"\"").text(text.as_bytes()).text(b"\"")
        } else {
            // Writing a string to a vector cannot fail.
            let _ = serde_json::to_writer(&mut *self.0, text);
            self
        }
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
