//! Runs the steps of a script: waits, lets go, acts, and records what each step came to.

use std::time::{Duration, Instant};

use super::clients::SERVER_TIMER;
use super::settle::{Patience, Seen, watch};
use super::stage::Stage;
use crate::evidence::{Event, Settled, StepOutcome};
use crate::task::amount::AmountError;
use crate::task::disk::LetGo;
use crate::task::script::{Condition, Release, Step};
use crate::world::ledger::Pick;
use crate::world::swarm::Swarm;

/// While settling on purpose, a hold stays brief: a program's own time-outs may be as short as a second.
pub(super) const SETTLE_TIMER: Duration = Duration::from_millis(250);
/// Before saying "what I wait for can't come", timers up to this are waited out.
pub(super) const UNTIL_TIMER: Duration = Duration::from_secs(1);
/// A program that doesn't settle is not waited for longer than this when settling is all that is wanted.
const SETTLE_IDLE: Duration = Duration::from_secs(5);
const SETTLE_SPIN: Duration = Duration::from_secs(1);
const UNTIL_SPIN: Duration = Duration::from_secs(10);

impl Stage {
    /// Runs the whole script. Stops early, with the remaining steps unsaid, once the run's time is over.
    ///
    /// # Errors
    /// When the pack names an unknown parameter (it was validated, so this is a harness fault).
    pub async fn play(&self) -> Result<(), ScriptError> {
        for (index, step) in self.plan.script.iter().enumerate() {
            let outcome = self.step(step).await?;
            self.recorder.record(Event::Step {
                step: index as u32,
                outcome,
            });
            if Instant::now() >= self.deadline {
                break;
            }
        }
        Ok(())
    }

    /// Runs one step.
    async fn step(&self, step: &Step) -> Result<StepOutcome, ScriptError> {
        Ok(match step {
            Step::Settle => {
                // A server has nothing in flight that its own time-outs could spoil.
                let brief = if self.swarm.is_some() && self.serving.is_none() {
                    self.idle()
                } else {
                    SETTLE_IDLE
                };
                let patience = Patience {
                    timer: SETTLE_TIMER,
                    idle: brief.min(self.idle()),
                    spin: SETTLE_SPIN,
                    until: self.deadline,
                };
                match self.observe(patience, || false).await {
                    StepOutcome::Stuck => StepOutcome::Reached,
                    other => other,
                }
            }
            Step::Until(condition) => {
                let goal = self.goal(condition)?;
                if condition.echoed.is_some()
                    || condition.replied.is_some()
                    || condition.said.is_some()
                    || condition.heard.is_some()
                    || condition.ended.is_some()
                {
                    self.hear_out(SERVER_TIMER, || self.holds_for(&goal)).await
                } else {
                    self.observe(self.patience(UNTIL_TIMER), || self.holds_for(&goal))
                        .await
                }
            }
            Step::Exit => match self.observe(self.patience(self.idle()), || false).await {
                StepOutcome::Exited => StepOutcome::Reached,
                other => other,
            },
            Step::Release(release) => self.release(release)?,
            Step::Open => {
                self.ledger.open();
                StepOutcome::Reached
            }
            Step::LetGo(let_go) => self.let_go(let_go)?,
            Step::Signal(name) => self.signal(name),
            Step::Measure(label) => {
                self.measure(label);
                StepOutcome::Reached
            }
            Step::Pause(ms) => self.pause(self.plan.amount(ms)?).await,
            Step::Listen => {
                self.observe(self.patience(self.idle()), || self.listening())
                    .await
            }
            other => self.act(other).await?,
        })
    }

    pub(super) fn patience(&self, timer: Duration) -> Patience {
        Patience {
            timer,
            idle: self.idle(),
            spin: UNTIL_SPIN,
            until: self.deadline,
        }
    }

    fn idle(&self) -> Duration {
        Duration::from_secs(self.plan.limits.idle_s)
    }

    /// Watches, and records what was seen where it isn't the goal.
    pub(super) async fn observe(
        &self,
        patience: Patience,
        goal: impl FnMut() -> bool,
    ) -> StepOutcome {
        let mut looker = self.looker.take();
        let seen = watch(self, looker.as_mut(), patience, goal).await;
        let outcome = match &seen {
            Seen::Goal => StepOutcome::Reached,
            Seen::Exited => StepOutcome::Exited,
            Seen::Settled { grade, timer, look } => {
                let (root, worked) = match looker.as_mut() {
                    Some(l) => (l.root(), l.worked(look)),
                    None => (0, 0),
                };
                let counts = self.ledger.counts();
                self.recorder.record(Event::Settled(Settled {
                    grade: *grade,
                    timer_ns: timer.map(|t| t.as_nanos() as u64),
                    processes: look.processes,
                    threads: look.alive(root),
                    in_flight: counts.in_flight as u32,
                    parked: counts.parked as u32,
                    held: self.held() as u32,
                    unread: self.serving.as_ref().and_then(|s| s.queues().unread),
                    unused: counts.unused as u32,
                    cpu_ns: look.run_ns(),
                    working_threads: worked,
                }));
                StepOutcome::Stuck
            }
            Seen::GaveUp(why) => {
                self.recorder.record(Event::GaveUp {
                    settled: false,
                    why: (*why).to_owned(),
                });
                StepOutcome::GaveUp
            }
        };
        self.looker.replace(looker);
        outcome
    }

