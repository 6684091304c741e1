//! Input that is wrong: a clear message, the right exit code, and a report where one was asked for.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::place::{Place, RIGHT, TINY};

#[test]
fn an_unknown_exercise_is_suggested() {
    let place = Place::new();
    let parts = [
        "there is no exercise `tyni`",
        "did you mean `tiny`?",
        "there are: tiny",
    ];
    place
        .gradus(&["grade", "tyni", "."])
        .code(2)
        .complains(&parts);
    place.gradus(&["show", "tyni"]).code(2).complains(&parts);
    place
        .gradus(&["grade", "./nowhere"])
        .code(2)
        .complains(&["./nowhere can't be read", "help:"]);
    place
        .gradus(&["grade", "./tasks"])
        .code(2)
        .complains(&["is no task pack"]);
    place
        .gradus(&["--tasks", "nowhere", "tasks"])
        .code(2)
        .complains(&["nowhere can't be read"]);
    place
        .gradus(&["--tasks", "tasks/tiny", "tasks"])
        .code(2)
        .complains(&["has no task packs"]);
}

#[test]
fn a_wrong_pack_is_told_by_line_and_column() {
    let place = Place::new();
    place.write(
        "tasks/tiny/task.yaml",
        &TINY
            .replace("points: 3", "points: -3")
            .replace("link: end", "link: ende"),
    );
    let said = place.gradus(&["grade", "tiny", "."]).code(2);
    said.complains(&[
        "tasks/tiny/task.yaml:17:17: scenarios[0].checks[0].points: -3 points",
        "17 |         points: -3\n",
    ]);
    place.write(
        "tasks/tiny/task.yaml",
        &TINY.replace("link: end", "link: ende"),
    );
    place
        .gradus(&["tasks"])
        .code(2)
        .complains(&["no anchor `ende`", "did you mean `end`?"]);
    place.write(
        "tasks/tiny/task.yaml",
        &TINY.replace("scenarios:", "scenarois:"),
    );
    place
        .gradus(&["tasks"])
        .code(2)
        .complains(&["unknown key `scenarois`", "did you mean `scenarios`?"]);
    place.write(
        "tasks/tiny/task.yaml",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b",
    );
    place.gradus(&["tasks"]).code(2);
}

#[test]
fn wrong_usage_is_told_before_anything_is_run() {
    let place = Place::new();
    place.script("right", RIGHT);
    let wrong = |words: &[&str], parts: &[&str]| {
        let words = [&["grade", "tiny", "right"], words].concat();
        place.gradus(&words).code(2).complains(parts);
    };
    wrong(
        &["--only", "end"],
        &[
            "`end` is no check and no scenario of tiny",
            "did you mean `ends`?",
        ],
    );
    wrong(
        &["--out", "report"],
        &["the format of report can't be told", "help:"],
    );
    wrong(
        &["--format", "json", "--format", "junit", "--out", "a.json"],
        &["2 --format for 1 --out"],
    );
    wrong(&["--jobs", "0"], &["--jobs"]);
    wrong(&["--tier", "golden"], &["golden"]);
    assert!(!place.path().join("gradus-results").exists());
}

#[test]
fn what_is_no_submission_is_told_and_reported() {
    let place = Place::new();
    place.write("file.py", "");
    fs::create_dir(place.path().join("empty")).expect("a folder");
    place.write("odd/notes.txt", "");
    place.write("wrong/submission.yaml", "rum: [./x]\n");
    place.write("text/submission.yaml", "run: ./x y\n");
    for (name, part) in [
        ("nowhere", "no such folder"),
        ("file.py", "this is a file"),
        ("empty", "the folder is empty"),
        ("odd", "nothing here can be started"),
        ("wrong", "wrong/submission.yaml:1:1"),
        ("text", "text/submission.yaml:1:"),
    ] {
        let said = place
            .gradus(&["grade", "tiny", name])
            .code(3)
            .complains(&[part]);
        assert_eq!(said.out, "", "{name}");
        let said = place
            .gradus(&["grade", "tiny", name, "--format", "json"])
            .code(3)
            .complains(&[part]);
        let report = said.json();
        assert_eq!(
            (&report["outcome"], &report["score"]),
            (&"fail".into(), &0.0.into()),
            "{name}"
        );
        assert!(
            report["build"]["output"]
                .as_str()
                .is_some_and(|output| output.contains(part)),
            "{name}: {report}"
        );
    }
    place
        .gradus(&["grade", "tiny", "empty", "--format", "json", "--exit-zero"])
        .code(0);
}

