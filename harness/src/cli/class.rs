//! `gradus class` and `gradus gradebook`: many submissions, and what comes of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::args::TierArg;
use super::exit::{Exit, Failure};
use super::grade::fresh_seed;
use super::pictures::pictures;
use super::{language, out, packs, signals};
use crate::arena::handle::Cancel;
use crate::class::book::{Book, Standing};
use crate::class::folder::{self, ClassTask};
use crate::class::listing::{self, ListError};
use crate::class::work::{News, Options, grade as grade_class};
use crate::class::{
    Class, ClassError, ClassFolder, ClassGrader, Listing, Policy, Roster, SeedPolicy, Shard,
    Status, gradebook, shard,
};
use crate::evidence::Tier;
use crate::grade::{self, Ground};
use crate::report::{self, Audience, Report};
use crate::store::{Results, write_whole};
use crate::task::{Library, Pack};

#[derive(Debug, Args)]
#[command(after_help = "\
DIR has a folder or an archive (.zip, .tar, .tar.gz) for each submission; with several tasks, each may have a folder for \
each task. The command can be ended at any moment and given again: it goes on where it was, and grades nothing twice that \
hasn't changed. What can't be decided is tried again.\n\n\
The results have gradebook.html, gradebook.csv, gradebook.json, canvas.csv and moodle.csv in them. Grades that aren't final \
are never zeros there: they are blank.\n\n\
The shard is taken from the variables of Kubernetes, Slurm, GitLab, CircleCI, Buildkite and Bitbucket where they are set \
(GRADUS_SHARDS gives or overrides the number of shards).")]
pub struct ClassArgs {
    /// Folder with the submissions
    pub dir: PathBuf,
    /// Name of an exercise, or the folder of a task pack; may be given several times
    #[arg(
        long,
        short,
        required = true,
        value_name = "TASK",
        value_delimiter = ','
    )]
    pub task: Vec<String>,
    /// CSV with columns such as submission, name, id, email, late_days
    #[arg(long, value_name = "CSV")]
    pub roster: Option<PathBuf>,
    /// YAML with late penalties, which of several submissions counts, tasks that are dropped
    #[arg(long, value_name = "YAML")]
    pub policy: Option<PathBuf>,
    /// Where results are kept [default: gradus-results/class-DIR]
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// Submissions graded at the same time [default: the number of processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: Option<u16>,
    /// Further tries where something could not be decided
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10))]
    pub retries: u32,
    /// Grade everything again
    #[arg(long)]
    pub again: bool,
    /// Seed of everything random [default: a fresh one, kept with the results]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Whether all submissions meet the same world
    #[arg(long, value_enum)]
    pub seeds: Option<SeedsArg>,
    /// Only these checks, or all those of these scenarios
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Grade one part of several: i/n, or `off` to heed no variables
    #[arg(long, value_name = "I/N")]
    pub shard: Option<String>,
    /// Use this tier [default: the strongest that the host gives]
    #[arg(long, value_enum)]
    pub tier: Option<TierArg>,
    /// Refuse to grade on a weaker tier than this
    #[arg(long, value_enum)]
    pub require_tier: Option<TierArg>,
    /// Further folders that submissions may read (a toolchain in an unusual place)
    #[arg(long, value_name = "DIR")]
    pub expose: Vec<PathBuf>,
    /// Make no page with pictures for each result
    #[arg(long)]
    pub no_pages: bool,
    /// Exit with 0 whenever there is a gradebook
    #[arg(long)]
    pub exit_zero: bool,
    /// Language of the reports, like `en` or `ru` [default: from LANG, else en]
    #[arg(long, value_name = "CODE")]
    pub lang: Option<String>,
    /// Say nothing while grading
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct GradebookArgs {
    /// Folder that `gradus class` wrote
    pub results: PathBuf,
    /// Format of the gradebook
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = BookFormat::Terminal)]
    pub format: BookFormat,
    /// Write it to this file (`-`: standard output)
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Language, like `en` or `ru` [default: that of the class]
    #[arg(long, value_name = "CODE")]
    pub lang: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BookFormat {
    /// Numbers for each task, and whoever has no final grade
    Terminal,
    /// Everything, for programs
    Json,
    /// Rows for spreadsheets
    Csv,
    /// Canvas' gradebook import
    Canvas,
    /// Moodle's grade import
    Moodle,
    /// One page: students and checks, to sort and filter
    Html,
}

