//! Requests in flight: is the limit reached, is it kept, is a free slot filled again at once.

use std::collections::HashSet;

use super::Verdict;
use super::code::Code;
use super::common;
use super::view::{Finish, Flight, How, Moment, View};
use crate::task::script::Step;
use crate::task::world::Answer;

/// So many requests were in flight at once, or as many as the list has.
///
/// Overlap that was seen is a proof in any tier. That it was *not* reached needs a moment at which
/// the program stood still with work left: no clock can show that.
pub fn reaches(view: &View, limit: u64) -> Verdict {
    let possible = view.expected().count() as u64;
    let wanted = limit.min(possible);
    let most = u64::from(view.most);
    if wanted > 0 && most >= wanted {
        let top = view
            .flights
            .iter()
            .find(|f| u64::from(f.level) >= wanted)
            .map(|f| f.begin);
        let events = top.map(|n| view.flying_at(n)).unwrap_or_default();
        return Verdict::new(Code::Reached)
            .fact("limit", wanted)
            .fact("most", most)
            .seen(events);
    }
    let mut timed = false;
    for moment in &view.moments {
        let Some((n, settled)) = moment.stood_still(view) else {
            continue;
        };
        if u64::from(moment.in_flight) >= wanted || moment.left == 0 {
            continue;
        }
        if !view.sure_to_stay(settled) {
            timed |= !view.sure(settled);
            continue;
        }
        if view.flights.is_empty() {
            return common::nothing_done(view);
        }
        return Verdict::new(Code::NotReached)
            .fact("limit", wanted)
            .fact("most", most)
            .fact("left", moment.left)
            .seen(view.flying_at(n))
            .seen([n, moment.n]);
    }
    common::undecided(view, timed)
}

/// Never more in flight than this.
pub fn never_exceeds(view: &View, limit: u64) -> Verdict {
    if let Some(flight) = view.flights.iter().find(|f| u64::from(f.level) > limit) {
        return Verdict::new(Code::Exceeded)
            .fact("limit", limit)
            .fact("most", view.most)
            .fact(
                "target",
                flight
                    .item
                    .map_or_else(|| flight.target.to_owned(), |i| view.name(i)),
            )
            .seen([flight.begin])
            .seen(
                view.flying_at(flight.begin)
                    .into_iter()
                    .filter(|&n| n != flight.begin),
            );
    }
    // Kept means: something was held, more was there to be had, and nothing moved any more.
    let held: Vec<&Moment> = view
        .moments
        .iter()
        .filter(|m| m.in_flight > 0 && m.left > 0 && m.stood_still(view).is_some())
        .collect();
    let sure = held
        .iter()
        .any(|m| m.stood_still(view).is_some_and(|(_, s)| view.sure(s)));
    if !sure || !view.complete {
        return common::undecided(view, !held.is_empty() && !sure);
    }
    if let Finish::GaveUp { n, why } = &view.finish {
        return Verdict::new(Code::GaveUp)
            .fact("why", why.as_str())
            .seen([*n]);
    }
    Verdict::new(Code::Kept)
        .fact("limit", limit)
        .fact("most", view.most)
        .seen(held.iter().filter_map(|m| m.settled.map(|s| s.0)))
}

