//! Annotations of a GitHub workflow: commands among a step's output. At most ten errors and ten
//! warnings of a step are shown, and the rest are dropped silently: the worst come first, and the last
//! one says how many more there are.

use std::fmt::Write as _;

use super::audience::{Audience, seen_by};
use super::clean::{clean, clean_line};
use super::prose::{cut, failed_build, prose, standing, title};
use super::words::Words;
use super::{Report, ReportFinding};
use crate::check::Outcome;

/// Shown of each kind.
const MOST: usize = 10;
/// Most bytes of a message.
const LONGEST: usize = 4000;

/// Renders the commands, one a line.
pub fn github(report: &Report, language: &str, audience: Audience) -> String {
    let words = Words::of(language);
    let (findings, hidden) = seen_by(report, audience);
    let mut errors: Vec<(String, String)> = Vec::new();
    let mut warnings = Vec::new();
    for fault in &report.faults {
        errors.push((words.faulty.to_owned(), clean(fault)));
    }
    if let Some(said) = failed_build(report) {
        errors.push((words.build_failed.to_owned(), said));
    }
    let mut lost: Vec<&ReportFinding> = findings
        .iter()
        .copied()
        .filter(|f| f.outcome != Outcome::Pass)
        .collect();
    lost.sort_by(|a, b| (b.max_points - b.points).total_cmp(&(a.max_points - a.points)));
    for finding in lost {
        let said = (title(finding, language), prose(finding, words));
        match finding.outcome {
            Outcome::Fail => errors.push(said),
            _ => warnings.push(said),
        }
    }
    let mut out = String::new();
    for (kind, mut all) in [("error", errors), ("warning", warnings)] {
        if all.len() > MOST {
            let rest = all.split_off(MOST - 1);
            let names: Vec<String> = rest.into_iter().map(|(title, _)| title).collect();
            all.push((format!("{}: {}", words.more, names.len()), names.join("\n")));
        }
        for (title, message) in all {
            command(&mut out, kind, &title, &message);
        }
    }
    let mut sum = words.outcome(report.outcome).to_owned();
    if hidden.is_empty() {
        sum = format!(
            "{}: {} {} {} — {sum}",
            words.score, report.score, words.of, report.max_score
        );
    } else {
        let _ = write!(sum, "\n{}: {}", words.hidden, hidden.len());
    }
    if let Some(why) = standing(report, words) {
        let _ = write!(sum, "\n{why}");
    }
    command(&mut out, "notice", &report.task, &sum);
    out
}

/// `::error title=…::…`, escaped as the runner unescapes it.
fn command(out: &mut String, kind: &str, title: &str, message: &str) {
    let data = |text: &str| {
        text.replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let title = data(&clean_line(title, 200))
        .replace(':', "%3A")
        .replace(',', "%2C");
    let _ = writeln!(
        out,
        "::{kind} title={title}::{}",
        data(&cut(&clean(message), LONGEST))
    );
}
