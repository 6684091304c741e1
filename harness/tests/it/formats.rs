//! Stored results in every format, read by readers that aren't ours where they are installed, and the
//! scripts of `ci/` in surroundings like the ones that they are made for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use serde_json::Value;

use super::place::{Place, Said};

/// Fails the visible check of the tiny task, and tries to forge what is made of it.
const FORGER: &str = "\
echo '::error::forged' >&2; echo '::stop-commands::x' >&2
echo 'Grade :=>> 100' >&2; echo '{\"scores\":{\"tiny\":5}}' >&2
echo 'ok 1 - forged' >&2; echo 'Bail out!' >&2; echo ']]></failure></testcase>' >&2
exit 3
";

fn results(place: &Place) -> &'static str {
    place.script("forger", FORGER);
    place
        .gradus(&[
            "grade",
            "tiny",
            "forger",
            "--seed",
            "7",
            "--results",
            "kept",
            "-q",
            "--exit-zero",
        ])
        .code(0);
    "kept"
}

fn converted(place: &Place, format: &str) -> String {
    place
        .gradus(&["report", results(place), "--format", format])
        .code(0)
        .quietly()
        .out
}

#[test]
fn stored_results_have_every_format() {
    let place = Place::new();
    for format in [
        "gitlab",
        "gradescope",
        "prairielearn",
        "classroom",
        "coderunner",
        "check50",
    ] {
        let text = converted(&place, format);
        let _: Value =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{format}: {e}: {text}"));
    }
    let vpl = converted(&place, "vpl");
    assert_eq!(vpl.lines().last(), Some("Grade :=>> 2"), "{vpl}");
    let autolab = converted(&place, "autolab");
    let last: Value =
        serde_json::from_str(autolab.lines().last().unwrap_or_default()).expect("JSON");
    assert_eq!(last["scores"]["tiny"], 2.0, "{last}");
    assert!(
        converted(&place, "github")
            .lines()
            .all(|line| line.starts_with("::"))
    );
    assert!(converted(&place, "html").starts_with("<!DOCTYPE html>"));
    let said = place.gradus(&["verify", "--format", "tap"]).code(2);
    said.complains(&["a matrix has no such format"]);
}

#[test]
fn vpl_grades_in_the_range_of_its_activity() {
    let place = Place::new();
    let said = place
        .command(&["report", results(&place), "--format", "vpl"])
        .env("VPL_GRADEMIN", "0")
        .env("VPL_GRADEMAX", "10")
        .output()
        .expect("gradus starts");
    let said = Said::of(said).code(0);
    assert_eq!(said.out.lines().last(), Some("Grade :=>> 4"));
}

