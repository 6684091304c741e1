use crate::check::story::{Story, check, entry, page, pages, script};
use crate::evidence::Ending;
use crate::task::world::Answer;

const ONCE: &str = "{ each_once: {} }";
const TRIED: &str = "{ all_tried: {} }";

fn story(items: Vec<crate::plan::Item>) -> Story {
    Story::new(3, items, script("[open, exit]")).reached(0)
}

fn fetch(story: Story, items: impl IntoIterator<Item = u32>) -> Story {
    items
        .into_iter()
        .fold(story, |s, i| s.ask([i]).release([i]))
}

#[test]
fn each_entry_once_in_any_order() {
    check(
        &fetch(story(pages(4)), [3, 0, 2, 1]).exit(0),
        ONCE,
        "coverage.once",
    );
}

#[test]
fn a_dropped_entry_is_missing() {
    let verdict = check(
        &fetch(story(pages(4)), 0..3).exit(0),
        ONCE,
        "coverage.missing",
    );
    assert_eq!(verdict.facts["target"], "alpha.test/3".into());
    check(&fetch(story(pages(4)), 0..3), ONCE, "evidence.partial");
    check(
        &fetch(story(pages(4)), 0..3).gave_up(false),
        ONCE,
        "evidence.gave_up",
    );
    check(
        &fetch(story(pages(4)), 0..3).gave_up(true),
        ONCE,
        "coverage.missing",
    );
}

#[test]
fn fetching_twice_shows_even_in_cut_evidence() {
    let verdict = check(
        &fetch(story(pages(4)), [0, 0, 1, 1]),
        ONCE,
        "coverage.too_often",
    );
    assert_eq!(verdict.facts["times"], 2u32.into());
    assert_eq!(verdict.facts["others"], 1u32.into());
}

#[test]
fn what_is_listed_twice_is_fetched_twice() {
    let mut items = pages(2);
    items[0].listed = 2;
    check(
        &fetch(story(items.clone()), [0, 1, 0]).exit(0),
        ONCE,
        "coverage.once",
    );
    check(
        &fetch(story(items), [0, 1]).exit(0),
        ONCE,
        "coverage.missing",
    );
}

#[test]
fn other_methods_and_strays_are_no_fetches() {
    let strays = story(pages(2))
        .stray("HEAD", "/0", Some(0))
        .stray("GET", "/favicon.ico", None);
    check(&fetch(strays, 0..2).exit(0), ONCE, "coverage.once");
}

#[test]
fn a_get_may_be_repeated_where_no_answer_began() {
    let reset = |s: Story, conn, item| s.ask_on(conn, item).broken(item);
    // On connections that were in use before, as often as they break.
    let used = story(pages(2)).ask([0]).end_kept(0, Ending::Complete);
    let used = reset(reset(used, 0, 1), 0, 1);
    check(&fetch(used.clone(), [1]).exit(0), ONCE, "coverage.once");
    // On fresh ones once, and no more.
    let fresh = fetch(story(pages(2)), [0])
        .connect(50, 0)
        .ask_on(50, 1)
        .broken(1);
    check(&fetch(fresh.clone(), [1]).exit(0), ONCE, "coverage.once");
    let again = fresh.connect(51, 0).ask_on(51, 1).broken(1);
    check(&fetch(again, [1]).exit(0), ONCE, "coverage.too_often");
}

#[test]
fn an_answer_that_began_is_not_asked_for_again() {
    let begun = story(pages(2))
        .ask(0..2)
        .end_with(0, 200, Ending::Complete)
        .end_with(1, 200, Ending::Truncated);
    check(&fetch(begun, [1]).exit(0), ONCE, "coverage.too_often");
}

#[test]
fn a_get_may_be_repeated_after_the_programs_own_time_out() {
    let impatient = story(pages(2)).ask(0..2).abandon(0..2);
    check(&fetch(impatient, 0..2).exit(0), ONCE, "coverage.once");
}

#[test]
fn following_a_loop_is_no_double_fetch() {
    let items = vec![entry("/loop", Answer::RedirectLoop), page("/a"), page("/b")];
    check(
        &fetch(story(items), [0, 0, 0, 1, 2]).exit(0),
        ONCE,
        "coverage.once",
    );
}

#[test]
fn healthy_entries_must_be_tried_whatever_becomes_of_the_others() {
    let mut items = pages(5);
    items.insert(0, entry("/bad", Answer::Status(500)));
    items.insert(0, entry("/gone", Answer::Refused));
    check(
        &fetch(story(items.clone()), 1..7).exit(0),
        TRIED,
        "coverage.tried",
    );
    let verdict = check(
        &fetch(story(items.clone()), 1..4).exit(1),
        TRIED,
        "coverage.not_tried",
    );
    assert_eq!(verdict.facts["missing"], 2u32.into());
    assert_eq!(verdict.facts["faulty"], 2u32.into());
    // Whether the very last line is read is for the other rule.
    check(
        &fetch(story(items.clone()), 1..6).exit(0),
        TRIED,
        "coverage.tried",
    );
    check(
        &fetch(story(items.clone()), 1..3).gave_up(false),
        TRIED,
        "evidence.gave_up",
    );
    check(&story(items.clone()).exit(2), TRIED, "nothing.done");
    check(&story(items), TRIED, "evidence.partial");
}
