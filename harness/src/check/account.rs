//! Servers: what the kernel's accounts say of them at moments at which they stand still, and how they
//! take their leave.

use super::Verdict;
use super::code::Code;
use super::common::{signal_name, undecided, unfinished};
use super::serving::{self, Standing, outcome};
use super::view::{Moment, View};
use crate::evidence::{SPINNING, StepOutcome, Usage};
use crate::task::script::Step;

/// Descriptors that a program may open once and keep, whatever goes on.
const OWN_DESCRIPTORS: u64 = 16;
/// Of so many connections, one may be kept somehow (a pool, a close that comes late).
const KEPT_OF: u64 = 100;
/// Share of one processor from which on waiting is polling, per cent.
const POLLING: u64 = 10;
/// Shortest time over which that share means anything, ns.
const SHARE_OVER: u64 = 50_000_000;

/// The server comes to rest at each `settle` of the script, and uses no processor time between two that
/// follow each other.
pub fn rests(view: &View) -> Verdict {
    if let Some(verdict) = has_served(view) {
        return verdict;
    }
    let script = &view.plan().script;
    let settles: Vec<usize> = (0..script.len())
        .filter(|&i| matches!(script[i], Step::Settle))
        .collect();
    let mut last: Option<(usize, u64, u64)> = None;
    for &step in &settles {
        let Some(moment) = view.moment(step) else {
            return serving::ended(view).unwrap_or_else(|| unfinished(view));
        };
        if let Some(n) = spun(view, moment) {
            return Verdict::new(Code::Spins).seen([n]);
        }
        let settled = match stood_still(view, moment) {
            Ok(n) => n,
            Err(verdict) => return verdict,
        };
        let rest = view.clients.rests.iter().find(|r| r.0 == settled).copied();
        if let (Some((before, t0, cpu0)), Some((_, t, cpu))) = (last, rest) {
            let (time, used) = (t.saturating_sub(t0), cpu.saturating_sub(cpu0));
            if before + 1 == step && time >= SHARE_OVER && used * 100 >= time * POLLING {
                return Verdict::new(Code::Polls)
                    .fact("percent", used * 100 / time)
                    .seen([settled]);
            }
        }
        last = rest.map(|(_, t, cpu)| (step, t, cpu));
    }
    if settles.is_empty() {
        Verdict::new(Code::Untested)
    } else {
        Verdict::new(Code::Rests)
    }
}

/// Of all the connections between two accounts, no descriptor stayed.
pub fn frees_descriptors(view: &View, group: &str, before: &str, after: &str) -> Verdict {
    let comes = |step: &Step| matches!(step, Step::Visit(visit) if visit.group == group);
    if let Some(verdict) = serving::served(view, group, comes) {
        return verdict;
    }
    let (Some(old), Some(new)) = (account(view, before), account(view, after)) else {
        return unfinished(view);
    };
    let (Some(before), Some(after)) = (old.1.descriptors, new.1.descriptors) else {
        return Verdict::new(Code::DescriptorsUnknown);
    };
    let connections = view
        .clients
        .of(group)
        .filter(|(_, c)| c.opened.is_some_and(|n| n > old.0 && n < new.0))
        .count();
    let kept = u64::from(after.saturating_sub(before));
    let verdict = |code| {
        let verdict = Verdict::new(code)
            .fact("before", before)
            .fact("after", after);
        verdict
            .fact("connections", connections)
            .seen([old.0, new.0])
    };
    if kept <= OWN_DESCRIPTORS + connections as u64 / KEPT_OF {
        // Few are few, whether or not it stood still.
        return verdict(Code::DescriptorsFreed);
    }
    match [old.0, new.0]
        .into_iter()
        .find_map(|n| unsettled_before(view, n))
    {
        Some(doubt) => doubt,
        None => verdict(Code::DescriptorsLeaked),
    }
}

/// Between two accounts, of which the second was taken while clients had sent far more than they took,
/// the submission's own memory grew by no more than `mib`.
pub fn steady_memory(view: &View, group: &str, before: &str, after: &str, mib: u64) -> Verdict {
    if let Some(verdict) = serving::not_listening(view) {
        return verdict;
    }
    if let Some(n) = view.limits.iter().find(|l| l.0 == "memory").map(|l| l.2) {
        return Verdict::new(Code::MemoryGrew)
            .fact("mib", mib)
            .fact("grown", view.plan().limits.memory_mib)
            .seen([n]);
    }
    let (Some(old), Some(new)) = (account(view, before), account(view, after)) else {
        return serving::ended(view).unwrap_or_else(|| unfinished(view));
    };
    let (Some(then), Some(now)) = (old.1.anon_kib, new.1.anon_kib) else {
        // An account of nobody: it has ended, or the host doesn't tell.
        let gone = serving::ended(view).filter(|_| view.clients.exit.is_some_and(|e| e.0 < new.0));
        return gone.unwrap_or_else(|| Verdict::new(Code::MemoryUnknown).fact("mib", mib));
    };
    let grown = now.saturating_sub(then) >> 10;
    let verdict = |code| {
        Verdict::new(code)
            .fact("mib", mib)
            .fact("grown", grown)
            .seen([old.0, new.0])
    };
    if grown > mib {
        return verdict(Code::MemoryGrew);
    }
    // Spinning, it had all the time to take what it would.
    let moment = moment_before(view, new.0);
    let spins = moment.is_some_and(|m| spun(view, m).is_some());
    if let Some(doubt) = unsettled_before(view, new.0).filter(|_| !spins) {
        return doubt;
    }
    let through = view
        .clients
        .of(group)
        .map(|(_, c)| c.bytes().0)
        .sum::<u64>()
        >> 20;
    if through > mib {
        verdict(Code::MemorySteady)
    } else {
        let ended = serving::ended(view).filter(|_| !signalled(view));
        ended.unwrap_or_else(|| {
            Verdict::new(Code::MemoryUntested)
                .fact("mib", mib)
                .fact("through", through)
        })
    }
}

