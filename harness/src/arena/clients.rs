//! Steps of a script that act through the swarm.

use std::io;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};

use super::script::{SETTLE_TIMER, ScriptError};
use super::stage::Stage;
use crate::evidence::{Event, StepOutcome};
use crate::task::script::Step;
use crate::task::swarm::{Alphabet, Ask, Connect, Members, Pieces, Send, Talk, Visit};
use crate::world::swarm::{Queue, Speech, Swarm};

/// A server that has no descriptors left may look away from its listener for a while (asyncio: one
/// second). Timers up to this are waited out before it is said that it doesn't serve.
pub(super) const SERVER_TIMER: Duration = Duration::from_secs(5);
/// A pause looks so often whether the submission is still there.
const PAUSE_SLICE: Duration = Duration::from_millis(20);
/// Descriptors that the arena, or a submission, needs beside its connections.
const OWN_DESCRIPTORS: u64 = 256;

impl Stage {
    pub(super) async fn act(&self, step: &Step) -> Result<StepOutcome, ScriptError> {
        match step {
            Step::Connect(connect) => return self.connect(connect).await,
            Step::Send(send) => return self.send(send).await,
            Step::Visit(visit) => return self.visit(visit).await,
            Step::Tell(send) => self.tell(send)?,
            Step::Ask(ask) => self.ask(ask)?,
            Step::Talk(talk) => return self.talk(talk).await,
            Step::Read(g) => self.swarm()?.read(&g.group, true),
            Step::Deaf(g) => self.swarm()?.read(&g.group, false),
            Step::Finish(g) => self.swarm()?.finish(&g.group),
            Step::Close(g) => self.swarm()?.close(&g.group, false),
            Step::Reset(g) => self.swarm()?.close(&g.group, true),
            _ => return Ok(StepOutcome::Idle),
        }
        Ok(StepOutcome::Reached)
    }

    /// Whether the submission listens on its port now.
    pub(super) fn listening(&self) -> bool {
        self.swarm.as_ref().is_some_and(Swarm::listening)
    }

    fn swarm(&self) -> Result<&Swarm, ScriptError> {
        self.swarm.as_ref().ok_or(ScriptError::NoSwarm)
    }

    async fn connect(&self, connect: &Connect) -> Result<StepOutcome, ScriptError> {
        let swarm = self.swarm()?;
        let count = self.plan.amount(&connect.count)?;
        if let Some(why) = too_many(swarm.held() + count) {
            return Ok(self.give_up(why));
        }
        let mut queue = Queue {
            group: &connect.group,
            reading: connect.reading,
            left: count,
        };
        let patience = if connect.may_fail {
            SETTLE_TIMER
        } else {
            SERVER_TIMER
        };
        let outcome = self.bring(&mut queue, patience).await?;
        // What the submission was allowed to refuse is no reason to wait for anything.
        Ok(if outcome == StepOutcome::Stuck && connect.may_fail {
            StepOutcome::Reached
        } else {
            outcome
        })
    }

    /// Connects as many clients as are queued.
    async fn bring(
        &self,
        queue: &mut Queue<'_>,
        timer: Duration,
    ) -> Result<StepOutcome, ScriptError> {
        let swarm = self.swarm()?;
        let mut failed = None;
        let outcome = self
            .hear_out(timer, || match swarm.advance(queue) {
                Ok(done) => done,
                Err(error) => {
                    failed = Some(error);
                    true
                }
            })
            .await;
        match failed {
            Some(error) if is_shortage(&error) => {
                Ok(self.give_up(format!("this host gives no more sockets: {error}")))
            }
            Some(error) => Err(ScriptError::Sockets(error)),
            None => Ok(outcome),
        }
    }

    /// One client after the other: each is served and gone before the next comes.
    async fn visit(&self, visit: &Visit) -> Result<StepOutcome, ScriptError> {
        let swarm = self.swarm()?;
        let (count, len) = (
            self.plan.amount(&visit.count)?,
            self.plan.amount(&visit.size)?,
        );
        let tally = swarm.tally(&visit.group);
        for i in 0..count {
            let before = tally.size.get();
            let outcome = self
                .bring(
                    &mut Queue {
                        group: &visit.group,
                        reading: true,
                        left: 1,
                    },
                    SERVER_TIMER,
                )
                .await?;
            if outcome != StepOutcome::Reached || tally.open.get() == 0 {
                return Ok(if outcome == StepOutcome::Reached {
                    StepOutcome::Stuck
                } else {
                    outcome
                });
            }
            swarm.say_last(
                &visit.group,
                &Speech::Seeded {
                    alphabet: Alphabet::Caseless,
                    len,
                },
            );
            let outcome = self
                .hear_out(SERVER_TIMER, || tally.echoed.get() > before)
                .await;
            if outcome != StepOutcome::Reached {
                return Ok(outcome);
            }
            swarm.close_last(&visit.group, i % 4 == 3);
        }
        Ok(StepOutcome::Reached)
    }

    fn tell(&self, send: &Send) -> Result<(), ScriptError> {
        let speech = self.speech(send)?;
        self.swarm()?.tell(&send.group, &speech);
        Ok(())
    }

