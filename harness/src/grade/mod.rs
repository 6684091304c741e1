//! Grading one submission: build it, run every scenario in an arena of its own, keep the evidence, judge
//! it. Prints nothing: who wants to know is told through [`Watch`].

mod assess;
mod build;
mod ground;
mod only;
mod ours;
mod run;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

pub use assess::{NOT_RUN, keep_not_begun, not_begun, rescore};
pub use ground::{Ground, TooWeak};
pub use only::{OnlyError, only};
pub use ours::{Arenas, PrepareError, Wishes};
pub use run::{Graded, grade};
pub use source::{Ours, Source};

use crate::arena::handle::Fault;
use crate::check::Outcome;
use crate::evidence::Tier;
use crate::plan::Plan;
use crate::task::Pack;

/// What is to be graded, and how. Plain values; nothing of the command line.
#[derive(Debug, Clone)]
pub struct Order {
    /// The pack as it is; `only` says what of it counts.
    pub pack: Pack,
    pub submission: Submission,
    /// Seed of the whole grading; each run derives its own.
    pub seed: u64,
    /// Names of checks or scenarios; empty: everything.
    pub only: Vec<String>,
    pub tier: Tier,
    /// What the host gave, for the report.
    pub host: BTreeMap<String, String>,
    /// Runs at the same time, at least 1.
    pub jobs: usize,
    /// The result folder.
    pub results: PathBuf,
    /// Language of the report's sentences.
    pub language: String,
}

/// A submission that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// For people.
    pub name: String,
    /// Built by this, in a copy of its folder.
    pub build: Option<Vec<String>>,
    /// Started by this, with placeholders still in it.
    pub run: Vec<String>,
    /// Port that it serves, where that differs from the exercise's.
    pub port: Option<u16>,
}

/// Takes the lines of a run's evidence, without their newlines.
pub type Keep<'k> = dyn FnMut(&[u8]) -> io::Result<()> + 'k;

/// Carries runs out. The real one ([`Arenas`]) starts an arena for each; tests have their own.
pub trait Runner: Sync {
    /// Builds in a copy of the submission's folder.
    ///
    /// # Errors
    /// If the harness or the host failed. A build that fails by itself is told in its evidence.
    fn build(&self, plan: &Plan, command: &[String], keep: &mut Keep<'_>) -> Result<(), Fault>;

    /// Takes what the build has left for what later runs start from. Gives the program's command, now
    /// that it is built.
    ///
    /// # Errors
    /// In words, if the build has left nothing that could be started.
    fn settle(&self, run: &[String]) -> Result<Vec<String>, String> {
        Ok(run.to_vec())
    }

    /// Runs the submission in a fresh copy of its folder. `name` is the run's.
    ///
    /// # Errors
    /// If the harness or the host failed, or the run was cancelled.
    fn run(
        &self,
        name: &str,
        plan: &Plan,
        command: &[String],
        keep: &mut Keep<'_>,
    ) -> Result<(), Fault>;
}

/// Is told what happens, in the thread in which it happens.
pub trait Watch: Sync {
    fn on(&self, news: News<'_>);
}

/// What happens in a grading.
#[derive(Debug, Clone, Copy)]
pub enum News<'n> {
    Building {
        command: &'n [String],
    },
    Built {
        ok: bool,
    },
    /// A run begins. `number` counts from 1.
    Begins {
        number: usize,
        total: usize,
        run: &'n str,
        plan: &'n Plan,
    },
    /// A line of evidence of this run.
    Line {
        run: &'n str,
        line: &'n [u8],
    },
    /// A run ended; the worst of its verdicts.
    Ended {
        number: usize,
        total: usize,
        run: &'n str,
        outcome: Outcome,
    },
    Skipped {
        number: usize,
        total: usize,
        run: &'n str,
        needed: Tier,
    },
}

/// Hears nothing.
impl Watch for () {
    fn on(&self, _: News<'_>) {}
}
