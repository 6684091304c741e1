//! What a task pack must mean, beyond its types: everything here would otherwise show up only as a
//! strange verdict.

mod check;
mod clients;
mod disk;
mod script;
mod site;
mod stream;
mod upstream;
mod world;

use std::collections::HashMap;

use super::amount::{Amount, AmountError, Params, Value};
use super::load::Flaw;
use super::near::nearest;
use super::place::Path;
use super::{Limits, Scenario, Task, Text};

/// Placeholders that the harness fills (the contract's list); scenarios' parameters come on top.
pub const PLACEHOLDERS: [&str; 18] = [
    "limit", "urls", "out", "url", "depth", "upstream", "host", "port", "file", "timeout",
    "workers", "queue", "commands", "script", "pattern", "targets", "cities", "numbers",
];

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
            for rule in check::parts(&check.rule) {
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
