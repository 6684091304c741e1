//! Gradings from end to end.

use super::place::{Place, RIGHT};

#[test]
fn a_right_program_passes_and_a_wrong_one_loses() {
    let place = Place::new();
    place.script("right", RIGHT);
    place.script("wrong", "exit $1\n");
    let said = place
        .gradus(&["grade", "tiny", "right", "--seed", "7"])
        .code(0);
    insta::assert_snapshot!("right", tierless(&said.out));
    insta::assert_snapshot!("right-progress", said.err);
    let said = place
        .gradus(&[
            "grade",
            "tiny",
            "wrong",
            "--seed",
            "7",
            "--audience",
            "teacher",
        ])
        .code(1);
    insta::assert_snapshot!("wrong", tierless(&said.out));
    place
        .gradus(&["grade", "tiny", "wrong", "--exit-zero", "-q"])
        .code(0)
        .quietly();
}

/// The host decides the tier; everything else is the same everywhere.
fn tierless(text: &str) -> String {
    ["full", "reduced", "portable"]
        .iter()
        .fold(text.to_owned(), |text, tier| {
            text.replace(&format!("tier {tier}"), "tier [TIER]")
        })
}

#[test]
fn the_report_has_its_members_in_every_format() {
    let place = Place::new();
    place.script("wrong", "exit $1\n");
    place
        .gradus(&[
            "grade", "tiny", "wrong", "--out", "r.json", "--out", "r.xml", "--out", "r.md", "-q",
        ])
        .code(1);
    let report: serde_json::Value = serde_json::from_str(&place.read("r.json")).expect("json");
    for member in [
        "schema_version",
        "task",
        "outcome",
        "score",
        "max_score",
        "tier",
        "seed",
        "host",
        "findings",
    ] {
        assert!(report.get(member).is_some(), "{member}: {report}");
    }
    let finding = &report["findings"][0];
    let members = [
        "check",
        "scenario",
        "outcome",
        "code",
        "points",
        "max_points",
        "message",
        "hint",
        "events",
    ];
    for member in members {
        assert!(finding.get(member).is_some(), "{member}: {finding}");
    }
    let schema: serde_json::Value = place.gradus(&["schema", "report"]).json();
    let validator = jsonschema::validator_for(&schema).expect("a sound schema");
    assert!(
        validator.is_valid(&report),
        "{:?}",
        validator
            .iter_errors(&report)
            .map(|e| e.to_string())
            .collect::<Vec<_>>()
    );
    assert!(place.read("r.xml").starts_with("<?xml"));
    assert!(place.read("r.md").contains("tiny"));
}

#[test]
fn a_seed_gives_the_same_grading_again() {
    let place = Place::new();
    place.script("right", RIGHT);
    let grade = |seed: &[&str]| {
        let words = [&["grade", "tiny", "right", "--format", "json", "-q"], seed].concat();
        place.gradus(&words).code(0).quietly().out
    };
    let first = grade(&[]);
    let seed = serde_json::from_str::<serde_json::Value>(&first).expect("json")["seed"].to_string();
    assert_eq!(grade(&["--seed", &seed]), first);
    assert_ne!(grade(&["--seed", "1"]), first);
}

