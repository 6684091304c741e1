//! Servers that answer lines with lines: whether each request got its reply, and the right one.

use super::Verdict;
use super::clients::Client;
use super::code::Code;
use super::common::unfinished;
use super::linear::points::{Op, Points};
use super::linear::{Answer, Budget, Call, counterexample, search};
use super::serving::{self, served};
use super::view::{Moment, View};
use crate::plan::body;
use crate::task::rule::Model;
use crate::task::script::Step;

/// Steps of the search for an order: some seconds at most.
const STEPS: u64 = 3_000_000;
/// Steps for making a counter-example small.
const SMALLER: u64 = 3_000_000;
/// Characters of a line that a report shows.
const SHOWN: usize = 80;

/// What a client asked and was told, line by line.
#[derive(Debug, Default)]
pub struct Lines<'a> {
    /// Event, request, the entry of the origin's list that it names.
    pub asked: Vec<(u64, &'a str, Option<u32>)>,
    pub told: Vec<(u64, &'a str)>,
}

impl<'a> Lines<'a> {
    /// The first request that had no reply by event `n`.
    fn unanswered(&self, n: u64) -> Option<(u64, &'a str, Option<u32>)> {
        let asked = self.asked.iter().filter(|a| a.0 <= n).count();
        let told = self.told.iter().filter(|t| t.0 <= n).count();
        (asked > told).then(|| self.asked[told])
    }
}

/// Each request of the group's clients got the reply that is due: of the given ones, in turn.
pub fn replies(view: &View, group: &str, due: &[String]) -> Verdict {
    let mut count = 0;
    for (_, client) in view.clients.of(group) {
        let Lines { asked, told } = &client.lines;
        for (i, &(n, reply)) in told.iter().enumerate() {
            let request = asked.get(i);
            let expected = due.get(i % due.len().max(1)).map_or("", String::as_str);
            let fits = request.is_some_and(|(_, _, item)| fits(view, expected, *item, reply));
            if !fits {
                let asked = request.map_or("", |(_, line, _)| line);
                return Verdict::new(Code::ReplyWrong)
                    .fact("request", shown(asked))
                    .fact("reply", shown(reply))
                    .fact("expected", shown(expected))
                    .seen(request.map(|r| r.0))
                    .seen([n]);
            }
            count += 1;
        }
    }
    let waits = |step: &Step| matches!(step, Step::Until(c) if c.replied.as_ref().is_some_and(|m| m.group == group));
    served(view, group, waits).unwrap_or_else(|| Verdict::new(Code::Replied).fact("replies", count))
}

/// Some clients wait for a reply; said where they spoke in lines at all.
pub(super) fn missing(view: &View, group: &str, moment: &Moment) -> Option<Verdict> {
    let clients: Vec<&Client> = view.clients.of(group).map(|(_, c)| c).collect();
    let spoke = clients.iter().any(|c| !c.lines.asked.is_empty());
    let waiting: Vec<_> = clients
        .iter()
        .filter_map(|c| c.lines.unanswered(moment.n))
        .collect();
    let &(n, request, _) = waiting.first().filter(|_| spoke)?;
    let told: usize = clients.iter().map(|c| c.lines.told.len()).sum();
    Some(
        Verdict::new(Code::ReplyMissing)
            .fact("clients", waiting.len())
            .fact("request", shown(request))
            .fact("replies", told)
            .seen([n])
            .seen(moment.settled.map(|s| s.0)),
    )
}

/// `{length}` and `{body}` are those of the entry that the request names; `*` at the end is anything.
fn fits(view: &View, expected: &str, item: Option<u32>, reply: &str) -> bool {
    let item = item.and_then(|item| view.item(item as usize));
    match (expected, item) {
        ("{length}", Some(item)) => reply.trim() == item.size.to_string(),
        ("{body}", Some(item)) => {
            let text: Vec<u8> = body(item).flatten().collect();
            reply.as_bytes() == text.strip_suffix(b"\n").unwrap_or(&text)
        }
        _ => match expected.strip_suffix('*') {
            Some(start) => reply.starts_with(start),
            None => reply == expected,
        },
    }
}

/// All that was asked and told in this run can be put in one order that explains it.
pub fn linearizable(view: &View, model: Model) -> Verdict {
    if let Some(verdict) = serving::not_listening(view) {
        return verdict;
    }
    let Model::Points = model;
    let mut calls = Vec::new();
    for (_, client) in view.clients.everyone() {
        let told = &client.lines.told;
        for (i, (begin, request, _)) in client.lines.asked.iter().enumerate() {
            let reply = told.get(i).map(|t| t.1);
            if let Some(op) = Op::read(request, reply) {
                let end = told.get(i).map(|t| t.0);
                let begin = *begin;
                calls.push(Call { begin, end, op });
            }
        }
    }
    let returned = calls.iter().filter(|call| call.end.is_some()).count();
    match search(&Points, &calls, &mut Budget(STEPS)) {
        Answer::Not => {
            let small = counterexample(&Points, &calls, &mut Budget(SMALLER));
            let events = small.iter().filter_map(|c| c.end).collect::<Vec<u64>>();
            Verdict::new(Code::HistoryBroken)
                .fact("operations", returned)
                .fact("history", told(&small))
                .seen(events)
        }
        Answer::TooHard => Verdict::new(Code::HistoryTooHard).fact("operations", returned),
        Answer::Linearizable => {
            let waits = |step: &Step| matches!(step, Step::Until(c) if c.replied.is_some());
            let script = &view.plan().script;
            let trouble = script
                .iter()
                .filter_map(|step| match step {
                    Step::Until(c) => c.replied.as_ref(),
                    _ => None,
                })
                .find_map(|m| served(view, &m.group, waits));
            match trouble {
                Some(verdict) => verdict,
                None if returned == 0 => unfinished(view),
                None => Verdict::new(Code::HistoryExplained).fact("operations", returned),
            }
        }
    }
}

/// The calls in the order in which they began: `SET a 1 1 → OK [3–9]`.
fn told(calls: &[Call<Op>]) -> String {
    use super::linear::points::What;
    let mut times: Vec<u64> = calls
        .iter()
        .flat_map(|c| [Some(c.begin), c.end])
        .flatten()
        .collect();
    times.sort_unstable();
    let at = |t: u64| times.binary_search(&t).map_or(0, |i| i + 1);
    let lines: Vec<String> = calls
        .iter()
        .map(|call| {
            let request = match &call.op.what {
                What::Set(name, value) => format!("SET {name} {value}"),
                What::Get(name) => format!("GET {name}"),
                What::Swap(a, b) => format!("SWAP {a} {b}"),
            };
            let reply = call.op.reply.as_deref().unwrap_or("…");
            let end = call
                .end
                .map_or_else(|| "…".to_owned(), |t| at(t).to_string());
            format!("{request} → {} [{}–{end}]", shown(reply), at(call.begin))
        })
        .collect();
    lines.join("; ")
}

fn shown(line: &str) -> String {
    let clean = line.chars().map(|c| if c.is_control() { '·' } else { c });
    let mut text: String = clean.take(SHOWN).collect();
    if line.chars().count() > SHOWN {
        text.push('…');
    }
    text
}

#[cfg(test)]
#[path = "dialogue_tests.rs"]
mod tests;
