//! What was graded, how, and what became of each run: everything that a report needs beside the
//! evidence and the task pack.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::evidence::Tier;
use crate::report::Build;
use crate::task::Params;

/// Version of the result folder's layout.
pub const FORMAT: u32 = 1;

/// The contents of `grading.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grading {
    /// Version of the layout. The key marks the folder as one of ours.
    pub gradus_results: u32,
    /// Version of gradus that graded.
    pub gradus: String,
    pub task: String,
    /// Digest of the task pack.
    pub pack: String,
    /// Name of the submission, for people.
    pub submission: String,
    pub seed: u64,
    pub tier: Tier,
    /// What the host gave.
    pub host: BTreeMap<String, String>,
    /// Checks that were asked for; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Language of the report's sentences.
    pub language: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    pub runs: Vec<RunEntry>,
    /// Faults of the harness or the host outside of any run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// The grading came to its end; else it was interrupted.
    pub finished: bool,
}

/// One run of the submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEntry {
    /// Name of its folder: `<scenario>-<number of the parameter set, from 1>`.
    pub run: String,
    pub scenario: String,
    /// Index of the parameter set, from 0.
    pub set: u32,
    pub with: Params,
    pub seed: u64,
    pub state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Planned,
    Running,
    /// Its evidence is whole, or ends with the fault that cut it off.
    Done,
    /// Not run: the host's tier is too weak for the scenario.
    Skipped,
}