    fn speech(&self, send: &Send) -> Result<Speech, ScriptError> {
        Ok(match &send.text {
            Some(text) => Speech::Literal(text.clone()),
            None => Speech::Seeded {
                alphabet: send.alphabet,
                len: self.plan.amount(&send.size)?,
            },
        })
    }

    fn ask(&self, ask: &Ask) -> Result<(), ScriptError> {
        let times = match &ask.times {
            Some(times) => self.plan.amount(times)?,
            None => ask.lines.len() as u64,
        };
        self.swarm()?.ask(ask, times);
        Ok(())
    }

    async fn talk(&self, talk: &Talk) -> Result<StepOutcome, ScriptError> {
        let swarm = self.swarm()?;
        let every = self.plan.amount(&talk.every)?;
        let speech = Speech::Seeded {
            alphabet: Alphabet::Caseless,
            len: self.plan.amount(&talk.size)?,
        };
        for _ in 0..self.plan.amount(&talk.times)? {
            match self.pause(every).await {
                StepOutcome::Reached => {}
                other => return Ok(other),
            }
            swarm.say(&talk.group, &speech, Pieces::Whole);
            let echoed = || swarm.echoed(&talk.group) >= swarm.size(&talk.group);
            match self.hear_out(SERVER_TIMER, echoed).await {
                StepOutcome::Reached => {}
                other => return Ok(other),
            }
        }
        Ok(StepOutcome::Reached)
    }

    /// Lets time pass, while everything else goes on.
    pub(super) async fn pause(&self, ms: u64) -> StepOutcome {
        let end = Instant::now() + Duration::from_millis(ms);
        loop {
            let now = Instant::now();
            if self.exited.get() {
                return StepOutcome::Exited;
            }
            if now >= end {
                return StepOutcome::Reached;
            }
            if now >= self.deadline {
                return self.give_up("the run's time is over".to_owned());
            }
            tokio::time::sleep((end - now).min(PAUSE_SLICE)).await;
        }
    }

    async fn send(&self, send: &Send) -> Result<StepOutcome, ScriptError> {
        let swarm = self.swarm()?;
        let speech = self.speech(send)?;
        swarm.say(&send.group, &speech, send.pieces);
        if send.pieces == Pieces::Whole {
            return Ok(StepOutcome::Reached);
        }
        loop {
            // A server may keep the first bytes of a character until it is whole: then it settles.
            match self
                .observe(self.patience(SETTLE_TIMER), || {
                    swarm.up_to_date(&send.group)
                })
                .await
            {
                StepOutcome::Reached | StepOutcome::Stuck
                    if swarm.next_piece(&send.group, send.pieces) => {}
                StepOutcome::Reached | StepOutcome::Stuck => return Ok(StepOutcome::Reached),
                other => return Ok(other),
            }
        }
    }

    /// Watches what becomes of clients; where it isn't what was waited for, says how far each has come.
    pub(super) async fn hear_out(
        &self,
        timer: Duration,
        goal: impl FnMut() -> bool,
    ) -> StepOutcome {
        let outcome = self.observe(self.patience(timer), goal).await;
        if let (Some(swarm), true) = (&self.swarm, outcome != StepOutcome::Reached) {
            swarm.report();
        }
        outcome
    }

    fn give_up(&self, why: String) -> StepOutcome {
        self.recorder.record(Event::GaveUp {
            settled: false,
            why,
        });
        StepOutcome::GaveUp
    }

    pub(super) fn members(
        &self,
        members: Option<&Members>,
    ) -> Result<Option<(String, Option<u64>)>, ScriptError> {
        let Some(members) = members else {
            return Ok(None);
        };
        let count = members
            .count
            .as_ref()
            .map(|a| self.plan.amount(a))
            .transpose()?;
        Ok(Some((members.group.clone(), count)))
    }

    /// Whether enough clients of a group are what `count` counts.
    pub(super) fn have(
        &self,
        (group, least): &(String, Option<u64>),
        count: fn(&Swarm, &str) -> u64,
    ) -> bool {
        self.swarm
            .as_ref()
            .is_some_and(|s| count(s, group) >= least.unwrap_or_else(|| s.size(group)))
    }
}

/// Why so many connections at a time can't be had here. The submission can't have more descriptors than
/// we can.
fn too_many(connections: u64) -> Option<String> {
    let most = getrlimit(Resource::Nofile).maximum?;
    (connections + OWN_DESCRIPTORS > most).then(|| {
        format!("{connections} connections need more than the {most} descriptors that this host gives a process; raise its hard limit (`ulimit -Hn`)")
    })
}

/// Whether the host has run out of something that connections need.
fn is_shortage(error: &io::Error) -> bool {
    let shortages = [
        libc::EMFILE,
        libc::ENFILE,
        libc::EADDRNOTAVAIL,
        libc::ENOBUFS,
        libc::ENOMEM,
    ];
    error
        .raw_os_error()
        .is_some_and(|errno| shortages.contains(&errno))
}