#[test]
fn stored_results_are_judged_again_to_the_same_bytes() {
    let place = Place::new();
    place.script("wrong", "exit $1\n");
    place
        .gradus(&["grade", "tiny", "wrong", "--results", "r", "-q"])
        .code(1);
    let first = place.read("r/report.json");
    let evidence = place.read("r/runs/ends-1/evidence.jsonl");
    assert!(
        evidence.lines().count() > 3 && evidence.ends_with("\"e\":\"end\"}\n"),
        "{evidence}"
    );

    place.gradus(&["rescore", "r"]).code(1).quietly();
    assert_eq!(place.read("r/report.json"), first);
    assert_eq!(
        place
            .gradus(&["report", "r", "--format", "json"])
            .code(0)
            .quietly()
            .out,
        first
    );
    place
        .gradus(&["report", "r", "--out", "again.xml"])
        .code(0)
        .quietly();
    assert!(place.read("again.xml").starts_with("<?xml"));

    // The exercise changes: judged by it, and by the one that was graded with.
    place.write(
        "tasks/tiny/task.yaml",
        &super::place::TINY.replace("points: 3", "points: 30"),
    );
    let said = place
        .gradus(&["rescore", "r", "--pack", "stored", "--format", "json"])
        .code(1)
        .quietly();
    assert_eq!(said.out, first);
    let said = place
        .gradus(&["rescore", "r", "--format", "json"])
        .code(1)
        .complains(&["has changed since"]);
    assert_eq!(said.json()["max_score"], 32.0);
}

#[test]
fn evidence_that_is_gone_costs_no_points() {
    let place = Place::new();
    place.script("right", RIGHT);
    place
        .gradus(&["grade", "tiny", "right", "--results", "r", "-q"])
        .code(0);
    std::fs::remove_file(place.path().join("r/runs/ends-2/evidence.jsonl")).expect("removed");
    let said = place.gradus(&["rescore", "r", "--format", "json"]).code(5);
    assert_eq!(said.json()["outcome"], "harness_fault");
    let path = "r/runs/ends-1/evidence.jsonl";
    let cut: Vec<String> = place
        .read(path)
        .lines()
        .skip(1)
        .map(str::to_owned)
        .collect();
    place.write(path, &cut.join("\n"));
    place.gradus(&["rescore", "r"]).code(5);
}

#[test]
fn earlier_results_are_replaced() {
    let place = Place::new();
    place.script("right", RIGHT);
    place.script("wrong", "exit $1\n");
    place
        .gradus(&["grade", "tiny", "right", "--results", "r", "-q"])
        .code(0);
    place
        .gradus(&[
            "grade",
            "tiny",
            "wrong",
            "--results",
            "r",
            "-q",
            "--only",
            "ends",
        ])
        .code(1);
    assert!(!place.path().join("r/runs/refuses-1").exists());
    assert!(place.read("r/pack/task.yaml").starts_with("schema: 1"));
}

#[test]
fn a_command_is_graded_without_a_manifest() {
    let place = Place::new();
    place.write("mine.sh", RIGHT);
    let said = place
        .gradus(&[
            "grade", "tiny", "-q", "--format", "json", "--", "sh", "mine.sh", "{limit}",
        ])
        .code(0);
    assert_eq!(said.json()["submission"], "mine.sh");
    place
        .gradus(&["grade", "tiny", "-q", "--", "sh", "-c", "exit 7"])
        .code(1);
}

#[test]
fn a_built_program_is_run_from_what_the_build_left() {
    let place = Place::new();
    place.write("built/src.sh", &format!("#!/bin/sh\n{RIGHT}"));
    place.write(
        "built/submission.yaml",
        "build: [sh, -c, 'cp src.sh main && chmod +x main']\nrun: [./main]\n",
    );
    place.gradus(&["grade", "tiny", "built", "-q"]).code(0);
    assert!(
        !place.path().join("built/main").exists(),
        "the submission itself is left alone"
    );
}

#[test]
fn the_submissions_folder_may_be_the_current_one() {
    let place = Place::new();
    place.write(
        "run",
        &format!("#!/bin/sh\n[ -e gradus-results ] && exit 9\n{RIGHT}"),
    );
    place.write("submission.yaml", "run: [sh, ./run]\n");
    for _ in 0..2 {
        place.gradus(&["grade", "tiny", "-q"]).code(0);
    }
    assert_eq!(place.read("gradus-results/.gitignore"), "*\n");
}

