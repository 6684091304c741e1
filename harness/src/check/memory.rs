//! Memory that stays bounded however much goes through.

use super::Verdict;
use super::code::Code;
use super::common;
use super::view::{How, View};

/// Name of the arena's facility that limits and accounts memory.
pub const FACILITY: &str = "memory_limit";

/// The program stayed within `mib` while more than that went through it.
pub fn bounded(view: &View, mib: u64) -> Verdict {
    let bytes: u64 = view
        .flights
        .iter()
        .filter_map(|f| match f.end?.how {
            How::Answered { bytes, .. } => Some(bytes),
            How::Abandoned => None,
        })
        .sum();
    let through = bytes >> 20;
    let with = |code| Verdict::new(code).fact("mib", mib).fact("through", through);
    let struck = view.limits.iter().find(|l| l.0 == "memory").map(|l| l.2);
    // The largest resident set of one process is a high-water mark of the kernel: beyond the limit
    // it is proof, below it one of one process only.
    let largest = view.usage.and_then(|u| u.max_rss_kib);
    if struck.is_some() || largest.is_some_and(|kib| kib > mib << 10) {
        return with(Code::MemoryExceeded).seen(struck);
    }
    if view.flights.is_empty() {
        return common::nothing_done(view);
    }
    if !view.complete || !view.finished() {
        return common::unfinished(view);
    }
    if through <= mib {
        return with(Code::MemoryUntested);
    }
    let limited = view.plan().limits.memory_mib <= mib && limit_in_force(view);
    let alone = largest.is_some() && view.processes == 1;
    if limited || alone {
        with(Code::MemoryBounded)
    } else {
        Verdict::new(Code::MemoryUnknown).fact("mib", mib)
    }
}

fn limit_in_force(view: &View) -> bool {
    view.header
        .facilities
        .get(FACILITY)
        .is_some_and(|how| how.starts_with("cgroup"))
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
