use super::super::story::{Story, check, pages, script};
use crate::evidence::{Ending, Event, Grade, StepOutcome, Tier};

const GOES_ON: &str = "goes_on: { in_flight: limit }";
const BACKLOG: &str = "backlog: { bodies: 2 * limit }";

/// Six entries, a limit of 2, and a disk that holds these calls.
fn story(hold: &str) -> Story {
    let steps = "[until: { requests: 2 }, release: { count: 1 }, until: { held: 1 }, open, settle, let_go: {}, exit]";
    let world = format!("{{ origin: {{ pages: 6, gate: head }}, disk: {{ hold: {hold} }} }}");
    Story::new(2, pages(6), script(steps))
        .header(|h| h.plan.world = serde_yaml::from_str(&world).unwrap())
}

fn held(call: u64, op: &str, main_thread: bool) -> Event {
    Event::Held {
        call,
        op: op.into(),
        path: ".0.part".into(),
        tid: 7,
        main_thread,
    }
}

fn let_go(call: u64) -> Event {
    Event::LetGo { call, errno: None }
}

fn calls(write: u64, rename: u64) -> Event {
    Event::Calls {
        write,
        open: write,
        fsync: 0,
        rename,
    }
}

/// Two in flight, the first answered, its write held, and everything let go.
fn until_open(hold: &str, main_thread: bool) -> Story {
    let story = story(hold).ask([0, 1]).reached(0).release([0]).reached(1);
    story
        .event(held(0, "write", main_thread))
        .reached(2)
        .reached(3)
}

const ONE_WRITE: &str = "{ ops: [write], count: 1 }";

#[test]
fn as_many_new_requests_as_the_limit_are_going_on() {
    let story = until_open(ONE_WRITE, false)
        .release([1])
        .ask([2])
        .release([2])
        .ask([3])
        .settle(4);
    check(
        &story.clone().event(let_go(0)).reached(5).exit(0),
        GOES_ON,
        "disk.goes_on",
    );
    // They were seen, whatever came later and however coarsely the host settles.
    check(
        &story.header(|h| h.tier = Tier::Portable),
        GOES_ON,
        "disk.goes_on",
    );
}

#[test]
fn a_held_call_that_stops_everything_is_a_fail_that_names_the_thread() {
    let still = |main| {
        until_open(ONE_WRITE, main)
            .release([1])
            .settle(4)
            .event(let_go(0))
            .reached(5)
            .exit(0)
    };
    check(&still(true), GOES_ON, "disk.stalled_main");
    check(&still(false), GOES_ON, "disk.stalled");
}

#[test]
fn one_more_where_two_were_due_is_too_few() {
    let story = until_open(ONE_WRITE, false)
        .release([1])
        .ask([2])
        .settle(4)
        .event(let_go(0))
        .exit(0);
    check(&story, GOES_ON, "disk.stalled");
}

#[test]
fn all_that_are_left_are_enough() {
    // The last entry of the list is excused everywhere.
    let story = story(ONE_WRITE)
        .ask([0, 1])
        .release([0])
        .ask([2, 3])
        .event(held(0, "write", true));
    check(&story.ask([4]).settle(4), GOES_ON, "disk.goes_on");
}

#[test]
fn standing_still_before_the_answers_are_let_go_proves_nothing() {
    let story = story(ONE_WRITE)
        .ask([0, 1])
        .reached(0)
        .release([0])
        .reached(1)
        .event(held(0, "write", true))
        .stuck(2);
    check(&story.exit(0), GOES_ON, "flight.ended_early");
}

#[test]
fn a_guess_by_time_holds_nothing_against_a_program() {
    let story =
        until_open(ONE_WRITE, true)
            .release([1])
            .still(4, Grade::Timed, StepOutcome::Reached);
    check(&story.event(let_go(0)).exit(0), GOES_ON, "evidence.timed");
}

#[test]
fn who_never_makes_such_a_call_cannot_be_stopped_by_it() {
    let story = || story("{ ops: [rename] }").ask(0..6).release(0..6);
    check(
        &story().event(calls(6, 0)).exit(0),
        GOES_ON,
        "disk.no_such_call",
    );
    check(
        &story().event(calls(0, 0)).exit(0),
        GOES_ON,
        "disk.untouched",
    );
    check(&story().exit(0), GOES_ON, "disk.no_gate");
}

#[test]
fn a_call_after_the_last_download_was_in_nobodys_way() {
    let story = story(ONE_WRITE)
        .ask(0..6)
        .release(0..6)
        .event(held(0, "write", true))
        .settle(4);
    check(
        &story.event(let_go(0)).event(calls(6, 0)).exit(0),
        GOES_ON,
        "disk.late",
    );
}

#[test]
fn files_that_no_call_has_made_are_undecided() {
    let file = Event::File {
        path: "0".into(),
        kind: crate::evidence::FileKind::Regular,
        size: 9,
        sha256: None,
    };
    let story = story(ONE_WRITE)
        .ask(0..6)
        .release(0..6)
        .exit_later(0, [calls(0, 0), file]);
    check(&story, GOES_ON, "disk.unseen");
}

#[test]
fn a_failed_call_held_nobody_up() {
    let failed = Event::LetGo {
        call: 0,
        errno: Some(28),
    };
    let story = story(ONE_WRITE)
        .ask(0..6)
        .release(0..6)
        .event(held(0, "write", true))
        .event(failed);
    check(&story.event(calls(6, 0)).exit(0), GOES_ON, "disk.late");
}

#[test]
fn a_program_that_does_nothing_goes_nowhere() {
    check(
        &story(ONE_WRITE).event(calls(0, 0)).exit(0),
        GOES_ON,
        "nothing.done",
    );
}

fn slow() -> Story {
    story("{ ops: [write] }").header(|h| {
        if let Some(origin) = &mut h.plan.world.origin {
            origin.gate = None;
        }
    })
}

#[test]
fn what_comes_in_while_nothing_is_written_is_counted() {
    let begun = || {
        slow()
            .ask([0, 1])
            .release([0])
            .event(held(0, "write", false))
            .release([1])
            .ask([2, 3])
            .release([2, 3])
    };
    let bounded = begun().settled_with_held(4, 1).event(let_go(0)).exit(0);
    check(&bounded, BACKLOG, "disk.backlog_bounded");
    let more = begun()
        .ask([4])
        .release([4])
        .settled_with_held(4, 1)
        .event(let_go(0))
        .exit(0);
    check(&more, BACKLOG, "disk.backlog");
}

#[test]
fn what_comes_after_the_disk_is_free_counts_no_more() {
    let story = slow()
        .ask([0, 1])
        .release([0])
        .event(held(0, "write", false))
        .settled_with_held(4, 1)
        .event(let_go(0));
    check(
        &story.release([1]).ask(2..6).release(2..6).exit(0),
        BACKLOG,
        "disk.backlog_bounded",
    );
}

#[test]
fn a_bound_that_was_never_tried_is_not_earned() {
    let story = slow().ask(0..3).release(0..3).exit(0);
    check(&story, BACKLOG, "disk.no_gate");
    let story = slow().ask(0..3).release(0..3).event(calls(3, 0)).exit(0);
    check(&story, BACKLOG, "disk.late");
}

#[test]
fn broken_bodies_do_not_wait_for_the_disk() {
    let mut story = slow().ask(0..6);
    for item in 0..6 {
        story = story.end_with(item, 200, Ending::Truncated);
    }
    check(
        &story.event(held(0, "write", false)).exit(0),
        BACKLOG,
        "flight.ended_early",
    );
}
