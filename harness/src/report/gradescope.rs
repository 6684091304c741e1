//! `results.json` of Gradescope's autograder (its "autograder specifications").
//!
//! Each finding is a test with its own visibility, so that the platform shows hidden ones when they are
//! due; the file itself is never seen by students. What was not decided has no score.

use serde_json::{Value, json};

use super::Report;
use super::audience::tier_name;
use super::clean::{clean, clean_line};
use super::params::params;
use super::prose::{failed_build, prose, standing, title};
use super::words::Words;
use crate::check::Outcome;
use crate::task::Visibility;

/// Renders `results.json`, with a line end.
///
/// # Errors
/// None that a report could cause; the serializer's own are passed on.
pub fn gradescope(report: &Report, language: &str) -> Result<String, serde_json::Error> {
    let words = Words::of(language);
    let mut output = Vec::new();
    output.extend(standing(report, words).map(str::to_owned));
    let mut tests = Vec::new();
    if let Some(said) = failed_build(report) {
        output.push(words.build_failed.to_owned());
        tests.push(json!({
            "name": words.build_failed,
            "name_format": "text",
            "status": "failed",
            "output": said,
            "output_format": "text",
            "visibility": "visible",
        }));
    }
    for fault in &report.faults {
        tests.push(json!({
            "name": words.faulty,
            "name_format": "text",
            "status": "failed",
            "output": clean(fault),
            "output_format": "text",
            // Where the harness failed is for those who run it.
            "visibility": "hidden",
        }));
    }
    let mut scenario = ("", 0, 0);
    for finding in &report.findings {
        scenario = match scenario {
            (name, group, place) if name == finding.scenario => (name, group, place + 1),
            (_, group, _) => (finding.scenario.as_str(), group + 1, 1),
        };
        let mut name = title(finding, language);
        if finding.outcome != Outcome::Pass && !finding.with.is_empty() {
            name = format!("{name} ({})", clean_line(&params(&finding.with), 200));
        }
        let mut test = json!({
            "name": name,
            "name_format": "text",
            "number": format!("{}.{}", scenario.1, scenario.2),
            "tags": [finding.scenario],
            "output": "",
            "output_format": "text",
            "visibility": visibility(finding.visibility),
            "extra_data": { "check": finding.check, "code": finding.code },
        });
        let status = match finding.outcome {
            Outcome::Pass => Some("passed"),
            Outcome::Fail => Some("failed"),
            Outcome::Inconclusive | Outcome::HarnessFault => None,
        };
        if let Some(status) = status {
            test["score"] = number(finding.points);
            test["max_score"] = number(finding.max_points);
            test["status"] = status.into();
        }
        if finding.outcome != Outcome::Pass {
            let verdict = match status {
                None => format!("{}\n", words.outcome(finding.outcome)),
                Some(_) => String::new(),
            };
            test["output"] = format!("{verdict}{}", prose(finding, words)).into();
        }
        tests.push(test);
    }
    let mut all = json!({
        "score": number(report.score),
        "output": output.join("\n"),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "tests": tests,
        "extra_data": {
            "gradus": {
                "version": report.gradus,
                "task": report.task,
                "seed": report.seed,
                "tier": tier_name(report.tier),
                "outcome": report.outcome,
                "undecided": number(report.undecided),
                "final": standing(report, words).is_none(),
            },
        },
    });
    if let Some(all) = all.as_object_mut().filter(|_| output.is_empty()) {
        all.remove("output");
        all.remove("output_format");
    }
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

fn visibility(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Visible => "visible",
        Visibility::Hidden => "hidden",
        Visibility::AfterDueDate => "after_due_date",
        Visibility::AfterPublished => "after_published",
    }
}

/// Five decimals are all that the platform's own tools keep.
fn number(points: f64) -> Value {
    json!((points * 1e5).round() / 1e5)
}
