//! The report: everything that is said of one grading, as one value. Renderers are pure functions of it.

pub mod audience;
mod autolab;
pub mod build;
mod check50;
mod classroom;
pub mod clean;
mod github;
mod gitlab;
mod gradescope;
pub mod html;
mod json;
mod junit;
mod markdown;
mod moodle;
mod params;
mod prairielearn;
mod prose;
mod tap;
mod terminal;
pub mod text;
pub mod timeline;
mod words;

#[cfg(test)]
mod attack_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Fact, Outcome};
use crate::evidence::Tier;
use crate::task::{Params, Text, Visibility};

pub use audience::Audience;
pub use autolab::autolab;
pub use build::{Material, build, run};
pub use check50::check50;
pub use classroom::classroom;
pub use github::github;
pub use gitlab::gitlab;
pub use gradescope::gradescope;
pub use html::html;
pub use json::{from_json, json, schema};
pub use junit::junit;
pub use markdown::{escape as escape_markdown, markdown};
pub use moodle::{Range, coderunner, vpl};
pub use prairielearn::prairielearn;
pub use tap::tap;
pub use terminal::{Look, terminal};
pub use timeline::{Timeline, timeline};

/// Version of the report's JSON form.
pub const SCHEMA_VERSION: u32 = 1;

/// One grading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    pub schema_version: u32,
    pub gradus: String,
    pub task: String,
    pub title: Text,
    /// Name of the submission (its folder's or command's), for people.
    pub submission: String,
    /// `pass` if nothing was lost; else the worst: harness_fault, fail, inconclusive.
    pub outcome: Outcome,
    /// Points gained. Points of inconclusive checks are neither gained nor lost: see `undecided`.
    pub score: f64,
    pub max_score: f64,
    /// Points of checks that could not be decided.
    pub undecided: f64,
    pub tier: Tier,
    pub seed: u64,
    /// What the host gave: facilities by name, and why others were not there.
    pub host: BTreeMap<String, String>,
    pub findings: Vec<ReportFinding>,
    pub runs: Vec<Run>,
    /// Set when the submission could not be built: the build's output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    /// Faults of the harness or the host, if any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

/// One check's finding, with its sentences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportFinding {
    pub check: String,
    pub scenario: String,
    pub title: Text,
    pub outcome: Outcome,
    pub code: String,
    /// Points gained; below zero where a house rule was broken.
    pub points: f64,
    pub max_points: f64,
    pub visibility: Visibility,
    /// What was seen.
    pub message: String,
    /// Why it matters.
    pub why: String,
    /// What to look at.
    pub hint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    pub with: Params,
    pub facts: BTreeMap<String, Fact>,
    /// Run in whose evidence `events` are numbered.
    pub run: String,
    pub events: Vec<u64>,
}

/// One run of the submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    pub run: String,
    pub scenario: String,
    pub with: Params,
    pub seed: u64,
    /// How it ended, in a few words.
    pub ending: String,
    /// Evidence file, relative to the result folder.
    pub evidence: String,
    /// Tail of standard error, for the student; control characters removed.
    pub stderr: String,
}

/// The build step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Build {
    pub command: Vec<String>,
    pub ok: bool,
    pub output: String,
}