/// After each release, as many new requests as answers were let go, before anything else happens.
///
/// What counts is the program's own level before the release, up to the limit: a program that never
/// comes to its limit, or that passes it, is judged for that elsewhere.
pub fn refills(view: &View, limit: u64) -> Verdict {
    let script = &view.plan().script;
    let (mut times, mut shown) = (0u64, Vec::new());
    let (mut nothing_waited, mut doubtful, mut timed) = (false, false, false);
    for (i, release) in view.moments.iter().enumerate() {
        if !matches!(script.get(release.step), Some(Step::Release(_))) || i == 0 {
            continue;
        }
        let before = &view.moments[i - 1];
        let begun = before.n;
        let let_go: Vec<u64> = view
            .released
            .iter()
            .copied()
            .filter(|&n| n > begun && n < release.n)
            .collect();
        if let_go.is_empty() {
            continue;
        }
        // All had been asked for: no place that came free was waited for. Of a site the released answers
        // themselves bring new work.
        if before.left == 0 && view.plan().site.is_none() {
            nothing_waited = true;
            continue;
        }
        let after = view.moments[i + 1..]
            .iter()
            .take_while(|m| !acts(script.get(m.step)))
            .filter(|m| m.stood_still(view).is_some())
            .last();
        let Some((after, (n, settled))) = after.and_then(|m| Some((m, m.stood_still(view)?)))
        else {
            continue;
        };
        // A place that came free by a time-out of the program's own says nothing about refilling.
        if view.abandoned().any(|n| n > begun && n < after.n) {
            continue;
        }
        let level = u64::from(before.in_flight).min(limit);
        let new = after.requests > before.requests;
        if u64::from(after.in_flight) >= level || after.left == 0 {
            if new {
                times += 1;
                shown.extend(let_go.iter().copied());
                shown.push(after.n);
            }
        } else if view.sure_to_stay(settled) {
            return Verdict::new(Code::NotRefilled)
                .fact("released", let_go.len())
                .fact("before", level)
                .fact("after", after.in_flight)
                .fact("left", after.left)
                .seen(let_go)
                .seen([n, after.n]);
        } else {
            doubtful = true;
            timed |= !view.sure(settled);
        }
    }
    if (times > 0 || nothing_waited) && !doubtful {
        return Verdict::new(Code::Refilled)
            .fact("times", times)
            .seen(shown);
    }
    common::undecided(view, timed)
}

/// While some answers stay held, all others were asked for and answered.
pub fn not_stalled(view: &View) -> Verdict {
    let script = &view.plan().script;
    let open = script
        .iter()
        .position(|s| matches!(s, Step::Open))
        .unwrap_or(script.len());
    // The last thing that was so before all gates were opened.
    let Some(moment) = view.moments.iter().rev().find(|m| m.step < open) else {
        return common::undecided(view, false);
    };
    let holdable = |f: &&Flight| {
        f.parked
            || f.item
                .and_then(|i| view.item(i))
                .is_some_and(|i| i.answer == Answer::Stuck)
    };
    let held: Vec<&Flight> = view
        .flights
        .iter()
        .filter(holdable)
        .filter(|f| f.end.is_none_or(|e| e.n > moment.n))
        .collect();
    // What the program gave up by its own time-out was held too, until then.
    let given_up = view.flights.iter().filter(holdable).filter(|f| {
        f.end
            .is_some_and(|e| e.n <= moment.n && e.how == How::Abandoned)
    });
    let kept_back: HashSet<usize> = given_up
        .chain(held.iter().copied())
        .filter_map(|f| f.item)
        .collect();
    let ended: HashSet<usize> = view
        .flights
        .iter()
        .filter(|f| f.end.is_some_and(|e| e.n <= moment.n))
        .filter_map(|f| f.item)
        .collect();
    let (stuck, mut answered, mut left) = (kept_back.len(), 0u32, 0u32);
    for item in view.expected().filter(|i| !kept_back.contains(i)) {
        if ended.contains(&item) {
            answered += 1;
        } else {
            left += 1;
        }
    }
    if stuck > 0 && left == 0 {
        return Verdict::new(Code::NotStalled)
            .fact("held", stuck)
            .fact("others", answered)
            .seen(held.iter().map(|f| f.begin))
            .seen([moment.n]);
    }
    match moment.stood_still(view) {
        Some((n, settled)) if stuck > 0 && view.sure_to_stay(settled) => {
            Verdict::new(Code::Stalled)
                .fact("held", stuck)
                .fact("answered", answered)
                .fact("left", left)
                .seen(held.iter().map(|f| f.begin))
                .seen([n, moment.n])
        }
        other => common::undecided(view, other.is_some_and(|(_, s)| !view.sure(s))),
    }
}

fn acts(step: Option<&Step>) -> bool {
    matches!(step, Some(Step::Release(_) | Step::Open | Step::Signal(_)))
}

#[cfg(test)]
#[path = "flight_tests.rs"]
mod tests;
