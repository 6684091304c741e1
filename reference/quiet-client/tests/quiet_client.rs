//! Runs the program against servers that hold their answers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

fn run(urls: &[String]) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_quiet-client"))
        .args(urls)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn sorted_lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn read_request(stream: &mut TcpStream) -> String {
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "request cut short");
        request.push(byte[0]);
    }
    String::from_utf8(request).unwrap()
}

#[test]
fn all_are_in_flight_before_any_is_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let urls: Vec<String> = (0..5).map(|n| format!("{base}/{n}")).collect();
    let program = run(&urls);

    // Nothing is answered until the fifth request is here: a program that waits for an answer never gets this far.
    let mut held: Vec<TcpStream> = (0..5).map(|_| listener.accept().unwrap().0).collect();
    for stream in &mut held {
        read_request(stream);
    }
    for stream in held.iter_mut().rev() {
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc" {
            stream.write_all(&[*byte]).unwrap();
        }
    }
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success());
    let expected: Vec<String> = urls.iter().map(|url| format!("{url} 200 3")).collect();
    assert_eq!(sorted_lines(&output), expected);
}

#[test]
fn failures_stay_in_their_own_line() {
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let truncated = format!("http://{}/", listener.local_addr().unwrap());
    let program = run(&[refused.clone(), "nonsense".into(), truncated.clone()]);
    let (mut stream, _) = listener.accept().unwrap();
    read_request(&mut stream);
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        .unwrap();
    drop(stream);
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success());
    let lines = sorted_lines(&output);
    assert_eq!(lines.len(), 3);
    for url in [refused, truncated, "nonsense".into()] {
        let start = format!("{url} ERROR ");
        assert!(
            lines.iter().any(|line| line.starts_with(&start)),
            "{lines:?}"
        );
    }
}

#[test]
fn no_arguments_are_refused() {
    let output = run(&[]).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!output.stderr.is_empty());
}