/// Files with the gradebook that a class's results have.
const FILES: [(BookFormat, &str); 5] = [
    (BookFormat::Html, "gradebook.html"),
    (BookFormat::Csv, "gradebook.csv"),
    (BookFormat::Json, "gradebook.json"),
    (BookFormat::Canvas, "canvas.csv"),
    (BookFormat::Moodle, "moodle.csv"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SeedsArg {
    /// The same for all
    Same,
    /// One of its own for each submission
    Each,
}

/// `gradus class`.
///
/// # Errors
/// Of usage, before anything was graded; later if results can't be kept.
pub fn class(library: &Library, args: &ClassArgs) -> Result<Exit, Failure> {
    let found = found_packs(library, args)?;
    let shard = shard_of(args)?;
    let root = args
        .results
        .clone()
        .unwrap_or_else(|| default_results(&args.dir));
    let listing = listing::list(&args.dir, std::slice::from_ref(&root)).map_err(usage)?;
    let (folder, known) = ClassFolder::claim(&root)?;
    let given = Given::read(args, &found)?;
    let class = describe(args, &found, &listing, shard, known.as_ref(), &given);
    folder.describe(&class, given.roster.as_deref(), given.policy.as_deref())?;
    for pack in &found {
        folder.keep_pack(pack)?;
    }
    let cancel = Arc::new(Cancel::default());
    let struck = signals::guard(cancel.clone());
    let ground = Ground::find(args.tier.map(Tier::from), args.require_tier.map(Tier::from))
        .map_err(|error| Failure::new(Exit::Fault, error))?;
    let mut hidden = vec![root.clone()];
    if let Library::Folder(folder) = library {
        hidden.push(folder.clone());
    }
    let marker = ClassGrader {
        ground,
        cancel,
        expose: args.expose.clone(),
        hidden,
        only: args.only.clone(),
        language: class.language.clone(),
        tasks: class.tasks.iter().map(|task| task.task.clone()).collect(),
        finish: (!args.no_pages).then_some(page as fn(&Path, &Report)),
    };
    let mine: Vec<_> = listing
        .submissions
        .iter()
        .enumerate()
        .filter(|(place, _)| shard.has(*place))
        .map(|(_, submission)| submission.clone())
        .collect();
    if !args.quiet {
        for name in &listing.skipped {
            out::tell(&format!(
                "note: {name} is neither a folder nor an archive: left out"
            ));
        }
        if shard.total > 1 {
            out::tell(&format!(
                "shard {shard}: {} of {} submissions",
                mine.len(),
                listing.submissions.len()
            ));
        }
    }
    let options = Options {
        jobs: args.jobs.map_or_else(processors, usize::from),
        retries: args.retries,
        again: args.again,
    };
    let watch = |news: News<'_>| {
        if !args.quiet {
            tell(&news);
        }
    };
    let summary = grade_class(&folder, &class, &mine, &found, options, &marker, &watch);
    if let Some(error) = summary.broken {
        return Err(error.into());
    }
    if summary.stopped {
        let mend = "give the same command again to go on";
        out::tell(&format!(
            "interrupted after {} gradings; {mend}",
            summary.graded
        ));
        return Ok(struck.exit().unwrap_or(Exit::Interrupted));
    }
    let book = Book::of(&folder, &class)?;
    write_all(&folder, &book, &class.language)?;
    out::print(&gradebook::terminal(&book))?;
    if !args.quiet {
        out::tell(&format!(
            "gradebooks and reports are kept in {}",
            root.display()
        ));
    }
    Ok(if args.exit_zero {
        Exit::Passed
    } else {
        exit_of(&book)
    })
}

/// `gradus gradebook`.
///
/// # Errors
/// If there are no results, or it can't be written.
pub fn book(args: &GradebookArgs) -> Result<Exit, Failure> {
    let (folder, class) = ClassFolder::open(&args.results)?;
    let book = Book::of(&folder, &class)?;
    let language = args.lang.as_ref().unwrap_or(&class.language);
    let text = render(&book, args.format, language)?;
    match args.out.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => {
            let plain = anstream::adapter::strip_str(&text).to_string();
            let text = if args.format == BookFormat::Terminal {
                plain
            } else {
                text
            };
            write_whole(path, text.as_bytes())?;
        }
        None if args.format == BookFormat::Terminal => out::print(&text)?,
        None => out::print_bytes(text.as_bytes())?,
    }
    Ok(Exit::Passed)
}

