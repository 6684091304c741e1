//! What several formats say alike: a finding in plain words, and whether there is a grade at all.

use super::clean::{clean, clean_line};
use super::params::params;
use super::text::of;
use super::words::Words;
use super::{Report, ReportFinding};
use crate::check::Outcome;

/// Longest line that names a finding, characters.
const LONGEST_TITLE: usize = 200;

/// What was seen, why it matters and what to look at: a line each, in plain text.
pub fn prose(finding: &ReportFinding, words: &Words) -> String {
    let mut text = vec![finding.message.clone()];
    let labelled = [(words.why, &finding.why), (words.hint, &finding.hint)];
    for (label, said) in labelled {
        if !said.is_empty() {
            text.push(format!("{label}: {said}"));
        }
    }
    text.extend(
        finding
            .link
            .as_ref()
            .map(|l| format!("{}: statement.md#{}", words.read, l.trim_start_matches('#'))),
    );
    if !finding.with.is_empty() {
        text.push(params(&finding.with));
    }
    clean(&text.join("\n"))
}

/// The check's title in a line; the pack's name for it where the pack has no title.
pub fn title(finding: &ReportFinding, language: &str) -> String {
    match of(&finding.title, language) {
        "" => clean_line(&finding.check, LONGEST_TITLE),
        title => clean_line(title, LONGEST_TITLE),
    }
}

/// The points, if everything was decided. A fault of the harness or an undecided check is no zero:
/// then there is no grade yet.
pub fn decided(report: &Report) -> Option<f64> {
    let open = report.undecided > 0.0 || report.outcome == Outcome::HarnessFault;
    (!open).then_some(report.score)
}

/// Why there is no grade yet, as a sentence; none if there is one.
pub fn standing(report: &Report, words: &Words) -> Option<&'static str> {
    match report.outcome {
        Outcome::HarnessFault => Some(words.no_grade),
        _ if report.undecided > 0.0 => Some(words.open),
        _ => None,
    }
}

/// The part of all points that was gained, from 0 to 1.
pub fn fraction(report: &Report) -> f64 {
    if report.max_score <= 0.0 {
        return if report.outcome == Outcome::Pass {
            1.0
        } else {
            0.0
        };
    }
    (report.score / report.max_score).clamp(0.0, 1.0)
}

/// The failed build as a student reads it.
pub fn failed_build(report: &Report) -> Option<String> {
    let build = report.build.as_ref().filter(|b| !b.ok)?;
    Some(clean(&format!(
        "$ {}\n{}",
        build.command.join(" "),
        build.output
    )))
}

/// At most so many bytes of a text, with a sign where it was cut.
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}
