//! The gradebook's page in a real browser. Needs Chromium, Node and playwright-core, which `ci/prepare`
//! installs; without them it says so and is skipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gradus::check::Outcome;
use gradus::class::book::{
    Book, BookCheck, BookTask, CheckStatistics, Grade, Mark, Row, Standing, TaskStatistics,
};
use gradus::class::gradebook;
use gradus::task::Visibility;
use serde_json::{Value, json};

/// A name that would script the page if it were markup.
const HOSTILE: &str =
    "</script><img src=x onerror=\"window.owned=1\"><b>needle</b><script>window.owned=1</script>";
const STUDENTS: usize = 10_000;
const CHECKS: usize = 20;

fn book() -> Book {
    let row = |n: usize| {
        let failed = |i: usize| (n * 7 + i * 3).is_multiple_of(11);
        let marks = |i| {
            Mark::from(if failed(i) {
                Outcome::Fail
            } else {
                Outcome::Pass
            })
        };
        let score = (0..CHECKS).filter(|&i| !failed(i)).count() as f64;
        Row {
            name: if n == 4321 {
                HOSTILE.to_owned()
            } else {
                format!("Student {n:05}")
            },
            id: n.to_string(),
            sis_id: String::new(),
            login: String::new(),
            section: String::new(),
            email: String::new(),
            number: String::new(),
            // Unlike all others, so that the order is known.
            total: Some(match n {
                17 => 100.5,
                18 => 0.5,
                _ => score * 100.0 / CHECKS as f64,
            }),
            is_final: true,
            grades: vec![Grade {
                standing: Standing::Graded,
                score: Some(score),
                raw: Some(score),
                max: CHECKS as f64,
                undecided: 0.0,
                late_days: 0.0,
                late_percent: 0.0,
                dropped: false,
                submission: Some(format!("s{n}")),
                report: Some(format!("graded/s{n}/fetcher/report.html")),
                marks: (0..CHECKS).map(marks).collect(),
            }],
        }
    };
    let checks = || (0..CHECKS).map(|i| format!("check-{i}"));
    let failed = |i: usize| {
        (0..STUDENTS)
            .filter(|n| (n * 7 + i * 3).is_multiple_of(11))
            .count()
    };
    Book {
        schema_version: gradus::class::book::SCHEMA_VERSION,
        gradus: "0".to_owned(),
        class: HOSTILE.to_owned(),
        tasks: vec![BookTask {
            task: "fetcher".to_owned(),
            title: [("en".to_owned(), "Fetch".to_owned())].into(),
            max: CHECKS as f64,
            weight: 1.0,
            column: "Fetch".to_owned(),
            pack: String::new(),
            checks: checks()
                .map(|check| BookCheck {
                    check,
                    title: [("en".to_owned(), HOSTILE.to_owned())].into(),
                    max_points: 1.0,
                    visibility: Visibility::Visible,
                })
                .collect(),
        }],
        students: (0..STUDENTS).map(row).collect(),
        statistics: vec![TaskStatistics {
            task: "fetcher".to_owned(),
            standings: [("graded".to_owned(), STUDENTS)].into(),
            mean: None,
            median: None,
            checks: checks()
                .enumerate()
                .map(|(i, check)| CheckStatistics {
                    check,
                    passed: 0,
                    failed: failed(i),
                    undecided: 0,
                    reasons: Vec::new(),
                })
                .collect(),
        }],
        notes: vec![HOSTILE.to_owned()],
    }
}

#[test]
fn a_gradebook_of_ten_thousand_is_sorted_and_searched_in_a_browser() {
    let Some((modules, chromium)) = browser() else {
        return;
    };
    let dir = tempfile::tempdir().expect("dir");
    let page = dir.path().join("gradebook.html");
    fs::write(&page, gradebook::html(&book(), "en")).expect("page");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/gradebook.mjs");
    let seen = Command::new("node")
        .arg(script)
        .args([&modules, &chromium, &page, &dir.path().to_owned()])
        .output()
        .expect("node starts");
    assert!(
        seen.status.success(),
        "{}",
        String::from_utf8_lossy(&seen.stderr)
    );
    let seen: Value = serde_json::from_slice(&seen.stdout).expect("JSON");
    let number = |name: &str| seen[name].as_u64().unwrap_or(u64::MAX);
    assert_eq!(
        (&seen["requests"], &seen["errors"]),
        (&json!([]), &json!([])),
        "{seen}"
    );
    assert_eq!(
        (number("dialogs"), number("markup"), &seen["owned"]),
        (0, 0, &json!(false)),
        "{seen}"
    );
    assert_eq!(number("rows"), STUDENTS as u64);
    assert!(
        number("drawn") < 100 && number("drawnBelow") < 100,
        "only what is seen is drawn: {seen}"
    );
    assert_eq!(
        (&seen["highest"], number("sorted")),
        (&json!("Student 00017"), 1),
        "{seen}"
    );
    assert_eq!(seen["lowest"], "Student 00018", "{seen}");
    assert_eq!(seen["needle"], json!([HOSTILE, 1]), "{seen}");
    assert!(number("failed") > 800 && number("failed") < 1000, "{seen}");
    assert!(number("crosses") > 0 && seen["links"] == true, "{seen}");
    assert_ne!(seen["light"], seen["dark"]);
    assert!(number("narrow") <= 390, "{seen}");
}

fn browser() -> Option<(PathBuf, PathBuf)> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    let modules = target.join("browser");
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let paths = names.map(|name| Path::new("/usr/bin").join(name));
    let chromium = paths.into_iter().find(|path| path.exists());
    let node = Command::new("node").arg("--version").output().is_ok();
    match chromium {
        Some(chromium) if node && modules.join("node_modules/playwright-core").exists() => {
            Some((modules, chromium))
        }
        _ => {
            println!(
                "skipped: needs Chromium, Node and playwright-core (ci/prepare installs them)"
            );
            None
        }
    }
}
