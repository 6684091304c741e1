//! What the submission printed: a line for each entry of the list.
//!
//! Judged last and least. Only entries that the program tried count here (the others are for
//! `each_once`); lines come in any order; lines that speak of no entry are nobody's business.

use std::collections::{BTreeMap, HashMap};

use super::Verdict;
use super::address::plain;
use super::code::Code;
use super::common;
use super::view::{Flight, How, View, fetches};
use crate::evidence::Ending;
use crate::plan::Item;
use crate::task::world::{Answer, Framing};

/// Blanks within a line's address that are still looked through.
const BLANKS: usize = 12;

/// What a line says after its address.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Status {
        status: u16,
        bytes: u64,
    },
    Error,
    /// Nothing of the contract's form.
    Other,
}

/// What a line may say.
#[derive(Debug)]
enum Due {
    /// This status, and this length if one is given.
    Answer { status: u16, bytes: Option<u64> },
    /// An error, of this kind.
    Failure(&'static str),
    /// Anything of the right form: honest clients differ.
    Either,
}

/// Standard output has the contract's line for each entry that was tried.
pub fn prints_results(view: &View) -> Verdict {
    if view.flights.is_empty() {
        return common::nothing_done(view);
    }
    let text = view.stdout();
    let lines = by_entry(view, &text);
    let fetches = fetches(view);
    let (mut right, mut missing, mut total) = (0usize, Vec::new(), 0u32);
    for (index, item) in view.plan().items.iter().enumerate() {
        let flights = fetches.get(&index).map(Vec::as_slice).unwrap_or_default();
        if View::visible(item) && flights.is_empty() {
            continue;
        }
        let due = due(item, flights);
        // A list's double is printed as often as it was fetched; that it is fetched twice is asked elsewhere.
        let wanted = if View::visible(item) {
            (item.listed as usize).min(flights.len())
        } else {
            1
        };
        total += 1;
        let said = lines.get(&index).map(Vec::as_slice).unwrap_or_default();
        if let Some((_, line)) = said.iter().find(|(said, _)| contradicts(&due, said)) {
            return wrong(&due, line);
        }
        let good = said.iter().filter(|(said, _)| *said != Said::Other).count();
        right += good;
        if good >= wanted {
            continue;
        }
        match said.iter().find(|(said, _)| *said == Said::Other) {
            Some((_, line)) if good == 0 => return wrong(&due, line),
            _ => missing.push(index),
        }
    }
    excuse_unreadable(view, &text, &lines, &mut missing);
    match missing.first() {
        None => Verdict::new(Code::Printed).fact("lines", right),
        Some(_) if view.stdout_dropped() > 0 => {
            Verdict::new(Code::OutputCut).fact("bytes", view.stdout_dropped())
        }
        Some(_) if !view.finished() || !view.complete => common::unfinished(view),
        Some(&first) => Verdict::new(Code::NotPrinted)
            .fact("missing", missing.len())
            .fact("total", total)
            .fact("target", view.name(first)),
    }
}

/// The lines that speak of each entry.
fn by_entry<'t>(view: &View, text: &'t str) -> BTreeMap<usize, Vec<(Said, &'t str)>> {
    let mut known: HashMap<String, usize> = HashMap::new();
    for (index, item) in view.plan().items.iter().enumerate() {
        let name = view.name(index);
        if item.answer == Answer::Malformed {
            known.insert(name.trim().to_owned(), index);
        }
        known.insert(plain(&name), index);
    }
    let mut lines: BTreeMap<usize, Vec<(Said, &str)>> = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        let blanks = line
            .char_indices()
            .filter(|(_, c)| c.is_whitespace())
            .map(|(at, _)| at);
        let ends: Vec<usize> = blanks.take(BLANKS).chain([line.len()]).collect();
        let found = ends.iter().rev().find_map(|&end| {
            let address = &line[..end];
            let index = known.get(address).or_else(|| known.get(&plain(address)))?;
            Some((*index, said(&line[end..])))
        });
        if let Some((index, said)) = found {
            lines.entry(index).or_default().push((said, line));
        }
    }
    lines
}

fn said(rest: &str) -> Said {
    let mut words = rest.split_whitespace();
    match (words.next(), words.next()) {
        (Some(word), _) if word.trim_end_matches(':').eq_ignore_ascii_case("error") => Said::Error,
        (Some(status), Some(bytes)) => match (status.parse(), bytes.parse()) {
            (Ok(status), Ok(bytes)) => Said::Status { status, bytes },
            _ => Said::Other,
        },
        _ => Said::Other,
    }
}

