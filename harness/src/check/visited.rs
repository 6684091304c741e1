//! What a crawler printed: `URL STATUS` or `URL ERROR reason` for each page that it visited.

use std::collections::HashMap;

use super::Verdict;
use super::address::plain;
use super::code::Code;
use super::common;
use super::view::{How, View, fetches};
use crate::evidence::Ending;
use crate::plan::site::HOME;
use crate::task::world::{Answer, Framing};

/// Standard output has the contract's line for each page that was visited. Lines that speak of no page
/// are nobody's business.
pub fn prints_visits(view: &View) -> Verdict {
    let Some(site) = &view.plan().site else {
        return Verdict::new(Code::Untested);
    };
    if view.flights.is_empty() {
        return common::nothing_done(view);
    }
    let mut known: HashMap<String, usize> = HashMap::new();
    for (index, item) in view.plan().items.iter().enumerate() {
        if item.host == HOME && site.pages[index].trap.is_none() {
            known.insert(plain(&view.name(index)), index);
        }
    }
    let text = view.stdout();
    let mut lines: HashMap<usize, Vec<(&str, &str)>> = HashMap::new();
    for line in text.lines().map(str::trim) {
        let (url, said) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if let Some(&page) = known.get(&plain(url)) {
            lines.entry(page).or_default().push((said.trim(), line));
        }
    }
    let (mut right, mut missing, mut total) = (0usize, Vec::new(), 0usize);
    let mut asked: Vec<_> = fetches(view)
        .into_iter()
        .filter(|(page, _)| site.pages[*page].trap.is_none())
        .collect();
    asked.sort_by_key(|(page, _)| *page);
    for (page, flights) in asked {
        let Some(item) = view.item(page) else {
            continue;
        };
        total += 1;
        // Where the client itself gave up, or the run was cut, either is honest.
        let cut = flights.iter().any(|f| {
            matches!(
                f.end.map(|e| e.how),
                None | Some(
                    How::Abandoned
                        | How::Answered {
                            ending: Ending::Unfinished,
                            ..
                        }
                )
            )
        });
        let due = match &item.answer {
            _ if cut => None,
            Answer::Status(status) => Some(status.to_string()),
            // Without a length the end of the connection may be taken for the end of the answer.
            Answer::Truncated | Answer::ResetInside if item.framing != Framing::Length => None,
            Answer::Truncated | Answer::Reset | Answer::ResetInside | Answer::Garbage => {
                Some("ERROR".to_owned())
            }
            _ => None,
        };
        let said = lines.get(&page).map(Vec::as_slice).unwrap_or_default();
        let wrong = said
            .iter()
            .find(|(said, _)| due.as_ref().is_some_and(|due| !says(said, due)));
        if let Some((said, line)) = wrong {
            let line: String = line.chars().take(200).collect();
            let due = due.unwrap_or_default();
            let success = due == "ERROR"
                && said
                    .split_whitespace()
                    .next()
                    .is_some_and(|w| w.parse::<u16>().is_ok());
            return if success {
                Verdict::new(Code::FalseSuccess)
                    .fact("line", line)
                    .fact("failure", "ERROR")
            } else {
                Verdict::new(Code::Misprinted)
                    .fact("line", line)
                    .fact("expected", format!("URL {due}"))
            };
        }
        if said.is_empty() {
            missing.push(page);
        } else {
            right += 1;
        }
    }
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

/// Whether the words after an address say this: a status, or `ERROR` with or without a reason.
fn says(said: &str, due: &str) -> bool {
    let first = said.split_whitespace().next().unwrap_or("");
    first == due || (due == "ERROR" && first.trim_end_matches(':').eq_ignore_ascii_case("error"))
}
