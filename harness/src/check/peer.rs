//! Programs that talk with a peer: both directions, and how they take their leave.

use super::Verdict;
use super::clients::Client;
use super::code::Code;
use super::common::{nothing_done, unfinished};
use super::serving::{Standing, outcome};
use super::view::{Moment, View};
use crate::evidence::{ClientEnding, StepOutcome};
use crate::task::script::{Condition, Step};
use crate::task::swarm::Members;

/// What a connection of the world's peer must bring, bytes.
fn due(view: &View) -> u64 {
    let Some(peer) = &view.plan().world.peer else {
        return 0;
    };
    peer.greeting.len() as u64 + view.plan().amount(&peer.file).unwrap_or(0)
}

/// Bytes that the script lets the group say.
fn told(view: &View, group: &str) -> u64 {
    let plan = view.plan();
    let said = |step: &Step| match step {
        Step::Tell(send) if send.group == group => Some(match &send.text {
            Some(text) => text.len() as u64,
            None => plan.amount(&send.size).unwrap_or(0),
        }),
        _ => None,
    };
    plan.script.iter().filter_map(said).sum()
}

fn first<'v, 'a>(view: &'v View<'a>, group: &str) -> Option<&'v Client<'a>> {
    view.clients.of(group).next().map(|(_, client)| client)
}

/// The step that waits for this of the group, and the group's first connection.
fn waited<'v, 'a>(
    view: &'v View<'a>,
    group: &str,
    of: fn(&Condition) -> Option<&Members>,
) -> Result<(&'v Moment<'a>, &'v Client<'a>), Verdict> {
    if !view.started {
        return Err(unfinished(view));
    }
    let waits =
        |step: &Step| matches!(step, Step::Until(c) if of(c).is_some_and(|m| m.group == group));
    let Some(step) = view.plan().script.iter().position(waits) else {
        return Err(Verdict::new(Code::Untested));
    };
    let Some(client) = first(view, group) else {
        return Err(match view.clients.exit {
            Some(_) => nothing_done(view),
            None => never_came(view),
        });
    };
    match view.moment(step) {
        Some(moment) => Ok((moment, client)),
        None => Err(unfinished(view)),
    }
}

fn never_came(view: &View) -> Verdict {
    let still = view
        .moments
        .iter()
        .filter(|m| m.outcome == StepOutcome::Stuck)
        .find_map(|m| m.settled.filter(|(_, s)| view.sure(s)));
    match still {
        Some((n, _)) => Verdict::new(Code::PeerAlone).seen([n]),
        None => unfinished(view),
    }
}

/// Whether the wait came to be; the event at which it surely can't.
fn stands(view: &View, moment: &Moment) -> Result<Option<u64>, Verdict> {
    match moment.outcome {
        StepOutcome::Exited => Ok(Some(moment.n)),
        _ => match outcome(view, moment)? {
            Standing::Reached => Ok(None),
            Standing::Stuck => Ok(Some(moment.settled.map_or(moment.n, |s| s.0))),
        },
    }
}

/// The peer got what it must get.
pub fn hears(view: &View, group: &str) -> Verdict {
    if let Some((n, at, expected, got)) = first(view, group).and_then(|c| c.mismatch) {
        let clean = |s: &str| {
            s.chars()
                .map(|c| if c.is_control() { '·' } else { c })
                .collect()
        };
        let (expected, got): (String, String) = (clean(expected), clean(got));
        return Verdict::new(Code::PeerWrong)
            .fact("at", at)
            .fact("expected", expected)
            .fact("got", got)
            .seen([n]);
    }
    let stuck = waited(view, group, |c| c.heard.as_ref())
        .and_then(|(moment, client)| Ok((stands(view, moment)?, moment, client)));
    match stuck {
        Err(verdict) => verdict,
        Ok((None, ..)) => Verdict::new(Code::PeerHeard).fact("due", due(view)),
        Ok((Some(n), moment, client)) => Verdict::new(Code::PeerNotHeard)
            .fact("due", due(view))
            .fact("received", client.bytes_at(moment.n).1)
            .seen([n]),
    }
}

/// What the peer said was taken.
pub fn takes(view: &View, group: &str) -> Verdict {
    let stuck = waited(view, group, |c| c.said.as_ref())
        .and_then(|(moment, client)| Ok((stands(view, moment)?, moment, client)));
    match stuck {
        Err(verdict) => verdict,
        Ok((None, ..)) => Verdict::new(Code::PeerTaken).fact("told", told(view, group)),
        Ok((Some(n), moment, client)) => Verdict::new(Code::PeerNotTaken)
            .fact("told", told(view, group))
            .fact("taken", client.bytes_at(moment.n).0)
            .seen([n]),
    }
}

/// The submission ended its stream in order.
pub fn leaves(view: &View, group: &str) -> Verdict {
    let stuck = waited(view, group, |c| c.ended.as_ref())
        .and_then(|(moment, client)| Ok((stands(view, moment)?, client)));
    let (stuck, client) = match stuck {
        Err(verdict) => return verdict,
        Ok(all) => all,
    };
    match (client.end, stuck) {
        (Some((n, ClientEnding::Eof)), _) => Verdict::new(Code::PeerLeft).seen([n]),
        (Some((n, ClientEnding::Reset)), _) => Verdict::new(Code::PeerReset).seen([n]),
        (_, Some(n)) => Verdict::new(Code::PeerLeftOpen).seen([n]),
        (_, None) => unfinished(view),
    }
}

/// It stopped sending in mid-course.
pub fn stops(view: &View, group: &str) -> Verdict {
    let (moment, client) = match waited(view, group, |c| c.ended.as_ref()) {
        Err(verdict) => return verdict,
        Ok(all) => all,
    };
    let (due, received) = (due(view), client.bytes().1);
    if received >= due {
        return Verdict::new(Code::PeerNotStopped)
            .fact("due", due)
            .seen(client.last_received());
    }
    match stands(view, moment) {
        Err(verdict) => verdict,
        Ok(_) => Verdict::new(Code::PeerStopped)
            .fact("due", due)
            .fact("received", received),
    }
}

/// Standard output is what the peer told.
pub fn passes_on(view: &View, group: &str) -> Verdict {
    if !view.complete || !view.finished() {
        return unfinished(view);
    }
    let texts: Option<Vec<&str>> = view
        .plan()
        .script
        .iter()
        .filter_map(|step| match step {
            Step::Tell(send) if send.group == group => Some(send.text.as_deref()),
            _ => None,
        })
        .collect();
    let printed = view.out_bytes();
    let all = printed.len() as u64 + view.stdout_dropped();
    let verdict = |code, expected: u64| {
        Verdict::new(code)
            .fact("expected", expected)
            .fact("printed", all)
    };
    match texts {
        Some(texts) => {
            let lines: String = texts
                .concat()
                .split_inclusive('\n')
                .take_while(|line| !line.starts_with("ERROR"))
                .collect();
            let right = view.stdout_dropped() == 0 && printed == lines.as_bytes();
            let code = if right {
                Code::PassedOn
            } else {
                Code::NotPassedOn
            };
            verdict(code, lines.len() as u64)
        }
        // Of a long stream the bytes are counted.
        None if all == told(view, group) => verdict(Code::PassedOn, all),
        None => verdict(Code::NotPassedOn, told(view, group)),
    }
}