/// What a Python module makes of a text; none if it isn't installed.
fn read_by(module: &str, script: &str, text: &str, place: &Place) -> Option<String> {
    let there = Command::new("python3")
        .args(["-c", &format!("import {module}")])
        .output();
    if !there.is_ok_and(|done| done.status.success()) {
        println!("skipped: needs {module} (ci/prepare installs it)");
        return None;
    }
    let file = place.write("text", text);
    let read = Command::new("python3")
        .arg("-c")
        .arg(script)
        .arg(file)
        .output();
    let read = read.expect("python3 starts");
    assert!(
        read.status.success(),
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
    Some(String::from_utf8_lossy(&read.stdout).trim().to_owned())
}

#[test]
fn other_readers_read_junit_and_tap() {
    let place = Place::new();
    let junit = "import sys, junitparser\n\
        xml = junitparser.JUnitXml.fromfile(sys.argv[1])\n\
        print([(c.classname, c.name, [type(r).__name__ for r in c.result]) for s in xml for c in s])\n";
    if let Some(read) = read_by("junitparser", junit, &converted(&place, "junit"), &place) {
        assert_eq!(read, "[('tiny.ends', 'ends', ['Failure'])]");
    }
    let tap = "import sys, tap.parser\n\
        lines = tap.parser.Parser().parse_file(sys.argv[1])\n\
        print([(l.category, getattr(l, 'ok', None)) for l in lines if l.category in ('plan', 'test', 'bail', 'unknown')])\n";
    if let Some(read) = read_by("tap.parser", tap, &converted(&place, "tap"), &place) {
        assert_eq!(read, "[('plan', None), ('test', False)]");
    }
}

fn ci(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../ci")
        .join(name)
}

#[test]
fn the_files_of_pipelines_are_sound() {
    for name in [
        "github/action.yml",
        "github/workflow.yml",
        "gitlab/gradus.yml",
    ] {
        let text = fs::read_to_string(ci(name)).expect(name);
        let value: Value = serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(value.is_object(), "{name}");
        // An input that is pasted into a script is code.
        for line in text
            .lines()
            .filter(|l| l.contains("run:") || l.trim_start().starts_with("gradus "))
        {
            assert!(!line.contains("${{"), "{name}: {line}");
        }
    }
    let scripts = [
        "github/grade.sh",
        "gradescope/setup.sh",
        "gradescope/run_autograder",
        "moodle/vpl_evaluate.sh",
        "prairielearn/run.sh",
        "prepare",
        "test",
    ];
    for name in scripts {
        let checked = Command::new("bash").arg("-n").arg(ci(name)).status();
        assert!(checked.expect("bash").success(), "{name}");
    }
}

#[test]
fn the_step_of_the_action_shows_the_report_and_forges_nothing() {
    let place = Place::new();
    place.script("forger", FORGER);
    let bin = Path::new(env!("CARGO_BIN_EXE_gradus"))
        .parent()
        .expect("a folder");
    let path = format!(
        "{}:{}",
        bin.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let said = Command::new("bash")
        .arg(ci("github/grade.sh"))
        .current_dir(place.path())
        .env("PATH", path)
        .env("GRADUS_TASKS", "tasks")
        .env("GRADUS_TASK", "tiny")
        .env("GRADUS_SUBMISSION", "forger")
        .env("GRADUS_RESULTS", "kept")
        .env("GITHUB_STEP_SUMMARY", place.path().join("summary"))
        .env("GITHUB_OUTPUT", place.path().join("output"))
        .output()
        .expect("bash starts");
    let said = Said::of(said).code(1);
    // What the runner would obey: nothing between the token's lines.
    let mut stopped: Option<String> = None;
    let mut obeyed = Vec::new();
    for line in said.out.lines() {
        match &stopped {
            Some(token) if line == token => stopped = None,
            Some(_) => {}
            None => match line.strip_prefix("::stop-commands::") {
                Some(token) => stopped = Some(format!("::{token}::")),
                None if line.starts_with("::") => obeyed.push(line.to_owned()),
                None => {}
            },
        }
    }
    assert_eq!(stopped, None, "commands are read again: {said:#?}");
    assert_eq!(obeyed.len(), 2, "{obeyed:#?}");
    assert!(obeyed[0].starts_with("::error title=Ends with status 0::"));
    assert!(obeyed[1].starts_with("::notice title=tiny::"));
    assert!(place.read("summary").contains("## tiny"));
    let output = place.read("output");
    let of = |name: &str| {
        let line = output
            .lines()
            .find_map(|l| l.strip_prefix(&format!("{name}=")));
        line.unwrap_or_else(|| panic!("{name} is missing: {output}"))
            .to_owned()
    };
    let result = base64::engine::general_purpose::STANDARD
        .decode(of("result"))
        .expect("base64");
    let result: Value = serde_json::from_slice(&result).expect("JSON");
    assert_eq!(result["version"], 1);
    assert_eq!(result["status"], "fail");
    assert_eq!(
        (of("score"), of("max-score")),
        ("2.0".to_owned(), "5.0".to_owned())
    );
}

#[test]
fn the_autograder_of_autolab_ends_with_its_scores() {
    if Command::new("make").arg("--version").output().is_err() {
        println!("skipped: needs make");
        return;
    }
    let place = Place::new();
    place.script("forger", FORGER);
    fs::copy(
        ci("autolab/autograde-Makefile"),
        place.path().join("Makefile"),
    )
    .expect("a copy");
    let tarred = Command::new("tar")
        .args(["-cf", "handin.tar", "-C", "forger", "."])
        .current_dir(place.path())
        .status();
    assert!(tarred.expect("tar").success());
    let bin = Path::new(env!("CARGO_BIN_EXE_gradus"))
        .parent()
        .expect("a folder");
    let path = format!(
        "{}:{}",
        bin.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let said = Command::new("make")
        .args(["-s", "TASK=tiny"])
        .current_dir(place.path())
        .env("PATH", path)
        .env("GRADUS_TASKS", "tasks")
        .output()
        .expect("make starts");
    let said = Said::of(said).code(0);
    let last: Value =
        serde_json::from_str(said.out.lines().last().unwrap_or_default()).expect("JSON");
    assert_eq!(last["scores"]["tiny"], 2.0, "{said:#?}");
}
