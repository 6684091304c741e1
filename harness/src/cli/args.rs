//! The command line, as clap reads it. Nothing below this module sees clap.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::exit::Exit;

/// Grades programs of any language against a mock world: correctness and concurrency by cause, not by
/// stopwatch.
#[derive(Debug, Parser)]
#[command(name = "gradus", version, arg_required_else_help = true, after_help = after_help(), max_term_width = 100)]
pub struct Cli {
    /// Folder with task packs, instead of the ones in this gradus (also: GRADUS_TASKS)
    #[arg(long, global = true, value_name = "DIR")]
    pub tasks: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the exercises, each behind those that it builds on
    Tasks(Tasks),
    /// Show an exercise's statement
    Show(Show),
    /// Grade one submission
    Grade(Grade),
    /// Grade a whole class: a folder of submissions, one or several tasks
    Class(super::class::ClassArgs),
    /// Print the gradebook of a class in another format
    Gradebook(super::class::GradebookArgs),
    /// Judge stored results again, without running anything
    Rescore(Rescore),
    /// Print the report of stored results in another format
    Report(ReportArgs),
    /// Check that results are what was signed
    VerifyReport(super::sign::VerifyReport),
    /// Prove task packs: every fixture must lose exactly what it should
    Verify(Verify),
    /// Say what this host gives, why, and how to get more
    Doctor(Doctor),
    /// Print a JSON Schema
    Schema(Schema),
    /// Meet an exercise's world by hand: its servers hold their answers until you let them go
    Play(Play),
    /// Make something to start from: a task pack, a submission, a fixture
    New(New),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print the man page
    Man(Man),
}