#[test]
fn a_build_that_fails_is_reported_with_its_output() {
    let place = Place::new();
    place.write(
        "broken/submission.yaml",
        "build: [sh, -c, 'echo main.c:3: oh no >&2; exit 3']\nrun: [./main]\n",
    );
    let said = place
        .gradus(&[
            "grade", "tiny", "broken", "--out", "r.json", "--out", "r.xml", "--out", "r.md",
        ])
        .code(3);
    assert!(said.out.contains("main.c:3: oh no"), "{said:#?}");
    let report: serde_json::Value = serde_json::from_str(&place.read("r.json")).expect("json");
    assert_eq!(report["build"]["ok"], false);
    assert!(place.read("r.xml").contains("oh no"));
    assert!(place.read("r.md").contains("oh no"));
    place.write(
        "none/submission.yaml",
        "build: [no-such-compiler]\nrun: [./main]\n",
    );
    let said = place
        .gradus(&["grade", "tiny", "none", "--format", "json"])
        .code(3);
    assert!(said.out.contains("no-such-compiler"), "{said:#?}");
}

#[test]
fn a_program_that_can_t_be_started_is_told_apart_from_one_that_fails() {
    let place = Place::new();
    let path = place.write("plain/run", "exit 0\n");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("not executable");
    place.write("plain/submission.yaml", "run: [./run]\n");
    place.write("gone/submission.yaml", "run: [./not-there]\n");
    for name in ["plain", "gone"] {
        let said = place.gradus(&["grade", "tiny", name, "--format", "json", "-q"]);
        let report = said.json();
        assert_eq!(said.code, Some(3), "{name}: {report:#}");
        assert_eq!(report["findings"][0]["code"], "run.not_started", "{name}");
        assert_eq!(report["score"], 0.0, "{name}");
    }
}

#[test]
fn results_are_never_written_over_other_files() {
    let place = Place::new();
    place.script("right", RIGHT);
    place.write("work/thesis.tex", "x");
    let said = place
        .gradus(&["grade", "tiny", "right", "--results", "work", "-q"])
        .code(2);
    said.complains(&["files in it that aren't results of gradus"]);
    assert_eq!(place.read("work/thesis.tex"), "x");
    place
        .gradus(&[
            "grade",
            "tiny",
            "right",
            "--results",
            "work/thesis.tex",
            "-q",
        ])
        .code(2)
        .complains(&["is a file"]);
    place
        .gradus(&["rescore", "work"])
        .code(2)
        .complains(&["holds no results of gradus"]);
    place
        .gradus(&["report", "nowhere"])
        .code(2)
        .complains(&["holds no results of gradus"]);
}

#[test]
fn a_result_folder_that_can_t_be_written_is_the_hosts_fault_with_a_report() {
    let place = Place::new();
    place.script("right", RIGHT);
    // Not even root can make a folder there.
    let said = place
        .gradus(&[
            "grade",
            "tiny",
            "right",
            "--results",
            "/proc/results",
            "--format",
            "json",
        ])
        .code(5);
    let said = said.complains(&["/proc/results can't be made", "help:"]);
    assert_eq!(said.json()["outcome"], "harness_fault");
    let said = place
        .gradus(&[
            "grade",
            "tiny",
            "right",
            "--out",
            "/dev/full",
            "--format",
            "json",
            "-q",
        ])
        .code(5);
    said.complains(&["/dev/full can't be written", "disk is full"]);
}

#[test]
fn a_tier_that_the_host_lacks_is_refused_with_a_report() {
    let place = Place::new();
    place.script("right", RIGHT);
    let words = [
        "grade",
        "tiny",
        "right",
        "--tier",
        "portable",
        "--require-tier",
        "reduced",
        "--format",
        "json",
    ];
    let said = place
        .gradus(&words)
        .code(5)
        .complains(&["reduced was asked for", "gradus doctor"]);
    assert_eq!(said.json()["outcome"], "harness_fault");
}

#[test]
fn verification_says_what_it_lacks() {
    let place = Place::new();
    place
        .gradus(&["verify"])
        .code(2)
        .complains(&["fixtures has no fixtures of any exercise"]);
    place
        .gradus(&["verify", "tiny"])
        .code(2)
        .complains(&["fixtures/tiny/expect.yaml can't be read"]);
    place.write("fixtures/tiny/expect.yaml", "good:\n  a: { porpoise: x }\n");
    place
        .gradus(&["verify"])
        .code(2)
        .complains(&["expect.yaml"]);
    place.write(
        "fixtures/tiny/expect.yaml",
        "good:\n  right: { purpose: x }\n",
    );
    place
        .gradus(&["verify", "--only", "rihgt"])
        .code(2)
        .complains(&["did you mean `right`?"]);
}
