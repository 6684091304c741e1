//! The result folder of one grading: written as things happen, so that a crash keeps what was there
//! before, and enough to judge it all again.
//!
//! ```text
//! grading.json                 what was graded, how, with which runs (also the folder's mark)
//! pack/                        the task pack as it was graded
//! runs/<run>/evidence.jsonl    evidence of one run (`.part` while it is being written)
//! report.json                  the report
//! ```
//!
//! Nothing bears its final name before it is whole.

mod evidence;
mod folder;
mod grading;
mod write;

pub use evidence::EvidenceFile;
pub use folder::Results;
pub use grading::{FORMAT, Grading, RunEntry, State};
pub use write::whole as write_whole;

use std::io;
use std::path::{Path, PathBuf};

use crate::evidence::reader::ReadError;

/// Why results can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{} can't be {doing}: {source}\n   help: {}", .path.display(), mend(.source))]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} is a file\n   help: name a folder for the results (it is made if it is missing)", .0.display())]
    File(PathBuf),
    #[error(
        "{} has files in it that aren't results of gradus; nothing was touched\n   help: name an empty or a new folder with --results",
        .0.display()
    )]
    NotOurs(PathBuf),
    #[error("another gradus is writing to {}\n   help: wait for it, or name another folder with --results", .0.display())]
    Busy(PathBuf),
    #[error("{} holds no results of gradus\n   help: name the folder that `gradus grade` wrote (it has a grading.json)", .0.display())]
    NoResults(PathBuf),
    #[error("{}: results of format {found}, but this gradus reads format {FORMAT}\n   help: use the gradus that wrote them", .path.display())]
    Format { path: PathBuf, found: u32 },
    #[error("{} is damaged: {why}\n   help: grade again", .path.display())]
    Damaged { path: PathBuf, why: String },
    #[error("{}: {source}", .path.display())]
    Evidence { path: PathBuf, source: ReadError },
}

impl StoreError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        move |source| StoreError::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

fn mend(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "make it writable for you, or name another place",
        io::ErrorKind::ReadOnlyFilesystem => "its file system is read-only: name another place",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: make room, or name another place"
        }
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::NotADirectory => "a part of the path is a file: name another place",
        _ => "check the path and the disk, or name another place",
    }
}
