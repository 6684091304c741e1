//! Grades the reference and the fixtures of a task, as often as asked for.

use std::path::{Path, PathBuf};

use super::expect::Expectations;
use super::matrix::{Kind, Matrix, Trial, compare};
use super::needs::unmet;
use crate::report::Report;
use crate::task::Task;

/// One submission of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub kind: Kind,
    pub name: String,
    /// A folder to be graded as a submission; for the reference, the program itself.
    pub path: PathBuf,
}

/// Grades one submission. The verification knows nothing of arenas.
pub trait Grader {
    /// A report, or in words why there is none.
    ///
    /// # Errors
    /// Where not even a report of a fault could be made.
    fn grade(&mut self, subject: &Subject, repeat: u32) -> Result<Report, String>;

    /// The user wants it to end: no further grading is begun.
    fn stopped(&self) -> bool {
        false
    }
}

/// How a verification is to be run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Gradings of each submission; 0 counts as 1.
    pub repeat: u32,
    /// The machine is loaded on purpose (by the caller, see [`super::stress`]).
    pub stress: bool,
    /// Names of the fixtures to grade (`sequential`, `bad/sequential`, `reference`); none: all.
    pub only: Option<Vec<String>>,
}

/// What is being done, for whoever watches.
#[derive(Debug)]
pub enum Progress<'a> {
    Skipped {
        subject: &'a str,
        missing: &'a str,
    },
    Grading {
        subject: &'a str,
        repeat: u32,
        number: usize,
        of: usize,
    },
    Graded {
        subject: &'a str,
        result: &'a Result<Report, String>,
    },
}

/// Grades everything, repetition after repetition, so that a machine that changes in the meantime
/// shows in all fixtures alike. `reference` is the program, if there is one.
pub fn run(
    task: &Task,
    expectations: &Expectations,
    fixtures: &Path,
    reference: Option<PathBuf>,
    options: &Options,
    grader: &mut dyn Grader,
    watch: &mut dyn FnMut(Progress),
) -> Matrix {
    let mut trials = Vec::new();
    let mut subjects = Vec::new();
    let wanted = |trial: &Trial| {
        options
            .only
            .as_ref()
            .is_none_or(|names| names.contains(&trial.name) || names.contains(&trial.label()))
    };
    let all = reference
        .map(|path| {
            (
                trial(Kind::Reference, "reference", "the model solution", &[], &[]),
                path,
            )
        })
        .into_iter()
        .chain(expectations.good.iter().map(|(name, good)| {
            (
                trial(Kind::Good, name, &good.purpose, &good.needs, &[]),
                fixtures.join("good").join(name),
            )
        }))
        .chain(expectations.bad.iter().map(|(name, bad)| {
            (
                trial(Kind::Bad, name, &bad.fault, &bad.needs, &bad.loses),
                fixtures.join("bad").join(name),
            )
        }));
    for (trial, path) in all.filter(|(trial, _)| wanted(trial)) {
        if let Some(missing) = &trial.skipped {
            watch(Progress::Skipped {
                subject: &trial.label(),
                missing,
            });
        }
        subjects.push(Subject {
            kind: trial.kind,
            name: trial.name.clone(),
            path,
        });
        trials.push(trial);
    }
    let graded = trials.iter().filter(|t| t.skipped.is_none()).count();
    let repeats = options.repeat.max(1);
    let of = graded * repeats as usize;
    let mut number = 0;
    'all: for repeat in 0..repeats {
        for (trial, subject) in trials
            .iter_mut()
            .zip(&subjects)
            .filter(|(t, _)| t.skipped.is_none())
        {
            if grader.stopped() {
                break 'all;
            }
            number += 1;
            let label = trial.label();
            watch(Progress::Grading {
                subject: &label,
                repeat,
                number,
                of,
            });
            let result = grader.grade(subject, repeat);
            watch(Progress::Graded {
                subject: &label,
                result: &result,
            });
            trial.results.push(result);
        }
    }
    compare(
        task,
        &trials,
        options.stress,
        options.only.is_some() || grader.stopped(),
    )
}

fn trial(kind: Kind, name: &str, about: &str, needs: &[String], loses: &[String]) -> Trial {
    Trial {
        kind,
        name: name.to_owned(),
        about: about.to_owned(),
        loses: loses.to_vec(),
        skipped: unmet(needs),
        results: Vec::new(),
    }
}
