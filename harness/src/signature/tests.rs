use std::process::Command;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey};

use super::*;
use crate::evidence::Tier;
use crate::grade::{Order, Submission, keep_not_begun};
use crate::report::Build;
use crate::task::Library;

struct Place {
    dir: tempfile::TempDir,
}

fn keys(place: &Place, name: &str, secret: [u8; 32]) -> (PathBuf, PathBuf) {
    let key = SigningKey::from_bytes(&secret);
    let (private, public) = (
        place.dir.path().join(name),
        place.dir.path().join(format!("{name}.pub")),
    );
    fs::write(
        &private,
        key.to_pkcs8_pem(LineEnding::LF).expect("pem").as_bytes(),
    )
    .expect("file");
    fs::write(
        &public,
        key.verifying_key()
            .to_public_key_pem(LineEnding::LF)
            .expect("pem"),
    )
    .expect("file");
    (private, public)
}

/// A stored result, without a run.
fn place() -> Place {
    let place = Place {
        dir: tempfile::tempdir().expect("dir"),
    };
    let order = Order {
        pack: Library::Embedded.find("fetcher").expect("pack"),
        submission: Submission {
            name: "mine".into(),
            build: None,
            run: Vec::new(),
            port: None,
        },
        seed: 7,
        only: Vec::new(),
        tier: Tier::Full,
        host: Default::default(),
        jobs: 1,
        results: place.results(),
        language: "en".into(),
    };
    let build = Build {
        command: Vec::new(),
        ok: false,
        output: "no".into(),
    };
    keep_not_begun(&order, Some(build), None).expect("kept");
    place
}

impl Place {
    fn results(&self) -> PathBuf {
        self.dir.path().join("r")
    }
}

fn subject() -> Subject {
    Subject {
        name: "mine".into(),
        digest: Some("d".into()),
    }
}

#[test]
fn what_was_signed_is_recognised_and_nothing_else() {
    let place = place();
    let (private, public) = keys(&place, "key", [7; 32]);
    let (_, other) = keys(&place, "other", [8; 32]);
    let signer = Signer::read(&private).expect("key");
    let verifier = Verifier::read(&public).expect("key");
    let results = place.results();
    assert!(matches!(
        verifier.check(&results),
        Err(SignError::Unsigned(_))
    ));
    let signed = signer.sign(&results, subject()).expect("signed");
    assert_eq!(verifier.check(&results).expect("right"), signed);
    let wrong = Verifier::read(&other)
        .expect("key")
        .check(&results)
        .expect_err("another key");
    assert!(wrong.is_forgery() && wrong.to_string().contains("not of this key"));
    for file in ["report.json", "grading.json", "pack/task.yaml"] {
        let path = results.join(file);
        let was = fs::read_to_string(&path).expect("file");
        fs::write(&path, was.replace("fetcher", "fetchor") + "\n").expect("file");
        let error = verifier.check(&results).expect_err(file);
        assert!(error.is_forgery(), "{file}: {error}");
        fs::write(&path, was).expect("file");
        verifier.check(&results).expect("as before");
    }
}

#[test]
fn an_envelope_is_taken_as_a_whole() {
    let place = place();
    let (private, public) = keys(&place, "key", [7; 32]);
    let signer = Signer::read(&private).expect("key");
    let verifier = Verifier::read(&public).expect("key");
    let results = place.results();
    signer.sign(&results, subject()).expect("signed");
    let path = results.join(FILE);
    let envelope: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).expect("file")).expect("json");
    let changed = |key: &str, value: serde_json::Value| {
        let mut envelope = envelope.clone();
        envelope[key] = value;
        fs::write(&path, envelope.to_string()).expect("file");
        verifier.check(&results).expect_err(key)
    };
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    let payload = engine
        .decode(envelope["payload"].as_str().expect("text"))
        .expect("base64");
    let raised = String::from_utf8(payload)
        .expect("text")
        .replace("\"score\":0.0", "\"score\":100.0");
    assert!(raised.contains("100.0"));
    assert!(matches!(
        changed("payload", engine.encode(raised).into()),
        SignError::Forged(_)
    ));
    assert!(changed("payloadType", "text/plain".into()).is_forgery());
    assert!(changed("signatures", serde_json::json!([])).is_forgery());
    assert!(changed("payload", "!".into()).is_forgery());
}

#[test]
fn openssl_comes_to_the_same() {
    let place = place();
    let path = |name: &str| place.dir.path().join(name);
    let openssl = |words: &[&str]| {
        let done = Command::new("openssl")
            .current_dir(place.dir.path())
            .args(words)
            .output();
        done.ok().filter(|done| done.status.success())
    };
    if openssl(&["genpkey", "-algorithm", "ed25519", "-out", "k.pem"]).is_none() {
        // No openssl here, or one that doesn't know the algorithm.
        return;
    }
    openssl(&["pkey", "-in", "k.pem", "-pubout", "-out", "k.pub"]).expect("public key");
    Signer::read(&path("k.pem"))
        .expect("key")
        .sign(&place.results(), subject())
        .expect("signed");
    Verifier::read(&path("k.pub"))
        .expect("key")
        .check(&place.results())
        .expect("right");
    // The envelope by its specification, checked by somebody else.
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    let text = fs::read_to_string(place.results().join(FILE)).expect("file");
    let envelope: serde_json::Value = serde_json::from_str(&text).expect("json");
    let field = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, payload) = (field(&envelope["payloadType"]), field(&envelope["payload"]));
    let payload = engine.decode(payload).expect("base64");
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    message.extend(payload);
    let signature = engine
        .decode(field(&envelope["signatures"][0]["sig"]))
        .expect("base64");
    fs::write(path("message"), message).expect("file");
    fs::write(path("sig"), signature).expect("file");
    let verified = openssl(&[
        "pkeyutl", "-verify", "-pubin", "-inkey", "k.pub", "-rawin", "-in", "message", "-sigfile",
        "sig",
    ]);
    assert!(verified.is_some());
}

#[test]
fn what_is_no_key_is_said() {
    let place = place();
    let (private, public) = keys(&place, "key", [7; 32]);
    let error = Signer::read(&public).expect_err("public").to_string();
    assert!(error.contains("openssl genpkey"), "{error}");
    let error = Verifier::read(&private).expect_err("private").to_string();
    assert!(error.contains("-pubout"), "{error}");
    assert!(matches!(
        Signer::read(Path::new("/no/key")),
        Err(SignError::Read { .. })
    ));
}
