//! Meaning of the steps that act through the swarm.

use super::Flaws;
use crate::task::Scenario;
use crate::task::peer::PEER;
use crate::task::place::Path;
use crate::task::rule::{Between, Grown, Rule};
use crate::task::script::{Condition, Step};
use crate::task::swarm::Members;

impl Flaws {
    /// A step that speaks of clients: the world must have some, and the group must have been connected.
    pub(super) fn client_step(&mut self, at: &Path, scenario: &Scenario, index: usize) {
        if scenario.world.swarm.is_none() && scenario.world.peer.is_none() {
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
            Step::Visit(visit) => {
                self.amount(&at.to("visit").to("count"), scenario, &visit.count);
                self.amount(&at.to("visit").to("size"), scenario, &visit.size);
            }
            Step::Ask(ask) => {
                let at = at.to("ask");
                if let Some(times) = &ask.times {
                    self.amount(&at.to("times"), scenario, times);
                }
                if ask.lines.is_empty() {
                    self.help(&at.to("lines"), "nothing to ask", "name at least one line");
                }
                let names_page = ask.lines.iter().any(|line| line.contains("{url}"));
                if names_page && scenario.world.origin.is_none() {
                    let mend = "add `world: { origin: … }`";
                    self.help(&at.to("lines"), "this world has no pages for `{url}`", mend);
                }
            }
            Step::Talk(talk) => {
                let at = at.to("talk");
                self.amount(&at.to("times"), scenario, &talk.times);
                self.amount(&at.to("every"), scenario, &talk.every);
                self.amount(&at.to("size"), scenario, &talk.size);
            }
            Step::Tell(send) => self.amount(&at.to("tell").to("size"), scenario, &send.size),
            Step::Send(send) => self.amount(&at.to("send").to("size"), scenario, &send.size),
            _ => {}
        }
        let before = &scenario.script[..index];
        if brings(step).is_some() && !before.iter().any(|s| matches!(s, Step::Listen)) {
            self.help(
                at,
                "nobody waits until the submission listens",
                "put `- listen` before it",
            );
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

    /// A rule on clients: its group, accounts and waits must be in the script.
    pub(super) fn client_rule(&mut self, at: &Path, scenario: &Scenario, rule: &Rule) {
        let script = &scenario.script;
        let all = script.len();
        let waits = |wanted: &dyn Fn(&Condition) -> Option<&Members>, group: &str| {
            let waits = |s: &Step| matches!(s, Step::Until(c) if wanted(c).is_some_and(|m| m.group == group));
            script.iter().any(waits)
        };
        match rule {
            Rule::Echoes(of) | Rule::Uppercases(of) => {
                self.group(at, scenario, &of.group, all);
                if !waits(&|c| c.echoed.as_ref(), &of.group) {
                    let mend = format!("add `- until: {{ echoed: {{ group: {} }} }}`", of.group);
                    self.help(at, "the script never waits for this group's echo", mend);
                }
            }
            Rule::Finishes(of) => {
                self.group(at, scenario, &of.group, all);
                if !waits(&|c| c.ended.as_ref(), &of.group) {
                    let mend = format!("add `- until: {{ ended: {{ group: {} }} }}`", of.group);
                    self.help(
                        at,
                        "the script never waits for the end of this group's connections",
                        mend,
                    );
                }
            }
            Rule::Hears(of)
            | Rule::Takes(of)
            | Rule::Leaves(of)
            | Rule::Stops(of)
            | Rule::PassesOn(of) => self.group(at, scenario, &of.group, all),
            Rule::Replies(of) => {
                self.group(at, scenario, &of.group, all);
                if of.lines.is_empty() {
                    self.help(at, "no reply would be due", "name at least one line");
                }
                if !waits(&|c| c.replied.as_ref(), &of.group) {
                    let mend = format!("add `- until: {{ replied: {{ group: {} }} }}`", of.group);
                    self.help(at, "the script never waits for this group's replies", mend);
                }
            }
            Rule::KeepsOpen(of) | Rule::Closes(of) => self.group(at, scenario, &of.group, all),
            Rule::FreesDescriptors(Between {
                group,
                before,
                after,
            }) => {
                self.group(at, scenario, group, all);
                [before, after]
                    .into_iter()
                    .for_each(|label| self.label(at, scenario, label));
            }
            Rule::SteadyMemory(Grown {
                group,
                before,
                after,
                ..
            }) => {
                self.group(at, scenario, group, all);
                [before, after]
                    .into_iter()
                    .for_each(|label| self.label(at, scenario, label));
            }
            Rule::Rests(_) if !script.iter().any(|s| matches!(s, Step::Settle)) => {
                self.help(
                    at,
                    "the script never lets the submission settle",
                    "add `- settle`",
                );
            }
            Rule::EndsOnSignal(_) if !script.iter().any(|s| matches!(s, Step::Signal(_))) => {
                self.help(
                    at,
                    "the script sends no signal",
                    "add `- signal: TERM` and `- exit`",
                );
            }
            Rule::EndsOnSignal(_) if !script.iter().any(|s| matches!(s, Step::Exit)) => {
                self.help(
                    at,
                    "the script doesn't wait for the submission's end",
                    "end the script with `- exit`",
                );
            }
            _ => {}
        }
        let serves = script
            .iter()
            .any(|s| matches!(s, Step::Until(c) if c.echoed.is_some()));
        if matches!(rule, Rule::Rests(_) | Rule::EndsOnSignal(_)) && !serves {
            let mend = "let a client say something first, and wait with `until: { echoed: … }`";
            self.help(
                at,
                "doing nothing would pass: no client is served before",
                mend,
            );
        }
    }

    fn label(&mut self, at: &Path, scenario: &Scenario, label: &str) {
        if !scenario
            .script
            .iter()
            .any(|s| matches!(s, Step::Measure(known) if known == label))
        {
            let mend = format!("add `- measure: {label}`");
            self.help(
                at,
                format!("no account is taken under the label `{label}`"),
                mend,
            );
        }
    }

    fn group(&mut self, at: &Path, scenario: &Scenario, group: &str, before: usize) {
        let is_peer = group == PEER && scenario.world.peer.is_some();
        if !is_peer
            && !scenario
                .script
                .iter()
                .take(before)
                .any(|step| brings(step) == Some(group))
        {
            let mend = format!("put `- connect: {{ group: {group} }}` before it");
            self.help(
                at,
                format!("no client of group `{group}` was connected"),
                mend,
            );
        }
    }
}

/// The group that a step adds clients to.
fn brings(step: &Step) -> Option<&str> {
    match step {
        Step::Connect(connect) => Some(&connect.group),
        Step::Visit(visit) => Some(&visit.group),
        _ => None,
    }
}

fn acts_on(step: &Step) -> Option<&str> {
    match step {
        Step::Send(send) | Step::Tell(send) => Some(&send.group),
        Step::Talk(talk) => Some(&talk.group),
        Step::Ask(ask) => Some(&ask.group),
        Step::Read(g) | Step::Deaf(g) | Step::Finish(g) | Step::Close(g) | Step::Reset(g) => {
            Some(&g.group)
        }
        _ => None,
    }
}
