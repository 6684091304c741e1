//! Why a program can't be started, in words that tell how to mend it.

use std::io;
use std::path::{Path, PathBuf};

use super::status::Stage;

/// Why a program didn't start.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    #[error("there is no command to run")]
    Empty,
    #[error("`{0}` holds a null byte")]
    Null(String),
    #[error("`{command}` was not found (looked in {}); name a program that exists, or build it first", looked.join(", "))]
    NotFound {
        command: String,
        looked: Vec<String>,
    },
    #[error(
        "`{command}` is not executable; run `chmod +x` on it, or name its interpreter in `run`"
    )]
    NotExecutable { command: String },
    #[error("`{command}` was not found where the program's user may look (tried {}); a folder on the way is closed to that user: install it for all users, or let `gradus doctor` say how to get tier full", looked.join(", "))]
    Unreachable {
        command: String,
        looked: Vec<String>,
    },
    #[error(
        "the interpreter that the first line of `{command}` names does not exist here; mend its `#!` line (a Windows line end there counts as part of the name)"
    )]
    NoInterpreter { command: String },
    #[error(
        "`{command}` is neither a program for this machine nor a script with a `#!` line; add one such as `#!/usr/bin/env python3`"
    )]
    BadFormat { command: String },
    #[error("`{command}` can't be run: {source}")]
    Execute { command: String, source: io::Error },
    #[error("the folder `{}` can't be entered: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    /// The host's or the harness's fault, never the submission's.
    #[error("the arena could not start a program ({step}): {source}")]
    Host { step: String, source: io::Error },
}

impl SpawnError {
    /// The submission can be blamed: its command is at fault.
    pub fn is_submission(&self) -> bool {
        !matches!(self, SpawnError::Host { .. })
    }
}

pub(super) fn host(step: impl Into<String>) -> impl FnOnce(io::Error) -> SpawnError {
    let step = step.into();
    move |source| SpawnError::Host { step, source }
}

/// A start that failed, as it was told.
pub(super) enum Failed {
    Child(u32, i32),
    Here(io::Error),
}

impl Failed {
    pub(super) fn explain(self, command: &str, folder: &Path, places: &[String]) -> SpawnError {
        let command = command.to_owned();
        let (number, errno) = match self {
            Failed::Here(source) => return host("waiting for the program")(source),
            Failed::Child(number, errno) => (number, errno),
        };
        let source = io::Error::from_raw_os_error(errno);
        match (Stage::from_wire(number), errno) {
            (Some(Stage::Unreachable), _) => SpawnError::Unreachable {
                command,
                looked: places.to_vec(),
            },
            (Some(Stage::Interpreter), _) => SpawnError::NoInterpreter { command },
            (Some(Stage::Execute), libc::ENOENT | libc::ENOTDIR) => SpawnError::NotFound {
                command,
                looked: places.to_vec(),
            },
            (Some(Stage::Execute), libc::EACCES) => SpawnError::NotExecutable { command },
            (Some(Stage::Execute), libc::ENOEXEC) => SpawnError::BadFormat { command },
            (Some(Stage::Execute), _) => SpawnError::Execute { command, source },
            (Some(Stage::Folder), _) => SpawnError::Folder {
                folder: folder.to_owned(),
                source,
            },
            (Some(stage), _) => host(format!("{stage:?}").to_lowercase())(source),
            (None, _) => host("an unknown step")(source),
        }
    }
}
