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
