//! Meaning of checks and their rules.

use super::Flaws;
use super::disk::speaks_of_it;
use super::world::holds;
use crate::task::place::Path;
use crate::task::rule::Rule;
use crate::task::script::Step;
use crate::task::{Amount, Check, Scenario, Task};

impl Flaws {
    pub(super) fn check(&mut self, at: &Path, scenario: &Scenario, check: &Check) {
        self.text(&at.to("title"), &check.title);
        if !check.hint.is_empty() {
            self.text(&at.to("hint"), &check.hint);
        }
        if !check.points.is_finite() || check.points < 0.0 || check.points > 1000.0 {
            self.help(
                &at.to("points"),
                format!("{} points", check.points),
                "give from 0 to 1000",
            );
        }
        if !check.penalty.is_finite() || !(0.0..=1000.0).contains(&check.penalty) {
            let message = format!("a penalty of {} points", check.penalty);
            let mend = "give from 0 to 1000; it is taken away";
            self.help(&at.to("penalty"), message, mend);
        } else if check.penalty > 0.0 && check.points > 0.0 {
            let mend = "write `points: 0`, or two checks";
            self.help(
                &at.to("penalty"),
                "one check can't both give and take points",
                mend,
            );
        }
        self.rule(&at.to("rule"), scenario, &check.rule);
    }

    pub(super) fn rule(&mut self, at: &Path, scenario: &Scenario, rule: &Rule) {
        for (steps, amount) in amounts(rule) {
            let path = steps.iter().fold(at.clone(), |path, key| path.to(*key));
            self.amount(&path, scenario, amount);
        }
        let has = |wanted: fn(&Step) -> bool| scenario.script.iter().any(wanted);
        match rule {
            Rule::All(rules) if rules.is_empty() => {
                self.help(at, "nothing to judge", "name the rules that must hold");
            }
            Rule::All(rules) => {
                for (i, rule) in rules.iter().enumerate() {
                    self.rule(&at.to("all").to(i), scenario, rule);
                }
            }
            Rule::Refills(_) if !has(|s| matches!(s, Step::Release(_))) => {
                let mend = "add `- release: { count: 1 }` while work is left";
                self.help(
                    at,
                    "the script lets nothing go that could be refilled",
                    mend,
                );
            }
            Rule::Exits(_)
            | Rule::PrintsResults(_)
            | Rule::Visits(_)
            | Rule::PrintsVisits(_)
            | Rule::RefusesArguments(_)
                if !has(|s| matches!(s, Step::Exit)) =>
            {
                self.help(
                    at,
                    "the script doesn't wait for the submission's end",
                    "end the script with `- exit`",
                );
            }
            rule if speaks_of_it(rule) => self.disk_rule(at, scenario, rule),
            Rule::Visits(visits) => self.visits(at, scenario, visits),
            Rule::PrintsVisits(_) if scenario.world.site.is_none() => self.no_site(at),
            Rule::NotStalled(_) if !holds(scenario) => {
                let mend = "add entries with `answer: stuck`, or a gate";
                self.help(
                    at,
                    "this world holds no answers that could stall the others",
                    mend,
                );
            }
            other => self.client_rule(at, scenario, other),
        }
    }

    /// An upper bound alone is fulfilled by doing nothing (invariant 7 of the design).
    pub(super) fn paired(&mut self, at: &Path, task: &Task, scenario: &Scenario, rule: &Rule) {
        let bound = match rule {
            Rule::NeverExceeds(bound) => Some(&bound.in_flight),
            Rule::BoundedSockets(_) => None,
            _ => return,
        };
        let reached = task.scenarios.iter().any(|other| {
            other
                .checks
                .iter()
                .flat_map(|check| parts(&check.rule))
                .any(|rule| match rule {
                    Rule::Reaches(reaches) => bound.is_none_or(|bound| {
                        other.scenario == scenario.scenario || reaches.in_flight == *bound
                    }),
                    _ => false,
                })
        });
        if !reached {
            let mend = "add a check with `rule: { reaches: … }` of the same bound to this task";
            self.help(
                &at.to("rule"),
                "an upper bound without its \"is reached\": doing nothing would pass it",
                mend,
            );
        }
    }
}

/// The single rules that a rule is made of.
pub(super) fn parts(rule: &Rule) -> Vec<&Rule> {
    match rule {
        Rule::All(rules) => rules.iter().flat_map(parts).collect(),
        one => vec![one],
    }
}

/// Amounts of a single rule, by their keys within it.
fn amounts(rule: &Rule) -> Vec<(Vec<&'static str>, &Amount)> {
    match rule {
        Rule::Reaches(bound) => vec![(vec!["reaches", "in_flight"], &bound.in_flight)],
        Rule::NeverExceeds(bound) => vec![(vec!["never_exceeds", "in_flight"], &bound.in_flight)],
        Rule::BoundedSockets(bound) => {
            vec![(vec!["bounded_sockets", "in_flight"], &bound.in_flight)]
        }
        Rule::Refills(refills) => vec![(vec!["refills", "in_flight"], &refills.in_flight)],
        Rule::BoundedMemory(memory) => vec![(vec!["bounded_memory", "mib"], &memory.mib)],
        Rule::SteadyMemory(grown) => vec![(vec!["steady_memory", "mib"], &grown.mib)],
        Rule::KeepsOpen(idle) => vec![(vec!["keeps_open", "ms"], &idle.ms)],
        Rule::Closes(idle) => vec![(vec!["closes", "ms"], &idle.ms)],
        Rule::GoesOn(goes_on) => vec![(vec!["goes_on", "in_flight"], &goes_on.in_flight)],
        Rule::Backlog(backlog) => vec![(vec!["backlog", "bodies"], &backlog.bodies)],
        Rule::FilesEqual(_)
        | Rule::NoPartial(_)
        | Rule::StaysInside(_)
        | Rule::NoOverwriting(_)
        | Rule::ReportsFailures(_)
        | Rule::ReportsDiskErrors(_)
        | Rule::Avoids(_)
        | Rule::EachOnce(_)
        | Rule::AllTried(_)
        | Rule::NotStalled(_)
        | Rule::Exits(_)
        | Rule::PrintsResults(_)
        | Rule::Visits(_)
        | Rule::PrintsVisits(_)
        | Rule::RefusesArguments(_)
        | Rule::Echoes(_)
        | Rule::Uppercases(_)
        | Rule::Finishes(_)
        | Rule::Rests(_)
        | Rule::FreesDescriptors(_)
        | Rule::EndsOnSignal(_)
        | Rule::Replies(_)
        | Rule::Hears(_)
        | Rule::Takes(_)
        | Rule::Leaves(_)
        | Rule::Stops(_)
        | Rule::PassesOn(_)
        | Rule::Linearizable(_)
        | Rule::All(_) => Vec::new(),
    }
}
