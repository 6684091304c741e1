//! Runs scripts against a server that holds its answers.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

fn script(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("event-loop-{name}"));
    std::fs::write(&path, text).unwrap();
    path
}

fn start(name: &str, text: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_event-loop"))
        .arg(script(name, text))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn run(name: &str, text: &str) -> Output {
    start(name, text).wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().is_empty());
    stream
}

#[test]
fn tasks_interleave_and_timers_fire_in_their_order() {
    let text =
        "a: sleep 1; say a3\nb: sleep 0.1; say b1; sleep 0.1; say b2\nc: say c\nd: sleep 0; say d";
    let lines = lines(&run("timers", text));
    assert_eq!(lines, ["c: c", "d: d", "b: b1", "b: b2", "a: a3"]);
}

#[test]
fn a_held_get_stops_only_its_own_task() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let text = format!("a: get {url}; say late\nb: say one; sleep 0.01; get {url}; say two");
    let mut program = start("held", &text);
    let mut out = BufReader::new(program.stdout.take().unwrap()).lines();
    // Both connections are there, and nothing was answered.
    let held = [accept(&listener), accept(&listener)];
    assert_eq!(out.next().unwrap().unwrap(), "b: one");
    for mut stream in held {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
    }
    let mut rest: Vec<String> = out.map(Result::unwrap).collect();
    rest.sort();
    assert_eq!(rest, ["a: late", "b: two"]);
    assert!(program.wait().unwrap().success());
}

#[test]
fn a_failing_step_ends_its_task_alone() {
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let missing = format!("http://{}/", listener.local_addr().unwrap());
    let text = format!(
        "a: get {refused}; say never\nb: get {missing}; say never\nc: get nonsense; say never\nd: say fine"
    );
    let program = start("failing", &text);
    accept(&listener)
        .write_all(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
    let output = program.wait_with_output().unwrap();
    assert_eq!(lines(&output), ["d: fine"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    for name in ["a: ", "b: ", "c: "] {
        assert!(
            errors.lines().any(|line| line.starts_with(name)),
            "{errors}"
        );
    }
}

#[test]
fn more_gets_than_descriptors_queue() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let text: String = (0..100)
        .map(|n| format!("t{n}: get {url}; say done\n"))
        .collect();
    let path = script("descriptors", &text);
    let program = Command::new("/bin/sh")
        .args([
            "-c",
            "ulimit -n 24; exec \"$0\" \"$1\"",
            env!("CARGO_BIN_EXE_event-loop"),
        ])
        .arg(path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for _ in 0..100 {
        accept(&listener)
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
    }
    assert_eq!(lines(&program.wait_with_output().unwrap()).len(), 100);
}

#[test]
fn ten_thousand_tasks() {
    let text: String = (0..10_000)
        .map(|n| format!("t{n}: say a; sleep 0.1; say b\n"))
        .collect();
    assert_eq!(lines(&run("many", &text)).len(), 20_000);
}

#[test]
fn bad_scripts_are_refused() {
    assert_eq!(run("bad", "a: dance").status.code(), Some(2));
    let output = Command::new(env!("CARGO_BIN_EXE_event-loop"))
        .arg("/does/not/exist")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!output.stderr.is_empty());
}
