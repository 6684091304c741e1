//! Fixtures × checks: what was lost, against what was to be lost. Pure.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Outcome;
use crate::report::Report;
use crate::task::Task;

/// What a submission of the verification is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Reference,
    Good,
    Bad,
}

/// All gradings of one submission.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    pub kind: Kind,
    pub name: String,
    /// Its purpose or its fault.
    pub about: String,
    /// The checks that it is meant to lose.
    pub loses: Vec<String>,
    /// Why it was not graded at all, if something that it needs is missing.
    pub skipped: Option<String>,
    /// One for each repetition: the report, or why there is none.
    pub results: Vec<Result<Report, String>>,
}

/// The outcome of a verification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Matrix {
    pub task: String,
    /// Names of the checks: the columns.
    pub checks: Vec<String>,
    pub rows: Vec<Row>,
    /// What speaks against the task pack; empty if all is well.
    pub problems: Vec<Problem>,
    pub repeats: u32,
    /// The machine was loaded on purpose.
    pub stress: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    pub kind: Kind,
    pub name: String,
    pub about: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// In the order of the columns.
    pub cells: Vec<Cell>,
}

/// One fixture under one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    pub mark: Mark,
    /// Distinct codes over the repetitions, with how often each came.
    pub codes: BTreeMap<String, u32>,
}

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Kept, as it should.
    Kept,
    /// Lost, as it should.
    Lost,
    /// Kept, and should be lost.
    WronglyKept,
    /// Lost, and should be kept.
    WronglyLost,
    /// Not decided.
    Undecided,
    /// Not the same in all repetitions.
    Differs,
    /// Not graded.
    Absent,
}

/// What speaks against a task pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum Problem {
    #[error("{fixture} lost `{check}`, which it should keep ({code}: {message})")]
    WronglyLost {
        fixture: String,
        check: String,
        code: String,
        message: String,
    },
    #[error("{fixture} kept `{check}`, which its fault should cost")]
    WronglyKept { fixture: String, check: String },
    #[error("{fixture}: `{check}` was not decided ({code}: {message})")]
    Undecided {
        fixture: String,
        check: String,
        code: String,
        message: String,
    },
    #[error("{fixture}: `{check}` differs from run to run ({codes})")]
    Differs {
        fixture: String,
        check: String,
        codes: String,
    },
    #[error("{fixture} could not be graded: {why}")]
    NotGraded { fixture: String, why: String },
    #[error("{fixture} is to lose `{check}`, but the task has no such check")]
    NoSuchCheck { fixture: String, check: String },
    #[error("{fixture} lists no check that its fault costs (`loses` in expect.yaml)")]
    NothingToLose { fixture: String },
    #[error("no bad fixture trips `{check}`: nothing shows that it can fail")]
    NeverTripped { check: String },
    #[error("no reference solution was found beside gradus")]
    NoReference,
    #[error("there is nothing to grade")]
    Nothing,
}

