//! Steps of a script that act through the swarm.

use super::script::{SETTLE_TIMER, ScriptError, UNTIL_TIMER};
use super::stage::Stage;
use crate::evidence::StepOutcome;
use crate::task::script::Step;
use crate::task::swarm::{Connect, Members, Pieces, Send};
use crate::world::swarm::{Speech, Swarm};

impl Stage {
    pub(super) async fn act(&self, step: &Step) -> Result<StepOutcome, ScriptError> {
        match step {
            Step::Connect(connect) => return self.connect(connect).await,
            Step::Send(send) => return self.send(send).await,
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
        swarm.connect(&connect.group, count, connect.reading).map_err(ScriptError::Sockets)?;
        Ok(self.observe(self.patience(UNTIL_TIMER), || swarm.connecting(&connect.group) == 0).await)
    }

    /// Between two pieces the submission settles, so that each is read for itself.
    async fn send(&self, send: &Send) -> Result<StepOutcome, ScriptError> {
        let swarm = self.swarm()?;
        let speech = match &send.text {
            Some(text) => Speech::Literal(text.clone()),
            None => Speech::Seeded { alphabet: send.alphabet, len: self.plan.amount(&send.size)? },
        };
        swarm.say(&send.group, &speech, send.pieces);
        if send.pieces == Pieces::Whole {
            return Ok(StepOutcome::Reached);
        }
        loop {
            match self.observe(self.patience(SETTLE_TIMER), || false).await {
                StepOutcome::Stuck if swarm.next_piece(&send.group, send.pieces) => {}
                StepOutcome::Stuck => return Ok(StepOutcome::Reached),
                other => return Ok(other),
            }
        }
    }

    pub(super) fn members(&self, members: Option<&Members>) -> Result<Option<(String, Option<u64>)>, ScriptError> {
        let Some(members) = members else { return Ok(None) };
        let count = members.count.as_ref().map(|a| self.plan.amount(a)).transpose()?;
        Ok(Some((members.group.clone(), count)))
    }

    /// Whether enough clients of a group are what `count` counts.
    pub(super) fn have(&self, (group, least): &(String, Option<u64>), count: fn(&Swarm, &str) -> u64) -> bool {
        self.swarm.as_ref().is_some_and(|s| count(s, group) >= least.unwrap_or_else(|| s.size(group)))
    }
}
