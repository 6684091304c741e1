use crate::check::story::{Story, check, entry, pages, script};
use crate::evidence::{Event, Grade, Header, SPINNING, StepOutcome, Tier};
use crate::task::world::Answer;

const REACHES: &str = "{ reaches: { in_flight: limit } }";
const KEEPS: &str = "{ never_exceeds: { in_flight: limit } }";
const REFILLS: &str = "{ refills: { in_flight: limit } }";
const SOCKETS: &str = "{ bounded_sockets: { in_flight: limit } }";
const STALLS: &str = "{ not_stalled: {} }";

/// until, settle, release, settle, open, exit.
fn story(limit: u64, list: u32) -> Story {
    let steps = "[{until: {requests: limit}}, settle, {release: {count: 1}}, settle, open, exit]";
    Story::new(limit, pages(list), script(steps))
}

/// A right program up to its limit of 3, seen to stand still there.
fn at_limit() -> Story {
    story(3, 9).ask(0..3).reached(0).settle(1)
}

/// From here on everything is let go.
fn to_the_end(story: Story, asked: std::ops::Range<u32>, rest: std::ops::Range<u32>) -> Story {
    let story = story.reached(4).release(asked);
    rest.fold(story, |s, i| s.ask([i]).release([i])).exit(0)
}

fn portable(story: Story) -> Story {
    story.header(|h: &mut Header| h.tier = Tier::Portable)
}

#[test]
fn a_right_program_reaches_keeps_and_refills() {
    let story = to_the_end(
        at_limit().release([0]).reached(2).ask([3]).settle(3),
        1..4,
        4..9,
    );
    check(&story, REACHES, "flight.reached");
    check(&story, KEEPS, "flight.kept");
    check(&story, REFILLS, "flight.refilled");
    check(&story, SOCKETS, "sockets.bounded");
}

#[test]
fn standing_still_below_the_limit_is_not_reaching_it() {
    let held = story(3, 9).ask(0..2).stuck(0);
    let verdict = check(&held, REACHES, "flight.not_reached");
    assert_eq!(verdict.facts["most"], 2u32.into());
    assert_eq!(
        verdict.facts["left"],
        6u32.into(),
        "the last of the list is excused"
    );
}

#[test]
fn standing_still_is_believed_only_where_it_was_seen() {
    let timed = story(3, 9)
        .ask(0..2)
        .still(0, Grade::Timed, StepOutcome::Stuck);
    check(&timed, REACHES, "evidence.timed");
    let polled = story(3, 9)
        .ask(0..2)
        .still(0, Grade::Polled, StepOutcome::Stuck);
    check(&polled, REACHES, "flight.not_reached");
    check(&portable(polled), REACHES, "evidence.timed");
}

#[test]
fn what_was_seen_is_proof_in_any_tier_and_in_cut_evidence() {
    check(&portable(story(3, 9).ask(0..3)), REACHES, "flight.reached");
    check(&portable(story(3, 9).ask(0..4)), KEEPS, "flight.exceeded");
    check(&story(3, 9).ask(0..4), KEEPS, "flight.exceeded");
    check(
        &story(3, 9).ask(0..4).gave_up(false),
        KEEPS,
        "flight.exceeded",
    );
}

#[test]
fn what_was_not_decided_is_never_a_pass() {
    check(&story(3, 9).ask(0..2), REACHES, "evidence.partial");
    check(
        &story(3, 9).ask(0..2).gave_up(false),
        REACHES,
        "evidence.gave_up",
    );
    check(&at_limit(), KEEPS, "evidence.partial");
    check(&at_limit().gave_up(false), KEEPS, "evidence.gave_up");
    check(&at_limit(), REFILLS, "evidence.partial");
    check(
        &story(3, 9)
            .ask(0..3)
            .still(0, Grade::Timed, StepOutcome::Stuck)
            .exit(0),
        KEEPS,
        "evidence.timed",
    );
}

#[test]
fn a_fault_of_the_harness_is_no_finding() {
    let broken = story(3, 9).ask(0..4).event(Event::Fault {
        message: "no descriptors".into(),
    });
    check(&broken, KEEPS, "run.fault");
    check(&broken, REACHES, "run.fault");
}

#[test]
fn doing_nothing_earns_no_bound() {
    for rule in [REACHES, KEEPS, REFILLS, SOCKETS, STALLS] {
        check(
            &story(3, 9).step(0, StepOutcome::Exited).exit(1),
            rule,
            "nothing.done",
        );
        check(&story(3, 9).gave_up(false), rule, "evidence.gave_up");
    }
}

