//! Whole classes: graded, interrupted, in shards, rescored, signed.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::place::{Place, RIGHT, TINY};

const POLICY: &str = "late: { per_day: 10, refuse_after: 7 }\n";
const ROSTER: &str = "submission,name,id,late_days\nright,\"Иванов, И.\",1,2\nwrong,=Evil,2,\npacked.zip,Doe,3,9\n,Absent,4,\n";

/// A right one, one that accepts everything, one in an archive, and one whose archive leads out of it.
fn a_class() -> Place {
    let place = Place::new();
    place.script("class/right", RIGHT);
    place.script("class/wrong", "exit 0\n");
    place.write("class/packed.zip", "");
    zip(
        &place,
        "class/packed.zip",
        &[("hw/run", &format!("#!/bin/sh\n{RIGHT}"))],
    );
    zip(&place, "class/evil.zip", &[("../escaped", "x")]);
    place.write("class/notes.txt", "x");
    place.write("roster.csv", ROSTER);
    place.write("policy.yaml", POLICY);
    place
}

fn zip(place: &Place, name: &str, entries: &[(&str, &str)]) {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
        writer.start_file(*name, options).expect("file");
        writer.write_all(content.as_bytes()).expect("content");
    }
    let bytes = writer.finish().expect("zip").into_inner();
    fs::write(place.path().join(name), bytes).expect("written");
}

const GRADE: [&str; 9] = [
    "class",
    "class",
    "--task",
    "tiny",
    "--results",
    "r",
    "--no-pages",
    "--shard",
    "off",
];

fn with<'a>(words: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    words.iter().chain(more).copied().collect()
}

#[test]
fn a_class_is_graded_once_and_its_grades_are_exported() {
    let place = a_class();
    let words = with(
        &GRADE,
        &["--roster", "roster.csv", "--policy", "policy.yaml"],
    );
    place
        .gradus(&words)
        .code(0)
        .complains(&["notes.txt is neither", "4 gradings", "[4/4]"]);
    assert!(
        !place.path().join("class/escaped").exists() && !place.path().join("r/escaped").exists()
    );
    let canvas = place.read("r/canvas.csv");
    let rows: Vec<&str> = canvas.lines().collect();
    assert_eq!(rows[1], "    Points Possible,,,,,5");
    assert_eq!(rows[2], "\"Иванов, И.\",1,,,,4");
    assert_eq!(rows[3], "'=Evil,2,,,,3");
    assert_eq!(rows[4], "Doe,3,,,,0", "too late");
    assert_eq!(rows[5], "Absent,4,,,,", "nothing handed in: no score");
    assert_eq!(rows[6], "evil,,,,,0");
    let book: serde_json::Value =
        serde_json::from_str(&place.read("r/gradebook.json")).expect("json");
    assert_eq!(book["students"][4]["grades"][0]["standing"], "refused");
    assert_eq!(book["statistics"][0]["checks"][1]["failed"], 1);
    place
        .gradus(&GRADE)
        .code(0)
        .complains(&["4 of them are graded already"]);
    // What changed is graded again, and nothing else.
    place.script("class/wrong", RIGHT);
    place
        .gradus(&GRADE)
        .code(0)
        .complains(&["3 of them are graded already", "[1/1] wrong tiny: 5/5"]);
    let said = place
        .gradus(&["gradebook", "r", "--format", "moodle"])
        .code(0);
    assert!(
        said.out
            .starts_with("Full name,Username,ID number,Email address,A tiny task\n"),
        "{}",
        said.out
    );
    // One of its results is a result like any other.
    place.gradus(&["report", "r/graded/right/tiny"]).code(0);
    place
        .gradus(&["report", "r"])
        .code(2)
        .complains(&["gradus gradebook"]);
}

