use crate::check::story::{Story, check, entry, page, script};
use crate::evidence::{Ending, Event, Stream};
use crate::plan::Item;
use crate::task::world::{Answer, Framing};

const PRINTS: &str = "{ prints_results: {} }";

fn list() -> Vec<Item> {
    vec![
        page("/a"),
        entry("/missing", Answer::Status(404)),
        entry("/cut", Answer::Truncated),
        entry("/gone", Answer::Refused),
        entry("not a url", Answer::Malformed),
        entry("/moved", Answer::Redirect),
        page("/caf%C3%A9"),
    ]
}

/// All of the list was tried; this was printed.
fn printed(text: &str) -> Story {
    Story::new(3, list(), script("[open, exit]"))
        .reached(0)
        .ask([0, 1, 2, 5, 6])
        .end_with(0, 200, Ending::Complete)
        .end_with(1, 404, Ending::Complete)
        .end_with(2, 200, Ending::Truncated)
        .end_with(5, 302, Ending::Complete)
        .end_with(6, 200, Ending::Complete)
        .out(text)
}

const RIGHT: &str = "http://alpha.test:8000/a 200 100\n\
     http://alpha.test:8000/missing 404 0\n\
     http://alpha.test:8000/cut ERROR too short\n\
     http://alpha.test:9/gone ERROR refused\n\
     not a url ERROR no scheme\n\
     http://alpha.test:8000/moved 302 0\n\
     http://alpha.test:8000/caf%C3%A9 200 100\n";

#[test]
fn right_lines_in_any_order_with_others_among_them() {
    let verdict = check(&printed(RIGHT).exit(0), PRINTS, "output.right");
    assert_eq!(verdict.facts["lines"], 7u32.into());
    let reversed: Vec<&str> = RIGHT.lines().rev().collect();
    check(
        &printed(&format!("start\n{}\ndone: 7", reversed.join("\r\n"))).exit(0),
        PRINTS,
        "output.right",
    );
    check(
        &printed(&format!("{RIGHT}{RIGHT}")).exit(0),
        PRINTS,
        "output.right",
    );
}

#[test]
fn other_spellings_of_an_address_are_the_same() {
    let respelt = RIGHT
        .replace("caf%C3%A9", "café")
        .replace("alpha", "ALPHA")
        .replace("not a url", "'not%20a%20url'");
    check(&printed(&respelt).exit(0), PRINTS, "output.right");
}

#[test]
fn a_redirect_may_be_reported_either_way() {
    for line in ["/moved 200 8123", "/moved ERROR not followed"] {
        check(
            &printed(&RIGHT.replace("/moved 302 0", line)).exit(0),
            PRINTS,
            "output.right",
        );
    }
}

#[test]
fn wrong_words_are_shown() {
    for (from, to) in [
        ("/a 200 100", "/a 200 99"),
        ("/a 200 100", "/a ERROR x"),
        ("/a 200 100", "/a: 200"),
        ("404 0", "200 0"),
    ] {
        let text = RIGHT.replace(from, to);
        check(
            &printed(&text).exit(0),
            PRINTS,
            if to == "/a: 200" {
                "output.missing"
            } else {
                "output.wrong"
            },
        );
    }
}

#[test]
fn a_cut_answer_is_no_success() {
    let verdict = check(
        &printed(&RIGHT.replace("/cut ERROR too short", "/cut 200 50")).exit(0),
        PRINTS,
        "output.false_success",
    );
    assert_eq!(verdict.facts["failure"], "truncated".into());
}

#[test]
fn where_clients_differ_a_cut_answer_may_pass() {
    for (answer, ending) in [
        (Answer::Truncated, Ending::Truncated),
        (Answer::ResetInside, Ending::Reset),
    ] {
        let chunked = Item {
            framing: Framing::Chunked,
            ..entry("/cut", answer)
        };
        let story = Story::new(3, vec![chunked], script("[open, exit]"))
            .reached(0)
            .ask([0])
            .end_with(0, 200, ending);
        check(
            &story.out("http://alpha.test/cut 200 50\n").exit(0),
            PRINTS,
            "output.right",
        );
    }
}

#[test]
fn a_missing_line_is_missed_once_all_output_was_seen() {
    let short: String = RIGHT.lines().skip(1).map(|l| format!("{l}\n")).collect();
    check(&printed(&short).exit(0), PRINTS, "output.missing");
    check(&printed(&short), PRINTS, "evidence.partial");
    check(&printed("").killed(11), PRINTS, "output.missing");
    let flood = printed(&short)
        .event(Event::OutputDropped {
            stream: Stream::Out,
            bytes: 9,
        })
        .exit(0);
    check(&flood, PRINTS, "output.cut");
}

#[test]
fn entries_never_tried_are_not_asked_for_here() {
    let few = Story::new(3, list(), script("[open, exit]"))
        .reached(0)
        .ask([0])
        .end_with(0, 200, Ending::Complete);
    let text = "http://alpha.test/a 200 100\nhttp://alpha.test/gone ERROR x\nnot a url ERROR y\n";
    check(&few.out(text).exit(0), PRINTS, "output.right");
}

#[test]
fn what_the_client_gave_up_may_be_an_error() {
    let story = Story::new(3, vec![page("/a")], script("[open, exit]"))
        .reached(0)
        .ask([0])
        .abandon([0]);
    check(
        &story.out("http://alpha.test/a ERROR timed out\n").exit(0),
        PRINTS,
        "output.right",
    );
}

#[test]
fn doubles_need_a_line_for_each_fetch() {
    let items = vec![Item {
        listed: 2,
        ..page("/a")
    }];
    let twice = Story::new(3, items, script("[open, exit]"))
        .reached(0)
        .ask([0])
        .release([0])
        .ask([0])
        .release([0]);
    check(
        &twice.clone().out("alpha.test/a 200 100\n").exit(0),
        PRINTS,
        "output.missing",
    );
    check(
        &twice
            .out("alpha.test/a 200 100\nalpha.test/a 200 100\n")
            .exit(0),
        PRINTS,
        "output.right",
    );
}
