//! A report under another rubric, without evidence, where only what verdicts are worth has changed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::check::{Finding, Verdict};
use crate::grade::only;
use crate::report::{self, Material, Report, ReportFinding};
use crate::task::{Check, Pack, Scenario, Task, pack};

/// From the pack that reports were judged by to the one that they are judged by now: what of their verdicts
/// stays as it is. Found out once, and used for every report.
#[derive(Debug)]
pub struct Carry {
    /// The task as it is now, as far as it was asked for.
    task: Task,
    digest: String,
    /// Checks whose verdicts can't differ. None: nothing is known of the old pack, or all may differ.
    same: Option<BTreeSet<String>>,
}

impl Carry {
    /// From the pack of this digest, in the first of these places that has it.
    pub fn find(digest: &str, places: &[PathBuf], pack: &Pack, asked: &[String]) -> Carry {
        let name = &pack.task.task;
        let mut packs = places
            .iter()
            .filter_map(|place| pack::open_as(place, name).ok());
        let old = packs.find(|pack| pack.digest == digest);
        Carry::between(old.as_ref().map(|pack| &pack.task), pack, asked)
    }

    /// From a task itself.
    pub fn between(old: Option<&Task>, pack: &Pack, asked: &[String]) -> Carry {
        let part = only(&pack.task, asked);
        let known = old.filter(|_| part.is_ok());
        let task = part.unwrap_or_else(|_| pack.task.clone());
        let same = known
            .filter(|old| context(old) == context(&task))
            .map(|old| {
                let before: Vec<(String, Value)> = shapes(old).collect();
                let kept = shapes(&task).filter(|shape| before.contains(shape));
                kept.map(|(name, _)| name).collect()
            });
        Carry {
            task,
            digest: pack.digest.clone(),
            same,
        }
    }
}

/// What all verdicts of a task depend on, beside their scenarios.
fn context(task: &Task) -> Value {
    let bare = Task {
        scenarios: Vec::new(),
        title: Default::default(),
        teaches: Default::default(),
        after: Vec::new(),
        alone: false,
        ..task.clone()
    };
    serde_json::to_value(bare).unwrap_or_default()
}

/// Of each check: its scenario without other checks, and its rule.
fn shapes(task: &Task) -> impl Iterator<Item = (String, Value)> {
    task.scenarios.iter().flat_map(|scenario| {
        let bare = Scenario {
            title: Default::default(),
            checks: Vec::new(),
            ..scenario.clone()
        };
        let shape =
            move |check: &Check| (check.check.clone(), serde_json::json!([bare, check.rule]));
        scenario.checks.iter().map(shape)
    })
}

/// The report by the new pack, from the findings of the old one. None: some verdict could differ.
pub fn quick(report: &Report, carry: &Carry, language: &str) -> Option<Report> {
    let same = carry.same.as_ref()?;
    if report.gradus != env!("CARGO_PKG_VERSION") || report.schema_version != report::SCHEMA_VERSION
    {
        return None;
    }
    let built = report.build.as_ref().is_none_or(|build| build.ok);
    let checks = carry
        .task
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.checks);
    let mut findings = Vec::new();
    for check in checks.filter(|_| built) {
        let found = report.findings.iter().find(|f| f.check == check.check);
        findings.push(finding(found.filter(|_| same.contains(&check.check))?));
    }
    let again = report::build(Material {
        task: &carry.task,
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
        pack: Some(carry.digest.clone()),
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
