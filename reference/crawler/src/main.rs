//! `crawler -c N [--depth D] URL`: every page of a site that links lead to, each once, N at a time.

mod arguments;
mod fetch;
mod links;
mod site;

use std::io::{self, Write};
use std::process::ExitCode;

use arguments::Arguments;
use site::Site;
use tokio::task::JoinSet;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(lexopt::Parser::from_env()) {
        Ok(arguments) => arguments,
        Err(problem) => {
            complain(&format!("{problem}\n{}", arguments::USAGE));
            return ExitCode::from(2);
        }
    };
    // One thread will do: a crawler spends its life waiting for answers.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    match runtime.and_then(|runtime| runtime.block_on(crawl(arguments))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Returns whether the start answered.
///
/// One place knows both what is waiting and what is under way, so that three things can't go
/// wrong: a free slot takes the next page at once, no page is taken twice, and the end is there
/// exactly when nothing waits and nothing is under way.
async fn crawl(arguments: Arguments) -> io::Result<bool> {
    let mut site = Site::new(arguments.start, arguments.depth);
    let mut visits = JoinSet::new();
    let mut start_answered = true;
    loop {
        while visits.len() < arguments.limit
            && let Some((page, url)) = site.next()
        {
            visits.spawn(async move { (page, fetch::visit(&url).await, url) });
        }
        let Some(finished) = visits.join_next().await else {
            return Ok(start_answered);
        };
        let (page, outcome, url) = finished?;
        match outcome {
            Ok(answer) => {
                writeln!(io::stdout(), "{url} {}", answer.status)?;
                site.answered(page, answer.leads_to);
            }
            Err(reason) => {
                writeln!(io::stdout(), "{url} ERROR {reason}")?;
                start_answered &= page != Site::START;
            }
        }
    }
}

fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "crawler: {text}");
}
