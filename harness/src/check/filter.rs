//! Filters: what comes out of standard output of what was fed into standard input, and when.

use super::Verdict;
use super::code::Code;
use super::common::{self, signal_name, unfinished};
use super::pipes::{err_after, out_before};
use super::view::{Finish, View};
use crate::task::script::Step;
use crate::task::stream::Filter;

/// Bytes of a line that a sentence shows.
const SHOWN: usize = 60;

/// The lines that hold the text came out, unchanged and in order, and no others.
pub fn filters(view: &View, filter: &Filter) -> Verdict {
    if let Some(doubt) = not_seen(view) {
        return doubt;
    }
    let out = lines(&view.out);
    let wanted = wanted(view, &view.pipes.fed, filter);
    let body = unframed(&out, filter);
    for (i, line) in wanted.iter().enumerate() {
        match body.get(i) {
            Some(got) if got == line => {}
            // Cut off in mid-line, with the program still at it.
            Some(_) | None if !view.finished() || !view.complete => return unfinished(view),
            Some(got) if got.ended && wanted[i..].contains(got) => {
                return missing(i, line, wanted.len());
            }
            None => return missing(i, line, wanted.len()),
            Some(got) => {
                return Verdict::new(Code::FilterWrong)
                    .fact("line", i + 1)
                    .fact("expected", shown(line.text))
                    .fact("got", shown(got.text))
                    .seen(view.end());
            }
        }
    }
    match body.get(wanted.len()) {
        Some(more) => Verdict::new(Code::FilterMore)
            .fact("got", shown(more.text))
            .seen(view.end()),
        None if !view.finished() || !view.complete => unfinished(view),
        None => Verdict::new(Code::FilterRight).fact("lines", wanted.len()),
    }
}

fn missing(i: usize, line: &Line, total: usize) -> Verdict {
    Verdict::new(Code::FilterMissing)
        .fact("line", i + 1)
        .fact("total", total)
        .fact("expected", shown(line.text))
}

/// At each `settle` of the script all lines that had been fed by then, and hold the text, have come out.
pub fn filters_at_once(view: &View, filter: &Filter) -> Verdict {
    if let Some(doubt) = not_seen(view) {
        return doubt;
    }
    let (mut seen, mut times) = (0, 0);
    for moment in &view.moments {
        let Some((n, settled)) = moment.stood_still(view) else {
            continue;
        };
        if view.pipes.input_end.is_some_and(|end| end < n) || view.pipes.closed.is_some() {
            continue;
        }
        // Only whole lines: of one that isn't, nobody knows yet whether it ends here.
        let fed = view.pipes.fed_before(n);
        let fed = &fed[..fed.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1)];
        let wanted = wanted(view, fed, filter);
        let out = lines(out_before(view, n));
        let body = unframed(&out, filter);
        let got = body.iter().filter(|line| line.ended).count();
        if got >= wanted.len() {
            times += usize::from(wanted.len() > seen);
            seen = wanted.len();
            continue;
        }
        return if view.sure_to_stay(settled) {
            Verdict::new(Code::FilterLate)
                .fact("expected", shown(wanted[got].text))
                .fact("late", wanted.len() - got)
                .seen([n, moment.n])
        } else {
            Verdict::new(Code::Timed).seen([n])
        };
    }
    let settles = view
        .plan()
        .script
        .iter()
        .filter(|s| matches!(s, Step::Settle))
        .count();
    let looked = view
        .moments
        .iter()
        .filter(|m| matches!(view.plan().script.get(m.step), Some(Step::Settle)))
        .filter(|m| m.stood_still(view).is_some())
        .count();
    if times > 0 && looked == settles {
        return Verdict::new(Code::FilterAtOnce).fact("times", times);
    }
    match view.finish {
        Finish::Exit { n, .. } | Finish::Signal { n, .. } if looked < settles => {
            Verdict::new(Code::FilterEnded)
                .fact("ending", common::ending(view))
                .seen([n])
        }
        _ => unfinished(view),
    }
}

/// The first line is this one.
pub fn first_line(view: &View, text: &str) -> Verdict {
    let out = lines(&view.out);
    let first = out.first();
    match first {
        Some(line) if line.ended && line.text == text.as_bytes() => {
            Verdict::new(Code::FirstLineRight).fact("expected", text)
        }
        Some(line) if line.ended => Verdict::new(Code::FirstLineWrong)
            .fact("expected", text)
            .fact("got", shown(line.text)),
        _ if !view.finished() || !view.complete => unfinished(view),
        other => Verdict::new(Code::FirstLineWrong)
            .fact("expected", text)
            .fact(
                "got",
                other.map_or_else(|| "–".to_owned(), |l| shown(l.text)),
            ),
    }
}

