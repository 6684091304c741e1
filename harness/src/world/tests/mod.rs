//! The origin as its clients see it, and the ledger as scripts see it.
//!
//! The client is a plain blocking one on a thread of its own; the world runs on the test's thread, as
//! in an arena.

mod faults;
mod flight;
mod gates;
mod ledger;
mod pages;
mod quiet;

use std::cell::RefCell;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use tokio::task::LocalSet;

use super::diag::Diag;
use super::ledger::{Counts, Ledger};
use super::origin::{Origin, Serving};
use super::park;
use super::side::Side;
use crate::evidence::writer::Recorder;
use crate::evidence::{Ending, Event, Place, Point, Record, Tier};
use crate::plan::{Item, Plan};
use crate::task::world::{Answer, Framing, World};
use crate::task::{Kind, Limits};

/// A world in which nothing but the given items is there.
struct Bench {
    ledger: Rc<Ledger>,
    side: Rc<Side>,
    serving: Serving,
    places: Vec<Place>,
    urls: Vec<String>,
    log: Rc<RefCell<Vec<u8>>>,
}

/// A sink that can be read while it is written to.
struct Log(Rc<RefCell<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn item(index: usize, answer: Answer, framing: Framing, size: u64) -> Item {
    Item {
        host: 0,
        path: format!("/p{index}"),
        answer,
        framing,
        size,
        body: 77 * index as u64,
        listed: 1,
        text: None,
    }
}

fn pages(count: usize, size: u64) -> Vec<Item> {
    (0..count)
        .map(|index| item(index, Answer::Status(200), Framing::Length, size))
        .collect()
}

fn plan(items: Vec<Item>, gate: Option<Point>) -> Plan {
    let origin = serde_json::json!({ "hosts": 1, "pages": items.len(), "gate": gate });
    Plan {
        task: "test".into(),
        kind: Kind::Client,
        scenario: "test".into(),
        set: 0,
        params: Default::default(),
        seed: 5,
        command: vec!["test".into()],
        world: World {
            origin: serde_json::from_value(origin).expect("a world"),
            ..World::default()
        },
        items,
        commands: Vec::new(),
        site: None,
        upstream: None,
        peers: Vec::new(),
        script: Vec::new(),
        limits: Limits::default(),
    }
}

/// Runs the test in a runtime like an arena's.
fn in_arena<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(park::hook)
        .build()
        .expect("a runtime");
    LocalSet::new().block_on(&runtime, async {
        tokio::time::timeout(Duration::from_secs(60), test())
            .await
            .expect("the test ends");
    });
}

impl Bench {
    fn new(items: Vec<Item>, gate: Option<Point>) -> Bench {
        Bench::with_diag(items, gate, Some(Diag::new().expect("socket diagnosis")))
    }

    fn with_diag(items: Vec<Item>, gate: Option<Point>, diag: Option<Rc<Diag>>) -> Bench {
        let log = Rc::new(RefCell::new(Vec::new()));
        let recorder = Recorder::new(Log(Rc::clone(&log)));
        let side = Side::new().expect("an epoll");
        let ledger = Ledger::new(recorder, 5);
        let plan = plan(items.clone(), gate);
        let (origin, places) = Origin::bind(&plan, Tier::Reduced).expect("a port");
        let urls = items.iter().map(|item| origin.url(item)).collect();
        let serving = origin.serve(&side, &ledger, diag).expect("it serves");
        Bench {
            ledger,
            side,
            serving,
            places,
            urls,
            log,
        }
    }

    fn addr(&self) -> SocketAddr {
        self.places[0].addr
    }

    /// Waits until the counts are so.
    async fn until(&self, holds: impl Fn(Counts) -> bool) {
        loop {
            let changed = self.ledger.changed();
            if holds(self.ledger.counts()) {
                return;
            }
            changed.await;
        }
    }

    /// Waits until all that the clients sent has reached us and was handled. Their kernel may hold bytes back
    /// after the write has returned.
    async fn handled(&self) {
        let deadline = std::time::Instant::now() + Duration::from_secs(50);
        while self.serving.queues().on_the_way != Some(false) {
            assert!(std::time::Instant::now() < deadline, "it arrives");
            self.side.wait(Duration::from_micros(200));
            self.side.drain().await;
        }
        self.side.drain().await;
    }

    fn events(&self) -> Vec<Event> {
        self.ledger.recorder().flush().expect("memory takes all");
        let text = self.log.borrow().clone();
        let lines = text.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        let records: Vec<Record> = lines
            .map(|line| serde_json::from_slice(line).expect("a record"))
            .collect();
        records.into_iter().map(|record| record.event).collect()
    }
}

/// A client on a thread of its own: gives what `act` returns.
async fn client<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = tokio::sync::oneshot::channel();
    let thread = std::thread::spawn(move || {
        let _ = tell.send(act());
    });
    let value = told.await;
    thread.join().expect("the client doesn't panic");
    value.expect("a value")
}

fn get(addr: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
    stream
}

/// Everything until the end; the bytes, and the error that ended them.
fn rest(mut stream: TcpStream) -> (Vec<u8>, Option<std::io::ErrorKind>) {
    let mut all = Vec::new();
    let error = stream.read_to_end(&mut all).err().map(|error| error.kind());
    (all, error)
}

/// As much as this.
fn exactly(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).expect("so much comes");
    bytes
}

/// The head of an answer, its blank line included; not a byte more is read.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(exactly(stream, 1));
    }
    String::from_utf8(head).expect("text")
}

/// The body of an item.
fn body(item: &Item) -> Vec<u8> {
    crate::plan::body(item).flatten().collect()
}

fn fetch(addr: SocketAddr, path: &str) -> (Vec<u8>, Option<std::io::ErrorKind>) {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .expect("it reads");
    rest(stream)
}

/// The endings of all answers, in order.
fn endings(events: &[Event]) -> Vec<(u16, u64, Ending)> {
    let endings = events.iter().filter_map(|event| match event {
        Event::Answered {
            status,
            bytes,
            ending,
            ..
        } => Some((*status, *bytes, *ending)),
        _ => None,
    });
    endings.collect()
}

/// The most requests in flight at once, as a check would count them.
fn most_in_flight(events: &[Event]) -> usize {
    let (mut now, mut most) = (std::collections::BTreeSet::new(), 0);
    for event in events {
        match event {
            Event::Request { req, .. } => assert!(now.insert(*req)),
            Event::Answered { req, .. } | Event::Abandoned { req } => {
                assert!(now.remove(req), "ended once: {req}")
            }
            _ => {}
        }
        most = most.max(now.len());
    }
    most
}
