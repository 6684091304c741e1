//! The report as Markdown, for the summary of a GitHub job (at most 1 MiB, or it is lost whole).

use std::fmt::Write as _;

use super::audience::{Audience, seen_by, tier_name};
use super::clean::{clean, clean_line};
use super::params::params;
use super::text::of;
use super::words::Words;
use super::{Report, ReportFinding};
use crate::check::Outcome;

/// Most bytes of a summary: a little below the limit of 1 MiB.
pub const MOST: usize = 1_000_000;
/// Kept free for the closing sentence.
const RESERVE: usize = 1000;

/// Renders the report. Text that a submission may have written is escaped or fenced.
pub fn markdown(report: &Report, language: &str, audience: Audience) -> String {
    let words = Words::of(language);
    let (findings, hidden) = seen_by(report, audience);
    let mut page = Page {
        out: String::new(),
        full: false,
    };
    let teacher = audience == Audience::Teacher;
    page.add(&head(report, (hidden.is_empty(), teacher), words, language));
    if !hidden.is_empty() {
        page.add(&format!("{}: {}\n\n", words.hidden, hidden.len()));
    }
    for fault in &report.faults {
        page.add(&format!("> **{}:** {}\n\n", words.faulty, escape(fault)));
    }
    if let Some(build) = report.build.as_ref().filter(|b| !b.ok) {
        page.add(&format!("### {}\n\n", words.build_failed));
        page.add(&fenced(&format!(
            "$ {}\n{}",
            build.command.join(" "),
            build.output
        )));
    }
    if !findings.is_empty() {
        page.add(&format!(
            "| | {} | | {} |\n|---|---|---|---:|\n",
            words.check, words.points
        ));
        for finding in &findings {
            page.add(&row(finding, language));
        }
        page.add("\n");
    }
    let mut lost: Vec<&ReportFinding> = findings
        .iter()
        .copied()
        .filter(|f| f.outcome != Outcome::Pass)
        .collect();
    lost.sort_by_key(|f| match f.outcome {
        Outcome::HarnessFault => 0,
        Outcome::Fail => 1,
        Outcome::Inconclusive | Outcome::Pass => 2,
    });
    for finding in &lost {
        page.add(&detail(finding, words, language));
    }
    for run in &report.runs {
        if !run.stderr.is_empty() && lost.iter().any(|f| f.run == run.run) {
            let title = html(&format!(
                "{}: {} ({})",
                words.stderr,
                run.run,
                super::text::phrase(&run.ending, language)
            ));
            page.add(&format!(
                "<details><summary>{title}</summary>\n\n{}\n</details>\n\n",
                fenced(&run.stderr)
            ));
        }
    }
    if page.full {
        let _ = writeln!(page.out, "\n{}", words.cut);
    }
    page.out
}

struct Page {
    out: String,
    full: bool,
}

impl Page {
    /// Adds a part as a whole, or leaves it and all later ones out.
    fn add(&mut self, part: &str) {
        if self.full || self.out.len() + part.len() + RESERVE > MOST {
            self.full = true;
        } else {
            self.out.push_str(part);
        }
    }
}

fn head(report: &Report, (whole, teacher): (bool, bool), words: &Words, language: &str) -> String {
    let mut text = format!(
        "## {}: {}\n\n",
        escape(&report.task),
        escape(of(&report.title, language))
    );
    let verdict = words.outcome(report.outcome);
    if whole {
        let _ = write!(
            text,
            "**{}: {} {} {}** — {verdict}",
            words.score, report.score, words.of, report.max_score
        );
        if report.undecided > 0.0 {
            let _ = write!(text, " ({} {})", report.undecided, words.undecided);
        }
    } else {
        let _ = write!(text, "**{verdict}**");
    }
    let _ = write!(text, "\n\n{}", escape(&report.submission));
    let _ = write!(
        text,
        " · {} {} · {} {}\n\n",
        words.seed.to_lowercase(),
        report.seed,
        words.tier.to_lowercase(),
        tier_name(report.tier)
    );
    if teacher && !report.unguarded.is_empty() {
        let gaps: Vec<&str> = report.unguarded.iter().map(|g| g.words(language)).collect();
        let _ = write!(text, "{}: {}\n\n", words.unguarded, gaps.join("; "));
    }
    text
}

fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "✅",
        Outcome::Inconclusive => "❔",
        Outcome::Fail => "❌",
        Outcome::HarnessFault => "⚠️",
    }
}

fn row(finding: &ReportFinding, language: &str) -> String {
    format!(
        "| {} | {} | {} | {}/{} |\n",
        sign(finding.outcome),
        escape(&finding.check),
        escape(of(&finding.title, language)),
        finding.points,
        finding.max_points
    )
}

fn detail(finding: &ReportFinding, words: &Words, language: &str) -> String {
    let mut text = format!(
        "### {} {}",
        sign(finding.outcome),
        escape(of(&finding.title, language))
    );
    if !finding.with.is_empty() {
        let _ = write!(text, " ({})", escape(&params(&finding.with)));
    }
    let _ = write!(text, "\n\n{}\n\n", escape(&finding.message));
    let _ = writeln!(text, "- {}: {}", words.why, escape(&finding.why));
    let _ = writeln!(text, "- {}: {}", words.hint, escape(&finding.hint));
    if let Some(link) = &finding.link {
        let _ = writeln!(
            text,
            "- {}: statement.md#{}",
            words.read,
            escape(link.trim_start_matches('#'))
        );
    }
    let _ = writeln!(
        text,
        "- {} · {}",
        escape(&finding.check),
        escape(&finding.code)
    );
    text.push('\n');
    text
}

/// Inline text that means nothing to Markdown or HTML, in one line.
pub fn escape(text: &str) -> String {
    let line = clean_line(text, 4000);
    let mut out = String::with_capacity(line.len() + 16);
    // At the start of a line these would begin a list or a heading.
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let listlike = line[digits..].starts_with(['.', ')']) || line.starts_with(['-', '+', '=']);
    for (at, c) in line.char_indices() {
        if listlike && at == digits {
            out.push('\\');
        }
        // `http://` would become a link, `:word:` a picture.
        let joined = |next: Option<char>| next.is_some_and(|n| !n.is_whitespace());
        match c {
            ':' if !joined(line[at + 1..].chars().next()) => out.push(c),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '@' | ':' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Text within an HTML element, where Markdown isn't read.
fn html(text: &str) -> String {
    clean_line(text, 200)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A block of a program's text, in a fence longer than any within it.
pub fn fenced(text: &str) -> String {
    let text = clean(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n\n", text.trim_end())
}
