use crate::check::story::{Story, check, script};
use crate::evidence::{ClientEnding, Event, Grade, StepOutcome, Tier};

const ECHOES: &str = "{ echoes: { group: a } }";
const RAISES: &str = "{ uppercases: { group: a } }";
const FINISHES: &str = "{ finishes: { group: a } }";

/// listen, connect, send 100, until echoed.
fn story() -> Story {
    let steps = "[listen, {connect: {group: a, count: 2}}, {send: {group: a, size: 100, alphabet: letters}}, \
                 {until: {echoed: {group: a}}}]";
    Story::new(1, Vec::new(), script(steps)).event(Event::Target {
        addr: "127.0.0.1:15000".parse().unwrap(),
    })
}

fn open(story: Story) -> Story {
    let open = |client| Event::ClientOpen {
        client,
        group: 0,
        begun: None,
    };
    story.reached(0).event(open(0)).event(open(1)).reached(1)
}

fn sent(client: u32, total: u64) -> Event {
    Event::ClientSent {
        client,
        total,
        begun: None,
    }
}

fn got(client: u32, total: u64) -> Event {
    Event::ClientReceived {
        client,
        total,
        unraised: 0,
    }
}

fn end(client: u32, how: ClientEnding) -> Event {
    Event::ClientEnd { client, how }
}

/// Both have sent everything, and the first has it back.
fn one_served() -> Story {
    open(story())
        .reached(2)
        .event(sent(0, 100))
        .event(sent(1, 100))
        .event(got(0, 100))
}

#[test]
fn everything_came_back() {
    let all = one_served().event(got(1, 100)).reached(3).event(Event::End);
    check(&all, ECHOES, "echo.right");
    check(&all, RAISES, "case.raised");
}

#[test]
fn letters_that_are_left_alone_cost_their_own_check_only() {
    let plain = Event::ClientReceived {
        client: 1,
        total: 100,
        unraised: 100,
    };
    let all = one_served().event(plain).reached(3).event(Event::End);
    check(&all, ECHOES, "echo.right");
    check(&all, RAISES, "case.unraised");
}

#[test]
fn a_client_that_waits_in_vain_is_missed_only_if_the_server_surely_stands_still() {
    let verdict = check(&one_served().stuck(3), ECHOES, "echo.missing");
    assert_eq!(verdict.facts["served"], 1u64.into());
    check(&one_served().stuck(3), RAISES, "echo.missing");
    check(
        &one_served().still(3, Grade::Timed, StepOutcome::Stuck),
        ECHOES,
        "evidence.timed",
    );
    let polled = one_served().still(3, Grade::Polled, StepOutcome::Stuck);
    check(&polled, ECHOES, "echo.missing");
    check(
        &polled.header(|h| h.tier = Tier::Reduced),
        ECHOES,
        "evidence.timed",
    );
    let gave_up = Event::GaveUp {
        settled: false,
        why: "20 s".into(),
    };
    check(
        &one_served().event(gave_up).step(3, StepOutcome::GaveUp),
        ECHOES,
        "evidence.gave_up",
    );
    check(&one_served(), ECHOES, "evidence.partial");
}

#[test]
fn a_connection_that_the_server_ended_is_cut_and_one_that_we_closed_is_not() {
    check(
        &one_served().event(end(1, ClientEnding::Reset)).stuck(3),
        ECHOES,
        "echo.cut",
    );
    check(
        &one_served().event(end(1, ClientEnding::World)).stuck(3),
        ECHOES,
        "echo.missing",
    );
}

#[test]
fn a_wrong_byte_is_wrong_whatever_came_of_the_run() {
    let wrong = Event::ClientMismatch {
        client: 1,
        at: 7,
        expected: "ABC".into(),
        got: "\u{7}".into(),
    };
    check(&one_served().event(wrong), ECHOES, "echo.wrong");
}

#[test]
fn a_server_that_ends_is_told_from_one_that_is_silent() {
    let ended = one_served().event(Event::Exited {
        status: Some(1),
        signal: None,
    });
    check(
        &ended.step(3, StepOutcome::Exited).event(Event::End),
        ECHOES,
        "server.ended",
    );
}

#[test]
fn clients_left_at_the_door() {
    let one = story().reached(0).event(Event::ClientOpen {
        client: 0,
        group: 0,
        begun: None,
    });
    let verdict = check(&one.clone().stuck(1), ECHOES, "server.not_accepting");
    assert_eq!(verdict.facts["connected"], 1u64.into());
    let refused = Event::ClientRefused {
        client: 1,
        group: 0,
        error: "refused".into(),
    };
    check(
        &one.clone().event(refused).reached(1),
        ECHOES,
        "server.not_accepting",
    );
    let gave_up = Event::GaveUp {
        settled: false,
        why: "this host gives too few".into(),
    };
    check(
        &one.event(gave_up).step(1, StepOutcome::GaveUp),
        ECHOES,
        "evidence.gave_up",
    );
}

#[test]
fn without_a_listener_nothing_is_earned() {
    check(&story().stuck(0), ECHOES, "server.never_listened");
    let crashed = story().event(Event::Exited {
        status: Some(1),
        signal: None,
    });
    check(
        &crashed.step(0, StepOutcome::Exited),
        ECHOES,
        "server.never_listened",
    );
    check(
        &story().still(0, Grade::Timed, StepOutcome::Stuck),
        ECHOES,
        "evidence.timed",
    );
    let slow = Event::GaveUp {
        settled: false,
        why: "20 s".into(),
    };
    check(
        &story().event(slow).step(0, StepOutcome::GaveUp),
        ECHOES,
        "evidence.gave_up",
    );
    for rule in [
        "{ rests: {} }",
        "{ ends_on_signal: {} }",
        "{ frees_descriptors: { group: a, before: x, after: y } }",
        "{ steady_memory: { group: a, before: x, after: y, mib: 1 } }",
        FINISHES,
    ] {
        check(&story().stuck(0), rule, "server.never_listened");
    }
}

/// listen, connect, send 100, finish, until ended.
fn half_closed() -> Story {
    let steps = "[listen, {connect: {group: a}}, {send: {group: a, size: 100}}, {finish: {group: a}}, \
                 {until: {ended: {group: a}}}]";
    let story = Story::new(1, Vec::new(), script(steps)).reached(0);
    let story = story
        .event(Event::ClientOpen {
            client: 0,
            group: 0,
            begun: None,
        })
        .reached(1)
        .reached(2)
        .reached(3);
    story
        .event(sent(0, 100))
        .event(Event::ClientFinished { client: 0 })
}

#[test]
fn after_a_half_close_everything_comes_and_then_the_end() {
    let eof = end(0, ClientEnding::Eof);
    check(
        &half_closed()
            .event(got(0, 100))
            .event(eof.clone())
            .reached(4),
        FINISHES,
        "half_close.right",
    );
    check(
        &half_closed().event(got(0, 60)).event(eof).reached(4),
        FINISHES,
        "echo.cut",
    );
    let reset = end(0, ClientEnding::Reset);
    check(
        &half_closed().event(got(0, 100)).event(reset).reached(4),
        FINISHES,
        "half_close.reset",
    );
    check(
        &half_closed().event(got(0, 100)).stuck(4),
        FINISHES,
        "half_close.left_open",
    );
    check(
        &half_closed().event(got(0, 60)).stuck(4),
        FINISHES,
        "echo.missing",
    );
}
