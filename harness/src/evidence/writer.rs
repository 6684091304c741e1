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

/// A line being written.
struct Line<'a>(&'a mut Vec<u8>);

impl Line<'_> {
    fn text(&mut self, text: &[u8]) -> &mut Self {
        self.0.extend_from_slice(text);
        self
    }

    fn number(&mut self, mut n: u64) -> &mut Self {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (n % 10) as u8;
            n /= 10;
            if n == 0 {
                break;
            }
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
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    /// A sink that can be read while it is written to, and fails after so many bytes.
    #[derive(Clone)]
    struct Log(Rc<RefCell<Vec<u8>>>, usize);

    impl Log {
        fn new(room: usize) -> Log {
            Log(Rc::default(), room)
        }

        fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(self.0.borrow().clone()).expect("text");
            text.lines().map(str::to_owned).collect()
        }
    }

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut log = self.0.borrow_mut();
            if log.len() + bytes.len() > self.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            log.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(event: Event) -> String {
        let log = Log::new(usize::MAX);
        let recorder = Recorder::new(log.clone());
        recorder.record(event);
        recorder.flush().expect("memory takes all");
        log.lines().remove(0)
    }

    /// What the serialiser makes of the record that was written.
    fn agrees(event: Event) {
        let line = written(event.clone());
        let record: Record = serde_json::from_str(&line).expect("a record");
        assert_eq!(record.event, event);
        assert_eq!(serde_json::to_string(&record).expect("json"), line);
    }

    #[test]
    fn events_written_by_hand_are_as_the_serialiser_has_them() {
        agrees(Event::Connected { conn: 0, host: 63 });
        for by in [Side::Peer, Side::World] {
            agrees(Event::Disconnected {
                conn: u64::MAX,
                by,
                requests: 10,
            });
        }
        for ending in [
            Ending::Complete,
            Ending::Reset,
            Ending::Truncated,
            Ending::Garbage,
            Ending::Unfinished,
        ] {
            agrees(Event::Answered {
                req: 1,
                status: 200,
                bytes: 1 << 40,
                ending,
            });
        }
    }

    proptest! {
        #[test]
        fn requests_are_as_the_serialiser_has_them(
            req: u64, conn: u64, host: u16, item: Option<u32>, method in ".{0,8}", target in "\\PC{0,40}|[\\x00-\\x7f]{0,9}",
        ) {
            agrees(Event::Request { req, conn, host, method, target, item });
        }
    }

    #[test]
    fn events_are_numbered_and_their_time_never_runs_back() {
        let log = Log::new(usize::MAX);
        let recorder = Recorder::new(log.clone());
        for n in 0..10_000 {
            let event = if n % 3 == 0 {
                Event::End
            } else {
                Event::Connected { conn: n, host: 0 }
            };
            assert_eq!(recorder.record(event), n);
        }
        assert_eq!(recorder.count(), 10_000);
        assert!(
            log.lines().len() > 1000,
            "long evidence doesn't wait for a flush"
        );
        recorder.flush().expect("memory takes all");
        let records: Vec<Record> = log
            .lines()
            .iter()
            .map(|line| serde_json::from_str(line).expect("a record"))
            .collect();
        assert!(
            records
                .iter()
                .enumerate()
                .all(|(n, record)| record.n == n as u64)
        );
        assert!(records.windows(2).all(|two| two[0].t <= two[1].t));
    }

    #[test]
    fn nothing_is_lost_when_the_recorder_goes() {
        let log = Log::new(usize::MAX);
        Recorder::new(log.clone()).record(Event::End);
        assert_eq!(log.lines().len(), 1);
    }

    #[test]
    fn a_full_sink_is_told_at_every_flush_and_gets_no_more() {
        let log = Log::new(100);
        let recorder = Recorder::new(log.clone());
        recorder.record(Event::End);
        recorder.flush().expect("there is room");
        for _ in 0..5 {
            recorder.record(Event::Fault {
                message: "x".repeat(100),
            });
        }
        for _ in 0..2 {
            let error = recorder.flush().expect_err("it is full");
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
        recorder.record(Event::End);
        assert!(recorder.flush().is_err());
        assert_eq!(log.lines().len(), 1);
    }

    #[test]
    fn an_observer_sees_every_record() {
        let recorder = Recorder::new(io::sink());
        let seen = Rc::new(Cell::new(0));
        let counter = Rc::clone(&seen);
        recorder.observe(move |record| {
            assert_eq!(record.n, counter.get());
            counter.set(record.n + 1);
        });
        recorder.connected(0, 0);
        recorder.record(Event::End);
        recorder.request(0, 0, 0, "GET", "/", None);
        assert_eq!(seen.get(), 3);
    }
}
