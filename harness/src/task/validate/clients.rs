//! Meaning of the steps that act through the swarm.

use super::Flaws;
use crate::task::Scenario;
use crate::task::place::Path;
use crate::task::script::Step;
use crate::task::swarm::Members;

impl Flaws {
    /// A step that speaks of clients: the world must have some, and the group must have been connected.
    pub(super) fn client_step(&mut self, at: &Path, scenario: &Scenario, index: usize) {
        if scenario.world.swarm.is_none() {
            self.help(
                at,
                "this world has no clients",
                "add `world: { swarm: {} }`",
            );
        }
        let step = &scenario.script[index];
        match step {
            Step::Connect(connect) => {
                self.amount(&at.to("connect").to("count"), scenario, &connect.count)
            }
            Step::Send(send) => self.amount(&at.to("send").to("size"), scenario, &send.size),
            _ => {}
        }
        if let Some(group) = acts_on(step) {
            self.group(at, scenario, group, index);
        }
    }

    /// A condition on the clients of a group.
    pub(super) fn members(&mut self, at: &Path, scenario: &Scenario, members: &Members) {
        if let Some(count) = &members.count {
            self.amount(&at.to("count"), scenario, count);
        }
        self.group(at, scenario, &members.group, scenario.script.len());
    }

    fn group(&mut self, at: &Path, scenario: &Scenario, group: &str, before: usize) {
        let connected =
            |step: &Step| matches!(step, Step::Connect(connect) if connect.group == group);
        if !scenario.script.iter().take(before).any(connected) {
            let mend = format!("put `- connect: {{ group: {group} }}` before it");
            self.help(
                at,
                format!("no client of group `{group}` was connected"),
                mend,
            );
        }
    }
}

fn acts_on(step: &Step) -> Option<&str> {
    match step {
        Step::Send(send) => Some(&send.group),
        Step::Read(g) | Step::Deaf(g) | Step::Finish(g) | Step::Close(g) | Step::Reset(g) => {
            Some(&g.group)
        }
        _ => None,
    }
}
