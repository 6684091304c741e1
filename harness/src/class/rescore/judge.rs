//! A report under another rubric, without evidence, where only what verdicts are worth has changed.

use std::path::PathBuf;

use serde_json::Value;

use crate::check::{Finding, Verdict};
use crate::grade::only;
use crate::report::{self, Material, Report, ReportFinding};
use crate::task::{Check, Pack, Scenario, Task, pack};

/// The pack that a report was judged by, as far as verdicts depend on it.
#[derive(Debug, Default)]
pub struct Old(Option<Shape>);

impl Old {
    /// The pack of this digest, in the first of these places that has it.
    pub fn find(digest: &str, task: &str, places: &[PathBuf]) -> Old {
        let packs = places
            .iter()
            .filter_map(|place| pack::open_as(place, task).ok());
        Old(packs
            .into_iter()
            .find(|pack| pack.digest == digest)
            .map(|pack| Shape::of(&pack.task)))
    }

    /// From the task itself.
    pub fn of(task: &Task) -> Old {
        Old(Some(Shape::of(task)))
    }
}

/// What verdicts depend on: the task without its scenarios, and for each check its scenario without
/// other checks, and its rule.
#[derive(Debug, PartialEq)]
struct Shape {
    task: Value,
    checks: Vec<(String, Value)>,
}

impl Shape {
    fn of(task: &Task) -> Shape {
        let bare = Task {
            scenarios: Vec::new(),
            title: Default::default(),
            teaches: Default::default(),
            after: Vec::new(),
            alone: false,
            ..task.clone()
        };
        let checks = task.scenarios.iter().flat_map(|scenario| {
            let of = move |check: &Check| (check.check.clone(), shape_of(scenario, check));
            scenario.checks.iter().map(of)
        });
        Shape {
            task: serde_json::to_value(bare).unwrap_or_default(),
            checks: checks.collect(),
        }
    }
}

fn shape_of(scenario: &Scenario, check: &Check) -> Value {
    let bare = Scenario {
        title: Default::default(),
        checks: Vec::new(),
        ..scenario.clone()
    };
    serde_json::json!([bare, check.rule])
}

/// The report by the new pack, from the findings of the old one. None: some verdict could differ.
pub fn quick(
    report: &Report,
    old: &Old,
    pack: &Pack,
    asked: &[String],
    language: &str,
) -> Option<Report> {
    let old = old.0.as_ref()?;
    if report.gradus != env!("CARGO_PKG_VERSION") || report.schema_version != report::SCHEMA_VERSION
    {
        return None;
    }
    let task = only(&pack.task, asked).ok()?;
    let new = Shape::of(&task);
    if new.task != old.task {
        return None;
    }
    let built = report.build.as_ref().is_none_or(|build| build.ok);
    let mut findings = Vec::new();
    for (name, shape) in new.checks.iter().filter(|_| built) {
        let same = old
            .checks
            .iter()
            .any(|(other, old)| other == name && old == shape);
        let found = report
            .findings
            .iter()
            .find(|f| f.check == *name)
            .filter(|_| same)?;
        findings.push(finding(found));
    }
    let again = report::build(Material {
        task: &task,
        only: None,
        submission: &report.submission,
        language,
        tier: report.tier,
        seed: report.seed,
        host: report.host.clone(),
        findings: &findings,
        runs: report.runs.clone(),
        build: report.build.clone(),
        faults: report.faults.clone(),
    });
    Some(Report {
        pack: Some(pack.digest.clone()),
        // As it was: cutting it once more could shorten it.
        build: report.build.clone(),
        ..again
    })
}

fn finding(found: &ReportFinding) -> Finding {
    Finding {
        check: found.check.clone(),
        scenario: found.scenario.clone(),
        with: found.with.clone(),
        run: found.run.clone(),
        verdict: Verdict {
            outcome: found.outcome,
            code: found.code.clone(),
            facts: found.facts.clone(),
            events: found.events.clone(),
        },
    }
}