/// A signal ends the server: with status 0, or by that very signal.
pub fn ends_on_signal(view: &View) -> Verdict {
    if let Some(verdict) = has_served(view) {
        return verdict;
    }
    let script = &view.plan().script;
    let sent = script.iter().enumerate().find_map(|(i, step)| match step {
        Step::Signal(name) => Some((i, name.as_str())),
        _ => None,
    });
    let (Some((step, name)), Some(exit)) =
        (sent, script.iter().position(|s| matches!(s, Step::Exit)))
    else {
        return Verdict::new(Code::Untested);
    };
    match view.moment(step).map(|m| m.outcome) {
        Some(StepOutcome::Reached) => {}
        _ => return serving::ended(view).unwrap_or_else(|| unfinished(view)),
    }
    let signal = format!("SIG{name}");
    if let Some((n, status, by)) = view.clients.exit {
        // A shell, and some runtimes, tell a signal by a status of 128 and its number.
        let by = by.or(status.filter(|s| (129..160).contains(s)).map(|s| s - 128));
        let ending = by.map_or_else(|| format!("status {}", status.unwrap_or(0)), signal_name);
        let well = status == Some(0) || by.is_some_and(|by| signal_name(by) == signal);
        let code = if well {
            Code::SignalEnded
        } else {
            Code::SignalWrongEnd
        };
        return Verdict::new(code)
            .fact("signal", signal)
            .fact("ending", ending)
            .seen([n]);
    }
    let Some(moment) = view.moment(exit) else {
        return unfinished(view);
    };
    if let Some(n) = spun(view, moment) {
        return Verdict::new(Code::SignalIgnored)
            .fact("signal", signal)
            .seen([n]);
    }
    match outcome(view, moment) {
        Ok(_) => Verdict::new(Code::SignalIgnored)
            .fact("signal", signal)
            .seen([moment.n]),
        Err(verdict) => verdict,
    }
}

/// Doing nothing is easy for one who serves nobody: the first group that the script waits for must have
/// been served.
fn has_served(view: &View) -> Option<Verdict> {
    let first = view.plan().script.iter().find_map(|step| match step {
        Step::Until(condition) => condition.echoed.as_ref().map(|m| m.group.as_str()),
        _ => None,
    });
    match first {
        Some(group) => {
            let verdict = serving::echoes(view, group);
            (verdict.code != Code::Echoed.as_str()).then_some(verdict)
        }
        // A client has something to wait for once it has asked.
        None if view.moments.iter().any(|m| m.in_flight > 0) => None,
        None if view.plan().world.has_pages() => Some(undecided(view, false)),
        None => Some(Verdict::new(Code::Untested)),
    }
}

fn account<'a>(view: &View<'a>, label: &str) -> Option<(u64, &'a Usage)> {
    view.clients.accounts.get(label).copied()
}

fn signalled(view: &View) -> bool {
    view.plan()
        .script
        .iter()
        .any(|s| matches!(s, Step::Signal(_)))
}

/// The event at which it was given up to wait for a rest, since the processor was kept busy.
fn spun(view: &View, moment: &Moment) -> Option<u64> {
    if moment.outcome != StepOutcome::GaveUp {
        return None;
    }
    view.clients
        .gave_up_before(moment.n)
        .filter(|(_, why)| *why == SPINNING)
        .map(|(n, _)| n)
}

/// Number of the event that shows it; what is to be said where there is none.
fn stood_still(view: &View, moment: &Moment) -> Result<u64, Verdict> {
    match moment.stood_still(view) {
        Some((n, settled)) if view.sure(settled) => Ok(n),
        Some((n, _)) => Err(Verdict::new(Code::Timed).seen([n])),
        None => match outcome(view, moment) {
            Ok(Standing::Reached | Standing::Stuck) => Err(unfinished(view)),
            Err(verdict) => Err(verdict),
        },
    }
}

/// The step that ended last before event `n`.
fn moment_before<'v, 'a>(view: &'v View<'a>, n: u64) -> Option<&'v Moment<'a>> {
    view.moments.iter().rev().find(|m| m.n < n)
}

/// Why an account at event `n` may have been taken in mid-course; nothing if a settle came just before.
fn unsettled_before(view: &View, n: u64) -> Option<Verdict> {
    match moment_before(view, n) {
        Some(moment) => stood_still(view, moment).err(),
        None => Some(unfinished(view)),
    }
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
