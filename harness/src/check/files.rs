//! What lies in the output folder at the end, and beside it.

use super::Verdict;
use super::code::Code;
use super::common;
use super::shelf::{is_healthy, is_plain, own_names, speaks_of};
use super::view::{Flight, How, View};
use crate::evidence::{Ending, FileKind};
use crate::plan::paths::file_names;
use crate::plan::{Item, digest};
use crate::task::script::Step;
use crate::task::world::{Answer, Framing};

/// What became of the files that the list asks for.
pub(super) struct Tally {
    pub right: usize,
    /// Entry, and the file in its place if there is one.
    pub wrong: Vec<(usize, Option<u64>)>,
    /// Files that could not be read.
    pub unknown: usize,
}

/// Compares every healthy entry that has a name of its own with its file.
pub(super) fn tally(view: &View) -> Tally {
    let mut tally = Tally {
        right: 0,
        wrong: Vec::new(),
        unknown: 0,
    };
    for (index, item) in own_names(view)
        .into_iter()
        .filter(|(_, item)| is_healthy(item))
    {
        match view.disk.named(item) {
            None => tally.wrong.push((index, None)),
            Some(file) => match file.is(item.size, &digest(item)) {
                Some(true) => tally.right += 1,
                Some(false) => tally.wrong.push((index, Some(file.n))),
                None => tally.unknown += 1,
            },
        }
    }
    tally
}

/// Each healthy entry became a file of its name with its bytes.
pub fn equal(view: &View) -> Verdict {
    if view.flights.is_empty() {
        return common::nothing_done(view);
    }
    if !view.finished() || !view.complete {
        return common::unfinished(view);
    }
    let tally = tally(view);
    let total = tally.right + tally.wrong.len() + tally.unknown;
    let name = |index: usize| {
        view.item(index)
            .map(|item| file_names(&item.path).0)
            .unwrap_or_default()
    };
    if let Some(&(index, Some(n))) = tally.wrong.iter().find(|(_, file)| file.is_some()) {
        let size = view
            .disk
            .files
            .iter()
            .find(|f| f.n == n)
            .map_or(0, |f| f.size);
        return Verdict::new(Code::FileDiffers)
            .fact("file", name(index))
            .fact("target", view.name(index))
            .fact("size", size)
            .fact("expected", view.item(index).map_or(0, |item| item.size))
            .seen([n]);
    }
    if let Some(&(index, _)) = tally.wrong.first() {
        return Verdict::new(Code::FileMissing)
            .fact("missing", tally.wrong.len())
            .fact("total", total)
            .fact("file", name(index))
            .fact("target", view.name(index));
    }
    match total {
        0 => Verdict::new(Code::Untested),
        _ if tally.unknown > 0 => Verdict::new(Code::FilesUnread).fact("files", tally.unknown),
        files => Verdict::new(Code::FilesEqual).fact("files", files),
    }
}

/// No part of a body lies under a final name.
pub fn no_partial(view: &View) -> Verdict {
    if view.flights.is_empty() {
        return common::nothing_done(view);
    }
    if !view.complete {
        return common::unfinished(view);
    }
    let killed = view
        .plan()
        .script
        .iter()
        .any(|s| matches!(s, Step::Signal(name) if name == "KILL"));
    if !killed && !view.finished() {
        return common::unfinished(view);
    }
    let mut judged = 0;
    for (index, item) in own_names(view) {
        let broken = is_broken(item);
        if !(broken || killed && is_healthy(item)) {
            continue;
        }
        judged += 1;
        let Some(file) = view.disk.named(item) else {
            continue;
        };
        if !broken && file.is(item.size, &digest(item)) != Some(false) {
            continue;
        }
        let code = if killed {
            Code::PartialAfterKill
        } else {
            Code::PartialFile
        };
        return Verdict::new(code)
            .fact("file", file.path)
            .fact("size", file.size)
            .fact("expected", item.size)
            .fact("target", view.name(index))
            .seen([file.n]);
    }
    let in_the_middle = killed && interrupted(view);
    let saved = view
        .disk
        .inside()
        .any(|f| f.kind == FileKind::Regular && f.size > 0);
    match (judged, killed) {
        (0, _) => Verdict::new(Code::Untested),
        (_, true) if !in_the_middle => Verdict::new(Code::Untested),
        // Who saves nothing leaves no halves: no proof of anything.
        (_, false) if !saved => {
            Verdict::new(Code::NothingSaved).fact("ending", common::ending(view))
        }
        _ => Verdict::new(Code::NoPartial).fact("entries", judged),
    }
}

/// A transfer that breaks, and that every client sees break: without a promised length some take the end
/// of the connection for the end of the body. An answer with an error status comes in full.
fn is_broken(item: &Item) -> bool {
    match item.answer {
        Answer::Refused | Answer::Reset | Answer::Garbage | Answer::Malformed => true,
        Answer::ResetInside | Answer::Truncated => item.framing == Framing::Length,
        _ => false,
    }
}

