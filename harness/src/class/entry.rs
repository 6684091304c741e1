//! What stands beside each report of a class: of what it is the result, and whether it counts.

use serde::{Deserialize, Serialize};

use crate::check::{Code, Outcome};
use crate::report::Report;

/// Name of the file, beside `report.json`.
pub const FILE: &str = "entry.json";
/// Version of its form.
pub const FORMAT: u32 = 1;

/// What a result depends on. Equal keys: there is nothing to grade anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Digest of the submission: of its folder's content, or of the archive's bytes.
    pub submission: String,
    /// Digest of the task pack.
    pub pack: String,
    /// Version of gradus.
    pub gradus: String,
    /// Seed of the grading.
    pub seed: u64,
    /// Checks that were asked for; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
}

/// The contents of `entry.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub gradus_entry: u32,
    /// Name of the submission, as the class lists it.
    pub submission: String,
    pub task: String,
    pub key: Key,
    pub status: Status,
    /// Gradings so far: more than one where something could not be decided.
    pub attempts: u32,
    /// Wall clock that the grading took, seconds.
    pub seconds: f64,
}

/// What came of a grading. In the order of worth: later ones replace earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The submission has nothing for this task: there is no report.
    Missing,
    /// The harness or the host failed: there is no score.
    Fault,
    /// Something could not be decided: the score isn't final.
    Inconclusive,
    /// The submission can't be unpacked, found, built or started: nothing was gained, and that is final.
    Refused,
    Graded,
}

impl Status {
    pub fn of(report: &Report) -> Status {
        if !report.faults.is_empty() || report.outcome == Outcome::HarnessFault {
            return Status::Fault;
        }
        let built = report.build.as_ref().is_none_or(|build| build.ok);
        let started = report
            .findings
            .iter()
            .all(|f| f.code != Code::NotStarted.as_str());
        if !built || !started {
            return Status::Refused;
        }
        // By the findings, as an overall `fail` hides what else could not be decided.
        let unsure = |outcome| matches!(outcome, Outcome::Inconclusive | Outcome::HarnessFault);
        if report.findings.iter().any(|f| unsure(f.outcome)) {
            Status::Inconclusive
        } else {
            Status::Graded
        }
    }

    /// The score counts.
    pub fn is_final(self) -> bool {
        !matches!(self, Status::Fault | Status::Inconclusive)
    }
}

/// Another grading of the same may decide more: not where this host never can.
pub fn worth_a_retry(report: &Report) -> bool {
    match Status::of(report) {
        Status::Graded | Status::Refused | Status::Missing => false,
        Status::Fault => true,
        Status::Inconclusive => report.findings.iter().any(|f| {
            f.outcome != Outcome::Pass
                && f.outcome != Outcome::Fail
                && f.code != Code::TierTooWeak.as_str()
        }),
    }
}

/// Whether a new result is to take the place of an earlier one of the same key: never a less decided one.
pub fn replaces(new: (Status, &Report), old: (Status, f64)) -> bool {
    new.0 > old.0 || (new.0 == old.0 && new.1.undecided <= old.1)
}
