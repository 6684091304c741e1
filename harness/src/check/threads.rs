//! Whether one thread does the work.
//!
//! What a thread sleeps in tells what it is for: one that does the work waits for descriptors, an idle helper
//! (a collector of garbage, a pool that is never used) for another thread. Some runtimes have helpers that
//! wait for a descriptor of their own (signals, timers); a few are excused, as no number of connections adds to
//! them.

use super::Verdict;
use super::code::Code;
use super::common;
use super::view::View;

/// Threads that may wait for descriptors beside the one that works.
const HELPERS: u32 = 3;
/// So few threads in all can't hide any.
const FEW: u32 = 2;

/// No more than one thread waits for connections while requests are in flight.
pub fn one(view: &View) -> Verdict {
    let (mut shown, mut hidden, mut timed) = (None, false, false);
    for moment in &view.moments {
        let Some((n, settled)) = moment.stood_still(view) else {
            continue;
        };
        if settled.in_flight == 0 {
            continue;
        }
        let Some(threads) = settled.waiting_threads else {
            hidden = true;
            continue;
        };
        let verdict = |code| {
            Verdict::new(code)
                .fact("threads", threads)
                .fact("requests", settled.in_flight)
                .seen([n])
        };
        if !view.sure(settled) {
            timed = true;
        } else if threads > 1 + HELPERS {
            return verdict(Code::ManyThreads);
        } else {
            shown = shown.or(Some(verdict(Code::OneThread)));
        }
    }
    if let Some(verdict) = shown {
        return verdict;
    }
    // A program that never rests shows no waiting. Its number of threads may tell all the same.
    for moment in &view.moments {
        let label = match view.plan().script.get(moment.step) {
            Some(crate::task::script::Step::Measure(label)) => label.as_str(),
            _ => continue,
        };
        let Some((n, usage)) = view.clients.accounts.get(label) else {
            continue;
        };
        if let Some(threads) = usage.threads
            && (1..=FEW).contains(&threads)
            && moment.in_flight > 0
        {
            return Verdict::new(Code::OneThread)
                .fact("threads", threads)
                .fact("requests", moment.in_flight)
                .seen([*n]);
        }
    }
    if hidden {
        return Verdict::new(Code::ThreadsUnknown);
    }
    common::undecided(view, timed)
}

#[cfg(test)]
#[path = "threads_tests.rs"]
mod tests;
