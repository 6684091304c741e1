use crate::check::story::{Story, check, script};
use crate::evidence::{Event, StepOutcome, Worked};
use crate::task::Value;

const AT_ONCE: &str = "works_at_once: { workers: 2 }";
const NO_MORE: &str = "works_no_more: { workers: 2 }";

/// Looks at threads that gain so much each 100 ms: time on a processor, time in the queue (ms), sleeps.
fn run(gains: &[(u64, u64, u64)]) -> Story {
    let story = Story::new(
        1,
        Vec::new(),
        script("[work: { cpu_ms: 1000 }, signal: KILL, exit]"),
    );
    (0..=20)
        .fold(story, |story, look| {
            let thread = |(i, (run, wait, sleeps)): (usize, &(u64, u64, u64))| Worked {
                tid: i as u32 + 10,
                at_ns: look * 100_000_000,
                run_ns: look * run * 1_000_000,
                wait_ns: look * wait * 1_000_000,
                sleeps: look * sleeps,
            };
            let threads = gains.iter().enumerate().map(thread).collect();
            story.event(Event::Work { threads })
        })
        .reached(0)
}

#[test]
fn two_that_compute_are_two_on_a_busy_machine_too() {
    check(&run(&[(100, 0, 0), (100, 0, 0)]), AT_ONCE, "parallel.right");
    check(&run(&[(10, 90, 0), (12, 88, 1)]), AT_ONCE, "parallel.right");
    check(&run(&[(100, 0, 0), (100, 0, 0)]), NO_MORE, "parallel.kept");
}

#[test]
fn taking_turns_is_not_computing_at_once() {
    check(&run(&[(50, 0, 20), (50, 0, 20)]), AT_ONCE, "parallel.not");
    check(&run(&[(20, 70, 8), (20, 70, 8)]), AT_ONCE, "parallel.not");
    check(&run(&[(100, 0, 0)]), AT_ONCE, "parallel.not");
    check(&run(&[(30, 70, 0), (1, 99, 0)]), AT_ONCE, "parallel.not");
}

#[test]
fn in_between_nothing_is_said() {
    check(
        &run(&[(100, 0, 0), (38, 0, 0)]),
        AT_ONCE,
        "parallel.doubtful",
    );
}

#[test]
fn more_than_allowed() {
    check(&run(&[(50, 50, 0); 4]), NO_MORE, "parallel.too_many");
}

#[test]
fn a_program_that_ends_at_once_has_not_counted() {
    let story = Story::new(1, Vec::new(), script("[work: { cpu_ms: 1000 }, exit]"));
    let story = story.exit(0).step(0, StepOutcome::Exited);
    check(&story, AT_ONCE, "counting.ended");
}

#[test]
fn numbers_come_in_their_order() {
    let story = |text: &str| {
        Story::new(1, Vec::new(), script("[exit]"))
            .header(|h| {
                h.plan
                    .params
                    .insert("numbers".into(), Value::Text("7 10 3".into()));
            })
            .out(text)
            .exit(0)
            .event(Event::End)
    };
    let rule = "prints_numbers: { of: numbers }";
    check(&story("7\n10\n3\n"), rule, "numbers.right");
    check(&story("counting\n7\n10\n3\n"), rule, "numbers.right");
    check(&story("10\n7\n3\n"), rule, "numbers.wrong");
    check(&story("7\n10\n"), rule, "numbers.wrong");
}
