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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::story::{Story, check, pages, script};

    const TASK: &str = r#"
schema: 1
task: t
title: { en: T }
teaches: { en: T }
kind: client
run: [t]
scenarios:
  - scenario: work
    title: { en: W }
    world: { origin: { pages: 3 } }
    script: [open, exit]
    checks:
      - { check: once, title: { en: O }, rule: { each_once: {} }, points: 5 }
  - scenario: arguments
    title: { en: A }
    script: [open, exit]
    checks:
      - { check: refuses, title: { en: R }, rule: { refuses_arguments: {} }, points: 5 }
"#;

    fn task() -> Task {
        serde_yaml::from_str(TASK).unwrap()
    }

    fn judged(scenario: &str, run: &str, active: bool, verdict: Verdict) -> Judged {
        let check = if scenario == "work" {
            "once"
        } else {
            "refuses"
        };
        Judged {
            scenario: scenario.into(),
            run: run.into(),
            with: Params::new(),
            verdicts: vec![(check.into(), verdict)],
            active,
        }
    }

    fn codes(runs: &[Judged]) -> Vec<(String, String)> {
        findings(&task(), runs)
            .into_iter()
            .map(|f| (f.verdict.code, f.run))
            .collect()
    }

    fn pair(code: &str, run: &str) -> (String, String) {
        (code.to_owned(), run.to_owned())
    }

    #[test]
    fn the_worst_run_counts_and_the_first_of_equals() {
        let runs = [
            judged("work", "work-1", true, Verdict::new(Code::Once)),
            judged("work", "work-2", true, Verdict::new(Code::Missing)),
            judged("work", "work-3", true, Verdict::new(Code::TooOften)),
            judged("work", "work-4", true, Verdict::new(Code::Partial)),
        ];
        assert_eq!(codes(&runs), [pair("coverage.missing", "work-2")]);
    }

    #[test]
    fn doing_nothing_at_all_earns_no_points_for_refusing_arguments() {
        let refused = || {
            judged(
                "arguments",
                "arguments-1",
                false,
                Verdict::new(Code::Refused).fact("status", 1),
            )
        };
        let nothing = judged("work", "work-1", false, Verdict::new(Code::NothingDone));
        assert_eq!(codes(&[nothing, refused()])[1].0, "nothing.done");
        // Asked for alone, or beside work that was done, it stands.
        assert_eq!(codes(&[refused()])[0].0, "arguments.refused");
        let done = judged("work", "work-1", true, Verdict::new(Code::Once));
        assert_eq!(codes(&[done, refused()])[1].0, "arguments.refused");
        // Nor is it taken away where the harness is to blame.
        let fault = judged("work", "work-1", false, Verdict::new(Code::Fault));
        assert_eq!(codes(&[fault, refused()])[1].0, "arguments.refused");
    }

    #[test]
    fn a_check_with_several_sides_shows_the_worst() {
        let both = "{ all: [{ each_once: {} }, { exits: { status: zero } }] }";
        let fetched = |n: u32| {
            let story = Story::new(3, pages(3), script("[open, exit]")).reached(0);
            (0..n).fold(story, |s, i| s.ask([i]).release([i]))
        };
        check(&fetched(3).exit(0), both, "coverage.once");
        check(&fetched(3).exit(1), both, "ending.status");
        check(&fetched(2).exit(1), both, "coverage.missing");
        check(&fetched(3).gave_up(false), both, "evidence.gave_up");
    }
}
