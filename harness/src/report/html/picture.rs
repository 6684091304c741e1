//! The picture of one run, with a table that says the same.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::words::PageWords;
use super::{class, escape, id};
use crate::check::Outcome;
use crate::report::clean::clean_line;
use crate::report::prose::title;
use crate::report::timeline::{Bar, BarEnd, BarState, Timeline, What};
use crate::report::{ReportFinding, Run};
use crate::task::Value;

/// Pixels: names at the left, then the axis.
const LEFT: usize = 170;
const RIGHT: usize = 60;
const STEP: usize = 7;
const NARROWEST: usize = 560;
const LEVEL_TOP: usize = 22;
const LEVEL: usize = 72;
const ROW: usize = 16;
const LONGEST_NAME: usize = 26;

/// Draws the run below its heading. `lost` are its findings that did not pass.
pub fn draw(
    out: &mut String,
    timeline: &Timeline,
    run: &Run,
    lost: &[&ReportFinding],
    say: &PageWords,
    language: &str,
) {
    let limit = match run.with.get("limit") {
        Some(Value::Int(limit)) if !timeline.clients => u32::try_from(*limit).ok(),
        _ => None,
    };
    let sketch = Sketch {
        timeline,
        say,
        width: (timeline.places.len() * STEP).max(NARROWEST),
        top: timeline.most.max(limit.unwrap_or(0)).max(1),
        limit,
        hits: lost.iter().flat_map(|f| f.events.iter().copied()).collect(),
    };
    out.push_str("<figure>\n");
    sketch.svg(out, lost, language);
    let _ = writeln!(
        out,
        "<p class=\"readout\" aria-live=\"polite\">{}</p>\n<figcaption>",
        say.keys
    );
    sketch.legend(out);
    let _ = writeln!(
        out,
        "<p class=\"soft\">{}</p>",
        escape(&format!("{} {}", sketch.summary(), say.axis))
    );
    sketch.table(out);
    out.push_str("</figcaption></figure>\n");
}

struct Sketch<'t> {
    timeline: &'t Timeline,
    say: &'t PageWords,
    width: usize,
    /// The level at the upper edge.
    top: u32,
    limit: Option<u32>,
    /// Events that lost findings name.
    hits: BTreeSet<u64>,
}

