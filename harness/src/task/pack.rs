//! Task packs and where they come from: a folder, a folder of folders, or the binary itself.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path as FilePath, PathBuf};

use sha2::{Digest, Sha256};

use super::load::{self, Flaw, TaskError};
use super::near::nearest;
use super::place::Path;
use super::{Task, Text};

/// The packs that gradus brings along.
#[derive(rust_embed::Embed)]
#[folder = "../tasks"]
struct Shipped;

/// Name of the pack's main file.
const MAIN: &str = "task.yaml";
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

/// Where packs are looked up by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Library {
    /// A folder whose folders are packs.
    Folder(PathBuf),
    /// The packs inside this binary.
    Embedded,
}

/// Files of a pack, by their path within it.
pub type Files = BTreeMap<String, Vec<u8>>;

impl Library {
    /// Names of all packs here, sorted.
    ///
    /// # Errors
    /// If the folder can't be read or has no packs.
    pub fn names(&self) -> Result<Vec<String>, PackError> {
        let names: Vec<String> = match self {
            Library::Embedded => {
                let main = |file: &str| file.strip_suffix(&format!("/{MAIN}")).map(str::to_owned);
                Shipped::iter().filter_map(|file| main(&file)).collect()
            }
            Library::Folder(folder) => {
                let entries = fs::read_dir(folder).map_err(|e| unreadable(folder, e))?;
                let packs = entries
                    .filter_map(Result::ok)
                    .filter(|e| e.path().join(MAIN).is_file());
                packs
                    .filter_map(|e| e.file_name().into_string().ok())
                    .collect()
            }
        };
        if names.is_empty() {
            return Err(PackError::NoPacks {
                place: self.to_string(),
            });
        }
        let mut names = names;
        names.sort();
        Ok(names)
    }

    /// The pack of this name.
    ///
    /// # Errors
    /// If there is none (with the most alike name), or it is wrong.
    pub fn find(&self, name: &str) -> Result<Pack, PackError> {
        let names = self.names()?;
        if !names.iter().any(|n| n == name) {
            let near = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
            return Err(PackError::Unknown {
                name: name.to_owned(),
                near,
                known: names,
            });
        }
        match self {
            Library::Folder(folder) => open(&folder.join(name)),
            Library::Embedded => pack(shipped(name), name, &format!("tasks/{name}")),
        }
    }

    /// All packs, each exercise behind those that it builds on.
    ///
    /// # Errors
    /// The first pack that is wrong.
    pub fn path(&self) -> Result<Vec<Pack>, PackError> {
        let packs = self
            .names()?
            .iter()
            .map(|name| self.find(name))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(ordered(packs))
    }
}

impl std::fmt::Display for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Library::Folder(folder) => write!(f, "{}", folder.display()),
            Library::Embedded => f.write_str("this gradus"),
        }
    }
}

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

fn shipped(name: &str) -> Files {
    let prefix = format!("{name}/");
    let file = |path: std::borrow::Cow<'static, str>| {
        let inner = path
            .strip_prefix(&prefix)
            .filter(|inner| counts(inner))?
            .to_owned();
        Some((inner, Shipped::get(&path)?.data.into_owned()))
    };
    Shipped::iter().filter_map(file).collect()
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

