use crate::check::story::{Story, check, script};
use crate::evidence::{Event, Grade, SPINNING, Settled, StepOutcome, Usage};

const RESTS: &str = "{ rests: {} }";
const FREES: &str = "{ frees_descriptors: { group: v, before: x, after: y } }";
const STEADY: &str = "{ steady_memory: { group: d, before: x, after: y, mib: 32 } }";
const SIGNAL: &str = "{ ends_on_signal: {} }";

fn open(client: u32, group: u16) -> Event {
    Event::ClientOpen {
        client,
        group,
        begun: None,
    }
}

fn gave_up(why: &str) -> Event {
    Event::GaveUp {
        settled: false,
        why: why.into(),
    }
}

/// Steps 0 to 2: listening, one client connected and answered. What follows are the script's own.
fn served(steps: &str) -> Story {
    let steps = format!(
        "[listen, {{connect: {{group: a}}}}, {{until: {{echoed: {{group: a}}}}}}, {steps}]"
    );
    Story::new(1, Vec::new(), script(&steps))
        .reached(0)
        .event(open(0, 0))
        .reached(1)
        .reached(2)
}

/// A rest after so many nanoseconds of processor time.
fn rest(story: Story, step: u32, cpu_ns: u64) -> Story {
    let settled = Settled {
        grade: Grade::Polled,
        timer_ns: None,
        processes: 1,
        threads: 1,
        in_flight: 0,
        parked: 0,
        held: 0,
        unread: None,
        unused: 0,
        cpu_ns,
        working_threads: 1,
    };
    story.event(Event::Settled(settled)).reached(step)
}

#[test]
fn a_server_that_sleeps_rests_and_one_that_spins_does_not() {
    check(
        &served("settle, settle").settle(3).settle(4),
        RESTS,
        "rest.kept",
    );
    let spins = served("settle, settle")
        .settle(3)
        .event(gave_up(SPINNING))
        .step(4, StepOutcome::GaveUp);
    check(&spins, RESTS, "rest.spins");
    let slow = served("settle")
        .event(gave_up("5 s"))
        .step(3, StepOutcome::GaveUp);
    check(&slow, RESTS, "evidence.gave_up");
    check(
        &served("settle").still(3, Grade::Timed, StepOutcome::Reached),
        RESTS,
        "evidence.timed",
    );
    check(&served("settle"), RESTS, "evidence.partial");
}

#[test]
fn processor_time_between_two_rests_is_polling() {
    let over = |cpu_ns: u64| {
        let first = rest(served("settle, settle"), 3, 1_000_000);
        rest(first.later(100_000_000), 4, 1_000_000 + cpu_ns)
    };
    check(&over(20_000_000), RESTS, "rest.polls");
    check(&over(2_000_000), RESTS, "rest.kept");
}

#[test]
fn whoever_serves_nobody_rests_in_vain() {
    let steps = "[listen, {connect: {group: a}}, {until: {echoed: {group: a}}}, settle, {signal: TERM}, exit]";
    let silent = Story::new(1, Vec::new(), script(steps))
        .reached(0)
        .event(open(0, 0))
        .reached(1);
    let silent = silent
        .event(Event::ClientSent {
            client: 0,
            total: 5,
            begun: None,
        })
        .stuck(2)
        .settle(3);
    check(&silent, RESTS, "echo.missing");
    check(&silent.reached(4).exit(0), SIGNAL, "echo.missing");
}

fn account(label: &str, descriptors: u32, anon_mib: u64) -> Event {
    let anon_kib = Some(anon_mib << 10);
    Event::Usage(Usage {
        label: label.into(),
        descriptors: Some(descriptors),
        anon_kib,
        ..Usage::default()
    })
}

