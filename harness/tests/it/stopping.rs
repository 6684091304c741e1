//! Programs that don't end by themselves, and users who have seen enough.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::place::{Place, Said, TINY};

/// Waits for something that must come; the limit is for a host that lost it.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::yield_now();
    }
}

/// Processes of this host that have the word on their command line.
pub fn processes_with(word: &str) -> usize {
    let entries = std::fs::read_dir("/proc").expect("/proc");
    let lines = entries.filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
    lines
        .filter(|line| {
            line.windows(word.len())
                .any(|window| window == word.as_bytes())
        })
        .count()
}

fn interrupted(signal: &str, code: i32) {
    let place = Place::new();
    let word = format!("gradus-it-{}-{code}", std::process::id());
    place.write(
        "hangs/submission.yaml",
        &format!("run: [sh, -c, 'while :; do :; done', {word}]\n"),
    );
    place.write(
        "tasks/tiny/task.yaml",
        &TINY
            .replace("idle_s: 4", "idle_s: 300")
            .replace("wall_s: 20", "wall_s: 300"),
    );
    let words = [
        "grade",
        "tiny",
        "hangs",
        "--results",
        "r",
        "--out",
        "r.json",
    ];
    let mut command = place.command(&words);
    let child = command
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("gradus starts");
    wait_until("the program runs", || processes_with(&word) > 0);
    signal_group(signal, &child);
    let said = Said::of(child.wait_with_output().expect("gradus ends")).code(code);
    said.complains(&[
        "interrupted after 0 of 3 runs",
        "everything that was started has been ended",
        "kept in r",
    ]);
    assert_eq!(processes_with(&word), 0);
    let report: serde_json::Value = serde_json::from_str(&place.read("r.json")).expect("json");
    assert_eq!(
        (&report["outcome"], &report["score"]),
        (&"inconclusive".into(), &0.0.into())
    );
    assert!(place.read("r/grading.json").contains("\"finished\": false"));
    place.gradus(&["rescore", "r"]).code(4).quietly();
}

#[test]
fn ctrl_c_ends_everything_and_says_what_is_kept() {
    interrupted("-INT", 130);
}

#[test]
fn sigterm_does_too() {
    interrupted("-TERM", 143);
}

#[test]
fn a_killed_gradus_leaves_no_process_behind() {
    let place = Place::new();
    let word = format!("gradus-it-{}-kill", std::process::id());
    place.write(
        "hangs/submission.yaml",
        &format!("run: [sh, -c, 'while :; do :; done', {word}]\n"),
    );
    let mut child = place
        .command(&["grade", "tiny", "hangs", "--results", "r", "-q"])
        .spawn()
        .expect("gradus starts");
    wait_until("the program runs", || processes_with(&word) > 0);
    child.kill().expect("killed");
    child.wait().expect("reaped");
    wait_until("the program is gone", || processes_with(&word) == 0);
    // What it had begun is there, and a new grading takes the folder over.
    assert!(place.read("r/grading.json").contains("\"running\""));
    place.script("right", super::place::RIGHT);
    place
        .gradus(&["grade", "tiny", "right", "--results", "r", "-q"])
        .code(0);
}

#[test]
fn a_hang_is_a_fault_of_the_program() {
    let place = Place::new();
    place.script("hangs", "exec sleep 1000\n");
    let said = place.gradus(&[
        "grade", "tiny", "hangs", "--only", "ends", "--format", "json", "-q",
    ]);
    let report = said.json();
    assert_eq!(report["findings"][0]["code"], "ending.hang", "{report:#}");
    said.code(1);
}

#[test]
fn crashes_floods_and_strays_are_graded() {
    let place = Place::new();
    place.script("crashes", "kill -SEGV $$\n");
    place.script("floods", "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done\n");
    place.script("closes", "exec >&- 2>&-\nexit 0\n");
    place.script("strays", "sleep 1000 &\nexit 0\n");
    let code = |name: &str| {
        let said = place.gradus(&[
            "grade", "tiny", name, "--only", "ends", "--format", "json", "-q",
        ]);
        let report = said.json();
        (
            report["findings"][0]["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            said.code,
        )
    };
    assert_eq!(code("crashes"), ("ending.signal".to_owned(), Some(1)));
    for name in ["floods", "closes", "strays"] {
        assert_eq!(code(name), ("ending.right".to_owned(), Some(0)), "{name}");
    }
}

/// Signals the whole process group, as a terminal does.
fn signal_group(signal: &str, leader: &Child) {
    let group = format!("-{}", leader.id());
    let status = Command::new("kill")
        .args([signal, "--", &group])
        .status()
        .expect("kill starts");
    assert!(status.success());
}
