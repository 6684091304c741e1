//! Asks a weather service for many cities at the same time and prints the answers in the order of the arguments.

mod upstream;

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::sync::Arc;

use upstream::Upstream;

const USAGE: &str = "usage: weather-fanout --upstream URL CITY...";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (upstream, cities) = match arguments() {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("weather-fanout: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match print_all(upstream, cities).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weather-fanout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<(Upstream, Vec<OsString>), String> {
    let (mut upstream, mut cities) = (None, Vec::new());
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--upstream" {
            let url = arguments.next().unwrap_or_default();
            upstream = Some(Upstream::at(&url.to_string_lossy())?);
        } else {
            cities.push(argument);
        }
    }
    match upstream {
        None => Err("--upstream is missing".into()),
        Some(_) if cities.is_empty() => Err("no city given".into()),
        Some(upstream) => Ok((upstream, cities)),
    }
}

async fn print_all(upstream: Upstream, cities: Vec<OsString>) -> io::Result<()> {
    let upstream = Arc::new(upstream);
    // Every question is on its way before the first answer is awaited...
    let asked: Vec<_> = cities
        .into_iter()
        .map(|city| {
            let upstream = upstream.clone();
            tokio::spawn(async move { (upstream.weather(city.as_bytes()).await, city) })
        })
        .collect();
    // ...and awaiting them in the order of the arguments is all that it takes to print them in that order.
    let mut out = io::stdout().lock();
    for answer in asked {
        let (weather, city) = answer.await.map_err(io::Error::other)?;
        out.write_all(city.as_bytes())?;
        match weather {
            Ok(weather) => writeln!(out, ": {weather}")?,
            Err(error) => {
                eprintln!("weather-fanout: {}: {error}", city.display());
                writeln!(out, ": no data")?;
            }
        }
    }
    Ok(())
}
