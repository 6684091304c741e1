//! `gradus new`: something to start from.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::{New, NewFixture, NewKind, NewSubmission, NewTask};
use super::exit::{Exit, Failure};
use super::{out, packs};
use crate::store::write_whole;
use crate::task::Library;
use crate::verify::expect;

const TASK: &str = include_str!("../../scaffold/task.yaml");
const STATEMENTS: [(&str, &str); 2] = [
    ("statement.md", include_str!("../../scaffold/statement.md")),
    (
        "statement.ru.md",
        include_str!("../../scaffold/statement.ru.md"),
    ),
];
const EXPECT: &str = include_str!("../../scaffold/expect.yaml");
const FIXTURE: &str = include_str!("../../scaffold/fixture.py");
const MAIN: &str = include_str!("../../scaffold/main.py");
const MANIFEST: &str = "run: [python3, main.py]\n";

/// The fixtures of a new pack: folder, what it is, workers, what becomes of the last line.
const FIXTURES: [(&str, &str, &str, &str); 5] = [
    ("reference", "The model solution.", "limit", ""),
    ("good/python", "A pool of N threads.", "limit", ""),
    ("bad/sequential", "Fault: one URL after the other.", "1", ""),
    (
        "bad/unlimited",
        "Fault: all URLs at the same time.",
        "len(urls)",
        "",
    ),
    (
        "bad/drops-last",
        "Fault: forgets the last line.",
        "limit",
        "[:-1]",
    ),
];

/// `gradus new`.
///
/// # Errors
/// If there is something already, or it can't be written.
pub fn new(library: &Library, args: &New) -> Result<Exit, Failure> {
    match &args.kind {
        NewKind::Task(args) => task(library, args),
        NewKind::Submission(args) => submission(library, args),
        NewKind::Fixture(args) => fixture(args),
    }
}

fn task(library: &Library, args: &NewTask) -> Result<Exit, Failure> {
    let name = named(&args.name)?;
    let tasks = match library {
        Library::Folder(folder) => folder.clone(),
        Library::Embedded => PathBuf::from("tasks"),
    };
    let (pack, fixtures) = (tasks.join(name), args.fixtures.join(name));
    for folder in [&pack, &fixtures] {
        vacant(folder)?;
    }
    let fill = |text: &str| text.replace("NAME", name);
    put(&pack.join("task.yaml"), &fill(TASK))?;
    for (file, text) in STATEMENTS {
        put(&pack.join(file), &fill(text))?;
    }
    put(&fixtures.join("expect.yaml"), EXPECT)?;
    for (folder, what, workers, last) in FIXTURES {
        let text = FIXTURE
            .replace("WHAT", what)
            .replace("WORKERS", workers)
            .replace("LAST", last);
        put(&fixtures.join(folder).join("main.py"), &text)?;
        put(&fixtures.join(folder).join("submission.yaml"), MANIFEST)?;
    }
    out::tell(&format!(
        "{} and {} are there; next:\n    gradus --tasks {} verify {name} --fixtures {}",
        pack.display(),
        fixtures.display(),
        tasks.display(),
        args.fixtures.display()
    ));
    Ok(Exit::Passed)
}

fn submission(library: &Library, args: &NewSubmission) -> Result<Exit, Failure> {
    let pack = packs::find(library, &args.task)?;
    let name = &pack.task.task;
    let folder = args.dir.clone().unwrap_or_else(|| PathBuf::from(name));
    vacant(&folder)?;
    let usage = pack.task.run.join(" ");
    let text = MAIN.replace("NAME", name).replace("USAGE", &usage);
    put(&folder.join("main.py"), &text)?;
    let manifest = format!(
        "# How it is started. Without placeholders it gets the exercise's own arguments:\n#   {usage}\n\
         # A program that is built first: `build: [make]`. Any language will do.\n{MANIFEST}"
    );
    put(&folder.join("submission.yaml"), &manifest)?;
    out::tell(&format!(
        "{} is there; next:\n    gradus show {name}\n    gradus grade {name} {}",
        folder.display(),
        folder.display()
    ));
    Ok(Exit::Passed)
}

