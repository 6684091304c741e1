use std::path::Path;

use super::*;
use crate::check::{Code, Finding, Verdict};
use crate::evidence::Tier;
use crate::report::{Material, build};
use crate::verify::{Grader, Options, Subject, expect, render, run};

const TASK: &str = r#"
schema: 1
task: t
title: { en: T }
teaches: { en: T }
kind: client
run: [t]
scenarios:
  - scenario: s
    title: { en: S }
    script: [open, exit]
    checks:
      - { check: once, title: { en: O }, rule: { each_once: {} }, points: 5 }
      - { check: ends, title: { en: E }, rule: { exits: { status: zero } }, points: 5 }
"#;

const EXPECT: &str = r#"
good:
  plain: { purpose: p }
bad:
  twice: { fault: f, loses: [once] }
  dies: { fault: f, loses: [ends] }
"#;

/// Loses what the closure says: (label, repeat) → codes of `once` and `ends`.
struct Scripted<F>(F);

impl<F: FnMut(&str, u32) -> Result<[Code; 2], String>> Grader for Scripted<F> {
    fn grade(&mut self, subject: &Subject, repeat: u32) -> Result<Report, String> {
        let codes = (self.0)(&subject.name, repeat)?;
        let task: Task = serde_yaml::from_str(TASK).unwrap();
        let findings: Vec<Finding> = ["once", "ends"]
            .iter()
            .zip(codes)
            .map(|(check, code)| Finding {
                check: (*check).into(),
                scenario: "s".into(),
                with: Default::default(),
                run: "s-0".into(),
                verdict: Verdict::new(code),
            })
            .collect();
        Ok(build(Material {
            task: &task,
            only: None,
            submission: &subject.name,
            language: "en",
            tier: Tier::Full,
            seed: 1,
            host: Default::default(),
            findings: &findings,
            runs: vec![],
            build: None,
            faults: vec![],
        }))
    }
}

fn right(name: &str, _: u32) -> Result<[Code; 2], String> {
    Ok(match name {
        "twice" => [Code::TooOften, Code::Ended],
        "dies" => [Code::Once, Code::WrongStatus],
        _ => [Code::Once, Code::Ended],
    })
}

fn verify_with(
    yaml: &str,
    repeat: u32,
    only: Option<&[&str]>,
    grader: impl FnMut(&str, u32) -> Result<[Code; 2], String>,
) -> Matrix {
    let task: Task = serde_yaml::from_str(TASK).unwrap();
    let expectations = expect::load(yaml, "expect.yaml").unwrap();
    let only = only.map(|names| names.iter().map(|n| (*n).to_owned()).collect());
    let options = Options {
        repeat,
        stress: false,
        only,
    };
    let reference = Some("/bin/t".into());
    run(
        &task,
        &expectations,
        Path::new("f"),
        reference,
        &options,
        &mut Scripted(grader),
        &mut |_| {},
    )
}

fn verify(grader: impl FnMut(&str, u32) -> Result<[Code; 2], String>) -> Matrix {
    verify_with(EXPECT, 2, None, grader)
}

#[track_caller]
fn only_problem(matrix: &Matrix) -> &Problem {
    assert_eq!(matrix.problems.len(), 1, "{:?}", matrix.problems);
    &matrix.problems[0]
}

#[test]
fn fixtures_that_lose_what_they_should_prove_the_pack() {
    let matrix = verify(right);
    assert!(matrix.holds(), "{:?}", matrix.problems);
    let labels: Vec<_> = matrix
        .rows
        .iter()
        .map(|r| (r.kind, r.name.as_str()))
        .collect();
    assert_eq!(
        labels,
        [
            (Kind::Reference, "reference"),
            (Kind::Good, "plain"),
            (Kind::Bad, "dies"),
            (Kind::Bad, "twice")
        ]
    );
    assert_eq!(matrix.rows[3].cells[0].mark, Mark::Lost);
    assert_eq!(
        matrix.rows[3].cells[0].codes,
        [("coverage.too_often".to_owned(), 2)].into()
    );
}

#[test]
fn a_good_one_that_loses_points_is_a_problem() {
    let matrix = verify(|name, n| {
        if name == "plain" {
            Ok([Code::Missing, Code::Ended])
        } else {
            right(name, n)
        }
    });
    assert!(matches!(only_problem(&matrix), Problem::WronglyLost { check, .. } if check == "once"));
    let matrix = verify(|name, n| {
        if name == "reference" {
            Ok([Code::Once, Code::Hang])
        } else {
            right(name, n)
        }
    });
    assert!(
        matches!(only_problem(&matrix), Problem::WronglyLost { fixture, .. } if fixture == "reference")
    );
}

#[test]
fn a_bad_one_that_loses_other_checks_is_a_problem() {
    let more = verify(|name, n| {
        if name == "dies" {
            Ok([Code::Missing, Code::WrongStatus])
        } else {
            right(name, n)
        }
    });
    assert!(matches!(only_problem(&more), Problem::WronglyLost { .. }));
    let less = verify(|name, n| {
        if name == "dies" {
            Ok([Code::Once, Code::Ended])
        } else {
            right(name, n)
        }
    });
    let kinds: Vec<String> = less.problems.iter().map(ToString::to_string).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(
        kinds[0].contains("kept `ends`") && kinds[1].contains("no bad fixture trips `ends`"),
        "{kinds:?}"
    );
}

