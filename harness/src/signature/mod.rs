//! Signed results: who has the key vouches for report, evidence, submission, task, seed and version as
//! they were. Ed25519 (RFC 8032) over a DSSE envelope (secure-systems-lab/dsse, protocol 1.0.0); keys in PEM as
//! OpenSSL makes them.

mod envelope;
mod statement;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
use ed25519_dalek::{SigningKey, VerifyingKey};

pub use statement::{Statement, Subject};

use crate::store::{StoreError, write_whole};

/// Name of the file, in the result folder.
pub const FILE: &str = "signature.json";
/// Keys and envelopes are small.
const MAX_BYTES: u64 = 4 << 20;

/// Why something can't be signed or isn't what was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("{}: {source}\n   help: check the path", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: no private Ed25519 key in PEM: {why}\n   help: `openssl genpkey -algorithm ed25519 -out key.pem` makes one", .path.display())]
    PrivateKey { path: PathBuf, why: String },
    #[error("{}: no public Ed25519 key in PEM: {why}\n   help: `openssl pkey -in key.pem -pubout -out key.pub` takes it from the private one", .path.display())]
    PublicKey { path: PathBuf, why: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{} has no {FILE}: these results are not signed\n   help: `gradus grade --sign KEY` signs", .0.display())]
    Unsigned(PathBuf),
    #[error("{}: no signature that can be read: {why}", .path.display())]
    Malformed { path: PathBuf, why: String },
    /// What makes results untrustworthy.
    #[error("{0}")]
    Forged(String),
}

impl SignError {
    /// The results can be blamed, not the call.
    pub fn is_forgery(&self) -> bool {
        matches!(
            self,
            SignError::Forged(_) | SignError::Malformed { .. } | SignError::Unsigned(_)
        )
    }
}

/// A key to sign with.
#[derive(Debug)]
pub struct Signer(SigningKey);

/// A key to check with.
#[derive(Debug, Clone)]
pub struct Verifier(VerifyingKey);

impl Signer {
    /// Reads a private key (PKCS#8 in PEM).
    ///
    /// # Errors
    /// If there is none.
    pub fn read(path: &Path) -> Result<Signer, SignError> {
        let key = SigningKey::from_pkcs8_pem(&text(path)?);
        key.map(Signer).map_err(|error| SignError::PrivateKey {
            path: path.to_owned(),
            why: error.to_string(),
        })
    }

    /// The key that checks what this one signs.
    pub fn verifier(&self) -> Verifier {
        Verifier(self.0.verifying_key())
    }

    /// Signs the results in this folder and keeps the signature among them.
    ///
    /// # Errors
    /// If they can't be read, or the signature can't be kept.
    pub fn sign(&self, results: &Path, submission: Subject) -> Result<Statement, SignError> {
        let statement = Statement::of(results, submission)?;
        let envelope = envelope::seal(&statement, &self.0);
        write_whole(&results.join(FILE), envelope.as_bytes())?;
        Ok(statement)
    }
}

impl Verifier {
    /// Reads a public key (SubjectPublicKeyInfo in PEM).
    ///
    /// # Errors
    /// If there is none.
    pub fn read(path: &Path) -> Result<Verifier, SignError> {
        let key = VerifyingKey::from_public_key_pem(&text(path)?);
        key.map(Verifier).map_err(|error| SignError::PublicKey {
            path: path.to_owned(),
            why: error.to_string(),
        })
    }

    /// A short name of the key.
    pub fn id(&self) -> String {
        envelope::key_id(&self.0)
    }

    /// Checks that the results in this folder are those that were signed. Gives what was signed.
    ///
    /// # Errors
    /// [`SignError::Forged`] and alike if they aren't; others if they can't be read.
    pub fn check(&self, results: &Path) -> Result<Statement, SignError> {
        let path = results.join(FILE);
        if !path.is_file() {
            return Err(SignError::Unsigned(results.to_owned()));
        }
        let signed = envelope::open(&text(&path)?, &self.0).map_err(|trouble| match trouble {
            envelope::Trouble::Malformed(why) => SignError::Malformed {
                path: path.clone(),
                why,
            },
            envelope::Trouble::Forged(why) => SignError::Forged(why.to_owned()),
        })?;
        signed.compare(results)?;
        Ok(signed)
    }
}

fn text(path: &Path) -> Result<String, SignError> {
    let read = |source| SignError::Read {
        path: path.to_owned(),
        source,
    };
    let meta = fs::metadata(path).map_err(read)?;
    if !meta.is_file() || meta.len() > MAX_BYTES {
        return Err(read(io::Error::other(format!(
            "not a regular file of at most {MAX_BYTES} bytes"
        ))));
    }
    fs::read_to_string(path).map_err(read)
}

#[cfg(test)]
mod tests;
