//! GitLab's code quality report: findings beside the merge request.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::audience::{Audience, seen_by};
use super::clean::clean_line;
use super::prose::{failed_build, title};
use super::words::Words;
use super::{Report, ReportFinding};
use crate::check::{Fact, Outcome};

/// A check that is worth this part of all points, or more, is a major one.
const MAJOR: f64 = 0.05;

/// Renders the array, with a line end. What a program does has no line of source: such findings stand
/// at the first line of the submission's folder or file.
///
/// # Errors
/// None that a report could cause; the serializer's own are passed on.
pub fn gitlab(
    report: &Report,
    language: &str,
    audience: Audience,
) -> Result<String, serde_json::Error> {
    let words = Words::of(language);
    let mut all = Vec::new();
    if let Some(said) = failed_build(report) {
        let last = said.lines().rev().find(|l| !l.trim().is_empty());
        let said = format!("{}: {}", words.build_failed, last.unwrap_or_default());
        all.push(entry(
            report,
            "build",
            "build.failed",
            &said,
            "blocker",
            None,
        ));
    }
    for finding in seen_by(report, audience).0 {
        let severity = match finding.outcome {
            Outcome::Pass => continue,
            Outcome::Inconclusive | Outcome::HarnessFault => "info",
            Outcome::Fail if finding.max_points >= MAJOR * report.max_score => "major",
            Outcome::Fail => "minor",
        };
        let said = format!("{}: {}", title(finding, language), finding.message);
        let place = place(finding);
        all.push(entry(
            report,
            &finding.check,
            &finding.code,
            &said,
            severity,
            place,
        ));
    }
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

fn entry(
    report: &Report,
    check: &str,
    code: &str,
    said: &str,
    severity: &str,
    place: Option<(String, i64)>,
) -> Value {
    let folder = relative(&report.submission).unwrap_or_else(|| "submission.yaml".to_owned());
    let (path, line) = match place {
        Some((file, line)) => (file, line),
        None => (folder, 1),
    };
    let mut print = Sha256::new();
    for part in [&report.submission, &report.task, check, code] {
        print.update((part.len() as u64).to_le_bytes());
        print.update(part);
    }
    let print: String = print
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    json!({
        "description": clean_line(said, 2000),
        "check_name": format!("{}/{check}", report.task),
        "fingerprint": print,
        "severity": severity,
        "location": { "path": path, "lines": { "begin": line } },
    })
}

/// Where in the submission's sources it is, if the finding says so (`path:line`).
fn place(finding: &ReportFinding) -> Option<(String, i64)> {
    let Fact::Text(place) = finding.facts.get("place")? else {
        return None;
    };
    let (path, line) = place.rsplit_once(':')?;
    Some((relative(path)?, line.parse::<i64>().ok()?.max(1)))
}

/// A path that leads nowhere else.
fn relative(path: &str) -> Option<String> {
    let path = clean_line(path, 400);
    let sound = !path.is_empty()
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..");
    sound.then_some(path)
}
