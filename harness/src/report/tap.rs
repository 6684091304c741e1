//! The Test Anything Protocol, version 14.

use std::fmt::Write as _;

use super::Report;
use super::audience::{Audience, seen_by};
use super::clean::clean_line;
use super::prose::{failed_build, title};
use super::words::Words;
use crate::check::Outcome;

/// Renders the test points. What was not decided is skipped; where the harness failed, it bails out.
///
/// # Errors
/// None that a report could cause; the serializer's own are passed on.
pub fn tap(
    report: &Report,
    language: &str,
    audience: Audience,
) -> Result<String, serde_json::Error> {
    let words = Words::of(language);
    let (findings, hidden) = seen_by(report, audience);
    let build = failed_build(report);
    let count = findings.len() + usize::from(build.is_some());
    let mut out = String::from("TAP version 14\n");
    if count == 0 {
        let _ = writeln!(out, "1..0 # {}", escape(words.outcome(report.outcome)));
    } else {
        let _ = writeln!(out, "1..{count}");
    }
    if !hidden.is_empty() {
        let _ = writeln!(out, "# {}: {}", words.hidden, hidden.len());
    }
    let mut n = 0;
    if let Some(said) = build {
        n += 1;
        let _ = writeln!(out, "not ok {n} - {}", escape(words.build_failed));
        diagnose(&mut out, &[("message", said.as_str().into())])?;
    }
    for finding in findings {
        n += 1;
        let name = escape(&format!("{}: {}", finding.check, title(finding, language)));
        let _ = match finding.outcome {
            Outcome::Pass => writeln!(out, "ok {n} - {name}"),
            Outcome::Fail | Outcome::HarnessFault => writeln!(out, "not ok {n} - {name}"),
            Outcome::Inconclusive => {
                let why = escape(words.outcome(finding.outcome));
                writeln!(out, "ok {n} - {name} # SKIP {why}")
            }
        };
        if finding.outcome != Outcome::Pass {
            diagnose(
                &mut out,
                &[
                    ("message", finding.message.as_str().into()),
                    ("why", finding.why.as_str().into()),
                    ("hint", finding.hint.as_str().into()),
                    ("code", finding.code.as_str().into()),
                    ("points", finding.points.into()),
                    ("max_points", finding.max_points.into()),
                ],
            )?;
        }
    }
    if let Some(fault) = report.faults.first() {
        let _ = writeln!(out, "Bail out! {}", escape(&clean_line(fault, 400)));
    }
    Ok(out)
}

/// A block of YAML. Every value is JSON, which YAML has as a part, so that no text can end the block.
fn diagnose(out: &mut String, all: &[(&str, serde_json::Value)]) -> Result<(), serde_json::Error> {
    out.push_str("  ---\n");
    for (name, value) in all {
        let _ = writeln!(out, "  {name}: {}", serde_json::to_string(value)?);
    }
    out.push_str("  ...\n");
    Ok(())
}

/// A line in which nothing is a directive.
fn escape(text: &str) -> String {
    clean_line(text, 400)
        .replace('\\', "\\\\")
        .replace('#', "\\#")
}
