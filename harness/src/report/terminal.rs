//! The report as a student reads it in a terminal: what failed first, with its reason; what passed last.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::audience::{Audience, seen_by};
use super::clean::{clean, clean_line};
use super::params::params;
use super::text::of;
use super::words::Words;
use super::{Report, ReportFinding};
use crate::check::Outcome;

/// How a terminal report is to look.
#[derive(Debug, Clone)]
pub struct Look {
    /// Use colours (the caller knows the terminal and NO_COLOR).
    pub color: bool,
    /// Columns; kept between 40 and 120.
    pub width: usize,
    /// Language of headings.
    pub language: String,
    pub audience: Audience,
}

impl Default for Look {
    fn default() -> Self {
        Look {
            color: false,
            width: 80,
            language: "en".into(),
            audience: Audience::Student,
        }
    }
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const UNSURE: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Renders the report. Control characters that a submission may have slipped in are gone.
pub fn terminal(report: &Report, look: &Look) -> String {
    let mut page = Page {
        out: String::new(),
        color: look.color,
        width: look.width.clamp(40, 120),
        words: Words::of(&look.language),
        language: &look.language,
    };
    let (findings, hidden) = seen_by(report, look.audience);
    page.head(report, &findings, hidden.len());
    if let Some(build) = report.build.as_ref().filter(|b| !b.ok) {
        page.heading(page.words.build_failed, BAD);
        page.line(2, &clean_line(&build.command.join(" "), 400), BOLD);
        page.quote(&build.output);
    }
    if !report.faults.is_empty() {
        page.heading(page.words.faulty, BAD);
        for fault in &report.faults {
            page.paragraph(2, "", &clean(fault));
        }
    }
    let of = |outcome| {
        findings
            .iter()
            .copied()
            .filter(move |f: &&ReportFinding| f.outcome == outcome)
    };
    for (outcome, heading, style) in [
        (Outcome::HarnessFault, page.words.faulty, BAD),
        (Outcome::Fail, page.words.failed, BAD),
        (Outcome::Inconclusive, page.words.unsure, UNSURE),
    ] {
        let some: Vec<&ReportFinding> = of(outcome).collect();
        if some.is_empty() {
            continue;
        }
        page.heading(&format!("{heading} ({})", some.len()), style);
        for (i, finding) in some.iter().enumerate() {
            if i > 0 {
                page.out.push('\n');
            }
            page.finding(report, finding, style);
        }
        page.errors(report, &some);
    }
    let passed: Vec<&ReportFinding> = of(Outcome::Pass).collect();
    if !passed.is_empty() {
        page.heading(&format!("{} ({})", page.words.passed, passed.len()), GOOD);
        for finding in passed {
            page.title(finding, '✓', GOOD);
        }
    }
    page.out
}

struct Page<'a> {
    out: String,
    color: bool,
    width: usize,
    words: &'static Words,
    language: &'a str,
}