impl Sketch<'_> {
    fn x(&self, place: usize) -> f64 {
        let last = self.timeline.places.len().saturating_sub(1).max(1);
        LEFT as f64 + self.width as f64 * place.min(last) as f64 / last as f64
    }

    fn y(&self, level: u32) -> f64 {
        let part = f64::from(level) / f64::from(self.top);
        LEVEL_TOP as f64 + LEVEL as f64 * (1.0 - part)
    }

    fn svg(&self, out: &mut String, lost: &[&ReportFinding], language: &str) {
        let t = self.timeline;
        let bars_top = LEVEL_TOP + LEVEL + 18;
        let holds_top = bars_top + t.bars.len() * ROW + if t.holds.is_empty() { 0 } else { 22 };
        let height = holds_top + t.holds.len() * ROW + 22;
        let full = LEFT + self.width + RIGHT;
        let kind = if t.clients {
            self.say.client
        } else {
            self.say.request
        };
        let _ = writeln!(
            out,
            "<div class=\"scroll\" tabindex=\"-1\"><svg viewBox=\"0 0 {full} {height}\" role=\"list\" aria-label=\"{}\">",
            escape(&self.summary())
        );
        self.level(out);
        self.moments(out, height);
        self.causes(out, lost, height, language);
        let _ = writeln!(
            out,
            "<text class=\"faint\" x=\"4\" y=\"{}\">{kind}</text>",
            bars_top - 4
        );
        for (i, bar) in t.bars.iter().enumerate() {
            self.bar(out, bar, bars_top + i * ROW, i == 0);
        }
        if !t.holds.is_empty() {
            let _ = writeln!(
                out,
                "<text class=\"faint\" x=\"4\" y=\"{}\">{}</text>",
                holds_top - 5,
                self.say.held_calls
            );
        }
        for (i, bar) in t.holds.iter().enumerate() {
            self.bar(out, bar, holds_top + i * ROW, t.bars.is_empty() && i == 0);
        }
        for (place, anchor) in [(0, "start"), (t.places.len().saturating_sub(1), "end")] {
            let _ = writeln!(
                out,
                "<text class=\"faint\" x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                self.x(place),
                height - 6,
                self.time(place)
            );
        }
        out.push_str("</svg></div>\n");
    }

    /// What is in flight, as steps, and the limit.
    fn level(&self, out: &mut String) {
        let t = self.timeline;
        let (zero, right) = (self.y(0), LEFT + self.width);
        let what = if t.clients {
            self.say.connected
        } else {
            self.say.in_flight
        };
        let _ = writeln!(
            out,
            "<text class=\"faint\" x=\"4\" y=\"{:.1}\">{what}</text><text class=\"faint\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><text class=\"faint\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">0</text><path class=\"grid\" d=\"M{LEFT} {zero:.1}H{right}\"/>",
            self.y(self.top) + 4.0,
            LEFT - 6,
            self.y(self.top) + 4.0,
            self.top,
            LEFT - 6,
            zero + 4.0,
        );
        let mut path = format!("M{LEFT} {zero:.1}");
        for (place, level) in &t.level {
            let _ = write!(path, "H{:.1}V{:.1}", self.x(*place), self.y(*level));
        }
        let _ = writeln!(out, "<path class=\"level\" d=\"{path}H{right}\"/>");
        if let Some(limit) = self.limit {
            let y = self.y(limit);
            let _ = writeln!(
                out,
                "<path class=\"limit\" d=\"M{LEFT} {y:.1}H{right}\"/><text x=\"{}\" y=\"{:.1}\">{} {limit}</text>",
                right + 4,
                y + 4.0,
                self.say.limit
            );
        }
    }

    fn moments(&self, out: &mut String, height: usize) {
        for moment in &self.timeline.moments {
            let style = match moment.what {
                What::Settled(_) => "settle",
                _ => "grid",
            };
            let _ = writeln!(
                out,
                "<path class=\"{style}\" d=\"M{:.1} {LEVEL_TOP}V{}\"><title>{}</title></path>",
                self.x(moment.place),
                height - 18,
                escape(&self.what(&moment.what))
            );
        }
    }

    /// Where each lost finding was seen: a line, and a link to it.
    fn causes(&self, out: &mut String, lost: &[&ReportFinding], height: usize, language: &str) {
        for (i, finding) in lost.iter().enumerate() {
            let Some(place) = finding
                .events
                .iter()
                .max()
                .and_then(|&n| self.timeline.place(n))
            else {
                continue;
            };
            let x = self.x(place);
            let sign = if finding.outcome == Outcome::Inconclusive {
                '?'
            } else {
                '✗'
            };
            let _ = writeln!(
                out,
                "<path class=\"cause {}\" d=\"M{x:.1} {LEVEL_TOP}V{}\"/><a href=\"#check-{}\" aria-label=\"{}\"><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{sign}{}</text></a>",
                class(finding.outcome),
                height - 18,
                id(&finding.check),
                escape(&format!(
                    "{}: {}",
                    title(finding, language),
                    finding.message
                )),
                LEVEL_TOP - 7,
                i + 1,
            );
        }
    }

    fn bar(&self, out: &mut String, bar: &Bar, y: usize, first: bool) {
        let ends = self.timeline.places.len().saturating_sub(1);
        let to = bar.to.unwrap_or(ends);
        let hit = if self.is_hit(bar) { " hit" } else { "" };
        let tab = if first { 0 } else { -1 };
        let _ = write!(
            out,
            "<g class=\"bar{hit}\" role=\"listitem\" tabindex=\"{tab}\" aria-label=\"{}\"><text x=\"4\" y=\"{}\">{}</text>",
            escape(&self.label(bar)),
            y + 11,
            escape(&clean_line(&bar.name, LONGEST_NAME)),
        );
        let start = bar.parts.first().map_or(0, |part| part.from);
        for (i, part) in bar.parts.iter().enumerate() {
            let until = bar.parts.get(i + 1).map_or(to, |next| next.from);
            let (x, width) = (
                self.x(part.from),
                (self.x(until) - self.x(part.from)).max(2.0),
            );
            let (style, down, high) = self.look(part.state);
            let top = y + down;
            let _ = write!(
                out,
                "<rect class=\"{style}\" x=\"{x:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{high}\"/>"
            );
            if part.state == BarState::Held {
                let _ = write!(
                    out,
                    "<rect fill=\"url(#hatch)\" x=\"{x:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{high}\"/>"
                );
            }
        }
        let (x, end) = (self.x(start), self.x(to).max(self.x(start) + 2.0));
        let mark = match &bar.end {
            BarEnd::Status(status) => status.to_string(),
            BarEnd::Broken | BarEnd::Failed(_) => "↯".into(),
            BarEnd::Abandoned => "⊘".into(),
            BarEnd::Closed => String::new(),
            BarEnd::Open => "…".into(),
        };
        let _ = writeln!(
            out,
            "<rect class=\"frame\" x=\"{:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"14\"/><text class=\"faint\" x=\"{:.1}\" y=\"{}\">{mark}</text></g>",
            x - 1.0,
            end - x + 2.0,
            end + 3.0,
            y + 11,
        );
    }

    fn is_hit(&self, bar: &Bar) -> bool {
        bar.parts
            .iter()
            .map(|part| part.from)
            .chain(bar.to)
            .filter_map(|place| self.timeline.places.get(place))
            .any(|(event, _)| self.hits.contains(event))
    }

    /// Class, distance from the row's top, height: states differ in form, not in colour alone.
    fn look(&self, state: BarState) -> (&'static str, usize, usize) {
        match state {
            BarState::Waiting if self.timeline.clients => ("due", 2, 10),
            BarState::Waiting => ("waiting", 5, 4),
            BarState::Held => ("held", 1, 12),
            BarState::Answering => ("answering", 3, 8),
            BarState::Open => ("open", 5, 4),
        }
    }

    fn state(&self, state: BarState) -> &'static str {
        match state {
            BarState::Waiting if self.timeline.clients => self.say.due,
            BarState::Waiting => self.say.waiting,
            BarState::Held => self.say.held,
            BarState::Answering => self.say.answering,
            BarState::Open => self.say.open,
        }
    }

    fn time(&self, place: usize) -> String {
        let ns = self.timeline.places.get(place).map_or(0, |place| place.1);
        format!("{:.1} {}", ns as f64 / 1e6, self.say.ms)
    }

    fn end(&self, end: &BarEnd) -> String {
        let ends = &self.say.ends;
        match end {
            BarEnd::Status(status) => format!("{} {status}", ends.status),
            BarEnd::Broken => ends.broken.into(),
            BarEnd::Abandoned => ends.abandoned.into(),
            BarEnd::Closed => ends.closed.into(),
            BarEnd::Failed(errno) => format!("{} {errno}", ends.failed),
            BarEnd::Open => ends.open.into(),
        }
    }

    /// A bar in words.
    fn label(&self, bar: &Bar) -> String {
        let mut text = bar.name.clone();
        if bar.main_thread {
            let _ = write!(text, " ({})", self.say.main_thread);
        }
        let _ = write!(text, " — {} {}", self.say.event, bar.event);
        for part in &bar.parts {
            let _ = write!(
                text,
                " · {} {}",
                self.time(part.from),
                self.state(part.state)
            );
        }
        match bar.to {
            Some(to) => {
                let _ = write!(text, " · {} {}", self.time(to), self.end(&bar.end));
            }
            None => {
                let _ = write!(text, " · {}", self.end(&bar.end));
            }
        }
        text
    }

    fn what(&self, what: &What) -> String {
        let say = self.say;
        match what {
            What::Settled(true) => say.settled.into(),
            What::Settled(false) => say.maybe_settled.into(),
            What::Signalled(signal) => format!("{} {signal}", say.signal),
            What::Exited(status) => format!("{} {status}", say.exit),
            What::Killed(signal) => format!("{} {signal}", say.killed),
            What::GaveUp => say.gave_up.into(),
            What::Fault => say.fault.into(),
        }
    }

    fn summary(&self) -> String {
        let (t, say) = (self.timeline, self.say);
        let what = if t.clients {
            say.connected
        } else {
            say.in_flight
        };
        let mut text = format!("{} {} {what}", say.most, t.most);
        if let Some(limit) = self.limit {
            let _ = write!(text, ", {} {limit}", say.limit);
        }
        if t.left_out > 0 {
            let _ = write!(text, ", {}: {}", say.left_out, t.left_out);
        }
        text.push('.');
        text
    }

    /// What each form means, as far as it stands in this picture.
    fn legend(&self, out: &mut String) {
        let all = self.timeline.bars.iter().chain(&self.timeline.holds);
        let used: Vec<BarState> = all
            .flat_map(|bar| bar.parts.iter().map(|part| part.state))
            .collect();
        let _ = writeln!(
            out,
            "<ul class=\"legend\" aria-label=\"{}\">",
            self.say.legend
        );
        for state in [
            BarState::Waiting,
            BarState::Held,
            BarState::Answering,
            BarState::Open,
        ] {
            if !used.contains(&state) {
                continue;
            }
            let (style, down, high) = self.look(state);
            let hatch = match state {
                BarState::Held => format!(
                    "<rect fill=\"url(#hatch)\" y=\"{down}\" width=\"26\" height=\"{high}\"/>"
                ),
                _ => String::new(),
            };
            let _ = writeln!(
                out,
                "<li><svg width=\"26\" height=\"14\" aria-hidden=\"true\"><rect class=\"{style}\" y=\"{down}\" width=\"26\" height=\"{high}\"/>{hatch}</svg>{}</li>",
                self.state(state)
            );
        }
        if self
            .timeline
            .moments
            .iter()
            .any(|m| matches!(m.what, What::Settled(_)))
        {
            let _ = writeln!(
                out,
                "<li><svg width=\"10\" height=\"14\" aria-hidden=\"true\"><path class=\"settle\" d=\"M5 0V14\"/></svg>{}</li>",
                self.say.settled
            );
        }
        out.push_str("</ul>\n");
    }

    fn table(&self, out: &mut String) {
        let (t, say) = (self.timeline, self.say);
        let kind = if t.clients { say.client } else { say.request };
        let _ = writeln!(
            out,
            "<details><summary>{}</summary><div class=\"sheet\"><table><thead><tr><th>{kind}</th><th>{}</th><th>{}</th><th>{}</th><th>{}</th></tr></thead><tbody>",
            say.table, say.from, say.held, say.to, say.end
        );
        for bar in t.bars.iter().chain(&t.holds) {
            let start = bar.parts.first().map_or(0, |part| part.from);
            let held: Vec<String> = bar
                .parts
                .iter()
                .filter(|part| part.state == BarState::Held)
                .map(|part| self.time(part.from))
                .collect();
            let hit = if self.is_hit(bar) { "✗ " } else { "" };
            let thread = if bar.main_thread {
                format!(" ({})", say.main_thread)
            } else {
                String::new()
            };
            let _ = writeln!(
                out,
                "<tr><td>{hit}{}{thread}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(&bar.name),
                self.time(start),
                held.join(", "),
                bar.to.map(|to| self.time(to)).unwrap_or_default(),
                escape(&self.end(&bar.end)),
            );
        }
        out.push_str("</tbody></table></div>\n");
        if !t.moments.is_empty() {
            let _ = writeln!(out, "<p>{}:</p><ul>", say.moments);
            for moment in &t.moments {
                let _ = writeln!(
                    out,
                    "<li>{} ({} {}): {}</li>",
                    self.time(moment.place),
                    say.event,
                    moment.event,
                    escape(&self.what(&moment.what))
                );
            }
            out.push_str("</ul>\n");
        }
        out.push_str("</details>\n");
    }
}
