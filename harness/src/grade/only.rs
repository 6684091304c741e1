//! Grading a part of a task.

use crate::task::Task;
use crate::task::near::nearest;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no check and no scenario of {task}{}\n   help: checks: {}", .near.as_ref().map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default(), .checks.join(", "))]
pub struct OnlyError {
    pub name: String,
    pub task: String,
    pub near: Option<String>,
    pub checks: Vec<String>,
}

/// The task with only these checks (or all those of a scenario of that name), and only the scenarios
/// that they need. No names: the whole task.
///
/// # Errors
/// For a name that the task doesn't have.
pub fn only(task: &Task, names: &[String]) -> Result<Task, OnlyError> {
    let scenarios = task.scenarios.iter().map(|s| s.scenario.as_str());
    let checks = || {
        task.scenarios
            .iter()
            .flat_map(|s| &s.checks)
            .map(|c| c.check.as_str())
    };
    let known: Vec<&str> = checks().chain(scenarios).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(OnlyError {
            name: name.clone(),
            task: task.task.clone(),
            near: nearest(name, known.iter().copied()).map(str::to_owned),
            checks: checks().map(str::to_owned).collect(),
        });
    }
    let mut part = task.clone();
    if !names.is_empty() {
        for scenario in &mut part.scenarios {
            if !names.contains(&scenario.scenario) {
                scenario.checks.retain(|check| names.contains(&check.check));
            }
        }
        part.scenarios
            .retain(|scenario| !scenario.checks.is_empty());
    }
    Ok(part)
}