impl Page<'_> {
    fn head(&mut self, report: &Report, findings: &[&ReportFinding], hidden: usize) {
        let title = of(&report.title, self.language);
        self.line(
            0,
            &clean_line(&format!("{}: {title}", report.task), 200),
            BOLD,
        );
        self.line(0, &clean_line(&report.submission, 200), DIM);
        // With hidden checks the sum would tell of them.
        let (gained, max, undecided) = match hidden {
            0 => (report.score, report.max_score, report.undecided),
            _ => sums(findings),
        };
        let w = self.words;
        let mut score = format!("{}: {gained} {} {max}", w.score, w.of);
        if undecided > 0.0 {
            let _ = write!(score, " ({undecided} {})", w.undecided);
        }
        let _ = write!(score, " — {}", w.outcome(report.outcome));
        let style = match report.outcome {
            Outcome::Pass => GOOD,
            Outcome::Inconclusive => UNSURE,
            Outcome::Fail | Outcome::HarnessFault => BAD,
        };
        self.line(0, &score, style.bold());
        if hidden > 0 {
            self.line(0, &format!("{}: {hidden}", w.hidden), DIM);
        }
        let tier = super::audience::tier_name(report.tier);
        self.line(
            0,
            &format!(
                "{} {}, {} {tier}",
                w.seed.to_lowercase(),
                report.seed,
                w.tier.to_lowercase()
            ),
            DIM,
        );
    }

    fn finding(&mut self, report: &Report, finding: &ReportFinding, style: Style) {
        let sign = match finding.outcome {
            Outcome::Inconclusive => '?',
            Outcome::HarnessFault => '!',
            Outcome::Fail | Outcome::Pass => '✗',
        };
        self.title(finding, sign, style);
        self.paragraph(4, "", &finding.message);
        self.paragraph(4, self.words.why, &finding.why);
        self.paragraph(4, self.words.hint, &finding.hint);
        if let Some(link) = &finding.link {
            let place = format!(
                "gradus show {}, #{}",
                report.task,
                link.trim_start_matches('#')
            );
            self.paragraph(4, self.words.read, &place);
        }
        if !finding.run.is_empty() {
            let mut place = finding.run.clone();
            if !finding.events.is_empty() {
                let shown: Vec<String> =
                    finding.events.iter().take(8).map(u64::to_string).collect();
                let more = if finding.events.len() > 8 {
                    ", …"
                } else {
                    ""
                };
                let _ = write!(place, ", {} {}{more}", self.words.events, shown.join(", "));
            }
            self.paragraph(4, self.words.seen, &place);
        }
    }

    /// `  ✗ keeps-limit  Never passes the limit (limit=3)      0/12`, the points at the right edge.
    fn title(&mut self, finding: &ReportFinding, sign: char, style: Style) {
        let points = match finding.outcome {
            // A house rule gives nothing and only takes.
            Outcome::Pass | Outcome::Fail if finding.max_points == 0.0 => {
                format!("{}", finding.points)
            }
            Outcome::Pass | Outcome::Fail => format!("{}/{}", finding.points, finding.max_points),
            // Neither gained nor lost.
            Outcome::Inconclusive | Outcome::HarnessFault => format!("–/{}", finding.max_points),
        };
        let mut text = format!("{}  {}", finding.check, of(&finding.title, self.language));
        // Of a check that passed, the run that is named is just the first.
        if finding.outcome != Outcome::Pass && !finding.with.is_empty() {
            let _ = write!(text, " ({})", params(&finding.with));
        }
        let room = self.width.saturating_sub(4 + points.chars().count() + 1);
        let text = clean_line(&text, room);
        let gap = room.saturating_sub(text.chars().count()) + 1;
        let sign = self.painted(&sign.to_string(), style);
        let text = self.painted(
            &text,
            if finding.outcome == Outcome::Pass {
                Style::new()
            } else {
                BOLD
            },
        );
        let _ = writeln!(self.out, "  {sign} {text}{:gap$}{points}", "");
    }

    /// What the failing runs said on standard error, each run once.
    fn errors(&mut self, report: &Report, findings: &[&ReportFinding]) {
        for run in &report.runs {
            if run.stderr.is_empty() || !findings.iter().any(|f| f.run == run.run) {
                continue;
            }
            let title = format!(
                "{} ({}, {})",
                self.words.stderr,
                run.run,
                clean_line(&run.ending, 60)
            );
            self.out.push('\n');
            self.line(2, &title, DIM);
            self.quote(&super::clean::tail(&run.stderr, 600));
        }
    }

    fn heading(&mut self, text: &str, style: Style) {
        self.out.push('\n');
        self.line(0, text, style.bold());
    }

    fn line(&mut self, indent: usize, text: &str, style: Style) {
        let text = self.painted(&clean_line(text, self.width - indent), style);
        let _ = writeln!(self.out, "{:indent$}{text}", "");
    }

    /// Lines of a program, marked at the left so that they can't be taken for the report's own.
    fn quote(&mut self, text: &str) {
        for line in clean(text).lines() {
            let _ = writeln!(
                self.out,
                "    {} {}",
                self.painted("│", DIM),
                line.replace('\t', "    ")
            );
        }
    }

    /// Wrapped text under an optional label.
    fn paragraph(&mut self, indent: usize, label: &str, text: &str) {
        let label = if label.is_empty() {
            String::new()
        } else {
            format!("{label}: ")
        };
        let text = clean(text);
        let mut column = indent + label.chars().count();
        let _ = write!(self.out, "{:indent$}{}", "", self.painted(&label, DIM));
        let mut first = true;
        for word in text.split_whitespace() {
            let width = word.chars().count();
            if !first && column + 1 + width > self.width {
                let _ = write!(self.out, "\n{:indent$}", "");
                column = indent;
                first = true;
            }
            if !first {
                self.out.push(' ');
                column += 1;
            }
            self.out.push_str(word);
            column += width;
            first = false;
        }
        self.out.push('\n');
    }

    fn painted(&self, text: &str, style: Style) -> String {
        if self.color && !text.is_empty() && style != Style::new() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// Points gained, to be gained and undecided, over these findings alone.
pub(super) fn sums(findings: &[&ReportFinding]) -> (f64, f64, f64) {
    let sum = |points: fn(&ReportFinding) -> f64| {
        crate::score::round(findings.iter().map(|f| points(f)).sum())
    };
    let unsure = |f: &ReportFinding| match f.outcome {
        Outcome::Inconclusive | Outcome::HarnessFault => f.max_points,
        Outcome::Pass | Outcome::Fail => 0.0,
    };
    (sum(|f| f.points), sum(|f| f.max_points), sum(unsure))
}