/// The last line is this one.
pub fn last_line(view: &View, text: &str) -> Verdict {
    if let Some(doubt) = not_seen(view) {
        return doubt;
    }
    if !view.finished() || !view.complete {
        return unfinished(view);
    }
    let out = lines(&view.out);
    let last = out.last();
    if last.is_some_and(|line| line.text == text.as_bytes()) {
        return Verdict::new(Code::LastLineRight).fact("expected", text);
    }
    Verdict::new(Code::LastLineWrong)
        .fact("expected", text)
        .fact(
            "got",
            last.map_or_else(|| "–".to_owned(), |l| shown(l.text)),
        )
        .fact("ending", common::ending(view))
        .seen(view.end())
}

/// Once nobody reads standard output, the program ends without a word.
pub fn ends_quietly(view: &View) -> Verdict {
    let Some(closed) = view.pipes.closed else {
        return match view.finish {
            Finish::Exit { n, .. } | Finish::Signal { n, .. } => Verdict::new(Code::FilterEnded)
                .fact("ending", common::ending(view))
                .seen([n]),
            _ => unfinished(view),
        };
    };
    let well = match view.finish {
        Finish::Exit { status, .. } => status == 0 || status == 128 + libc::SIGPIPE,
        Finish::Signal { signal, .. } => signal == libc::SIGPIPE,
        Finish::Hang { n } => return Verdict::new(Code::PipeHang).seen([closed, n]),
        _ => return unfinished(view),
    };
    if !view.complete {
        return unfinished(view);
    }
    let word = String::from_utf8_lossy(err_after(view, closed)).into_owned();
    let last = word.lines().rev().find(|line| !line.trim().is_empty());
    let seen = [closed].into_iter().chain(view.end());
    match last {
        Some(line) => Verdict::new(Code::PipeNoisy)
            .fact("line", shown(line.as_bytes()))
            .seen(seen),
        None if well => Verdict::new(Code::PipeQuiet)
            .fact("ending", common::ending(view))
            .seen(seen),
        None => Verdict::new(Code::PipeWrongEnd)
            .fact("ending", end_in_words(view))
            .seen(seen),
    }
}

fn end_in_words(view: &View) -> String {
    match view.finish {
        Finish::Exit { status, .. } if (129..160).contains(&status) => signal_name(status - 128),
        _ => common::ending(view),
    }
}

/// Why nothing can be said of standard output.
fn not_seen(view: &View) -> Option<Verdict> {
    if !view.started {
        return Some(unfinished(view));
    }
    let bytes = view.stdout_dropped();
    (bytes > 0).then(|| Verdict::new(Code::OutputCut).fact("bytes", bytes))
}

/// A line without its newline, and whether it had one.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    text: &'a [u8],
    ended: bool,
}

impl PartialEq for Line<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.ended == other.ended
    }
}

fn lines(bytes: &[u8]) -> Vec<Line<'_>> {
    bytes
        .split_inclusive(|&b| b == b'\n')
        .map(|line| match line.strip_suffix(b"\n") {
            Some(text) => Line { text, ended: true },
            None => Line {
                text: line,
                ended: false,
            },
        })
        .collect()
}

/// The lines that must come out of these, each with a newline.
fn wanted<'f>(view: &View, fed: &'f [u8], filter: &Filter) -> Vec<Line<'f>> {
    let text = view.plan().params.get(&filter.holding);
    let text = text.map(ToString::to_string).unwrap_or_default();
    let mut all = lines(fed);
    all.retain(|line| holds(line.text, text.as_bytes()));
    all.iter_mut().for_each(|line| line.ended = true);
    all
}

fn holds(line: &[u8], text: &[u8]) -> bool {
    text.is_empty() || line.windows(text.len()).any(|window| window == text)
}

/// Standard output without the lines that the program says of its own, at its start and at its end.
fn unframed<'a, 'o>(mut out: &'a [Line<'o>], filter: &Filter) -> &'a [Line<'o>] {
    let own = |line: &Line| filter.frame.iter().any(|own| own.as_bytes() == line.text);
    if let [first, rest @ ..] = out
        && own(first)
    {
        out = rest;
    }
    if let [rest @ .., last] = out
        && own(last)
    {
        out = rest;
    }
    out
}

/// A line as a sentence can hold it.
fn shown(line: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(&line[..line.len().min(SHOWN)])
        .chars()
        .map(|c| if c.is_control() { '·' } else { c })
        .collect();
    if line.len() > SHOWN {
        format!("{text}…")
    } else {
        text
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
