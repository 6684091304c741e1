//! Runs the program against a mock service, and against one that holds all work.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::process::Command;
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bounded-queue"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A service with `count` jobs, of which the fourth fails.
async fn service(count: usize) -> MockServer {
    let server = MockServer::start().await;
    let taken = AtomicUsize::new(0);
    Mock::given(method("GET"))
        .and(path("/next"))
        .respond_with(
            move |_: &Request| match taken.fetch_add(1, Ordering::SeqCst) {
                job if job < count => {
                    ResponseTemplate::new(200).set_body_string(format!("job-{job}\n"))
                }
                _ => ResponseTemplate::new(204),
            },
        )
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path("/work/job-3"))
        .respond_with(ResponseTemplate::new(500))
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path_regex("^/work/job-[0-9]+$"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn every_job_is_done_once_and_a_failure_is_reported() {
    for (workers, places) in [("1", "1"), ("3", "2"), ("50", "50")] {
        let server = service(20).await;
        let uri = server.uri();
        let output = program(&["-w", workers, "-q", places, &uri])
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        assert!(
            lines.starts_with("job-3 ERROR ") && lines.lines().count() == 1,
            "{lines}"
        );
        let done: Vec<String> = server
            .received_requests()
            .await
            .unwrap()
            .iter()
            .filter_map(|request| request.url.path().strip_prefix("/work/").map(str::to_owned))
            .collect();
        assert_eq!(done.len(), 20);
        assert_eq!(done.into_iter().collect::<BTreeSet<_>>().len(), 20);
    }
}

fn request(listener: &TcpListener) -> (String, TcpStream) {
    let (stream, _) = listener.accept().unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    lines.find(|line| line.as_ref().unwrap().is_empty());
    (first, stream)
}

#[tokio::test]
async fn a_full_queue_stops_the_producer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let running = program(&["-w", "2", "-q", "3", &url]).spawn().unwrap();

    // While all work is held, 2 are at work, 3 in the queue and 1 in the producer's hand.
    let (mut taken, mut held) = (0, Vec::new());
    while taken < 6 || held.len() < 2 {
        let (line, mut stream) = request(&listener);
        if line.starts_with("GET /next ") {
            taken += 1;
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{taken}"
            )
            .unwrap();
        } else {
            held.push(stream);
        }
    }
    // The producer holds its job until there is room, so the next thing to be seen after one answer is the third job at
    // work, or the seventh question: never the seventh question before an answer.
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "a seventh job was asked for");
    listener.set_nonblocking(false).unwrap();
    let mut answered = 0;
    let mut ended = false;
    for mut stream in held {
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        answered += 1;
    }
    while answered < 6 || !ended {
        let (line, mut stream) = request(&listener);
        if line.starts_with("GET /next ") {
            write!(stream, "HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            ended = true;
        } else {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            answered += 1;
        }
    }
    assert!(running.wait_with_output().await.unwrap().status.success());
}

#[tokio::test]
async fn bad_arguments_are_refused() {
    let url = "http://127.0.0.1:1";
    for arguments in [
        &["-w", "0", "-q", "1", url][..],
        &["-w", "1", "-q", "x", url],
        &["-w", "1", url],
        &["-w", "1", "-q", "1"],
        &["-w", "1", "-q", "1", "nonsense"],
    ] {
        let output = program(arguments).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(!output.stderr.is_empty());
    }
}
