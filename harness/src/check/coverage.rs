//! Which entries of the list were asked for, and how often.

use std::collections::HashSet;

use super::Verdict;
use super::code::Code;
use super::common;
use super::view::{Flight, How, View, fetches};
use crate::evidence::Ending;
use crate::task::world::Answer;

/// Every entry exactly as often as it is listed.
///
/// Only GET counts. A request may be made again where that is lawful: after the program's own
/// time-out; after a connection that had been used before broke without an answer; and once after
/// any connection broke so, as some libraries do by themselves.
pub fn each_once(view: &View) -> Verdict {
    let fetches = fetches(view);
    let items = &view.plan().items;
    let mut too_often = Vec::new();
    for (&index, flights) in &fetches {
        let Some(item) = view.item(index) else {
            continue;
        };
        // Whoever follows a loop asks for the same address again.
        if item.answer == Answer::RedirectLoop {
            continue;
        }
        let times = flights.len() - lawful_repeats(flights);
        if times > item.listed as usize {
            too_often.push((index, times, item.listed));
        }
    }
    if let Some(&(index, times, listed)) = too_often.first() {
        return Verdict::new(Code::TooOften)
            .fact("target", view.name(index))
            .fact("times", times)
            .fact("listed", listed)
            .fact("others", too_often.len() - 1)
            .seen(fetches[&index].iter().map(|f| f.begin));
    }
    let mut missing: Vec<usize> = Vec::new();
    for (index, item) in items.iter().enumerate().filter(|(_, i)| View::visible(i)) {
        if fetches.get(&index).map_or(0, Vec::len) < item.listed as usize {
            missing.push(index);
        }
    }
    let total: u64 = items.iter().map(|i| u64::from(i.listed)).sum();
    match missing.first() {
        None if total == 0 => Verdict::new(Code::Untested),
        None if view.complete => Verdict::new(Code::Once).fact("total", total),
        None => common::unfinished(view),
        Some(_) if view.flights.is_empty() => common::nothing_done(view),
        Some(_) if !view.finished() => common::unfinished(view),
        Some(&first) => Verdict::new(Code::Missing)
            .fact("missing", missing.len())
            .fact("total", total)
            .fact("target", view.name(first)),
    }
}

/// All healthy entries were asked for, whatever became of the others. The last of the list is left
/// to `each_once`.
pub fn all_tried(view: &View) -> Verdict {
    let asked: HashSet<usize> = view.flights.iter().filter_map(|f| f.item).collect();
    let items = &view.plan().items;
    let healthy: Vec<usize> = view
        .expected()
        .filter(|&i| is_healthy(&items[i].answer))
        .collect();
    let missing: Vec<usize> = healthy
        .iter()
        .copied()
        .filter(|i| !asked.contains(i))
        .collect();
    let faulty = items.iter().filter(|i| !is_healthy(&i.answer)).count();
    match missing.first() {
        None if healthy.is_empty() => Verdict::new(Code::Untested),
        None => Verdict::new(Code::Tried)
            .fact("total", healthy.len())
            .fact("faulty", faulty),
        Some(_) if view.flights.is_empty() => common::nothing_done(view),
        Some(_) if !view.finished() => common::unfinished(view),
        Some(&first) => Verdict::new(Code::NotTried)
            .fact("missing", missing.len())
            .fact("total", healthy.len())
            .fact("faulty", faulty)
            .fact("target", view.name(first)),
    }
}

fn is_healthy(answer: &Answer) -> bool {
    matches!(answer, Answer::Status(200..300) | Answer::Dripping)
}

/// How many of the requests for one entry are excused.
pub(super) fn lawful_repeats(flights: &[&Flight]) -> usize {
    let (mut given_up, mut broken_in_use, mut broken) = (0, 0, 0);
    for flight in flights {
        match flight.end.map(|e| e.how) {
            Some(How::Abandoned) => given_up += 1,
            Some(How::Answered {
                ending: Ending::Reset | Ending::Truncated,
                bytes: 0,
                ..
            }) => {
                broken += 1;
                broken_in_use += usize::from(flight.reused);
            }
            _ => {}
        }
    }
    let all = given_up + broken_in_use.max(broken.min(1));
    // At least one request was no repetition.
    all.min(flights.len().saturating_sub(1))
}

#[cfg(test)]
#[path = "coverage_tests.rs"]
mod tests;
