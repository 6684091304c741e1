//! `gradus rescore` and `gradus report --merge` for the results of a class.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anstyle::Style;
use clap::Args;

use super::args::{Rescore, WhichPack};
use super::exit::{Exit, Failure};
use super::{class as class_cli, out};
use crate::class::book::Book;
use crate::class::merge::{MergeError, merge as merge_shards};
use crate::class::rescore::{Change, Rules, rescore as rescore_class};
use crate::class::{ClassFolder, gradebook};
use crate::grade;
use crate::report::clean::clean_line;
use crate::task::{Library, Pack, PackError, pack};

const STRONG: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// What `rescore` takes for a class alone.
#[derive(Debug, Args)]
pub struct OfClass {
    /// Of a class: show each grade that would change and why, and change nothing
    #[arg(long)]
    pub preview: bool,
    /// Of a class: judge all evidence anew, also where only points have changed
    #[arg(long)]
    pub full: bool,
    /// Of a class: use this roster from now on
    #[arg(long, value_name = "CSV")]
    pub roster: Option<PathBuf>,
    /// Of a class: use this policy from now on
    #[arg(long, value_name = "YAML")]
    pub policy: Option<PathBuf>,
    /// Of a class: results judged at the same time [default: the number of processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: Option<u16>,
}

/// For a single result these options mean nothing.
///
/// # Errors
/// Of usage, if one was given.
pub fn refuse_single(options: &OfClass) -> Result<(), Failure> {
    let given = options.preview || options.roster.is_some() || options.policy.is_some();
    if given {
        let message = "--preview, --roster and --policy are for the results of a class\n   help: name the folder that `gradus class` wrote";
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(())
}

/// `gradus rescore` of a class.
///
/// # Errors
/// If there is no pack to judge by, or results can't be read or written.
pub fn rescore(library: &Library, args: &Rescore) -> Result<Exit, Failure> {
    if !args.outputs.format.is_empty() || !args.outputs.out.is_empty() {
        let mend = "`gradus gradebook` prints a class in all its formats";
        return Err(Failure::new(
            Exit::Usage,
            format!("--format and --out are for single results\n   help: {mend}"),
        ));
    }
    let (folder, mut class) = ClassFolder::open(&args.results)?;
    let mut packs: Vec<Pack> = Vec::new();
    for task in &class.tasks {
        let stored = || pack::open_as(&folder.pack_place(&task.pack), &task.task);
        let found = match args.pack {
            WhichPack::Stored => stored()?,
            WhichPack::Current => match library.find(&task.task) {
                Err(PackError::Unknown { .. }) => {
                    out::tell(&format!(
                        "there is no pack of {} here: judged by the stored one",
                        task.task
                    ));
                    stored()?
                }
                found => found?,
            },
        };
        grade::only(&found.task, &class.only)?;
        packs.push(found);
    }
    let names: Vec<String> = class.tasks.iter().map(|task| task.task.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let of_class = &args.of_class;
    let rules = Rules {
        packs: &packs,
        roster: of_class
            .roster
            .as_deref()
            .map(class_cli::roster)
            .transpose()?,
        policy: of_class
            .policy
            .as_deref()
            .map(|path| class_cli::policy(path, &names))
            .transpose()?,
        full: of_class.full,
        jobs: of_class
            .jobs
            .map_or_else(class_cli::processors, usize::from),
    };
    let done = rescore_class(&folder, &mut class, &rules, !of_class.preview)?;
    out::print(&shown(&done.changes))?;
    let word = if of_class.preview {
        "would change"
    } else {
        "changed"
    };
    out::tell(&format!(
        "{} grades {word}; {} results, {} of them judged from their evidence",
        done.changes.len(),
        done.results,
        done.judged
    ));
    if !of_class.preview {
        class_cli::write_all(&folder, &done.after, &class.language)?;
    }
    Ok(Exit::Passed)
}

fn shown(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        let name = clean_line(&change.name, 60);
        let what = change.task.as_deref().unwrap_or("total");
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "{STRONG}{name}{STRONG:#} {what}: {} -> {}",
            change.before, change.after
        );
        for why in &change.why {
            let _ = writeln!(text, "    {FAINT}{}{FAINT:#}", clean_line(why, 200));
        }
    }
    text
}

/// `gradus report --merge`.
///
/// # Errors
/// If the folders are no parts of one class, or parts are missing.
pub fn merge(sources: &[PathBuf], into: &Path, partial: bool) -> Result<Exit, Failure> {
    let merged = merge_shards(sources, into, partial)?;
    let (folder, class) = ClassFolder::open(into)?;
    let book = Book::of(&folder, &class)?;
    class_cli::write_all(&folder, &book, &class.language)?;
    out::print(&gradebook::terminal(&book))?;
    out::tell(&format!(
        "{} results are merged in {}",
        merged.results,
        into.display()
    ));
    if !merged.missing.is_empty() {
        let missing: Vec<String> = merged.missing.iter().map(u32::to_string).collect();
        out::tell(&format!("shards that are missing: {}", missing.join(", ")));
    }
    Ok(class_cli::exit_of(&book))
}

impl From<MergeError> for Failure {
    fn from(error: MergeError) -> Failure {
        match error {
            MergeError::Class(error) => error.into(),
            MergeError::Copy { .. } => Failure::new(Exit::Fault, error),
            // Parts that are missing may still come: nothing is decided.
            MergeError::Missing { .. } | MergeError::Unfinished { .. } => {
                Failure::new(Exit::Inconclusive, error)
            }
            error @ MergeError::Mismatch { .. } => Failure::new(Exit::Usage, error),
        }
    }
}
