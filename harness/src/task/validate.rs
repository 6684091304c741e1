//! What a task pack must mean, beyond its types: everything here would otherwise show up only as a
//! strange verdict.

mod clients;

use std::collections::HashMap;

use super::amount::{Amount, AmountError, Params, Value};
use super::load::Flaw;
use super::near::nearest;
use super::place::Path;
use super::rule::Rule;
use super::site::{LinkKind, Shape, Site};
use super::script::{Condition, Release, Step};
use super::world::{Answer, Origin};
use super::{Check, Limits, Scenario, Task, Text};

/// Placeholders that the harness fills (the contract's list); scenarios' parameters come on top.
pub const PLACEHOLDERS: [&str; 18] = [
    "limit", "urls", "out", "url", "depth", "upstream", "host", "port", "file", "timeout",
    "workers", "queue", "commands", "script", "pattern", "targets", "cities", "numbers",
];

const SIGNALS: [&str; 7] = ["TERM", "INT", "KILL", "STOP", "CONT", "HUP", "USR1"];

/// Everything that is wrong with the meaning of a task, each with its path.
pub(crate) fn flaws(task: &Task) -> Vec<Flaw> {
    let mut found = Flaws::default();
    found.head(task);
    let mut scenarios = HashMap::new();
    let mut checks = HashMap::new();
    for (i, scenario) in task.scenarios.iter().enumerate() {
        let at = Path::default().to("scenarios").to(i);
        found.name(
            &at.to("scenario"),
            "scenario",
            &scenario.scenario,
            &mut scenarios,
        );
        found.scenario(&at, task, scenario);
        for (j, check) in scenario.checks.iter().enumerate() {
            let at = at.to("checks").to(j);
            found.name(&at.to("check"), "check", &check.check, &mut checks);
            found.check(&at, scenario, check);
            for rule in parts(&check.rule) {
                found.paired(&at, task, scenario, rule);
            }
        }
    }
    found.0
}

#[derive(Default)]
struct Flaws(Vec<Flaw>);

impl Flaws {
    fn add(&mut self, path: &Path, message: impl Into<String>, mend: impl Into<Option<String>>) {
        self.0.push(Flaw {
            path: path.clone(),
            at_key: false,
            message: message.into(),
            mend: mend.into(),
        });
    }

    fn help(&mut self, path: &Path, message: impl Into<String>, mend: impl Into<String>) {
        self.add(path, message, Some(mend.into()));
    }

    fn head(&mut self, task: &Task) {
        let top = Path::default();
        if task.schema != 1 {
            let mend = "this gradus reads version 1: write `schema: 1`, or use a gradus that knows the newer one";
            self.help(
                &top.to("schema"),
                format!("version {} of the task language is unknown", task.schema),
                mend,
            );
        }
        self.name(&top.to("task"), "task", &task.task, &mut HashMap::new());
        self.text(&top.to("title"), &task.title);
        self.text(&top.to("teaches"), &task.teaches);
        if let Some(i) = task.after.iter().position(|name| *name == task.task) {
            self.help(
                &top.to("after").to(i),
                "the exercise comes after itself",
                "leave it out",
            );
        }
        self.limits(&top.to("limits"), &task.limits);
        if task.run.is_empty() {
            self.help(
                &top.to("run"),
                "the contract's command line is empty",
                format!("write `run: [{}]`", task.task),
            );
        }
        self.placeholders(task);
        if task.scenarios.is_empty() {
            self.help(
                &top.to("scenarios"),
                "no scenarios: nothing would be run",
                "add one",
            );
        } else if !task
            .scenarios
            .iter()
            .flat_map(|s| &s.checks)
            .any(|c| c.points > 0.0)
        {
            self.help(
                &top.to("scenarios"),
                "no check gives any points",
                "give at least one check `points:` above 0",
            );
        }
    }

