//! One look at a submission: the state of every thread in its process tree.
//!
//! Read from `/proc` (see proc(5)): `stat` for the state, `schedstat` for "has it run since",
//! `syscall` for what it sleeps in. Two equal looks with everything asleep, and nothing on the way in
//! between, are the heart of settling.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, openat};

use super::timer;

/// Where the submission's processes are seen: a `/proc` of the arena's own pid namespace.
pub struct Looker {
    proc: OwnedFd,
    root: u32,
    /// The submission's own process, if it is known.
    own: Option<u32>,
    /// Since when each thread is known to sleep without having run: a relative timeout counts from there.
    asleep_since: HashMap<u32, (u64, Instant)>,
    /// Processor slices of each thread at the last mark, to tell which threads have worked since.
    marked: HashMap<u32, u64>,
}

/// A thread as seen in one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    pub pid: u32,
    pub tid: u32,
    /// One letter, as in `stat`.
    pub state: u8,
    /// Times it was put on a processor: changes whenever the thread has run.
    pub slices: u64,
    /// Processor time so far, nanoseconds.
    pub run_ns: u64,
    /// What it sleeps in; absent when the host doesn't let us read it.
    pub syscall: Option<Syscall>,
}

/// A system call that a thread is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syscall {
    pub number: i64,
    pub args: [u64; 6],
}

/// The whole tree at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    pub threads: Vec<Thread>,
    pub processes: u32,
    pub zombies: u32,
}

impl Looker {
    /// `proc` is an open `/proc`; `root` the topmost process of the tree (the arena's init), which is
    /// part of the tree but not counted as the submission's.
    pub fn new(proc: OwnedFd, root: u32) -> Looker {
        Looker {
            proc,
            root,
            own: None,
            asleep_since: HashMap::new(),
            marked: HashMap::new(),
        }
    }

    /// Which process of the tree is the submission's own.
    pub fn of(self, own: u32) -> Looker {
        Looker {
            own: Some(own),
            ..self
        }
    }

    /// Whether the submission's own process lives, by any of its threads. One that has ended is waited for and
    /// told of by init, however long init may take to get a processor: until then nothing is at rest.
    pub fn lives(&self, look: &Look) -> bool {
        match self.own {
            Some(own) => look.threads.iter().any(|t| t.pid == own && !t.over()),
            None => look.processes > 0,
        }
    }

    /// Looks once. A process that vanishes meanwhile is left out.
    pub fn look(&mut self) -> Look {
        let mut look = Look::default();
        let mut queue = vec![self.root];
        while let Some(pid) = queue.pop() {
            let Some(process) = open_dir(self.proc.as_fd(), &pid.to_string()) else {
                continue;
            };
            let before = look.threads.len();
            let mut zombie = false;
            for tid in tids(process.as_fd()) {
                let Some(thread) = open_dir(process.as_fd(), &format!("task/{tid}")) else {
                    continue;
                };
                children(thread.as_fd(), &mut queue);
                let Some(seen) = read_thread(thread.as_fd(), pid, tid) else {
                    continue;
                };
                zombie |= seen.tid == pid && seen.state == b'Z';
                look.threads.push(seen);
            }
            if pid != self.root && look.threads.len() > before {
                look.processes += 1;
                look.zombies += u32::from(zombie);
            }
        }
        self.remember(&look);
        look
    }

    fn remember(&mut self, look: &Look) {
        let now = Instant::now();
        let old = std::mem::take(&mut self.asleep_since);
        self.asleep_since = look
            .threads
            .iter()
            .filter(|t| t.sleeps())
            .map(|t| match old.get(&t.tid) {
                Some(&(slices, since)) if slices == t.slices => (t.tid, (slices, since)),
                _ => (t.tid, (t.slices, now)),
            })
            .collect();
    }

    /// The earliest moment at which a timer could wake one of these threads: `Ok(None)` if none ever will.
    /// `Err` if there is a sleeper whose timer can't be read.
    pub fn earliest_timer(&self, look: &Look) -> Result<Option<Duration>, Unreadable> {
        let mut earliest: Option<Duration> = None;
        for thread in look
            .threads
            .iter()
            .filter(|t| t.sleeps() && t.tid != self.root)
        {
            let slept = self
                .asleep_since
                .get(&thread.tid)
                .map_or(Duration::ZERO, |(_, since)| since.elapsed());
            let call = thread.syscall.ok_or(Unreadable)?;
            if let Some(left) = timer::remaining(thread.tid, call, slept).map_err(|_| Unreadable)? {
                earliest = Some(earliest.map_or(left, |e| e.min(left)));
            }
        }
        Ok(earliest)
    }

