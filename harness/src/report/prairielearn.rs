//! `results.json` of a PrairieLearn external grader: at most 1 MB in all.

use serde_json::json;

use super::Report;
use super::audience::{Audience, seen_by};
use super::prose::{cut, decided, failed_build, fraction, prose, standing, title};
use super::words::Words;
use crate::check::Outcome;

/// Most bytes of each text: findings are sentences, only a build's output is longer.
const MOST: usize = 4000;
/// Most bytes of all texts together; escaping makes them longer, at most sixfold.
const ALL: usize = 120_000;

/// Renders `results.json`, with a line end. Where not everything was decided, the attempt isn't
/// gradable: the platform then doesn't charge it.
///
/// The score is the whole one, hidden checks included; their tests are left out for students.
///
/// # Errors
/// None that a report could cause; the serializer's own are passed on.
pub fn prairielearn(
    report: &Report,
    language: &str,
    audience: Audience,
) -> Result<String, serde_json::Error> {
    let words = Words::of(language);
    let (findings, hidden) = seen_by(report, audience);
    let mut room = ALL;
    let mut bounded = |text: &str| {
        let text = cut(text, MOST.min(room));
        room -= text.len().min(room);
        text
    };
    let tests: Vec<_> = findings
        .iter()
        .map(|finding| {
            let passed = finding.outcome == Outcome::Pass;
            let output = if passed {
                String::new()
            } else {
                bounded(&prose(finding, words))
            };
            json!({
                "name": title(finding, language),
                "description": finding.check,
                "points": finding.points,
                "max_points": finding.max_points,
                "message": words.outcome(finding.outcome),
                "output": output,
            })
        })
        .collect();
    let mut all = json!({ "gradable": decided(report).is_some(), "tests": tests });
    let mut message = Vec::new();
    match standing(report, words) {
        Some(why) => all["format_errors"] = json!([why]),
        None => all["score"] = json!(fraction(report)),
    }
    if let Some(said) = failed_build(report) {
        message.push(words.build_failed.to_owned());
        all["output"] = bounded(&said).into();
    }
    if !hidden.is_empty() {
        message.push(format!("{}: {}", words.hidden, hidden.len()));
    }
    if !message.is_empty() {
        all["message"] = message.join("\n").into();
    }
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}
