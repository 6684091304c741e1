//! Runs the program with commands that need each other, so that only the right number of them at a time can finish.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A folder of this test, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("process-pool-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn start(folder: &Path, jobs: &str, commands: &str) -> Child {
    fs::write(folder.join("commands.txt"), commands).unwrap();
    Command::new(env!("CARGO_BIN_EXE_process-pool"))
        .args(["-j", jobs, "commands.txt"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn run(name: &str, jobs: &str, commands: &str) -> Output {
    start(&folder(name), jobs, commands)
        .wait_with_output()
        .unwrap()
}

fn text(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn exit_codes_signals_and_output() {
    let output = run(
        "codes",
        "1",
        "echo a; printf b\n\n  \nexit 3\nkill -9 $$\ntrue",
    );
    assert_eq!(text(&output), "a\nb\n0 0\n1 3\n2 137\n3 0\n");
    assert_eq!(output.status.code(), Some(1));
    let output = run("all-good", "3", "true\ntrue\n");
    assert!(output.status.success());
}

#[test]
fn two_run_at_a_time_and_are_printed_as_they_end() {
    // A fifo holds each side until the other is there: both commands must be running, and the second ends first.
    let output = run(
        "together",
        "3",
        "mkfifo a b; : > b; : > a\nwhile ! [ -p b ]; do :; done; read x < b; : < a; exit 4",
    );
    let mut lines: Vec<&str> = text(&output).lines().collect();
    lines.sort();
    assert_eq!(lines, ["0 0", "1 4"]);
}

#[test]
fn an_ended_command_makes_room_at_once() {
    // With two places the first command waits for the third, which needs the place of the second.
    let output = run(
        "refill",
        "2",
        "while ! [ -e third ]; do :; done\ntrue\n: > third\n",
    );
    let lines: Vec<&str> = text(&output).lines().collect();
    assert_eq!(lines[0], "1 0");
    assert_eq!(lines.len(), 3);
}

#[test]
fn never_more_than_asked_for() {
    let command = "mkdir only || exit 9; rmdir only\n";
    let output = run("limit", "1", &command.repeat(30));
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn much_output_blocks_nobody() {
    let output = run(
        "much",
        "2",
        "head -c 3000000 /dev/zero\nhead -c 3000000 /dev/zero | tr '\\0' '\\n'",
    );
    assert!(output.status.success());
    assert_eq!(output.stdout.len(), 3_000_001 + 3_000_000 + 8);
}

#[test]
fn sigterm_ends_grandchildren_too() {
    let mut program = start(
        &folder("sigterm"),
        "2",
        "echo up; sleep 1000 & wait\ntrap '' TERM; echo up; sleep 1000; sleep 1000\n",
    );
    let mut out = BufReader::new(program.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "up\nup\n");
    let sent = Command::new("kill")
        .arg(program.id().to_string())
        .status()
        .unwrap();
    assert!(sent.success());
    assert_eq!(program.wait().unwrap().code(), Some(143));
    // Every descendant holds this pipe: its end shows that all of them are gone.
    program
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut line)
        .unwrap();
}

#[test]
fn bad_arguments_are_refused() {
    let folder = folder("arguments");
    for jobs in ["0", "x", "-1", ""] {
        let output = start(&folder, jobs, "true").wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2), "-j {jobs}");
        assert!(!output.stderr.is_empty());
    }
    let output = Command::new(env!("CARGO_BIN_EXE_process-pool"))
        .args(["-j", "2", "/does/not/exist"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}
