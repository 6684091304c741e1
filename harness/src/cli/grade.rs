//! `gradus grade`: from the command line to an order, and from what came of it to an exit code.

use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{Grade, TierArg};
use super::exit::{Exit, Failure, exit_of};
use super::outputs::Wanted;
use super::pictures::pictures;
use super::progress::Progress;
use super::{language, out, packs, signals};
use crate::arena::handle::Cancel;
use crate::evidence::Tier;
use crate::grade::{
    self, Arenas, Graded, Ground, Order, Ours, PrepareError, Source, Submission, Watch, Wishes,
};
use crate::report::Build;
use crate::store::Results;
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
    let cancel = Arc::new(Cancel::default());
    let struck = signals::guard(cancel.clone());
    let mut order = order(args, pack, &source);
    let arenas = match prepare(library, args, &source, &mut order, cancel) {
        Ok(arenas) => arenas,
        Err(refusal) => return refuse(args, &wanted, &order, refusal),
    };
    let progress = (!args.quiet).then(Progress::default);
    if progress.is_some() {
        arenas
            .notes()
            .iter()
            .for_each(|note| out::tell(&format!("note: {note}")));
    }
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
    wanted.write_with(&graded.report, &order.language, || {
        Results::open(&order.results)
            .map(|(results, _)| pictures(&results, &graded.report))
            .unwrap_or_default()
    })?;
    if !args.quiet {
        epilogue(&order, &graded, &arenas);
    }
    Ok(match Exit::of(&graded.report) {
        _ if graded.interrupted => struck.exit().unwrap_or(Exit::Interrupted),
        _ if args.exit_zero => Exit::Passed,
        // A report that could not be kept is a fault of the host.
        _ if graded.store.is_some() => Exit::Fault,
        exit => exit,
    })
}

/// Why a grading could not begin.
enum Refusal {
    Submission(String),
    Host(String),
}

fn prepare(
    library: &Library,
    args: &Grade,
    source: &Source,
    order: &mut Order,
    cancel: Arc<Cancel>,
) -> Result<Arenas, Refusal> {
    let ours: Ours = source
        .find(&order.pack.task.task)
        .map_err(|error| Refusal::Submission(error.to_string()))?;
    order.submission = ours.submission.clone();
    if args.results.is_none() {
        order.results = default_results(&order.pack, &order.submission.name);
        ignore_results();
    }
    let ground = Ground::find(args.tier.map(Tier::from), args.require_tier.map(Tier::from))
        .map_err(|error| {
            order.tier = error.best;
            Refusal::Host(error.to_string())
        })?;
    order.tier = ground.tier;
    order.host = ground.facts.clone();
    let mut hidden = vec![order.results.clone(), PathBuf::from(RESULTS)];
    if let Library::Folder(folder) = library {
        hidden.push(folder.clone());
    }
    let wishes = Wishes {
        expose: args.expose.clone(),
        hidden,
        keep: args.keep,
    };
    Arenas::new(&ground, &ours, wishes, cancel).map_err(|error| match error {
        PrepareError::Submission(error) => Refusal::Submission(error.to_string()),
        error => Refusal::Host(error.to_string()),
    })
}

/// Whoever asked for a report gets one, whatever went wrong.
fn refuse(args: &Grade, wanted: &Wanted, order: &Order, refusal: Refusal) -> Result<Exit, Failure> {
    let (exit, message, report) = match refusal {
        Refusal::Submission(message) => {
            let build = Build {
                command: Vec::new(),
                ok: false,
                output: message.clone(),
            };
            (
                Exit::Submission,
                message,
                grade::not_begun(order, Some(build), None),
            )
        }
        Refusal::Host(message) => (
            Exit::Fault,
            message.clone(),
            grade::not_begun(order, None, Some(message)),
        ),
    };
    if args.outputs.format.is_empty() && args.outputs.out.is_empty() {
        return Err(Failure::new(exit, message));
    }
    out::complain(&message);
    wanted.write(&report, &order.language)?;
    Ok(if args.exit_zero { Exit::Passed } else { exit })
}

fn epilogue(order: &Order, graded: &Graded, arenas: &Arenas) {
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
    if let Some(folder) = arenas.kept() {
        out::tell(&format!("working folders are kept in {}", folder.display()));
    }
}

/// What is known before the submission and the host were looked at.
fn order(args: &Grade, pack: Pack, source: &Source) -> Order {
    let name = source.name();
    Order {
        results: args
            .results
            .clone()
            .unwrap_or_else(|| default_results(&pack, &name)),
        pack,
        submission: Submission {
            name,
            build: None,
            run: Vec::new(),
            port: None,
        },
        seed: args.seed.unwrap_or_else(fresh_seed),
        only: args.only.clone(),
        tier: Tier::Portable,
        host: Default::default(),
        jobs: usize::from(args.jobs),
        language: language::choose(args.lang.as_deref(), language::env),
    }
}

fn source(args: &Grade) -> Result<Source, Failure> {
    let words = args.command.iter().map(|word| {
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
    let words = words.collect::<Result<Vec<String>, Failure>>()?;
    Ok(match (&args.dir, words.is_empty()) {
        (dir, true) => Source::Folder(dir.clone().unwrap_or_else(|| PathBuf::from("."))),
        (dir, false) => Source::Command {
            words,
            folder: dir.clone(),
        },
    })
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
    let clean = |c: char| {
        if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') {
            c
        } else {
            '-'
        }
    };
    let clean: String = name.chars().map(clean).take(80).collect();
    let clean = clean.trim_matches(['-', '.']);
    let clean = if clean.is_empty() {
        "submission"
    } else {
        clean
    };
    Path::new(RESULTS).join(format!("{}-{clean}", pack.task.task))
}

/// Results aren't part of anybody's repository; said once, in the folder that we make ourselves. If it
/// can't be said, the results can't be written either, and that will be told.
fn ignore_results() {
    let ignore = Path::new(RESULTS).join(".gitignore");
    if !ignore.exists() {
        let _ = crate::store::write_whole(&ignore, b"*\n");
    }
}
