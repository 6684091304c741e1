//! What several families of checks say alike.

use std::collections::HashSet;

use super::Verdict;
use super::code::Code;
use super::view::{Finish, View};
use crate::evidence::StepOutcome;

/// Said of a program that kept its processor busy, or woke up all the time, until a step gave up on it.
const NEVER_RESTED: &str = "the program never came to rest while its answers were held";

/// The program never asked for anything: no upper bound is earned by that. Where the harness, not
/// the program, is to blame, it is no fail.
pub fn nothing_done(view: &View) -> Verdict {
    if !view.started || !view.finished() {
        return unfinished(view);
    }
    Verdict::new(Code::NothingDone).fact("ending", ending(view))
}

/// The evidence doesn't reach far enough.
pub fn unfinished(view: &View) -> Verdict {
    match &view.finish {
        Finish::GaveUp { n, why } => Verdict::new(Code::GaveUp)
            .fact("why", why.as_str())
            .seen([*n]),
        Finish::Quiet { n } => Verdict::new(Code::Timed).seen([*n]),
        _ if view.complete && view.started => Verdict::new(Code::Untested),
        _ => Verdict::new(Code::Partial),
    }
}

/// Nothing was proven: says why.
pub fn undecided(view: &View, timed: bool) -> Verdict {
    if timed {
        return Verdict::new(Code::Timed);
    }
    if view.flights.is_empty() && view.finished() {
        return nothing_done(view);
    }
    let abandoned = view.abandoned().count();
    match &view.finish {
        // Its own time-outs struck while its answers were held: on a starved host that can happen to
        // any program.
        Finish::Exit { .. } if abandoned > 0 => {
            Verdict::new(Code::GivenUp).fact("abandoned", abandoned)
        }
        // It never came to rest where the script wanted to look at it: that is no fault by itself.
        Finish::Exit { n, .. } | Finish::Signal { n, .. } if never_rested(view) => {
            Verdict::new(Code::GaveUp)
                .fact("why", NEVER_RESTED)
                .seen([*n])
        }
        Finish::Exit { n, .. } | Finish::Signal { n, .. } => {
            let asked: HashSet<usize> = view.flights.iter().filter_map(|f| f.item).collect();
            let left = view.expected().filter(|i| !asked.contains(i)).count();
            Verdict::new(Code::EndedEarly)
                .fact("ending", ending(view))
                .fact("requests", view.flights.len())
                .fact("left", left)
                .seen([*n])
        }
        _ => unfinished(view),
    }
}

/// A step of the script gave up watching, and what it was meant to show was never seen.
fn never_rested(view: &View) -> bool {
    view.moments
        .iter()
        .any(|m| m.outcome == StepOutcome::GaveUp)
}

/// How the run ended, in a word or two that need no translation.
pub fn ending(view: &View) -> String {
    match &view.finish {
        Finish::Exit { status, .. } => format!("status {status}"),
        Finish::Signal { signal, .. } => signal_name(*signal),
        Finish::Hang { .. } | Finish::Endless { .. } | Finish::Quiet { .. } => "hang".to_owned(),
        Finish::GaveUp { why, .. } => why.clone(),
        // A server runs until the harness ends it.
        Finish::Unknown if view.complete => "running".to_owned(),
        Finish::Unknown => "?".to_owned(),
    }
}

/// `SIGSEGV` for 11.
pub fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        libc::SIGSYS => "SIGSYS",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}
