//! Ordinary answers, in every form.

use std::io::Write;

use super::*;

#[test]
fn a_page_is_served_and_recorded() {
    in_arena(|| async {
        let items = pages(1, 1000);
        let bench = Bench::new(items.clone(), None);
        let addr = bench.addr();
        let (bytes, error) = client(move || fetch(addr, "/p0")).await;
        assert_eq!(error, None);
        assert!(
            bytes.starts_with(b"HTTP/1.1 200 OK\r\n"),
            "{}",
            String::from_utf8_lossy(&bytes)
        );
        assert!(bytes.ends_with(&body(&items[0])));
        bench.until(|counts| counts.connections == 0).await;
        let events = bench.events();
        let [
            Event::Connected { conn, host: 0 },
            Event::Request {
                req,
                item: Some(0),
                method,
                target,
                ..
            },
            Event::Answered {
                req: answered,
                status: 200,
                bytes: 1000,
                ending: Ending::Complete,
            },
            Event::Disconnected {
                conn: ended,
                requests: 1,
                ..
            },
        ] = &events[..]
        else {
            panic!("{events:?}");
        };
        assert_eq!(
            (conn, req, method.as_str(), target.as_str()),
            (ended, answered, "GET", "/p0")
        );
    });
}

#[test]
fn every_framing_carries_the_whole_body() {
    in_arena(|| async {
        let framings = [Framing::Length, Framing::Chunked, Framing::Close];
        let items: Vec<Item> = (0..3)
            .map(|index| item(index, Answer::Status(200), framings[index], 100_000))
            .collect();
        let bench = Bench::new(items.clone(), None);
        let addr = bench.addr();
        for (index, tell) in [
            "content-length: 100000\r\n",
            "transfer-encoding: chunked\r\n",
            "HTTP/1.0 200",
        ]
        .iter()
        .enumerate()
        {
            let (bytes, error) = client(move || fetch(addr, &format!("/p{index}"))).await;
            assert_eq!(error, None);
            let end = bytes
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
                .expect("a head")
                + 4;
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            assert!(head.contains(tell), "{head}");
            let got = if index == 1 {
                unchunk(&bytes[end..])
            } else {
                bytes[end..].to_vec()
            };
            assert_eq!(got, body(&items[index]), "{index}");
        }
        assert_eq!(
            endings(&bench.events()),
            [(200, 100_000, Ending::Complete); 3]
        );
    });
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = bytes.iter().position(|b| *b == b'\n').expect("a size");
        let size = usize::from_str_radix(String::from_utf8_lossy(&bytes[..line]).trim(), 16)
            .expect("a size");
        if size == 0 {
            assert_eq!(&bytes[line + 1..], b"\r\n");
            return body;
        }
        body.extend_from_slice(&bytes[line + 1..line + 1 + size]);
        bytes = &bytes[line + 1 + size + 2..];
    }
}

