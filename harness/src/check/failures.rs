//! Failed downloads and failing disks: are they told, and do they stay alone?

use super::Verdict;
use super::code::Code;
use super::common;
use super::files::{flight, tally};
use super::shelf::{own_names, speaks_of};
use super::view::{Finish, View};
use crate::evidence::FileKind;
use crate::plan::Item;
use crate::plan::paths::file_names;
use crate::task::world::{Answer, Framing};

/// Each failed download is named on standard error, and an answer other than 2xx leaves no file.
pub fn reports(view: &View) -> Verdict {
    if view.flights.is_empty() {
        return common::nothing_done(view);
    }
    if !view.complete || !view.finished() {
        return common::unfinished(view);
    }
    let refused =
        |item: &Item| matches!(item.answer, Answer::Status(s) if !(200..300).contains(&s));
    for (index, item) in own_names(view)
        .into_iter()
        .filter(|(_, item)| refused(item))
    {
        if let Some(file) = view.disk.named(item)
            && let Answer::Status(status) = item.answer
        {
            return Verdict::new(Code::ErrorPageSaved)
                .fact("file", file.path)
                .fact("status", u32::from(status))
                .fact("target", view.name(index))
                .seen([file.n]);
        }
    }
    let stderr = view.stderr();
    let unseen = |item: &Item| {
        matches!(item.answer, Answer::ResetInside | Answer::Truncated)
            && item.framing != Framing::Length
    };
    let failing = |item: &Item| {
        refused(item)
            || !matches!(
                item.answer,
                Answer::Status(_)
                    | Answer::Dripping
                    | Answer::Redirect
                    | Answer::RedirectLoop
                    | Answer::Stuck
            )
    };
    let items = view.plan().items.iter().enumerate();
    let failed: Vec<(usize, &Item)> = items
        .filter(|(_, item)| failing(item) && !unseen(item))
        // One that was never asked for is missing for another reason.
        .filter(|(index, item)| !View::visible(item) || flight(view, *index).is_some())
        .collect();
    let unnamed: Vec<usize> = failed
        .iter()
        .filter(|(_, i)| !speaks_of(&stderr, i))
        .map(|(i, _)| *i)
        .collect();
    match unnamed.first() {
        None if failed.is_empty() => Verdict::new(Code::Untested),
        None => Verdict::new(Code::FailuresNamed).fact("failed", failed.len()),
        Some(_) if view.stderr_dropped() > 0 => {
            Verdict::new(Code::OutputCut).fact("bytes", view.stderr_dropped())
        }
        Some(&first) => Verdict::new(Code::FailureUnnamed)
            .fact("unnamed", unnamed.len())
            .fact("failed", failed.len())
            .fact("target", view.name(first))
            .seen(flight(view, first).map(|f| f.begin)),
    }
}

/// A failing disk is told, on standard error and by the exit status, and spoils the one file only.
pub fn reports_disk_errors(view: &View) -> Verdict {
    let failed: Vec<_> = view
        .disk
        .held
        .iter()
        .filter(|c| c.gone.is_some_and(|(_, e)| e.is_some()))
        .collect();
    if view.flights.is_empty() && view.finished() {
        return common::nothing_done(view);
    }
    let Some(first) = failed.first() else {
        return nothing_failed(view);
    };
    if !view.complete || !view.finished() {
        return common::unfinished(view);
    }
    let errno = first.gone.and_then(|(_, e)| e).unwrap_or_default();
    let shown = failed.iter().map(|c| c.n);
    let about = |code| {
        Verdict::new(code)
            .fact("error", name(errno))
            .fact("op", first.op)
            .fact("file", first.path)
    };
    match view.finish {
        Finish::Signal { n, signal } => {
            return Verdict::new(Code::Crashed)
                .fact("signal", common::signal_name(signal))
                .seen([n]);
        }
        Finish::Hang { n } => return about(Code::DiskErrorHang).seen(shown).seen([n]),
        _ => {}
    }
    let status = match view.finish {
        Finish::Exit { status, .. } => status,
        _ => return common::unfinished(view),
    };
    let tally = tally(view);
    if tally.unknown > 0 {
        return Verdict::new(Code::FilesUnread).fact("files", tally.unknown);
    }
    // Each file that was struck may be missing; who saved it all the same, by trying again, did more.
    let struck = failed
        .iter()
        .map(|c| c.path)
        .collect::<std::collections::HashSet<_>>()
        .len();
    if tally.wrong.is_empty() && first.op == "write" {
        return about(Code::DiskErrorMended).seen(shown);
    }
    if let Some(&(index, Some(n))) = tally.wrong.iter().find(|(_, file)| file.is_some()) {
        return about(Code::DiskErrorPartial)
            .fact("name", file_name(view, index))
            .seen(shown)
            .seen([n]);
    }
    if status == 0 {
        return about(Code::DiskErrorIgnored)
            .fact("missing", tally.wrong.len())
            .seen(shown);
    }
    if tally.wrong.len() > struck {
        let others = tally.wrong.len() - struck;
        return about(Code::DiskErrorSpoils)
            .fact("others", others)
            .fact("status", status)
            .seen(shown);
    }
    let stderr = view.stderr();
    let names_it = tally
        .wrong
        .iter()
        .filter_map(|&(i, _)| view.item(i))
        .any(|item| speaks_of(&stderr, item));
    if says(&stderr, errno) || names_it {
        return about(Code::DiskErrorTold)
            .fact("status", status)
            .seen(shown);
    }
    if view.stderr_dropped() > 0 {
        return Verdict::new(Code::OutputCut).fact("bytes", view.stderr_dropped());
    }
    about(Code::DiskErrorSilent)
        .fact("status", status)
        .seen(shown)
}

fn file_name(view: &View, index: usize) -> String {
    view.item(index)
        .map(|item| file_names(&item.path).0)
        .unwrap_or_default()
}

fn nothing_failed(view: &View) -> Verdict {
    let Some(calls) = view.disk.calls else {
        return if view.complete {
            Verdict::new(Code::DiskNoGate)
        } else {
            common::unfinished(view)
        };
    };
    let has_files = view
        .disk
        .inside()
        .any(|f| f.kind == FileKind::Regular && f.size > 0);
    if !view.finished() {
        return common::unfinished(view);
    }
    match (calls.iter().sum::<u64>(), has_files) {
        (0, false) => Verdict::new(Code::DiskUntouched).fact("ending", common::ending(view)),
        (0, true) => Verdict::new(Code::DiskUnseen).fact("op", "write"),
        _ => Verdict::new(Code::Untested),
    }
}

fn name(errno: i32) -> &'static str {
    match errno {
        libc::ENOSPC => "ENOSPC",
        libc::EIO => "EIO",
        libc::EMFILE => "EMFILE",
        _ => "?",
    }
}

/// Whether a text speaks of this error, by its symbol or in the system's or in plain words.
fn says(text: &str, errno: i32) -> bool {
    let text = text.to_lowercase();
    let words: &[&str] = match errno {
        libc::ENOSPC => &[
            "enospc",
            "no space",
            "errno 28",
            "os error 28",
            "disk full",
            "disk is full",
            "storagefull",
        ],
        libc::EIO => &[
            "eio",
            "input/output error",
            "i/o error",
            "errno 5]",
            "os error 5)",
            "io error",
        ],
        libc::EMFILE => &["emfile", "too many open files", "errno 24", "os error 24"],
        _ => &[],
    };
    words.iter().any(|word| text.contains(word))
}

#[cfg(test)]
#[path = "failures_tests.rs"]
mod tests;
