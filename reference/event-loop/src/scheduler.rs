//! The scheduler: whoever can go on takes a step in turn, and the program sleeps when nobody can.
//!
//! A task is in exactly one place at a time: in the queue of those that can go on, in the heap of those that sleep,
//! with its socket, or in the queue for a free descriptor.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::io::{self, ErrorKind, Write};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use rustix::process::{Resource, getrlimit};

use crate::get::Get;
use crate::script::{Step, Task};

/// Descriptors that the program needs for other things than connections.
const RESERVED: u64 = 16;
const MANY: u64 = 60_000;

pub struct Scheduler {
    tasks: Vec<Task>,
    /// Indices of the tasks that can take a step.
    ready: VecDeque<usize>,
    /// The earliest comes first; of equal ones that which began earlier.
    sleeping: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    sleeps_begun: u64,
    /// The connection and URL of each task that waits for an answer.
    getting: HashMap<usize, (Get, String)>,
    /// Tasks that would get something, but have to wait for a descriptor.
    queueing: VecDeque<(usize, String)>,
    most_connections: usize,
    poll: Poll,
}

impl Scheduler {
    pub fn new(tasks: Vec<Task>) -> io::Result<Scheduler> {
        let descriptors = getrlimit(Resource::Nofile)
            .current
            .unwrap_or(MANY)
            .min(MANY);
        Ok(Scheduler {
            ready: (0..tasks.len()).collect(),
            tasks,
            sleeping: BinaryHeap::new(),
            sleeps_begun: 0,
            getting: HashMap::new(),
            queueing: VecDeque::new(),
            most_connections: descriptors.saturating_sub(RESERVED).max(1) as usize,
            poll: Poll::new()?,
        })
    }

    /// Runs until no task is left anywhere.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            // One round: each gets one step, and those that come back wait for the next round.
            for _ in 0..self.ready.len() {
                if let Some(task) = self.ready.pop_front() {
                    self.step(task)?;
                }
            }
            self.start_queueing();
            if self.ready.is_empty() && self.sleeping.is_empty() && self.getting.is_empty() {
                return Ok(());
            }
            match self.poll.poll(&mut events, self.patience()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                self.go_on_getting(event.token().0);
            }
            self.wake_sleepers();
        }
    }

    /// How long to sleep at most: not at all if somebody can go on, for ever if only answers are awaited.
    fn patience(&self) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let Reverse((due, ..)) = self.sleeping.peek()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    fn step(&mut self, task: usize) -> io::Result<()> {
        let Task { name, steps } = &mut self.tasks[task];
        match steps.pop_front() {
            None => {}
            Some(Step::Say(word)) => {
                writeln!(io::stdout(), "{name}: {word}")?;
                self.ready.push_back(task);
            }
            Some(Step::Sleep(duration)) => match Instant::now().checked_add(duration) {
                Some(due) => {
                    self.sleeping.push(Reverse((due, self.sleeps_begun, task)));
                    self.sleeps_begun += 1;
                }
                None => self.fail(task, "sleep", "longer than time itself"),
            },
            Some(Step::Get(url)) => self.queueing.push_back((task, url)),
        }
        Ok(())
    }

    fn wake_sleepers(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((due, _, task))) = self.sleeping.peek() {
            if *due > now {
                return;
            }
            self.ready.push_back(*task);
            self.sleeping.pop();
        }
    }

    fn start_queueing(&mut self) {
        while self.getting.len() < self.most_connections {
            let Some((task, url)) = self.queueing.pop_front() else {
                return;
            };
            match Get::start(&url, self.poll.registry(), Token(task)) {
                Ok(get) => drop(self.getting.insert(task, (get, url))),
                Err(error) => self.fail(task, &url, error),
            }
        }
    }

    fn go_on_getting(&mut self, task: usize) {
        let Some((get, _)) = self.getting.get_mut(&task) else {
            return;
        };
        if let Some(outcome) = get.advance().transpose()
            && let Some((_, url)) = self.getting.remove(&task)
        {
            match outcome {
                Ok(status) if status < 400 => self.ready.push_back(task),
                Ok(status) => self.fail(task, &url, format_args!("status {status}")),
                Err(error) => self.fail(task, &url, error),
            }
        }
    }

    /// Ends one task; its remaining steps are forgotten.
    fn fail(&mut self, task: usize, step: &str, why: impl std::fmt::Display) {
        let Task { name, steps } = &mut self.tasks[task];
        steps.clear();
        eprintln!("{name}: {step}: {why}");
    }
}
