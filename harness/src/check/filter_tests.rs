use crate::check::story::{Story, check, script};
use crate::evidence::{Bytes, Event, Stream};
use crate::task::Value;

const RULE: &str = "filters: { holding: pattern, frame: [start, stop] }";
const AT_ONCE: &str = "filters_at_once: { holding: pattern, frame: [start, stop] }";

fn story(steps: &str) -> Story {
    Story::new(1, Vec::new(), script(steps)).header(|header| {
        let pattern = Value::Text("tea".into());
        header.plan.params.insert("pattern".into(), pattern);
    })
}

fn fed(text: &str) -> Event {
    Event::Input {
        data: Bytes::Text(text.into()),
        end: false,
    }
}

fn said(text: &str) -> Event {
    Event::Output {
        stream: Stream::Out,
        data: Bytes::Text(text.into()),
    }
}

fn err(text: &str) -> Event {
    Event::Output {
        stream: Stream::Err,
        data: Bytes::Text(text.into()),
    }
}

fn ended(status: i32) -> Event {
    Event::Exited {
        status: Some(status),
        signal: None,
    }
}

/// A run that was fed this and said that.
fn run(input: &str, output: &str) -> Story {
    story("[exit]")
        .event(fed(input))
        .event(said(output))
        .event(ended(0))
        .event(Event::End)
}

#[test]
fn matching_lines_come_out_whole_and_in_order() {
    let input = "a tea\nb\ntea c";
    check(
        &run(input, "start\na tea\ntea c\nstop\n"),
        RULE,
        "filter.right",
    );
    check(&run(input, "a tea\ntea c\n"), RULE, "filter.right");
    check(&run(input, "start\ntea c\nstop\n"), RULE, "filter.missing");
    check(&run(input, "start\na tea\nstop\n"), RULE, "filter.missing");
    check(
        &run(input, "start\na tea\ntea x\nstop\n"),
        RULE,
        "filter.wrong",
    );
    check(
        &run(input, "start\na tea\nb\ntea c\nstop\n"),
        RULE,
        "filter.wrong",
    );
    check(
        &run(input, "start\na tea\ntea c\ntea c\nstop\n"),
        RULE,
        "filter.more",
    );
    check(&run(input, "start\na tea\ntea c"), RULE, "filter.wrong");
}

#[test]
fn what_was_not_kept_is_held_against_nobody() {
    let cut = Event::OutputDropped {
        stream: Stream::Out,
        bytes: 3,
    };
    let story = story("[exit]")
        .event(fed("tea\n"))
        .event(cut)
        .event(ended(0));
    check(&story.event(Event::End), RULE, "output.cut");
    check(
        &self::story("[exit]").event(fed("tea\n")),
        RULE,
        "evidence.partial",
    );
}

#[test]
fn a_line_is_late_if_it_is_not_there_when_the_program_rests() {
    let steps = "[feed: {}, settle, feed: {}, settle, end_input, exit]";
    let first = || story(steps).event(fed("tea 1\n")).reached(0);
    let right = first()
        .out("start\ntea 1\n")
        .settle(1)
        .event(fed("tea 2\nx\n"))
        .reached(2)
        .event(said("tea 2\n"))
        .settle(3)
        .event(ended(0))
        .event(Event::End);
    check(&right, AT_ONCE, "filter.at_once");
    let late = first().event(said("start\n")).settle(1);
    check(&late, AT_ONCE, "filter.late");
    let gone = first().event(said("start\n")).event(ended(1));
    check(&gone.event(Event::End), AT_ONCE, "filter.ended");
}

#[test]
fn first_and_last_lines() {
    let right = run("", "start\nx\nstop\n");
    check(&right, "first_line: { text: start }", "line.first");
    check(&right, "last_line: { text: stop }", "line.last");
    let wrong = run("", "x\n");
    check(&wrong, "first_line: { text: start }", "line.not_first");
    check(&wrong, "last_line: { text: stop }", "line.not_last");
}

#[test]
fn a_closed_output_ends_it_without_a_word() {
    let closed = || {
        story("[close_output, exit]")
            .event(err("a warning at the start\n"))
            .event(Event::OutputClosed {
                stream: Stream::Out,
            })
    };
    let rule = "ends_quietly: {}";
    let end = |story: Story, status| story.event(ended(status)).event(Event::End);
    check(&end(closed(), 0), rule, "pipe.quiet");
    check(&end(closed(), 141), rule, "pipe.quiet");
    check(&end(closed(), 1), rule, "pipe.wrong_end");
    let noisy = closed().event(err("Traceback\nBrokenPipeError\n"));
    check(&end(noisy, 0), rule, "pipe.noisy");
    let killed = closed().event(Event::Exited {
        status: None,
        signal: Some(libc::SIGPIPE),
    });
    check(&killed.event(Event::End), rule, "pipe.quiet");
    check(&closed(), rule, "evidence.partial");
}
