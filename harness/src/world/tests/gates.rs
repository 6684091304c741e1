//! Holding and letting go.

use std::io::Write;

use super::super::ledger::Pick;
use super::*;
use crate::task::script::Order;

/// So many clients that each ask for one page, with its number; what they get comes in any order.
fn clients(addr: SocketAddr, count: usize) -> std::sync::mpsc::Receiver<(usize, Vec<u8>)> {
    let (tell, told) = std::sync::mpsc::channel();
    for index in 0..count {
        let tell = tell.clone();
        std::thread::spawn(move || {
            let (bytes, _) = fetch(addr, &format!("/p{index}"));
            let _ = tell.send((index, bytes));
        });
    }
    told
}

#[test]
fn answers_are_held_until_they_are_let_go() {
    in_arena(|| async {
        let bench = Bench::new(pages(5, 100), Some(Point::Head));
        let told = clients(bench.addr(), 5);
        bench.until(|counts| counts.parked == 5).await;
        bench.handled().await;
        assert!(told.try_recv().is_err());
        assert_eq!(bench.ledger.counts().in_flight, 5);
        let released = bench.ledger.release(&Pick {
            count: Some(2),
            ..Pick::default()
        });
        assert_eq!(released.len(), 2);
        bench.until(|counts| counts.answered == 2).await;
        assert_eq!(
            (
                bench.ledger.counts().parked,
                bench.ledger.counts().in_flight
            ),
            (3, 3)
        );
        bench.ledger.open();
        bench
            .until(|counts| counts.answered == 5 && counts.connections == 0)
            .await;
        // Open for good.
        let addr = bench.addr();
        let (bytes, _) = client(move || fetch(addr, "/p0")).await;
        assert!(bytes.starts_with(b"HTTP/1.1 200"));
        let parked = bench
            .events()
            .iter()
            .filter(|e| matches!(e, Event::Parked { .. }))
            .count();
        assert_eq!(parked, 5);
    });
}

#[test]
fn the_first_part_of_a_body_is_sent_before_its_gate() {
    in_arena(|| async {
        for framing in [Framing::Length, Framing::Chunked, Framing::Close] {
            let items = vec![item(0, Answer::Status(200), framing, 1000)];
            let bench = Bench::new(items.clone(), Some(Point::Body));
            let addr = bench.addr();
            let (stream, first) = client(move || {
                let mut stream = get(addr, "/p0");
                head(&mut stream);
                if framing == Framing::Chunked {
                    assert!(exactly(&mut stream, 5).eq_ignore_ascii_case(b"1f4\r\n"));
                }
                let first = exactly(&mut stream, 500);
                (stream, first)
            })
            .await;
            assert_eq!(first, body(&items[0])[..500]);
            bench.until(|counts| counts.parked_at_body == 1).await;
            assert_eq!(bench.ledger.counts().in_flight, 1);
            bench.ledger.release(&Pick {
                at: Some(Point::Head),
                ..Pick::default()
            });
            assert_eq!(bench.ledger.counts().parked, 1, "not parked there");
            bench.ledger.release(&Pick::default());
            bench.until(|counts| counts.answered == 1).await;
            let more = client(move || {
                let mut stream = stream;
                exactly(
                    &mut stream,
                    if framing == Framing::Chunked {
                        514
                    } else {
                        500
                    },
                )
            })
            .await;
            if framing == Framing::Chunked {
                assert_eq!(more[7..507], body(&items[0])[500..]);
            } else {
                assert_eq!(more, body(&items[0])[500..]);
            }
        }
    });
}

#[test]
fn faults_within_a_body_are_held_there_too() {
    in_arena(|| async {
        for answer in [Answer::Truncated, Answer::ResetInside, Answer::Dripping] {
            let bench = Bench::new(
                vec![item(0, answer, Framing::Length, 1000)],
                Some(Point::Body),
            );
            let told = clients(bench.addr(), 1);
            bench.until(|counts| counts.parked_at_body == 1).await;
            assert!(told.try_recv().is_err());
            bench.ledger.release(&Pick::default());
            bench
                .until(|counts| counts.answered == 1 && counts.connections == 0)
                .await;
        }
    });
}

#[test]
fn a_stuck_answer_waits_for_the_opening_of_all_gates() {
    in_arena(|| async {
        for gate in [None, Some(Point::Head), Some(Point::Body)] {
            let mut items = pages(2, 100);
            items[0].answer = Answer::Stuck;
            let bench = Bench::new(items, gate);
            let told = clients(bench.addr(), 2);
            let others = if gate.is_some() { 2 } else { 1 };
            bench.until(|counts| counts.parked == others).await;
            bench.ledger.release(&Pick::default());
            bench.until(|counts| counts.answered == 1).await;
            bench.handled().await;
            assert_eq!(
                (
                    bench.ledger.counts().parked,
                    bench.ledger.counts().in_flight
                ),
                (1, 1)
            );
            bench.ledger.open();
            bench.until(|counts| counts.answered == 2).await;
            let got = client(move || {
                [told.recv(), told.recv()].map(|told| told.expect("an answer").1.len())
            })
            .await;
            assert!(got.iter().all(|len| *len > 100));
        }
    });
}

#[test]
fn answers_go_in_the_order_that_is_asked_for() {
    in_arena(|| async {
        let bench = Bench::new(pages(9, 10), Some(Point::Head));
        let addr = bench.addr();
        let mut streams = Vec::new();
        for index in 0..9 {
            streams.push(client(move || get(addr, &format!("/p{index}"))).await);
            bench.until(|counts| counts.parked == index + 1).await;
        }
        let pick = |count, order, spare| Pick {
            count: Some(count),
            order,
            at: None,
            spare,
        };
        assert_eq!(bench.ledger.release(&pick(2, Order::Oldest, 0)), [0, 1]);
        assert_eq!(bench.ledger.release(&pick(2, Order::Newest, 0)), [8, 7]);
        assert_eq!(bench.ledger.release(&pick(1, Order::Oldest, 2)), [4]);
        assert_eq!(bench.ledger.release(&pick(9, Order::Newest, 3)), [6]);
        let mut random = bench.ledger.release(&pick(3, Order::Random, 0));
        random.sort_unstable();
        assert_eq!(random, [2, 3, 5]);
        assert!(bench.ledger.release(&Pick::default()).is_empty());
    });
}

#[test]
fn answers_to_requests_sent_together_come_in_their_order() {
    in_arena(|| async {
        let items = pages(3, 20);
        let bench = Bench::new(items.clone(), Some(Point::Head));
        let addr = bench.addr();
        let mut stream = client(move || {
            let mut stream = TcpStream::connect(addr).expect("it listens");
            for index in 0..3 {
                write!(stream, "GET /p{index} HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
            }
            stream
        })
        .await;
        bench.until(|counts| counts.in_flight == 3).await;
        assert_eq!(
            bench.ledger.counts().parked,
            1,
            "the server is at the first"
        );
        bench.ledger.open();
        client(move || {
            for item in &items {
                head(&mut stream);
                assert_eq!(exactly(&mut stream, 20), body(item));
            }
        })
        .await;
        assert_eq!(bench.ledger.counts().answered, 3);
    });
}
