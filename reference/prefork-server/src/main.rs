//! W worker processes share one listening socket; each serves its clients by threads.
//!
//! The parent (`parent.rs`) only keeps the workers alive. A worker (`worker.rs`) is this same
//! program, started again with the listening socket as its standard input.

mod parent;
mod worker;

use std::process::ExitCode;

struct Arguments {
    port: u16,
    workers: usize,
}

fn main() -> ExitCode {
    if std::env::args()
        .nth(1)
        .is_some_and(|argument| argument == parent::WORKER)
    {
        return report(worker::run());
    }
    match parse_arguments() {
        Ok(arguments) => report(parent::run(arguments.port, arguments.workers)),
        Err(error) => {
            eprintln!("prefork-server: {error}\nusage: prefork-server --workers W [--port PORT]");
            ExitCode::from(2)
        }
    }
}

fn report(result: std::io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("prefork-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse_arguments() -> Result<Arguments, lexopt::Error> {
    use lexopt::prelude::*;

    let (mut port, mut workers) = (15000, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("port") => port = arguments.value()?.parse()?,
            Long("workers") => workers = Some(arguments.value()?.parse()?),
            other => return Err(other.unexpected()),
        }
    }
    match workers {
        Some(workers @ 1..=1024) => Ok(Arguments { port, workers }),
        Some(_) => Err("--workers must be between 1 and 1024".into()),
        None => Err("the option --workers is missing".into()),
    }
}
