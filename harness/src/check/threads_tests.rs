use super::super::story::{Story, check, pages, script};
use crate::evidence::{Event, Grade, Settled, StepOutcome, Usage};

const ONE: &str = "{ one_thread: {} }";

fn story() -> Story {
    let script = script("[settle, { measure: held }, open, exit]");
    Story::new(20, pages(20), script).ask(0..20)
}

fn still(waiting: Option<u32>, grade: Grade, in_flight: u32) -> Event {
    Event::Settled(Settled {
        grade,
        timer_ns: None,
        processes: 1,
        threads: 30,
        in_flight,
        parked: in_flight,
        held: 0,
        unread: None,
        unused: 0,
        cpu_ns: 0,
        working_threads: 30,
        waiting_threads: waiting,
    })
}

fn settled(waiting: Option<u32>, grade: Grade) -> Story {
    let story = story().event(still(waiting, grade, 20)).reached(0);
    story.reached(1).reached(2).release(0..20).exit(0)
}

#[test]
fn one_waits_for_all_and_helpers_are_excused() {
    for threads in [1, 2, 4] {
        check(&settled(Some(threads), Grade::Certain), ONE, "threads.one");
    }
}

#[test]
fn a_thread_for_each_is_found() {
    check(&settled(Some(21), Grade::Certain), ONE, "threads.many");
    check(&settled(Some(5), Grade::Certain), ONE, "threads.many");
}

#[test]
fn what_the_host_doesnt_show_is_no_fault() {
    check(&settled(None, Grade::Certain), ONE, "threads.unknown");
    check(&settled(Some(21), Grade::Timed), ONE, "evidence.timed");
}

#[test]
fn a_spinning_program_of_one_thread_has_one_thread() {
    let usage = |threads| {
        Event::Usage(Usage {
            label: "held".into(),
            threads: Some(threads),
            ..Usage::default()
        })
    };
    let story = |threads| {
        let story = story().step(0, StepOutcome::GaveUp).event(usage(threads));
        story.reached(1).reached(2).release(0..20).exit(0)
    };
    check(&story(1), ONE, "threads.one");
    let many = story(21).judge(ONE);
    assert_ne!(many.code, "threads.one");
}