#[test]
fn old_clients_and_heads_and_unknown_paths_are_answered() {
    in_arena(|| async {
        let bench = Bench::new(
            vec![item(0, Answer::Status(200), Framing::Chunked, 50)],
            None,
        );
        let addr = bench.addr();
        let asks = [
            "GET /p0 HTTP/1.0\r\n\r\n",
            "HEAD /p0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        ];
        for (ask, want) in asks.into_iter().zip([50, 0]) {
            let (bytes, _) = client(move || {
                let mut stream = TcpStream::connect(addr).expect("it listens");
                stream.write_all(ask.as_bytes()).expect("it reads");
                rest(stream)
            })
            .await;
            let end = bytes
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
                .expect("a head")
                + 4;
            assert_eq!(bytes.len() - end, want, "{ask}");
        }
        let (bytes, _) = client(move || fetch(addr, "/nobody")).await;
        assert!(bytes.starts_with(b"HTTP/1.1 404"));
        let events = bench.events();
        assert!(events.iter().any(
            |e| matches!(e, Event::Request { item: None, target, .. } if target == "/nobody")
        ));
        assert_eq!(most_in_flight(&events), 1);
        assert_eq!(bench.ledger.counts().in_flight, 0);
    });
}

#[test]
fn one_connection_carries_many_requests() {
    in_arena(|| async {
        let items = pages(50, 2000);
        let bench = Bench::new(items.clone(), None);
        let addr = bench.addr();
        client(move || {
            let mut stream = TcpStream::connect(addr).expect("it listens");
            for (index, item) in items.iter().enumerate() {
                write!(stream, "GET http://x/p{index} HTTP/1.1\r\nHost: x\r\n\r\n")
                    .expect("it reads");
                head(&mut stream);
                assert_eq!(exactly(&mut stream, 2000), body(item));
            }
        })
        .await;
        bench.until(|counts| counts.connections == 0).await;
        let events = bench.events();
        assert!(matches!(
            events.last(),
            Some(Event::Disconnected {
                requests: 50,
                by: crate::evidence::Side::Peer,
                ..
            })
        ));
        assert_eq!(most_in_flight(&events), 1);
    });
}

#[test]
fn a_request_with_a_body_is_one_request() {
    in_arena(|| async {
        let bench = Bench::new(pages(2, 10), None);
        let addr = bench.addr();
        client(move || {
            let mut stream = TcpStream::connect(addr).expect("it listens");
            let inside = "GET /p1 HTTP/1.1\r\nHost: x\r\n\r\n";
            write!(
                stream,
                "POST /p0 HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{inside}",
                inside.len()
            )
            .expect("it reads");
            head(&mut stream);
            exactly(&mut stream, 10);
            write!(
                stream,
                "POST /p0 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            .expect("it reads");
            write!(stream, "{:x}\r\n{inside}\r\n0\r\n\r\n", inside.len()).expect("it reads");
            head(&mut stream);
            exactly(&mut stream, 10);
            write!(stream, "GET /p1 HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
            head(&mut stream);
            exactly(&mut stream, 10);
        })
        .await;
        bench.until(|counts| counts.connections == 0).await;
        assert_eq!(bench.ledger.counts().requests, 3);
        assert_eq!(bench.ledger.counts().answered, 3);
    });
}

#[test]
fn what_is_no_http_gets_400_and_is_forgotten() {
    in_arena(|| async {
        let bench = Bench::new(pages(1, 10), None);
        let addr = bench.addr();
        let (bytes, _) = client(move || {
            let mut stream = TcpStream::connect(addr).expect("it listens");
            stream.write_all(b"what is this\r\n\r\n").expect("it reads");
            rest(stream)
        })
        .await;
        assert!(
            bytes.starts_with(b"HTTP/1.1 400"),
            "{}",
            String::from_utf8_lossy(&bytes)
        );
        bench.until(|counts| counts.connections == 0).await;
        assert_eq!(bench.ledger.counts().in_flight, 0);
    });
}

#[test]
fn the_list_has_a_line_for_each_entry() {
    in_arena(|| async {
        let mut items = pages(40, 10);
        items[3].listed = 2;
        items[7].answer = Answer::Malformed;
        items[7].path = "nonsense".into();
        items[9].answer = Answer::Refused;
        let plan = plan(items, None);
        let (origin, _) = Origin::bind(&plan, Tier::Reduced).expect("a port");
        let file = String::from_utf8(origin.urls_file()).expect("text");
        let lines: Vec<&str> = file.lines().filter(|line| !line.is_empty()).collect();
        assert!(file.ends_with('\n') && file.contains("\n\n"));
        assert_eq!(lines.len(), 41);
        let firsts: Vec<&str> = lines
            .iter()
            .scan(Vec::new(), |seen, line| {
                let new = !seen.contains(line);
                seen.push(*line);
                Some(new.then_some(*line))
            })
            .flatten()
            .collect();
        let urls: Vec<String> = plan.items.iter().map(|item| origin.url(item)).collect();
        assert_eq!(firsts, urls, "first lines stand in the order of the plan");
        assert_eq!(lines.iter().filter(|line| **line == urls[3]).count(), 2);
        assert_eq!(urls[7], "nonsense");
        let refused = urls[9]
            .trim_start_matches("http://")
            .split('/')
            .next()
            .expect("an address")
            .to_owned();
        assert!(
            TcpStream::connect(refused)
                .is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused)
        );
    });
}
