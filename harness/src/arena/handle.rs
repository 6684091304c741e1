//! The parent's side of an arena: start it, hand it its job, read its evidence, end it.
//!
//! The job goes down the arena's standard input, which stays open as its lifeline: when it ends, the arena
//! ends its submission and itself. Evidence comes up its standard output as JSON lines. What it says on
//! standard error is the harness's own trouble and becomes part of the fault.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use super::config::Config;
use crate::plan::Plan;

/// What an arena is told, as one JSON line. Its paths are the host's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    pub plan: Plan,
    /// The submission's argument vector, with its placeholders still in it.
    pub run: Vec<String>,
    /// Port that the submission serves, where its manifest says so.
    #[serde(default)]
    pub port: Option<u16>,
    /// Facilities that the harness gives beside the arena's own (how memory is limited).
    #[serde(default)]
    pub facilities: BTreeMap<String, String>,
    pub config: Config,
}

/// The harness or the host failed in this run: nothing can be said of the submission.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("the arena could not be started: {0}")]
    Start(#[source] io::Error),
    #[error("the arena ended without finishing its run ({status}){stderr}")]
    Died { status: String, stderr: String },
    #[error("the arena did not finish within {0:?} after its own limit and was ended")]
    Overdue(Duration),
    #[error("evidence could not be read from the arena: {0}")]
    Read(#[source] io::Error),
    #[error("evidence could not be kept: {0}")]
    Keep(#[source] io::Error),
    #[error("interrupted")]
    Cancelled,
}

/// Ends all arenas of this process early, from any thread.
#[derive(Debug, Default)]
pub struct Cancel {
    struck: AtomicBool,
    next: AtomicU64,
    lifelines: Mutex<Vec<(u64, ChildStdin)>>,
}

impl Cancel {
    /// Cuts the lifeline of every running arena, and of those still to come.
    pub fn cancel(&self) {
        self.struck.store(true, Ordering::SeqCst);
        self.lines().clear();
    }

    pub fn is_cancelled(&self) -> bool {
        self.struck.load(Ordering::SeqCst)
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Vec<(u64, ChildStdin)>> {
        self.lifelines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, lifeline: ChildStdin) -> u64 {
        let id = self.next.fetch_add(1, Ordering::SeqCst);
        let mut lines = self.lines();
        if !self.is_cancelled() {
            lines.push((id, lifeline));
        }
        id
    }

    fn cut(&self, id: u64) {
        self.lines().retain(|(other, _)| *other != id);
    }
}

/// Beyond its own limits, an arena gets so long to end its run.
const GRACE: Duration = Duration::from_secs(30);
const STDERR_KEPT: usize = 8 << 10;

/// Runs one job in an arena of its own and hands each line of evidence (without its newline) to `keep`.
///
/// `exe` is the `gradus` binary. Blocks until the arena is gone.
///
/// # Errors
/// A [`Fault`] if the arena failed, was cancelled, or `keep` returned an error. Evidence that was
/// handed on before stays valid as partial evidence.
pub fn run(
    exe: &std::path::Path,
    job: &Job,
    cancel: &Cancel,
    mut keep: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), Fault> {
    if cancel.is_cancelled() {
        return Err(Fault::Cancelled);
    }
    let mut child = start(exe).map_err(Fault::Start)?;
    let lifeline = child
        .stdin
        .take()
        .ok_or_else(|| Fault::Start(io::Error::other("no standard input")))?;
    let life = hand_over(lifeline, job, cancel);
    let deadline = Instant::now() + Duration::from_secs(job.plan.limits.wall_s) + GRACE;
    let read = match life {
        Ok(id) => {
            let read = read_evidence(&mut child, deadline, &mut keep);
            cancel.cut(id);
            read
        }
        Err(error) => Err(Fault::Start(error)),
    };
    let stderr = child.stderr.take();
    let ended = end(&mut child, read.is_err());
    match (read, ended) {
        _ if cancel.is_cancelled() => Err(Fault::Cancelled),
        (Err(fault @ (Fault::Keep(_) | Fault::Overdue(_))), _) => Err(fault),
        (Ok(()), Ok(status)) if status.success() => Ok(()),
        (read, ended) => {
            let said = stderr.map(read_bounded).unwrap_or_default();
            let cause = read.err().map(|e| format!("; {e}")).unwrap_or_default();
            let status = ended.map_or_else(|e| e.to_string(), |s| s.to_string());
            let stderr = if said.is_empty() {
                cause
            } else {
                format!("{cause}: {said}")
            };
            Err(Fault::Died { status, stderr })
        }
    }
}

fn start(exe: &std::path::Path) -> io::Result<Child> {
    Command::new(exe)
        .arg("__arena")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C is for us alone: the arena ends by its lifeline, and so never looks as if it had failed.
        .process_group(0)
        .spawn()
}

/// The arena may die before it has read its job: that is told by its status, not by our broken pipe.
fn hand_over(mut lifeline: ChildStdin, job: &Job, cancel: &Cancel) -> io::Result<u64> {
    let mut line = serde_json::to_vec(job)?;
    line.push(b'\n');
    match lifeline.write_all(&line) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e),
        _ => Ok(cancel.keep(lifeline)),
    }
}

fn read_evidence(
    child: &mut Child,
    deadline: Instant,
    keep: &mut impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), Fault> {
    let Some(mut pipe) = child.stdout.take() else {
        return Ok(());
    };
    let mut buffer = vec![0; 64 << 10];
    let mut line: Vec<u8> = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || !wait_readable(&pipe, left).map_err(Fault::Read)? {
            return Err(Fault::Overdue(GRACE));
        }
        let n = match pipe.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Fault::Read(e)),
        };
        let mut rest = &buffer[..n];
        while let Some(end) = rest.iter().position(|&b| b == b'\n') {
            line.extend_from_slice(&rest[..end]);
            keep(&line).map_err(Fault::Keep)?;
            line.clear();
            rest = &rest[end + 1..];
        }
        line.extend_from_slice(rest);
    }
}

fn wait_readable(fd: &impl AsFd, left: Duration) -> io::Result<bool> {
    let timeout = Timespec {
        tv_sec: left.as_secs() as i64,
        tv_nsec: i64::from(left.subsec_nanos()),
    };
    loop {
        match poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&timeout)) {
            Ok(n) => return Ok(n > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Reaps the arena; kills it first if its run went wrong. Its death takes its submission along.
fn end(child: &mut Child, kill: bool) -> io::Result<std::process::ExitStatus> {
    if kill {
        // Already gone is as good.
        let _ = child.kill();
    }
    child.wait()
}

fn read_bounded(pipe: impl Read) -> String {
    let mut said = Vec::new();
    // What can't be read isn't there: the fault is told either way.
    let _ = pipe.take(STDERR_KEPT as u64).read_to_end(&mut said);
    String::from_utf8_lossy(&said).trim().to_owned()
}
