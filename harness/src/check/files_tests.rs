use super::super::story::{Story, check, entry, page, pages, script};
use crate::evidence::{Ending, Event, FileKind};
use crate::plan::{Item, digest};
use crate::task::world::{Answer, Framing};

fn story(items: Vec<Item>) -> Story {
    Story::new(2, items, script("[open, exit]")).header(disk)
}

fn disk(header: &mut crate::evidence::Header) {
    header.plan.world.disk = Some(Default::default());
}

fn file(path: &str, of: &Item) -> Event {
    Event::File {
        path: path.into(),
        kind: FileKind::Regular,
        size: of.size,
        sha256: Some(digest(of)),
    }
}

fn half(path: &str) -> Event {
    Event::File {
        path: path.into(),
        kind: FileKind::Regular,
        size: 7,
        sha256: Some("00".into()),
    }
}

/// An item with bytes of its own.
fn body(path: &str, body: u64) -> Item {
    Item { body, ..page(path) }
}

const EQUAL: &str = "files_equal: {}";
const NO_PARTIAL: &str = "no_partial: {}";
const INSIDE: &str = "stays_inside: {}";
const DISTINCT: &str = "no_overwriting: {}";

#[test]
fn names_may_keep_or_lose_their_escapes() {
    let items = || vec![body("/a/x%20y.jpg?size=2", 1), body("/b/caf%C3%A9", 2)];
    let done = || story(items()).ask([0, 1]).release([0, 1]);
    let kept = [
        file("x%20y.jpg", &items()[0]),
        file("caf%C3%A9", &items()[1]),
    ];
    check(&done().exit_later(0, kept), EQUAL, "files.equal");
    let undone = [file("x y.jpg", &items()[0]), file("café", &items()[1])];
    check(&done().exit_later(0, undone), EQUAL, "files.equal");
    let query = [
        file("x%20y.jpg?size=2", &items()[0]),
        file("caf%C3%A9", &items()[1]),
    ];
    check(&done().exit_later(0, query), EQUAL, "files.missing");
}

#[test]
fn other_bytes_links_and_unread_files_are_told_apart() {
    let items = || vec![body("/a", 1)];
    let done = || story(items()).ask([0]).release([0]);
    check(
        &done().exit_later(0, [file("a", &body("/a", 2))]),
        EQUAL,
        "files.different",
    );
    check(&done().exit_later(0, [half("a")]), EQUAL, "files.different");
    let link = Event::File {
        path: "a".into(),
        kind: FileKind::Link,
        size: 100,
        sha256: None,
    };
    check(&done().exit_later(0, [link]), EQUAL, "files.different");
    let unread = Event::File {
        path: "a".into(),
        kind: FileKind::Regular,
        size: 100,
        sha256: None,
    };
    check(&done().exit_later(0, [unread]), EQUAL, "files.unread");
    check(&done().exit(0), EQUAL, "files.missing");
}

#[test]
fn failed_downloads_and_taken_names_are_not_asked_of_equality() {
    let items = vec![
        body("/a", 1),
        entry("/b", Answer::Truncated),
        body("/1/same", 2),
        body("/2/same", 3),
    ];
    let story =
        story(items.clone())
            .ask(0..4)
            .release([0, 2, 3])
            .end_with(1, 200, Ending::Truncated);
    check(
        &story.exit_later(1, [file("a", &items[0])]),
        EQUAL,
        "files.equal",
    );
}

#[test]
fn a_broken_download_leaves_nothing_under_its_name() {
    let items = vec![
        body("/a", 1),
        entry("/b", Answer::Truncated),
        entry("/c", Answer::Status(404)),
    ];
    let done = || {
        story(items.clone())
            .ask(0..3)
            .release([0])
            .end_with(1, 200, Ending::Truncated)
            .end_with(2, 404, Ending::Complete)
    };
    let a = || file("a", &items[0]);
    check(
        &done().exit_later(1, [a(), half(".b.part")]),
        NO_PARTIAL,
        "files.no_partial",
    );
    check(
        &done().exit_later(1, [a(), half("b")]),
        NO_PARTIAL,
        "files.partial",
    );
    // Saving the text of an error is another mistake.
    check(
        &done().exit_later(1, [a(), half("c")]),
        NO_PARTIAL,
        "files.no_partial",
    );
    check(&done().exit(1), NO_PARTIAL, "files.nothing_saved");
}

