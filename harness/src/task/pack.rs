//! A task pack: the folder of one exercise, read and found right.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path as FilePath;

use sha2::{Digest, Sha256};

use super::load::{self, Flaw, TaskError};
use super::near::nearest;
use super::place::Path;
use super::{Task, Text};

/// Name of the pack's main file.
pub(super) const MAIN: &str = "task.yaml";
const STATEMENT: &str = "statement";
/// Bounds of a pack on disk; what lies beyond them is no pack of ours.
const MAX_FILES: usize = 200;
const MAX_DEPTH: usize = 4;

/// A task pack, read and found right.
#[derive(Debug, Clone)]
pub struct Pack {
    pub task: Task,
    /// `task.yaml` as it stands in the pack.
    pub source: String,
    /// Statements by language; `en` is always there.
    pub statements: Text,
    /// SHA-256 over the pack's YAML and Markdown files, names included, in hexadecimal.
    pub digest: String,
    /// The pack's YAML and Markdown files, by path.
    pub files: Files,
}

/// Why a pack can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error("{what} can't be read: {error}\n   help: {mend}")]
    Read {
        what: String,
        error: io::Error,
        mend: &'static str,
    },
    #[error(
        "{folder} is no task pack: it has no `{MAIN}`\n   help: name the folder of one exercise"
    )]
    NoPack { folder: String },
    #[error(
        "{folder} has too many files or levels for a task pack\n   help: name the folder of one exercise"
    )]
    TooLarge { folder: String },
    #[error("there is no exercise `{name}`{}\n   help: there are: {}", .near.as_ref().map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default(), .known.join(", "))]
    Unknown {
        name: String,
        near: Option<String>,
        known: Vec<String>,
    },
    #[error("{place} has no task packs (folders with a `{MAIN}`)")]
    NoPacks { place: String },
    #[error("{file}: not UTF-8 text")]
    NotText { file: String },
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// Files of a pack, by their path within it.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Opens the pack in a folder that bears its exercise's name.
///
/// # Errors
/// If it can't be read, is no pack, or is wrong.
pub fn open(folder: &FilePath) -> Result<Pack, PackError> {
    // `.` and `..` have a name too.
    let real = folder.canonicalize().map_err(|e| unreadable(folder, e))?;
    let name = real
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    open_as(folder, &name)
}

/// Opens the pack of this exercise in a folder of another name.
///
/// # Errors
/// As [`open`].
pub fn open_as(folder: &FilePath, name: &str) -> Result<Pack, PackError> {
    let shown = folder.display().to_string();
    if !folder.join(MAIN).is_file() {
        fs::read_dir(folder).map_err(|e| unreadable(folder, e))?;
        return Err(PackError::NoPack { folder: shown });
    }
    let mut files = Files::new();
    collect(folder, "", 0, &mut files)?;
    pack(files, name, shown.trim_end_matches('/'))
}

fn collect(
    folder: &FilePath,
    prefix: &str,
    depth: usize,
    files: &mut Files,
) -> Result<(), PackError> {
    let too_large = || PackError::TooLarge {
        folder: folder.display().to_string(),
    };
    if depth > MAX_DEPTH {
        return Err(too_large());
    }
    for entry in fs::read_dir(folder).map_err(|e| unreadable(folder, e))? {
        let entry = entry.map_err(|e| unreadable(folder, e))?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(|e| unreadable(&path, e))?;
        if kind.is_dir() && !name.starts_with('.') {
            collect(&path, &format!("{name}/"), depth + 1, files)?;
        } else if kind.is_file() && counts(&name) {
            files.insert(name, read(&path)?);
        }
        if files.len() > MAX_FILES {
            return Err(too_large());
        }
    }
    Ok(())
}

pub(super) fn counts(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".md")
}

/// A file within the bound for YAML documents, plus one byte: the parser says that it is too long.
fn read(path: &FilePath) -> Result<Vec<u8>, PackError> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|e| unreadable(path, e))?;
    file.take(load::MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(path, e))?;
    Ok(bytes)
}