#[test]
fn one_verdict_that_differs_is_a_problem() {
    let matrix = verify(|name, n| {
        if name == "plain" && n == 1 {
            Ok([Code::Once, Code::WrongStatus])
        } else {
            right(name, n)
        }
    });
    assert!(matches!(only_problem(&matrix), Problem::Differs { .. }));
    assert_eq!(matrix.rows[1].cells[1].mark, Mark::Differs);
}

#[test]
fn what_was_not_decided_or_not_graded_is_a_problem() {
    let matrix = verify(|name, n| {
        if name == "plain" {
            Ok([Code::Timed, Code::Ended])
        } else {
            right(name, n)
        }
    });
    assert!(matches!(only_problem(&matrix), Problem::Undecided { .. }));
    let matrix = verify(|name, n| {
        if name == "plain" {
            Err("no space".into())
        } else {
            right(name, n)
        }
    });
    assert!(matches!(only_problem(&matrix), Problem::NotGraded { why, .. } if why == "no space"));
}

#[test]
fn mistakes_in_the_expectations_are_problems() {
    let unknown = EXPECT.replace("[ends]", "[ends, endz]");
    assert!(
        matches!(only_problem(&verify_with(&unknown, 1, None, right)), Problem::NoSuchCheck { check, .. } if check == "endz")
    );
    let empty = EXPECT.replace("[ends]", "[]");
    let kinds = verify_with(&empty, 1, None, right).problems;
    assert!(
        kinds
            .iter()
            .any(|p| matches!(p, Problem::NothingToLose { .. })),
        "{kinds:?}"
    );
}

#[test]
fn what_is_skipped_gets_the_benefit_of_the_doubt() {
    let skipped = EXPECT.replace(
        "loses: [ends]",
        "needs: [no-such-command-here], loses: [ends]",
    );
    let matrix = verify_with(&skipped, 1, None, right);
    assert!(matrix.holds(), "{:?}", matrix.problems);
    assert_eq!(
        matrix.rows[2].skipped.as_deref(),
        Some("no-such-command-here")
    );
    assert_eq!(matrix.rows[2].cells[1].mark, Mark::Absent);
}

#[test]
fn asking_for_some_says_nothing_of_the_others() {
    let matrix = verify_with(EXPECT, 1, Some(&["bad/twice"]), right);
    assert_eq!(matrix.rows.len(), 1);
    assert!(matrix.holds(), "{:?}", matrix.problems);
    assert!(matches!(
        only_problem(&verify_with(EXPECT, 1, Some(&["nobody"]), right)),
        Problem::Nothing
    ));
}

#[test]
fn every_format_shows_the_matrix() {
    let wrong = |name: &str, n| match (name, n) {
        ("plain", 1) => Ok([Code::Once, Code::WrongStatus]),
        ("dies", _) => Ok([Code::Missing, Code::Ended]),
        _ => right(name, n),
    };
    for (name, matrix) in [("right", verify(right)), ("wrong", verify(wrong))] {
        insta::assert_snapshot!(format!("{name}-terminal"), render::terminal(&matrix, false));
        insta::assert_snapshot!(format!("{name}-markdown"), render::markdown(&matrix));
        insta::assert_snapshot!(
            format!("{name}-junit"),
            render::junit(std::slice::from_ref(&matrix)).unwrap()
        );
        insta::assert_snapshot!(
            format!("{name}-json"),
            render::json(std::slice::from_ref(&matrix)).unwrap()
        );
    }
}

/// The shipped packs themselves, as far as that shows without running anything.
#[test]
fn each_check_of_fetcher_is_tripped_by_a_fixture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let task: Task = serde_yaml::from_str(&read("tasks/fetcher/task.yaml")).unwrap();
    let expectations = expect::load(&read("fixtures/fetcher/expect.yaml"), "expect.yaml").unwrap();
    let checks: Vec<_> = task.scenarios.iter().flat_map(|s| &s.checks).collect();
    let points: f64 = checks.iter().map(|c| c.points).sum();
    assert_eq!(points, 100.0);
    for (name, bad) in &expectations.bad {
        assert!(!bad.loses.is_empty(), "{name}");
        for check in &bad.loses {
            assert!(
                checks.iter().any(|c| c.check == *check),
                "{name} loses {check}, which isn't there"
            );
        }
    }
    for check in &checks {
        let tripped = expectations
            .bad
            .values()
            .any(|b| b.loses.contains(&check.check));
        assert!(tripped, "nothing trips {}", check.check);
        for language in ["en", "ru"] {
            assert!(check.title.contains_key(language), "{}", check.check);
        }
        for statement in [
            "tasks/fetcher/statement.md",
            "tasks/fetcher/statement.ru.md",
        ] {
            let anchor = format!("<a id=\"{}\">", check.link.as_deref().unwrap());
            assert!(read(statement).contains(&anchor), "{anchor} in {statement}");
        }
    }
    for scenario in &task.scenarios {
        for set in 0..scenario.with.len() {
            crate::plan::expand::expand(&task, scenario, set, 7).unwrap();
        }
    }
}