#[test]
fn a_body_without_a_promised_length_may_seem_whole() {
    let chunked = Item {
        framing: Framing::Chunked,
        ..entry("/b", Answer::ResetInside)
    };
    let items = vec![body("/a", 1), chunked, entry("/c", Answer::ResetInside)];
    let done = || {
        story(items.clone())
            .ask(0..3)
            .release([0])
            .end_with(1, 200, Ending::Reset)
            .end_with(2, 200, Ending::Reset)
    };
    let a = || file("a", &items[0]);
    check(
        &done().exit_later(0, [a(), half("b")]),
        NO_PARTIAL,
        "files.no_partial",
    );
    check(
        &done().exit_later(0, [a(), half("c")]),
        NO_PARTIAL,
        "files.partial",
    );
}

#[test]
fn after_a_kill_whatever_has_a_final_name_is_whole() {
    let items = pages(4);
    let killed = || {
        let steps = "[until: { parked: 2 }, signal: KILL, exit]";
        let story = Story::new(2, items.clone(), script(steps)).header(disk);
        story.ask([0, 1, 2]).release([0]).reached(0).reached(1)
    };
    let after = |files: Vec<Event>| killed().exit_by(9, files);
    check(
        &after(vec![file("0", &items[0]), half(".1.part")]),
        NO_PARTIAL,
        "files.no_partial",
    );
    check(
        &after(vec![file("0", &items[0]), half("1")]),
        NO_PARTIAL,
        "files.partial_killed",
    );
    check(&after(vec![]), NO_PARTIAL, "files.no_partial");
}

#[test]
fn a_kill_that_came_too_late_shows_nothing() {
    let steps = "[signal: KILL, exit]";
    let story = Story::new(2, pages(2), script(steps))
        .header(disk)
        .ask([0, 1])
        .release([0, 1])
        .reached(0);
    check(&story.exit_by(9, vec![]), NO_PARTIAL, "evidence.untested");
}

#[test]
fn hostile_names_stay_in_the_folder_or_are_reported() {
    let items = vec![
        body("/a/..%2fsomething.jpg", 1),
        body("/b/", 2),
        body("/c/x.jpg", 3),
    ];
    let done = || story(items.clone()).ask(0..3).release(0..3);
    let harmless = || {
        vec![
            file("_..%2fsomething.jpg", &items[0]),
            file("index", &items[1]),
            file("x.jpg", &items[2]),
        ]
    };
    check(&done().exit_later(0, harmless()), INSIDE, "files.inside");
    let escaped = [
        file("../something.jpg", &items[0]),
        file("index", &items[1]),
    ];
    check(&done().exit_later(0, escaped), INSIDE, "files.outside");
    let lost = [file("index", &items[1])];
    check(&done().exit_later(0, lost.clone()), INSIDE, "files.lost");
    let told = done().err("http://alpha.test:8000/a/..%2fsomething.jpg: no good name\n");
    check(&told.exit_later(1, lost), INSIDE, "files.inside");
}

#[test]
fn other_files_beside_the_folder_are_the_programs_own_business() {
    let items = vec![body("/a/..%2fsomething.jpg", 1), body("/c/x.jpg", 3)];
    let files = vec![
        file("_", &items[0]),
        file("x.jpg", &items[1]),
        half("../run.log"),
        file("../cache", &items[1]),
    ];
    let story = story(items).ask(0..2).release(0..2);
    check(&story.exit_later(0, files), INSIDE, "files.inside");
}

#[test]
fn equal_names_end_in_files_of_their_own_or_are_reported() {
    let items = vec![
        body("/1/same.jpg", 1),
        body("/2/same.jpg", 2),
        body("/c", 3),
    ];
    let done = || story(items.clone()).ask(0..3).release(0..3);
    let both = vec![file("same.jpg", &items[0]), file("2-same.jpg", &items[1])];
    check(
        &done().exit_later(0, both.clone()),
        DISTINCT,
        "files.distinct",
    );
    check(
        &done().exit_later(0, both[1..].to_vec()),
        DISTINCT,
        "files.overwritten",
    );
    let told = done().err("http://alpha.test:8000/1/same.jpg: the name is taken\n");
    check(
        &told.exit_later(1, both[1..].to_vec()),
        DISTINCT,
        "files.distinct",
    );
    let vague = done().err("same.jpg: the name is taken\n");
    check(
        &vague.exit_later(1, both[1..].to_vec()),
        DISTINCT,
        "files.overwritten",
    );
}

#[test]
fn cut_evidence_decides_nothing() {
    let story = story(pages(2)).ask([0, 1]).release([0, 1]);
    for rule in [EQUAL, NO_PARTIAL, INSIDE, DISTINCT] {
        check(&story, rule, "evidence.partial");
    }
}
