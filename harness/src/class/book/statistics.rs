//! Which checks a class failed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BookTask, Grade, Mark, Standing};
use crate::check::Outcome;
use crate::report::Report;
use crate::score::round;

/// One task in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskStatistics {
    pub task: String,
    /// Students by how their grade stands.
    pub standings: BTreeMap<String, usize>,
    /// Of the scores that are final, before late penalties; none: there are none.
    pub mean: Option<f64>,
    pub median: Option<f64>,
    pub checks: Vec<CheckStatistics>,
}

/// One check in numbers, over the submissions that count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckStatistics {
    pub check: String,
    pub passed: usize,
    pub failed: usize,
    /// Inconclusive, or a fault of the harness.
    pub undecided: usize,
    /// What was found most often where it failed: code and number.
    pub reasons: Vec<(String, usize)>,
}

/// Most reasons that are told.
const REASONS: usize = 3;

/// Counts while the book is made.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    standings: BTreeMap<String, usize>,
    codes: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Tally {
    pub fn count(&mut self, grade: &Grade) {
        *self
            .standings
            .entry(grade.standing.name().to_owned())
            .or_default() += 1;
    }

    /// Reasons are counted over all submissions.
    pub fn codes(&mut self, report: &Report) {
        for finding in report
            .findings
            .iter()
            .filter(|f| f.outcome == Outcome::Fail)
        {
            let codes = self.codes.entry(finding.check.clone()).or_default();
            *codes.entry(finding.code.clone()).or_default() += 1;
        }
    }

    pub fn statistics<'g>(
        &self,
        task: &BookTask,
        grades: impl Iterator<Item = &'g Grade> + Clone,
    ) -> TaskStatistics {
        let settled = grades
            .clone()
            .filter(|g| matches!(g.standing, Standing::Graded | Standing::Refused));
        let mut scores: Vec<f64> = settled.filter_map(|grade| grade.raw).collect();
        scores.sort_by(f64::total_cmp);
        let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
        let middle = |i: usize| scores.get(i).copied();
        let median = match scores.len() {
            0 => None,
            n if n % 2 == 1 => middle(n / 2),
            n => middle(n / 2 - 1)
                .zip(middle(n / 2))
                .map(|(a, b)| (a + b) / 2.0),
        };
        let checks = task.checks.iter().enumerate().map(|(i, check)| {
            let count = |marks: &[Mark]| {
                let marked = grades.clone().filter_map(|grade| grade.marks.get(i));
                marked.filter(|mark| marks.contains(mark)).count()
            };
            let mut reasons: Vec<(String, usize)> = self
                .codes
                .get(&check.check)
                .into_iter()
                .flatten()
                .map(|(c, n)| (c.clone(), *n))
                .collect();
            reasons.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
            reasons.truncate(REASONS);
            CheckStatistics {
                check: check.check.clone(),
                passed: count(&[Mark::Pass]),
                failed: count(&[Mark::Fail]),
                undecided: count(&[Mark::Inconclusive, Mark::Fault]),
                reasons,
            }
        });
        TaskStatistics {
            task: task.task.clone(),
            standings: self.standings.clone(),
            mean: (!scores.is_empty()).then(|| round(mean)),
            median: median.map(round),
            checks: checks.collect(),
        }
    }
}
