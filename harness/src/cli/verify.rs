//! `gradus verify`: every fixture of a task graded, and compared with what it should lose.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{FormatArg, Verify};
use super::exit::{Exit, Failure};
use super::grade::fresh_seed;
use super::outputs::Wanted;
use super::{out, packs, signals};
use crate::arena::handle::Cancel;
use crate::check::Outcome;
use crate::evidence::Tier;
use crate::grade::{self, Arenas, Ground, Order, Source, Wishes};
use crate::report::Report;
use crate::submission::Scratch;
use crate::task::{Library, Pack};
use crate::verify::stress::Stress;
use crate::verify::{
    Expectations, Grader, Kind, Matrix, Options, Progress, Subject, expect, render, run,
};

/// `gradus verify`.
///
/// # Errors
/// Of usage: a wrong pack, or fixtures that aren't there.
pub fn verify(library: &Library, args: &Verify) -> Result<Exit, Failure> {
    let wanted = Wanted::resolve(&args.outputs)?;
    if !wanted.all_among(&MATRIX) {
        return Err(Failure::new(Exit::Usage, NO_MATRIX.to_owned()));
    }
    let tasks = tasks(library, args)?;
    let cancel = Arc::new(Cancel::default());
    let struck = signals::guard(cancel.clone());
    let host = |error: &dyn std::fmt::Display| Failure::new(Exit::Fault, error);
    let ground = Ground::find(args.tier.map(Tier::from), None).map_err(|error| host(&error))?;
    let scratch = Scratch::new()
        .map_err(|error| host(&format!("no temporary folder can be made: {error}")))?;
    let stress = args.stress.then(Stress::all_cores).transpose();
    let stress = stress.map_err(|error| host(&format!("the load can't be started: {error}")))?;
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let options = Options {
        repeat: u32::from(args.repeat),
        stress: args.stress,
        only: (!args.only.is_empty()).then(|| args.only.clone()),
    };
    let mut matrices = Vec::new();
    let mut faulted = false;
    for (pack, expectations, fixtures) in tasks {
        let mut grader = Ours {
            pack: &pack,
            ground: &ground,
            cancel: cancel.clone(),
            jobs: usize::from(args.jobs),
            seed,
            top: args
                .results
                .clone()
                .unwrap_or_else(|| scratch.path().to_owned())
                .join(&pack.task.task),
            keep: args.results.is_some(),
            hidden: hidden(library, &args.fixtures),
            faulted: false,
        };
        let mut watch = |progress: Progress| {
            if !args.quiet {
                tell(&pack.task.task, &progress);
            }
        };
        let reference = reference(&pack.task.task, &fixtures);
        matrices.push(run(
            &pack.task,
            &expectations,
            &fixtures,
            reference,
            &options,
            &mut grader,
            &mut watch,
        ));
        faulted |= grader.faulted;
        if cancel.is_cancelled() {
            break;
        }
    }
    drop(stress);
    wanted.each(|format| render(&matrices, format))?;
    if !args.quiet {
        out::tell(&format!(
            "seed {seed}, tier {}",
            crate::report::audience::tier_name(ground.tier)
        ));
    }
    Ok(match struck.exit() {
        Some(exit) => exit,
        None if faulted => Exit::Fault,
        None if matrices.iter().all(Matrix::holds) => Exit::Passed,
        None => Exit::Lost,
    })
}

type Task = (Pack, Expectations, PathBuf);

fn tasks(library: &Library, args: &Verify) -> Result<Vec<Task>, Failure> {
    let expectations = |name: &str| args.fixtures.join(name).join("expect.yaml");
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let names = if args.task.is_empty() {
        library
            .names()?
            .into_iter()
            .filter(|name| expectations(name).is_file())
            .collect()
    } else {
        args.task.clone()
    };
    if names.is_empty() {
        let folder = args.fixtures.display();
        let mend =
            "name the folder with --fixtures; it has TASK/expect.yaml, TASK/good/… and TASK/bad/…";
        return Err(usage(format!(
            "{folder} has no fixtures of any exercise\n   help: {mend}"
        )));
    }
    let mut tasks = Vec::new();
    for name in names {
        let pack = packs::find(library, &name)?;
        let path = expectations(&pack.task.task);
        let shown = path.display().to_string();
        let text = fs::read_to_string(&path).map_err(|error| {
            usage(format!(
                "{shown} can't be read: {error}\n   help: it says what each fixture should lose"
            ))
        })?;
        let expectations = expect::load(&text, &shown).map_err(|error| usage(error.to_string()))?;
        let known: Vec<String> = labels(&expectations);
        if let Some(name) = args.only.iter().find(|name| !known.contains(name)) {
            let near = crate::task::near::nearest(name, known.iter().map(String::as_str));
            let near = near
                .map(|near| format!("\n   help: did you mean `{near}`?"))
                .unwrap_or_default();
            return Err(usage(format!(
                "{} has no fixture `{name}`{near}",
                pack.task.task
            )));
        }
        let folder = args.fixtures.join(&pack.task.task);
        tasks.push((pack, expectations, folder));
    }
    Ok(tasks)
}

