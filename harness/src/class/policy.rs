//! What a course makes of scores: late penalties, the best of several submissions, tasks that are
//! dropped. Data in a YAML file; faults are told with their places.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::task::load::{Flaw, TaskError, located, parse};
use crate::task::near::nearest;
use crate::task::place::Path;

/// The file as it stands. Everything has a default: no file is a file without rules.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late: Option<Late>,
    /// Which of several submissions of one student counts.
    pub attempts: Attempts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<Drop>,
    /// What a student gets for a task without a submission.
    pub missing: Missing,
    /// By task.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<String, TaskPolicy>,
}

/// What late submissions lose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Late {
    /// Days that cost nothing.
    #[serde(default)]
    pub free_days: f64,
    /// Percent of the gained points that each begun day behind those costs.
    pub per_day: f64,
    /// Most percent that are lost.
    #[serde(default = "all")]
    pub most: f64,
    /// Days behind which a submission counts nothing at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse_after: Option<f64>,
}

fn all() -> f64 {
    100.0
}

/// Which of several submissions counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attempts {
    /// The one with the most points, after late penalties.
    #[default]
    Best,
    /// The last one that the roster lists.
    Last,
}

/// Tasks that don't count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    /// So many tasks with the lowest percentages don't count for a student.
    pub lowest: usize,
}

/// What a missing submission is in the gradebook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// No score; the total isn't final.
    #[default]
    Blank,
    /// A score of 0.
    Zero,
}

/// What is special about one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TaskPolicy {
    /// Share in the total, against the other tasks'.
    pub weight: f64,
    /// Name of the column in gradebooks: for Canvas the assignment's, best with its number in parentheses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

impl Default for TaskPolicy {
    fn default() -> Self {
        TaskPolicy {
            weight: 1.0,
            column: None,
        }
    }
}

impl Policy {
    /// Reads it. `name` is the file as the user knows it; `tasks` are those that are graded.
    ///
    /// # Errors
    /// Syntax, types, unknown keys and what makes no sense, with line and column.
    pub fn read(text: &str, name: &str, tasks: &[&str]) -> Result<Policy, TaskError> {
        let blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        if text.lines().all(blank) {
            return Ok(Policy::default());
        }
        let policy: Policy = parse(text, name)?;
        let flaws = policy.flaws(tasks);
        if flaws.is_empty() {
            Ok(policy)
        } else {
            Err(located(text, name, flaws))
        }
    }

    fn flaws(&self, tasks: &[&str]) -> Vec<Flaw> {
        let top = Path::default();
        let mut flaws = Vec::new();
        let mut add = |path: Path, message: String, mend: Option<String>, at_key| {
            flaws.push(Flaw {
                path,
                at_key,
                message,
                mend,
            });
        };
        if let Some(late) = &self.late {
            let of = |key: &str| top.to("late").to(key);
            for (key, value) in [("per_day", late.per_day), ("most", late.most)] {
                if !(0.0..=100.0).contains(&value) {
                    let mend = "write percent, from 0 to 100".to_owned();
                    add(
                        of(key),
                        format!("{value} are no percent"),
                        Some(mend),
                        false,
                    );
                }
            }
            let days = [
                ("free_days", Some(late.free_days)),
                ("refuse_after", late.refuse_after),
            ];
            for (key, value) in days {
                if value.is_some_and(|days| !days.is_finite() || days < 0.0) {
                    let mend = "write days, 0 or more".to_owned();
                    add(of(key), "no number of days".to_owned(), Some(mend), false);
                }
            }
        }
        if self
            .drop
            .as_ref()
            .is_some_and(|drop| drop.lowest >= tasks.len())
        {
            let message = format!("of {} task(s) none would be left", tasks.len());
            add(top.to("drop").to("lowest"), message, None, false);
        }
        for (task, policy) in &self.tasks {
            let path = top.to("tasks").to(task.as_str());
            if !tasks.contains(&task.as_str()) {
                let mend = nearest(task, tasks.iter().copied())
                    .map(|near| format!("did you mean `{near}`?"))
                    .unwrap_or_else(|| format!("graded are: {}", tasks.join(", ")));
                add(
                    path,
                    format!("task `{task}` is not graded"),
                    Some(mend),
                    true,
                );
            } else if !policy.weight.is_finite() || policy.weight < 0.0 {
                let message = "a weight is 0 or more".to_owned();
                add(path.to("weight"), message, None, false);
            }
        }
        flaws
    }

    /// Percent that a submission so many days late loses. None: it counts nothing at all.
    pub fn late_percent(&self, days: f64) -> Option<f64> {
        let Some(late) = &self.late else {
            return Some(0.0);
        };
        if late.refuse_after.is_some_and(|most| days > most) {
            return None;
        }
        let begun = (days - late.free_days).max(0.0).ceil();
        Some((begun * late.per_day).min(late.most))
    }

    /// Share of a task in the total.
    pub fn weight(&self, task: &str) -> f64 {
        self.tasks.get(task).map_or(1.0, |policy| policy.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: [&str; 2] = ["fetcher", "crawler"];

    fn read(text: &str) -> Result<Policy, String> {
        Policy::read(text, "policy.yaml", &TASKS).map_err(|error| error.to_string())
    }

    #[test]
    fn no_rules_are_the_default() {
        assert_eq!(read("# none\n"), Ok(Policy::default()));
        assert_eq!(Policy::default().late_percent(100.0), Some(0.0));
    }

    #[test]
    fn begun_days_cost_up_to_a_bound() {
        let policy =
            read("late: { free_days: 1, per_day: 10, most: 25, refuse_after: 7 }").expect("right");
        let percent = [0.0, 1.0, 1.01, 2.0, 2.5, 6.0, 7.0].map(|days| policy.late_percent(days));
        let wanted = [0.0, 0.0, 10.0, 10.0, 20.0, 25.0, 25.0].map(Some);
        assert_eq!(percent, wanted);
        assert_eq!(policy.late_percent(7.1), None);
    }

    #[test]
    fn faults_are_told_with_their_places() {
        for (text, parts) in [
            ("late: { per_day: 110 }", ["policy.yaml:1:18", "no percent"]),
            (
                "late:\n  per_dya: 1\n",
                ["policy.yaml:2:3", "did you mean `per_day`?"],
            ),
            (
                "attempts: beste",
                ["policy.yaml:1:11", "did you mean `best`?"],
            ),
            (
                "drop: { lowest: 2 }",
                ["policy.yaml:1:17", "none would be left"],
            ),
            (
                "tasks:\n  fetchr: { weight: 2 }",
                ["policy.yaml:2:3", "did you mean `fetcher`?"],
            ),
            (
                "tasks:\n  fetcher: { weight: -2 }",
                ["policy.yaml:2:22", "0 or more"],
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }
}