#[test]
fn a_killed_class_goes_on_where_it_was() {
    let place = Place::new();
    place.write(
        "tasks/tiny/task.yaml",
        &TINY.replace(
            "with: [ { limit: 1 }, { limit: 2 } ]",
            "with: [ { limit: 1 } ]",
        ),
    );
    let names: Vec<String> = (0..12).map(|n| format!("s{n:02}")).collect();
    for name in &names {
        place.script(&format!("class/{name}"), RIGHT);
    }
    let graded = || fs::read_dir(place.path().join("r/graded")).map_or(0, Iterator::count);
    let mut kept = 0;
    for kills in 1..=3 {
        let mut command = place.command(&with(&GRADE, &["-q", "--jobs", "2"]));
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let begun = Instant::now();
        while graded() < kills * 3 {
            assert!(
                begun.elapsed() < Duration::from_secs(100),
                "nothing is graded"
            );
            std::thread::yield_now();
        }
        child.kill().expect("killed");
        child.wait().expect("reaped");
        // Whatever stands under its final name is whole.
        let whole = names
            .iter()
            .filter(|name| place.path().join(format!("r/graded/{name}/tiny")).is_dir());
        for name in whole {
            for file in ["report.json", "entry.json", "grading.json"] {
                let text = place.read(&format!("r/graded/{name}/tiny/{file}"));
                serde_json::from_str::<serde_json::Value>(&text).expect("whole");
            }
        }
        kept = kept.max(graded());
    }
    let said = place.gradus(&GRADE).code(0);
    assert!(said.err.contains("of them are graded already"), "{said:#?}");
    assert_eq!(graded(), 12);
    assert!(!place.path().join("r/work").exists());
    let csv = place.read("r/gradebook.csv");
    assert_eq!(
        csv.lines()
            .filter(|line| line.contains(",graded,5,5,5,"))
            .count(),
        12,
        "{csv}"
    );
    place
        .gradus(&GRADE)
        .code(0)
        .complains(&["12 gradings, 12 of them are graded already"]);
}

#[test]
fn shards_merge_to_what_one_machine_would_have_found() {
    let place = a_class();
    let base = [
        "class",
        "class",
        "--task",
        "tiny",
        "--no-pages",
        "-q",
        "--seed",
        "5",
    ];
    place
        .gradus(&with(&base, &["--results", "whole", "--shard", "off"]))
        .code(0);
    place
        .gradus(&with(&base, &["--results", "one", "--shard", "1/2"]))
        .code(0);
    place
        .gradus(&["report", "one", "--merge", "m"])
        .code(4)
        .complains(&["1 of 2 shards are missing: 2"]);
    let mut command = place.command(&with(&base, &["--results", "two"]));
    command
        .env("JOB_COMPLETION_INDEX", "1")
        .env("GRADUS_SHARDS", "2");
    assert!(command.status().expect("gradus starts").success());
    place
        .gradus(&["report", "two", "one", "--merge", "m"])
        .code(0);
    assert_eq!(place.read("m/canvas.csv"), place.read("whole/canvas.csv"));
    let first = place.read("m/gradebook.json");
    place
        .gradus(&["report", "one", "two", "one", "--merge", "m"])
        .code(0);
    assert_eq!(place.read("m/gradebook.json"), first);
    place
        .gradus(&with(
            &base,
            &["--results", "other", "--shard", "2/2", "--seeds", "each"],
        ))
        .code(0);
    place
        .gradus(&["report", "one", "other", "--merge", "n"])
        .code(2)
        .complains(&["differ in the seed"]);
}

#[test]
fn a_new_rubric_is_previewed_and_applied_without_a_run() {
    let place = a_class();
    place.gradus(&with(&GRADE, &["-q"])).code(0);
    place.write(
        "tasks/tiny/task.yaml",
        &TINY.replace("points: 3", "points: 6"),
    );
    let before = place.read("r/canvas.csv");
    let preview = place.gradus(&["rescore", "r", "--preview"]).code(0);
    assert!(
        preview.out.contains("right tiny: 5 of 5 -> 8 of 8"),
        "{}",
        preview.out
    );
    assert!(
        preview.out.contains("ends is worth 6 instead of 3"),
        "{}",
        preview.out
    );
    assert_eq!(place.read("r/canvas.csv"), before);
    let applied = place
        .gradus(&["rescore", "r"])
        .code(0)
        .complains(&["0 of them judged from their evidence"]);
    assert_eq!(applied.out, preview.out);
    assert!(place.read("r/canvas.csv").contains("right,,,,,8"));
    place
        .gradus(&GRADE)
        .code(0)
        .complains(&["4 of them are graded already"]);
    // Judged from evidence it comes to the very same bytes.
    let quick = place.read("r/graded/wrong/tiny/report.json");
    let full = place.gradus(&["rescore", "r", "--full"]).code(0);
    assert_eq!(full.out, "", "no grade differs");
    assert_eq!(place.read("r/graded/wrong/tiny/report.json"), quick);
    // A rule that changed needs the evidence.
    place.write(
        "tasks/tiny/task.yaml",
        &TINY
            .replace("status: zero", "status: non_zero")
            .replace("non_zero", "any"),
    );
    place
        .gradus(&["rescore", "r"])
        .code(0)
        .complains(&["4 results"]);
}

