//! Servers: whether clients get what is due to them.

use super::Verdict;
use super::clients::{Client, said_before};
use super::code::Code;
use super::common::{signal_name, unfinished};
use super::view::{Moment, View};
use crate::evidence::{ClientEnding, StepOutcome};
use crate::task::script::Step;
use crate::task::swarm::Alphabet;

/// A message of wide characters ends where a character does.
const CUT: u64 = 3;

/// Everything that the group's clients said came back to them, at each point at which the script waits
/// for that.
pub fn echoes(view: &View, group: &str) -> Verdict {
    let waits = |step: &Step| matches!(step, Step::Until(c) if c.echoed.as_ref().is_some_and(|m| m.group == group));
    served(view, group, waits).unwrap_or_else(|| {
        let clients = view.clients.of(group).count();
        Verdict::new(Code::Echoed).fact("clients", clients)
    })
}

/// Letters came back in upper case.
pub fn uppercases(view: &View, group: &str) -> Verdict {
    let echoed = echoes(view, group);
    if echoed.code != Code::Echoed.as_str() {
        return echoed;
    }
    let letters = |step: &Step| match step {
        Step::Send(send) if send.group == group => match &send.text {
            Some(text) => text.bytes().any(|b| b.is_ascii_lowercase()),
            None => send.alphabet == Alphabet::Letters,
        },
        _ => false,
    };
    let unraised: u64 = view.clients.of(group).map(|(_, c)| c.unraised).sum();
    if unraised > 0 {
        let seen = view
            .clients
            .of(group)
            .filter(|(_, c)| c.unraised > 0)
            .filter_map(|(_, c)| c.last_received());
        Verdict::new(Code::Unraised)
            .fact("letters", unraised)
            .seen(seen)
    } else if view.plan().script.iter().any(letters) {
        Verdict::new(Code::Raised)
    } else {
        Verdict::new(Code::Untested)
    }
}

/// Clients that have half-closed get all that is left, and then the end of the stream.
pub fn finishes(view: &View, group: &str) -> Verdict {
    let waits = |step: &Step| matches!(step, Step::Until(c) if c.ended.as_ref().is_some_and(|m| m.group == group));
    if let Some(verdict) = served(view, group, waits) {
        return verdict;
    }
    let clients: Vec<(u32, &Client)> = view.clients.of(group).collect();
    let due = said_before(view, group, usize::MAX);
    let short = |c: &Client| {
        let (sent, received) = c.bytes();
        c.finished.is_none() || received < sent || received + CUT < due
    };
    if let Some((_, client)) = clients.iter().find(|(_, c)| short(c)) {
        let cut = clients.iter().filter(|(_, c)| short(c)).count();
        return lacking(Code::Cut, client, cut, u64::MAX).seen(client.end.map(|e| e.0));
    }
    match clients
        .iter()
        .find(|(_, c)| !matches!(c.end, Some((_, ClientEnding::Eof))))
    {
        Some((_, client)) => Verdict::new(Code::EndedByReset).seen(client.end.map(|e| e.0)),
        None => Verdict::new(Code::FinishedWell),
    }
}

/// What stands against the submission (or against a judgement) before and at the steps at which the
/// script waits for this group. Nothing, if each came to be.
pub fn served(view: &View, group: &str, waits: impl Fn(&Step) -> bool) -> Option<Verdict> {
    if let Some(verdict) = not_listening(view) {
        return Some(verdict);
    }
    let wrong = view.clients.of(group).filter_map(|(_, c)| c.mismatch).min();
    if let Some((n, at, expected, got)) = wrong {
        let verdict = Verdict::new(Code::EchoedWrong)
            .fact("at", at)
            .fact("expected", shown(expected));
        return Some(verdict.fact("got", shown(got)).seen([n]));
    }
    let concerns = |step: &Step| waits(step) || brings(step, group);
    let mut waited = false;
    for (index, _) in view
        .plan()
        .script
        .iter()
        .enumerate()
        .filter(|(_, step)| concerns(step))
    {
        let Some(moment) = view.moment(index) else {
            return Some(ended(view).unwrap_or_else(|| unfinished(view)));
        };
        let outcome = match outcome(view, moment) {
            Ok(outcome) => outcome,
            Err(verdict) => return Some(verdict),
        };
        let step = &view.plan().script[index];
        if let Step::Connect(connect) = step {
            let count = view.plan().amount(&connect.count).unwrap_or(0);
            let refused = view
                .clients
                .of(group)
                .filter_map(|(_, c)| c.refused)
                .find(|n| *n <= moment.n);
            if !connect.may_fail && (outcome == Standing::Stuck || refused.is_some()) {
                return Some(not_accepting(view, group, moment, count, refused));
            }
        } else if outcome == Standing::Stuck {
            return Some(missing(view, group, moment));
        }
        waited |= waits(step);
    }
    (!waited).then(|| Verdict::new(Code::Untested))
}

/// What a step came to, where that can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Reached,
    /// Beyond doubt: it won't come.
    Stuck,
}