/// The kill came while a download or a call on a file was under way.
fn interrupted(view: &View) -> bool {
    let killed =
        |m: &&super::view::Moment| matches!(view.plan().script.get(m.step), Some(Step::Signal(_)));
    let Some(moment) = view.moments.iter().find(killed) else {
        return false;
    };
    let held = view
        .disk
        .held
        .iter()
        .any(|call| call.n < moment.n && call.gone.is_none());
    moment.in_flight > 0 || held
}

/// Hostile names lead nowhere else, and nothing gets lost by them.
pub fn stays_inside(view: &View) -> Verdict {
    if view.flights.is_empty() {
        return common::nothing_done(view);
    }
    if !view.complete {
        return common::unfinished(view);
    }
    let items: Vec<(usize, &Item, String)> = view
        .plan()
        .items
        .iter()
        .enumerate()
        .map(|(i, item)| (i, item, digest(item)))
        .collect();
    for file in view.disk.outside() {
        let base = file.path.rsplit('/').next().unwrap_or_default();
        let same = |(_, item, digest): &&(usize, &Item, String)| {
            let wanted = file_names(&item.path).1;
            let hostile = !is_plain(item)
                && wanted
                    .rsplit('/')
                    .next()
                    .is_some_and(|w| w.len() > 2 && w == base);
            hostile || (item.size > 0 && file.sha256 == Some(digest.as_str()) && !is_plain(item))
        };
        if let Some((index, ..)) = items.iter().find(same) {
            return Verdict::new(Code::EscapedFolder)
                .fact("file", file.path)
                .fact("target", view.name(*index))
                .seen([file.n]);
        }
    }
    if !view.finished() {
        return common::unfinished(view);
    }
    let stderr = view.stderr();
    let hostile = items.iter().filter(|(_, item, _)| !is_plain(item));
    let mut seen = 0;
    for (index, item, digest) in hostile {
        if flight(view, *index).is_none_or(|f| !is_complete(f)) {
            continue;
        }
        seen += 1;
        if !view.disk.holds(digest) && !is_named(&stderr, item) {
            if view.stderr_dropped() > 0 {
                return Verdict::new(Code::OutputCut).fact("bytes", view.stderr_dropped());
            }
            return Verdict::new(Code::LostByName).fact("target", view.name(*index));
        }
    }
    if seen == 0 {
        Verdict::new(Code::Untested)
    } else {
        Verdict::new(Code::StayedInside).fact("entries", seen)
    }
}

/// Hostile names have no name of a file by which they could be known: the path itself is looked for.
fn is_named(stderr: &str, item: &Item) -> bool {
    // A reader of URLs may have taken the `..` away.
    let without_dots = item.path.trim_end_matches("..");
    speaks_of(stderr, item) || stderr.contains(without_dots)
}

/// Entries that ask for one name each end in a file of their own, or are named on standard error.
pub fn no_overwriting(view: &View) -> Verdict {
    if view.flights.is_empty() {
        return common::nothing_done(view);
    }
    if !view.complete || !view.finished() {
        return common::unfinished(view);
    }
    let mut groups: std::collections::BTreeMap<String, Vec<usize>> = Default::default();
    for (index, item) in view
        .plan()
        .items
        .iter()
        .enumerate()
        .filter(|(_, i)| is_plain(i) && is_healthy(i))
    {
        groups
            .entry(file_names(&item.path).1)
            .or_default()
            .push(index);
    }
    let stderr = view.stderr();
    let mut judged = 0;
    for (name, group) in groups.into_iter().filter(|(_, group)| group.len() > 1) {
        let fetched = |&&index: &&usize| flight(view, index).is_some_and(is_complete);
        let fetched: Vec<usize> = group.iter().filter(fetched).copied().collect();
        judged += fetched.len();
        // The name alone tells which of them is meant to nobody: the whole path has to be there.
        let told = |item: &Item| stderr.contains(item.path.as_str());
        let lost = |&&index: &&usize| {
            view.item(index)
                .is_some_and(|item| !view.disk.holds(&digest(item)) && !told(item))
        };
        let lost: Vec<usize> = fetched.iter().filter(lost).copied().collect();
        if let Some(&first) = lost.first() {
            if view.stderr_dropped() > 0 {
                return Verdict::new(Code::OutputCut).fact("bytes", view.stderr_dropped());
            }
            return Verdict::new(Code::Overwritten)
                .fact("file", name)
                .fact("asked", fetched.len())
                .fact("lost", lost.len())
                .fact("target", view.name(first))
                .seen(view.disk.named_at(&view.plan().items[first]));
        }
    }
    if judged == 0 {
        Verdict::new(Code::Untested)
    } else {
        Verdict::new(Code::NotOverwritten).fact("entries", judged)
    }
}

/// The last request for an entry.
pub(super) fn flight<'v>(view: &'v View, index: usize) -> Option<&'v Flight<'v>> {
    view.flights.iter().rev().find(|f| f.item == Some(index))
}

pub(super) fn is_complete(flight: &Flight) -> bool {
    let how = flight.end.map(|e| e.how);
    matches!(
        how,
        Some(How::Answered {
            status: 200..300,
            ending: Ending::Complete,
            ..
        })
    )
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
