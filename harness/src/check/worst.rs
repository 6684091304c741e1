//! From the verdicts of single runs to findings: a check holds only if it holds in all its runs.

use super::code::Code;
use super::{Finding, Outcome, Verdict};
use crate::task::{Params, Task};

/// One run, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    pub scenario: String,
    /// Name of the run in the result folder.
    pub run: String,
    pub with: Params,
    /// (name of the check, verdict), in the order of the scenario's checks.
    pub verdicts: Vec<(String, Verdict)>,
    /// The world saw at least one request.
    pub active: bool,
}

/// One finding for each check that was judged in at least one run, in the task's order. The worst
/// verdict counts, the first of equals.
pub fn findings(task: &Task, runs: &[Judged]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for scenario in &task.scenarios {
        for check in &scenario.checks {
            let mut worst: Option<Finding> = None;
            for run in runs.iter().filter(|r| r.scenario == scenario.scenario) {
                for (_, verdict) in run.verdicts.iter().filter(|(name, _)| *name == check.check) {
                    if worst
                        .as_ref()
                        .is_none_or(|w| verdict.outcome > w.verdict.outcome)
                    {
                        worst = Some(Finding {
                            check: check.check.clone(),
                            scenario: scenario.scenario.clone(),
                            with: run.with.clone(),
                            run: run.run.clone(),
                            verdict: verdict.clone(),
                        });
                    }
                }
            }
            findings.extend(worst);
        }
    }
    deny_gifts(task, runs, &mut findings);
    findings
}

/// A program that does nothing at all refuses bad arguments too: no points for that. Known only
/// from the whole grading, and only where other scenarios ran as well.
fn deny_gifts(task: &Task, runs: &[Judged], findings: &mut [Finding]) {
    let judges_requests = task.scenarios.iter().any(|s| s.world.has_pages());
    let refused = Code::Refused.as_str();
    let other_runs = |f: &Finding| runs.iter().any(|r| r.scenario != f.scenario);
    if !judges_requests || runs.iter().any(|r| r.active) {
        return;
    }
    // Not where nothing is known to have gone wrong on the program's side.
    let did_nothing = findings
        .iter()
        .any(|f| f.verdict.code == Code::NothingDone.as_str());
    for finding in findings.iter_mut() {
        if did_nothing && finding.verdict.code == refused && other_runs(finding) {
            debug_assert_eq!(finding.verdict.outcome, Outcome::Pass);
            let ending = finding
                .verdict
                .facts
                .get("status")
                .map(|s| format!("status {s}"))
                .unwrap_or_default();
            finding.verdict = Verdict::new(Code::NothingDone)
                .fact("ending", ending)
                .seen(finding.verdict.events.clone());
        }
    }
}