/// 200 visitors between two accounts.
fn visited(after: u32, settle: impl Fn(Story) -> Story) -> Story {
    let steps =
        "[listen, settle, {measure: x}, {visit: {group: v, count: 200}}, settle, {measure: y}]";
    let story = Story::new(1, Vec::new(), script(steps))
        .reached(0)
        .settle(1)
        .event(account("x", 10, 1))
        .reached(2);
    let story = (0..200).fold(story, |s, i| s.event(open(i, 0))).reached(3);
    settle(story).event(account("y", after, 1)).reached(5)
}

#[test]
fn descriptors_that_stay_are_a_leak_if_the_server_stood_still() {
    let still = |s: Story| s.settle(4);
    check(&visited(10, still), FREES, "descriptors.freed");
    check(&visited(16, still), FREES, "descriptors.freed");
    let verdict = check(&visited(210, still), FREES, "descriptors.leaked");
    assert_eq!(verdict.facts["connections"], 200u64.into());
    let busy = |s: Story| s.event(gave_up("5 s")).step(4, StepOutcome::GaveUp);
    check(&visited(210, busy), FREES, "evidence.gave_up");
    check(&visited(12, busy), FREES, "descriptors.freed");
}

/// A client that doesn't read has sent 64 MiB by the end.
fn deaf(settle: impl Fn(Story) -> Story, anon_mib: u64, sent_mib: u64) -> Story {
    let steps = "[listen, settle, {measure: x}, {connect: {group: d}}, settle, {measure: y}]";
    let story = Story::new(1, Vec::new(), script(steps))
        .reached(0)
        .settle(1)
        .event(account("x", 10, 5))
        .reached(2);
    let story = settle(story.event(open(0, 0)).reached(3))
        .event(account("y", 11, anon_mib))
        .reached(5);
    story.event(Event::ClientSent {
        client: 0,
        total: sent_mib << 20,
        begun: None,
    })
}

#[test]
fn memory_that_grows_with_what_is_unread() {
    let still = |s: Story| s.settle(4);
    check(&deaf(still, 9, 64), STEADY, "memory.steady");
    check(&deaf(still, 70, 64), STEADY, "memory.grew");
    check(&deaf(still, 9, 3), STEADY, "memory.little_done");
    let spins = |s: Story| s.event(gave_up(SPINNING)).step(4, StepOutcome::GaveUp);
    check(&deaf(spins, 9, 64), STEADY, "memory.steady");
    let slow = |s: Story| s.event(gave_up("5 s")).step(4, StepOutcome::GaveUp);
    check(&deaf(slow, 9, 64), STEADY, "evidence.gave_up");
    let struck = deaf(still, 9, 64).event(Event::LimitHit {
        limit: "memory".into(),
        count: 1,
    });
    check(&struck, STEADY, "memory.grew");
}

#[test]
fn a_signal_ends_with_zero_or_by_itself() {
    let asked = || {
        served("{signal: TERM}, exit")
            .event(Event::Signalled {
                signal: "TERM".into(),
            })
            .reached(3)
    };
    check(&asked().exit(0), SIGNAL, "signal.ended");
    check(&asked().killed(libc::SIGTERM), SIGNAL, "signal.ended");
    check(&asked().exit(128 + libc::SIGTERM), SIGNAL, "signal.ended");
    check(&asked().exit(1), SIGNAL, "signal.wrong_end");
    check(&asked().killed(libc::SIGSEGV), SIGNAL, "signal.wrong_end");
    check(&asked().stuck(4), SIGNAL, "signal.ignored");
    check(
        &asked()
            .event(gave_up(SPINNING))
            .step(4, StepOutcome::GaveUp),
        SIGNAL,
        "signal.ignored",
    );
    check(
        &asked().event(gave_up("20 s")).step(4, StepOutcome::GaveUp),
        SIGNAL,
        "evidence.gave_up",
    );
    let gone = served("{signal: TERM}, exit").event(Event::Exited {
        status: Some(0),
        signal: None,
    });
    check(&gone.step(3, StepOutcome::Idle), SIGNAL, "server.ended");
}
