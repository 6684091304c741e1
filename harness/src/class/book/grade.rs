//! One student's grade for one task, and what a course's rules make of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Outcome;
use crate::class::Status;
use crate::class::policy::{Attempts, Missing, Policy};
use crate::score::round;

/// One submission's result, before the course's rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    pub submission: String,
    /// Where its report is, relative to the class's folder.
    pub report: String,
    pub status: Status,
    pub score: f64,
    pub max: f64,
    pub undecided: f64,
    pub marks: Vec<Mark>,
    pub late_days: f64,
}

/// A grade as it stands in the book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Grade {
    pub standing: Standing,
    /// Points after the course's rules. None: there are none, and nobody may take that for 0.
    pub score: Option<f64>,
    /// Points as graded.
    pub raw: Option<f64>,
    pub max: f64,
    /// Points of checks that could not be decided.
    pub undecided: f64,
    pub late_days: f64,
    /// Percent of the points that being late costs.
    pub late_percent: f64,
    /// Doesn't count in the total, by the course's rules.
    pub dropped: bool,
    /// The submission that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission: Option<String>,
    /// Its report, relative to the class's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// One for each check of the task, in their order.
    pub marks: Vec<Mark>,
}

/// Whether a grade counts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Graded,
    /// Could not be unpacked, built or started.
    Refused,
    /// Handed in later than the course allows.
    TooLate,
    /// Not final: something could not be decided.
    Inconclusive,
    /// Not final: the harness or the host failed, there is no score.
    Fault,
    /// Nothing was handed in, or it isn't graded yet.
    Missing,
}

impl Standing {
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Standing::Graded | Standing::Refused | Standing::TooLate
        )
    }

    /// As in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Graded => "graded",
            Standing::Refused => "refused",
            Standing::TooLate => "too_late",
            Standing::Inconclusive => "inconclusive",
            Standing::Fault => "fault",
            Standing::Missing => "missing",
        }
    }
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    Pass,
    Fail,
    Inconclusive,
    Fault,
    /// There was nothing to judge.
    Unjudged,
}

impl From<Outcome> for Mark {
    fn from(outcome: Outcome) -> Mark {
        match outcome {
            Outcome::Pass => Mark::Pass,
            Outcome::Fail => Mark::Fail,
            Outcome::Inconclusive => Mark::Inconclusive,
            Outcome::HarnessFault => Mark::Fault,
        }
    }
}

/// The grade that a student's submissions for one task come to.
pub(super) fn of(held: Vec<Held>, policy: &Policy) -> Grade {
    let mut all: Vec<Grade> = held.into_iter().map(|held| single(held, policy)).collect();
    let chosen = match policy.attempts {
        Attempts::Last => all.len().checked_sub(1),
        Attempts::Best => (0..all.len()).max_by(|&a, &b| {
            // The first of equals; what has no score is the least.
            let worth = |i: usize| (all[i].score.unwrap_or(-1.0), all[i].standing.is_final());
            worth(a)
                .partial_cmp(&worth(b))
                .unwrap_or(std::cmp::Ordering::Equal)
                .then(b.cmp(&a))
        }),
    };
    let Some(chosen) = chosen else {
        return missing(policy);
    };
    let score = all[chosen].score.unwrap_or(0.0);
    let beaten = |other: &Grade| match other.standing {
        Standing::Fault => true,
        Standing::Inconclusive => other.most() > score,
        _ => false,
    };
    let open = policy.attempts == Attempts::Best
        && all
            .iter()
            .enumerate()
            .any(|(i, other)| i != chosen && beaten(other));
    let mut grade = all.swap_remove(chosen);
    if open && grade.standing.is_final() {
        // Another submission may still turn out to be better.
        grade.standing = Standing::Inconclusive;
    }
    grade
}

fn missing(policy: &Policy) -> Grade {
    Grade {
        standing: Standing::Missing,
        score: (policy.missing == Missing::Zero).then_some(0.0),
        raw: None,
        max: 0.0,
        undecided: 0.0,
        late_days: 0.0,
        late_percent: 0.0,
        dropped: false,
        submission: None,
        report: None,
        marks: Vec::new(),
    }
}

fn single(held: Held, policy: &Policy) -> Grade {
    let percent = policy.late_percent(held.late_days);
    let standing = match (percent, held.status) {
        (None, _) => Standing::TooLate,
        (_, Status::Graded) => Standing::Graded,
        (_, Status::Refused) => Standing::Refused,
        (_, Status::Inconclusive) => Standing::Inconclusive,
        (_, Status::Fault) => Standing::Fault,
        (_, Status::Missing) => Standing::Missing,
    };
    let late_percent = percent.unwrap_or(100.0);
    let score = round(held.score * (100.0 - late_percent) / 100.0);
    Grade {
        standing,
        score: (standing != Standing::Fault).then_some(score),
        raw: (held.status != Status::Fault).then_some(held.score),
        max: held.max,
        undecided: held.undecided,
        late_days: held.late_days,
        late_percent,
        dropped: false,
        submission: Some(held.submission),
        report: Some(held.report),
        marks: held.marks,
    }
}

impl Grade {
    /// Share of the points, from 0 to 1.
    pub fn share(&self) -> Option<f64> {
        match self.score {
            Some(score) if self.max > 0.0 => Some(score / self.max),
            // A zero is a zero whatever there was to be had.
            Some(_) if self.standing == Standing::Missing => Some(0.0),
            _ => None,
        }
    }

    /// Points that it may come to once all is decided.
    fn most(&self) -> f64 {
        let raw = self.raw.unwrap_or(0.0) + self.undecided;
        raw * (100.0 - self.late_percent) / 100.0
    }

    /// The score, where nothing can change it any more: what other programs' gradebooks get.
    pub fn settled(&self) -> Option<f64> {
        let zero = self.standing == Standing::Missing;
        self.score.filter(|_| self.standing.is_final() || zero)
    }
}

/// Marks the tasks with the lowest shares as dropped. A missing one is the lowest there is; one that has no
/// score for the harness's sake is never taken for low.
pub(super) fn drop_lowest(grades: &mut [Grade], count: usize) {
    let mut order: Vec<(usize, f64)> = grades
        .iter()
        .enumerate()
        .filter(|(_, grade)| grade.standing != Standing::Fault)
        .map(|(i, grade)| (i, grade.share().unwrap_or(-1.0)))
        .collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    for (i, _) in order.into_iter().take(count) {
        grades[i].dropped = true;
    }
}

/// The weighted mean in percent, and whether nothing can change it.
pub(super) fn total(grades: &[Grade], weights: &[f64]) -> (Option<f64>, bool) {
    let counted = grades
        .iter()
        .zip(weights)
        .filter(|(grade, weight)| !grade.dropped && **weight > 0.0);
    let (mut sum, mut all, mut settled) = (0.0, 0.0, true);
    for (grade, weight) in counted {
        settled &= grade.settled().is_some();
        if let Some(share) = grade.share() {
            sum += share * weight;
            all += weight;
        }
    }
    // A task that could still turn out to be the lowest leaves open which ones count.
    let open = grades
        .iter()
        .any(|grade| grade.dropped && grade.standing == Standing::Inconclusive);
    let total = (all > 0.0).then(|| 100.0 * sum / all);
    (total, settled && !open && total.is_some())
}