    /// The earliest armed timerfd of the tree, if any. Costs a walk over all descriptors: processes with
    /// more than `bound` of them are passed over.
    pub fn earliest_timerfd(&self, look: &Look, bound: usize) -> Option<Duration> {
        let mut pids: Vec<u32> = look
            .threads
            .iter()
            .map(|t| t.pid)
            .filter(|&p| p != self.root)
            .collect();
        pids.dedup();
        pids.into_iter()
            .filter_map(|pid| timer::earliest_timerfd(self.proc.as_fd(), pid, bound))
            .min()
    }

    /// Threads of the submission that have run since the last call.
    pub fn worked(&mut self, look: &Look) -> u32 {
        let mine = look.threads.iter().filter(|t| t.pid != self.root);
        let worked = mine
            .clone()
            .filter(|t| self.marked.get(&t.tid) != Some(&t.slices))
            .count();
        self.marked = mine.map(|t| (t.tid, t.slices)).collect();
        worked as u32
    }

    /// The root of the tree, and the `/proc` it is seen in.
    pub fn root(&self) -> u32 {
        self.root
    }

    pub fn proc(&self) -> BorrowedFd<'_> {
        self.proc.as_fd()
    }
}

/// The host doesn't let us read what a sleeping thread waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl Thread {
    /// Whether it can't run before something outside of it happens. Uninterruptible sleep (`D`) doesn't
    /// count: such a thread is mostly waiting for the disk and goes on by itself.
    pub fn sleeps(&self) -> bool {
        matches!(self.state, b'S')
    }

    fn over(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    fn stopped(&self) -> bool {
        matches!(self.state, b'T' | b't')
    }
}

impl Look {
    /// Whether no thread can run. A thread whose call the gate holds (`held`, by thread id) sleeps as any other,
    /// or uninterruptibly once a signal waits for it; one that is being killed is awake, held or not.
    pub fn asleep(&self, held: impl Fn(u32) -> bool) -> bool {
        self.threads
            .iter()
            .all(|t| t.sleeps() || t.over() || t.stopped() || (t.state == b'D' && held(t.tid)))
    }

    /// Processor time of all living threads, nanoseconds.
    pub fn run_ns(&self) -> u64 {
        self.threads.iter().map(|t| t.run_ns).sum()
    }

    /// Processes of the submission that aren't over, the tree's root left out.
    pub fn pids(&self, root: u32) -> impl Iterator<Item = u32> {
        self.threads
            .iter()
            .filter(move |t| t.pid == t.tid && t.pid != root && !t.over())
            .map(|t| t.pid)
    }

    /// Processor time of each process of the submission (its living threads), nanoseconds.
    pub fn cpu_by_process(&self, root: u32) -> Vec<(u32, u64)> {
        let of = |pid| {
            self.threads
                .iter()
                .filter(|t| t.pid == pid)
                .map(|t| t.run_ns)
                .sum()
        };
        self.pids(root).map(|pid| (pid, of(pid))).collect()
    }

    /// Living threads of the submission.
    pub fn alive(&self, root: u32) -> u32 {
        self.threads
            .iter()
            .filter(|t| t.pid != root && !t.over())
            .count() as u32
    }
}

fn open_dir(at: BorrowedFd<'_>, path: &str) -> Option<OwnedFd> {
    openat(
        at,
        path,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .ok()
}

fn tids(process: BorrowedFd<'_>) -> Vec<u32> {
    let Some(dir) = open_dir(process, "task") else {
        return Vec::new();
    };
    let Ok(entries) = rustix::fs::Dir::read_from(&dir) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|e| e.file_name().to_str().ok()?.parse().ok())
        .collect()
}

fn children(thread: BorrowedFd<'_>, into: &mut Vec<u32>) {
    if let Some(text) = read(thread, "children") {
        into.extend(
            text.split_ascii_whitespace()
                .filter_map(|p| p.parse::<u32>().ok()),
        );
    }
}

