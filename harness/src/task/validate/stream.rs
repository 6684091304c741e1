//! Meaning of a scenario's standard streams.

use super::Flaws;
use crate::task::Scenario;
use crate::task::place::Path;
use crate::task::rule::Rule;
use crate::task::script::Step;

/// Whether a rule speaks of what goes through the standard streams.
pub(super) fn speaks_of_streams(rule: &Rule) -> bool {
    matches!(
        rule,
        Rule::Filters(_) | Rule::FiltersAtOnce(_) | Rule::EndsQuietly(_)
    )
}

impl Flaws {
    /// The step `i` of the script, which stands at `at`.
    pub(super) fn stream_step(&mut self, at: &Path, scenario: &Scenario, i: usize) {
        let step = &scenario.script[i];
        if !matches!(step, Step::CloseOutput) && scenario.world.input.is_none() {
            self.help(
                at,
                "this world's standard input is at its end from the start",
                "add `world: { input: {} }`",
            );
        }
        let ended = scenario.script[..i]
            .iter()
            .any(|earlier| matches!(earlier, Step::EndInput));
        if let Step::Feed(feed) = step {
            let at = at.to("feed");
            self.amount(&at.to("lines"), scenario, &feed.lines);
            if let Some(name) = &feed.holding {
                self.parameter(&at.to("holding"), scenario, name);
            }
        }
        if ended && !matches!(step, Step::CloseOutput) {
            self.help(
                at,
                "standard input has ended before",
                "move it before `end_input`",
            );
        }
    }

    pub(super) fn stream_rule(&mut self, at: &Path, scenario: &Scenario, rule: &Rule) {
        let has = |wanted: fn(&Step) -> bool| scenario.script.iter().any(wanted);
        match rule {
            Rule::Filters(filter) | Rule::FiltersAtOnce(filter) => {
                let key = if matches!(rule, Rule::Filters(_)) {
                    "filters"
                } else {
                    "filters_at_once"
                };
                self.parameter(&at.to(key).to("holding"), scenario, &filter.holding);
                if !has(|step| matches!(step, Step::Feed(_))) {
                    let mend = "add `- feed: { lines: … }` to the script";
                    self.help(at, "nothing is fed that could come out", mend);
                }
            }
            Rule::EndsQuietly(_) if !has(|step| matches!(step, Step::CloseOutput)) => {
                let mend = "add `- close_output` to the script";
                self.help(at, "standard output stays open in this script", mend);
            }
            _ => {}
        }
    }

    fn parameter(&mut self, at: &Path, scenario: &Scenario, name: &str) {
        if scenario.with.iter().any(|set| !set.contains_key(name)) {
            self.help(
                at,
                format!("not every set of `with` has a parameter `{name}`"),
                format!("add `{name}: …` to each"),
            );
        }
    }
}
