//! Computing at the same time: how many threads or processes wanted a processor at once, by the kernel's
//! accounts of each.
//!
//! A thread that computes is always on a processor or in the queue for one; the kernel counts both times. Their
//! sum over all threads, divided by the time that passed, is the number of those that compute at once, and
//! it is the same on a busy machine as on an idle one. Threads that take turns (those of an interpreter with
//! one lock) sleep voluntarily time and again; of these only the time on a processor counts.

use std::collections::BTreeMap;

use super::Verdict;
use super::code::Code;
use super::common::{self, unfinished};
use super::view::{Finish, View};
use crate::evidence::{Event, Record, StepOutcome, Worked};
use crate::task::script::Step;

/// Voluntary sleeps in a second of processor time from which on a thread is one that takes turns.
const TURNS: u64 = 100;
/// A thread with a smaller share of all is a helper, per cent.
const HELPER: u64 = 5;
/// Degrees, in hundredths.
const ALONE: u64 = 125;
const TOGETHER: u64 = 150;
const BEYOND: u64 = 50;
const WITHIN: u64 = 35;

/// Looks at the threads in the course of the run: number of the event, accounts.
#[derive(Debug, Default)]
pub struct Work<'a>(Vec<(u64, &'a [Worked])>);

impl<'a> Work<'a> {
    pub(super) fn take(&mut self, record: &'a Record) {
        if let Event::Work { threads } = &record.event {
            self.0.push((record.n, threads));
        }
    }
}

/// What the looks come to.
struct Degree {
    /// Threads that computed at once, in hundredths.
    hundredths: u64,
    threads: usize,
    ms: u64,
    /// First and last look.
    events: [u64; 2],
}

/// At least two compute at the same time.
pub fn at_once(view: &View, workers: u64) -> Verdict {
    match degree(view) {
        Err(verdict) => verdict,
        Ok(degree) if workers < 2 => told(Code::ParallelRight, &degree),
        Ok(degree) if degree.hundredths >= TOGETHER => told(Code::ParallelRight, &degree),
        Ok(degree) if degree.hundredths <= ALONE => told(Code::ParallelNot, &degree),
        Ok(degree) => told(Code::ParallelDoubtful, &degree),
    }
}

/// No more than so many compute at the same time.
pub fn no_more(view: &View, workers: u64) -> Verdict {
    match degree(view) {
        Err(verdict) => verdict,
        Ok(degree) if degree.hundredths >= 100 * workers + BEYOND => {
            told(Code::ParallelTooMany, &degree).fact("workers", workers)
        }
        Ok(degree) if degree.hundredths <= 100 * workers + WITHIN => {
            told(Code::ParallelKept, &degree).fact("workers", workers)
        }
        Ok(degree) => told(Code::ParallelDoubtful, &degree),
    }
}

fn told(code: Code, degree: &Degree) -> Verdict {
    let number = format!("{}.{:02}", degree.hundredths / 100, degree.hundredths % 100);
    Verdict::new(code)
        .fact("degree", number)
        .fact("threads", degree.threads)
        .fact("ms", degree.ms)
        .seen(degree.events)
}

