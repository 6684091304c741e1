use crate::check::story::{Story, check, pages, script};
use crate::evidence::{Event, Grade, StepOutcome};

const ZERO: &str = "{ exits: { status: zero } }";
const NONZERO: &str = "{ exits: { status: nonzero } }";
const REFUSES: &str = "{ refuses_arguments: {} }";

fn story() -> Story {
    Story::new(3, pages(3), script("[open, exit]")).reached(0)
}

fn limit(name: &str, count: u64) -> Event {
    Event::LimitHit {
        limit: name.into(),
        count,
    }
}

#[test]
fn the_status_is_compared() {
    check(&story().exit(0), ZERO, "ending.right");
    check(&story().exit(3), ZERO, "ending.status");
    check(&story().exit(0), NONZERO, "ending.success");
    check(&story().exit(3), NONZERO, "ending.right");
}

#[test]
fn a_signal_is_a_crash_and_no_memory_is_told_apart() {
    let verdict = check(&story().killed(11), ZERO, "ending.signal");
    assert_eq!(verdict.facts["signal"], "SIGSEGV".into());
    check(
        &story().event(limit("memory", 1)).killed(9),
        ZERO,
        "ending.memory",
    );
    check(&story().killed(6), NONZERO, "ending.signal");
}

#[test]
fn a_hang_is_what_came_first() {
    // The harness kills what hangs: that signal is not the program's.
    check(&story().stuck(1).killed(9), ZERO, "ending.hang");
    check(&story().gave_up(true), ZERO, "ending.hang");
    check(
        &story().still(1, Grade::Timed, StepOutcome::Stuck).killed(9),
        ZERO,
        "evidence.timed",
    );
    check(&story().gave_up(false), ZERO, "evidence.gave_up");
    check(&story(), ZERO, "evidence.partial");
}

#[test]
fn a_step_that_gave_up_is_not_the_end_of_the_run() {
    let script = script("[settle, open, exit]");
    let busy = Story::new(3, pages(3), script)
        .event(Event::GaveUp {
            settled: false,
            why: "spin".into(),
        })
        .step(0, StepOutcome::GaveUp);
    check(&busy.clone().reached(1).exit(0), ZERO, "ending.right");
    let at_exit = busy.reached(1).event(Event::GaveUp {
        settled: false,
        why: "idle".into(),
    });
    check(
        &at_exit.step(2, StepOutcome::GaveUp).killed(9),
        ZERO,
        "evidence.gave_up",
    );
}

#[test]
fn what_could_not_be_started_is_not_judged() {
    let story = story()
        .event(Event::NotStarted {
            why: "no such file".into(),
        })
        .event(Event::End);
    check(&story, ZERO, "run.not_started");
}

#[test]
fn asking_without_end_is_told_apart_from_a_hang_and_from_a_slow_host() {
    let struck = story().event(limit("requests", 2000)).gave_up(true);
    check(&struck, ZERO, "ending.endless");
    let again = |times: u32| (0..times).fold(story(), |s, _| s.ask([0]).release([0]));
    let verdict = check(&again(30).gave_up(false), ZERO, "ending.endless");
    assert_eq!(verdict.facts["requests"], 30u32.into());
    check(&again(3).gave_up(false), ZERO, "evidence.gave_up");
    check(&again(30).exit(0), ZERO, "ending.right");
}

#[test]
fn an_exit_before_the_steps_end_is_no_hang() {
    let early = Story::new(3, pages(3), script("[settle, exit]"))
        .step(0, StepOutcome::Exited)
        .exit(0);
    check(&early, ZERO, "ending.right");
}

#[test]
fn bad_arguments_want_a_message_and_a_failure() {
    check(
        &story().err("usage: fetcher -c N FILE\n").exit(2),
        REFUSES,
        "arguments.refused",
    );
    check(
        &story().err("usage: …").exit(0),
        REFUSES,
        "arguments.accepted",
    );
    check(&story().exit(1), REFUSES, "arguments.silent");
    check(&story().out("usage").exit(1), REFUSES, "arguments.silent");
    check(&story().stuck(1), REFUSES, "arguments.hang");
    check(&story().gave_up(false), REFUSES, "evidence.gave_up");
    check(&story().killed(11), REFUSES, "arguments.crash");
}

#[test]
fn a_trace_alone_is_no_message() {
    let python = "Traceback (most recent call last):\n  File \"/work/main.py\", line 3, in <module>\n    \
                  int('x')\n    ~~~^^^^^\nValueError: invalid literal\n";
    let syntax =
        "  File \"/work/main.py\", line 3\n    def\n       ^\nSyntaxError: invalid syntax\n";
    let node = "node:internal/fs/utils:356\n    throw err;\n    ^\n\nError: ENOENT: no such file\n    at \
                Object.open (node:fs:1)\n\nNode.js v20.0.0\n";
    let go = "panic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.main()\n\t/work/main.go:9\nexit status 2\n";
    let rust =
        "\nthread 'main' (7) panicked at src/main.rs:4:9:\nboom\nnote: run with RUST_BACKTRACE=1\n";
    let java = "Exception in thread \"main\" java.lang.NumberFormatException: x\n\tat Main.main(Main.java:3)\n";
    for trace in [python, syntax, node, go, rust, java] {
        check(&story().err(trace).exit(1), REFUSES, "arguments.trace");
        let told = format!("fetcher: the limit must be a number\n{trace}");
        check(&story().err(&told).exit(1), REFUSES, "arguments.refused");
    }
    let chained = format!(
        "{python}\nDuring handling of the above exception, another exception occurred:\n\n{python}"
    );
    let verdict = check(&story().err(&chained).exit(1), REFUSES, "arguments.trace");
    assert_eq!(verdict.facts["trace"], "ValueError: invalid literal".into());
}