fn fixture(args: &NewFixture) -> Result<Exit, Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let name = named(&args.name)?;
    let top = args.fixtures.join(named(&args.task)?);
    let list = top.join("expect.yaml");
    let text = fs::read_to_string(&list).map_err(|error| {
        usage(format!(
            "{}: {error}\n   help: `gradus new task` makes a pack with its fixtures",
            list.display()
        ))
    })?;
    let known = expect::load(&text, &list.display().to_string())
        .map_err(|error| usage(error.to_string()))?;
    let from = match &args.from {
        Some(from) => from.clone(),
        None => match known.good.keys().next() {
            Some(good) => format!("good/{good}"),
            None => {
                return Err(usage(format!(
                    "{} has no good fixture to copy\n   help: name one with --from",
                    top.display()
                )));
            }
        },
    };
    let source = top.join(&from);
    let needs = match from.split_once('/') {
        Some(("good", one)) => known.good.get(one).map(|fixture| &fixture.needs),
        Some(("bad", one)) => known.bad.get(one).map(|fixture| &fixture.needs),
        _ => None,
    };
    let Some(needs) = needs else {
        return Err(usage(format!(
            "{} has no fixture `{from}`\n   help: name one as in good/NAME",
            list.display()
        )));
    };
    let quoted = |names: &[String]| serde_json::to_string(names).unwrap_or_default();
    let (kind, entry) = if args.loses.is_empty() {
        (
            "good",
            format!(
                "  {name}: {{ purpose: \"A copy of {from}\", needs: {} }}",
                quoted(needs)
            ),
        )
    } else {
        (
            "bad",
            format!(
                "  {name}: {{ fault: \"Say the one fault\", needs: {}, loses: {} }}",
                quoted(needs),
                quoted(&args.loses)
            ),
        )
    };
    let folder = top.join(kind).join(name);
    vacant(&folder)?;
    let changed = listed(&text, kind, &entry);
    expect::load(&changed, &list.display().to_string())
        .map_err(|error| usage(format!("{error}\n   help: add it by hand:\n{entry}")))?;
    copy(&source, &folder)?;
    put(&list, &changed)?;
    out::tell(&format!(
        "{} is there, a copy of {from}, and {} names it; next:\n    gradus verify {} --only {kind}/{name}",
        folder.display(),
        list.display(),
        args.task
    ));
    Ok(Exit::Passed)
}

/// The list with this entry first under its kind.
fn listed(text: &str, kind: &str, entry: &str) -> String {
    let heading = format!("{kind}:");
    let mut out = String::with_capacity(text.len() + entry.len() + 16);
    let mut done = false;
    for line in text.lines() {
        out.push_str(line);
        out.push('\n');
        if !done && line.trim_end() == heading {
            out.push_str(entry);
            out.push('\n');
            done = true;
        }
    }
    if !done {
        out.push_str(&format!("{heading}\n{entry}\n"));
    }
    out
}

/// Regular files only: fixtures have nothing else.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let broken = |path: &Path, error: std::io::Error| {
        Failure::new(Exit::Fault, format!("{}: {error}", path.display()))
    };
    for entry in fs::read_dir(from).map_err(|error| broken(from, error))? {
        let entry = entry.map_err(|error| broken(from, error))?;
        let kind = entry.file_type().map_err(|error| broken(from, error))?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&from, &to)?;
        } else if kind.is_file() {
            let bytes = fs::read(&from).map_err(|error| broken(&from, error))?;
            write_whole(&to, &bytes)?;
            let mode = entry
                .metadata()
                .map_err(|error| broken(&from, error))?
                .permissions();
            fs::set_permissions(&to, mode).map_err(|error| broken(&to, error))?;
        }
    }
    Ok(())
}

fn put(path: &Path, text: &str) -> Result<(), Failure> {
    write_whole(path, text.as_bytes()).map_err(Failure::from)
}

/// A name of ours: lower-case letters, digits and hyphens.
fn named(name: &str) -> Result<&str, Failure> {
    let sound = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if sound {
        return Ok(name);
    }
    Err(Failure::new(
        Exit::Usage,
        format!(
            "`{name}` can't be a name here\n   help: use lower-case letters, digits and hyphens"
        ),
    ))
}

/// Nothing of the user's is overwritten.
fn vacant(folder: &Path) -> Result<(), Failure> {
    let empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if empty {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        format!(
            "{} is there already\n   help: choose another name, or remove it",
            folder.display()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_stands_under_its_kind() {
        let text = "good:\n  a: { purpose: x }\nbad:\n  b: { fault: y, loses: [c] }\n";
        let changed = listed(text, "bad", "  n: { fault: z, loses: [c] }");
        let read = expect::load(&changed, "expect.yaml").expect("valid");
        assert_eq!(read.bad.keys().collect::<Vec<_>>(), ["b", "n"]);
        assert_eq!(read.good.len(), 1);
        let changed = listed("good: {}\n", "bad", "  n: { fault: z, loses: [c] }");
        assert!(expect::load(&changed, "expect.yaml").is_ok());
    }

    #[test]
    fn names_are_plain() {
        for name in ["", "../x", "A", "a b", "-a", "1"] {
            assert!(named(name).is_err(), "{name}");
        }
        assert!(named("disk-writer2").is_ok());
    }
}
