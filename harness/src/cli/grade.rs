//! `gradus grade`: from the command line to an order, and from what came of it to an exit code.

use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{Grade, TierArg};
use super::exit::{Exit, Failure, exit_of};
use super::outputs::Wanted;
use super::progress::Progress;
use super::{language, out, packs, signals};
use crate::arena::handle::Cancel;
use crate::evidence::Tier;
use crate::grade::{self, Arenas, Ground, Order, Source, Submission, Watch};
use crate::report::{Build, Report};
use crate::task::{Library, Pack};

/// Where results go unless told otherwise.
const RESULTS: &str = "gradus-results";

/// `gradus grade`.
///
/// # Errors
/// Of usage, before anything was graded. From then on there is a report, and the exit follows from it.
pub fn grade(library: &Library, args: &Grade) -> Result<Exit, Failure> {
    let wanted = Wanted::resolve(&args.outputs)?;
    let pack = packs::find(library, &args.task)?;
    grade::only(&pack.task, &args.only)?;
    let source = source(args)?;
    let language = language::choose(args.lang.as_deref(), language::env);
    let cancel = Arc::new(Cancel::default());
    let struck = signals::guard(cancel.clone());
    let ground = ground(args.tier, args.require_tier)?;
    let order = |submission: Submission| {
        let results = args
            .results
            .clone()
            .unwrap_or_else(|| default_results(&pack, &submission.name));
        Order {
            pack: pack.clone(),
            submission,
            seed: args.seed.unwrap_or_else(fresh_seed),
            only: args.only.clone(),
            tier: ground.tier,
            host: ground.facts.clone(),
            jobs: usize::from(args.jobs),
            results,
            language: language.clone(),
        }
    };
    let submission = match source.find() {
        Ok(submission) => submission,
        Err(error) => {
            // Whoever asked for a report gets one that says what is wrong.
            let name = source.name();
            let order = order(Submission {
                name,
                build: None,
                run: Vec::new(),
                port: None,
            });
            let build = Build {
                command: Vec::new(),
                ok: false,
                output: error.to_string(),
            };
            let report = grade::not_found(&order, build);
            if args.outputs.format.is_empty() && args.outputs.out.is_empty() {
                return Err(Failure::new(Exit::Submission, error));
            }
            out::complain(&error.to_string());
            wanted.write(&report, &language)?;
            return Ok(if args.exit_zero {
                Exit::Passed
            } else {
                Exit::Submission
            });
        }
    };
    let order = order(submission);
    prepare_results(args, &order.results)?;
    let arenas = Arenas::new(&ground, &source, order.submission.port,
        &args.expose,
        &order.results,
        cancel,
        args.keep,
    )
    .map_err(|error| Failure::new(Exit::Fault, error))?;
    let progress = (!args.quiet).then(Progress::default);
    let watch: &dyn Watch = progress
        .as_ref()
        .map_or(&() as &dyn Watch, |progress| progress);
    let graded = grade::grade(&order, &arenas, watch);
    if let Some(progress) = &progress {
        progress.clear();
    }
    if let Some(error) = &graded.store {
        if exit_of(error) == Exit::Usage {
            return Err(Failure::new(Exit::Usage, error));
        }
        out::complain(&error.to_string());
    }
    wanted.write(&graded.report, &language)?;
    if !args.quiet {
        epilogue(args, &order, &graded, &arenas);
    }
    if graded.interrupted {
        return Ok(struck.exit().unwrap_or(Exit::Interrupted));
    }
    Ok(exit(&graded.report, args.exit_zero, graded.store.is_some()))
}

/// The exit that a report stands for; a report that could not be kept is a fault of the host.
fn exit(report: &Report, exit_zero: bool, unkept: bool) -> Exit {
    match Exit::of(report) {
        _ if exit_zero => Exit::Passed,
        _ if unkept => Exit::Fault,
        exit => exit,
    }
}

fn epilogue(args: &Grade, order: &Order, graded: &grade::Graded, arenas: &Arenas) {
    let results = order.results.display();
    if graded.interrupted {
        let done = graded
            .report
            .runs
            .iter()
            .filter(|run| run.ending != grade::NOT_RUN)
            .count();
        let all = graded.report.runs.len();
        out::tell(&format!(
            "interrupted after {done} of {all} runs; everything that was started has been ended"
        ));
    }
    if graded.store.is_none() {
        out::tell(&format!(
            "evidence and report are kept in {results} (seed {})",
            order.seed
        ));
    }
    if args.keep {
        for folder in arenas.kept() {
            out::tell(&format!("working folder kept: {}", folder.display()));
        }
    }
}

fn source(args: &Grade) -> Result<Source, Failure> {
    let command = args.command.iter().map(|word| {
        word.clone().into_string().map_err(|word| {
            Failure::new(
                Exit::Usage,
                format!(
                    "the command has a word that isn't UTF-8: {}",
                    word.display()
                ),
            )
        })
    });
    let command = command.collect::<Result<Vec<String>, Failure>>()?;
    Ok(match (&args.dir, command.is_empty()) {
        (Some(dir), true) => Source::Folder(dir.clone()),
        (None, true) => Source::Folder(PathBuf::from(".")),
        (Some(dir), false) => Source::Command {
            command,
            folder: Some(dir.clone()),
        },
        (None, false) => {
            // Only what the command refers to is copied: nobody's whole home.
            let named = command
                .iter()
                .any(|word| Path::new(word).is_relative() && is_file_here(word));
            Source::Command {
                command,
                folder: named.then(|| PathBuf::from(".")),
            }
        }
    })
}

/// `python3` is no file here unless there really is one: a bare first word is looked up in PATH.
fn is_file_here(word: &str) -> bool {
    Path::new(word).is_file()
}

pub(super) fn ground(tier: Option<TierArg>, required: Option<TierArg>) -> Result<Ground, Failure> {
    Ground::find(tier.map(Tier::from), required.map(Tier::from))
        .map_err(|error| Failure::new(Exit::Fault, error))
}

impl From<TierArg> for Tier {
    fn from(tier: TierArg) -> Tier {
        match tier {
            TierArg::Full => Tier::Full,
            TierArg::Reduced => Tier::Reduced,
            TierArg::Portable => Tier::Portable,
        }
    }
}

/// Short enough to be typed again, and different each time.
pub(super) fn fresh_seed() -> u64 {
    std::hash::RandomState::new().build_hasher().finish() >> 32
}

fn default_results(pack: &Pack, name: &str) -> PathBuf {
    let clean: String = name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') {
                c
            } else {
                '-'
            }
        })
        .take(80)
        .collect();
    let clean = clean.trim_matches(['-', '.']);
    let clean = if clean.is_empty() {
        "submission"
    } else {
        clean
    };
    Path::new(RESULTS).join(format!("{}-{clean}", pack.task.task))
}

/// Results aren't part of anybody's repository; said once, in the folder that we make ourselves.
fn prepare_results(args: &Grade, results: &Path) -> Result<(), Failure> {
    if args.results.is_some() {
        return Ok(());
    }
    let ignore = Path::new(RESULTS).join(".gitignore");
    if results.starts_with(RESULTS) && !ignore.exists() {
        crate::store::write_whole(&ignore, b"*\n")?;
    }
    Ok(())
}
