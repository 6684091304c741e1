//! Questions that the world asked the submission by HTTP, and what came back.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Verdict;
use super::code::Code;
use super::common::{undecided, unfinished};
use super::serving;
use super::view::{Finish, How, View, fetches};
use crate::evidence::http::{self, Answer};
use crate::evidence::{CallEnding, Event, Record, StepOutcome};
use crate::plan::upstream::City;
use crate::task::script::Step;
use crate::task::upstream::Says;

/// Letters of a body that a finding shows.
const SHOWN: usize = 200;

/// The calls of one run, by number.
#[derive(Debug, Default)]
pub struct Calls<'a> {
    all: BTreeMap<u32, Call<'a>>,
}

/// One call.
#[derive(Debug)]
pub struct Call<'a> {
    group: &'a str,
    target: &'a str,
    city: Option<usize>,
    begun: u64,
    /// Event, how it ended, and what came.
    end: Option<(u64, CallEnding, Option<Answer>)>,
}

impl<'a> Calls<'a> {
    pub(super) fn take(&mut self, record: &'a Record) {
        match &record.event {
            Event::Call {
                call,
                group,
                target,
                city,
            } => {
                let begun = Call {
                    group,
                    target,
                    city: city.map(|city| city as usize),
                    begun: record.n,
                    end: None,
                };
                self.all.insert(*call, begun);
            }
            Event::Reply { call, how, data } => {
                if let Some(call) = self.all.get_mut(call) {
                    call.end = Some((record.n, *how, http::parse(&data.to_vec())));
                }
            }
            _ => {}
        }
    }

    fn of(&self, group: &str) -> impl Iterator<Item = &Call<'a>> {
        self.all.values().filter(move |call| call.group == group)
    }
}

/// Each call of the group got the answer that is due.
pub fn replies(view: &View, group: &str) -> Verdict {
    judged(view, group, Code::CallsAnswered, |call, n, answer| {
        let (status, due) = due(view, call)?;
        // Whoever gave its upstream up by a time-out of its own says 502.
        if answer.status == 502 && gave_up(view, call) {
            return None;
        }
        if answer.status != status {
            let verdict = Verdict::new(Code::CallStatus)
                .fact("target", call.target)
                .fact("status", u64::from(answer.status));
            return Some(
                verdict
                    .fact("expected", u64::from(status))
                    .seen([call.begun, n]),
            );
        }
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        let Some(due) = due else {
            return (!said.is_object()).then(|| no_json(call, n, answer));
        };
        let right = ["city", "weather"]
            .iter()
            .all(|key| said.get(key) == due.get(key));
        (!right).then(|| {
            Verdict::new(Code::CallWrong)
                .fact("target", call.target)
                .fact("got", shown(&answer.body))
                .fact("expected", due.to_string())
                .seen([call.begun, n])
        })
    })
}

/// What the calls of the group got is a JSON object and called so.
pub fn json(view: &View, group: &str) -> Verdict {
    judged(view, group, Code::CallsJson, |call, n, answer| {
        let said: Result<Value, _> = serde_json::from_slice(&answer.body);
        if !said.is_ok_and(|said| said.is_object()) {
            return Some(no_json(call, n, answer));
        }
        let kind = answer.header("content-type").unwrap_or("");
        let media = kind.split(';').next().unwrap_or("").trim();
        (!media.eq_ignore_ascii_case("application/json")).then(|| {
            Verdict::new(Code::CallContentType)
                .fact("target", call.target)
                .fact("got", kind)
                .seen([n])
        })
    })
}

/// Each call about a city made the submission ask about it.
pub fn asks_each(view: &View) -> Verdict {
    if let Some(verdict) = serving::not_listening(view) {
        return verdict;
    }
    let fetches = fetches(view);
    let mut calls: BTreeMap<usize, Vec<&Call>> = BTreeMap::new();
    for call in view.calls.all.values() {
        let answered = matches!(
            &call.end,
            Some((_, CallEnding::Whole | CallEnding::Eof, Some(_)))
        );
        if let (Some(city), true) = (call.city, answered) {
            calls.entry(city).or_default().push(call);
        }
    }
    let mut total = 0;
    for (city, calls) in &calls {
        let asked = fetches.get(city).map_or(0, Vec::len);
        total += calls.len();
        if asked < calls.len() {
            return Verdict::new(Code::CallNotPassedOn)
                .fact("target", calls[0].target)
                .fact("calls", calls.len())
                .fact("asked", asked)
                .seen(calls.iter().map(|call| call.begun));
        }
    }
    match total {
        0 => nobody_served(view),
        _ if view.complete => Verdict::new(Code::CallsPassedOn).fact("calls", total),
        _ => unfinished(view),
    }
}