/// Writes all gradebooks beside the results.
///
/// # Errors
/// If one can't be written.
pub(super) fn write_all(folder: &ClassFolder, book: &Book, language: &str) -> Result<(), Failure> {
    for (format, name) in FILES {
        let text = render(book, format, language)?;
        write_whole(&folder.root().join(name), text.as_bytes())?;
    }
    Ok(())
}

fn render(book: &Book, format: BookFormat, language: &str) -> Result<String, Failure> {
    Ok(match format {
        BookFormat::Terminal => gradebook::terminal(book),
        BookFormat::Json => gradebook::json(book).map_err(|error| {
            Failure::new(Exit::Fault, format!("the gradebook can't be made: {error}"))
        })?,
        BookFormat::Csv => gradebook::plain(book),
        BookFormat::Canvas => gradebook::canvas(book),
        BookFormat::Moodle => gradebook::moodle(book),
        BookFormat::Html => gradebook::html(book, language),
    })
}

/// A page with pictures, for the gradebook's links. What can't be made is no reason not to grade.
fn page(into: &Path, report: &Report) {
    let Ok((results, grading)) = Results::open(into) else {
        return;
    };
    let text = report::html(
        report,
        &pictures(&results, report),
        &grading.language,
        Audience::Teacher,
    );
    let _ = write_whole(&into.join("report.html"), text.as_bytes());
}

fn found_packs(library: &Library, args: &ClassArgs) -> Result<Vec<Arc<Pack>>, Failure> {
    let mut found: Vec<Arc<Pack>> = Vec::new();
    for task in &args.task {
        let pack = packs::find(library, task)?;
        if found.iter().any(|known| known.task.task == pack.task.task) {
            return Err(usage(format!("task `{task}` is named twice")));
        }
        found.push(Arc::new(pack));
    }
    if let [only] = &found[..] {
        grade::only(&only.task, &args.only)?;
    } else if !args.only.is_empty() {
        return Err(usage(
            "--only needs a single --task\n   help: checks of several tasks can't be told apart by name",
        ));
    }
    Ok(found)
}

fn shard_of(args: &ClassArgs) -> Result<Shard, Failure> {
    match args.shard.as_deref() {
        Some("off") => Ok(Shard::WHOLE),
        Some(text) => text.parse().map_err(usage),
        None => Ok(shard::detect(&language::env)
            .map_err(usage)?
            .unwrap_or(Shard::WHOLE)),
    }
}

/// Roster and policy as they were given now, looked at before anything is graded.
struct Given {
    roster: Option<Vec<u8>>,
    policy: Option<Vec<u8>>,
}

impl Given {
    fn read(args: &ClassArgs, packs: &[Arc<Pack>]) -> Result<Given, Failure> {
        let tasks: Vec<&str> = packs.iter().map(|pack| pack.task.task.as_str()).collect();
        Ok(Given {
            roster: args
                .roster
                .as_deref()
                .map(|path| roster(path).map(|(bytes, _)| bytes))
                .transpose()?,
            policy: args
                .policy
                .as_deref()
                .map(|path| policy(path, &tasks).map(|(bytes, _)| bytes))
                .transpose()?,
        })
    }
}

/// Reads a roster.
///
/// # Errors
/// Of usage, with the place of what is wrong.
pub(super) fn roster(path: &Path) -> Result<(Vec<u8>, Roster), Failure> {
    let bytes = read(path)?;
    let roster = Roster::read(&bytes, &path.display().to_string()).map_err(usage)?;
    Ok((bytes, roster))
}

/// Reads a policy for these tasks.
///
/// # Errors
/// Of usage, with the place of what is wrong.
pub(super) fn policy(path: &Path, tasks: &[&str]) -> Result<(Vec<u8>, Policy), Failure> {
    let bytes = read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let policy = Policy::read(&text, &path.display().to_string(), tasks).map_err(usage)?;
    Ok((bytes, policy))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        usage(format!(
            "{}: {error}\n   help: check the path",
            path.display()
        ))
    })
}

