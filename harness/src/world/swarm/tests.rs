//! Clients against a server that the test plays by hand, in the same thread: what one side did is
//! handled once the world is drained.

use std::cell::RefCell;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;

use rustix::net::{AddressFamily, SocketType};
use tokio::task::LocalSet;

use super::*;
use crate::evidence::writer::Recorder;
use crate::evidence::{ClientEnding, Event, Record};
use crate::world::diag::Diag;
use crate::world::park;
use crate::world::side::Side;

/// A sink that can be read while it is written to.
struct Log(Rc<RefCell<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Bench {
    swarm: Swarm,
    side: Rc<Side>,
    recorder: Rc<Recorder>,
    log: Rc<RefCell<Vec<u8>>>,
    listener: TcpListener,
}

impl Bench {
    fn new(backlog: i32) -> Bench {
        let fd = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&fd, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        rustix::net::listen(&fd, backlog).unwrap();
        let listener = TcpListener::from(fd);
        let log = Rc::default();
        let recorder = Recorder::new(Log(Rc::clone(&log)));
        let side = Side::new().unwrap();
        let shared = Shared {
            recorder: recorder.clone(),
            side: side.clone(),
            target: listener.local_addr().unwrap(),
            diag: Diag::new().ok(),
            all: Tally::default(),
            news: Default::default(),
        };
        Bench {
            swarm: Swarm::new(shared, 1, Vec::new()),
            side,
            recorder,
            log,
            listener,
        }
    }

    /// One client of the group, and the server's end of its connection.
    async fn client(&self, group: &str, reading: bool) -> TcpStream {
        self.swarm.connect(group, reading).unwrap();
        self.side.drain().await;
        self.listener.accept().unwrap().0
    }

    fn say(&self, group: &str, text: &str) {
        self.swarm
            .say(group, &Speech::Literal(text.to_owned()), Pieces::Whole);
    }

    fn events(&self) -> Vec<Event> {
        self.recorder.flush().unwrap();
        let log = self.log.borrow();
        let lines = log.split(|b| *b == b'\n').filter(|l| !l.is_empty());
        lines
            .map(|l| serde_json::from_slice::<Record>(l).unwrap().event)
            .collect()
    }
}

fn in_arena<F: Future<Output = ()> + 'static>(test: impl FnOnce() -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(park::hook)
        .build()
        .unwrap();
    let local = LocalSet::new();
    let run = local.spawn_local(test());
    local.block_on(&runtime, run).unwrap();
}

#[test]
fn a_small_backlog_is_never_overrun() {
    in_arena(|| async {
        let bench = Bench::new(2);
        if !bench.swarm.listening() {
            return; // the kernel doesn't tell of listeners here
        }
        let mut queue = Queue {
            group: "a",
            reading: true,
            left: 50,
        };
        let mut accepted = Vec::new();
        while !bench.swarm.advance(&mut queue).unwrap() {
            bench.side.drain().await;
            let tally = bench.swarm.tally("a");
            assert_eq!(
                tally.connecting.get(),
                0,
                "each finds room and is answered at once"
            );
            assert!(tally.open.get() - accepted.len() as u64 <= 3);
            accepted.push(bench.listener.accept().unwrap().0);
        }
        assert_eq!(bench.swarm.tally("a").open.get(), 50);
        assert_eq!(bench.swarm.held(), 50);
    });
}

#[test]
fn without_a_listener_one_client_is_refused_and_no_more_are_tried() {
    in_arena(|| async {
        let mut bench = Bench::new(8);
        // Another port keeps the test's own listener out of the way.
        bench.listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut queue = Queue {
            group: "a",
            reading: true,
            left: 1000,
        };
        while !bench.swarm.advance(&mut queue).unwrap() {
            bench.side.drain().await;
        }
        let tally = bench.swarm.tally("a");
        assert_eq!((tally.size.get(), tally.failed.get()), (1, 1));
        assert!(!bench.swarm.listening());
    });
}

