//! The stage of one run: the submission, its world and what watches them, in one thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::disk::{Disk, Shelf};
use super::look::Looker;
use super::settle::Scene;
use super::streams::Output;
use super::{Program, accounts};
use crate::evidence::writer::Recorder;
use crate::evidence::{Event, StepOutcome, Usage};
use crate::plan::Plan;
use crate::world::callers::Callers;
use crate::world::ledger::Ledger;
use crate::world::origin::Serving;
use crate::world::peers::Peers;
use crate::world::side::Side;
use crate::world::swarm::Swarm;

/// Everything that the script and the settling act upon.
pub struct Stage {
    pub plan: Plan,
    pub recorder: Rc<Recorder>,
    pub ledger: Rc<Ledger>,
    /// Absent in a world without an origin.
    pub serving: Option<Serving>,
    pub side: Rc<Side>,
    /// Absent in a world without clients.
    pub swarm: Option<Swarm>,
    /// Absent in a world without bare targets.
    pub peers: Option<Peers>,
    /// Absent in a world without clients.
    pub callers: Option<Callers>,
    /// The gate before the submission's files. Absent where nothing of them is held or watched.
    pub disk: Option<Rc<Disk>>,
    /// Absent in a world without an output folder.
    pub shelf: Option<Shelf>,
    pub program: RefCell<Program>,
    pub out: Rc<Output>,
    pub err: Rc<Output>,
    /// Absent where standard input is at its end from the start.
    pub input: Option<Rc<super::feed::Feed>>,
    /// Absent where the host shows no threads.
    pub looker: RefCell<Option<Looker>>,
    pub exited: Cell<bool>,
    /// Processes that were still there when the submission's own one ended.
    pub left: Cell<u32>,
    /// Processor time (user, system) and largest resident set (KiB) of the submission's own process.
    pub own: RefCell<(Duration, Duration, u64)>,
    /// Give-up limit of the whole run.
    pub deadline: Instant,
}

impl Scene for Stage {
    async fn drain(&self) {
        self.side.drain().await;
    }

    fn ready(&self) -> bool {
        self.side.ready()
    }

    fn nap(&self, time: Duration) -> bool {
        self.side.wait(time)
    }

    fn seq(&self) -> u64 {
        self.side.seq()
    }

    fn news(&self) -> u64 {
        match &self.swarm {
            // A server may complain every second and serve nobody.
            Some(swarm) if self.serving.is_none() => swarm.news(),
            // A client gets on by its requests; a bar that shows their progress is drawn all the time.
            _ if self.serving.is_some() => {
                let printed = self.out.pieces().wrapping_add(self.err.pieces());
                self.side.seq().wrapping_sub(printed)
            }
            _ => self.side.seq(),
        }
    }

    fn busy(&self) -> bool {
        self.ledger.busy()
            || self.peers.as_ref().is_some_and(Peers::busy)
            || self.swarm.as_ref().is_some_and(Swarm::busy)
    }

    fn on_the_way(&self) -> bool {
        self.serving
            .as_ref()
            .and_then(|s| s.queues().on_the_way)
            .unwrap_or(false)
    }

    fn holds(&self, tid: u32) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.holds(tid))
    }

    fn owed(&self) -> bool {
        self.swarm.as_ref().is_some_and(Swarm::owed)
            || self.callers.as_ref().is_some_and(Callers::owed)
    }

    fn exited(&self) -> bool {
        self.exited.get()
    }
}

impl Stage {
    /// Finished lines on standard output so far.
    pub fn lines(&self) -> u64 {
        self.out.lines()
    }

    /// Sends a signal to the submission's own process.
    pub fn signal(&self, name: &str) -> StepOutcome {
        let Some(number) = signal_number(name) else {
            return StepOutcome::Idle;
        };
        if self.exited.get() || !self.program.borrow().signal(number).is_ok_and(|sent| sent) {
            return StepOutcome::Idle;
        }
        self.recorder.record(Event::Signalled {
            signal: name.to_owned(),
        });
        StepOutcome::Reached
    }

    /// Records the kernel's accounts of the living tree.
    pub fn measure(&self, label: &str) {
        let mut usage = Usage {
            label: label.to_owned(),
            ..Usage::default()
        };
        if let Some(looker) = self.looker.borrow_mut().as_mut() {
            let look = looker.look();
            usage.processes = Some(look.processes);
            usage.threads = Some(look.alive(looker.root()));
            usage.zombies = Some(look.zombies);
            usage.anon_kib = accounts::anon_kib(looker.proc(), &look, looker.root());
            usage.descriptors = accounts::descriptors(looker.proc(), &look, looker.root());
            usage.cpu_by_process_ns = look.cpu_by_process(looker.root());
        }
        self.recorder.record(Event::Usage(usage));
    }

    /// Ends the run: notes what outlived the program, ends it, and hears out the streams.
    pub async fn finish(&self) {
        self.side.drain().await;
        if self.exited.get() && self.left.get() > 0 {
            let names = self
                .looker
                .borrow_mut()
                .as_mut()
                .map(accounts::names)
                .unwrap_or_default();
            // A process that was only just ending is no leftover.
            if !names.is_empty() {
                self.recorder.record(Event::Leftover {
                    processes: names.len() as u32,
                    names,
                });
            }
        }
        if let Err(error) = self.program.borrow_mut().kill() {
            self.recorder.record(Event::Fault {
                message: format!("the submission can't be ended: {error}"),
            });
        }
        if let Some(swarm) = &self.swarm {
            swarm.leave();
        }
        if let Some(peers) = &self.peers {
            peers.leave();
        }
        if let Some(callers) = &self.callers {
            callers.leave();
        }
        self.side.drain().await;
        self.out.drain();
        self.err.drain();
        if let Some(swarm) = &self.swarm {
            swarm.report();
        }
        if let Some(disk) = &self.disk {
            disk.report();
        }
        if let Some(Err(error)) = self
            .shelf
            .as_ref()
            .map(|shelf| shelf.report(&self.recorder))
        {
            self.recorder.record(Event::Fault {
                message: format!("the output folder can't be read: {error}"),
            });
        }
        self.out.close();
        self.err.close();
        let (user, system, max_rss_kib) = *self.own.borrow();
        self.recorder.record(Event::Usage(Usage {
            label: "end".to_owned(),
            user_us: Some(user.as_micros() as u64),
            system_us: Some(system.as_micros() as u64),
            max_rss_kib: Some(max_rss_kib),
            ..Usage::default()
        }));
    }
}

/// Signals that a script can send.
fn signal_number(name: &str) -> Option<i32> {
    Some(match name {
        "TERM" => libc::SIGTERM,
        "INT" => libc::SIGINT,
        "KILL" => libc::SIGKILL,
        "STOP" => libc::SIGSTOP,
        "CONT" => libc::SIGCONT,
        "HUP" => libc::SIGHUP,
        "USR1" => libc::SIGUSR1,
        _ => return None,
    })
}