#[derive(Debug, Args)]
pub struct Tasks {
    /// Language of titles, like `en` or `ru` [default: from LANG, else en]
    #[arg(long, value_name = "CODE")]
    pub lang: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Show {
    /// Name of an exercise, or the folder of a task pack
    pub task: String,
    /// Language, like `en` or `ru` [default: from LANG, else en]
    #[arg(long, value_name = "CODE")]
    pub lang: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The submission is a folder, or an archive of one (.zip, .tar, .tar.gz); how to build and start it comes from its `submission.yaml`, or is found by convention \
(Cargo.toml, go.mod, package.json, Makefile, a lone *.py, main.py, an executable named `run`). With `-- CMD…` the \
command is named outright; it starts in a copy of DIR, or of the folder that its script lies in.\n\n\
Formats of files follow from their extension (.html, .json, .xml, .md, .txt, .tap), or each --format belongs to one --out, in order. \
Without --out, --format says what is printed.")]
pub struct Grade {
    /// Name of an exercise, or the folder of a task pack
    pub task: String,
    /// The submission's folder or archive [default: the current folder]
    pub dir: Option<PathBuf>,
    /// The submission's command line, with or without placeholders such as {limit}
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
    /// Seed of everything random; the report says which one was used [default: a fresh one]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Only these checks, or all those of these scenarios
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub only: Vec<String>,
    #[command(flatten)]
    pub outputs: Outputs,
    /// Where evidence and report are kept [default: gradus-results/TASK-SUBMISSION]
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// Use this tier [default: the strongest that the host gives]
    #[arg(long, value_enum)]
    pub tier: Option<TierArg>,
    /// Refuse to grade on a weaker tier than this
    #[arg(long, value_enum)]
    pub require_tier: Option<TierArg>,
    /// Runs at the same time
    #[arg(long, short, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    /// Further folders that the submission may read (a toolchain in an unusual place)
    #[arg(long, value_name = "DIR")]
    pub expose: Vec<PathBuf>,
    /// Exit with 0 whenever there is a report
    #[arg(long)]
    pub exit_zero: bool,
    /// Language of the report, like `en` or `ru` [default: from LANG, else en]
    #[arg(long, value_name = "CODE")]
    pub lang: Option<String>,
    /// Sign the results with this private Ed25519 key (PEM)
    #[arg(long, value_name = "KEY")]
    pub sign: Option<PathBuf>,
    /// Keep the working folders of all runs, and say where
    #[arg(long)]
    pub keep: bool,
    /// Say nothing while grading
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct Outputs {
    /// Format of the report
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Vec<FormatArg>,
    /// Write the report to this file (`-`: standard output)
    #[arg(long, short, value_name = "FILE")]
    pub out: Vec<PathBuf>,
    /// Whom the report is for; students don't see hidden checks (JSON is always whole)
    #[arg(long, value_enum, default_value_t = AudienceArg::Student)]
    pub audience: AudienceArg,
}

#[derive(Debug, Args)]
pub struct Rescore {
    /// Folder that `gradus grade` or `gradus class` wrote
    pub results: PathBuf,
    /// Judge by the pack of that name as it is now, or by the one stored with the results
    #[arg(long, value_enum, default_value_t = WhichPack::Current)]
    pub pack: WhichPack,
    #[command(flatten)]
    pub outputs: Outputs,
    #[command(flatten)]
    pub of_class: super::regrade::OfClass,
    /// Language of the report, like `en` or `ru` [default: the one that it was graded in]
    #[arg(long, value_name = "CODE")]
    pub lang: Option<String>,
    /// Exit with 0 whenever there is a report
    #[arg(long)]
    pub exit_zero: bool,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Folder that `gradus grade` wrote; with --merge, folders of all shards of a class
    #[arg(required = true)]
    pub results: Vec<PathBuf>,
    /// Merge the shards of a class into this folder, and write its gradebooks
    #[arg(long, value_name = "DIR", conflicts_with_all = ["format", "out"])]
    pub merge: Option<PathBuf>,
    /// Merge what there is, even if shards or results are missing
    #[arg(long, requires = "merge")]
    pub partial: bool,
    #[command(flatten)]
    pub outputs: Outputs,
    /// Language of the report, like `en` or `ru` [default: the one that it was graded in]
    #[arg(long, value_name = "CODE")]
    pub lang: Option<String>,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// Exercises to prove [default: all that have fixtures]
    pub task: Vec<String>,
    /// Folder with the fixtures of the exercises
    #[arg(long, value_name = "DIR", default_value = "fixtures")]
    pub fixtures: PathBuf,
    /// Grade each fixture so often; one verdict that differs makes it fail
    #[arg(long, default_value_t = 1, value_name = "K", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub repeat: u16,
    /// Load all processors meanwhile
    #[arg(long)]
    pub stress: bool,
    /// Only these fixtures (`good/NAME`, `bad/NAME`, or NAME)
    #[arg(long, value_name = "FIXTURE", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Keep evidence and reports of all gradings in this folder [default: they are thrown away]
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// Runs of a grading at the same time
    #[arg(long, short, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    /// Seed of everything random; each repetition counts it up [default: a fresh one]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Use this tier [default: the strongest that the host gives]
    #[arg(long, value_enum)]
    pub tier: Option<TierArg>,
    #[command(flatten)]
    pub outputs: Outputs,
    /// Say nothing while grading
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Schema {
    #[arg(value_enum)]
    pub file: SchemaArg,
}

#[derive(Debug, Args)]
pub struct Play {
    /// Name of an exercise, or the folder of a task pack
    pub task: String,
    /// Which scenario [default: the first one with servers]
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Which of its parameter sets, from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub set: u16,
    /// Seed of everything random [default: a fresh one]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Write the list of URLs to this file [default: a temporary one]
    #[arg(long, value_name = "FILE")]
    pub urls: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct New {
    #[command(subcommand)]
    pub kind: NewKind,
}

#[derive(Debug, Subcommand)]
pub enum NewKind {
    /// A task pack with fixtures that prove it
    Task(NewTask),
    /// A submission for an exercise
    Submission(NewSubmission),
    /// A further fixture of an exercise, as a copy of another
    Fixture(NewFixture),
}

#[derive(Debug, Args)]
pub struct NewTask {
    /// Its name: lower-case letters, digits and hyphens
    pub name: String,
    /// Folder with the fixtures of the exercises
    #[arg(long, value_name = "DIR", default_value = "fixtures")]
    pub fixtures: PathBuf,
}

#[derive(Debug, Args)]
pub struct NewSubmission {
    /// Name of an exercise, or the folder of a task pack
    pub task: String,
    /// Where to make it [default: a folder of the exercise's name]
    pub dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct NewFixture {
    /// Name of an exercise
    pub task: String,
    /// Name of the new fixture
    pub name: String,
    /// What it is copied from, like `good/NAME` [default: the first good one]
    #[arg(long, value_name = "FIXTURE")]
    pub from: Option<String>,
    /// Checks that it is to lose; none: it is a good one
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub loses: Vec<String>,
    /// Folder with the fixtures of the exercises
    #[arg(long, value_name = "DIR", default_value = "fixtures")]
    pub fixtures: PathBuf,
}

#[derive(Debug, Args)]
pub struct Man {
    /// Write the pages of all commands into this folder
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Completions {
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// For people
    Terminal,
    /// For programs (`gradus schema report`)
    Json,
    /// For pipelines that show tests
    Junit,
    /// For job summaries and comments
    Markdown,
    /// One page with a picture of each run
    Html,
    /// Annotations of a GitHub workflow
    Github,
    /// Code quality report of GitLab
    Gitlab,
    /// `results.json` of Gradescope
    Gradescope,
    /// `results.json` of PrairieLearn
    Prairielearn,
    /// Last two lines of an Autolab autograder
    Autolab,
    /// Result of a GitHub Classroom runner
    Classroom,
    /// Output of Moodle's VPL, in the range of VPL_GRADEMIN and VPL_GRADEMAX
    Vpl,
    /// Result of a grader of Moodle's CodeRunner
    Coderunner,
    /// Results in the shape of check50
    Check50,
    /// Test Anything Protocol 14
    Tap,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AudienceArg {
    Student,
    Teacher,
}

/// Tiers, from the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TierArg {
    /// Own namespaces
    Full,
    /// No namespaces: syscall filter, Landlock and limits
    Reduced,
    /// Nothing of Linux: settling by time
    Portable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WhichPack {
    Current,
    Stored,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaArg {
    Task,
    Submission,
    Report,
    Policy,
    Gradebook,
}

fn after_help() -> String {
    let line = |exit: &Exit| format!("  {:>3}  {}\n", exit.code(), exit.meaning());
    format!(
        "Exit status:\n{}",
        Exit::ALL.iter().map(line).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_command_comes_behind_two_dashes() {
        let cli = Cli::parse_from([
            "gradus", "grade", "fetcher", "--only", "a,b", "--", "python3", "-u", "x.py",
        ]);
        let Command::Grade(grade) = cli.command else {
            panic!("grade")
        };
        assert_eq!(grade.command, ["python3", "-u", "x.py"]);
        assert_eq!(
            (grade.dir, grade.only),
            (None, vec!["a".to_owned(), "b".to_owned()])
        );
    }

    #[test]
    fn help_names_all_exit_codes() {
        let help = Cli::command().render_help().to_string();
        for exit in Exit::ALL {
            assert!(help.contains(exit.meaning()), "{help}");
        }
    }
}
