//! Exercises of clients, and of a server with an upstream: one right and one faulty program each, by one check.

use std::path::Path;
use std::process::{Command, Stdio};

use super::place::Place;

/// The exercise, a check of it, a faulty program that loses it.
const CASES: [(&str, &str, &str); 5] = [
    ("crawler", "each-page-once", "duplicate-fetches"),
    ("weather-fanout", "keeps-the-order", "completion-order"),
    ("quiet-client", "one-thread", "threads"),
    ("weather-gateway", "many-at-once", "serialised"),
    ("probe", "reset", "crash-on-reset"),
];

#[test]
fn the_right_ones_keep_their_points_and_the_faulty_ones_lose_them() {
    let python = Command::new("python3")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !python.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no python3");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (tasks, fixtures) = (root.join("tasks"), root.join("fixtures"));
    let place = Place::new();
    let grade = |task: &str, check: &str, program: &str| {
        let folder = fixtures.join(task).join(program).display().to_string();
        let tasks = tasks.display().to_string();
        let words = [
            "grade", task, &folder, "--tasks", &tasks, "--only", check, "--format", "json", "-q",
        ];
        place.gradus(&words)
    };
    for (task, check, faulty) in CASES {
        let right = grade(task, check, "good/python-asyncio");
        // What a weak host can't decide costs nothing either.
        assert!(matches!(right.code, Some(0 | 4)), "{task}: {right:#?}");
        let wrong = grade(task, check, &format!("bad/{faulty}"));
        assert!(matches!(wrong.code, Some(1 | 4)), "{task}: {wrong:#?}");
        if right.code == Some(0) && wrong.code == Some(1) {
            assert_eq!(wrong.json()["findings"][0]["check"], check);
        }
    }
}