impl Matrix {
    /// Nothing speaks against the pack.
    pub fn holds(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Compares what the trials lost with what they were to lose. `only`: not all fixtures were asked
/// for, so that nothing is said of checks that none of them trips.
pub fn compare(task: &Task, trials: &[Trial], stress: bool, only: bool) -> Matrix {
    let checks: Vec<String> = task
        .scenarios
        .iter()
        .flat_map(|s| &s.checks)
        .map(|c| c.check.clone())
        .collect();
    let mut problems = Vec::new();
    let rows: Vec<Row> = trials
        .iter()
        .map(|t| row(t, &checks, &mut problems))
        .collect();
    if trials.is_empty() {
        problems.push(Problem::Nothing);
    } else if !only {
        if !trials.iter().any(|t| t.kind == Kind::Reference) {
            problems.push(Problem::NoReference);
        }
        never_tripped(&checks, trials, &rows, &mut problems);
    }
    let repeats = trials.iter().map(|t| t.results.len()).max().unwrap_or(0);
    Matrix {
        task: task.task.clone(),
        checks,
        rows,
        problems,
        repeats: u32::try_from(repeats).unwrap_or(u32::MAX),
        stress,
    }
}

/// What was skipped on this host gets the benefit of the doubt.
fn never_tripped(checks: &[String], trials: &[Trial], rows: &[Row], problems: &mut Vec<Problem>) {
    for (column, check) in checks.iter().enumerate() {
        let tripped = rows.iter().filter(|r| r.kind == Kind::Bad).any(|r| {
            matches!(
                r.cells.get(column),
                Some(Cell {
                    mark: Mark::Lost | Mark::Differs | Mark::WronglyLost,
                    ..
                })
            )
        });
        let might = trials
            .iter()
            .any(|t| t.kind == Kind::Bad && t.skipped.is_some() && t.loses.contains(check));
        if !tripped && !might {
            problems.push(Problem::NeverTripped {
                check: check.clone(),
            });
        }
    }
}

fn row(trial: &Trial, checks: &[String], problems: &mut Vec<Problem>) -> Row {
    let fixture = || trial.label();
    for check in trial.loses.iter().filter(|c| !checks.contains(c)) {
        problems.push(Problem::NoSuchCheck {
            fixture: fixture(),
            check: check.clone(),
        });
    }
    if trial.kind == Kind::Bad && trial.loses.is_empty() {
        problems.push(Problem::NothingToLose { fixture: fixture() });
    }
    let mut told = std::collections::BTreeSet::new();
    for result in &trial.results {
        let why = match result {
            Err(why) => why.clone(),
            Ok(report) if report.build.as_ref().is_some_and(|b| !b.ok) => {
                "it could not be built".to_owned()
            }
            Ok(report) => match report.faults.first() {
                Some(fault) => fault.clone(),
                None => continue,
            },
        };
        if told.insert(why.clone()) {
            problems.push(Problem::NotGraded {
                fixture: fixture(),
                why,
            });
        }
    }
    Row {
        kind: trial.kind,
        name: trial.name.clone(),
        about: trial.about.clone(),
        skipped: trial.skipped.clone(),
        cells: checks
            .iter()
            .map(|check| cell(trial, check, problems))
            .collect(),
    }
}

fn cell(trial: &Trial, check: &str, problems: &mut Vec<Problem>) -> Cell {
    let reports = trial.results.iter().filter_map(|r| r.as_ref().ok());
    let seen: Vec<_> = reports
        .flat_map(|r| r.findings.iter().filter(|f| f.check == check))
        .collect();
    let mut codes = BTreeMap::new();
    for finding in &seen {
        *codes.entry(finding.code.clone()).or_insert(0) += 1;
    }
    let Some(first) = seen.first() else {
        return Cell {
            mark: Mark::Absent,
            codes,
        };
    };
    let fixture = trial.label();
    let check = check.to_owned();
    let (code, message) = (first.code.clone(), first.message.clone());
    let wanted = trial.loses.contains(&check);
    if seen.iter().any(|f| f.outcome != first.outcome) {
        let codes_text: Vec<String> = codes
            .iter()
            .map(|(code, times)| format!("{code} ×{times}"))
            .collect();
        problems.push(Problem::Differs {
            fixture,
            check,
            codes: codes_text.join(", "),
        });
        return Cell {
            mark: Mark::Differs,
            codes,
        };
    }
    let mark = match (first.outcome, wanted) {
        (Outcome::Pass, false) => Mark::Kept,
        (Outcome::Fail, true) => Mark::Lost,
        (Outcome::Pass, true) => {
            problems.push(Problem::WronglyKept { fixture, check });
            Mark::WronglyKept
        }
        (Outcome::Fail, false) => {
            problems.push(Problem::WronglyLost {
                fixture,
                check,
                code,
                message,
            });
            Mark::WronglyLost
        }
        (Outcome::Inconclusive | Outcome::HarnessFault, _) => {
            problems.push(Problem::Undecided {
                fixture,
                check,
                code,
                message,
            });
            Mark::Undecided
        }
    };
    Cell { mark, codes }
}

impl Trial {
    /// `bad/sequential`, `reference`.
    pub fn label(&self) -> String {
        match self.kind {
            Kind::Reference => "reference".to_owned(),
            Kind::Good => format!("good/{}", self.name),
            Kind::Bad => format!("bad/{}", self.name),
        }
    }
}

#[cfg(test)]
#[path = "matrix_tests.rs"]
mod tests;
