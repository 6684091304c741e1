//! The command line: from arguments to plain values, from results to what is printed and an exit code.
//! Nothing else in gradus prints.

mod args;
mod class;
mod doctor;
mod exit;
mod grade;
mod language;
mod man;
mod markdown;
mod new;
mod out;
mod outputs;
mod packs;
mod pictures;
mod play;
mod progress;
mod regrade;
mod sign;
mod signals;
mod steps;
mod stored;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

pub use exit::Exit;

use args::{Cli, Command, SchemaArg};
use exit::Failure;

use crate::task::schema;

/// First argument of an arena process: gradus run anew by itself.
const ARENA: &str = "__arena";

/// All of `gradus`.
pub fn main() -> ExitCode {
    signals::survive_limits();
    // Before anything else: an arena starts with one thread and no state.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == ARENA)
    {
        return arena();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; a closed pipe isn't either.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Passed.into()
            };
        }
    };
    match run(&cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            out::complain(&failure.message);
            failure.exit.into()
        }
    }
}

fn arena() -> ExitCode {
    match crate::arena::child::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::tell(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    let library = packs::library(cli.tasks.as_deref());
    match &cli.command {
        Command::Tasks(args) => packs::tasks(&library, args),
        Command::Show(args) => packs::show(&library, args),
        Command::Grade(args) => grade::grade(&library, args),
        Command::Class(args) => class::class(&library, args),
        Command::Gradebook(args) => class::book(args),
        Command::Rescore(args) => stored::rescore(&library, args),
        Command::Report(args) => stored::report(args),
        Command::VerifyReport(args) => sign::verify(args),
        Command::Verify(args) => verify::verify(&library, args),
        Command::Doctor(args) => doctor::doctor(args),
        Command::Schema(args) => {
            let file = match args.file {
                SchemaArg::Task => schema::File::Task,
                SchemaArg::Submission => schema::File::Submission,
                SchemaArg::Report => schema::File::Report,
                SchemaArg::Policy => schema::File::Policy,
                SchemaArg::Gradebook => schema::File::Gradebook,
            };
            out::print(&schema::of(file)).map(|()| Exit::Passed)
        }
        Command::Play(args) => play::play(&library, args),
        Command::New(args) => new::new(&library, args),
        Command::Man(args) => man::man(args),
        Command::Completions(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Cli::command(), "gradus", &mut script);
            out::print_bytes(&script).map(|()| Exit::Passed)
        }
    }
}