#[test]
fn a_crash_before_the_question_is_a_fail() {
    let crashed = story(3, 9)
        .ask([0])
        .abandon([0])
        .step(0, StepOutcome::Exited)
        .killed(11);
    let verdict = check(&crashed, REACHES, "flight.ended_early");
    assert_eq!(verdict.facts["ending"], "SIGSEGV".into());
    check(&crashed, KEEPS, "flight.ended_early");
}

#[test]
fn own_time_outs_are_not_held_against_the_program() {
    // It gave up what it held and went on: never more than three at once.
    let story = at_limit()
        .abandon(0..3)
        .ask(3..6)
        .stuck(2)
        .abandon(3..6)
        .exit(0);
    check(&story, REACHES, "flight.reached");
    check(&story, KEEPS, "flight.kept");
    let starved = self::story(3, 9)
        .ask(0..2)
        .abandon(0..2)
        .step(0, StepOutcome::Exited)
        .exit(0);
    check(&starved, REACHES, "flight.given_up");
}

#[test]
fn a_list_shorter_than_the_limit_is_reached_as_far_as_it_goes() {
    check(&story(50, 4).ask(0..4).stuck(0), REACHES, "flight.reached");
    check(&story(50, 4).ask(0..3).stuck(0), REACHES, "flight.reached");
    check(
        &story(50, 4).ask(0..1).stuck(0),
        REACHES,
        "flight.not_reached",
    );
}

#[test]
fn entries_that_the_world_cannot_see_are_not_waited_for() {
    let mut items = pages(4);
    items.insert(0, entry("/r", Answer::Refused));
    items.insert(0, entry("nonsense", Answer::Malformed));
    let steps = script("[{until: {requests: limit}}]");
    check(
        &Story::new(6, items, steps).ask(2..6).stuck(0),
        REACHES,
        "flight.reached",
    );
}

#[test]
fn strays_count_as_in_flight() {
    let story = story(2, 9)
        .ask(0..2)
        .stray("GET", "/favicon.ico", None)
        .stuck(0);
    check(&story, KEEPS, "flight.exceeded");
}

#[test]
fn a_connection_that_ended_carries_no_request() {
    let gone = |s: Story, conn| {
        s.event(Event::Disconnected {
            conn,
            by: crate::evidence::Side::Peer,
            requests: 1,
        })
    };
    let story = gone(story(1, 9).ask([0]), 0)
        .ask([1])
        .reached(0)
        .settle(1)
        .exit(0);
    check(&story, KEEPS, "flight.kept");
}

#[test]
fn a_batch_does_not_refill() {
    let batch = at_limit().release([0]).reached(2).settle(3);
    let verdict = check(&batch, REFILLS, "flight.not_refilled");
    assert_eq!(verdict.facts["before"], 3u32.into());
    assert_eq!(verdict.facts["after"], 2u32.into());
    let unsure = at_limit()
        .release([0])
        .reached(2)
        .still(3, Grade::Timed, StepOutcome::Reached);
    check(&unsure, REFILLS, "evidence.timed");
}

#[test]
fn refilling_is_judged_at_the_programs_own_level() {
    let low = story(3, 9)
        .ask(0..2)
        .stuck(0)
        .settle(1)
        .release([0])
        .reached(2)
        .ask([2])
        .settle(3);
    check(&low, REFILLS, "flight.refilled");
    let high = story(3, 9)
        .ask(0..5)
        .reached(0)
        .settle(1)
        .release([0])
        .reached(2)
        .ask([5])
        .settle(3);
    check(&high, REFILLS, "flight.refilled");
    let sequential = story(3, 9)
        .ask([0])
        .stuck(0)
        .settle(1)
        .release([0])
        .reached(2)
        .ask([1])
        .settle(3);
    check(&sequential, REFILLS, "flight.refilled");
}

#[test]
fn nothing_left_needs_no_refill() {
    let story = story(3, 4)
        .ask(0..3)
        .reached(0)
        .settle(1)
        .release([0])
        .reached(2)
        .ask([3])
        .settle(3);
    check(&story.exit(0), REFILLS, "flight.refilled");
}

#[test]
fn connections_without_requests_are_too_many() {
    let eager = (10..16)
        .fold(story(3, 9).ask(0..3), |s, conn| s.connect(conn, 0))
        .reached(0)
        .settle(1);
    let verdict = check(&eager, SOCKETS, "sockets.too_many");
    assert_eq!(verdict.facts["unused"], 6u32.into());
    // Requests beyond the limit are another check's matter.
    check(
        &story(3, 9).ask(0..6).reached(0).settle(1).exit(0),
        SOCKETS,
        "sockets.bounded",
    );
}