#[test]
fn runs_side_by_side_come_to_the_same_report() {
    let place = Place::new();
    place.script("wrong", "exit $1\n");
    let grade = |jobs: &str| {
        let mut report = place
            .gradus(&[
                "grade", "tiny", "wrong", "--seed", "3", "--format", "json", "-q", "--jobs", jobs,
            ])
            .code(1)
            .json();
        // Which event shows a finding depends on how the kernel cut the streams; that one does, must not.
        for finding in report["findings"].as_array_mut().expect("findings") {
            let events = finding["events"].take();
            assert!(!events.as_array().expect("events").is_empty());
        }
        report
    };
    assert_eq!(grade("1"), grade("4"));
}

#[test]
fn hidden_checks_are_for_teachers() {
    let place = Place::new();
    place.script("lax", "exit 0\n");
    let said = place
        .gradus(&["grade", "tiny", "lax", "--results", "r", "-q"])
        .code(1);
    assert!(!said.out.contains("Refuses bad arguments"), "{said:#?}");
    let said = place
        .gradus(&["report", "r", "--audience", "teacher"])
        .code(0);
    assert!(said.out.contains("Refuses bad arguments"), "{said:#?}");
}

#[test]
fn weaker_tiers_grade_as_well() {
    let place = Place::new();
    place.script("right", RIGHT);
    for tier in ["reduced", "portable"] {
        let said = place.gradus(&["grade", "tiny", "right", "--tier", tier, "--format", "json"]);
        if said.code == Some(5) && said.err.contains("was asked for") {
            continue; // The host lacks it, and said so.
        }
        let report = said.code(0).json();
        assert_eq!(report["tier"], tier);
    }
}

#[test]
fn fixtures_are_verified() {
    let place = Place::new();
    place.script("fixtures/tiny/good/right", RIGHT);
    place.script(
        "fixtures/tiny/bad/fails",
        &format!("[ \"$1\" = 2 ] && exit 1\n{RIGHT}"),
    );
    place.script("fixtures/tiny/bad/lax", "exit 0\n");
    let expect = "good: { right: { purpose: p } }\nbad:\n  fails: { fault: f, loses: [ends] }\n  lax: { fault: f, loses: [refuses] }\n";
    place.write("fixtures/tiny/expect.yaml", expect);
    // No reference solution of the tiny task lies beside gradus.
    let said = place
        .gradus(&["verify", "--format", "json", "-q", "--repeat", "2"])
        .code(1);
    let problems = &said.json()[0]["problems"];
    assert_eq!(
        problems,
        &serde_json::json!([{ "problem": "no_reference" }]),
        "{said:#?}"
    );
    place
        .gradus(&["verify", "--only", "right,bad/fails,bad/lax"])
        .code(0)
        .complains(&["tiny bad/lax: not passed: refuses"]);
    place.write(
        "fixtures/tiny/expect.yaml",
        &expect.replace("[ends]", "[refuses]"),
    );
    let said = place.gradus(&["verify", "--only", "fails", "-q"]).code(1);
    assert!(
        said.out.contains("lost `ends`, which it should keep"),
        "{said:#?}"
    );
}

/// The shipped exercise, with one of its right programs, as the README does it.
#[test]
fn the_fetcher_is_graded() {
    if !python_is_here() {
        eprintln!("skipped: no python3");
        return;
    }
    let place = Place::new();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/fetcher");
    let grade = |name: &str| {
        let folder = format!("{fixtures}/{name}");
        let words = [
            "grade", "fetcher", &folder, "--only", "limit", "--format", "json", "-q",
        ];
        let output = place
            .command(&words)
            .env_remove("GRADUS_TASKS")
            .output()
            .expect("gradus starts");
        super::place::Said::of(output)
    };
    let report = grade("good/python-asyncio").code(0).json();
    assert_eq!(report["score"], report["max_score"]);
    let report = grade("bad/limit-ignored").code(1).json();
    let codes: Vec<&str> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter_map(|f| f["code"].as_str())
        .collect();
    assert!(codes.contains(&"flight.exceeded"), "{codes:?}");
}

fn python_is_here() -> bool {
    std::process::Command::new("python3")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}
