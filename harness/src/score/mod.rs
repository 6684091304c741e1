//! Score: points over findings. Only a fail costs points; what could not be decided is counted apart.

use crate::check::{Finding, Outcome};
use crate::task::{Check, Task};

/// Points of one grading.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// Points gained.
    pub gained: f64,
    /// Points that could be gained by the checks that were asked for.
    pub max: f64,
    /// Points of checks that could not be decided.
    pub undecided: f64,
}

/// Points that a check with this outcome gains; below zero where a house rule was broken.
pub fn points(outcome: Outcome, check: &Check) -> f64 {
    match outcome {
        Outcome::Pass => check.points.max(0.0),
        Outcome::Fail if check.penalty > 0.0 => -check.penalty,
        Outcome::Inconclusive | Outcome::Fail | Outcome::HarnessFault => 0.0,
    }
}

/// The points of the checks that were judged. The order of the findings doesn't matter.
pub fn of(task: &Task, findings: &[Finding]) -> Score {
    let mut score = Score::default();
    for check in task.scenarios.iter().flat_map(|s| &s.checks) {
        let Some(finding) = findings.iter().find(|f| f.check == check.check) else {
            continue;
        };
        let worth = check.points.max(0.0);
        score.max += worth;
        score.gained += points(finding.verdict.outcome, check);
        if matches!(
            finding.verdict.outcome,
            Outcome::Inconclusive | Outcome::HarnessFault
        ) {
            score.undecided += worth;
        }
    }
    // Penalties take from what was gained, and no more than that.
    Score {
        gained: round(score.gained.max(0.0)),
        max: round(score.max),
        undecided: round(score.undecided),
    }
}

/// The outcome of it all: the worst of the findings.
pub fn outcome(findings: &[Finding]) -> Outcome {
    findings
        .iter()
        .map(|f| f.verdict.outcome)
        .max()
        .unwrap_or(Outcome::Pass)
}

/// Points are told to five decimals: sums of tenths stay what a teacher expects.
pub fn round(points: f64) -> f64 {
    (points * 1e5).round() / 1e5
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::check::Verdict;
    use crate::task::rule::{Empty, Rule};
    use crate::task::{Kind, Limits, Scenario};

    fn task(points: &[f64]) -> Task {
        let checks = points.iter().enumerate().map(|(i, &points)| Check {
            check: format!("c{i}"),
            title: Default::default(),
            rule: Rule::EachOnce(Empty {}),
            points,
            penalty: 0.0,
            visibility: Default::default(),
            hint: Default::default(),
            link: None,
        });
        let scenario = Scenario {
            scenario: "s".into(),
            title: Default::default(),
            with: vec![Default::default()],
            world: Default::default(),
            limits: None,
            tier: None,
            script: vec![],
            checks: checks.collect(),
        };
        Task {
            schema: 1,
            task: "t".into(),
            title: Default::default(),
            teaches: Default::default(),
            alone: false,
            after: vec![],
            kind: Kind::Client,
            run: vec![],
            placeholders: vec![],
            limits: Limits::default(),
            scenarios: vec![scenario],
        }
    }

    fn finding(index: usize, outcome: Outcome) -> Finding {
        let verdict = Verdict {
            outcome,
            code: "x.y".into(),
            facts: Default::default(),
            events: vec![],
        };
        Finding {
            check: format!("c{index}"),
            scenario: "s".into(),
            with: Default::default(),
            run: "s-0".into(),
            verdict,
        }
    }

    fn outcomes() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::Pass),
            Just(Outcome::Inconclusive),
            Just(Outcome::Fail),
            Just(Outcome::HarnessFault)
        ]
    }

    proptest! {
        #[test]
        fn points_stay_within_bounds_and_know_no_order(
            checks in proptest::collection::vec((0.0..50.0f64, outcomes()), 0..20),
        ) {
            let task = task(&checks.iter().map(|c| c.0).collect::<Vec<_>>());
            let mut findings: Vec<Finding> =
                checks.iter().enumerate().map(|(i, c)| finding(i, c.1)).collect();
            let score = of(&task, &findings);
            prop_assert!(0.0 <= score.gained);
            prop_assert!(score.gained + score.undecided <= score.max + 1e-4);
            findings.reverse();
            prop_assert_eq!(of(&task, &findings), score);
        }

        #[test]
        fn only_a_fail_costs_points(checks in proptest::collection::vec((0.0..50.0f64, outcomes()), 0..20)) {
            let task = task(&checks.iter().map(|c| c.0).collect::<Vec<_>>());
            let findings: Vec<Finding> = checks.iter().enumerate().map(|(i, c)| finding(i, c.1)).collect();
            let lost: f64 = checks.iter().filter(|c| c.1 == Outcome::Fail).map(|c| c.0).sum();
            let score = of(&task, &findings);
            prop_assert!((score.max - score.gained - score.undecided - lost).abs() < 1e-3);
        }
    }

    #[test]
    fn checks_that_were_not_asked_for_count_nowhere() {
        let score = of(&task(&[10.0, 5.0]), &[finding(1, Outcome::Pass)]);
        assert_eq!(
            score,
            Score {
                gained: 5.0,
                max: 5.0,
                undecided: 0.0
            }
        );
    }

    #[test]
    fn a_house_rule_costs_its_penalty_and_no_more() {
        let mut task = task(&[10.0, 0.0]);
        task.scenarios[0].checks[1].penalty = 2.0;
        let score = |a, b| of(&task, &[finding(0, a), finding(1, b)]);
        assert_eq!(score(Outcome::Pass, Outcome::Pass).gained, 10.0);
        assert_eq!(
            score(Outcome::Pass, Outcome::Fail),
            Score {
                gained: 8.0,
                max: 10.0,
                undecided: 0.0
            }
        );
        assert_eq!(score(Outcome::Pass, Outcome::Inconclusive).gained, 10.0);
        assert_eq!(
            score(Outcome::Fail, Outcome::Fail).gained,
            0.0,
            "never below nothing"
        );
    }

    #[test]
    fn the_worst_outcome_is_the_reports() {
        let all = [Outcome::Inconclusive, Outcome::Fail, Outcome::Pass].map(|o| finding(0, o));
        assert_eq!(outcome(&all), Outcome::Fail);
        assert_eq!(outcome(&[]), Outcome::Pass);
    }
}