fn counts(name: &str) -> bool {
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

fn unreadable(path: &FilePath, error: io::Error) -> PackError {
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
fn pack(files: Files, name: &str, shown: &str) -> Result<Pack, PackError> {
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

/// Each pack behind all that it comes after, else by name; a circle is broken at its first name.
fn ordered(mut left: Vec<Pack>) -> Vec<Pack> {
    left.sort_by(|a, b| a.task.task.cmp(&b.task.task));
    let mut path: Vec<Pack> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waits = |pack: &Pack| {
            pack.task
                .after
                .iter()
                .any(|name| left.iter().any(|p| p.task.task == *name))
        };
        let next = left.iter().position(|pack| !waits(pack)).unwrap_or(0);
        path.push(left.remove(next));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &FilePath, name: &str, after: &str, link: &str) -> PathBuf {
        let pack = folder.join(name);
        fs::create_dir_all(&pack).expect("folder");
        let yaml = format!(
            "schema: 1\ntask: {name}\ntitle: {{ en: T }}\nteaches: {{ en: T }}\nafter: [{after}]\nkind: program\nrun: [x]\n\
             scenarios:\n  - scenario: s\n    title: {{ en: S }}\n    script: [exit]\n    checks:\n      \
             - {{ check: c, title: {{ en: C }}, rule: {{ exits: {{ status: zero }} }}, points: 1, link: {link} }}\n"
        );
        fs::write(pack.join("task.yaml"), yaml).expect("task");
        fs::write(pack.join("statement.md"), "<a id=\"limit\"></a>\n# T\n").expect("statement");
        pack
    }

    #[test]
    fn packs_are_found_by_name_or_suggested() {
        let dir = tempfile::tempdir().expect("dir");
        write(dir.path(), "fetcher", "", "limit");
        write(dir.path(), "crawler", "fetcher", "limit");
        let library = Library::Folder(dir.path().to_owned());
        assert_eq!(library.names().expect("names"), ["crawler", "fetcher"]);
        assert_eq!(library.find("fetcher").expect("pack").task.task, "fetcher");
        match library.find("fethcer") {
            Err(PackError::Unknown {
                near: Some(near), ..
            }) => assert_eq!(near, "fetcher"),
            other => panic!("{other:?}"),
        }
        let names: Vec<String> = library
            .path()
            .expect("path")
            .into_iter()
            .map(|p| p.task.task)
            .collect();
        assert_eq!(names, ["fetcher", "crawler"]);
    }

    #[test]
    fn the_digest_follows_every_byte_and_name() {
        let dir = tempfile::tempdir().expect("dir");
        let folder = write(dir.path(), "fetcher", "", "limit");
        let before = open(&folder).expect("pack").digest;
        assert_eq!(open(&folder).expect("pack").digest, before);
        fs::write(folder.join("notes.txt"), "not part of it").expect("write");
        assert_eq!(open(&folder).expect("pack").digest, before);
        fs::write(folder.join("statement.md"), "<a id=\"limit\"></a>\n# U\n").expect("write");
        let after = open(&folder).expect("pack").digest;
        assert_ne!(after, before);
        fs::write(folder.join("statement.ru.md"), "<a id=\"limit\"></a>").expect("write");
        assert_ne!(open(&folder).expect("pack").digest, after);
    }

    #[test]
    fn a_link_must_lead_somewhere() {
        let dir = tempfile::tempdir().expect("dir");
        let folder = write(dir.path(), "fetcher", "", "limits");
        let error = open(&folder).expect_err("flaw").to_string();
        assert!(
            error.contains("no anchor `limits`") && error.contains("did you mean `limit`?"),
            "{error}"
        );
        assert!(
            error.contains("task.yaml:13:91: scenarios[0].checks[0].link: "),
            "{error}"
        );
    }

    #[test]
    fn the_folder_bears_the_exercises_name() {
        let dir = tempfile::tempdir().expect("dir");
        let folder = write(dir.path(), "fetcher", "", "limit");
        let other = dir.path().join("other");
        fs::rename(folder, &other).expect("rename");
        assert!(
            open(&other)
                .expect_err("flaw")
                .to_string()
                .contains("its folder `other`")
        );
    }

    #[test]
    fn what_is_no_pack_is_said() {
        let dir = tempfile::tempdir().expect("dir");
        assert!(matches!(open(dir.path()), Err(PackError::NoPack { .. })));
        assert!(matches!(
            open(&dir.path().join("none")),
            Err(PackError::Read { .. })
        ));
        let library = Library::Folder(dir.path().to_owned());
        assert!(matches!(library.names(), Err(PackError::NoPacks { .. })));
        let folder = write(dir.path(), "fetcher", "", "limit");
        fs::write(folder.join("task.yaml"), [0xff, 0xfe]).expect("write");
        assert!(matches!(open(&folder), Err(PackError::NotText { .. })));
    }

    #[test]
    fn a_circle_of_exercises_still_has_an_order() {
        let dir = tempfile::tempdir().expect("dir");
        write(dir.path(), "a", "b", "limit");
        write(dir.path(), "b", "a", "limit");
        assert_eq!(
            Library::Folder(dir.path().to_owned())
                .path()
                .expect("path")
                .len(),
            2
        );
    }

    /// Every pack that is shipped is right; the tests of other modules rely on them.
    #[test]
    fn shipped_packs_are_right() {
        let library = Library::Embedded;
        for name in library.names().unwrap_or_default() {
            if let Err(error) = library.find(&name) {
                panic!("{error}");
            }
        }
    }
}