pub(super) fn unreadable(path: &FilePath, error: io::Error) -> PackError {
    let mend = match error.kind() {
        io::ErrorKind::NotFound => "check the path; `gradus tasks` lists the exercises",
        io::ErrorKind::PermissionDenied => "make it readable for you",
        io::ErrorKind::NotADirectory => "name the folder, not a file in it",
        _ => "check the path",
    };
    PackError::Read {
        what: path.display().to_string(),
        error,
        mend,
    }
}

/// A pack from its files. `name` is its folder's, `shown` the folder as the user knows it.
pub(super) fn pack(files: Files, name: &str, shown: &str) -> Result<Pack, PackError> {
    let text = |file: &str| -> Result<String, PackError> {
        let bytes = files.get(file).cloned().unwrap_or_default();
        String::from_utf8(bytes).map_err(|_| PackError::NotText {
            file: format!("{shown}/{file}"),
        })
    };
    let source = text(MAIN)?;
    let file = format!("{shown}/{MAIN}");
    let task = load::load(&source, &file)?;
    let mut statements = Text::new();
    for name in files.keys() {
        if let Some(language) = language_of(name) {
            statements.insert(language.to_owned(), text(name)?);
        }
    }
    let flaws = misfits(&task, name, &statements);
    if !flaws.is_empty() {
        return Err(load::located(&source, &file, flaws).into());
    }
    Ok(Pack {
        digest: digest(&files),
        files,
        task,
        source,
        statements,
    })
}

/// `statement.md` is English, `statement.ru.md` Russian.
fn language_of(file: &str) -> Option<&str> {
    let middle = file.strip_prefix(STATEMENT)?.strip_suffix(".md")?;
    if middle.is_empty() {
        Some("en")
    } else {
        middle.strip_prefix('.')
    }
}

/// What in a task doesn't fit the rest of its pack.
fn misfits(task: &Task, folder: &str, statements: &Text) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let mut add = |path: Path, message: String, mend: String| {
        flaws.push(Flaw {
            path,
            at_key: false,
            message,
            mend: Some(mend),
        });
    };
    let top = Path::default();
    if task.task != folder {
        let message = format!(
            "the exercise is named `{}`, its folder `{folder}`",
            task.task
        );
        add(
            top.to("task"),
            message,
            "give both the same name".to_owned(),
        );
    }
    if !statements.contains_key("en") {
        let message = format!("the pack has no `{STATEMENT}.md`");
        add(
            top.to("task"),
            message,
            "write what a student must build and how it is judged".to_owned(),
        );
    }
    for (i, scenario) in task.scenarios.iter().enumerate() {
        for (j, check) in scenario.checks.iter().enumerate() {
            let Some(link) = &check.link else { continue };
            let lacking: Vec<&str> = statements
                .iter()
                .filter(|(_, text)| !anchors(text).any(|a| a == link))
                .map(|(l, _)| l.as_str())
                .collect();
            if lacking.is_empty() {
                continue;
            }
            let path = top.to("scenarios").to(i).to("checks").to(j).to("link");
            let near = statements
                .get(lacking[0])
                .and_then(|text| nearest(link, anchors(text)));
            let mend = near.map_or_else(
                || format!("add `<a id=\"{link}\"></a>` before the heading that it should lead to"),
                |near| format!("did you mean `{near}`?"),
            );
            add(
                path,
                format!(
                    "no anchor `{link}` in the statement ({})",
                    lacking.join(", ")
                ),
                mend,
            );
        }
    }
    flaws
}

/// Explicit anchors of a statement: `<a id="limit"></a>`.
fn anchors(text: &str) -> impl Iterator<Item = &str> {
    text.split("<a id=\"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(id, _)| id)
}

fn digest(files: &Files) -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in files {
        for part in [name.as_bytes(), bytes] {
            // Lengths keep "ab" + "c" and "a" + "bc" apart.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
#[path = "pack_tests.rs"]
mod tests;
