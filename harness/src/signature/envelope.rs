//! The envelope: what was signed as bytes, and the signature over exactly those.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Statement;

const TYPE: &str = "application/vnd.gradus.statement+json";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<Signed>,
}

#[derive(Serialize, Deserialize)]
struct Signed {
    #[serde(default)]
    keyid: String,
    sig: String,
}

pub(super) enum Trouble {
    Malformed(String),
    Forged(&'static str),
}

/// DSSE's pre-authentication encoding: type and payload with their lengths, so that neither can be taken
/// for the other.
fn encoded(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

pub(super) fn seal(statement: &Statement, key: &SigningKey) -> String {
    // Plain values with string keys: there is nothing in it that JSON can't hold.
    let payload = serde_json::to_vec(statement).unwrap_or_default();
    let signature = key.sign(&encoded(TYPE, &payload));
    let envelope = Envelope {
        payload_type: TYPE.to_owned(),
        payload: STANDARD.encode(&payload),
        signatures: vec![Signed {
            keyid: key_id(&key.verifying_key()),
            sig: STANDARD.encode(signature.to_bytes()),
        }],
    };
    serde_json::to_string_pretty(&envelope).unwrap_or_default() + "\n"
}

/// What was signed, if one of the signatures is this key's.
pub(super) fn open(text: &str, key: &VerifyingKey) -> Result<Statement, Trouble> {
    let malformed = |error: &dyn std::fmt::Display| Trouble::Malformed(error.to_string());
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    if envelope.payload_type != TYPE {
        return Err(Trouble::Malformed(
            "it is about something else than a grading".to_owned(),
        ));
    }
    let payload = STANDARD
        .decode(&envelope.payload)
        .map_err(|error| malformed(&error))?;
    let message = encoded(TYPE, &payload);
    let ours = |signed: &Signed| {
        let bytes = STANDARD.decode(&signed.sig).ok()?;
        let signature = Signature::from_slice(&bytes).ok()?;
        key.verify_strict(&message, &signature).ok()
    };
    if !envelope
        .signatures
        .iter()
        .any(|signed| ours(signed).is_some())
    {
        return Err(Trouble::Forged(
            "the signature is not of this key, or what was signed has been changed",
        ));
    }
    serde_json::from_slice(&payload).map_err(|error| malformed(&error))
}

pub(super) fn key_id(key: &VerifyingKey) -> String {
    let digest = Sha256::digest(key.as_bytes());
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
