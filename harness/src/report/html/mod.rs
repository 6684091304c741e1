//! The report as one HTML file without anything from outside: it may be opened from a disk or a mail,
//! and asks nobody for anything. Its policy (a `meta` element) admits its own style and script by their
//! digests and nothing else, so that text of a submission could not become a script even unescaped.

mod picture;
mod words;

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use sha2::{Digest, Sha256};

use super::audience::{Audience, seen_by, tier_name};
use super::params::params;
use super::prose::{failed_build, standing, title};
use super::terminal::sums;
use super::text::of;
use super::timeline::Timeline;
use super::words::Words;
use super::{Report, ReportFinding, Run};
use crate::check::Outcome;
use words::PageWords;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What the page may do, as a browser is told.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest =
        |text: &str| base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
});

/// Renders the page. `timelines` are the pictures of runs, by name; a run without one has no picture.
pub fn html(report: &Report, timelines: &[Timeline], language: &str, audience: Audience) -> String {
    let page = Page {
        report,
        language,
        words: Words::of(language),
        say: PageWords::of(language),
    };
    let (findings, hidden) = seen_by(report, audience);
    let mut out = page.head(&findings, hidden.len());
    page.faults(&mut out);
    page.findings(&mut out, &findings, timelines);
    page.runs(&mut out, &findings, timelines, audience);
    let _ = writeln!(
        out,
        "</main>\n<footer class=\"soft\"><p>{} {}</p></footer>\n<script>{SCRIPT}</script>\n</body>\n</html>",
        page.say.made_by,
        escape(&report.gradus)
    );
    out
}

