//! Who reads a report, and what of it is for them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Report, ReportFinding};
use crate::evidence::Tier;
use crate::task::Visibility;

/// For whom a report is rendered. JSON is always whole: keep it from students where checks are hidden.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Checks that aren't visible now are only counted.
    #[default]
    Student,
    /// Everything.
    Teacher,
}

/// The findings that this audience may see, and those that it may not.
pub fn seen_by(report: &Report, audience: Audience) -> (Vec<&ReportFinding>, Vec<&ReportFinding>) {
    report
        .findings
        .iter()
        .partition(|f| audience == Audience::Teacher || f.visibility == Visibility::Visible)
}

/// A tier's name as in options and JSON.
pub fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::Portable => "portable",
        Tier::Reduced => "reduced",
        Tier::Full => "full",
    }
}

/// An outcome's name as in JSON.
pub fn outcome_name(outcome: crate::check::Outcome) -> &'static str {
    use crate::check::Outcome;
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Inconclusive => "inconclusive",
        Outcome::HarnessFault => "harness_fault",
    }
}
