//! Runs the tasks of a script at the same time, in one thread, with a scheduler of its own.

mod get;
mod scheduler;
mod script;

use std::process::ExitCode;

use scheduler::Scheduler;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(path), None) = (arguments.next(), arguments.next()) else {
        eprintln!("event-loop: one script is wanted\nusage: event-loop SCRIPT");
        return ExitCode::from(2);
    };
    let tasks = std::fs::read_to_string(&path)
        .map_err(|error| error.to_string())
        .and_then(|text| script::parse(&text));
    let tasks = match tasks {
        Ok(tasks) => tasks,
        Err(error) => {
            eprintln!("event-loop: {}: {error}", path.display());
            return ExitCode::from(2);
        }
    };
    match Scheduler::new(tasks).and_then(Scheduler::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("event-loop: {error}");
            ExitCode::FAILURE
        }
    }
}
