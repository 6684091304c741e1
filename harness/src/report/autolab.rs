//! What an Autolab autograder prints last: a line of formatted feedback and the line of scores, each
//! JSON. Nothing may follow it.

use serde_json::{Map, Value, json};

use super::Report;
use super::audience::{Audience, seen_by};
use super::prose::{decided, failed_build, prose, standing, title};
use super::words::Words;
use crate::check::Outcome;

/// Renders both lines. The one problem is named as the task; where not everything was decided there
/// is no score, and the platform leaves the problem ungraded.
///
/// # Errors
/// None that a report could cause; the serializer's own are passed on.
pub fn autolab(
    report: &Report,
    language: &str,
    audience: Audience,
) -> Result<String, serde_json::Error> {
    let words = Words::of(language);
    let (findings, hidden) = seen_by(report, audience);
    let mut stages: Vec<String> = Vec::new();
    let mut feedback = Map::new();
    let mut say = |stage: &str, case: &str, result: Value| {
        // Two names mean something else there.
        let stage = match stage {
            "stages" | "_presentation" => format!("{} {stage}", report.task),
            stage => stage.to_owned(),
        };
        if !stages.contains(&stage) {
            stages.push(stage.clone());
        }
        let cases = feedback
            .entry(stage)
            .or_insert_with(|| Value::Object(Map::new()));
        cases[case] = result;
    };
    if let Some(why) = standing(report, words) {
        say("gradus", words.score, why.into());
    }
    if let Some(said) = failed_build(report) {
        say("gradus", "build", json!({ "passed": false, "hint": said }));
    }
    for finding in &findings {
        let passed = finding.outcome == Outcome::Pass;
        let mut result = json!({ "passed": passed });
        if !passed {
            let verdict = words.outcome(finding.outcome);
            result["hint"] = format!("{verdict}: {}", prose(finding, words)).into();
        }
        let case = format!("{}: {}", finding.check, title(finding, language));
        say(&finding.scenario, &case, result);
    }
    if !hidden.is_empty() {
        say("gradus", words.hidden, hidden.len().into());
    }
    feedback.insert("_presentation".into(), "semantic".into());
    feedback.insert("stages".into(), stages.into());
    let mut scores = json!({ "scores": {} });
    if let Some(points) = decided(report) {
        scores["scores"][report.task.as_str()] = points.into();
        scores["scoreboard"] = json!([points]);
    }
    Ok(format!(
        "{}\n{}\n",
        serde_json::to_string(&feedback)?,
        serde_json::to_string(&scores)?
    ))
}