fn due(item: &Item, flights: &[&Flight]) -> Due {
    // Where the client itself gave up, or the run was cut, either is honest.
    let whole = flights.iter().all(|f| {
        matches!(f.end, Some(e) if !matches!(e.how, How::Abandoned | How::Answered { ending: Ending::Unfinished, .. }))
    });
    match &item.answer {
        _ if !whole => Due::Either,
        Answer::Refused => Due::Failure("refused"),
        Answer::Malformed => Due::Failure("malformed"),
        Answer::Reset => Due::Failure("reset"),
        Answer::ResetInside if item.framing == Framing::Length => Due::Failure("reset"),
        // Only a missing part of a promised length is noticed by every client: some take the end of
        // the connection for the end of a chunked answer.
        Answer::Truncated if item.framing == Framing::Length => Due::Failure("truncated"),
        Answer::Truncated | Answer::ResetInside => Due::Either,
        Answer::Status(status @ (200 | 201 | 203)) => Due::Answer {
            status: *status,
            bytes: Some(item.size),
        },
        Answer::Dripping => Due::Answer {
            status: 200,
            bytes: Some(item.size),
        },
        // The body of an error answer is often not read.
        Answer::Status(status @ 400..) => Due::Answer {
            status: *status,
            bytes: None,
        },
        Answer::Status(_)
        | Answer::Redirect
        | Answer::RedirectLoop
        | Answer::Garbage
        | Answer::Stuck => Due::Either,
    }
}

fn contradicts(due: &Due, said: &Said) -> bool {
    match (due, said) {
        (_, Said::Other) | (Due::Either, _) | (Due::Failure(_), Said::Error) => false,
        (Due::Failure(_), Said::Status { .. }) | (Due::Answer { .. }, Said::Error) => true,
        (
            Due::Answer { status, bytes },
            Said::Status {
                status: printed,
                bytes: length,
            },
        ) => status != printed || bytes.is_some_and(|b| b != *length),
    }
}

fn wrong(due: &Due, line: &str) -> Verdict {
    let line: String = line.chars().take(200).collect();
    match due {
        Due::Failure(failure) if said_success(&line) => Verdict::new(Code::FalseSuccess)
            .fact("line", line)
            .fact("failure", *failure),
        Due::Failure(_) => Verdict::new(Code::Misprinted)
            .fact("line", line)
            .fact("expected", "URL ERROR …"),
        Due::Answer {
            status,
            bytes: Some(bytes),
        } => Verdict::new(Code::Misprinted)
            .fact("line", line)
            .fact("expected", format!("URL {status} {bytes}")),
        Due::Answer {
            status,
            bytes: None,
        } => Verdict::new(Code::Misprinted)
            .fact("line", line)
            .fact("expected", format!("URL {status} BYTES")),
        Due::Either => Verdict::new(Code::Misprinted)
            .fact("line", line)
            .fact("expected", "URL STATUS BYTES"),
    }
}

/// The line had a status where an error was due (then the words after the address are two numbers).
fn said_success(line: &str) -> bool {
    let mut words = line.split_whitespace().rev();
    words.next().is_some_and(|w| w.parse::<u64>().is_ok())
        && words.next().is_some_and(|w| w.parse::<u16>().is_ok())
}

/// A malformed entry may be printed in any disguise (quoted, escaped): an ERROR line that speaks of
/// no other entry stands for it.
fn excuse_unreadable(
    view: &View,
    text: &str,
    lines: &BTreeMap<usize, Vec<(Said, &str)>>,
    missing: &mut Vec<usize>,
) {
    let spoken: usize = lines
        .values()
        .flatten()
        .filter(|(said, _)| *said == Said::Error)
        .count();
    let errors = text
        .lines()
        .filter(|l| {
            l.split_whitespace()
                .any(|w| w.trim_end_matches(':') == "ERROR")
        })
        .count();
    let mut spare = errors.saturating_sub(spoken);
    missing.retain(|&index| {
        let malformed = view
            .item(index)
            .is_some_and(|i| i.answer == Answer::Malformed);
        let excused = malformed && spare > 0;
        spare -= usize::from(excused);
        !excused
    });
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
