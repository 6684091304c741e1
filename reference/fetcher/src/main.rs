//! `fetcher -c N urls.txt`: GET every URL of a list, at most N of them at the same time.
//!
//! One thread is enough: nearly all of a fetcher's life is waiting, and an event loop can wait for N sockets as
//! easily as for one.

mod arguments;
mod fetch;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::process::ExitCode;

use arguments::Arguments;
use tokio::task::JoinSet;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(lexopt::Parser::from_env()) {
        Ok(arguments) => arguments,
        Err(error) => return complain(&format!("{error}\n{}", arguments::USAGE)),
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("{}: {error}", arguments.list.display())),
    }
}

fn complain(what: &str) -> ExitCode {
    eprintln!("fetcher: {what}");
    ExitCode::from(2)
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let list = BufReader::new(File::open(&arguments.list)?);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(fetch_all(urls(list), arguments.limit, io::stdout()))
}

/// The URLs of a list, read line by line: a list of any length takes the memory of one line.
fn urls(list: impl BufRead) -> impl Iterator<Item = io::Result<String>> {
    list.split(b'\n')
        .map(|line| Ok(String::from_utf8_lossy(&line?).trim().to_owned()))
        .filter(|url| !matches!(url, Ok(url) if url.is_empty()))
}

/// The whole idea of the exercise. The set of running fetches *is* the limit: where it is full, the loop waits until
/// any one of them has ended, whichever it may be, and puts the next URL into the place that came free.
async fn fetch_all(
    urls: impl Iterator<Item = io::Result<String>>,
    limit: usize,
    mut output: impl Write,
) -> io::Result<()> {
    let mut in_flight = JoinSet::new();
    for url in urls {
        let url = url?;
        if in_flight.len() == limit
            && let Some(line) = in_flight.join_next().await
        {
            writeln!(output, "{}", line?)?;
        }
        in_flight.spawn(line_for(url));
    }
    while let Some(line) = in_flight.join_next().await {
        writeln!(output, "{}", line?)?;
    }
    output.flush()
}

/// Whatever goes wrong with a URL becomes its line of output, so that it can't stop the others.
async fn line_for(url: String) -> String {
    match fetch::fetch(&url).await {
        Ok(answer) => format!("{url} {} {}", answer.status.as_u16(), answer.bytes),
        Err(reason) => format!("{url} ERROR {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &[u8]) -> Vec<String> {
        urls(list)
            .map(|url| url.expect("a slice can be read"))
            .collect()
    }

    #[test]
    fn a_list_has_a_url_a_line_and_its_blank_lines_count_for_nothing() {
        assert_eq!(
            read(b"http://a/\n\n \t\nhttp://b/\n"),
            ["http://a/", "http://b/"]
        );
    }

    #[test]
    fn line_ends_may_be_of_either_kind_and_the_last_may_be_missing() {
        assert_eq!(read(b"http://a/\r\nhttp://b/"), ["http://a/", "http://b/"]);
    }

    #[test]
    fn a_line_that_is_no_text_is_kept_for_its_error_line() {
        assert_eq!(read(b"http://\xff/\n"), ["http://\u{fffd}/"]);
    }
}
