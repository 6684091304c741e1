//! Meaning of a scenario's disk, and of the steps that speak of it.

use super::world::gives;
use super::{Flaws, names_in};
use crate::task::amount::Amount;
use crate::task::disk::{LetGo, Op};
use crate::task::place::Path;
use crate::task::rule::Rule;
use crate::task::script::Step;
use crate::task::{Scenario, Task};

/// Whether a rule needs an output folder.
pub(super) fn speaks_of_it(rule: &Rule) -> bool {
    matches!(
        rule,
        Rule::GoesOn(_)
            | Rule::Backlog(_)
            | Rule::FilesEqual(_)
            | Rule::NoPartial(_)
            | Rule::StaysInside(_)
            | Rule::NoOverwriting(_)
            | Rule::ReportsDiskErrors(_)
            | Rule::Avoids(_)
    )
}

impl Flaws {
    pub(super) fn disk(&mut self, at: &Path, task: &Task, scenario: &Scenario) {
        let Some(disk) = &scenario.world.disk else {
            let wants = task
                .run
                .iter()
                .any(|e| names_in(e).any(|name| name == "out"));
            if wants && !gives(scenario, "out") {
                let mend = "add `world: { disk: {} }`, or a parameter `out`";
                self.help(
                    at,
                    "the command line has `{out}`, but this world has no output folder",
                    mend,
                );
            }
            return;
        };
        if let Some(hold) = &disk.hold {
            let at = at.to("hold");
            self.ops(&at, &hold.ops);
            self.count(&at.to("from"), scenario, &hold.from);
            if let Some(count) = &hold.count {
                self.count(&at.to("count"), scenario, count);
            }
            let frees = |step: &Step| matches!(step, Step::LetGo(_) | Step::Signal(_));
            if !scenario.script.iter().any(frees) {
                let mend = "add `- let_go: {}` before `exit`";
                self.help(&at, "calls are held that the script never lets go", mend);
            }
        }
        if let Some(fail) = &disk.fail {
            let at = at.to("fail");
            self.ops(&at, &fail.ops);
            self.count(&at.to("nth"), scenario, &fail.nth);
        }
    }

    pub(super) fn let_go(&mut self, at: &Path, scenario: &Scenario, let_go: &LetGo) {
        self.holds_calls(at, scenario);
        if let Some(count) = &let_go.count {
            self.amount(&at.to("count"), scenario, count);
        }
    }

    /// A condition on held calls.
    pub(super) fn held(&mut self, at: &Path, scenario: &Scenario, held: &Amount) {
        self.holds_calls(at, scenario);
        self.amount(at, scenario, held);
    }

    /// A rule about the disk: the world must have what it is about.
    pub(super) fn disk_rule(&mut self, at: &Path, scenario: &Scenario, rule: &Rule) {
        let Some(disk) = &scenario.world.disk else {
            self.help(
                at,
                "this world has no output folder",
                "add `world: { disk: {} }`",
            );
            return;
        };
        let (there, mend) = match rule {
            Rule::GoesOn(_) | Rule::Backlog(_) => (disk.hold.is_some(), "hold: { ops: [write] }"),
            Rule::ReportsDiskErrors(_) => {
                (disk.fail.is_some(), "fail: { ops: [write], errno: ENOSPC }")
            }
            Rule::Avoids(_) => (!disk.loads.is_empty(), "loads: [library]"),
            _ => return,
        };
        if !there {
            self.help(
                at,
                "the disk of this world does nothing that could be judged here",
                format!("add `{mend}` to it"),
            );
        }
    }

    fn holds_calls(&mut self, at: &Path, scenario: &Scenario) {
        if scenario
            .world
            .disk
            .as_ref()
            .is_none_or(|disk| disk.hold.is_none())
        {
            let mend = "add `world: { disk: { hold: { ops: [write] } } }`";
            self.help(at, "the disk of this world holds no calls", mend);
        }
    }

    fn ops(&mut self, at: &Path, ops: &[Op]) {
        if ops.is_empty() {
            let mend = format!("name some of: {}", Op::ALL.map(Op::as_str).join(", "));
            self.help(&at.to("ops"), "no calls are named", mend);
        }
    }

    /// Counts of calls begin with 1.
    fn count(&mut self, at: &Path, scenario: &Scenario, amount: &Amount) {
        self.amount(at, scenario, amount);
        if scenario.with.iter().any(|set| amount.value(set) == Ok(0)) {
            self.help(at, "calls are counted from 1", "use 1 or more");
        }
    }
}
