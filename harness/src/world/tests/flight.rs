//! Counting what is in flight, from both sides: a client that keeps to N never reads as N + 1, one
//! that doesn't always does.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;

use super::super::ledger::Pick;
use super::*;

/// Starts so many workers, each of which does `work` with its number.
async fn workers(count: usize, work: impl Fn(usize) + Clone + Send + 'static) {
    client(move || {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let work = work.clone();
                std::thread::spawn(move || work(number))
            })
            .collect();
        for thread in threads {
            thread.join().expect("a worker doesn't panic");
        }
    })
    .await;
}

/// One request on a connection that is kept.
fn ask(stream: &mut TcpStream, path: &str) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
    let head = head(stream);
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .expect("a length");
    exactly(stream, length.parse().expect("a number"));
}

/// Lets everything go as soon as it is parked.
fn letting_go(bench: &Bench) -> tokio::task::JoinHandle<()> {
    let ledger = Rc::clone(&bench.ledger);
    tokio::task::spawn_local(async move {
        loop {
            let changed = ledger.changed();
            ledger.release(&Pick::default());
            changed.await;
        }
    })
}

#[test]
fn workers_that_keep_their_connections_never_exceed() {
    in_arena(|| async {
        for (gate, size) in [
            (None, 100),
            (Some(Point::Head), 100),
            (Some(Point::Body), 30_000),
        ] {
            let bench = Bench::new(pages(1, size), gate);
            let releaser = letting_go(&bench);
            let addr = bench.addr();
            workers(4, move |_| {
                let mut stream = TcpStream::connect(addr).expect("it listens");
                (0..100).for_each(|_| ask(&mut stream, "/p0"));
            })
            .await;
            releaser.abort();
            let events = bench.events();
            assert_eq!(endings(&events).len(), 400);
            assert!(most_in_flight(&events) <= 4);
        }
    });
}

#[test]
fn workers_that_open_a_connection_for_each_request_never_exceed() {
    in_arena(|| async {
        let answers = [
            Answer::Status(200),
            Answer::Truncated,
            Answer::Garbage,
            Answer::Reset,
            Answer::ResetInside,
        ];
        let mut items: Vec<Item> = answers
            .into_iter()
            .enumerate()
            .map(|(n, answer)| item(n, answer, Framing::Length, 5000))
            .collect();
        items.push(item(5, Answer::Status(200), Framing::Close, 5000));
        items.push(item(6, Answer::Status(200), Framing::Chunked, 5000));
        let bench = Bench::new(items, Some(Point::Body));
        let releaser = letting_go(&bench);
        let addr = bench.addr();
        workers(5, move |number| {
            for round in 0..60 {
                fetch(addr, &format!("/p{}", (number + round) % 7));
            }
        })
        .await;
        releaser.abort();
        let events = bench.events();
        assert_eq!(endings(&events).len(), 300);
        assert!(most_in_flight(&events) <= 5);
    });
}

#[test]
fn workers_that_give_up_and_ask_again_never_exceed() {
    in_arena(|| async {
        let bench = Bench::new(pages(1, 100), Some(Point::Head));
        let addr = bench.addr();
        workers(6, move |number| {
            for round in 0..15 {
                let mut stream = get(addr, "/p0");
                let limit = Duration::from_millis(1 + (number + round) as u64 % 5);
                stream.set_read_timeout(Some(limit)).expect("a limit");
                let error = stream.read(&mut [0]).expect_err("it is held");
                assert!(matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut
                ));
            }
        })
        .await;
        bench.until(|counts| counts.connections == 0).await;
        let events = bench.events();
        assert!(most_in_flight(&events) <= 6);
        assert_eq!(bench.ledger.counts().in_flight, 0);
        assert!(endings(&events).is_empty());
    });
}

#[test]
fn one_more_than_the_limit_always_shows() {
    in_arena(|| async {
        for round in 0..20 {
            let gate = [Some(Point::Head), Some(Point::Body)][round % 2];
            let bench = Bench::new(pages(1, 100), gate);
            let addr = bench.addr();
            let streams =
                client(move || (0..11).map(|_| get(addr, "/p0")).collect::<Vec<_>>()).await;
            bench.handled().await;
            assert_eq!(bench.ledger.counts().in_flight, 11);
            assert_eq!(most_in_flight(&bench.events()), 11);
            drop(streams);
        }
    });
}

