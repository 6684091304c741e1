//! How a submission is built and started: by its `submission.yaml`, or by the conventions of its
//! language.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::archive::ArchiveError;
use super::manifest::{FILE, MAX_BYTES, Manifest};
use crate::task::load::TaskError;

/// A submission that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// A name for people.
    pub name: String,
    /// Argument vector of the build, if one is needed. It starts in the copy of the folder.
    pub build: Option<Vec<String>>,
    /// Argument vector of the program, with placeholders.
    pub run: Vec<String>,
    /// Port of a server that doesn't listen on the exercise's own.
    pub port: Option<u16>,
    /// What it was found by: a file's name.
    pub by: String,
    /// Files that may be the program once it is built; then `run` is the first of them.
    pub candidates: Vec<String>,
}

/// Why nothing can be started.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error("{}: there is no such folder or archive", .0.display())]
    Missing(PathBuf),
    #[error("{}: this is a file; name the folder that it lies in, an archive (.zip, .tar, .tar.gz), or a command after `--`", .0.display())]
    NotFolder(PathBuf),
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: the folder is empty", .0.display())]
    Empty(PathBuf),
    #[error("{0}")]
    Manifest(#[from] TaskError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("no temporary folder can be made: {0}\n   help: set TMPDIR to a writable folder")]
    Scratch(#[source] io::Error),
    #[error("{}: `{key}` is empty; name the program and its arguments, like `{key}: [python3, main.py]`", path.display())]
    EmptyCommand { path: PathBuf, key: &'static str },
    #[error("{}: {why}; add a `{FILE}` with `run: [PROGRAM, ARGUMENT…]`", folder.display())]
    Unclear { folder: PathBuf, why: String },
    #[error("{}: nothing here can be started; add a `{FILE}` with `run: [PROGRAM, ARGUMENT…]`, or one of: Cargo.toml, go.mod, package.json, Makefile, main.py, {exercise}.py, a lone Python file, an executable named `run`", folder.display())]
    Nothing { folder: PathBuf, exercise: String },
}

impl FindError {
    /// The submission can be blamed, not the host.
    pub fn is_submission(&self) -> bool {
        match self {
            FindError::Archive(error) => error.is_submission(),
            FindError::Scratch(_) => false,
            _ => true,
        }
    }
}

/// Checks that a folder is there and can be read.
///
/// # Errors
/// If it is missing, no folder, or closed to us.
pub fn look(folder: &Path) -> Result<(), FindError> {
    match fs::metadata(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(FindError::Missing(folder.to_owned())),
        Err(source) => Err(FindError::Unreadable {
            path: folder.to_owned(),
            source,
        }),
        Ok(meta) if !meta.is_dir() => Err(FindError::NotFolder(folder.to_owned())),
        Ok(_) => match fs::read_dir(folder) {
            Ok(_) => Ok(()),
            Err(source) => Err(FindError::Unreadable {
                path: folder.to_owned(),
                source,
            }),
        },
    }
}

/// Finds out how the submission in this folder is built and started. `exercise` is the task's name: a
/// program may be called after it.
///
/// # Errors
/// If there is no such folder, its `submission.yaml` is wrong, or nothing in it can be started.
pub fn find(folder: &Path, exercise: &str) -> Result<Found, FindError> {
    look(folder)?;
    let here = Here { folder, exercise };
    let Some(text) = here.read(FILE)? else {
        return here.by_convention();
    };
    let path = folder.join(FILE);
    let manifest = Manifest::read(&text, &path.display().to_string())?;
    for (key, command) in [("build", &manifest.build), ("run", &manifest.run)] {
        if command
            .as_ref()
            .is_some_and(|command| command.first().is_none_or(String::is_empty))
        {
            return Err(FindError::EmptyCommand { path, key });
        }
    }
    let mut found = match manifest.run {
        // As written: without `build` there is none.
        Some(run) => Found {
            build: None,
            candidates: Vec::new(),
            ..here.found(FILE, None, run)
        },
        None => here.by_convention()?,
    };
    found.build = manifest.build.or(found.build);
    found.name = manifest.name.unwrap_or(found.name);
    found.port = manifest.port;
    Ok(found)
}

impl Found {
    /// Takes for the program what the build has made, where that couldn't be known before.
    /// To be called once the build is done; `built` is the folder that it ran in.
    ///
    /// # Errors
    /// If the build has made none of the files that it might have.
    pub fn settle(&mut self, built: &Path) -> Result<(), FindError> {
        if self.candidates.is_empty() {
            return Ok(());
        }
        match self
            .candidates
            .iter()
            .find(|name| is_executable(&built.join(name)))
        {
            Some(name) => {
                self.run[0] = format!("./{name}");
                Ok(())
            }
            None => {
                let why = format!("`{}` made none of: {}", self.by, self.candidates.join(", "));
                Err(FindError::Unclear {
                    folder: built.to_owned(),
                    why,
                })
            }
        }
    }
}

struct Here<'a> {
    folder: &'a Path,
    exercise: &'a str,
}

impl Here<'_> {
    fn found(&self, by: &str, build: Option<&str>, run: Vec<String>) -> Found {
        let real = self
            .folder
            .canonicalize()
            .unwrap_or_else(|_| self.folder.to_owned());
        let name = real
            .file_name()
            .map_or("submission".into(), |name| name.to_string_lossy());
        Found {
            name: name.into_owned(),
            // Through a shell: where temporary files go is known inside only.
            build: build.map(|script| vec!["sh".to_owned(), "-ec".to_owned(), script.to_owned()]),
            run,
            port: None,
            by: by.to_owned(),
            candidates: Vec::new(),
        }
    }

    fn by_convention(&self) -> Result<Found, FindError> {
        if let Some(text) = self.read("Cargo.toml")? {
            return self.cargo(&text);
        }
        if self.has("go.mod") {
            let run = vec!["./.program".to_owned()];
            return Ok(self.found(
                "go.mod",
                Some("GOFLAGS=-buildvcs=false go build -o .program ."),
                run,
            ));
        }
        if let Some(text) = self.read("package.json")? {
            return self.node(&text);
        }
        if self.has("Makefile") || self.has("makefile") {
            let flat = self.exercise.replace('-', "_");
            let candidates: Vec<String> = ["run", self.exercise, &flat, "main", "a.out"]
                .map(str::to_owned)
                .into();
            let mut found = self.found("Makefile", None, vec!["./run".to_owned()]);
            found.build = Some(vec!["make".to_owned()]);
            return Ok(Found {
                candidates,
                ..found
            });
        }
        self.python()
    }

    /// The program that `cargo build` makes, copied beside the sources so that nothing but it goes on.
    fn cargo(&self, text: &str) -> Result<Found, FindError> {
        let mut names = programs(text);
        let package = package(text);
        if self.has("src/main.rs") {
            names.extend(package.clone());
        }
        names.extend(self.file_stems("src/bin", "rs"));
        names.sort();
        names.dedup();
        let wanted = [default_run(text), Some(self.exercise.to_owned()), package];
        let chosen = match &names[..] {
            [only] => Some(only.clone()),
            _ => wanted
                .into_iter()
                .flatten()
                .find(|name| names.contains(name)),
        };
        let Some(name) = chosen else {
            let why = match names.len() {
                0 => "Cargo.toml names no program".to_owned(),
                _ => format!(
                    "Cargo.toml makes several programs ({}), none is called `{}`",
                    names.join(", "),
                    self.exercise
                ),
            };
            return Err(FindError::Unclear {
                folder: self.folder.to_owned(),
                why,
            });
        };
        if !name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        {
            let why = format!("`{name}` is no name of a program");
            return Err(FindError::Unclear {
                folder: self.folder.to_owned(),
                why,
            });
        }
        let build = format!(
            "cargo build --release --offline --bin {name} --target-dir \"$TMPDIR/target\"\n\
             mkdir -p target/release\n\
             cp \"$TMPDIR/target/release/{name}\" target/release/"
        );
        Ok(self.found(
            "Cargo.toml",
            Some(&build),
            vec![format!("./target/release/{name}")],
        ))
    }

    fn node(&self, text: &str) -> Result<Found, FindError> {
        let unclear = |why: String| FindError::Unclear {
            folder: self.folder.to_owned(),
            why,
        };
        let package: serde_json::Value =
            serde_json::from_str(text).map_err(|e| unclear(format!("package.json: {e}")))?;
        // `npm start` would put a package manager and a shell between us and the program.
        let start = package["scripts"]["start"]
            .as_str()
            .filter(|start| !start.contains(SHELL));
        let start: Vec<String> = start
            .map(|start| start.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default();
        if start.first().is_some_and(|program| program == "node") {
            return Ok(self.found("package.json", None, start));
        }
        let main = package["main"].as_str().unwrap_or("index.js");
        if self.has(main) {
            return Ok(self.found(
                "package.json",
                None,
                vec!["node".to_owned(), main.to_owned()],
            ));
        }
        Err(unclear(format!(
            "package.json has no start of the form `node FILE`, and there is no `{main}`"
        )))
    }

    fn python(&self) -> Result<Found, FindError> {
        let stems = self.file_stems(".", "py");
        let flat = self.exercise.replace('-', "_");
        let named = [flat.as_str(), "main"]
            .into_iter()
            .find(|name| stems.iter().any(|stem| stem == name));
        let script = match (named, &stems[..]) {
            (Some(name), _) => Some(name),
            (None, [only]) => Some(only.as_str()),
            _ => None,
        };
        if let Some(script) = script {
            let file = format!("{script}.py");
            return Ok(self.found(&file, None, vec!["python3".to_owned(), file.clone()]));
        }
        let run = self.folder.join("run");
        if run.is_file() {
            if is_executable(&run) {
                return Ok(self.found("run", None, vec!["./run".to_owned()]));
            }
            let why = "`run` is not executable; `chmod +x run` makes it so, else".to_owned();
            return Err(FindError::Unclear {
                folder: self.folder.to_owned(),
                why,
            });
        }
        if stems.len() > 1 {
            let why = format!("there are several Python files, but neither main.py nor {flat}.py");
            return Err(FindError::Unclear {
                folder: self.folder.to_owned(),
                why,
            });
        }
        let mut entries = fs::read_dir(self.folder).map_err(|source| FindError::Unreadable {
            path: self.folder.to_owned(),
            source,
        })?;
        match entries.next() {
            None => Err(FindError::Empty(self.folder.to_owned())),
            Some(_) => Err(FindError::Nothing {
                folder: self.folder.to_owned(),
                exercise: flat,
            }),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.folder.join(name).is_file()
    }

    /// A small text file of the submission, if it is there.
    fn read(&self, name: &str) -> Result<Option<String>, FindError> {
        let path = self.folder.join(name);
        let error = |source| FindError::Unreadable {
            path: path.clone(),
            source,
        };
        // Never a link's target, and no waiting for a pipe's writer.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = match fs::OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(&path)
        {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(error)?,
        };
        let meta = file.metadata().map_err(error)?;
        if !meta.is_file() || meta.len() > MAX_BYTES {
            let why = format!("not a regular file of at most {MAX_BYTES} bytes");
            return Err(error(io::Error::other(why)));
        }
        let mut text = String::new();
        file.take(MAX_BYTES)
            .read_to_string(&mut text)
            .map_err(error)?;
        Ok(Some(text))
    }

    /// Names, without their ending, of the files with this ending.
    fn file_stems(&self, folder: &str, ending: &str) -> Vec<String> {
        let entries = fs::read_dir(self.folder.join(folder))
            .into_iter()
            .flatten()
            .flatten();
        let files = entries
            .map(|entry| entry.path())
            .filter(|path| path.is_file());
        let mut stems: Vec<String> = files
            .filter(|path| path.extension().is_some_and(|e| e == ending))
            .filter_map(|path| path.file_stem()?.to_str().map(str::to_owned))
            .collect();
        stems.sort();
        stems
    }
}

/// Characters by which a start script is more than a program and its arguments.
const SHELL: &[char] = &['&', '|', ';', '<', '>', '$', '`', '\'', '"', '*', '(', '='];

fn is_executable(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Lines of one table of a TOML file, as key and value; enough for names.
fn table<'a>(text: &'a str, header: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let mut inside = false;
    text.lines().map(str::trim).filter_map(move |line| {
        if line.starts_with('[') {
            inside = line
                .split('#')
                .next()
                .is_some_and(|line| line.trim() == header);
            return None;
        }
        let (key, value) = line.split_once('=').filter(|_| inside)?;
        let value = value.trim();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        Some((key.trim(), value[1..].split(quote).next()?))
    })
}

fn key(text: &str, name: &str) -> Option<String> {
    table(text, "[package]")
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

fn package(text: &str) -> Option<String> {
    key(text, "name")
}

fn default_run(text: &str) -> Option<String> {
    key(text, "default-run")
}

/// Names of `[[bin]]` tables.
fn programs(text: &str) -> Vec<String> {
    table(text, "[[bin]]")
        .filter(|(key, _)| *key == "name")
        .map(|(_, name)| name.to_owned())
        .collect()
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
