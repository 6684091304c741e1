//! The two proofs that everything which reached us was handled, and the look at the other end.

use std::io::Write;
use std::net::Shutdown;
use std::time::Instant;

use super::super::diag::{self, Diag};
use super::super::ledger::Pick;
use super::super::side::Interest;
use super::*;

#[test]
fn a_drained_world_has_handled_all_that_was_sent() {
    in_arena(|| async {
        for round in 1..40 {
            let bench = Bench::new(pages(1, 100), Some(Point::Head));
            let addr = bench.addr();
            let streams =
                client(move || (0..round).map(|_| get(addr, "/p0")).collect::<Vec<_>>()).await;
            bench.handled().await;
            assert_eq!(bench.ledger.counts().parked, round);
            assert!(!bench.side.ready());
            drop(streams);
        }
    });
}

#[test]
fn no_drain_ends_while_tasks_wake_each_other() {
    in_arena(|| async {
        let side = Side::new().expect("an epoll");
        for _ in 0..20 {
            let left = Rc::new(std::cell::Cell::new(300));
            let mine = Rc::clone(&left);
            let chain = tokio::task::spawn_local(async move {
                while mine.get() > 0 {
                    let next = Rc::clone(&mine);
                    tokio::task::spawn_local(async move { next.set(next.get() - 1) })
                        .await
                        .expect("it ends");
                }
            });
            let settle = Rc::clone(&side);
            tokio::task::spawn_local(async move { settle.drain().await })
                .await
                .expect("it ends");
            assert_eq!(left.get(), 0);
            chain.await.expect("it ends");
        }
    });
}

#[test]
fn an_abandoned_drain_leaves_nothing_behind() {
    in_arena(|| async {
        let side = Side::new().expect("an epoll");
        {
            let mut drain = std::pin::pin!(side.drain());
            let waker = std::task::Waker::noop();
            assert!(
                drain
                    .as_mut()
                    .poll(&mut std::task::Context::from_waker(waker))
                    .is_pending()
            );
        }
        side.drain().await;
        side.drain().await;
    });
}

#[test]
fn a_nap_ends_when_anything_arrives() {
    in_arena(|| async {
        let side = Side::new().expect("an epoll");
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let watch = side.watch(&ours, Interest::READ).expect("a watch");
        assert!(!side.wait(Duration::from_millis(1)));
        let start = Instant::now();
        let thread = std::thread::spawn(move || (&theirs).write_all(b"x").map(|()| theirs));
        assert!(side.wait(Duration::from_secs(30)));
        assert!(start.elapsed() < Duration::from_secs(20));
        assert!(side.ready(), "until it is read");
        watch.want_read(false);
        assert!(!side.ready(), "nobody wants it");
        watch.want_read(true);
        assert!(side.ready());
        watch.want_read(false);
        drop(thread.join().expect("no panic"));
        assert!(side.ready(), "hanging up is news");
        assert!(watch.hung_up());
        assert!(!side.ready(), "only once");
        drop(watch);
        assert!(!side.ready());
    });
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let side = Side::new().expect("an epoll");
    let file = tempfile::tempfile().expect("a file");
    assert!(side.watch(&file, Interest::READ).is_err());
    assert!(side.fault().is_none() && !side.ready());
}

#[test]
fn held_and_half_closed_connections_are_quiet() {
    in_arena(|| async {
        let bench = Bench::new(pages(1, 100), Some(Point::Head));
        let addr = bench.addr();
        let streams = client(move || {
            let (one, mut two, three) = (get(addr, "/p0"), get(addr, "/p0"), get(addr, "/p0"));
            two.shutdown(Shutdown::Write).expect("a shutdown");
            two.flush().expect("flushed");
            (one, two, three)
        })
        .await;
        bench.handled().await;
        assert_eq!(bench.ledger.counts().parked, 3);
        assert!(!bench.side.wait(Duration::from_millis(20)));
        drop(streams);
    });
}