#[test]
fn requests_sent_behind_a_held_one_are_in_flight_too() {
    in_arena(|| async {
        for gate in [Some(Point::Head), Some(Point::Body)] {
            let bench = Bench::new(pages(2, 100), gate);
            let addr = bench.addr();
            let mut stream = client(move || get(addr, "/p0")).await;
            bench.until(|counts| counts.parked == 1).await;
            // In pieces: only the whole head counts.
            let mut stream = client(move || {
                stream
                    .write_all(b"GET /p1 HTTP/1.1\r\nHost: x\r\n")
                    .expect("it reads");
                stream
            })
            .await;
            bench.handled().await;
            assert_eq!(bench.ledger.counts().in_flight, 1);
            let stream = client(move || {
                stream.write_all(b"\r\n").expect("it reads");
                stream
            })
            .await;
            bench.handled().await;
            assert_eq!(bench.ledger.counts().in_flight, 2);
            assert_eq!(most_in_flight(&bench.events()), 2);
            drop(stream);
            bench.until(|counts| counts.in_flight == 0).await;
            assert_eq!(bench.ledger.counts().abandoned, 2);
        }
    });
}

#[test]
fn requests_that_nobody_will_hear_end_with_their_connection() {
    in_arena(|| async {
        let bench = Bench::new(pages(2, 100), None);
        let addr = bench.addr();
        client(move || {
            let mut stream = TcpStream::connect(addr).expect("it listens");
            let last = "GET /p0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            let more = "GET /p1 HTTP/1.1\r\nHost: x\r\n\r\n";
            write!(stream, "{last}{more}").expect("it reads");
            rest(stream)
        })
        .await;
        bench.until(|counts| counts.connections == 0).await;
        assert_eq!(
            endings(&bench.events()),
            [(200, 100, Ending::Complete), (0, 0, Ending::Truncated)]
        );
    });
}

#[test]
fn a_client_that_only_ended_its_sending_is_still_there() {
    in_arena(|| async {
        for gate in [Point::Head, Point::Body] {
            let bench = Bench::new(pages(1, 100), Some(gate));
            let addr = bench.addr();
            let half = client(move || {
                let stream = get(addr, "/p0");
                stream.shutdown(Shutdown::Write).expect("a shutdown");
                stream
            })
            .await;
            bench.until(|counts| counts.parked == 1).await;
            bench.handled().await;
            let other = client(move || get(addr, "/p0")).await;
            bench.until(|counts| counts.parked == 2).await;
            assert_eq!(bench.ledger.counts().in_flight, 2);
            bench.ledger.open();
            let (bytes, error) = client(move || rest(half)).await;
            assert!(bytes.starts_with(b"HTTP/1.1 200") && error.is_none());
            assert_eq!(bench.ledger.counts().abandoned, 0);
            drop(other);
        }
    });
}

#[test]
fn a_client_that_ended_its_sending_and_then_closed_is_found_out() {
    in_arena(|| async {
        let bench = Bench::new(pages(1, 100), Some(Point::Head));
        let addr = bench.addr();
        let half = client(move || {
            let stream = get(addr, "/p0");
            stream.shutdown(Shutdown::Write).expect("a shutdown");
            stream
        })
        .await;
        bench.until(|counts| counts.parked == 1).await;
        bench.handled().await;
        // Nothing more reaches us, so only the next newcomer's look can tell.
        drop(half);
        bench.handled().await;
        assert_eq!(bench.ledger.counts().in_flight, 1);
        let other = client(move || get(addr, "/p0")).await;
        bench.until(|counts| counts.requests == 2).await;
        assert_eq!(
            (
                bench.ledger.counts().in_flight,
                bench.ledger.counts().max_in_flight
            ),
            (1, 1)
        );
        assert_eq!(most_in_flight(&bench.events()), 1);
        drop(other);
    });
}

#[test]
fn a_client_that_resets_is_gone() {
    in_arena(|| async {
        let bench = Bench::new(pages(1, 100), Some(Point::Body));
        let addr = bench.addr();
        let stream = client(move || get(addr, "/p0")).await;
        bench.until(|counts| counts.parked == 1).await;
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("an option");
        drop(stream);
        bench.until(|counts| counts.connections == 0).await;
        assert!(matches!(
            bench.events()[..],
            [.., Event::Abandoned { req: 0 }, Event::Disconnected { .. }]
        ));
    });
}

#[test]
fn without_diagnosis_an_ended_stream_frees_its_place_and_is_answered() {
    in_arena(|| async {
        let bench = Bench::with_diag(pages(1, 100), Some(Point::Head), None);
        let addr = bench.addr();
        let half = client(move || {
            let stream = get(addr, "/p0");
            stream.shutdown(Shutdown::Write).expect("a shutdown");
            stream
        })
        .await;
        bench.until(|counts| counts.parked == 1).await;
        bench.side.drain().await;
        let other = client(move || get(addr, "/p0")).await;
        bench.until(|counts| counts.parked == 2).await;
        assert_eq!(most_in_flight(&bench.events()), 1);
        bench.ledger.open();
        let (bytes, _) = client(move || rest(half)).await;
        assert!(bytes.starts_with(b"HTTP/1.1 200"));
        drop(other);
    });
}
