//! Moodle: what the plug-ins VPL (marked lines of standard output) and CodeRunner (a combinator's JSON)
//! read.

use std::fmt::Write as _;

use serde_json::json;

use super::Report;
use super::audience::{Audience, seen_by};
use super::clean::clean;
use super::prose::{decided, failed_build, fraction, prose, standing, title};
use super::words::Words;
use crate::check::Outcome;

/// The grades that an activity gives, from the lowest to the highest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    pub lowest: f64,
    pub highest: f64,
}

/// Marks that mean something to VPL wherever a line has them.
const MARKS: [&str; 3] = [":=>>", "<|--", "--|>"];

/// Renders VPL's lines: a comment for each finding, and the grade last, in this range (none: the points
/// as they are). Where not everything was decided there is no grade.
pub fn vpl(report: &Report, language: &str, audience: Audience, range: Option<Range>) -> String {
    let words = Words::of(language);
    let (findings, hidden) = seen_by(report, audience);
    let mut out = String::new();
    let mut comment = |title: &str, body: &str| {
        let _ = writeln!(out, "Comment :=>>-{}", harmless(title));
        if !body.is_empty() {
            let _ = writeln!(out, "<|--");
            for line in clean(body).lines() {
                // At the start of a line these make a title or a listing.
                let sign = if line.starts_with(['-', '>']) {
                    " "
                } else {
                    ""
                };
                let _ = writeln!(out, "{sign}{}", harmless(line));
            }
            let _ = writeln!(out, "--|>");
        }
    };
    if let Some(why) = standing(report, words) {
        comment(why, "");
    }
    if let Some(said) = failed_build(report) {
        comment(words.build_failed, &said);
    }
    for finding in findings {
        let passed = finding.outcome == Outcome::Pass;
        let body = if passed {
            String::new()
        } else {
            prose(finding, words)
        };
        let title = format!(
            "{}: {} ({}/{})",
            words.outcome(finding.outcome),
            title(finding, language),
            finding.points,
            finding.max_points
        );
        comment(&title, &body);
    }
    if !hidden.is_empty() {
        comment(&format!("{}: {}", words.hidden, hidden.len()), "");
    }
    if let Some(points) = decided(report) {
        let grade = match range {
            Some(Range { lowest, highest }) => lowest + (highest - lowest) * fraction(report),
            None => points,
        };
        let _ = writeln!(out, "Grade :=>> {}", crate::score::round(grade));
    }
    out
}

/// A line without anything that VPL would read.
fn harmless(line: &str) -> String {
    let mut line = super::clean::clean_line(line, 2000);
    // Taking one mark apart must not put another one together.
    while let Some(mark) = MARKS.iter().find(|mark| line.contains(**mark)) {
        let (head, tail) = mark.split_at(2);
        line = line.replace(mark, &format!("{head} {tail}"));
    }
    line
}

/// Renders the object that a CodeRunner combinator template grader prints, as one line of JSON.
///
/// # Errors
/// None that a report could cause; the serializer's own are passed on.
pub fn coderunner(
    report: &Report,
    language: &str,
    audience: Audience,
) -> Result<String, serde_json::Error> {
    let words = Words::of(language);
    let (findings, hidden) = seen_by(report, audience);
    let mut rows = vec![json!([
        "iscorrect",
        words.check,
        words.points,
        words.seen_title
    ])];
    for finding in findings {
        let passed = finding.outcome == Outcome::Pass;
        let said = if passed {
            String::new()
        } else {
            prose(finding, words)
        };
        rows.push(json!([
            i32::from(passed),
            title(finding, language),
            format!("{}/{}", finding.points, finding.max_points),
            said,
        ]));
    }
    let mut prologue = String::new();
    if let Some(why) = standing(report, words) {
        let _ = write!(prologue, "<p><strong>{}</strong></p>", html(why));
    }
    if let Some(said) = failed_build(report) {
        let _ = write!(
            prologue,
            "<p>{}</p><pre>{}</pre>",
            html(words.build_failed),
            html(&said)
        );
    }
    let mut epilogue = String::new();
    if !hidden.is_empty() {
        let _ = write!(epilogue, "<p>{}: {}</p>", html(words.hidden), hidden.len());
    }
    let faults: String = report
        .faults
        .iter()
        .map(|f| format!("<pre>{}</pre>", html(f)))
        .collect();
    let all = json!({
        "fraction": fraction(report),
        "prologuehtml": prologue,
        "testresults": rows,
        "columnformats": ["%s", "%s", "%s"],
        "epiloguehtml": epilogue,
        "instructorhtml": faults,
        "showdifferences": false,
    });
    Ok(serde_json::to_string(&all)? + "\n")
}

/// Text within an HTML element or a quoted attribute.
fn html(text: &str) -> String {
    super::html::escape(text)
}