/// What the step came to; what else is to be said if it came to nothing that can be judged.
pub fn outcome(view: &View, moment: &Moment) -> Result<Standing, Verdict> {
    match moment.outcome {
        StepOutcome::Reached => Ok(Standing::Reached),
        StepOutcome::Stuck => match moment.settled {
            Some((n, settled)) if !view.sure(settled) => Err(Verdict::new(Code::Timed).seen([n])),
            _ => Ok(Standing::Stuck),
        },
        StepOutcome::Exited | StepOutcome::Idle => {
            Err(ended(view).unwrap_or_else(|| unfinished(view)))
        }
        StepOutcome::GaveUp => Err(gave_up(view, moment)),
    }
}

/// The step was given up.
pub fn gave_up(view: &View, moment: &Moment) -> Verdict {
    match view.clients.gave_up_before(moment.n) {
        Some((n, why)) => Verdict::new(Code::GaveUp).fact("why", why).seen([n]),
        None => unfinished(view),
    }
}

/// The submission came to its end, though nobody had asked it to.
pub fn ended(view: &View) -> Option<Verdict> {
    let (n, status, signal) = view.clients.exit?;
    let limit = view.limits.iter().find(|l| l.0 == "memory").map(|l| l.2);
    let ending = match (limit, signal, status) {
        (Some(_), ..) => format!("more than {} MiB of memory", view.plan().limits.memory_mib),
        (_, Some(signal), _) => signal_name(signal),
        (.., status) => format!("status {}", status.unwrap_or(0)),
    };
    Some(
        Verdict::new(Code::ServerEnded)
            .fact("ending", ending)
            .seen([n])
            .seen(limit),
    )
}

/// The submission doesn't listen where it should. Whatever else is asked of it has no ground then.
pub fn not_listening(view: &View) -> Option<Verdict> {
    if !view.started {
        return Some(unfinished(view));
    }
    let Some(step) = view
        .plan()
        .script
        .iter()
        .position(|step| matches!(step, Step::Listen))
    else {
        return Some(Verdict::new(Code::Untested));
    };
    let Some(moment) = view.moment(step) else {
        return Some(ended(view).map_or_else(|| unfinished(view), |_| never_listened(view, [])));
    };
    match moment.outcome {
        StepOutcome::Exited => Some(never_listened(view, view.clients.exit.map(|e| e.0))),
        _ => match outcome(view, moment) {
            Ok(Standing::Reached) => None,
            Ok(Standing::Stuck) => Some(never_listened(view, [moment.n])),
            Err(verdict) => Some(verdict),
        },
    }
}

fn never_listened(view: &View, seen: impl IntoIterator<Item = u64>) -> Verdict {
    Verdict::new(Code::NeverListened)
        .fact("port", view.clients.port.map_or(0, u64::from))
        .seen(seen)
}

fn brings(step: &Step, group: &str) -> bool {
    match step {
        Step::Connect(connect) => connect.group == group,
        Step::Visit(visit) => visit.group == group,
        _ => false,
    }
}

fn not_accepting(
    view: &View,
    group: &str,
    moment: &Moment,
    count: u64,
    refused: Option<u64>,
) -> Verdict {
    let connected = view
        .clients
        .of(group)
        .filter(|(_, c)| c.opened.is_some_and(|n| n <= moment.n))
        .count();
    let verdict = Verdict::new(Code::NotAccepting)
        .fact("connected", connected)
        .fact("count", count);
    verdict.seen(refused.or(moment.settled.map(|s| s.0)))
}

/// Some clients didn't get what was due to them by then.
fn missing(view: &View, group: &str, moment: &Moment) -> Verdict {
    if let Some(verdict) = super::dialogue::missing(view, group, moment) {
        return verdict;
    }
    let due = said_before(view, group, moment.step);
    let lacks = |c: &Client| {
        let (sent, received) = c.bytes_at(moment.n);
        received < sent || received + CUT < due
    };
    let clients: Vec<(u32, &Client)> = view.clients.of(group).collect();
    let lacking_ones: Vec<&Client> = clients
        .iter()
        .map(|(_, c)| *c)
        .filter(|c| lacks(c))
        .collect();
    let cut: Vec<&&Client> = lacking_ones
        .iter()
        .filter(|c| c.cut_off_before(moment.n))
        .collect();
    let settled = moment.settled.map(|s| s.0);
    if let Some(client) = cut.first() {
        return lacking(Code::Cut, client, cut.len(), moment.n)
            .seen(client.end.map(|e| e.0))
            .seen(settled);
    }
    let Some(client) = lacking_ones.first() else {
        // All have everything: what is missing is the end of the stream.
        return Verdict::new(Code::LeftOpen).seen(settled);
    };
    let served = clients.len() - lacking_ones.len();
    lacking(Code::NotEchoed, client, clients.len(), moment.n)
        .fact("served", served)
        .seen(settled)
}

fn lacking(code: Code, client: &Client, clients: usize, n: u64) -> Verdict {
    let (sent, received) = client.bytes_at(n);
    Verdict::new(code)
        .fact("clients", clients)
        .fact("sent", sent)
        .fact("received", received)
}

/// Bytes as a reader can see them.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '·' } else { c })
        .collect()
}

#[cfg(test)]
#[path = "serving_tests.rs"]
mod tests;
