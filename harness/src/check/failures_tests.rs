use super::super::story::{Story, check, entry, page, script};
use crate::evidence::{Ending, Event, FileKind};
use crate::plan::{Item, digest};
use crate::task::world::Answer;

const FAILURES: &str = "reports_failures: {}";
const DISK: &str = "reports_disk_errors: {}";

fn story(items: Vec<Item>, disk: &str) -> Story {
    let story = Story::new(2, items, script("[open, exit]"));
    story.header(|h| h.plan.world.disk = Some(serde_yaml::from_str(disk).unwrap()))
}

fn file(path: &str, of: &Item) -> Event {
    Event::File {
        path: path.into(),
        kind: FileKind::Regular,
        size: of.size,
        sha256: Some(digest(of)),
    }
}

fn failing() -> Story {
    let items = vec![
        page("/a.jpg"),
        entry("/gone-1234.jpg", Answer::Status(404)),
        entry("/cut-1234.jpg", Answer::Truncated),
        entry("nonsense-5", Answer::Malformed),
        entry("/nobody-77.jpg", Answer::Refused),
    ];
    let story = story(items, "{}").ask(0..3).release([0]);
    story
        .end_with(1, 404, Ending::Complete)
        .end_with(2, 200, Ending::Truncated)
}

const ALL: &str = "alpha.test:8000/gone-1234.jpg: 404\n/cut-1234.jpg: short\nnonsense-5?\nnobody-77.jpg refused\n";

#[test]
fn each_failed_download_is_named_in_whatever_words() {
    check(&failing().err(ALL).exit(1), FAILURES, "failures.named");
    check(&failing().err(ALL).exit(0), FAILURES, "failures.named");
    check(
        &failing().err(&ALL.replace("nonsense-5", "a line")).exit(1),
        FAILURES,
        "failures.unnamed",
    );
    check(&failing().exit(1), FAILURES, "failures.unnamed");
}

#[test]
fn standard_output_is_not_standard_error() {
    check(&failing().out(ALL).exit(1), FAILURES, "failures.unnamed");
}

#[test]
fn the_text_of_an_error_is_no_file() {
    let page = Event::File {
        path: "gone-1234.jpg".into(),
        kind: FileKind::Regular,
        size: 9,
        sha256: None,
    };
    check(
        &failing().err(ALL).exit_later(0, [page]),
        FAILURES,
        "failures.saved",
    );
}

#[test]
fn what_was_dropped_from_standard_error_may_have_named_it() {
    let dropped = Event::OutputDropped {
        stream: crate::evidence::Stream::Err,
        bytes: 5,
    };
    check(&failing().event(dropped).exit(1), FAILURES, "output.cut");
}

fn items() -> Vec<Item> {
    (0..4)
        .map(|i| Item {
            body: i,
            ..page(&format!("/picture-{i}.jpg"))
        })
        .collect()
}

/// Four files, and the write of one of them failed.
fn struck() -> Story {
    let story = story(items(), "fail: { ops: [write], nth: 2, errno: ENOSPC }")
        .ask(0..4)
        .release(0..4);
    let held = Event::Held {
        call: 0,
        op: "write".into(),
        path: ".1.part".into(),
        tid: 7,
        main_thread: false,
    };
    story.event(held).event(Event::LetGo {
        call: 0,
        errno: Some(libc::ENOSPC),
    })
}

fn files(which: &[usize]) -> Vec<Event> {
    let items = items();
    which
        .iter()
        .map(|&i| file(&format!("picture-{i}.jpg"), &items[i]))
        .collect()
}

#[test]
fn a_disk_error_is_told_and_stays_alone() {
    for told in [
        "[Errno 28] No space left on device\n",
        "picture-1.jpg could not be saved\n",
        "write: ENOSPC\n",
    ] {
        check(
            &struck().err(told).exit_later(1, files(&[0, 2, 3])),
            DISK,
            "disk.error_told",
        );
    }
    check(
        &struck()
            .err("something is wrong\n")
            .exit_later(1, files(&[0, 2, 3])),
        DISK,
        "disk.error_silent",
    );
    check(
        &struck().exit_later(1, files(&[0, 2, 3])),
        DISK,
        "disk.error_silent",
    );
}

#[test]
fn success_with_a_file_missing_is_a_lie() {
    check(
        &struck()
            .err("no space left\n")
            .exit_later(0, files(&[0, 2, 3])),
        DISK,
        "disk.error_ignored",
    );
}

#[test]
fn a_second_missing_file_is_not_the_disks_fault() {
    check(
        &struck()
            .err("no space left\n")
            .exit_later(1, files(&[0, 2])),
        DISK,
        "disk.error_spoils",
    );
}

#[test]
fn the_struck_file_has_no_final_name() {
    let mut left = files(&[0, 2, 3]);
    left.push(Event::File {
        path: "picture-1.jpg".into(),
        kind: FileKind::Regular,
        size: 0,
        sha256: Some("0".into()),
    });
    check(
        &struck().err("no space left\n").exit_later(1, left),
        DISK,
        "disk.error_partial",
    );
}

#[test]
fn who_saves_everything_all_the_same_did_well() {
    check(
        &struck().exit_later(0, files(&[0, 1, 2, 3])),
        DISK,
        "disk.error_mended",
    );
}

#[test]
fn an_error_that_never_came_shows_nothing() {
    let calm = || {
        story(items(), "fail: { ops: [write], nth: 9, errno: EIO }")
            .ask(0..4)
            .release(0..4)
    };
    let calls = |write| Event::Calls {
        write,
        open: write,
        fsync: 0,
        rename: 0,
    };
    check(&calm().exit_later(0, [calls(4)]), DISK, "evidence.untested");
    check(&calm().exit_later(0, [calls(0)]), DISK, "disk.untouched");
    check(&calm().exit(0), DISK, "disk.no_gate");
}

#[test]
fn the_words_of_each_error_are_known() {
    for (text, errno) in [
        ("OSError: [Errno 5] Input/output error", libc::EIO),
        ("EIO: i/o error, write", libc::EIO),
        ("Input/output error (os error 5)", libc::EIO),
        ("ENOSPC: no space left on device, write", libc::ENOSPC),
        ("Too many open files", libc::EMFILE),
    ] {
        assert!(super::says(text, errno), "{text}");
    }
    assert!(!super::says("it failed", libc::EIO));
}
