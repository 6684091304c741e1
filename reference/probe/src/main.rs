//! Connects to many targets at once, pings each, and tells apart what can go wrong.

use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const USAGE: &str = "usage: probe [--connect-timeout S] [--read-timeout S] HOST:PORT...";

#[derive(Clone, Copy)]
struct Limits {
    connect: Duration,
    read: Duration,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (limits, targets) = match arguments() {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("probe: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // All are probed from now on; awaiting them in the order of the arguments prints them in that order.
    let probes: Vec<_> = targets
        .into_iter()
        .map(|target| tokio::spawn(async move { (probe(&target, limits).await, target) }))
        .collect();
    for probe in probes {
        match probe.await {
            Ok((outcome, target)) => println!("{target} {outcome}"),
            Err(panic) => {
                eprintln!("probe: {panic}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn arguments() -> Result<(Limits, Vec<String>), String> {
    let mut limits = Limits {
        connect: Duration::from_secs(5),
        read: Duration::from_secs(5),
    };
    let mut targets = Vec::new();
    let mut arguments = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--connect-timeout" => limits.connect = seconds(&argument, arguments.next())?,
            "--read-timeout" => limits.read = seconds(&argument, arguments.next())?,
            _ => match argument.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    targets.push(argument);
                }
                _ => return Err(format!("{argument:?} isn't HOST:PORT")),
            },
        }
    }
    match targets.is_empty() {
        true => Err("no target given".into()),
        false => Ok((limits, targets)),
    }
}

fn seconds(option: &str, value: Option<String>) -> Result<Duration, String> {
    value
        .and_then(|value| value.parse::<f64>().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|limit| !limit.is_zero())
        .ok_or_else(|| format!("{option} wants a number of seconds above 0"))
}

async fn probe(target: &str, limits: Limits) -> &'static str {
    let stream = match timeout(limits.connect, TcpStream::connect(target)).await {
        Err(_elapsed) => return "connect-timeout",
        Ok(Err(error)) => return name(target, error),
        Ok(Ok(stream)) => stream,
    };
    // One time-out around the whole conversation: a peer that sends a byte now and then doesn't extend it.
    match timeout(limits.read, converse(stream)).await {
        Err(_elapsed) => "read-timeout",
        Ok(Err(error)) => name(target, error),
        Ok(Ok(())) => "ok",
    }
}

/// Says `ping` and waits for a line. Nobody wants to see it, so nothing of it is kept.
async fn converse(mut stream: TcpStream) -> io::Result<()> {
    // A peer may answer or leave without reading; then reading tells more than the failure to write.
    let written = stream.write_all(b"ping").await;
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return written.and(Err(ErrorKind::UnexpectedEof.into())),
            length if buffer[..length].contains(&b'\n') => return Ok(()),
            _ => {}
        }
    }
}

fn name(target: &str, error: io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::ConnectionRefused => "refused",
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "reset",
        ErrorKind::UnexpectedEof => "closed",
        // The system's own patience ended before ours.
        ErrorKind::TimedOut => "connect-timeout",
        _ => {
            eprintln!("probe: {target}: {error}");
            "refused" // there is nobody to talk to, for whatever reason
        }
    }
}
