//! Checks: pure functions from the evidence of a run to a verdict. No input or output, no clock.

mod account;
mod address;
pub mod clients;
pub mod code;
mod common;
mod coverage;
mod dialogue;
mod ending;
mod failures;
mod files;
mod flight;
mod held;
mod house;
mod idle;
mod judge;
mod known;
mod linear;
pub mod memory;
mod output;
mod peer;
mod reading;
mod serving;
mod shelf;
mod site;
mod sockets;
mod verdict;
pub mod view;
mod visited;
mod worst;

#[cfg(test)]
mod story;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use code::Code;
pub use common::ending as ending_in_words;
pub use judge::{judge, judge_run};
pub use view::{View, ViewError};
pub use worst::{Judged, findings};

/// The four outcomes. Only `Fail` costs points. Ordered from best to worst, so that the worst of
/// several runs is their maximum.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Pass,
    Inconclusive,
    Fail,
    /// The harness or the host failed: no finding, no points lost.
    HarnessFault,
}

/// A named fact of a verdict, for the sentence that a student reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Fact {
    Int(i64),
    Text(String),
}

/// What one rule says of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub outcome: Outcome,
    /// Stable, dotted: `flight.exceeded`. Tests, fixtures and pipelines read this, never the sentence.
    pub code: String,
    pub facts: BTreeMap<String, Fact>,
    /// Numbers of the events that show it.
    pub events: Vec<u64>,
}

/// A verdict with its place: one check over all runs of its scenario (the worst of them).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub check: String,
    pub scenario: String,
    /// Parameters of the run that the verdict was seen in.
    pub with: crate::task::Params,
    /// Name of that run in the result folder (`keeps-limit-2`): `events` count in its evidence.
    pub run: String,
    #[serde(flatten)]
    pub verdict: Verdict,
}
