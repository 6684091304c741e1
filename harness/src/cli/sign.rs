//! `gradus grade --sign` and `gradus verify-report`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::{Exit, Failure};
use super::out;
use crate::report::audience::{outcome_name, tier_name};
use crate::signature::{SignError, Signer, Subject, Verifier};
use crate::submission::{self, Rules, Scratch, archive};

#[derive(Debug, Args)]
pub struct VerifyReport {
    /// Folder that `gradus grade --sign` wrote
    pub results: PathBuf,
    /// Public Ed25519 key (PEM) of whom you trust
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Check as well that this folder or archive is what was graded
    #[arg(long, value_name = "PATH")]
    pub submission: Option<PathBuf>,
}

/// `gradus verify-report`.
///
/// # Errors
/// If the results aren't what was signed (exit 1), or can't be read.
pub fn verify(args: &VerifyReport) -> Result<Exit, Failure> {
    let verifier = Verifier::read(&args.key)?;
    let statement = verifier.check(&args.results)?;
    if let Some(path) = &args.submission {
        let digest = digest_of(path)?;
        if statement.submission.digest.as_deref() != Some(&digest) {
            let message = format!("{} is not the submission that was graded", path.display());
            return Err(Failure::new(Exit::Lost, message));
        }
    }
    let name = crate::report::clean::clean_line(&statement.submission.name, 100);
    out::print(&format!(
        "signed by key {}: {name}, {}, {} ({} of {}, {} undecided), tier {}, seed {}, gradus {}\n",
        verifier.id(),
        statement.task,
        outcome_name(statement.outcome),
        statement.score,
        statement.max_score,
        statement.undecided,
        tier_name(statement.tier),
        statement.seed,
        statement.gradus,
    ))?;
    Ok(Exit::Passed)
}

/// Signs what was just graded.
///
/// # Errors
/// If it can't be signed.
pub fn sign(
    signer: &Signer,
    results: &Path,
    name: &str,
    digest: Option<&str>,
) -> Result<(), Failure> {
    let subject = Subject {
        name: name.to_owned(),
        digest: digest.map(str::to_owned),
    };
    signer.sign(results, subject)?;
    Ok(())
}

/// As `grade` takes it: an archive is unpacked first.
fn digest_of(path: &Path) -> Result<String, Failure> {
    let fault = |error: &dyn std::fmt::Display| Failure::new(Exit::Usage, error);
    if !(path.is_file() && archive::is_named(path)) {
        return submission::digest(path, &Rules::default()).map_err(|error| fault(&error));
    }
    let scratch = Scratch::new().map_err(|error| fault(&error))?;
    let to = scratch.path().join("unpacked");
    archive::unpack(path, &to, &archive::Bounds::default()).map_err(|error| fault(&error))?;
    let folder = archive::inner(&to, &|_| false);
    submission::digest(&folder, &Rules::default()).map_err(|error| fault(&error))
}

impl From<SignError> for Failure {
    fn from(error: SignError) -> Failure {
        match error {
            SignError::Store(error) => error.into(),
            error if error.is_forgery() => Failure::new(Exit::Lost, error),
            error => Failure::new(Exit::Usage, error),
        }
    }
}