/// What the folder has said before stays, unless it is said anew.
fn describe(
    args: &ClassArgs,
    packs: &[Arc<Pack>],
    listing: &Listing,
    shard: Shard,
    known: Option<&Class>,
    given: &Given,
) -> Class {
    let mut tasks: Vec<ClassTask> = known.map(|class| class.tasks.clone()).unwrap_or_default();
    for pack in packs {
        let (task, digest) = (&pack.task.task, pack.digest.clone());
        match tasks.iter_mut().find(|known| known.task == *task) {
            Some(known) => known.pack = digest,
            None => tasks.push(ClassTask {
                task: task.clone(),
                pack: digest,
            }),
        }
    }
    let submissions: Vec<String> = listing.submissions.iter().map(|s| s.name.clone()).collect();
    let seed = args
        .seed
        .or(known.map(|class| class.seed))
        .unwrap_or_else(|| {
            if shard.total == 1 {
                return fresh_seed();
            }
            // Shards can't ask each other: what all of them see gives it.
            let digests = tasks.iter().map(|task| task.pack.as_str());
            let all: Vec<&str> = digests
                .chain(submissions.iter().map(String::as_str))
                .collect();
            folder::seed_from(&all)
        });
    let seeds = match args.seeds {
        Some(SeedsArg::Same) => SeedPolicy::Same,
        Some(SeedsArg::Each) => SeedPolicy::Each,
        None => known.map(|class| class.seeds).unwrap_or_default(),
    };
    let digest = |given: &Option<Vec<u8>>, known: Option<&String>| match given {
        Some(bytes) => folder::digest_of(bytes),
        None => known.cloned().unwrap_or_default(),
    };
    Class {
        gradus_class: folder::FORMAT,
        gradus: env!("CARGO_PKG_VERSION").to_owned(),
        name: class_name(&args.dir),
        tasks,
        seed,
        seeds,
        only: args.only.clone(),
        language: language::choose(args.lang.as_deref(), language::env),
        submissions,
        roster: digest(&given.roster, known.map(|class| &class.roster)),
        policy: digest(&given.policy, known.map(|class| &class.policy)),
        shards: shard.total,
        present: vec![shard.index],
    }
}

fn class_name(dir: &Path) -> String {
    let real = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    real.file_name().map_or_else(
        || "class".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn default_results(dir: &Path) -> PathBuf {
    Path::new("gradus-results").join(format!("class-{}", listing::folder_name(&class_name(dir))))
}

pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A class is graded when every grade is final, whatever points were lost.
pub(super) fn exit_of(book: &Book) -> Exit {
    let grades = || book.students.iter().flat_map(|row| &row.grades);
    let any = |standing| grades().any(|grade| grade.standing == standing);
    if any(Standing::Fault) {
        Exit::Fault
    } else if any(Standing::Inconclusive) {
        Exit::Inconclusive
    } else {
        Exit::Passed
    }
}

fn tell(news: &News<'_>) {
    match news {
        News::Planned { total, kept } => {
            let kept = if *kept > 0 {
                format!(", {kept} of them are graded already")
            } else {
                String::new()
            };
            out::tell(&format!("{total} gradings{kept}"));
        }
        News::Done {
            done,
            total,
            submission,
            task,
            report,
            left,
        } => {
            let result = match report {
                None => "nothing handed in".to_owned(),
                Some((_, Status::Fault)) => "harness fault, no score".to_owned(),
                Some((report, status)) => {
                    let more = match status {
                        Status::Refused => ", can't be built or started",
                        Status::Inconclusive => ", not all could be decided",
                        _ => "",
                    };
                    format!("{}/{}{more}", report.score, report.max_score)
                }
            };
            let name = report::clean::clean_line(submission, 60);
            let left = if done < total {
                format!(" ({})", in_words(*left))
            } else {
                String::new()
            };
            out::tell(&format!("[{done}/{total}] {name} {task}: {result}{left}"));
        }
        News::Again { count } => {
            out::tell(&format!("{count} could not be decided and are tried again"))
        }
    }
}

fn in_words(left: Duration) -> String {
    let seconds = left.as_secs();
    match seconds {
        0..100 => format!("about {seconds} s left"),
        100..5_400 => format!("about {} min left", (seconds + 30) / 60),
        _ => format!("about {:.1} h left", seconds as f64 / 3600.0),
    }
}

fn usage(error: impl ToString) -> Failure {
    Failure::new(Exit::Usage, error)
}

impl From<ClassError> for Failure {
    fn from(error: ClassError) -> Failure {
        match error {
            ClassError::Store(error) => error.into(),
            ClassError::Damaged { .. } => Failure::new(Exit::Fault, error),
            error => usage(error),
        }
    }
}

impl From<ListError> for Failure {
    fn from(error: ListError) -> Failure {
        usage(error)
    }
}
