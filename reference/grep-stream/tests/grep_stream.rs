//! Talks to the program line by line: a match must come out before the next line goes in.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

fn start(pattern: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_grep-stream"))
        .arg(pattern)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn line(out: &mut impl BufRead) -> String {
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    line
}

#[test]
fn each_match_comes_at_once() {
    let mut program = start("a");
    let mut input = program.stdin.take().unwrap();
    let mut out = BufReader::new(program.stdout.take().unwrap());
    assert_eq!(line(&mut out), "start grep\n");
    for word in ["a\n", "bab\n", "x\nxa\n"] {
        input.write_all(word.as_bytes()).unwrap();
        assert!(word.ends_with(&line(&mut out)));
    }
    drop(input);
    assert_eq!(line(&mut out), "stop grep\n");
    assert!(program.wait().unwrap().success());
}

#[test]
fn sigterm_stops_it_properly() {
    let mut program = start("a");
    let _input = program.stdin.take();
    let mut out = BufReader::new(program.stdout.take().unwrap());
    assert_eq!(line(&mut out), "start grep\n");
    let sent = Command::new("kill").arg(program.id().to_string()).status();
    assert!(sent.unwrap().success());
    assert_eq!(line(&mut out), "stop grep\n");
    assert!(program.wait().unwrap().success());
}

#[test]
fn a_closed_output_ends_it_quietly() {
    let mut program = start("a");
    let mut input = program.stdin.take().unwrap();
    drop(program.stdout.take());
    // Whether the program is gone already doesn't matter.
    let _ = input.write_all(b"a\n");
    assert!(program.wait().unwrap().success());
    let mut complaint = String::new();
    program
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut complaint)
        .unwrap();
    assert_eq!(complaint, "");
}

#[test]
fn one_pattern_is_wanted() {
    let output = Command::new(env!("CARGO_BIN_EXE_grep-stream"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!output.stderr.is_empty());
}
