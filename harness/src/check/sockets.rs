//! Connections: no more than the requests in flight need.

use super::Verdict;
use super::code::Code;
use super::common;
use super::view::{Finish, View, sum};

/// Not more connections than the requests in flight need.
///
/// Judged where the program stands still. A pool may keep idle connections: as many for each host as
/// the limit allows. Connections of requests beyond the limit are `never_exceeds`'s matter.
pub fn bounded(view: &View, limit: u64) -> Verdict {
    let (mut seen, mut timed) = (Vec::new(), false);
    for moment in view.moments.iter().filter(|m| m.in_flight > 0) {
        let Some((n, settled)) = moment.stood_still(view) else {
            continue;
        };
        if !view.sure(settled) {
            timed = true;
            continue;
        }
        let all = sum(&moment.sockets);
        let busy = u64::from(all.busy);
        let useless = u64::from(all.unused) > 0 && busy + u64::from(all.unused) > limit.max(busy);
        let hoarded = moment
            .sockets
            .iter()
            .any(|s| u64::from(s.open) > limit.max(u64::from(s.busy)));
        if useless || hoarded {
            return Verdict::new(Code::SocketsUnbounded)
                .fact("limit", limit)
                .fact("open", all.open)
                .fact("unused", all.unused)
                .fact("busy", all.busy)
                .seen([n, moment.n]);
        }
        seen.push(n);
    }
    if view.flights.is_empty()
        || seen.is_empty()
        || matches!(view.finish, Finish::GaveUp { .. })
        || !view.complete
    {
        return common::undecided(view, timed && seen.is_empty());
    }
    Verdict::new(Code::SocketsBounded)
        .fact("limit", limit)
        .fact("most", view.most_open)
        .seen(seen)
}