/// A client with a held request that sends so many more behind it, or as many as the kernel takes.
fn flood(addr: SocketAddr, requests: usize) -> TcpStream {
    let mut stream = get(addr, "/p0");
    let more = b"GET /p0 HTTP/1.1\r\nHost: x\r\n\r\n".repeat(requests);
    stream.set_nonblocking(true).expect("an option");
    let (mut sent, mut refusals) = (0, 0);
    while sent < more.len() && refusals < 50 {
        match stream.write(&more[sent..]) {
            Ok(n) => sent += n,
            Err(_) => {
                refusals += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    stream
}

#[test]
fn a_flood_behind_a_held_request_is_bounded_and_its_end_is_seen() {
    in_arena(|| async {
        let bench = Bench::new(pages(1, 100), Some(Point::Head));
        let addr = bench.addr();
        let stream = client(move || flood(addr, 4000)).await;
        bench.handled().await;
        assert!(!bench.side.ready(), "what we don't want to read is no news");
        let seen = bench.ledger.counts().in_flight;
        assert!((2000..4000).contains(&seen), "{seen}");
        drop(stream);
        // A look finds that the client hung up.
        while bench.ledger.counts().connections > 0 {
            bench.side.wait(Duration::from_micros(200));
            bench.side.drain().await;
        }
        assert_eq!(bench.ledger.counts().in_flight, 0);
    });
}

#[test]
fn a_flood_that_fills_the_kernel_is_quiet_and_makes_room_for_a_newcomer() {
    in_arena(|| async {
        let bench = Bench::new(pages(1, 100), Some(Point::Head));
        let addr = bench.addr();
        let stream = client(move || flood(addr, 400_000)).await;
        bench.handled().await;
        assert!(!bench.side.ready());
        // Its end of stream lies behind what nobody reads.
        drop(stream);
        let stream = client(move || get(addr, "/p0")).await;
        bench
            .until(|counts| counts.connections == 1 && counts.in_flight == 1)
            .await;
        drop(stream);
    });
}

#[test]
fn a_writer_that_waits_for_room_is_quiet_until_there_is_some() {
    in_arena(|| async {
        let size = 32 << 20;
        let bench = Bench::new(pages(1, size), None);
        let addr = bench.addr();
        let stream = client(move || get(addr, "/p0")).await;
        bench.handled().await;
        assert_eq!(bench.ledger.counts().in_flight, 1);
        assert!(!bench.side.ready());
        let queues = bench.serving.queues();
        assert!(queues.unread.expect("diagnosis") > 10_000, "{queues:?}");
        let bytes = client(move || {
            let mut stream = stream;
            head(&mut stream);
            exactly(&mut stream, size as usize).len() as u64
        })
        .await;
        assert_eq!(bytes, size);
        bench.until(|counts| counts.answered == 1).await;
    });
}

#[test]
fn bytes_that_a_client_has_not_read_are_counted() {
    in_arena(|| async {
        let bench = Bench::new(pages(3, 777), Some(Point::Head));
        let addr = bench.addr();
        let mut streams =
            client(move || (0..3).map(|_| get(addr, "/p0")).collect::<Vec<_>>()).await;
        bench.handled().await;
        assert_eq!(bench.serving.queues().unread, Some(0));
        bench.ledger.release(&Pick {
            count: Some(2),
            ..Pick::default()
        });
        bench.handled().await;
        let queues = bench.serving.queues();
        assert_eq!(queues.on_the_way, Some(false));
        let unread = queues.unread.expect("diagnosis");
        let (head, unread_then) = {
            let mut first = streams.remove(0);
            let (head, stream) = client(move || (head(&mut first), first)).await;
            let left = bench.serving.queues().unread.expect("diagnosis");
            drop(stream);
            (head.len() as u64, left)
        };
        assert_eq!(unread, 2 * (head + 777));
        assert_eq!(unread_then, head + 2 * 777);
        drop(streams);
    });
}

#[test]
fn without_diagnosis_the_queues_are_unknown() {
    in_arena(|| async {
        let bench = Bench::with_diag(pages(1, 10), None, None);
        assert_eq!(bench.serving.queues(), Default::default());
    });
}

#[test]
fn the_other_end_is_told_apart() {
    let diag = Diag::new().expect("diagnosis");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    let client = TcpStream::connect(addr).expect("it listens");
    let (mut ours, _) = listener.accept().expect("a client");
    let v4 = |addr| match addr {
        SocketAddr::V4(addr) => addr,
        SocketAddr::V6(_) => panic!("not asked for"),
    };
    let (local, remote) = (v4(client.local_addr().expect("an address")), v4(addr));
    ours.write_all(&[7; 321]).expect("the kernel takes it");
    let end = diag.end(local, remote).expect("an answer").expect("there");
    assert_eq!(
        (end.held(), end.unread, end.sending(), end.received),
        (true, 321, false, Some(321))
    );
    (&client).read_exact(&mut [0; 321]).expect("it was sent");
    client.shutdown(Shutdown::Write).expect("a shutdown");
    let end = diag.end(local, remote).expect("an answer").expect("there");
    assert!(end.held() && !end.sending(), "{end:?}");
    drop(client);
    let end = diag.end(local, remote).expect("an answer");
    assert!(end.is_none_or(|end| !end.held()), "{end:?}");
    drop(ours);
    let nobody = std::net::SocketAddrV4::new([127, 9, 9, 9].into(), 9);
    assert_eq!(diag.end(nobody, remote).expect("an answer"), None);
    let _ = diag::dropped_connections().expect("a number");
}
