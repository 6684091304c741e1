//! What is signed.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::SignError;
use crate::check::Outcome;
use crate::evidence::Tier;
use crate::report::{Report, from_json};
use crate::store::{Grading, Results, StoreError};
use crate::submission::digest_file;
use crate::task::pack;

/// Version of its form.
const FORMAT: u32 = 1;

/// The results of one grading, in digests (SHA-256, in hex).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    pub gradus_statement: u32,
    pub gradus: String,
    pub task: String,
    /// Digest of the task pack.
    pub pack: String,
    pub submission: Subject,
    pub seed: u64,
    pub tier: Tier,
    pub outcome: Outcome,
    pub score: f64,
    pub max_score: f64,
    pub undecided: f64,
    /// Digest of `report.json`.
    pub report: String,
    /// Digest of `grading.json`.
    pub grading: String,
    /// Digests of the evidence, by run.
    pub evidence: BTreeMap<String, String>,
}

/// What was graded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    pub name: String,
    /// Of its folder as it was copied for the runs; none: it could not be copied, or was a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl Statement {
    /// What can be said of the results in this folder.
    pub(super) fn of(root: &Path, submission: Subject) -> Result<Statement, SignError> {
        let (results, grading) = Results::open(root)?;
        let report = report(&results)?;
        Ok(Statement {
            gradus_statement: FORMAT,
            gradus: grading.gradus.clone(),
            task: grading.task.clone(),
            pack: packed(&results, &grading)?,
            submission,
            seed: grading.seed,
            tier: grading.tier,
            outcome: report.outcome,
            score: report.score,
            max_score: report.max_score,
            undecided: report.undecided,
            report: file(&results.report_path())?,
            grading: file(&root.join("grading.json"))?,
            evidence: evidence(root, &grading)?,
        })
    }

    /// Whether the folder still says what was signed.
    pub(super) fn compare(&self, root: &Path) -> Result<(), SignError> {
        if self.gradus_statement != FORMAT {
            let found = self.gradus_statement;
            return Err(SignError::Forged(format!(
                "a statement of format {found}, but this gradus reads format {FORMAT}"
            )));
        }
        let changed = |what: &str| SignError::Forged(format!("{what} is not what was signed"));
        // By their bytes first: what was changed may not even be readable.
        for (name, digest) in [
            ("report.json", &self.report),
            ("grading.json", &self.grading),
        ] {
            if file(&root.join(name)).ok().as_ref() != Some(digest) {
                return Err(changed(name));
            }
        }
        let now = Statement::of(root, self.submission.clone())?;
        if now.evidence != self.evidence {
            let runs = self.evidence.keys().chain(now.evidence.keys());
            let run = runs
                .into_iter()
                .find(|run| now.evidence.get(*run) != self.evidence.get(*run));
            let run = run.map_or("a run", String::as_str);
            return Err(changed(&format!("the evidence of {run}")));
        }
        if now.pack != self.pack {
            return Err(changed("the task pack"));
        }
        if now != *self {
            return Err(changed("the statement"));
        }
        Ok(())
    }
}

fn report(results: &Results) -> Result<Report, SignError> {
    let bytes = results.read_report()?;
    let text = String::from_utf8_lossy(&bytes);
    from_json(&text).map_err(|error| {
        StoreError::Damaged {
            path: results.report_path(),
            why: error.to_string(),
        }
        .into()
    })
}

/// Of the pack as it lies there, not as it is said to be.
fn packed(results: &Results, grading: &Grading) -> Result<String, SignError> {
    pack::open_as(&results.pack(), &grading.task)
        .map(|pack| pack.digest)
        .map_err(|error| SignError::Forged(format!("the task pack can't be read: {error}")))
}

fn evidence(root: &Path, grading: &Grading) -> Result<BTreeMap<String, String>, SignError> {
    let mut digests = BTreeMap::new();
    for entry in &grading.runs {
        let path = root.join(Results::evidence_name(&entry.run));
        if path.exists() {
            digests.insert(entry.run.clone(), file(&path)?);
        }
    }
    Ok(digests)
}

fn file(path: &Path) -> Result<String, SignError> {
    digest_file(path).map_err(|source| SignError::Read {
        path: path.to_owned(),
        source,
    })
}
