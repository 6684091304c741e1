//! The held disk: does the network go on, and does what has come in stay bounded?

use super::Verdict;
use super::code::Code;
use super::common;
use super::shelf::HeldCall;
use super::view::{Flight, How, Moment, View};
use crate::evidence::{Ending, FileKind};
use crate::task::disk::Op;

/// While a call of one file is held, the others go on: at least `limit` further requests start, or all
/// that are left.
///
/// New requests are a proof in any tier. That nothing goes on needs a moment at which the program
/// stood still with the call held and every answer given.
pub fn goes_on(view: &View, limit: u64) -> Verdict {
    let Some(call) = view.disk.held.iter().find(|call| lasting(call)) else {
        return nothing_held(view);
    };
    let until = call.gone.map_or(u64::MAX, |(n, _)| n);
    let left = left_at(view, call.n);
    if left == 0 {
        return Verdict::new(Code::DiskLate)
            .fact("op", call.op)
            .seen([call.n]);
    }
    let wanted = limit.min(left);
    let new: Vec<u64> = view
        .flights
        .iter()
        .map(|f| f.begin)
        .filter(|&n| n > call.n && n < until)
        .collect();
    if new.len() as u64 >= wanted {
        return Verdict::new(Code::DiskGoesOn)
            .fact("op", call.op)
            .fact("file", call.path)
            .fact("new", new.len())
            .seen([call.n])
            .seen(new);
    }
    let open = |m: &&Moment| m.n > call.n && m.n < until && opened_before(view, m);
    let still = view.moments.iter().rev().filter(open);
    let still: Vec<_> = still
        .filter_map(|m| Some((m, m.stood_still(view)?)))
        .collect();
    let sure = still
        .iter()
        .find(|(_, (_, settled))| view.sure_to_stay(settled));
    match sure {
        Some((moment, (n, _))) => {
            let code = if call.main_thread {
                Code::DiskStalledMain
            } else {
                Code::DiskStalled
            };
            Verdict::new(code)
                .fact("op", call.op)
                .fact("file", call.path)
                .fact("new", new.len())
                .fact("wanted", wanted)
                .fact("left", moment.left)
                .seen([call.n])
                .seen(new)
                .seen([*n, moment.n])
        }
        None if !still.is_empty() => Verdict::new(Code::Timed),
        None => ended_or_unfinished(view),
    }
}

/// Calls that were failed at once held nobody up.
fn lasting(call: &HeldCall) -> bool {
    call.gone.is_none_or(|(_, errno)| errno.is_none())
}

/// The script had let every answer go before this moment, so that only the disk could be in the way.
fn opened_before(view: &View, moment: &Moment) -> bool {
    use crate::task::script::Step;
    let gated = view
        .plan()
        .world
        .origin
        .as_ref()
        .is_some_and(|o| o.gate.is_some());
    let open = view
        .plan()
        .script
        .iter()
        .position(|step| matches!(step, Step::Open));
    !gated || open.is_some_and(|open| open < moment.step)
}

/// Entries of the list that had not been asked for by event `n`, the last one excused.
fn left_at(view: &View, n: u64) -> u64 {
    let asked: std::collections::HashSet<usize> = view
        .flights
        .iter()
        .filter(|f| f.begin <= n)
        .filter_map(|f| f.item)
        .collect();
    view.expected().filter(|item| !asked.contains(item)).count() as u64
}

