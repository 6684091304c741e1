//! Children of the submission: what it says of their ends, what it passes on of theirs, and whether any
//! is left over.

use std::collections::{BTreeMap, HashMap};

use super::Verdict;
use super::code::Code;
use super::common::{self, unfinished};
use super::view::{Finish, How, View};
use crate::evidence::{Record, Usage};
use crate::plan::children::{Command, name};
use crate::task::children::Waits;
use crate::task::script::Step;

/// What was seen of the submission's processes.
#[derive(Debug, Default)]
pub struct ChildrenSeen<'a> {
    /// Accounts in the midst of the run: number of the event, account.
    accounts: Vec<(u64, &'a Usage)>,
    /// Processes that outlived it: number of the event, how many, their names.
    leftover: Option<(u64, u32, &'a [String])>,
}

impl<'a> ChildrenSeen<'a> {
    pub(super) fn take(&mut self, record: &'a Record) {
        use crate::evidence::Event;
        match &record.event {
            Event::Usage(usage) if usage.label != "end" => self.accounts.push((record.n, usage)),
            Event::Leftover { processes, names } => {
                self.leftover = Some((record.n, *processes, names));
            }
            _ => {}
        }
    }
}

/// Requests in flight are commands that run here: the same verdict in other words.
pub fn in_other_words(verdict: Verdict) -> Verdict {
    const WORDS: [(Code, Code); 8] = [
        (Code::Reached, Code::ChildrenReached),
        (Code::NotReached, Code::ChildrenNotReached),
        (Code::Exceeded, Code::ChildrenExceeded),
        (Code::Kept, Code::ChildrenKept),
        (Code::Refilled, Code::ChildrenRefilled),
        (Code::NotRefilled, Code::ChildrenNotRefilled),
        (Code::EndedEarly, Code::ChildrenEndedEarly),
        (Code::NothingDone, Code::ChildrenNone),
    ];
    let found = WORDS.iter().find(|(from, _)| from.as_str() == verdict.code);
    match found {
        Some((_, to)) => Verdict {
            code: to.as_str().to_owned(),
            ..verdict
        },
        None => verdict,
    }
}

/// A line `INDEX EXIT` for each command, with the right code.
pub fn prints_exits(view: &View) -> Verdict {
    if let Some(doubt) = not_seen(view) {
        return doubt;
    }
    let said = said(view);
    let commands = &view.plan().commands;
    let mut missing = None;
    for (index, command) in commands.iter().enumerate() {
        match said.get(&index) {
            Some((_, code)) if *code == u64::from(command.code()) => {}
            Some((_, code)) => {
                return Verdict::new(Code::ExitWrong)
                    .fact("command", name(index))
                    .fact("expected", command.code())
                    .fact("got", *code)
                    .seen(view.end());
            }
            None => missing = missing.or(Some(index)),
        }
    }
    if !view.finished() || !view.complete {
        return unfinished(view);
    }
    match missing {
        Some(index) => Verdict::new(Code::ExitMissing)
            .fact("command", name(index))
            .fact("said", said.len())
            .fact("total", commands.len())
            .seen(view.end()),
        None => Verdict::new(Code::ExitsRight).fact("total", commands.len()),
    }
}

/// Those lines come in the order in which commands ended, as far as that is known: by moments between them at
/// which the submission stood still.
pub fn exits_in_order(view: &View) -> Verdict {
    if let Some(doubt) = not_seen(view) {
        return doubt;
    }
    let said = said(view);
    let rests: Vec<(u64, bool)> = view
        .moments
        .iter()
        .filter_map(|m| m.stood_still(view))
        .map(|(n, settled)| (n, view.sure(settled)))
        .collect();
    // In which of the spans between two rests each command was let go.
    let mut ended: Vec<(usize, usize, u64)> = Vec::new();
    for flight in &view.flights {
        let (Some(item), Some(end)) = (flight.item, flight.end) else {
            continue;
        };
        if matches!(end.how, How::Answered { .. }) {
            let span = rests.iter().filter(|(n, _)| *n < end.n).count();
            ended.push((span, item, end.n));
        }
    }
    ended.sort_unstable();
    let (mut last, mut compared, mut before): (Option<(usize, usize)>, u32, Option<usize>) =
        (None, 0, None);
    for (span, item, n) in &ended {
        let Some((place, _)) = said.get(item) else {
            continue;
        };
        if before.is_some_and(|before| before < *span) {
            compared += 1;
        }
        if let Some((latest, index)) = last
            && *place < latest
            && before.is_some_and(|before| before < *span)
        {
            return if rests[..*span].last().is_some_and(|(_, sure)| *sure) {
                Verdict::new(Code::ExitsDisordered)
                    .fact("first", name(index))
                    .fact("second", name(*item))
                    .seen([*n])
            } else {
                Verdict::new(Code::Timed).seen([*n])
            };
        }
        if last.is_none_or(|(latest, _)| *place > latest) {
            last = Some((*place, *item));
        }
        before = Some(*span);
    }
    if compared > 0 {
        return Verdict::new(Code::ExitsInOrder).fact("commands", ended.len());
    }
    if ended.is_empty() {
        return in_other_words(common::undecided(view, false));
    }
    if said.is_empty() && view.finished() && view.complete {
        return prints_exits(view);
    }
    unfinished(view)
}

/// What commands print comes out, each line whole, and before the line that tells of the command's end.
pub fn passes_output(view: &View) -> Verdict {
    if let Some(doubt) = not_seen(view) {
        return doubt;
    }
    let said = said(view);
    let text = view.stdout();
    let commands = &view.plan().commands;
    let mut due: HashMap<&str, (usize, Vec<String>, usize)> = HashMap::new();
    for (index, command) in commands.iter().enumerate() {
        let lines = command.lines();
        if !lines.is_empty() {
            due.insert(&command.tag, (index, lines, 0));
        }
    }
    let total: usize = due.values().map(|(_, lines, _)| lines.len()).sum();
    for (place, line) in text.lines().enumerate() {
        let tag = line.split(' ').next().unwrap_or("");
        let Some((index, lines, next)) = due.get_mut(tag) else {
            if let Some(command) = commands.iter().find(|c| speaks_of(line, c)) {
                return mixed(line, command);
            }
            continue;
        };
        if lines.get(*next).map(String::as_str) != Some(line) {
            return mixed(line, &commands[*index]);
        }
        *next += 1;
        if let Some((told, _)) = said.get(index)
            && *told < place
        {
            return Verdict::new(Code::OutputAfterEnd)
                .fact("command", name(*index))
                .fact("line", shown(line))
                .seen(view.end());
        }
    }
    if !view.finished() || !view.complete {
        return unfinished(view);
    }
    let mut short: Vec<_> = due
        .values()
        .filter(|(_, lines, next)| *next < lines.len())
        .collect();
    short.sort_unstable_by_key(|(index, ..)| *index);
    match short.first() {
        Some((index, lines, next)) => Verdict::new(Code::OutputLost)
            .fact("command", name(*index))
            .fact("passed", *next)
            .fact("lines", lines.len())
            .fact("ending", common::ending(view))
            .seen(view.end()),
        None if total == 0 => unfinished(view),
        None => Verdict::new(Code::OutputPassed).fact("lines", total),
    }
}

fn speaks_of(line: &str, command: &Command) -> bool {
    line.contains(command.tag.as_str())
}

fn mixed(line: &str, command: &Command) -> Verdict {
    let index = command.tag[1..]
        .split('x')
        .next()
        .and_then(|n| n.parse().ok());
    Verdict::new(Code::OutputMixed)
        .fact("command", name(index.unwrap_or(0)))
        .fact("line", shown(line))
}

/// Where the submission stands still, nobody who has ended waits to be reaped.
pub fn reaps(view: &View) -> Verdict {
    let mut looked = 0;
    for (n, usage) in &view.children.accounts {
        let ended = view
            .flights
            .iter()
            .filter(|f| f.end.is_some_and(|e| e.n < *n && e.how != How::Abandoned))
            .count();
        let Some(zombies) = usage.zombies else {
            return Verdict::new(Code::ProcessesUnknown);
        };
        let moment = view.moments.iter().rev().find(|m| m.n < *n);
        let still = moment.and_then(|m| m.stood_still(view));
        if ended == 0 {
            continue;
        }
        match still {
            Some((at, settled)) if view.sure_to_stay(settled) => {
                if zombies > 0 {
                    return Verdict::new(Code::Zombies)
                        .fact("zombies", zombies)
                        .fact("ended", ended)
                        .seen([at, *n]);
                }
                looked += 1;
            }
            Some(_) if zombies > 0 => return Verdict::new(Code::Timed),
            Some(_) => looked += 1,
            None => {}
        }
    }
    if looked > 0 {
        Verdict::new(Code::Reaped).fact("times", looked)
    } else {
        in_other_words(common::undecided(view, false))
    }
}

/// After the script's signal the submission ends, with another status than 0, and so do all its children.
pub fn ends_children(view: &View) -> Verdict {
    let signal = view
        .plan()
        .script
        .iter()
        .position(|step| matches!(step, Step::Signal(_)));
    let Some(moment) = signal.and_then(|step| view.moment(step)) else {
        return unfinished(view);
    };
    let running = view.flying_at(moment.n).len();
    if running == 0 {
        return in_other_words(common::undecided(view, false));
    }
    if let Some((n, processes, names)) = view.children.leftover {
        return Verdict::new(Code::ChildrenLeft)
            .fact("processes", processes)
            .fact("names", names.join(", "))
            .seen([moment.n, n]);
    }
    match view.finish {
        Finish::Exit { n, .. } | Finish::Signal { n, .. } if n < moment.n => {
            in_other_words(common::undecided(view, false))
        }
        _ if !view.complete => unfinished(view),
        Finish::Exit { n, status: 0 } => Verdict::new(Code::WrongSuccess).seen([n]),
        Finish::Exit { n, .. } | Finish::Signal { n, .. } => Verdict::new(Code::ChildrenEnded)
            .fact("children", running)
            .fact("ending", common::ending(view))
            .seen([moment.n, n]),
        Finish::Hang { n } => Verdict::new(Code::ChildrenNoEnd)
            .fact("signal", signal_name(view))
            .seen([n]),
        _ => unfinished(view),
    }
}

fn signal_name(view: &View) -> String {
    let named = view.plan().script.iter().find_map(|step| match step {
        Step::Signal(name) => Some(format!("SIG{name}")),
        _ => None,
    });
    named.unwrap_or_default()
}

/// Lines `INDEX EXIT` of standard output, by index: place among all lines, and code.
fn said(view: &View) -> BTreeMap<usize, (usize, u64)> {
    let mut said = BTreeMap::new();
    for (place, line) in view.stdout().lines().enumerate() {
        let mut words = line.split_ascii_whitespace();
        let (Some(index), Some(code), None) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if let (Ok(index), Ok(code)) = (index.parse(), code.parse()) {
            said.entry(index).or_insert((place, code));
        }
    }
    said
}

/// Why nothing can be said of standard output.
fn not_seen(view: &View) -> Option<Verdict> {
    if !view.started {
        return Some(unfinished(view));
    }
    let bytes = view.stdout_dropped();
    (bytes > 0).then(|| Verdict::new(Code::OutputCut).fact("bytes", bytes))
}

fn shown(line: &str) -> String {
    let mut text: String = line.chars().take(80).collect();
    if text.len() < line.len() {
        text.push('…');
    }
    text
}

/// Whether this run is about commands.
pub fn concerns(view: &View) -> bool {
    let waits = |c: &Command| c.waits != Waits::No;
    view.plan().commands.iter().any(waits)
}

#[cfg(test)]
#[path = "children_tests.rs"]
mod tests;
