//! Which pack a TASK argument means; `tasks` and `show`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anstyle::Style;

use super::args::{Show, Tasks};
use super::exit::{Exit, Failure};
use super::{language, markdown, out};
use crate::task::{Library, Pack, PackError, Visibility, pack};

const STRONG: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// Where packs are looked up: `--tasks`, then `GRADUS_TASKS`, then the ones in the binary.
pub fn library(asked: Option<&Path>) -> Library {
    let from_env = || {
        std::env::var_os("GRADUS_TASKS")
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    asked
        .map(Path::to_owned)
        .or_else(from_env)
        .map_or(Library::Embedded, Library::Folder)
}

/// The pack that an argument names: a path if it looks like one, else a name.
///
/// # Errors
/// If there is none, or it is wrong.
pub fn find(library: &Library, task: &str) -> Result<Pack, PackError> {
    let path = Path::new(task);
    if task.contains('/') || task == "." || task == ".." {
        return pack::open(path);
    }
    match library.find(task) {
        Err(PackError::Unknown { .. }) if path.join("task.yaml").is_file() => pack::open(path),
        found => found,
    }
}

/// `gradus tasks`.
///
/// # Errors
/// If a pack is wrong.
pub fn tasks(library: &Library, args: &Tasks) -> Result<Exit, Failure> {
    let language = language::choose(args.lang.as_deref(), language::env);
    let packs = library.path()?;
    if args.json {
        let list: Vec<serde_json::Value> = packs.iter().map(in_json).collect();
        let text = serde_json::to_string_pretty(&list).unwrap_or_default();
        out::print(&(text + "\n"))?;
        return Ok(Exit::Passed);
    }
    let widest = packs
        .iter()
        .map(|pack| pack.task.task.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (i, pack) in packs.iter().enumerate() {
        let task = &pack.task;
        let teaches = language::text(&task.teaches, &language);
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "{:>3}  {STRONG}{:widest$}{STRONG:#}  {teaches}",
            i + 1,
            task.task
        );
        if !task.after.is_empty() {
            let _ = writeln!(
                text,
                "     {:widest$}  {FAINT}{} {}{FAINT:#}",
                "",
                pick(&language, "after", "после"),
                task.after.join(", ")
            );
        }
    }
    let _ = writeln!(
        text,
        "\n{}",
        pick(
            &language,
            "`gradus show EXERCISE` shows one, `gradus grade EXERCISE DIR` grades a submission.",
            "`gradus show EXERCISE` показывает условие, `gradus grade EXERCISE DIR` оценивает решение.",
        )
    );
    out::print(&text)?;
    Ok(Exit::Passed)
}

/// The few words around an exercise, in Russian or else in English.
fn pick<'w>(language: &str, english: &'w str, russian: &'w str) -> &'w str {
    if language == "ru" { russian } else { english }
}

fn in_json(pack: &Pack) -> serde_json::Value {
    let task = &pack.task;
    serde_json::json!({
        "task": task.task,
        "title": task.title,
        "teaches": task.teaches,
        "after": task.after,
        "kind": task.kind,
        "languages": pack.statements.keys().collect::<Vec<_>>(),
        "points": points(pack),
        "digest": pack.digest,
    })
}

fn points(pack: &Pack) -> f64 {
    pack.task
        .scenarios
        .iter()
        .flat_map(|s| &s.checks)
        .map(|c| c.points)
        .sum()
}

/// `gradus show`.
///
/// # Errors
/// If there is no such pack. A statement that isn't there in that language is shown in English.
pub fn show(library: &Library, args: &Show) -> Result<Exit, Failure> {
    let pack = find(library, &args.task)?;
    let chosen = language::choose(args.lang.as_deref(), language::env);
    let statement = match pack.statements.get(&chosen) {
        Some(statement) => statement,
        None if args.lang.is_some() => {
            let known: Vec<&str> = pack.statements.keys().map(String::as_str).collect();
            out::tell(&format!(
                "{} has no statement in `{chosen}` (there are: {}): this is the English one",
                pack.task.task,
                known.join(", ")
            ));
            pack.statements.get("en").map_or("", String::as_str)
        }
        None => pack.statements.get("en").map_or("", String::as_str),
    };
    let mut text = markdown::render(statement, out::width());
    let _ = writeln!(
        text,
        "\n{STRONG}gradus grade {} DIR{STRONG:#} {} ({} {}):",
        pack.task.task,
        pick(&chosen, "checks", "проверяет"),
        points(&pack),
        pick(&chosen, "points", "баллов"),
    );
    let mut hidden = 0;
    for check in pack.task.scenarios.iter().flat_map(|s| &s.checks) {
        if check.visibility == Visibility::Visible {
            let title = language::text(&check.title, &chosen);
            let _ = writeln!(
                text,
                "{:>5}  {title} {FAINT}({}){FAINT:#}",
                check.points, check.check
            );
        } else {
            hidden += 1;
        }
    }
    if hidden > 0 {
        let _ = writeln!(
            text,
            "       {}",
            pick(
                &chosen,
                &format!("and {hidden} that are shown later"),
                &format!("и ещё {hidden}, которые станут видны позже"),
            )
        );
    }
    out::print(&text)?;
    Ok(Exit::Passed)
}