#[test]
fn a_pool_may_keep_idle_connections() {
    let mut story = story(3, 9)
        .ask(0..3)
        .end_kept(0, crate::evidence::Ending::Complete);
    story = story
        .ask([3])
        .end_kept(1, crate::evidence::Ending::Complete)
        .connect(90, 1)
        .ask_on(90, 4);
    // Two idle and two busy to the one host, one busy to the other: too many for the first only.
    check(
        &story.clone().settle(1).exit(0),
        SOCKETS,
        "sockets.too_many",
    );
    let closed = story.event(Event::Disconnected {
        conn: 0,
        by: crate::evidence::Side::Peer,
        requests: 1,
    });
    check(&closed.settle(1).exit(0), SOCKETS, "sockets.bounded");
}

fn with_stuck(pages_beside: u32) -> Story {
    let mut items = pages(pages_beside);
    items.insert(0, entry("/stuck", Answer::Stuck));
    Story::new(
        3,
        items,
        script("[{until: {answered: 6}}, settle, open, exit]"),
    )
}

#[test]
fn one_stuck_answer_stalls_nobody() {
    let going_on = (1..7).fold(with_stuck(6).ask([0]), |s, i| s.ask([i]).release([i]));
    check(
        &going_on
            .clone()
            .reached(0)
            .settle(1)
            .reached(2)
            .release([0])
            .exit(0),
        STALLS,
        "flight.not_stalled",
    );
    // Gave the stuck one up by its own time-out.
    check(
        &going_on.abandon([0]).reached(0).exit(0),
        STALLS,
        "flight.not_stalled",
    );
}

#[test]
fn waiting_for_a_stuck_answer_is_a_stall() {
    let waiting = (1..3)
        .fold(with_stuck(6).ask([0]), |s, i| s.ask([i]).release([i]))
        .stuck(0);
    let verdict = check(&waiting, STALLS, "flight.stalled");
    assert_eq!(verdict.facts["left"], 3u32.into());
    let unsure = (1..3).fold(with_stuck(6).ask([0]), |s, i| s.ask([i]).release([i]));
    check(
        &unsure.still(0, Grade::Timed, StepOutcome::Stuck),
        STALLS,
        "evidence.timed",
    );
}

#[test]
fn a_timer_that_strikes_soon_forbids_accusing() {
    let soon = |s: Story, step, outcome| s.still_for(step, Some(300_000_000), outcome);
    check(
        &soon(story(3, 9).ask(0..2), 0, StepOutcome::Stuck).gave_up(false),
        REACHES,
        "evidence.gave_up",
    );
    let batch = at_limit().release([0]).reached(2);
    check(
        &soon(batch, 3, StepOutcome::Reached),
        REFILLS,
        "evidence.partial",
    );
    // A far one doesn't: nobody waits half a minute to start the next request.
    let far = story(3, 9)
        .ask(0..2)
        .still_for(0, Some(30_000_000_000), StepOutcome::Stuck);
    check(&far, REACHES, "flight.not_reached");
}

#[test]
fn a_batch_that_goes_on_by_its_own_time_outs_has_not_refilled() {
    let batch = at_limit()
        .release([0])
        .reached(2)
        .abandon(1..3)
        .ask(3..6)
        .settle(3);
    check(&batch.gave_up(false), REFILLS, "evidence.gave_up");
}

#[test]
fn who_asks_for_everything_at_once_leaves_no_place_empty() {
    let greedy = story(3, 9)
        .ask(0..9)
        .reached(0)
        .settle(1)
        .release([0])
        .reached(2)
        .settle(3);
    check(&greedy.exit(0), REFILLS, "flight.refilled");
}

#[test]
fn who_never_rests_and_does_everything_is_not_accused() {
    // A busy poller: the script's `settle` gives up, and everything else goes well.
    let busy = |story: Story| {
        story.event(Event::GaveUp {
            settled: false,
            why: SPINNING.into(),
        })
    };
    let story = busy(story(3, 9).ask(0..3).reached(0)).step(1, StepOutcome::GaveUp);
    let story = busy(story.release([0]).reached(2).ask([3])).step(3, StepOutcome::GaveUp);
    let story = to_the_end(story, 1..4, 4..9);
    check(&story, REACHES, "flight.reached");
    for rule in [KEEPS, REFILLS, SOCKETS] {
        check(&story, rule, "evidence.gave_up");
    }
}
