//! Runs the commands of a file, K at a time.
//!
//! One event loop looks after all children: it reads what they print, reaps them as they end and starts the next command
//! in the place of each. Every child leads a process group of its own, so that a signal reaches its descendants too.

mod lines;

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncWriteExt, Stdout};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

/// How long children may take to end after SIGTERM before SIGKILL follows.
const GRACE: Duration = Duration::from_millis(500);
/// What a shell says when a command can't be started.
const NOT_STARTED: i32 = 126;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (jobs, commands) = match arguments() {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("process-pool: {message}\nusage: process-pool -j K commands.txt");
            std::process::exit(2);
        }
    };
    let status = match run_all(jobs, &commands).await {
        Ok(status) => status,
        Err(error) => {
            eprintln!("process-pool: {error}");
            1
        }
    };
    // Not by returning: the runtime would wait for a write to a standard output that nobody reads.
    std::process::exit(status);
}

fn arguments() -> Result<(usize, Vec<u8>), String> {
    let mut arguments = std::env::args_os().skip(1);
    let (mut jobs, mut path) = (None, None);
    while let Some(argument) = arguments.next() {
        if argument == "-j" {
            let value = arguments.next().unwrap_or_default();
            jobs = value.to_str().and_then(|value| value.parse().ok());
            if jobs.is_none_or(|jobs: usize| jobs == 0) {
                return Err("-j wants a number from 1 up".into());
            }
        } else if path.replace(argument).is_some() {
            return Err("more than one file given".into());
        }
    }
    let jobs = jobs.ok_or("-j is missing")?;
    let path = path.ok_or("the file of commands is missing")?;
    let commands = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok((jobs, commands))
}

/// Keeps `jobs` children running until all commands are done or a signal says stop; gives the status to exit with.
async fn run_all(jobs: usize, commands: &[u8]) -> io::Result<i32> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let out = Arc::new(Mutex::new(tokio::io::stdout()));
    let (stop, stopped) = watch::channel(false);

    let mut waiting = commands
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .enumerate();
    let mut running = JoinSet::new();
    let mut status = 0;
    loop {
        while running.len() < jobs && !*stop.borrow() {
            let Some((index, command)) = waiting.next() else {
                break;
            };
            let command = command.to_vec();
            running.spawn(run_one(index, command, out.clone(), stopped.clone()));
        }
        let stop_with = tokio::select! {
            ended = running.join_next() => match ended {
                None => return Ok(status),
                Some(Ok(Ok(0))) => continue,
                Some(Ok(Ok(_))) => { status = status.max(1); continue }
                Some(Ok(Err(error))) => { eprintln!("process-pool: {error}"); 1 }
                Some(Err(panic)) => { eprintln!("process-pool: {panic}"); 1 }
            },
            _ = terminate.recv() => 128 + Signal::TERM.as_raw(),
            _ = interrupt.recv() => 128 + Signal::INT.as_raw(),
        };
        status = status.max(stop_with);
        stop.send_replace(true);
    }
}

/// Runs one command and prints its line; gives its exit code. A stop ends it and prints nothing more.
async fn run_one(
    index: usize,
    command: Vec<u8>,
    out: Arc<Mutex<Stdout>>,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<i32> {
    let code = match start(&command) {
        Err(error) => {
            eprintln!("process-pool: command {index}: {error}");
            NOT_STARTED
        }
        Ok(mut child) => {
            let output = child.stdout.take();
            // The output comes first: a child whose full pipe nobody reads never ends.
            let ended = async {
                if let Some(output) = output {
                    lines::forward(output, &out).await?;
                }
                child.wait().await
            };
            let status = tokio::select! {
                status = ended => Some(status?),
                _ = stopped.wait_for(|stopped| *stopped) => None,
            };
            match status {
                Some(status) => exit_code(status),
                None => return end(child).await.map(exit_code),
            }
        }
    };
    let mut out = out.lock().await;
    out.write_all(format!("{index} {code}\n").as_bytes())
        .await?;
    out.flush().await?;
    Ok(code)
}

fn start(command: &[u8]) -> io::Result<Child> {
    Command::new("/bin/sh")
        .arg("-c")
        .arg(OsStr::from_bytes(command))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// Ends a child with all its descendants, kindly at first.
async fn end(mut child: Child) -> io::Result<ExitStatus> {
    let group = child.id().and_then(|id| Pid::from_raw(id as i32));
    let tell_group = |signal| {
        if let Some(group) = group {
            // An error means that nobody of the group is left: just what is wanted.
            let _ = kill_process_group(group, signal);
        }
    };
    tell_group(Signal::TERM);
    let ended = tokio::time::timeout(GRACE, child.wait()).await;
    tell_group(Signal::KILL);
    match ended {
        Ok(status) => status,
        Err(_) => child.wait().await,
    }
}

fn exit_code(status: ExitStatus) -> i32 {
    let by_signal = status.signal().map(|signal| 128 + signal);
    status.code().or(by_signal).unwrap_or(NOT_STARTED)
}