fn read_thread(thread: BorrowedFd<'_>, pid: u32, tid: u32) -> Option<Thread> {
    let stat = read(thread, "stat")?;
    let (run_ns, slices) = parse_schedstat(&read(thread, "schedstat")?)?;
    let mut state = parse_state(&stat)?;
    let mut syscall = None;
    if state == b'S'
        && let Some(call) = read(thread, "syscall")
    {
        // The state alone is no proof: wait4(2) and others mark themselves asleep before they look around, and
        // may stay on the processor for milliseconds. This file says "running" unless the thread is off it.
        if call.starts_with("running") {
            state = b'R';
        }
        syscall = parse_syscall(&call);
    }
    Some(Thread {
        pid,
        tid,
        state,
        slices,
        run_ns,
        syscall,
    })
}

fn read(at: BorrowedFd<'_>, path: &str) -> Option<String> {
    let fd = openat(at, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = String::with_capacity(512);
    File::from(fd).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The state letter follows the command's name, which may hold anything, parentheses included.
fn parse_state(stat: &str) -> Option<u8> {
    stat.get(stat.rfind(')')? + 2..)?.bytes().next()
}

fn parse_schedstat(text: &str) -> Option<(u64, u64)> {
    let mut words = text.split_ascii_whitespace();
    let run = words.next()?.parse().ok()?;
    words.next()?;
    Some((run, words.next()?.parse().ok()?))
}

fn parse_syscall(text: &str) -> Option<Syscall> {
    let mut words = text.split_ascii_whitespace();
    let number: i64 = words.next()?.parse().ok()?;
    let mut args = [0; 6];
    for arg in &mut args {
        *arg = u64::from_str_radix(words.next()?.trim_start_matches("0x"), 16).ok()?;
    }
    Some(Syscall { number, args })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_hostile_command_name_does_not_hide_the_state() {
        assert_eq!(parse_state("12 (a) R (x) S 1 2 3"), Some(b'S'));
        assert_eq!(parse_state("12 (sleep) D 1"), Some(b'D'));
        assert_eq!(parse_state("12 (sleep)"), None);
    }

    #[test]
    fn a_syscall_line_is_parsed_and_a_running_one_is_not() {
        let call = parse_syscall("232 0x4 0x7ffd 0x1 0xffffffff 0x0 0x0 0x7ffd 0x7f1\n").unwrap();
        assert_eq!((call.number, call.args[3]), (232, 0xffff_ffff));
        assert_eq!(parse_syscall("running\n"), None);
        assert_eq!(parse_syscall("-1 0x7ffd 0x7f1\n"), None);
    }

    #[test]
    fn who_has_ended_does_not_rest() {
        let thread = |pid, tid, state| Thread {
            pid,
            tid,
            state,
            slices: 1,
            run_ns: 1,
            syscall: None,
        };
        let proc = rustix::fs::open("/proc", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty());
        let looker = Looker::new(proc.unwrap(), 1).of(2);
        let look = |threads| Look {
            threads,
            processes: 2,
            zombies: 1,
        };
        let child = thread(3, 3, b'S');
        let ended = look(vec![thread(1, 1, b'S'), thread(2, 2, b'Z'), child.clone()]);
        assert!(ended.asleep(|_| false) && !looker.lives(&ended));
        let gone = look(vec![thread(1, 1, b'S'), child]);
        assert!(!looker.lives(&gone));
        // The first thread of a process may end before the others.
        let led = look(vec![thread(2, 2, b'Z'), thread(2, 5, b'S')]);
        assert!(looker.lives(&led));
    }

    #[test]
    fn a_child_in_a_blocking_read_is_seen_asleep_without_a_timer() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let proc = rustix::fs::open(
            "/proc",
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .unwrap();
        let mut looker = Looker::new(proc, child.id());
        // The child runs until it blocks; the loop ends by the state itself, not by a clock.
        let look = loop {
            let look = looker.look();
            let reading = look
                .threads
                .iter()
                .all(|t| t.syscall.is_some_and(|s| s.number == libc::SYS_read));
            if look.asleep(|_| false) && reading && !look.threads.is_empty() {
                break look;
            }
            std::thread::yield_now();
        };
        assert_eq!(look, looker.look());
        assert_eq!(look.threads.len(), 1);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(looker.look().threads.is_empty());
    }
}
