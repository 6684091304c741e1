//! Servers that end idle connections: never early, judged strictly, and not long after their time.
//!
//! What a right server may have done is bounded by what the world knows for certain. Bytes can't have come
//! before the call that sent them began, so a connection that ends sooner than the time-out after that was
//! ended early, however busy the machine is. Late is said only at a moment at which the server surely
//! stood still with the connection open, long after its time.

use super::Verdict;
use super::code::Code;
use super::common::unfinished;
use super::serving::{self, Standing, outcome, served};
use super::view::View;
use crate::evidence::ClientEnding;
use crate::task::script::Step;

/// Timers of runtimes count in whole milliseconds, some rounded down at both ends.
const TOLERANCE: u64 = 2_000_000;
/// A server may look for idle connections once a second, or once in each period.
const SWEEP: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

/// When something came from a client, and when its connection ended; nanoseconds of the run.
#[derive(Debug, Default)]
pub struct Activity {
    begun: Option<u64>,
    opened: Option<u64>,
    /// When the last call of `send` began, as far as that is known, and bytes up to then.
    sends: Vec<(Option<u64>, u64)>,
    /// When so many bytes had come back.
    heard: Vec<(u64, u64)>,
    pub(super) ended: Option<u64>,
}

/// How the end of a connection stands to its time-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// After so many nanoseconds of silence, at most.
    Early(u64),
    InTime,
    /// A right server could have ended it then, as bytes came when its time was nearly over.
    Doubtful,
}

impl Activity {
    pub(super) fn opened(&mut self, t: u64, begun: Option<u64>) {
        (self.begun, self.opened) = (begun, Some(t));
    }

    pub(super) fn sent(&mut self, total: u64, begun: Option<u64>) {
        self.sends.push((begun, total));
    }

    pub(super) fn received(&mut self, total: u64, t: u64) {
        self.heard.push((t, total));
    }

    /// How its end at `end` stands to a time-out of so many nanoseconds.
    fn end(&self, end: u64, timeout: u64) -> End {
        let due = |from: u64| (from + timeout).saturating_sub(TOLERANCE);
        let mut starts = vec![self.begun];
        starts.extend(self.sends.iter().map(|(begun, _)| *begun));
        let Some(starts) = starts.into_iter().collect::<Option<Vec<u64>>>() else {
            return End::Doubtful;
        };
        let last = starts.last().copied().unwrap_or(0);
        if end >= due(last) {
            return End::InTime;
        }
        let early = End::Early(end.saturating_sub(last));
        let Some(before) = starts.len().checked_sub(2).map(|i| starts[i]) else {
            return early;
        };
        // Its echo shows when the server had surely taken the last message.
        let total = self.sends.last().map_or(0, |(_, total)| *total);
        let taken = self
            .heard
            .iter()
            .find(|(_, heard)| *heard >= total)
            .map(|(t, _)| *t);
        if taken.unwrap_or(end) < due(before) {
            early
        } else {
            End::Doubtful
        }
    }

    /// The last sign of life of which the server surely knew, if it stood still since.
    fn last(&self) -> Option<u64> {
        let sent = self.sends.iter().filter_map(|(begun, _)| *begun).max();
        let heard = self.heard.last().map(|(t, _)| *t);
        self.opened.max(sent).max(heard)
    }
}

/// No connection of the group was ended before nothing had come on it for so many milliseconds.
pub fn keeps_open(view: &View, group: &str, ms: u64) -> Verdict {
    let mut doubt = None;
    for (_, client) in view.clients.of(group) {
        let (Some((n, how)), Some(t)) = (client.end, client.activity.ended) else {
            continue;
        };
        if how == ClientEnding::World {
            continue;
        }
        match client.activity.end(t, ms * MS) {
            End::Early(after) => {
                let early = Verdict::new(Code::IdleEarly)
                    .fact("ms", ms)
                    .fact("after", after / MS)
                    .seen([n]);
                // With the server all its connections end.
                return serving::ended(view).unwrap_or(early);
            }
            End::Doubtful => doubt = Some(Verdict::new(Code::IdleDoubtful).seen([n])),
            End::InTime => {}
        }
    }
    if let Some(doubt) = doubt {
        return doubt;
    }
    let waits = |step: &Step| match step {
        Step::Until(c) => c.echoed.as_ref().is_some_and(|m| m.group == group),
        Step::Talk(talk) => talk.group == group,
        _ => false,
    };
    match served(view, group, waits) {
        Some(verdict) if verdict.code != Code::Untested.as_str() => return verdict,
        _ => {}
    }
    let end = view.clients.rests.last().map_or(0, |rest| rest.1);
    let lived = |opened: Option<u64>, ended: Option<u64>| {
        opened.is_some_and(|from| ended.unwrap_or(end).saturating_sub(from) + TOLERANCE >= ms * MS)
    };
    let mut clients = view.clients.of(group).peekable();
    if clients.peek().is_some() && clients.all(|(_, c)| lived(c.activity.opened, c.activity.ended))
    {
        Verdict::new(Code::IdleKept).fact("ms", ms)
    } else {
        serving::ended(view).unwrap_or_else(|| unfinished(view))
    }
}

/// Each connection of the group was ended by the server, not long after nothing had come on it for so
/// many milliseconds.
pub fn closes(view: &View, group: &str, ms: u64) -> Verdict {
    let brought = |step: &Step| matches!(step, Step::Connect(c) if c.group == group);
    match served(view, group, brought) {
        Some(verdict) if verdict.code != Code::Untested.as_str() => return verdict,
        _ => {}
    }
    let timeout = ms * MS;
    let clients: Vec<_> = view.clients.of(group).map(|(_, c)| c).collect();
    for client in &clients {
        let Some(last) = client.activity.last() else {
            continue;
        };
        let late = last + 2 * timeout + SWEEP;
        let still_open = |t: u64| client.activity.ended.is_none_or(|ended| ended > t);
        let moment = view.moments.iter().find_map(|m| {
            let (n, settled) = m.stood_still(view)?;
            let t = view.clients.rests.iter().find(|rest| rest.0 == n)?.1;
            (view.sure(settled) && t > late && still_open(t)).then_some((n, t))
        });
        if let Some((n, t)) = moment {
            return Verdict::new(Code::IdleLate)
                .fact("ms", ms)
                .fact("after", (t - last) / MS)
                .seen([n]);
        }
    }
    let ended = |how: Option<(u64, ClientEnding)>| matches!(how, Some((_, how)) if how != ClientEnding::World);
    let open = clients.iter().filter(|c| !ended(c.end)).count();
    if open == 0 && !clients.is_empty() {
        return Verdict::new(Code::IdleClosed).fact("clients", clients.len());
    }
    let waits = |step: &Step| matches!(step, Step::Until(c) if c.ended.as_ref().is_some_and(|m| m.group == group));
    let script = &view.plan().script;
    let Some(moment) = (0..script.len())
        .filter(|&i| waits(&script[i]))
        .find_map(|i| view.moment(i))
    else {
        return serving::ended(view).unwrap_or_else(|| unfinished(view));
    };
    match outcome(view, moment) {
        Ok(Standing::Stuck) => Verdict::new(Code::IdleLeftOpen)
            .fact("clients", clients.len())
            .fact("open", open)
            .fact("ms", ms)
            .seen(moment.settled.map(|s| s.0)),
        Ok(Standing::Reached) => unfinished(view),
        Err(verdict) => verdict,
    }
}

#[cfg(test)]
#[path = "idle_tests.rs"]
mod tests;
