use crate::check::story::{Story, check, pages, script};
use crate::evidence::{ClientEnding, Event, StepOutcome};

const PONG: &str = "{ replies: { group: a, lines: [PONG] } }";
const LENGTH: &str = "{ replies: { group: a, lines: ['{length}'] } }";
const ERROR: &str = "{ replies: { group: a, lines: ['ERROR*'] } }";
const LINEAR: &str = "{ linearizable: points }";

/// One client of group `a` is connected.
fn story() -> Story {
    let steps = "[listen, {connect: {group: a}}, {ask: {group: a, lines: [PING]}}, {until: {replied: {group: a}}}]";
    let open = |client| Event::ClientOpen {
        client,
        group: 0,
        begun: None,
    };
    Story::new(1, pages(3), script(steps))
        .reached(0)
        .event(open(0))
        .event(open(1))
        .reached(1)
        .reached(2)
}

fn ask(story: Story, client: u32, line: &str, item: Option<u32>) -> Story {
    story.event(Event::ClientAsked {
        client,
        line: line.into(),
        item,
    })
}

fn told(story: Story, client: u32, line: &str) -> Story {
    story.event(Event::ClientTold {
        client,
        line: line.into(),
    })
}

#[test]
fn replies_are_compared_with_what_is_due() {
    let all = told(ask(story(), 0, "PING", None), 0, "PONG").reached(3);
    check(&all, PONG, "reply.right");
    check(&all, ERROR, "reply.wrong");
    let error = told(ask(story(), 0, "LOAD x", None), 0, "ERROR 404").reached(3);
    check(&error, ERROR, "reply.right");
    let length = |text| told(ask(story(), 0, "LOAD u", Some(1)), 0, text).reached(3);
    check(&length("100"), LENGTH, "reply.right");
    check(&length("99"), LENGTH, "reply.wrong");
    let unasked = told(all, 0, "PONG");
    check(&unasked, PONG, "reply.wrong");
}

#[test]
fn a_reply_is_missed_of_a_server_that_surely_stands_still() {
    let asked = ask(story(), 0, "PING", None);
    let verdict = check(&asked.clone().stuck(3), PONG, "reply.missing");
    assert_eq!(verdict.facts["clients"], 1u64.into());
    let cut = asked.clone().event(Event::ClientEnd {
        client: 0,
        how: ClientEnding::Eof,
    });
    check(&cut.stuck(3), PONG, "reply.missing");
    check(&asked, PONG, "evidence.partial");
    let gave_up = Event::GaveUp {
        settled: false,
        why: "20 s".into(),
    };
    check(
        &asked.event(gave_up).step(3, StepOutcome::GaveUp),
        PONG,
        "evidence.gave_up",
    );
}

#[test]
fn a_history_without_an_order_is_shown_by_a_small_part() {
    let set = told(ask(story(), 0, "SET a 1 1", None), 0, "OK");
    let torn = ask(ask(set, 0, "SET a 2 2", None), 1, "GET a", None);
    let right = told(told(torn.clone(), 1, "2 2"), 0, "OK").reached(3);
    check(&right, LINEAR, "history.explained");
    let verdict = check(
        &told(told(torn, 1, "2 1"), 0, "OK").reached(3),
        LINEAR,
        "history.broken",
    );
    let history = format!("{:?}", verdict.facts["history"]);
    assert!(history.contains("GET a → 2 1"), "{history}");
    check(&story().reached(3), LINEAR, "evidence.partial");
}