/// Text that means nothing to HTML, within an element or a quoted attribute.
pub fn escape(text: &str) -> String {
    let text = super::clean::clean(text);
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A sentence, with what stands between backticks as code.
fn sentence(text: &str) -> String {
    let text = escape(text);
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('`') {
        out.push_str(before);
        match after.split_once('`') {
            Some((code, after)) => {
                let _ = write!(out, "<code>{code}</code>");
                rest = after;
            }
            None => {
                out.push('`');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// A name as part of an element's id.
fn id(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect()
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Inconclusive => "inconclusive",
        Outcome::Fail => "fail",
        Outcome::HarnessFault => "harness_fault",
    }
}

fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "✓",
        Outcome::Inconclusive => "?",
        Outcome::Fail => "✗",
        Outcome::HarnessFault => "!",
    }
}

struct Page<'r> {
    report: &'r Report,
    language: &'r str,
    words: &'static Words,
    say: &'static PageWords,
}

impl Page<'_> {
    fn head(&self, findings: &[&ReportFinding], hidden: usize) -> String {
        let (report, w) = (self.report, self.words);
        let name = format!("{}: {}", report.task, of(&report.title, self.language));
        let (gained, max, undecided) = match hidden {
            0 => (report.score, report.max_score, report.undecided),
            // The sum of all would tell of hidden checks.
            _ => sums(findings),
        };
        let mut score = format!("{gained} {} {max}", w.of);
        if undecided > 0.0 {
            let _ = write!(score, " ({undecided} {})", w.undecided);
        }
        let mut out = format!(
            "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
<meta name=\"referrer\" content=\"no-referrer\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
            self.say.lang,
            *POLICY,
            escape(&format!("{} · {}", report.submission, name)),
        );
        let _ = writeln!(
            out,
            "<svg class=\"off\" aria-hidden=\"true\"><defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><path class=\"hatch\" d=\"M0 6L6 0\"/></pattern></defs></svg>\n\
<header><div><h1>{}</h1><p>{}</p><p class=\"soft\">{} {} · {} {}</p></div>\n\
<div><p class=\"score {}\">{} <small>{}: {}</small></p></div>\n\
<button type=\"button\" id=\"theme\">◐ {}</button></header>\n<main>",
            escape(&name),
            escape(&report.submission),
            w.seed,
            report.seed,
            w.tier,
            tier_name(report.tier),
            class(report.outcome),
            escape(&score),
            w.score,
            w.outcome(report.outcome),
            self.say.theme,
        );
        if hidden > 0 {
            let _ = writeln!(out, "<p class=\"soft\">{}: {hidden}</p>", w.hidden);
        }
        out
    }

    fn faults(&self, out: &mut String) {
        if let Some(why) = standing(self.report, self.words) {
            let _ = writeln!(out, "<p><strong>{}</strong></p>", escape(why));
        }
        for fault in &self.report.faults {
            let _ = writeln!(
                out,
                "<article class=\"harness_fault\"><h3>{}</h3><pre>{}</pre></article>",
                self.words.faulty,
                escape(fault)
            );
        }
        if let Some(said) = failed_build(self.report) {
            let _ = writeln!(
                out,
                "<article class=\"fail\"><h3>{}</h3><pre>{}</pre></article>",
                self.words.build_failed,
                escape(&said)
            );
        }
    }

    fn findings(&self, out: &mut String, findings: &[&ReportFinding], timelines: &[Timeline]) {
        if findings.is_empty() {
            return;
        }
        let _ = writeln!(out, "<h2>{}</h2>", self.say.findings);
        for outcome in [Outcome::HarnessFault, Outcome::Fail, Outcome::Inconclusive] {
            for finding in findings.iter().filter(|f| f.outcome == outcome) {
                let drawn = timelines.iter().any(|t| t.run == finding.run && t.shows());
                self.finding(out, finding, drawn);
            }
        }
        let passed: Vec<_> = findings
            .iter()
            .filter(|f| f.outcome == Outcome::Pass)
            .collect();
        if passed.is_empty() {
            return;
        }
        let _ = writeln!(
            out,
            "<h2>{} ({})</h2>\n<ul class=\"passed\">",
            self.words.passed,
            passed.len()
        );
        for finding in passed {
            let _ = writeln!(
                out,
                "<li><span><span class=\"pass\" aria-hidden=\"true\">✓</span> {}</span><span class=\"points\">{}/{}</span></li>",
                escape(&title(finding, self.language)),
                finding.points,
                finding.max_points
            );
        }
        out.push_str("</ul>\n");
    }

    fn finding(&self, out: &mut String, finding: &ReportFinding, drawn: bool) {
        let w = self.words;
        let class = class(finding.outcome);
        let points = match finding.outcome {
            Outcome::Inconclusive | Outcome::HarnessFault => format!("–/{}", finding.max_points),
            _ if finding.max_points == 0.0 => finding.points.to_string(),
            _ => format!("{}/{}", finding.points, finding.max_points),
        };
        let mut with = params(&finding.with);
        if !with.is_empty() {
            with = format!(" <span class=\"soft\">({})</span>", escape(&with));
        }
        let _ = writeln!(
            out,
            "<article class=\"{class}\" id=\"check-{}\"><div class=\"top\"><h3><span class=\"{class}\"><span aria-hidden=\"true\">{}</span> {}:</span> {}{with}</h3><span class=\"points\">{points}</span></div>\n<p>{}</p>\n<dl>",
            id(&finding.check),
            sign(finding.outcome),
            w.outcome(finding.outcome),
            escape(&title(finding, self.language)),
            sentence(&finding.message),
        );
        for (label, text) in [(w.why, &finding.why), (w.hint, &finding.hint)] {
            if !text.is_empty() {
                let _ = writeln!(out, "<dt>{label}</dt><dd>{}</dd>", sentence(text));
            }
        }
        if let Some(link) = &finding.link {
            let _ = writeln!(
                out,
                "<dt>{}</dt><dd><code>gradus show {}</code>, #{}</dd>",
                w.read,
                escape(&self.report.task),
                escape(link.trim_start_matches('#'))
            );
        }
        if !finding.run.is_empty() {
            let run = escape(&finding.run);
            let shown: Vec<String> = finding.events.iter().take(8).map(u64::to_string).collect();
            let mut place = run.clone();
            if !shown.is_empty() {
                let _ = write!(place, ", {} {}", w.events, shown.join(", "));
            }
            if drawn {
                let _ = write!(
                    place,
                    " — <a href=\"#run-{}\">{}</a>",
                    id(&finding.run),
                    self.say.show
                );
            }
            let _ = writeln!(out, "<dt>{}</dt><dd>{place}</dd>", w.seen);
        }
        out.push_str("</dl></article>\n");
    }

    fn runs(
        &self,
        out: &mut String,
        findings: &[&ReportFinding],
        timelines: &[Timeline],
        audience: Audience,
    ) {
        // A run that only hidden checks look at would tell of them.
        let seen = |run: &&Run| {
            audience == Audience::Teacher || findings.iter().any(|f| f.scenario == run.scenario)
        };
        let runs: Vec<&Run> = self.report.runs.iter().filter(seen).collect();
        if runs.is_empty() {
            return;
        }
        let _ = writeln!(out, "<h2>{}</h2>", self.say.runs);
        for run in runs {
            let lost: Vec<&ReportFinding> = findings
                .iter()
                .copied()
                .filter(|f| f.run == run.run && f.outcome != Outcome::Pass)
                .collect();
            let open = if lost.is_empty() { "" } else { " open" };
            let worst = lost
                .iter()
                .map(|f| f.outcome)
                .max()
                .unwrap_or(Outcome::Pass);
            let with = params(&run.with);
            let _ = writeln!(
                out,
                "<details class=\"run\" id=\"run-{}\"{open}><summary><span class=\"{}\" aria-hidden=\"true\">{}</span> <strong>{}</strong> <span class=\"soft\">{}</span></summary>\n<p class=\"soft\">{} {} · {} {}</p>",
                id(&run.run),
                class(worst),
                sign(worst),
                escape(&run.run),
                escape(&with),
                self.say.ending,
                escape(&run.ending),
                self.words.seed.to_lowercase(),
                run.seed,
            );
            if let Some(timeline) = timelines.iter().find(|t| t.run == run.run && t.shows()) {
                picture::draw(out, timeline, run, &lost, self.say, self.language);
            }
            if !run.stderr.is_empty() {
                let open = if lost.is_empty() { "" } else { " open" };
                let _ = writeln!(
                    out,
                    "<details class=\"errors\"{open}><summary>{}</summary><pre>{}</pre></details>",
                    self.words.stderr,
                    escape(&run.stderr)
                );
            }
            out.push_str("</details>\n");
        }
    }
}