#[test]
fn what_comes_back_is_compared_and_counted() {
    in_arena(|| async {
        let bench = Bench::new(8);
        let mut server = bench.client("a", true).await;
        bench.say("a", "abc 12");
        bench.side.drain().await;
        assert_eq!(bench.swarm.echoed("a"), 0);
        let mut got = [0; 6];
        server.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"abc 12");
        server.write_all(b"ABC").unwrap();
        bench.side.drain().await;
        assert_eq!(bench.swarm.echoed("a"), 0);
        server.write_all(b" 12").unwrap();
        bench.side.drain().await;
        assert_eq!(bench.swarm.echoed("a"), 1);

        bench.say("a", "xy");
        server.write_all(b"X?").unwrap();
        bench.side.drain().await;
        assert_eq!(bench.swarm.echoed("a"), 0);
        let wrong = bench
            .events()
            .into_iter()
            .find(|e| matches!(e, Event::ClientMismatch { .. }));
        let Some(Event::ClientMismatch { at, got, .. }) = wrong else {
            panic!("{wrong:?}")
        };
        assert_eq!((at, got.as_str()), (7, "?"));
    });
}

#[test]
fn a_client_that_does_not_read_takes_nothing_until_it_does() {
    in_arena(|| async {
        let bench = Bench::new(8);
        let mut server = bench.client("a", false).await;
        bench.say("a", "12");
        bench.side.drain().await;
        server.write_all(b"12").unwrap();
        bench.side.drain().await;
        assert_eq!(bench.swarm.echoed("a"), 0);
        bench.swarm.read("a", true);
        bench.side.drain().await;
        assert_eq!(bench.swarm.echoed("a"), 1);
    });
}

#[test]
fn bytes_that_the_server_leaves_unread_are_not_owed_and_neither_is_a_connection_that_is_gone() {
    in_arena(|| async {
        let bench = Bench::new(8);
        let server = bench.client("a", false).await;
        bench.say("a", "12");
        bench.side.drain().await;
        assert!(!bench.swarm.owed(), "the server has to read");
        // Closed with unread bytes: a reset. A look-up of the connection then finds the listener.
        drop(server);
        bench.side.drain().await;
        assert!(!bench.swarm.owed());
    });
}

#[test]
fn how_a_connection_ended_is_told_from_both_sides() {
    in_arena(|| async {
        let bench = Bench::new(8);
        let server = bench.client("a", true).await;
        server.shutdown(std::net::Shutdown::Write).unwrap();
        bench.side.drain().await;
        let mut other = bench.client("b", true).await;
        bench.swarm.close("b", true);
        bench.side.drain().await;
        assert_eq!((bench.swarm.ended("a"), bench.swarm.ended("b")), (1, 1));
        assert_eq!(bench.swarm.held(), 0);
        let error = other.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let ends: Vec<Event> = bench
            .events()
            .into_iter()
            .filter(|e| matches!(e, Event::ClientEnd { .. }))
            .collect();
        let end = |client, how| Event::ClientEnd { client, how };
        assert_eq!(
            ends,
            [end(0, ClientEnding::Eof), end(1, ClientEnding::World)]
        );
    });
}

#[test]
fn what_the_world_has_ended_does_not_end_again() {
    in_arena(|| async {
        let bench = Bench::new(8);
        let server = bench.client("a", true).await;
        // The end of the stream is there when the client is told to go.
        drop(server);
        bench.swarm.close("a", false);
        let gone = bench.client("b", true).await;
        drop(gone);
        bench.swarm.leave();
        bench.side.drain().await;
        let ends: Vec<Event> = bench
            .events()
            .into_iter()
            .filter(|e| matches!(e, Event::ClientEnd { .. }))
            .collect();
        let by_us = Event::ClientEnd {
            client: 0,
            how: ClientEnding::World,
        };
        assert_eq!(ends, [by_us]);
        assert_eq!((bench.swarm.ended("a"), bench.swarm.ended("b")), (1, 1));
    });
}

#[test]
fn a_half_close_comes_after_all_that_was_said() {
    in_arena(|| async {
        let bench = Bench::new(8);
        let mut server = bench.client("a", true).await;
        bench.say("a", "12 34");
        bench.swarm.finish("a");
        bench.side.drain().await;
        let mut all = Vec::new();
        server.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"12 34");
        assert!(
            bench
                .events()
                .contains(&Event::ClientFinished { client: 0 })
        );
    });
}
