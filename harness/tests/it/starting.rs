//! What gives a start: scaffolds, the world by hand, man pages, other languages.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use super::place::{Place, RIGHT};

#[test]
fn a_new_pack_passes_its_own_proof_at_once() {
    let place = Place::new();
    place
        .gradus(&["new", "task", "mine"])
        .code(0)
        .complains(&["verify mine"]);
    place
        .gradus(&["new", "task", "mine"])
        .code(2)
        .complains(&["is there already"]);
    place.gradus(&["new", "task", "../x"]).code(2);
    let said = place.gradus(&["verify", "mine", "-q"]).code(0);
    assert!(
        said.out.contains("lost exactly what it should"),
        "{}",
        said.out
    );
    // A further fixture is a copy that the list knows.
    place.gradus(&["new", "fixture", "mine", "again"]).code(0);
    place
        .gradus(&[
            "new",
            "fixture",
            "mine",
            "slow",
            "--from",
            "bad/sequential",
            "--loses",
            "reaches-limit",
        ])
        .code(0);
    let said = place.gradus(&["verify", "mine", "-q", "--only", "good/again,bad/slow"]);
    assert!(
        said.out.contains("good/again") && said.out.contains("bad/slow"),
        "{said:#?}"
    );
    assert!(
        !said.out.contains('X') && !said.err.contains("expect.yaml"),
        "{said:#?}"
    );
}

#[test]
fn a_new_submission_can_be_graded_at_once() {
    let place = Place::new();
    place.gradus(&["new", "submission", "tiny", "mine"]).code(0);
    place.gradus(&["grade", "tiny", "mine", "-q"]).code(1);
    place.gradus(&["new", "submission", "tiny", "mine"]).code(2);
}

#[test]
fn man_pages_are_there_for_every_command() {
    let place = Place::new();
    let said = place.gradus(&["man"]).code(0).quietly();
    assert!(said.out.contains(".TH gradus 1"), "{}", &said.out[..200]);
    place.gradus(&["man", "--out", "man"]).code(0).quietly();
    for name in ["gradus.1", "gradus-grade.1", "gradus-play.1"] {
        let page = place.read(&format!("man/{name}"));
        assert!(page.contains(".SH NAME"), "{name}");
        assert!(!page.contains("__arena"));
    }
}

#[test]
fn stored_results_are_told_in_another_language() {
    let place = Place::new();
    place.script("wrong", "exit $1\n");
    place.script("right", RIGHT);
    place
        .gradus(&[
            "grade",
            "tiny",
            "wrong",
            "--results",
            "kept",
            "-q",
            "--exit-zero",
        ])
        .code(0);
    let english = place.gradus(&["report", "kept"]).code(0).out;
    let russian = place
        .gradus(&["report", "kept", "--lang", "ru"])
        .code(0)
        .out;
    assert!(english.contains("Why it matters") && russian.contains("Почему это важно"));
    let cyrillic = russian.chars().filter(|c| ('а'..='я').contains(c)).count();
    assert!(
        cyrillic > 100,
        "the sentences are translated, too: {russian}"
    );
    place
        .gradus(&["rescore", "kept", "--lang", "ru", "--exit-zero"])
        .code(0);
    assert_eq!(place.gradus(&["report", "kept"]).code(0).out, russian);
}

#[test]
fn the_world_is_met_by_hand() {
    let place = Place::new();
    let mut child = place
        .command(&[
            "play", "fetcher", "--set", "2", "--seed", "3", "--urls", "urls.txt",
        ])
        .env_remove("GRADUS_TASKS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gradus starts");
    let mut keys = child.stdin.take().expect("piped");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut until = |part: &str| -> String {
        loop {
            let line = lines.next().expect("more lines").expect("UTF-8");
            if line.contains(part) {
                return line;
            }
        }
    };
    until("quit");
    let urls = fs::read_to_string(place.path().join("urls.txt")).expect("the list");
    let url = urls
        .lines()
        .next()
        .expect("a URL")
        .strip_prefix("http://")
        .expect("http");
    let (host, path) = url.split_once('/').expect("a path");
    let ask = || {
        let mut stream = TcpStream::connect(host).expect("it listens");
        write!(
            stream,
            "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .expect("sent");
        stream
    };
    let (mut first, mut second) = (ask(), ask());
    until("held: ");
    until("held: ");
    keys.write_all(b"s\n").expect("typed");
    assert!(until("in flight").starts_with("in flight 2 (2 held), at most 2"));
    keys.write_all(b"\n").expect("typed");
    until("✓ ");
    keys.write_all(b"o\n").expect("typed");
    until("✓ ");
    for stream in [&mut first, &mut second] {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    }
    drop(keys);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    place
        .gradus(&["play", "tiny"])
        .code(2)
        .complains(&["no servers"]);
}
