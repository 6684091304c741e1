use super::super::story::{Story, check, pages, script};
use crate::check::Outcome;
use crate::evidence::{Bytes, CallEnding, Event, Grade, StepOutcome};
use crate::plan::upstream::{City, UpstreamPlan};
use crate::task::Kind;
use crate::task::upstream::Says;

const REPLIES: &str = "{ call_replies: { group: a } }";
const JSON: &str = "{ json_replies: { group: a } }";
const EACH: &str = "{ asks_each: {} }";

/// Two cities with weather, one that fails. Everything so far went well: it listens.
fn story() -> Story {
    let city = |name: &str, says, weather: Option<&str>| City {
        name: name.into(),
        says,
        weather: weather.map(str::to_owned),
    };
    let steps = "[listen, {call: {group: a}}, {until: {returned: {group: a}}}]";
    let story = Story::new(3, pages(3), script(steps)).header(|h| {
        h.plan.kind = Kind::Server;
        h.plan.upstream = Some(UpstreamPlan {
            cities: vec![
                city("Arbo", Says::Weather, Some("Rain")),
                city("L'É \"x\"", Says::Unknown, None),
                city("Corun", Says::Fails, None),
            ],
            asked: vec![0, 1, 2],
        });
    });
    story.reached(0)
}

fn call(story: Story, call: u32, city: Option<u32>) -> Story {
    story.event(Event::Call {
        call,
        group: "a".into(),
        target: format!("/weather?{call}"),
        city,
    })
}

fn reply(story: Story, call: u32, how: CallEnding, status: u16, kind: &str, body: &str) -> Story {
    let text = format!(
        "HTTP/1.1 {status} X\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    story.event(Event::Reply {
        call,
        how,
        data: Bytes::Text(text),
    })
}

/// One call about this city, answered like this.
fn one(city: Option<u32>, status: u16, body: &str) -> Story {
    let story = call(story(), 0, city).reached(1);
    let story = reply(
        story,
        0,
        CallEnding::Whole,
        status,
        "content-type: application/JSON; x=y\r\n",
        body,
    );
    story.reached(2).event(Event::End)
}

#[test]
fn the_answers_that_are_due_pass_however_they_are_written() {
    for (city, status, body) in [
        (Some(0), 200, r#"{"city":"Arbo","weather":"Rain"}"#),
        (
            Some(0),
            200,
            "{ \"weather\" : \"Rain\", \"more\": 1, \"city\":\"Arbo\" }\n",
        ),
        (
            Some(1),
            200,
            r#"{"city":"L'\u00c9 \"x\"","weather":"no data"}"#,
        ),
        (Some(2), 502, "{}"),
        (None, 400, r#"{"error":"no city"}"#),
    ] {
        check(&one(city, status, body), REPLIES, "calls.answered");
        check(&one(city, status, body), JSON, "calls.json");
    }
}

#[test]
fn other_answers_dont() {
    check(
        &one(Some(0), 200, r#"{"city":"Arbo","weather":"Snow"}"#),
        REPLIES,
        "calls.wrong",
    );
    check(
        &one(Some(0), 200, r#"{"city":"Belto","weather":"Rain"}"#),
        REPLIES,
        "calls.wrong",
    );
    check(&one(Some(1), 404, "{}"), REPLIES, "calls.status");
    check(&one(Some(2), 500, "{}"), REPLIES, "calls.status");
    check(&one(Some(2), 502, "<html>"), REPLIES, "calls.no_json");
    check(&one(None, 200, "{}"), REPLIES, "calls.status");
    check(&one(None, 400, "[]"), JSON, "calls.no_json");
}

#[test]
fn what_isnt_called_json_isnt() {
    let story = call(story(), 0, None).reached(1);
    let story = reply(
        story,
        0,
        CallEnding::Whole,
        400,
        "Content-Type: text/html\r\n",
        "{}",
    );
    check(
        &story.reached(2).event(Event::End),
        JSON,
        "calls.content_type",
    );
}

#[test]
fn a_broken_answer_is_found_and_one_that_the_world_broke_off_isnt() {
    for how in [CallEnding::Reset, CallEnding::Eof, CallEnding::Refused] {
        let story = call(story(), 0, Some(0)).reached(1);
        let story = reply(story, 0, how, 200, "", "{}")
            .reached(2)
            .event(Event::End);
        check(&story, REPLIES, "calls.broken");
    }
    let story = call(call(story(), 0, Some(0)), 1, Some(0)).reached(1);
    let story = reply(story, 0, CallEnding::World, 200, "", "");
    let body = r#"{"city":"Arbo","weather":"Rain"}"#;
    let story = reply(story, 1, CallEnding::Whole, 200, "", body)
        .reached(2)
        .event(Event::End);
    check(&story, REPLIES, "calls.answered");
}

#[test]
fn silence_counts_only_once_the_server_stands_still() {
    let waiting = || call(story(), 0, Some(0)).reached(1);
    check(
        &waiting().stuck(2).event(Event::End),
        REPLIES,
        "calls.unanswered",
    );
    let gave_up = waiting().gave_up(false).judge(REPLIES);
    assert_eq!(gave_up.outcome, Outcome::Inconclusive, "{gave_up:?}");
}

#[test]
fn each_call_needs_a_question_of_its_own() {
    let body = r#"{"city":"Arbo","weather":"Rain"}"#;
    let twice = |asks: u32| {
        let mut story = story();
        for n in 0..2 {
            story = call(story, n, Some(0));
            if n < asks {
                story = story.ask([0]).release([0]);
            }
            story = reply(story, n, CallEnding::Whole, 200, "", body);
        }
        story.reached(1).reached(2).event(Event::End)
    };
    check(&twice(2), EACH, "calls.passed_on");
    check(&twice(1), EACH, "calls.not_passed_on");
}

#[test]
fn an_upstream_that_was_given_up_may_be_502() {
    let story = call(story(), 0, Some(0)).ask([0]).abandon([0]).reached(1);
    let story = reply(story, 0, CallEnding::Whole, 502, "", "{}");
    check(
        &story.reached(2).event(Event::End),
        REPLIES,
        "calls.answered",
    );
}

#[test]
fn where_nobody_knows_whether_it_listened_nothing_is_said_of_a_refusal() {
    let steps = "[listen, {call: {group: a}}, {until: {replied: {group: a}}}]";
    let story = Story::new(3, pages(3), script(steps));
    let story = story.still(0, Grade::Timed, StepOutcome::Stuck);
    let story = reply(call(story, 0, None), 0, CallEnding::Refused, 400, "", "{}");
    let verdict = story.reached(1).reached(2).event(Event::End).judge(REPLIES);
    assert_eq!(verdict.outcome, Outcome::Inconclusive, "{verdict:?}");
}
