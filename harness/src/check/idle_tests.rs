use crate::check::story::{Story, check, script};
use crate::evidence::{ClientEnding, Event, StepOutcome};

const KEEPS: &str = "{ keeps_open: { group: a, ms: 500 } }";
const CLOSES: &str = "{ closes: { group: a, ms: 500 } }";
const MS: u64 = 1_000_000;

/// A client of group `a`, whose connect began at 0.
fn story() -> Story {
    let steps = "[listen, {connect: {group: a}}, {until: {ended: {group: a}}}, settle]";
    let open = Event::ClientOpen {
        client: 0,
        group: 0,
        begun: Some(0),
    };
    Story::new(1, Vec::new(), script(steps))
        .reached(0)
        .event(open)
        .reached(1)
}

/// It says something in a call that began then.
fn says(story: Story, total: u64, begun: u64) -> Story {
    story.event(Event::ClientSent {
        client: 0,
        total,
        begun: Some(begun * MS),
    })
}

fn hears(story: Story, total: u64) -> Story {
    story.event(Event::ClientReceived {
        client: 0,
        total,
        unraised: 0,
    })
}

fn ends(story: Story) -> Story {
    let how = ClientEnding::Eof;
    story.event(Event::ClientEnd { client: 0, how })
}

#[test]
fn an_end_before_the_time_is_early_and_one_after_it_is_not() {
    let early = ends(story().later(497 * MS)).reached(2).settle(3);
    let verdict = check(&early, KEEPS, "idle.early");
    assert_eq!(verdict.facts["after"], 497u64.into());
    check(&early, CLOSES, "idle.closed");
    let kept = ends(story().later(499 * MS)).reached(2).settle(3);
    check(&kept, KEEPS, "idle.kept");
    check(&kept, CLOSES, "idle.closed");
}

#[test]
fn each_byte_that_the_server_has_surely_taken_starts_the_time_anew() {
    let talks = |wait: u64| hears(says(story().later(200 * MS), 10, 200), 10).later(wait * MS);
    check(&ends(talks(310)).reached(2).settle(3), KEEPS, "idle.early");
    check(&ends(talks(500)).reached(2).settle(3), KEEPS, "idle.kept");
}

#[test]
fn a_byte_that_comes_when_the_time_is_nearly_over_proves_nothing() {
    let talks = hears(says(story().later(499 * MS), 10, 499), 10).later(10 * MS);
    check(&ends(talks).reached(2).settle(3), KEEPS, "idle.doubtful");
    let unheard = says(story().later(400 * MS), 10, 400).later(100 * MS);
    check(&ends(unheard).reached(2).settle(3), KEEPS, "idle.doubtful");
    let old = Event::ClientSent {
        client: 0,
        total: 1,
        begun: None,
    };
    check(&ends(story().event(old)).reached(2), KEEPS, "idle.doubtful");
}

#[test]
fn left_open_is_said_of_a_server_that_surely_stands_still() {
    check(&story().stuck(2), CLOSES, "idle.left_open");
    let gave_up = Event::GaveUp {
        settled: false,
        why: "20 s".into(),
    };
    check(
        &story().event(gave_up).step(2, StepOutcome::GaveUp),
        CLOSES,
        "evidence.gave_up",
    );
    check(&story(), CLOSES, "evidence.partial");
}

#[test]
fn late_is_said_at_a_settled_moment_long_after_the_time() {
    let late = story().step(2, StepOutcome::GaveUp);
    check(
        &late.clone().later(2_100 * MS).settle(3),
        CLOSES,
        "idle.late",
    );
    let soon = check(
        &late.later(1_900 * MS).settle(3),
        CLOSES,
        "evidence.partial",
    );
    assert!(soon.events.is_empty());
}

#[test]
fn a_server_that_ended_is_not_called_early() {
    let died = ends(story().later(9 * MS)).exit(1);
    check(&died, KEEPS, "server.ended");
}
