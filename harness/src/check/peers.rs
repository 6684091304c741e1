//! Bare targets: what the submission called them, whether it met them all at once, and when it gave up.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::Verdict;
use super::code::Code;
use super::common;
use super::view::View;
use crate::evidence::{Event, PeerEnding, Record, StepOutcome};
use crate::task::Value;
use crate::task::peer::Does;
use crate::task::script::Step;

/// Every word for an outcome.
const OUTCOMES: [&str; 6] = [
    "ok",
    "refused",
    "connect-timeout",
    "read-timeout",
    "reset",
    "closed",
];
/// Timers of runtimes count in whole milliseconds, some rounded down at both ends.
const TOLERANCE: u64 = 2_000_000;
/// So many bytes, taken one by one after its time, show that a program isn't merely slow to give up.
const TAKEN_LATE: usize = 3;
const MS: u64 = 1_000_000;

/// The targets of one run and the connections to them.
#[derive(Debug, Default)]
pub struct Peers<'a> {
    addrs: &'a [SocketAddr],
    /// Time at which they could be connected to, ns.
    since: u64,
    met: BTreeMap<u32, Meeting>,
    /// When the submission's own process ended.
    exited: Option<u64>,
}

#[derive(Debug)]
struct Meeting {
    peer: usize,
    n: u64,
    /// It was made between these two, ns.
    after: u64,
    seen: u64,
    /// When bytes of a dripping peer had been taken, ns.
    taken: Vec<u64>,
    gone: Option<(u64, u64, PeerEnding)>,
}

impl<'a> Peers<'a> {
    pub(super) fn take(&mut self, record: &'a Record) {
        match &record.event {
            Event::Peers { addrs } => (self.addrs, self.since) = (addrs, record.t),
            Event::PeerMet { conn, peer, after } => {
                let meeting = Meeting {
                    peer: *peer as usize,
                    n: record.n,
                    after: *after,
                    seen: record.t,
                    taken: Vec::new(),
                    gone: None,
                };
                self.met.insert(*conn, meeting);
            }
            Event::PeerHeard { conn } => {
                if let Some(meeting) = self.met.get_mut(conn) {
                    meeting.taken.push(record.t);
                }
            }
            Event::PeerGone { conn, how } => {
                if let Some(meeting) = self.met.get_mut(conn) {
                    meeting.gone = Some((record.n, record.t, *how));
                }
            }
            Event::Exited { .. } => self.exited = self.exited.or(Some(record.t)),
            _ => {}
        }
    }

    fn name(&self, peer: usize) -> String {
        self.addrs
            .get(peer)
            .map(SocketAddr::to_string)
            .unwrap_or_default()
    }

    /// Whether a time-out of so many ns may have struck on the way to this target, as the host was slow.
    fn was_slow(&self, peer: usize, timeout: u64) -> bool {
        let mut meetings = self.met.values().filter(|m| m.peer == peer).peekable();
        if meetings.peek().is_none() {
            return self
                .exited
                .is_none_or(|t| t.saturating_sub(self.since) >= timeout);
        }
        meetings.any(|m| {
            m.gone
                .is_none_or(|(_, t, _)| t.saturating_sub(m.after) >= timeout)
        })
    }
}

/// The run's time-out in ns, by its parameter `timeout` in seconds.
fn timeout(view: &View) -> Option<u64> {
    let seconds: f64 = match view.plan().params.get("timeout")? {
        Value::Int(n) => *n as f64,
        Value::Text(text) => text.parse().ok()?,
    };
    (seconds > 0.0 && seconds < 3600.0).then_some((seconds * 1e9) as u64)
}

/// Standard output has the right outcome for each target (of these kinds).
pub fn names(view: &View, kinds: &[Does], exact: bool) -> Verdict {
    let text = view.stdout();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let limit = timeout(view).unwrap_or(u64::MAX);
    let (mut named, mut missing, mut total, mut doubtful) = (0u64, Vec::new(), 0u64, false);
    for (peer, does) in view.plan().peers.iter().enumerate() {
        if !kinds.is_empty() && !kinds.contains(does) {
            continue;
        }
        total += 1;
        let (name, due) = (view.peers.name(peer), does.outcome());
        let about = lines.iter().find(|line| speaks_of(line, &name));
        let Some(line) = about else {
            missing.push(name);
            continue;
        };
        let right = if exact {
            **line == format!("{name} {due}")
        } else {
            said(line) == [due]
        };
        if right {
            named += 1;
        } else if !exact
            && !due.ends_with("timeout")
            && view.peers.was_slow(peer, limit)
            && said(line).iter().all(|word| word.ends_with("timeout"))
        {
            doubtful = true;
        } else {
            return Verdict::new(Code::PeerMisnamed)
                .fact("line", line.chars().take(200).collect::<String>())
                .fact("expected", format!("{name} {due}"));
        }
    }
    match missing.first() {
        None if total == 0 => common::unfinished(view),
        None if doubtful => Verdict::new(Code::PeersDoubtful),
        None => Verdict::new(Code::PeersNamed).fact("targets", named),
        Some(_) if view.stdout_dropped() > 0 => {
            Verdict::new(Code::OutputCut).fact("bytes", view.stdout_dropped())
        }
        Some(_) if !view.finished() || !view.complete => common::unfinished(view),
        Some(first) => Verdict::new(Code::PeerMissing)
            .fact("missing", missing.len())
            .fact("total", total)
            .fact("target", first.as_str()),
    }
}