/// Judges each whole answer of a group, once all that the script waited for has come.
fn judged(
    view: &View,
    group: &str,
    well: Code,
    wrong: impl Fn(&Call, u64, &Answer) -> Option<Verdict>,
) -> Verdict {
    if let Some(verdict) = serving::not_listening(view) {
        return verdict;
    }
    let waits = |step: &Step| matches!(step, Step::Until(c) if c.returned.as_ref().is_some_and(|m| m.group == group));
    let calls: Vec<&Call> = view.calls.of(group).collect();
    if calls.is_empty() {
        return nobody_served(view);
    }
    let mut open = Vec::new();
    for &call in &calls {
        match &call.end {
            None => open.push(call),
            Some((_, CallEnding::World, _)) => {}
            Some((n, how, Some(answer)))
                if matches!(how, CallEnding::Whole)
                    || (*how == CallEnding::Eof
                        && answer.header("content-length").is_none()
                        && !chunked(answer)) =>
            {
                if let Some(verdict) = wrong(call, *n, answer) {
                    return verdict;
                }
            }
            Some((n, how, _)) => {
                return Verdict::new(Code::CallBroken)
                    .fact("target", call.target)
                    .fact("how", broken(*how))
                    .seen([call.begun, *n]);
            }
        }
    }
    let Some(first) = open.first() else {
        return if view.complete {
            Verdict::new(well).fact("calls", calls.len())
        } else {
            unfinished(view)
        };
    };
    let unanswered = || {
        Verdict::new(Code::CallUnanswered)
            .fact("target", first.target)
            .fact("unanswered", open.len())
            .fact("calls", calls.len())
            .seen([first.begun])
    };
    let script = &view.plan().script;
    let stuck = view
        .moments
        .iter()
        .rfind(|m| script.get(m.step).is_some_and(waits));
    match stuck {
        Some(moment) if moment.outcome == StepOutcome::Stuck => match moment.settled {
            Some((_, settled)) if view.sure(settled) => unanswered(),
            _ => undecided(view, true),
        },
        _ => nobody_served(view),
    }
}

/// No call, or none that anything is known of.
fn nobody_served(view: &View) -> Verdict {
    // What came after that was the harness ending the program.
    if matches!(view.finish, Finish::GaveUp { .. }) {
        return unfinished(view);
    }
    let verdict = serving::not_listening(view).or_else(|| serving::ended(view));
    verdict.unwrap_or_else(|| unfinished(view))
}

/// Status and members that are due.
fn due(view: &View, call: &Call) -> Option<(u16, Option<Value>)> {
    let Some(city) = call.city else {
        return Some((400, None));
    };
    let City {
        name,
        says,
        weather,
    } = view.plan().upstream.as_ref()?.cities.get(city)?;
    Some(match says {
        Says::Weather | Says::Unknown | Says::NoWeather => {
            let weather = weather.as_deref().unwrap_or("no data");
            (200, Some(json!({"city": name, "weather": weather})))
        }
        _ => (502, None),
    })
}

/// The submission gave a question about this city up before it was answered.
fn gave_up(view: &View, call: &Call) -> bool {
    let flights = call.city.and_then(|city| fetches(view).remove(&city));
    flights.is_some_and(|flights| {
        flights
            .iter()
            .any(|f| f.end.is_none_or(|e| e.how == How::Abandoned))
    })
}

fn no_json(call: &Call, n: u64, answer: &Answer) -> Verdict {
    Verdict::new(Code::CallNoJson)
        .fact("target", call.target)
        .fact("got", shown(&answer.body))
        .seen([n])
}

fn chunked(answer: &Answer) -> bool {
    answer.header("transfer-encoding").is_some()
}

/// In words that need no translation.
fn broken(how: CallEnding) -> &'static str {
    match how {
        CallEnding::Refused => "ECONNREFUSED",
        CallEnding::Reset => "ECONNRESET",
        _ => "EOF",
    }
}

fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;
