//! Each fault, as a raw client sees it.

use std::io::ErrorKind;

use super::*;

/// What a client gets for an item, and how the answer ended in the evidence.
async fn answer_of(item: Item) -> (Vec<u8>, Option<ErrorKind>, (u16, u64, Ending)) {
    let bench = Bench::new(vec![item], None);
    let addr = bench.addr();
    let (bytes, error) = client(move || fetch(addr, "/p0")).await;
    bench.until(|counts| counts.connections == 0).await;
    let events = bench.events();
    assert_eq!(most_in_flight(&events), 1);
    (bytes, error, endings(&events)[0])
}

fn split(bytes: &[u8]) -> (String, Vec<u8>) {
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head")
        + 4;
    (
        String::from_utf8_lossy(&bytes[..end]).into_owned(),
        bytes[end..].to_vec(),
    )
}

#[test]
fn a_reset_comes_without_a_byte() {
    in_arena(|| async {
        let (bytes, error, ending) = answer_of(item(0, Answer::Reset, Framing::Length, 0)).await;
        assert_eq!((bytes.len(), error), (0, Some(ErrorKind::ConnectionReset)));
        assert_eq!(ending, (0, 0, Ending::Reset));
    });
}

#[test]
fn a_reset_inside_comes_after_a_part() {
    in_arena(|| async {
        for framing in [Framing::Length, Framing::Chunked] {
            let item = item(0, Answer::ResetInside, framing, 1000);
            let (bytes, error, ending) = answer_of(item).await;
            assert_eq!(error, Some(ErrorKind::ConnectionReset));
            assert_eq!(ending, (200, 500, Ending::Reset));
            // A reset may overtake what was sent before it.
            assert!(bytes.len() < 1000);
        }
    });
}

#[test]
fn a_truncated_answer_ends_short_of_its_promise() {
    in_arena(|| async {
        let long = item(0, Answer::Truncated, Framing::Length, 1000);
        let (bytes, error, ending) = answer_of(long.clone()).await;
        let (head, got) = split(&bytes);
        assert!(head.contains("Content-Length: 1000\r\n"), "{head}");
        assert_eq!((&got[..], error), (&body(&long)[..500], None));
        assert_eq!(ending, (200, 500, Ending::Truncated));

        let (bytes, error, _) = answer_of(item(0, Answer::Truncated, Framing::Chunked, 1000)).await;
        let (head, got) = split(&bytes);
        assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
        assert!(!got.ends_with(b"0\r\n\r\n"));
        assert_eq!(error, None);
    });
}

#[test]
fn garbage_is_no_http() {
    in_arena(|| async {
        let (bytes, error, ending) = answer_of(item(0, Answer::Garbage, Framing::Length, 0)).await;
        assert!(bytes.len() > 100 && !bytes.starts_with(b"HTTP"));
        assert_eq!((error, ending), (None, (0, 0, Ending::Garbage)));
    });
}

#[test]
fn a_dripping_answer_comes_whole_in_many_reads() {
    in_arena(|| async {
        for framing in [Framing::Length, Framing::Chunked, Framing::Close] {
            let item = item(0, Answer::Dripping, framing, 3000);
            let bench = Bench::new(vec![item.clone()], None);
            let addr = bench.addr();
            let (bytes, reads) = client(move || {
                let mut stream = get(addr, "/p0");
                let (mut all, mut reads, mut part) = (Vec::new(), 0, [0; 4096]);
                loop {
                    match stream.read(&mut part).expect("no error") {
                        0 => return (all, reads),
                        n => all.extend_from_slice(&part[..n]),
                    }
                    reads += 1;
                }
            })
            .await;
            assert!(reads > 5, "{reads}");
            let (head, got) = split(&bytes);
            if framing == Framing::Chunked {
                assert!(got.ends_with(b"0\r\n\r\n"));
            } else {
                assert_eq!(got, body(&item), "{head}");
            }
            bench.until(|counts| counts.connections == 0).await;
            assert_eq!(endings(&bench.events()), [(200, 3000, Ending::Complete)]);
            assert!(!bench.ledger.busy());
        }
    });
}

#[test]
fn the_world_is_busy_while_an_answer_drips() {
    in_arena(|| async {
        let bench = Bench::new(vec![item(0, Answer::Dripping, Framing::Length, 3000)], None);
        let addr = bench.addr();
        let stream = client(move || get(addr, "/p0")).await;
        bench.until(|_| bench.ledger.busy()).await;
        assert_eq!(bench.ledger.counts().in_flight, 1);
        drop(stream);
        bench.until(|counts| counts.connections == 0).await;
        assert!(!bench.ledger.busy());
        assert!(matches!(
            bench.events()[..],
            [.., Event::Abandoned { req: 0 }, Event::Disconnected { .. }]
        ));
    });
}

#[test]
fn redirects_lead_to_a_page_or_to_themselves() {
    in_arena(|| async {
        let away = item(0, Answer::Redirect, Framing::Length, 30);
        let round = item(1, Answer::RedirectLoop, Framing::Length, 30);
        let bench = Bench::new(vec![away, round], None);
        let addr = bench.addr();
        let location = |bytes: &[u8]| {
            let (head, _) = split(bytes);
            assert!(head.starts_with("HTTP/1.1 302"), "{head}");
            let line = head
                .lines()
                .find_map(|line| line.strip_prefix("location: ").map(str::to_owned));
            line.expect("a location")
        };
        let (bytes, _) = client(move || fetch(addr, "/p0")).await;
        let target = location(&bytes);
        assert!(!bench.urls.contains(&target));
        let path = target
            .split_once(&addr.to_string())
            .expect("the same host")
            .1
            .to_owned();
        let (bytes, _) = client(move || fetch(addr, &path)).await;
        assert!(bytes.starts_with(b"HTTP/1.1 200"));
        let (bytes, _) = client(move || fetch(addr, "/p1")).await;
        assert_eq!(location(&bytes), bench.urls[1]);
        let items: Vec<_> = bench
            .events()
            .iter()
            .filter_map(|event| match event {
                Event::Request { item, .. } => Some(*item),
                _ => None,
            })
            .collect();
        assert_eq!(items, [Some(0), None, Some(1)]);
    });
}

#[test]
fn other_statuses_come_with_a_body() {
    in_arena(|| async {
        for status in [404, 500, 503] {
            let (bytes, error, ending) =
                answer_of(item(0, Answer::Status(status), Framing::Length, 70)).await;
            assert!(bytes.starts_with(format!("HTTP/1.1 {status}").as_bytes()));
            assert_eq!((error, ending), (None, (status, 70, Ending::Complete)));
        }
        let (bytes, _, ending) = answer_of(item(0, Answer::Status(204), Framing::Length, 0)).await;
        assert!(bytes.ends_with(b"\r\n\r\n"));
        assert_eq!(ending, (204, 0, Ending::Complete));
    });
}
