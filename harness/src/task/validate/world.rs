//! Meaning of a scenario and its world.

use super::{Flaws, names_in};
use crate::task::place::Path;
use crate::task::site::{Shape, Site};
use crate::task::world::{Answer, Origin};
use crate::task::{Scenario, Task};

impl Flaws {
    pub(super) fn scenario(&mut self, at: &Path, task: &Task, scenario: &Scenario) {
        self.text(&at.to("title"), &scenario.title);
        if let Some(limits) = &scenario.limits {
            self.limits(&at.to("limits"), limits);
        }
        if scenario.with.is_empty() {
            let mend = "leave `with` out, or write one set of parameters";
            self.help(
                &at.to("with"),
                "an empty list of parameter sets: the scenario would never run",
                mend,
            );
        }
        for (i, set) in scenario.with.iter().enumerate() {
            for name in set.keys().filter(|name| !is_parameter(name)) {
                let path = at.to("with").to(i).to(name.as_str());
                let mend = "use lower-case letters, digits and `_`, with a letter first";
                self.help(
                    &path,
                    format!("`{name}` can't be the name of a parameter"),
                    mend,
                );
            }
        }
        if scenario.checks.is_empty() {
            self.help(
                &at.to("checks"),
                "no checks: the scenario would run for nothing",
                "add one, or drop the scenario",
            );
        }
        if let Some(origin) = &scenario.world.origin {
            self.origin(&at.to("world").to("origin"), scenario, origin);
        }
        if let Some(site) = &scenario.world.site {
            self.site(&at.to("world").to("site"), scenario, site);
        } else if scenario.world.origin.is_none()
            && task
                .run
                .iter()
                .any(|e| names_in(e).any(|name| name == "urls"))
            && !gives(scenario, "urls")
        {
            let mend = "add `world: { origin: { pages: … } }`, or a parameter `urls`";
            self.help(
                at,
                "the command line has `{urls}`, but this world has no origin that would give them",
                mend,
            );
        }
        self.upstream(&at.to("world").to("upstream"), scenario);
        self.disk(&at.to("world").to("disk"), task, scenario);
        self.script(&at.to("script"), scenario);
    }

    pub(super) fn origin(&mut self, at: &Path, scenario: &Scenario, origin: &Origin) {
        if !(1..=64).contains(&origin.hosts) {
            self.help(
                &at.to("hosts"),
                format!("{} hosts", origin.hosts),
                "1 to 64 are possible",
            );
        }
        if origin.size.max > 1 << 30 {
            self.help(
                &at.to("size"),
                "bodies beyond 1 GiB",
                "smaller ones show the same faults",
            );
        }
        self.amount(&at.to("pages"), scenario, &origin.pages);
        self.amount(&at.to("twice"), scenario, &origin.twice);
        for (i, also) in origin.also.iter().enumerate() {
            let at = at.to("also").to(i);
            self.amount(&at.to("count"), scenario, &also.count);
            if let Answer::Status(status) = also.answer
                && !(200..600).contains(&status)
            {
                let message = format!("{status} can't be the status of an answer");
                self.help(
                    &at.to("answer").to("status"),
                    message,
                    "200 to 599 are possible",
                );
            }
        }
        for set in &scenario.with {
            let (Ok(pages), Ok(twice)) = (origin.pages.value(set), origin.twice.value(set)) else {
                continue;
            };
            if twice > pages {
                let message = format!("{twice} pages stand twice, but there are only {pages}");
                self.help(
                    &at.to("twice"),
                    message,
                    "make it at most the number of pages",
                );
                break;
            }
        }
    }
}

/// Whether the world ever holds an answer.
pub(super) fn holds(scenario: &Scenario) -> bool {
    let detour = |site: &Site| matches!(site.shape, Shape::Detour(_));
    let stuck = |origin: &Origin| origin.also.iter().any(|also| also.answer == Answer::Stuck);
    scenario.world.gate().is_some()
        || scenario.world.site.as_ref().is_some_and(detour)
        || scenario.world.origin.as_ref().is_some_and(stuck)
}

pub(super) fn gives(scenario: &Scenario, name: &str) -> bool {
    scenario.with.iter().all(|set| set.contains_key(name))
}

fn is_parameter(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
