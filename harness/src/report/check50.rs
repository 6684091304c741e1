//! Results in the shape of check50's JSON, for the tools that read that.

use serde_json::{Value, json};

use super::Report;
use super::audience::{Audience, seen_by};
use super::clean::clean;
use super::prose::{failed_build, title};
use super::words::Words;
use crate::check::Outcome;

/// Renders the object, with a line end. `passed` is null where nothing was decided; where the harness
/// failed, `error` stands in place of the results.
///
/// # Errors
/// None that a report could cause; the serializer's own are passed on.
pub fn check50(
    report: &Report,
    language: &str,
    audience: Audience,
) -> Result<String, serde_json::Error> {
    let words = Words::of(language);
    let mut all = json!({
        "slug": format!("gradus/{}", report.task),
        "version": report.gradus,
    });
    if report.outcome == Outcome::HarnessFault {
        all["error"] = json!({
            "type": "HarnessFault",
            "value": words.no_grade,
            "traceback": [],
            "data": { "faults": report.faults.iter().map(|f| clean(f)).collect::<Vec<_>>() },
        });
        return Ok(serde_json::to_string_pretty(&all)? + "\n");
    }
    let mut results = Vec::new();
    if let Some(said) = failed_build(report) {
        let lines: Vec<&str> = said.lines().collect();
        let cause = json!({ "rationale": words.build_failed, "help": null });
        results.push(result(
            "build",
            words.build_failed,
            Some(false),
            lines,
            cause,
        ));
    }
    for finding in seen_by(report, audience).0 {
        let passed = match finding.outcome {
            Outcome::Pass => Some(true),
            Outcome::Fail => Some(false),
            Outcome::Inconclusive | Outcome::HarnessFault => None,
        };
        let lost = passed != Some(true);
        let cause = match lost {
            true => json!({ "rationale": finding.message, "help": finding.hint }),
            false => Value::Null,
        };
        let log = if lost {
            vec![finding.why.as_str()]
        } else {
            vec![]
        };
        let mut one = result(
            &finding.check,
            &title(finding, language),
            passed,
            log,
            cause,
        );
        one["data"] = json!({
            "code": finding.code,
            "points": finding.points,
            "max_points": finding.max_points,
        });
        results.push(one);
    }
    all["results"] = results.into();
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

fn result(
    name: &str,
    description: &str,
    passed: Option<bool>,
    log: Vec<&str>,
    cause: Value,
) -> Value {
    json!({
        "name": name,
        "description": description,
        "passed": passed,
        "log": log,
        "cause": cause,
        "data": {},
        "dependency": null,
    })
}