    fn goal(&self, condition: &Condition) -> Result<Goal, ScriptError> {
        let value = |amount: &Option<_>| {
            amount
                .as_ref()
                .map(|a| self.plan.amount(a))
                .transpose()
                .map_err(ScriptError::Amount)
        };
        Ok(Goal {
            in_flight: value(&condition.in_flight)?,
            parked: value(&condition.parked)?,
            parked_at_body: value(&condition.parked_at_body)?,
            requests: value(&condition.requests)?,
            answered: value(&condition.answered)?,
            held: value(&condition.held)?,
            lines: value(&condition.lines)?,
            echoed: self.members(condition.echoed.as_ref())?,
            replied: self.members(condition.replied.as_ref())?,
            others: [
                (
                    self.members(condition.connected.as_ref())?,
                    Swarm::open as _,
                ),
                (self.members(condition.said.as_ref())?, Swarm::said as _),
                (self.members(condition.heard.as_ref())?, Swarm::heard as _),
            ],
            ended: self.members(condition.ended.as_ref())?,
        })
    }

    fn holds_for(&self, goal: &Goal) -> bool {
        let counts = self.ledger.counts();
        let least = |wanted: Option<u64>, now: u64| wanted.is_none_or(|w| now >= w);
        least(goal.in_flight, counts.in_flight)
            && least(goal.parked, counts.parked)
            && least(goal.parked_at_body, counts.parked_at_body)
            && least(goal.requests, counts.requests)
            && least(goal.answered, counts.answered)
            && least(goal.held, self.held())
            && least(goal.lines, self.lines())
            && goal
                .echoed
                .as_ref()
                .is_none_or(|m| self.have(m, Swarm::echoed))
            && goal
                .others
                .iter()
                .all(|(members, count)| members.as_ref().is_none_or(|m| self.have(m, *count)))
            && goal
                .replied
                .as_ref()
                .is_none_or(|m| self.have(m, Swarm::echoed))
            && goal
                .ended
                .as_ref()
                .is_none_or(|m| self.have(m, Swarm::ended))
    }

    /// Calls that the disk holds now.
    fn held(&self) -> u64 {
        self.disk.as_ref().map_or(0, |disk| disk.held())
    }

    fn let_go(&self, let_go: &LetGo) -> Result<StepOutcome, ScriptError> {
        let count = let_go
            .count
            .as_ref()
            .map(|a| self.plan.amount(a))
            .transpose()?;
        let Some(disk) = &self.disk else {
            return Ok(StepOutcome::Idle);
        };
        let gone = disk.let_go(count).map_err(ScriptError::Gate)?;
        Ok(if gone == 0 {
            StepOutcome::Idle
        } else {
            StepOutcome::Reached
        })
    }

    fn release(&self, release: &Release) -> Result<StepOutcome, AmountError> {
        let count = release
            .count
            .as_ref()
            .map(|a| self.plan.amount(a))
            .transpose()?;
        let spare = release
            .spare
            .as_ref()
            .map(|a| self.plan.amount(a))
            .transpose()?
            .unwrap_or(0);
        let pick = Pick {
            count,
            order: release.order,
            at: release.at,
            spare,
        };
        let let_go = self.ledger.release(&pick);
        Ok(if let_go.is_empty() {
            StepOutcome::Idle
        } else {
            StepOutcome::Reached
        })
    }
}

struct Goal {
    in_flight: Option<u64>,
    parked: Option<u64>,
    parked_at_body: Option<u64>,
    requests: Option<u64>,
    answered: Option<u64>,
    held: Option<u64>,
    lines: Option<u64>,
    echoed: Option<(String, Option<u64>)>,
    replied: Option<(String, Option<u64>)>,
    others: [(Option<(String, Option<u64>)>, fn(&Swarm, &str) -> u64); 3],
    ended: Option<(String, Option<u64>)>,
}

/// Why a script can't go on: a fault of the pack or of the host.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error("the task pack's script is wrong: {0}")]
    Amount(#[from] AmountError),
    #[error("the task pack's script speaks of clients, but its world has no swarm")]
    NoSwarm,
    #[error("a held call can't be let go: {0}")]
    Gate(#[source] std::io::Error),
    #[error("the host gives no more sockets for clients: {0}")]
    Sockets(#[source] std::io::Error),
}