fn labels(expectations: &Expectations) -> Vec<String> {
    let good = expectations
        .good
        .keys()
        .flat_map(|name| [name.clone(), format!("good/{name}")]);
    let bad = expectations
        .bad
        .keys()
        .flat_map(|name| [name.clone(), format!("bad/{name}")]);
    good.chain(bad).chain(["reference".to_owned()]).collect()
}

/// Reference solutions lie beside gradus, named as their exercises; one of a pack of one's own is the
/// folder `reference` of its fixtures.
fn reference(task: &str, fixtures: &Path) -> Option<PathBuf> {
    let folder = fixtures.join("reference");
    if folder.is_dir() {
        return Some(folder);
    }
    let program = std::env::current_exe().ok()?.parent()?.join(task);
    program.is_file().then_some(program)
}

fn hidden(library: &Library, fixtures: &Path) -> Vec<PathBuf> {
    let packs = match library {
        Library::Folder(folder) => Some(folder.clone()),
        Library::Embedded => None,
    };
    packs.into_iter().chain([fixtures.to_owned()]).collect()
}

fn tell(task: &str, progress: &Progress) {
    match progress {
        Progress::Skipped { subject, missing } => {
            out::tell(&format!("{task} {subject}: skipped, needs {missing}"))
        }
        Progress::Grading { .. } => {}
        Progress::Graded {
            subject,
            result: Err(why),
        } => out::tell(&format!("{task} {subject}: not graded: {why}")),
        Progress::Graded {
            subject,
            result: Ok(report),
        } => {
            let lost: Vec<&str> = report
                .findings
                .iter()
                .filter(|f| f.outcome != Outcome::Pass)
                .map(|f| f.check.as_str())
                .collect();
            let lost = if lost.is_empty() {
                "nothing lost".to_owned()
            } else {
                format!("not passed: {}", lost.join(", "))
            };
            out::tell(&format!("{task} {subject}: {lost}"));
        }
    }
}

/// Formats that a matrix has.
const MATRIX: [FormatArg; 4] = [
    FormatArg::Terminal,
    FormatArg::Json,
    FormatArg::Junit,
    FormatArg::Markdown,
];
const NO_MATRIX: &str =
    "a matrix has no such format\n   help: use terminal, json, junit or markdown";

fn render(matrices: &[Matrix], format: FormatArg) -> Result<String, Failure> {
    let broken = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Fault, format!("the matrix can't be made: {error}"))
    };
    match format {
        FormatArg::Terminal => Ok(matrices
            .iter()
            .map(|matrix| render::terminal(matrix, true))
            .collect::<Vec<_>>()
            .join("\n")),
        FormatArg::Json => render::json(matrices).map_err(|error| broken(&error)),
        FormatArg::Junit => render::junit(matrices).map_err(|error| broken(&error)),
        FormatArg::Markdown => Ok(matrices
            .iter()
            .map(render::markdown)
            .collect::<Vec<_>>()
            .join("\n")),
        _ => Err(Failure::new(Exit::Usage, NO_MATRIX.to_owned())),
    }
}

/// Grades fixtures as `gradus grade` grades submissions.
struct Ours<'a> {
    pack: &'a Pack,
    ground: &'a Ground,
    cancel: Arc<Cancel>,
    jobs: usize,
    seed: u64,
    /// Where results go.
    top: PathBuf,
    keep: bool,
    hidden: Vec<PathBuf>,
    /// The harness or the host failed at least once.
    faulted: bool,
}

impl Grader for Ours<'_> {
    fn grade(&mut self, subject: &Subject, repeat: u32) -> Result<Report, String> {
        let graded = self.one(subject, repeat);
        self.faulted |= graded
            .as_ref()
            .map_or(true, |report| report.outcome == Outcome::HarnessFault);
        graded
    }

    fn stopped(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

impl Ours<'_> {
    fn one(&self, subject: &Subject, repeat: u32) -> Result<Report, String> {
        let source = match subject.kind {
            Kind::Reference if !subject.path.is_dir() => Source::Command {
                words: vec![subject.path.display().to_string()],
                folder: None,
            },
            _ => Source::Folder(subject.path.clone()),
        };
        let ours = source
            .find(&self.pack.task.task)
            .map_err(|error| error.to_string())?;
        let wishes = Wishes {
            hidden: self.hidden.clone(),
            ..Wishes::default()
        };
        let arenas = Arenas::new(self.ground, &ours, wishes, self.cancel.clone())
            .map_err(|error| error.to_string())?;
        let kind = match subject.kind {
            Kind::Reference => "reference",
            Kind::Good => "good",
            Kind::Bad => "bad",
        };
        let results = self
            .top
            .join(format!("{kind}-{}-{}", subject.name, repeat + 1));
        let order = Order {
            pack: self.pack.clone(),
            submission: ours.submission.clone(),
            // Each repetition meets a world of its own.
            seed: self.seed.wrapping_add(u64::from(repeat)),
            only: Vec::new(),
            tier: self.ground.tier,
            host: self.ground.facts.clone(),
            jobs: self.jobs,
            results: results.clone(),
            language: "en".to_owned(),
        };
        let graded = grade::grade(&order, &arenas, &());
        if !self.keep {
            // The scratch folder goes as a whole in the end.
            let _ = fs::remove_dir_all(&results);
        }
        if graded.interrupted {
            Err("interrupted".to_owned())
        } else {
            Ok(graded.report)
        }
    }
}
