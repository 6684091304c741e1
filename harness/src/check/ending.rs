//! How the submission ended.

use super::Verdict;
use super::code::Code;
use super::common::{signal_name, unfinished};
use super::view::{Finish, View};
use crate::task::rule::Status;

/// The submission ended by itself, with this status.
pub fn exits(view: &View, wanted: Status) -> Verdict {
    let mib = view.plan().limits.memory_mib;
    match view.finish {
        Finish::Signal { n, .. } if view.struck("memory").is_some() => {
            Verdict::new(Code::OutOfMemory).fact("mib", mib).seen([n])
        }
        Finish::Signal { n, signal } => Verdict::new(Code::Crashed)
            .fact("signal", signal_name(signal))
            .seen([n]),
        Finish::Exit { n, status } => match (wanted, status) {
            (Status::Zero, 0) | (Status::Any, _) => {
                Verdict::new(Code::Ended).fact("status", status).seen([n])
            }
            (Status::Nonzero, 0) => Verdict::new(Code::WrongSuccess).seen([n]),
            (Status::Nonzero, _) => Verdict::new(Code::Ended).fact("status", status).seen([n]),
            (Status::Zero, _) if view.struck("memory").is_some() => {
                Verdict::new(Code::OutOfMemory).fact("mib", mib).seen([n])
            }
            (Status::Zero, _) => Verdict::new(Code::WrongStatus)
                .fact("status", status)
                .seen([n]),
        },
        Finish::Hang { n } => hang(view, n),
        Finish::Endless { n } => Verdict::new(Code::Endless)
            .fact("requests", view.flights.len())
            .fact("total", view.plan().items.len())
            .seen([n]),
        Finish::Quiet { .. } | Finish::GaveUp { .. } | Finish::Unknown => unfinished(view),
    }
}

fn hang(view: &View, n: u64) -> Verdict {
    let asked: std::collections::HashSet<usize> =
        view.flights.iter().filter_map(|f| f.item).collect();
    let left = view.expected().filter(|i| !asked.contains(i)).count();
    Verdict::new(Code::Hang)
        .fact("in_flight", view.flying_at(n).len())
        .fact("left", left)
        .seen([n])
}

/// Bad arguments: a message on standard error that is more than a runtime's trace, and a failure.
pub fn refuses_arguments(view: &View) -> Verdict {
    match view.finish {
        Finish::Hang { n } | Finish::Endless { n } => Verdict::new(Code::ArgumentsHang).seen([n]),
        Finish::Signal { n, signal } => Verdict::new(Code::ArgumentsCrash)
            .fact("signal", signal_name(signal))
            .seen([n]),
        Finish::Exit { n, status: 0 } => Verdict::new(Code::Accepted).seen([n]),
        Finish::Exit { n, status } => {
            let text = view.stderr();
            let (message, trace) = split_trace(&text);
            match (message, trace) {
                (true, _) => Verdict::new(Code::Refused).fact("status", status).seen([n]),
                (false, Some(line)) => Verdict::new(Code::BareTrace).fact("trace", line).seen([n]),
                // The stream's end was not seen: the message may have been on its way.
                (false, None) if !view.complete => unfinished(view),
                (false, None) => Verdict::new(Code::Silent).fact("status", status).seen([n]),
            }
        }
        Finish::Quiet { .. } | Finish::GaveUp { .. } | Finish::Unknown => unfinished(view),
    }
}

/// Whether there is a message beside any trace that a runtime prints by itself, and that trace's
/// most telling line.
fn split_trace(text: &str) -> (bool, Option<String>) {
    let mut trace: Option<String> = None;
    let mut message = false;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let line = line.trim_end();
        if line.is_empty() {
            continue;
        }
        if line.starts_with("Traceback (most recent call last):") || is_chaining(line) {
            // Python: indented frames, then the exception's own line (or lines of notes).
            while lines
                .next_if(|l| l.starts_with(' ') || l.is_empty())
                .is_some()
            {}
            trace = lines.next().map(str::to_owned).or(trace);
        } else if line.starts_with("  File \"") {
            // Python: a syntax error has no heading.
            while lines.next_if(|l| l.starts_with(' ')).is_some() {}
            trace = lines.next().map(str::to_owned).or(trace);
        } else if line.starts_with("panic: ")
            || line.starts_with("goroutine ")
            || is_rust_panic(line)
        {
            // Go and Rust say no more after it.
            trace.get_or_insert_with(|| line.to_owned());
            lines.by_ref().for_each(drop);
        } else if line.starts_with("Exception in thread \"") {
            trace = Some(line.to_owned());
            while lines
                .next_if(|l| l.starts_with('\t') || l.starts_with("Caused by:"))
                .is_some()
            {}
        } else if is_node_place(line) {
            // Node: the place, the source line, a caret, the error with its frames, the version.
            for rest in lines.by_ref() {
                if rest.starts_with("Node.js v") {
                    break;
                }
                if rest.contains("Error") && trace.is_none() {
                    trace = Some(rest.trim().to_owned());
                }
            }
            trace.get_or_insert_with(|| line.to_owned());
        } else {
            message = true;
        }
    }
    (message, trace)
}

fn is_chaining(line: &str) -> bool {
    line.starts_with("During handling of the above exception")
        || line.starts_with("The above exception was the direct cause")
}

fn is_rust_panic(line: &str) -> bool {
    line.starts_with("thread '") && line.contains(" panicked at ")
}

/// `/work/main.js:12` or `node:internal/fs/utils:356`.
fn is_node_place(line: &str) -> bool {
    let Some((file, number)) = line.rsplit_once(':') else {
        return false;
    };
    let script = [".js", ".mjs", ".cjs", ".ts"]
        .iter()
        .any(|e| file.ends_with(e))
        || file.starts_with("node:");
    script && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
#[path = "ending_tests.rs"]
mod tests;
