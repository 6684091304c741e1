//! Meaning of a script: what can come to be, and in which order.

use std::collections::HashMap;

use super::Flaws;
use super::world::holds;
use crate::task::Scenario;
use crate::task::near::nearest;
use crate::task::place::Path;
use crate::task::script::{Condition, Release, Step};

const SIGNALS: [&str; 7] = ["TERM", "INT", "KILL", "STOP", "CONT", "HUP", "USR1"];

impl Flaws {
    pub(super) fn script(&mut self, at: &Path, scenario: &Scenario) {
        if scenario.script.is_empty() {
            self.help(
                at,
                "an empty script: the run would end at once",
                "write at least `- exit`",
            );
            return;
        }
        let (mut opened, mut killed, mut ended) = (false, false, None);
        let mut labels = HashMap::new();
        for (i, step) in scenario.script.iter().enumerate() {
            let at = at.to(i);
            if let Some(exit) = ended {
                let message = format!(
                    "nothing can happen after the submission has ended (step {exit} waits for that)"
                );
                self.help(&at, message, "move `exit` to the end");
                ended = None;
            }
            match step {
                Step::Settle => {}
                Step::Pause(ms) => self.amount(&at.to("pause"), scenario, ms),
                Step::Until(condition) => self.until(&at.to("until"), scenario, condition),
                Step::Release(release) => {
                    self.release(&at.to("release"), scenario, release);
                    if opened {
                        let mend = "move it before `open`, or leave it out";
                        self.help(
                            &at,
                            "all gates are open already: nothing is held that could be let go",
                            mend,
                        );
                    }
                }
                Step::Open if opened => {
                    self.help(&at, "the gates are open already", "leave this step out")
                }
                Step::Open => opened = true,
                Step::Exit => {
                    ended = Some(i);
                    if holds(scenario) && !opened && !killed {
                        let mend = "put `- open` before it";
                        self.help(
                            &at,
                            "the submission can't end while the world holds answers",
                            mend,
                        );
                    }
                }
                Step::Listen
                | Step::Connect(_)
                | Step::Visit(_)
                | Step::Talk(_)
                | Step::Tell(_)
                | Step::Ask(_)
                | Step::Send(_)
                | Step::Read(_)
                | Step::Deaf(_)
                | Step::Finish(_)
                | Step::Close(_)
                | Step::Reset(_) => self.client_step(&at, scenario, i),
                Step::LetGo(let_go) => self.let_go(&at.to("let_go"), scenario, let_go),
                Step::Signal(name) => {
                    killed |= name == "KILL";
                    self.signal(&at.to("signal"), name);
                }
                Step::Measure(label) => {
                    if label == "end" || labels.insert(label.clone(), i).is_some() {
                        let mend =
                            "each moment needs a label of its own; `end` is the closing account";
                        self.help(&at.to("measure"), format!("label `{label}` is taken"), mend);
                    }
                }
            }
        }
    }

    pub(super) fn signal(&mut self, at: &Path, name: &str) {
        if !SIGNALS.contains(&name) {
            let bare = name.strip_prefix("SIG").unwrap_or(name);
            let mend = match nearest(bare, SIGNALS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known: {}", SIGNALS.join(", ")),
            };
            self.help(at, format!("unknown signal `{name}`"), mend);
        }
    }

    pub(super) fn until(&mut self, at: &Path, scenario: &Scenario, condition: &Condition) {
        let Condition {
            in_flight,
            parked,
            parked_at_body,
            requests,
            answered,
            held,
            lines,
            echoed,
            replied,
            connected,
            said,
            heard,
            ended,
        } = condition;
        for (key, members) in [
            ("echoed", echoed),
            ("replied", replied),
            ("connected", connected),
            ("said", said),
            ("heard", heard),
            ("ended", ended),
        ] {
            if let Some(members) = members {
                self.members(&at.to(key), scenario, members);
            }
        }
        let all = [
            ("in_flight", in_flight, false),
            ("parked", parked, true),
            ("parked_at_body", parked_at_body, true),
            ("requests", requests, false),
            ("answered", answered, false),
            ("lines", lines, false),
        ];
        if let Some(held) = held {
            self.held(&at.to("held"), scenario, held);
        }
        let no_clients = [echoed, replied, connected, said, heard, ended]
            .iter()
            .all(|members| members.is_none());
        if all.iter().all(|(_, amount, _)| amount.is_none()) && held.is_none() && no_clients {
            let known = all.map(|(key, ..)| key).join(", ");
            self.help(
                at,
                "nothing to wait for",
                format!("name at least one of: {known}"),
            );
        }
        for (key, amount, needs_gate) in all {
            let Some(amount) = amount else { continue };
            let at = at.to(key);
            self.amount(&at, scenario, amount);
            if !scenario.world.has_pages() && key != "lines" {
                self.help(
                    &at,
                    "this world has no origin: it never sees a request",
                    "add `world: { origin: … }`",
                );
            } else if needs_gate && !holds(scenario) {
                let mend = "add `gate: head` (or `body`) to the origin";
                self.help(
                    &at,
                    "this world holds no answers: the condition can never be true",
                    mend,
                );
            }
        }
    }

    pub(super) fn release(&mut self, at: &Path, scenario: &Scenario, release: &Release) {
        let Release {
            count,
            order: _,
            at: _,
            spare,
        } = release;
        for (key, amount) in [("count", count), ("spare", spare)] {
            if let Some(amount) = amount {
                self.amount(&at.to(key), scenario, amount);
            }
        }
        if !holds(scenario) {
            let mend = "add `gate: head` (or `body`) to the origin, or leave this step out";
            self.help(
                at,
                "this world holds no answers: there is nothing to let go",
                mend,
            );
        }
    }
}
