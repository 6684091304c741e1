//! From the evidence of runs to the report: one way for a fresh grading and for one that is judged again,
//! so that both come to the same bytes.

use super::{Order, only};
use crate::check::code::Code;
use crate::check::{Judged, Verdict, View, findings, judge_run};
use crate::evidence::{Record, Tier};
use crate::report::audience::tier_name;
use crate::report::{self, Build, Material, Report, Run};
use crate::store::{Grading, Results, RunEntry, State, StoreError};
use crate::task::{Pack, Task};

/// How a run ended that never began.
pub const NOT_RUN: &str = "not run";

/// One run, judged.
#[derive(Debug, Clone)]
pub(super) struct Assessed {
    pub judged: Judged,
    pub run: Run,
    /// The harness or the host failed in this run.
    pub fault: Option<String>,
}

/// Judges a run from its evidence.
pub(super) fn run(
    task: &Task,
    entry: &RunEntry,
    records: Result<Option<Vec<Record>>, StoreError>,
) -> Assessed {
    let records = match records {
        Ok(Some(records)) => records,
        Ok(None) => return broken(task, entry, "its evidence is missing"),
        Err(error) => return broken(task, entry, &error.to_string()),
    };
    let view = match View::new(&records) {
        Ok(view) => view,
        Err(error) => return broken(task, entry, &error.to_string()),
    };
    let scenario = task.scenarios.iter().find(|s| s.scenario == entry.scenario);
    let verdicts = scenario
        .map(|scenario| judge_run(scenario, &view))
        .unwrap_or_default();
    Assessed {
        judged: judged(entry, verdicts, !view.flights.is_empty()),
        run: report::run(&entry.run, &view, &Results::evidence_name(&entry.run)),
        fault: view
            .fault
            .map(|(_, message)| format!("{}: {message}", entry.run)),
    }
}

/// A run that never was, or that was cut off by an interruption.
pub(super) fn not_run(task: &Task, entry: &RunEntry, tier: Tier) -> Assessed {
    let needed = task
        .scenarios
        .iter()
        .find(|s| s.scenario == entry.scenario)
        .and_then(|s| s.tier);
    let verdict = match (entry.state, needed) {
        (State::Skipped, Some(needed)) => Verdict::new(Code::TierTooWeak)
            .fact("tier", tier_name(tier))
            .fact("needed", tier_name(needed)),
        _ => Verdict::new(Code::Partial),
    };
    Assessed {
        judged: judged(entry, all(task, entry, &verdict), false),
        run: of(entry, NOT_RUN),
        fault: None,
    }
}

fn broken(task: &Task, entry: &RunEntry, why: &str) -> Assessed {
    let verdict = Verdict::new(Code::Fault).fact("error", why);
    Assessed {
        judged: judged(entry, all(task, entry, &verdict), false),
        run: of(entry, "?"),
        fault: Some(format!("{}: {why}", entry.run)),
    }
}

/// The same verdict for all checks of the run's scenario.
fn all(task: &Task, entry: &RunEntry, verdict: &Verdict) -> Vec<(String, Verdict)> {
    let checks = task
        .scenarios
        .iter()
        .filter(|s| s.scenario == entry.scenario)
        .flat_map(|s| &s.checks);
    checks
        .map(|check| (check.check.clone(), verdict.clone()))
        .collect()
}

fn judged(entry: &RunEntry, verdicts: Vec<(String, Verdict)>, active: bool) -> Judged {
    Judged {
        scenario: entry.scenario.clone(),
        run: entry.run.clone(),
        with: entry.with.clone(),
        verdicts,
        active,
    }
}

/// What can be said of a run without evidence.
fn of(entry: &RunEntry, ending: &str) -> Run {
    Run {
        run: entry.run.clone(),
        scenario: entry.scenario.clone(),
        with: entry.with.clone(),
        seed: entry.seed,
        ending: ending.to_owned(),
        evidence: Results::evidence_name(&entry.run),
        stderr: String::new(),
    }
}

/// The report of a whole grading.
pub(super) fn report(pack: &Pack, grading: &Grading, all: &[Assessed]) -> Report {
    // Names were looked at before anything was run; a pack that has changed since is taken as a whole.
    let task = only(&pack.task, &grading.only).unwrap_or_else(|_| pack.task.clone());
    let judged: Vec<Judged> = all.iter().map(|a| a.judged.clone()).collect();
    let faults = grading
        .faults
        .iter()
        .cloned()
        .chain(all.iter().filter_map(|a| a.fault.clone()));
    let report = report::build(Material {
        task: &task,
        // The task is that part already.
        only: None,
        submission: &grading.submission,
        language: &grading.language,
        tier: grading.tier,
        seed: grading.seed,
        host: grading.host.clone(),
        findings: &findings(&task, &judged),
        runs: all.iter().map(|a| a.run.clone()).collect(),
        build: grading.build.clone(),
        faults: faults.collect(),
    });
    Report {
        pack: Some(pack.digest.clone()),
        ..report
    }
}

/// Judges stored results again. Nothing is run.
pub fn rescore(results: &Results, grading: &Grading, pack: &Pack) -> Report {
    let task = only(&pack.task, &grading.only).unwrap_or_else(|_| pack.task.clone());
    let again = |entry: &RunEntry| match entry.state {
        State::Done => run(&task, entry, results.records(&entry.run)),
        _ => not_run(&task, entry, grading.tier),
    };
    let all: Vec<Assessed> = grading.runs.iter().map(again).collect();
    report(pack, grading, &all)
}

/// The report of a grading that could not begin: the submission is at fault (then `build` says why), or
/// the host is.
pub fn not_begun(order: &Order, build: Option<Build>, fault: Option<String>) -> Report {
    let mut grading = order.grading();
    grading.build = build;
    grading.faults.extend(fault);
    report(&order.pack, &grading, &[])
}

/// As [`not_begun`], and keeps it in the order's result folder like any other grading.
///
/// # Errors
/// If it can't be kept.
pub fn keep_not_begun(
    order: &Order,
    build: Option<Build>,
    fault: Option<String>,
) -> Result<Report, StoreError> {
    let mut grading = order.grading();
    grading.build = build;
    grading.faults.extend(fault);
    grading.finished = true;
    let report = report(&order.pack, &grading, &[]);
    let results = Results::create(&order.results, &grading, &order.pack)?;
    results.write_report(&report)?;
    Ok(report)
}
