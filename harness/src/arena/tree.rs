//! The program's process tree, as this process sees it, and its end where no namespace does that.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process};

/// All descendants of a process, itself not counted. What is born or ends meanwhile may be missed:
/// a stable answer takes two equal readings.
pub fn descendants(root: i32) -> Vec<i32> {
    let (mut found, mut seen) = (vec![root], BTreeSet::from([root]));
    let mut at = 0;
    while at < found.len() {
        for child in children(found[at]) {
            if seen.insert(child) {
                found.push(child);
            }
        }
        at += 1;
    }
    found.remove(0);
    found
}

/// Children of all threads of a process (needs `CONFIG_PROC_CHILDREN`). None if it is gone.
fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Ends all descendants of `root`: first stops them all, so that none can fork its way out, and only
/// then ends them. A program that forks faster than we stop could last until `limit`; then it is an
/// error, and its process limit is what holds it.
pub(super) fn end_descendants(root: i32, limit: Duration) -> io::Result<()> {
    let give_up = Instant::now() + limit;
    let mut stopped = BTreeSet::new();
    loop {
        let fresh: Vec<i32> = descendants(root)
            .into_iter()
            .filter(|pid| !stopped.contains(pid))
            .collect();
        if fresh.is_empty() {
            break;
        }
        for pid in fresh {
            send(pid, Signal::STOP);
            stopped.insert(pid);
        }
        if Instant::now() > give_up {
            break;
        }
    }
    loop {
        let left = descendants(root);
        let alive: Vec<i32> = left.into_iter().filter(|pid| !is_zombie(*pid)).collect();
        if alive.is_empty() {
            return Ok(());
        }
        for &pid in &alive {
            send(pid, Signal::KILL);
        }
        if Instant::now() > give_up {
            let text = format!(
                "{} processes of the program could not be ended",
                alive.len()
            );
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        std::thread::yield_now();
    }
}

fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

fn is_zombie(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may hold anything, so the state is what follows the last closing bracket.
    stat.rsplit_once(") ")
        .is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// Waits until the process of this pidfd, a child of ours, ends, and reaps it.
pub(super) fn wait_end(pidfd: &OwnedFd, limit: Duration) -> io::Result<()> {
    use std::os::fd::AsFd;
    let timeout = Timespec {
        tv_sec: limit.as_secs() as i64,
        tv_nsec: limit.subsec_nanos().into(),
    };
    loop {
        let mut one = [PollFd::new(pidfd, PollFlags::IN)];
        match poll(&mut one, Some(&timeout)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
    }
    match rustix::process::waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED) {
        // Reaped by somebody else, who may wait for any child.
        Err(rustix::io::Errno::CHILD) => Ok(()),
        other => Ok(other.map(drop)?),
    }
}