fn nothing_held(view: &View) -> Verdict {
    let ops: &[Op] = view
        .plan()
        .world
        .disk
        .as_ref()
        .and_then(|d| d.hold.as_ref())
        .map_or(&[], |h| &h.ops);
    let named = || {
        ops.iter()
            .map(|op| op.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    if view.flights.is_empty() && view.finished() {
        return common::nothing_done(view);
    }
    let Some(calls) = view.disk.calls else {
        return if view.complete {
            Verdict::new(Code::DiskNoGate)
        } else {
            common::unfinished(view)
        };
    };
    if !view.finished() {
        return common::unfinished(view);
    }
    let made: u64 = ops.iter().map(|&op| calls[op as usize]).sum();
    let wrote = calls[Op::Write as usize] > 0;
    let has_files = view
        .disk
        .inside()
        .any(|f| f.kind == FileKind::Regular && f.size > 0);
    match (made, wrote || has_files) {
        // It makes other calls of this kind, and comes to the one that would be held only at the end.
        (1.., _) => Verdict::new(Code::DiskLate).fact("op", named()),
        (0, true) if wrote => Verdict::new(Code::DiskNoSuchCall).fact("op", named()),
        (0, true) => Verdict::new(Code::DiskUnseen).fact("op", named()),
        (0, false) => Verdict::new(Code::DiskUntouched).fact("ending", common::ending(view)),
    }
}

/// No more than `bound` bodies come in completely while nothing reaches the disk.
pub fn backlog(view: &View, bound: u64) -> Verdict {
    let first_gone = view
        .disk
        .held
        .iter()
        .filter_map(|call| call.gone)
        .map(|(n, _)| n)
        .min();
    // Where no call was ever held nothing reached the disk before the program's end either.
    let until = first_gone.unwrap_or(u64::MAX);
    let waiting = |n: u64| {
        complete(view)
            .filter(|f| f.end.is_some_and(|e| e.n <= n))
            .count() as u64
    };
    let most = waiting(until);
    let held = view.disk.held.iter().filter(|call| call.n < until).count();
    let Some(calls) = view
        .disk
        .calls
        .or_else(|| (held > 0).then_some(Default::default()))
    else {
        return if view.complete {
            Verdict::new(Code::DiskNoGate)
        } else {
            common::unfinished(view)
        };
    };
    if most > bound {
        let shown = complete(view)
            .filter_map(|f| f.end)
            .map(|e| e.n)
            .nth(bound as usize);
        if held == 0 && calls.iter().sum::<u64>() == 0 {
            return nothing_held(view);
        }
        return Verdict::new(Code::BacklogExceeded)
            .fact("bound", bound)
            .fact("waiting", most)
            .fact("held", held)
            .seen(view.disk.held.first().map(|call| call.n))
            .seen(shown);
    }
    let mut timed = false;
    for moment in view.moments.iter().rev().filter(|m| m.n < until) {
        let Some((n, settled)) = moment.stood_still(view) else {
            continue;
        };
        if settled.held == 0 || moment.left == 0 || !opened_before(view, moment) {
            continue;
        }
        if !view.sure(settled) {
            timed = true;
            continue;
        }
        return Verdict::new(Code::BacklogBounded)
            .fact("bound", bound)
            .fact("waiting", waiting(moment.n))
            .seen([n, moment.n]);
    }
    if timed {
        return Verdict::new(Code::Timed);
    }
    if held == 0 {
        nothing_held(view)
    } else {
        ended_or_unfinished(view)
    }
}

/// Bodies that were sent in full.
fn complete<'v>(view: &'v View) -> impl Iterator<Item = &'v Flight<'v>> {
    view.flights.iter().filter(|f| {
        let how = f.end.map(|e| e.how);
        matches!(
            how,
            Some(How::Answered {
                status: 200..300,
                ending: Ending::Complete,
                ..
            })
        )
    })
}

fn ended_or_unfinished(view: &View) -> Verdict {
    use super::view::Finish;
    match view.finish {
        Finish::Exit { n, .. } | Finish::Signal { n, .. } => {
            let asked: std::collections::HashSet<usize> =
                view.flights.iter().filter_map(|f| f.item).collect();
            let left = view.expected().filter(|i| !asked.contains(i)).count();
            Verdict::new(Code::EndedEarly)
                .fact("ending", common::ending(view))
                .fact("requests", view.flights.len())
                .fact("left", left)
                .seen([n])
        }
        _ => common::unfinished(view),
    }
}

#[cfg(test)]
#[path = "held_tests.rs"]
mod tests;
