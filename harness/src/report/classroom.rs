//! The result of a GitHub Classroom runner (version 1), which `autograding-grading-reporter` reads in
//! base64 from a step's output `result`.

use serde_json::{Value, json};

use super::Report;
use super::audience::{Audience, seen_by};
use super::clean::clean_line;
use super::prose::{failed_build, prose, standing, title};
use super::words::Words;
use crate::check::Outcome;

/// Renders the result as one line of JSON. Each test has a score, as the reader demands; the sum over
/// hidden checks is one test for students, so that the sum of all is right.
///
/// # Errors
/// None that a report could cause; the serializer's own are passed on.
pub fn classroom(
    report: &Report,
    language: &str,
    audience: Audience,
) -> Result<String, serde_json::Error> {
    let words = Words::of(language);
    let (findings, hidden) = seen_by(report, audience);
    let mut tests = Vec::new();
    if let Some(said) = failed_build(report) {
        tests.push(test(words.build_failed, "fail", 0.0, Some(said)));
    }
    if let Some(why) = standing(report, words) {
        tests.push(test("gradus", "error", 0.0, Some(why.to_owned())));
    }
    for finding in &findings {
        let said = (finding.outcome != Outcome::Pass).then(|| prose(finding, words));
        let name = title(finding, language);
        tests.push(test(&name, status(finding.outcome), finding.points, said));
    }
    let points: f64 = hidden.iter().map(|f| f.points).sum();
    if let Some(worst) = hidden.iter().map(|f| f.outcome).max() {
        let name = clean_line(words.hidden, 80);
        tests.push(test(
            &name,
            status(worst),
            crate::score::round(points),
            None,
        ));
    }
    if tests.is_empty() {
        // The reader divides by the number of tests.
        tests.push(test("gradus", status(report.outcome), report.score, None));
    }
    let all = json!({
        "version": 1,
        "status": status(report.outcome),
        "max_score": report.max_score,
        "tests": tests,
    });
    Ok(serde_json::to_string(&all)? + "\n")
}

fn test(name: &str, status: &str, score: f64, message: Option<String>) -> Value {
    json!({
        "name": name,
        "status": status,
        "score": score,
        "message": message,
        "test_code": "",
        "filename": "",
        "line_no": 0,
        "duration": 0,
    })
}

fn status(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Inconclusive | Outcome::HarnessFault => "error",
    }
}