fn degree(view: &View) -> Result<Degree, Verdict> {
    let working = view
        .plan()
        .script
        .iter()
        .position(|step| matches!(step, Step::Work(_)));
    let Some(moment) = working.and_then(|step| view.moment(step)) else {
        return Err(unfinished(view));
    };
    match (&moment.outcome, &view.finish) {
        (StepOutcome::Reached, _) => {}
        (StepOutcome::Exited, Finish::Exit { n, .. } | Finish::Signal { n, .. }) => {
            return Err(Verdict::new(Code::CountingEnded)
                .fact("ending", common::ending(view))
                .seen([*n]));
        }
        _ => return Err(unfinished(view)),
    }
    let looks = &view.work.0;
    let whole: u64 = looks.last().map_or(0, |(_, threads)| run(threads));
    // The start of a runtime is not yet the work.
    let first = looks
        .iter()
        .position(|(_, threads)| run(threads) * 3 >= whole);
    let (Some(first), Some(last)) = (first, looks.len().checked_sub(1)) else {
        return Err(Verdict::new(Code::ProcessesUnknown));
    };
    if whole == 0 || first >= last {
        return Err(Verdict::new(Code::ProcessesUnknown));
    }
    let mut spans: BTreeMap<u32, (Worked, Worked)> = BTreeMap::new();
    for (i, (_, threads)) in looks[first..].iter().enumerate() {
        for thread in *threads {
            // Whoever is new began since the last look: all of its time counts.
            let begun = if i == 0 {
                *thread
            } else {
                Worked {
                    tid: thread.tid,
                    ..Worked::default()
                }
            };
            spans.entry(thread.tid).or_insert((begun, *thread)).1 = *thread;
        }
    }
    let spent = |(begun, ended): &(Worked, Worked)| ended.run_ns.saturating_sub(begun.run_ns);
    let all: u64 = spans.values().map(spent).sum();
    let workers: Vec<_> = spans
        .values()
        .filter(|span| spent(span) * 100 >= all * HELPER)
        .collect();
    let wall = at(looks[last].1).saturating_sub(at(looks[first].1));
    if all == 0 || wall == 0 {
        return Err(Verdict::new(Code::ProcessesUnknown));
    }
    let wanted: u64 = workers
        .iter()
        .map(|span| {
            let (begun, ended) = span;
            let sleeps = ended.sleeps.saturating_sub(begun.sleeps);
            let takes_turns = sleeps >= 10 && sleeps * 1_000_000_000 >= spent(span) * TURNS;
            let waited = ended.wait_ns.saturating_sub(begun.wait_ns);
            spent(span) + if takes_turns { 0 } else { waited }
        })
        .sum();
    Ok(Degree {
        hundredths: u64::try_from(u128::from(wanted) * 100 / u128::from(wall)).unwrap_or(u64::MAX),
        threads: workers.len(),
        ms: wall / 1_000_000,
        events: [looks[first].0, looks[last].0],
    })
}

fn run(threads: &[Worked]) -> u64 {
    threads.iter().map(|t| t.run_ns).sum()
}

/// When the threads were looked at: in the middle of the look.
fn at(threads: &[Worked]) -> u64 {
    threads.iter().map(|t| t.at_ns).sum::<u64>() / threads.len().max(1) as u64
}

/// Standard output has the numbers of this parameter, in its order.
pub fn prints_numbers(view: &View, name: &str) -> Verdict {
    let given = view.plan().params.get(name).map(ToString::to_string);
    let given = given.unwrap_or_default();
    let wanted: Vec<&str> = given.split_ascii_whitespace().collect();
    let text = view.stdout();
    let is_number = |line: &&str| !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit());
    let said: Vec<&str> = text.lines().map(str::trim).filter(is_number).collect();
    if let Some((i, (line, number))) = said
        .iter()
        .zip(&wanted)
        .enumerate()
        .find(|(_, (said, wanted))| said != wanted)
    {
        return Verdict::new(Code::NumbersWrong)
            .fact("place", i + 1)
            .fact("expected", *number)
            .fact("got", *line);
    }
    if !view.finished() || !view.complete {
        return unfinished(view);
    }
    if said.len() == wanted.len() {
        return Verdict::new(Code::NumbersRight).fact("numbers", wanted.len());
    }
    let end = "–";
    Verdict::new(Code::NumbersWrong)
        .fact("place", said.len().min(wanted.len()) + 1)
        .fact("expected", wanted.get(said.len()).copied().unwrap_or(end))
        .fact("got", said.get(wanted.len()).copied().unwrap_or(end))
        .seen(view.end())
}

#[cfg(test)]
#[path = "parallel_tests.rs"]
mod tests;