/// All targets that can be connected to were, at the same time, by the script's `until: { met: … }`.
pub fn meets_all(view: &View) -> Verdict {
    let waits = |step: Option<&Step>| matches!(step, Some(Step::Until(c)) if c.met.is_some());
    let script = &view.plan().script;
    let Some(moment) = view.moments.iter().find(|m| waits(script.get(m.step))) else {
        return common::unfinished(view);
    };
    let there: Vec<&Meeting> = view
        .peers
        .met
        .values()
        .filter(|m| m.n < moment.n && m.gone.is_none_or(|(n, ..)| n > moment.n))
        .collect();
    let verdict = |code| {
        Verdict::new(code)
            .fact("met", there.len())
            .fact("targets", view.plan().peers.len())
            .seen(there.iter().map(|m| m.n))
    };
    match moment.outcome {
        StepOutcome::Reached if view.plan().peers.len() == there.len() => verdict(Code::PeersMet),
        // Some had left before the others came.
        StepOutcome::Reached => Verdict::new(Code::PeersDoubtful),
        _ => match moment.stood_still(view) {
            Some((_, settled)) if view.sure_to_stay(settled) => verdict(Code::PeersOneByOne),
            Some((_, settled)) => common::undecided(view, !view.sure(settled)),
            None => common::unfinished(view),
        },
    }
}

/// No silent or dripping target was given up before its time, and none kept on after it.
pub fn in_time(view: &View) -> Verdict {
    let Some(limit) = timeout(view) else {
        return Verdict::new(Code::Untested);
    };
    let waits = |does: &Does| matches!(does, Does::Silent | Does::Drip | Does::Unreachable);
    let peers = &view.plan().peers;
    let verdict = |code, peer, after: u64, n: Option<u64>| {
        Verdict::new(code)
            .fact("target", view.peers.name(peer))
            .fact("ms", limit / MS)
            .fact("after", after / MS)
            .seen(n)
    };
    let mut judged = 0u64;
    for meeting in view.peers.met.values() {
        if !peers.get(meeting.peer).is_some_and(waits) {
            continue;
        }
        let late = meeting
            .taken
            .iter()
            .filter(|t| **t > meeting.seen + limit)
            .count();
        if late >= TAKEN_LATE {
            let after = meeting
                .taken
                .last()
                .unwrap_or(&0)
                .saturating_sub(meeting.seen);
            return verdict(Code::PeerLate, meeting.peer, after, Some(meeting.n));
        }
        let Some((n, t, PeerEnding::Client)) = meeting.gone else {
            continue;
        };
        let lasted = t.saturating_sub(meeting.after);
        if lasted + TOLERANCE < limit {
            return verdict(Code::PeerEarly, meeting.peer, lasted, Some(n));
        }
        judged += 1;
    }
    // Whoever ends sooner than a time-out after it began can't have waited it out.
    let slow = peers.iter().position(waits);
    if let (Some(peer), Some(exited), true) = (slow, view.peers.exited, view.finished()) {
        let lasted = exited.saturating_sub(view.peers.since);
        if lasted + TOLERANCE < limit {
            return verdict(Code::PeerEarly, peer, lasted, None);
        }
        judged += u64::from(peers.contains(&Does::Unreachable));
    }
    if judged > 0 && view.complete {
        Verdict::new(Code::PeersInTime).fact("targets", judged)
    } else {
        common::unfinished(view)
    }
}

/// Whether the line names this target, and not one whose port begins alike.
fn speaks_of(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        !line[at + name.len()..].starts_with(|c: char| c.is_ascii_digit())
            && !line[..at].ends_with(|c: char| c.is_ascii_digit() || c == '.')
    })
}

/// The outcomes that a line names.
fn said(line: &str) -> Vec<&'static str> {
    let words: Vec<String> = line
        .split(|c: char| !c.is_ascii_alphabetic() && c != '-')
        .map(str::to_ascii_lowercase)
        .collect();
    let there = |outcome: &&&str| words.iter().any(|word| word == **outcome);
    OUTCOMES.iter().filter(there).copied().collect()
}

#[cfg(test)]
#[path = "peers_tests.rs"]
mod tests;
