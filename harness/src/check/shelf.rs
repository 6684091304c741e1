//! What was seen of the submission's files: held calls, and what lies in the output folder.

use crate::evidence::{Event, FileKind};
use crate::plan::Item;
use crate::plan::paths::{decoded, file_names};
use crate::task::disk::Op;
use crate::task::world::Answer;

use super::view::View;

/// Longest name that file systems take, bytes.
const LONGEST_NAME: usize = 255;

/// Calls on files and files, in the order of their events.
#[derive(Debug, Default)]
pub struct DiskSeen<'a> {
    pub held: Vec<HeldCall<'a>>,
    /// Calls on files of the folder in all, by `Op`. Absent where the gate didn't see them.
    pub calls: Option<[u64; Op::ALL.len()]>,
    pub files: Vec<FileSeen<'a>>,
    /// Files that were opened for reading.
    pub loaded: Vec<(u64, &'a str)>,
    /// Places in sources that name a library: event, path, line, library.
    pub mentions: Vec<(u64, &'a str, u32, &'a str)>,
}

/// A call that was held or failed.
#[derive(Debug)]
pub struct HeldCall<'a> {
    /// Number of the event.
    pub n: u64,
    pub call: u64,
    pub op: &'a str,
    pub path: &'a str,
    pub main_thread: bool,
    /// The event by which it went on, and its error if it was failed.
    pub gone: Option<(u64, Option<i32>)>,
}

/// An entry of the output folder, or beside it.
#[derive(Debug)]
pub struct FileSeen<'a> {
    pub n: u64,
    pub path: &'a str,
    pub kind: FileKind,
    pub size: u64,
    pub sha256: Option<&'a str>,
}

impl<'a> DiskSeen<'a> {
    pub(super) fn take(&mut self, n: u64, event: &'a Event) {
        match event {
            Event::Held {
                call,
                op,
                path,
                main_thread,
                ..
            } => {
                self.held.push(HeldCall {
                    n,
                    call: *call,
                    op,
                    path,
                    main_thread: *main_thread,
                    gone: None,
                });
            }
            Event::LetGo { call, errno } => {
                if let Some(held) = self.held.iter_mut().rev().find(|held| held.call == *call) {
                    held.gone = Some((n, *errno));
                }
            }
            Event::Calls {
                write,
                open,
                fsync,
                rename,
            } => self.calls = Some([*write, *open, *fsync, *rename]),
            Event::File {
                path,
                kind,
                size,
                sha256,
            } => {
                let sha256 = sha256.as_deref();
                self.files.push(FileSeen {
                    n,
                    path,
                    kind: *kind,
                    size: *size,
                    sha256,
                });
            }
            Event::Loaded { path } => self.loaded.push((n, path)),
            Event::Mention {
                path,
                line,
                library,
            } => self.mentions.push((n, path, *line, library)),
            _ => {}
        }
    }

    /// Files within the folder.
    pub fn inside(&self) -> impl Iterator<Item = &FileSeen<'a>> {
        self.files.iter().filter(|f| !f.path.starts_with("../"))
    }

    /// Files beside the folder that are new or changed.
    pub fn outside(&self) -> impl Iterator<Item = &FileSeen<'a>> {
        self.files.iter().filter(|f| f.path.starts_with("../"))
    }

    /// The entry of the folder that has the name of this item, escapes kept or undone.
    pub fn named(&self, item: &Item) -> Option<&FileSeen<'a>> {
        let (raw, plain) = file_names(&item.path);
        let of = |name: &str| self.files.iter().find(|f| f.path == name);
        of(&raw).or_else(|| of(&plain))
    }

    /// The event of that entry.
    pub fn named_at(&self, item: &Item) -> Option<u64> {
        self.named(item).map(|file| file.n)
    }

    /// Whether the folder holds a file with this digest, under whatever name.
    pub fn holds(&self, digest: &str) -> bool {
        self.inside().any(|f| f.sha256 == Some(digest))
    }
}

impl FileSeen<'_> {
    /// Whether it is this body. None: it could not be read.
    pub fn is(&self, size: u64, digest: &str) -> Option<bool> {
        if self.kind != FileKind::Regular || self.size != size {
            return Some(false);
        }
        Some(self.sha256? == digest)
    }
}

/// Whether the last segment of an item's path can be the name of a file just as it stands there.
pub fn is_plain(item: &Item) -> bool {
    let (raw, plain) = file_names(&item.path);
    let good = |name: &str| {
        !matches!(name, "" | "." | "..")
            && !name.contains(['/', '\0'])
            && name.len() <= LONGEST_NAME
    };
    good(&raw) && good(&plain)
}

/// Items that ask for a name which nobody else asks for: each must become a file of that name.
pub fn own_names<'v>(view: &View<'v>) -> Vec<(usize, &'v Item)> {
    let mut times = std::collections::HashMap::new();
    let items = &view.plan().items;
    for item in items {
        *times.entry(file_names(&item.path).1).or_insert(0) += 1;
    }
    let own =
        |item: &Item| is_plain(item) && item.listed == 1 && times[&file_names(&item.path).1] == 1;
    items
        .iter()
        .enumerate()
        .filter(|(_, item)| own(item))
        .collect()
}

/// Whether the world answers in full with a 2xx status.
pub fn is_healthy(item: &Item) -> bool {
    matches!(item.answer, Answer::Status(200..300) | Answer::Dripping)
}

/// Whether a text of the submission speaks of this item: by its URL's path, or by its file's name, with
/// escapes or without.
pub fn speaks_of(text: &str, item: &Item) -> bool {
    let (raw, plain) = file_names(&item.path);
    let path = item.path.trim();
    let whole = [path.to_owned(), decoded(path)];
    let without_query = path.split('?').next().unwrap_or(path);
    let names = [raw, plain];
    let long = |name: &&String| name.len() >= 8;
    whole.iter().any(|w| text.contains(w.as_str()))
        || (without_query.len() >= 8 && text.contains(without_query))
        || names
            .iter()
            .filter(long)
            .any(|name| text.contains(name.as_str()))
}