    fn placeholders(&mut self, task: &Task) {
        let top = Path::default();
        let params = task
            .scenarios
            .iter()
            .flat_map(|s| &s.with)
            .flat_map(|set| set.keys().map(String::as_str));
        let known: Vec<&str> = PLACEHOLDERS.into_iter().chain(params).collect();
        let unknown = |name: &str| {
            let mend = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{{{near}}}`?"),
                None => format!("known: {}", PLACEHOLDERS.join(", ")),
            };
            (format!("unknown placeholder `{{{name}}}`"), mend)
        };
        for (i, element) in task.run.iter().enumerate() {
            for name in names_in(element).filter(|name| !known.contains(name)) {
                let (message, mend) = unknown(name);
                self.help(&top.to("run").to(i), message, mend);
            }
        }
        for (i, name) in task
            .placeholders
            .iter()
            .enumerate()
            .filter(|(_, name)| !known.contains(&name.as_str()))
        {
            let (message, mend) = unknown(name);
            self.help(&top.to("placeholders").to(i), message, mend);
        }
    }

    /// Names are parts of file names, of URLs of statements and of gradebooks.
    fn name(&mut self, path: &Path, what: &str, name: &str, seen: &mut HashMap<String, Path>) {
        let good = !name.is_empty()
            && name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !good {
            let mend = "use lower-case letters, digits and hyphens, with a letter first (like `keeps-limit`)";
            self.help(
                path,
                format!("`{name}` can't be the name of a {what}"),
                mend,
            );
        }
        if let Some(first) = seen.insert(name.to_owned(), path.clone()) {
            self.help(
                path,
                format!("a second {what} is named `{name}`"),
                format!("the first is {first}; rename one"),
            );
        }
    }

    fn text(&mut self, path: &Path, text: &Text) {
        if text.get("en").is_none_or(|en| en.trim().is_empty()) {
            self.help(
                path,
                "no English text",
                "add `en: …`; other languages fall back to it",
            );
        }
        for language in text
            .keys()
            .filter(|l| !(2..=8).contains(&l.len()) || !l.chars().all(|c| c.is_ascii_lowercase()))
        {
            let mend = "use a code like `en` or `ru`";
            self.help(
                &path.to(language.as_str()),
                format!("`{language}` is not the code of a language"),
                mend,
            );
        }
    }

    fn limits(&mut self, path: &Path, limits: &Limits) {
        let all = [
            ("memory_mib", limits.memory_mib, 1 << 20),
            ("processes", limits.processes, 1 << 20),
            ("descriptors", limits.descriptors, 1 << 20),
            ("requests", limits.requests, 1 << 30),
            ("output_bytes", limits.output_bytes, 1 << 30),
            ("file_mib", limits.file_mib, 1 << 20),
            ("wall_s", limits.wall_s, 3600),
            ("idle_s", limits.idle_s, 3600),
        ];
        for (key, value, max) in all {
            if value == 0 || value > max {
                let mend = format!("from 1 to {max}; leave it out for the default");
                self.help(&path.to(key), format!("{value} is no sensible limit"), mend);
            }
        }
    }

    fn scenario(&mut self, at: &Path, task: &Task, scenario: &Scenario) {
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
        } else if let Some(site) = &scenario.world.site {
            self.site(&at.to("world").to("site"), scenario, site);
        } else if task
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
        self.script(&at.to("script"), scenario);
    }

    fn origin(&mut self, at: &Path, scenario: &Scenario, origin: &Origin) {
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
            if let Answer::Status(status) = also.answer {
                if !(200..600).contains(&status) {
                    let message = format!("{status} can't be the status of an answer");
                    self.help(
                        &at.to("answer").to("status"),
                        message,
                        "200 to 599 are possible",
                    );
                }
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

    fn site(&mut self, at: &Path, scenario: &Scenario, site: &Site) {
        self.amount(&at.to("pages"), scenario, &site.pages);
        let (key, amount) = match &site.shape {
            Shape::Tree(amount) => ("tree", amount),
            Shape::Web(amount) => ("web", amount),
            Shape::List(amount) => ("list", amount),
            Shape::Detour(amount) => ("detour", amount),
        };
        self.amount(&at.to("shape").to(key), scenario, amount);
        if let Some(depth) = &site.depth {
            self.amount(&at.to("depth"), scenario, depth);
        }
        for (i, also) in site.also.iter().enumerate() {
            self.amount(&at.to("also").to(i).to("count"), scenario, &also.count);
        }
        if scenario.world.origin.is_some() {
            self.help(at, "a world has either an origin or a site", "leave one of them out");
        }
        // Whether the shape has pages enough is best known by drawing it.
        for (i, set) in scenario.with.iter().enumerate() {
            let error = crate::plan::site::plan(site, set, 0).err();
            if let Some(error) = error.filter(|e| !matches!(e, crate::plan::site::SiteError::Amount { .. })) {
                self.add(at, error.to_string(), format!("seen with the parameters of `with[{i}]`"));
                break;
            }
        }
    }

    fn script(&mut self, at: &Path, scenario: &Scenario) {
        if scenario.script.is_empty() {
            self.help(
                at,
                "an empty script: the run would end at once",
                "write at least `- exit`",
            );
            return;
        }
        let (mut opened, mut ended) = (false, None);
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
                    if holds(scenario) && !opened {
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
                | Step::Send(_)
                | Step::Read(_)
                | Step::Deaf(_)
                | Step::Finish(_)
                | Step::Close(_)
                | Step::Reset(_) => self.client_step(&at, scenario, i),
                Step::Signal(name) => self.signal(&at.to("signal"), name),
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

    fn signal(&mut self, at: &Path, name: &str) {
        if !SIGNALS.contains(&name) {
            let bare = name.strip_prefix("SIG").unwrap_or(name);
            let mend = match nearest(bare, SIGNALS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known: {}", SIGNALS.join(", ")),
            };
            self.help(at, format!("unknown signal `{name}`"), mend);
        }
    }

    fn until(&mut self, at: &Path, scenario: &Scenario, condition: &Condition) {
        let Condition {
            in_flight,
            parked,
            parked_at_body,
            requests,
            answered,
            lines,
            echoed,
            ended,
        } = condition;
        for (key, members) in [("echoed", echoed), ("ended", ended)] {
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
        if all.iter().all(|(_, amount, _)| amount.is_none()) && echoed.is_none() && ended.is_none() {
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

    fn release(&mut self, at: &Path, scenario: &Scenario, release: &Release) {
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

    fn check(&mut self, at: &Path, scenario: &Scenario, check: &Check) {
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
        self.rule(&at.to("rule"), scenario, &check.rule);
    }

    fn rule(&mut self, at: &Path, scenario: &Scenario, rule: &Rule) {
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
            Rule::Exits(_) | Rule::PrintsResults(_) | Rule::PrintsVisits(_) | Rule::RefusesArguments(_)
                if !has(|s| matches!(s, Step::Exit)) =>
            {
                self.help(
                    at,
                    "the script doesn't wait for the submission's end",
                    "end the script with `- exit`",
                );
            }
            Rule::Visits(_) | Rule::PrintsVisits(_) if scenario.world.site.is_none() => {
                self.help(at, "this world has no site whose pages could be visited", "add `world: { site: … }`");
            }
            Rule::Visits(visits) => {
                let site = scenario.world.site.as_ref();
                let has = |kind: &LinkKind| {
                    let of_shape = match kind {
                        LinkKind::Plain => true,
                        LinkKind::TooDeep => site.is_some_and(|s| s.depth.is_some()),
                        LinkKind::Nearer => site.is_some_and(|s| matches!(s.shape, Shape::Detour(_))),
                        _ => false,
                    };
                    of_shape || site.is_some_and(|s| s.links.contains(kind))
                };
                for (i, kind) in visits.links.iter().enumerate().filter(|(_, kind)| !has(kind)) {
                    let message = format!("the site has no links of the kind `{}`", kind.as_str());
                    self.help(&at.to("visits").to("links").to(i), message, "add it to `world.site.links`");
                }
            }
            Rule::NotStalled(_) if !holds(scenario) => {
                let mend = "add entries with `answer: stuck`, or a gate";
                self.help(
                    at,
                    "this world holds no answers that could stall the others",
                    mend,
                );
            }
            _ => {}
        }
    }

    /// An upper bound alone is fulfilled by doing nothing (invariant 7 of the design).
    fn paired(&mut self, at: &Path, task: &Task, scenario: &Scenario, rule: &Rule) {
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

    /// The amount must have a value under every parameter set.
    fn amount(&mut self, at: &Path, scenario: &Scenario, amount: &Amount) {
        let failed = scenario
            .with
            .iter()
            .find_map(|set| amount.value(set).err().map(|error| (error, set)));
        let Some((error, set)) = failed else { return };
        let mend = match &error {
            AmountError::Unknown { name, .. } => {
                match nearest(name, set.keys().map(String::as_str)) {
                    Some(near) => Some(format!("did you mean `{near}`?")),
                    None => Some(format!("add `{name}` to every set of `with`")),
                }
            }
            AmountError::Range(_) => Some(format!("the set is {}", shown(set))),
            AmountError::Syntax(_) => None,
        };
        self.add(at, error.to_string(), mend);
    }
}

/// Whether the world ever holds an answer.
fn holds(scenario: &Scenario) -> bool {
    let detour = |site: &Site| matches!(site.shape, Shape::Detour(_));
    scenario.world.gate().is_some()
        || scenario.world.site.as_ref().is_some_and(detour)
        || scenario.world.origin.as_ref().is_some_and(|origin| {
            origin.also.iter().any(|also| also.answer == Answer::Stuck)
        })
}

/// The single rules that a rule is made of.
fn parts(rule: &Rule) -> Vec<&Rule> {
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
        Rule::EachOnce(_)
        | Rule::AllTried(_)
        | Rule::NotStalled(_)
        | Rule::Exits(_)
        | Rule::PrintsResults(_)
        | Rule::Visits(_)
        | Rule::PrintsVisits(_)
        | Rule::RefusesArguments(_)
        | Rule::All(_) => Vec::new(),
    }
}

fn gives(scenario: &Scenario, name: &str) -> bool {
    scenario.with.iter().all(|set| set.contains_key(name))
}

fn is_parameter(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn shown(set: &Params) -> String {
    let pairs: Vec<String> = set
        .iter()
        .map(|(name, value): (&String, &Value)| format!("{name}: {value}"))
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// The placeholders in one element of a command line: `{name}`.
fn names_in(element: &str) -> impl Iterator<Item = &str> {
    element
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name)
}
