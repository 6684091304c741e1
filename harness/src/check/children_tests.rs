use crate::check::story::{Story, check, script};
use crate::evidence::{Event, Usage};
use crate::plan::children::Command;
use crate::task::children::{Prints, Waits};

fn command(index: usize, prints: Prints, exit: u8) -> Command {
    Command {
        waits: Waits::Own,
        prints,
        exit,
        killed: None,
        tag: format!("c{index}xff"),
    }
}

/// A run of these commands.
fn story(commands: Vec<Command>, steps: &str) -> Story {
    let items = commands
        .iter()
        .enumerate()
        .map(|(i, c)| c.item(i))
        .collect();
    Story::new(2, items, script(steps)).header(|header| header.plan.commands = commands)
}

fn three(steps: &str) -> Story {
    story(
        (0..3)
            .map(|i| command(i, Prints::Nothing, i as u8))
            .collect(),
        steps,
    )
}

const EXITS: &str = "prints_exits: {}";
const ORDER: &str = "exits_in_order: {}";
const OUTPUT: &str = "passes_output: {}";

#[test]
fn each_command_has_its_code() {
    let said = |text: &str| three("[exit]").out(text).exit(1).event(Event::End);
    check(&said("0 0\n2 2\n1 1\n"), EXITS, "exits.right");
    check(&said("0 0\n1 1\n"), EXITS, "exits.missing");
    check(&said("0 0\n1 7\n2 2\n"), EXITS, "exits.wrong");
    let killed = Command {
        killed: Some(9),
        ..command(0, Prints::Nothing, 0)
    };
    let story = story(vec![killed], "[exit]").out("0 137\n").exit(1);
    check(&story.event(Event::End), EXITS, "exits.right");
    check(&three("[exit]").out("0 0\n"), EXITS, "evidence.partial");
}

/// The commands 1 and 0 end, with a rest between.
fn ends(text: &str) -> Story {
    let steps = "[settle, release: { count: 1 }, settle, open, exit]";
    let answered = |story: Story, item| {
        story
            .release([item])
            .end_kept(item, crate::evidence::Ending::Complete)
    };
    let story = three(steps).ask([0, 1]).settle(0);
    let story = answered(story, 1).reached(1).settle(2);
    answered(story, 0)
        .reached(3)
        .out(text)
        .exit(1)
        .event(Event::End)
}

#[test]
fn lines_come_as_commands_end() {
    check(&ends("1 1\n0 0\n"), ORDER, "exits.in_order");
    check(&ends("0 0\n1 1\n"), ORDER, "exits.disordered");
}

#[test]
fn output_is_whole_and_comes_before_the_end() {
    let halves = || vec![command(0, Prints::Halves, 0), command(1, Prints::Line, 0)];
    let said = |text: &str| {
        story(halves(), "[exit]")
            .out(text)
            .exit(0)
            .event(Event::End)
    };
    let (first, rest) = halves()[0].halves();
    let right = format!("c1xff has one line\n1 0\n{first}{rest}\n0 0\n");
    check(&said(&right), OUTPUT, "passing.right");
    let mixed = format!("{first}c1xff has one line\n{rest}\n1 0\n0 0\n");
    check(&said(&mixed), OUTPUT, "passing.mixed");
    let late = format!("c1xff has one line\n1 0\n0 0\n{first}{rest}\n");
    check(&said(&late), OUTPUT, "passing.after_end");
    check(
        &said("c1xff has one line\n1 0\n0 0\n"),
        OUTPUT,
        "passing.lost",
    );
}

#[test]
fn zombies_count_where_the_program_rests() {
    let measured = |zombies| {
        let account = Usage {
            label: "a".into(),
            zombies,
            ..Usage::default()
        };
        three("[settle, release: { count: 1 }, settle, measure: a, open, exit]")
            .ask([0, 1])
            .settle(0)
            .release([0])
            .end_kept(0, crate::evidence::Ending::Complete)
            .reached(1)
            .settle(2)
            .event(Event::Usage(account))
    };
    check(&measured(Some(0)), "reaps: {}", "reaping.done");
    check(&measured(Some(1)), "reaps: {}", "reaping.zombies");
    check(&measured(None), "reaps: {}", "reaping.unknown");
}

#[test]
fn a_signal_ends_all() {
    let rule = "ends_children: {}";
    let signalled = || {
        three("[settle, signal: TERM, exit]")
            .ask([0, 1])
            .settle(0)
            .reached(1)
    };
    let ended = signalled().abandon([0, 1]).exit(143).event(Event::End);
    check(&ended, rule, "orphans.none");
    let orphans = signalled().exit(143).event(Event::Leftover {
        processes: 2,
        names: vec!["sh".into(), "sh".into()],
    });
    check(&orphans.event(Event::End), rule, "orphans.left");
    let zero = signalled().abandon([0, 1]).exit(0).event(Event::End);
    check(&zero, rule, "ending.success");
}

#[test]
fn requests_in_flight_are_commands_that_run() {
    let story = three("[until: { in_flight: limit }, settle, exit]")
        .ask([0, 1])
        .reached(0);
    check(&story, "reaches: { in_flight: limit }", "children.reached");
    let story = three("[settle, exit]").ask([0]).settle(0);
    check(
        &story,
        "reaches: { in_flight: limit }",
        "children.not_reached",
    );
}
