//! Where a submission comes from, and what it takes of it to be run.

use std::path::{Path, PathBuf};

use std::sync::Arc;

use super::Submission;
use crate::submission::archive::{self, Bounds};
use crate::submission::{self, FindError, Found, Scratch};

/// A submission as the user named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Its folder says how it is built and started. An archive is unpacked first.
    Folder(PathBuf),
    /// Named outright. It starts in a copy of this folder; without one, of what the command itself is.
    Command {
        words: Vec<String>,
        folder: Option<PathBuf>,
    },
}

/// A submission that was found, with what is copied of it.
#[derive(Debug, Clone)]
pub struct Ours {
    pub submission: Submission,
    /// Copied as a whole; none: it starts in an empty folder.
    pub folder: Option<PathBuf>,
    /// A lone program, copied into that empty folder.
    pub file: Option<PathBuf>,
    /// The command was named outright: its program may lie anywhere on the host.
    pub named: bool,
    pub(super) found: Option<Found>,
    /// Where an archive was unpacked; gone with the last that holds it.
    pub(super) unpacked: Option<Arc<Scratch>>,
}

impl Source {
    /// Finds out how it is built and started. `exercise` is the task's name.
    ///
    /// # Errors
    /// If there is no such folder, or nothing in it that could be started.
    pub fn find(&self, exercise: &str) -> Result<Ours, FindError> {
        match self {
            Source::Folder(file) if file.is_file() && archive::is_named(file) => {
                unpacked(file, exercise)
            }
            Source::Folder(folder) => {
                let found = submission::find(folder, exercise)?;
                let submission = Submission {
                    name: found.name.clone(),
                    build: found.build.clone(),
                    run: found.run.clone(),
                    port: found.port,
                };
                Ok(Ours {
                    submission,
                    folder: Some(folder.clone()),
                    file: None,
                    named: false,
                    found: Some(found),
                    unpacked: None,
                })
            }
            Source::Command {
                words,
                folder: Some(folder),
            } => {
                submission::look(folder)?;
                let submission = Submission {
                    name: self.name(),
                    build: None,
                    run: words.clone(),
                    port: None,
                };
                Ok(Ours {
                    submission,
                    folder: Some(folder.clone()),
                    file: None,
                    named: true,
                    found: None,
                    unpacked: None,
                })
            }
            Source::Command {
                words,
                folder: None,
            } => {
                let plain = submission::command(words, Path::new("."));
                let submission = Submission {
                    name: self.name(),
                    build: None,
                    run: plain.run,
                    port: None,
                };
                Ok(Ours {
                    submission,
                    folder: plain.folder,
                    file: plain.file,
                    named: true,
                    found: None,
                    unpacked: None,
                })
            }
        }
    }

    /// A name for people and for folders, of a submission that may not even be there.
    pub fn name(&self) -> String {
        let last = |path: &Path| {
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned())
        };
        let name = match self {
            Source::Folder(file) if file.is_file() && archive::is_named(file) => {
                archive::stem(file)
            }
            Source::Folder(folder) => {
                last(&folder.canonicalize().unwrap_or_else(|_| folder.clone()))
            }
            Source::Command { words, folder } => {
                // `python3 main.py` is better known as `main.py`.
                let here = folder.as_deref().unwrap_or(Path::new("."));
                let script = words
                    .iter()
                    .skip(1)
                    .find(|word| !word.starts_with('-') && here.join(word).is_file());
                script
                    .or(words.first())
                    .and_then(|word| last(Path::new(word)))
            }
        };
        name.unwrap_or_else(|| "submission".to_owned())
    }
}

/// The submission in an archive.
fn unpacked(file: &Path, exercise: &str) -> Result<Ours, FindError> {
    let scratch = Scratch::new().map_err(FindError::Scratch)?;
    let to = scratch.path().join("unpacked");
    archive::unpack(file, &to, &Bounds::default())?;
    let folder = archive::inner(&to, &|_| false);
    let mut ours = Source::Folder(folder.clone()).find(exercise)?;
    if folder
        .file_name()
        .is_some_and(|name| name.to_str() == Some(&ours.submission.name))
    {
        // Not its author's word, but a folder's name: the archive's says more.
        ours.submission.name = archive::stem(file).unwrap_or(ours.submission.name);
    }
    ours.unpacked = Some(Arc::new(scratch));
    Ok(ours)
}