#[test]
fn mistakes_are_told_before_anything_is_graded() {
    let place = a_class();
    place.write("bad.yaml", "late:\n  per_dya: 10\n");
    place.write("bad.csv", "submission,late_days\nright,soon\n");
    let refused = |more: &[&str], parts: &[&str]| {
        place.gradus(&with(&GRADE, more)).code(2).complains(parts);
    };
    refused(
        &["--policy", "bad.yaml"],
        &["bad.yaml:2:3", "did you mean `per_day`?"],
    );
    refused(
        &["--roster", "bad.csv"],
        &["bad.csv:2", "no number of late days"],
    );
    refused(&["--task", "tiny"], &["named twice"]);
    place
        .gradus(&["class", "class", "--task", "tiny", "--shard", "3/2"])
        .code(2)
        .complains(&["is no shard"]);
    place
        .gradus(&["class", "tasks/tiny", "--task", "tiny"])
        .code(2)
        .complains(&["has no submissions"]);
    place.write("mine/homework.txt", "x");
    place
        .gradus(&["class", "class", "--task", "tiny", "--results", "mine"])
        .code(2)
        .complains(&["nothing was touched"]);
}

#[test]
fn an_archive_is_graded_and_a_wicked_one_refused() {
    let place = a_class();
    place
        .gradus(&["grade", "tiny", "class/packed.zip", "--results", "r", "-q"])
        .code(0);
    assert!(
        place
            .read("r/report.json")
            .contains("\"submission\": \"packed\"")
    );
    place
        .gradus(&["grade", "tiny", "class/evil.zip", "--results", "r2"])
        .code(3)
        .complains(&["class/evil.zip: `../escaped` leads out of the archive"]);
    assert!(!place.path().join("escaped").exists() && !place.path().join("class/escaped").exists());
}

#[test]
fn signed_results_are_recognised() {
    let place = a_class();
    let made = Command::new("openssl")
        .current_dir(place.path())
        .args(["genpkey", "-algorithm", "ed25519", "-out", "k.pem"])
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        eprintln!("skipped: no openssl that makes Ed25519 keys");
        return;
    }
    let public = ["pkey", "-in", "k.pem", "-pubout", "-out", "k.pub"];
    assert!(
        Command::new("openssl")
            .current_dir(place.path())
            .args(public)
            .status()
            .expect("openssl")
            .success()
    );
    place
        .gradus(&[
            "grade",
            "tiny",
            "class/right",
            "--results",
            "r",
            "--sign",
            "k.pem",
            "-q",
        ])
        .code(0);
    let check = ["verify-report", "r", "--key", "k.pub"];
    let said = place.gradus(&check).code(0);
    assert!(
        said.out.contains("right, tiny, pass (5 of 5"),
        "{}",
        said.out
    );
    place
        .gradus(&with(&check, &["--submission", "class/right"]))
        .code(0);
    place
        .gradus(&with(&check, &["--submission", "class/wrong"]))
        .code(1)
        .complains(&["is not the submission"]);
    let evidence = place.read("r/runs/ends-1/evidence.jsonl");
    place.write("r/runs/ends-1/evidence.jsonl", &(evidence + "{}\n"));
    place
        .gradus(&check)
        .code(1)
        .complains(&["the evidence of ends-1 is not what was signed"]);
    place
        .gradus(&["grade", "tiny", "class/right", "--sign", "k.pub"])
        .code(2)
        .complains(&["no private Ed25519 key"]);
}

/// Takes a minute: `cargo test -p gradus --test it thousand -- --ignored`.
#[test]
#[ignore = "grades a thousand submissions"]
fn a_thousand_submissions_need_no_more_memory_than_fifty() {
    let place = Place::new();
    place.write(
        "tasks/tiny/task.yaml",
        &TINY.replace(
            "with: [ { limit: 1 }, { limit: 2 } ]",
            "with: [ { limit: 1 } ]",
        ),
    );
    let most = |count: usize, results: &str| {
        for n in 0..count {
            place.script(&format!("class/s{n:04}"), RIGHT);
        }
        let mut command = place.command(&[
            "class",
            "class",
            "--task",
            "tiny",
            "--only",
            "ends",
            "--results",
            results,
            "-q",
        ]);
        let mut child = command
            .stdout(Stdio::null())
            .spawn()
            .expect("gradus starts");
        let status = format!("/proc/{}/status", child.id());
        let mut most = 0;
        loop {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            most = most.max(kib.unwrap_or(0u64));
            if let Some(status) = child.try_wait().expect("waited") {
                assert!(status.success());
                return most;
            }
            std::thread::yield_now();
        }
    };
    let (few, many) = (most(50, "few"), most(1000, "many"));
    eprintln!("most memory: {few} KiB for 50, {many} KiB for 1000");
    assert!(
        many < few + (32 << 10),
        "{few} KiB for 50, {many} KiB for 1000"
    );
    assert_eq!(
        place.read("many/gradebook.csv").matches(",graded,").count(),
        1000
    );
}
