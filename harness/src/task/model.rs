//! What a task pack says, as values. Reading it from YAML is `task::load`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Params;
use super::rule::Rule;
use super::script::Step;
use super::world::World;

/// Text in several languages, by language code; `en` is always there.
pub type Text = BTreeMap<String, String>;

/// A task pack: one exercise with its scenarios and checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Version of the task language; this one is 1.
    pub schema: u32,
    /// Name of the exercise and of its folder.
    pub task: String,
    pub title: Text,
    /// One sentence: what a student learns.
    pub teaches: Text,
    /// Exercises that come before this one.
    #[serde(default)]
    pub after: Vec<String>,
    pub kind: Kind,
    /// The contract's own command line. The first element is the program; the rest are appended to
    /// a `run` without placeholders. An element with a blank (`--depth {depth}`) is several arguments,
    /// left out together where the placeholder has no value.
    pub run: Vec<String>,
    /// Placeholders of `run` beyond the contract's that a `submission.yaml` may use.
    #[serde(default)]
    pub placeholders: Vec<String>,
    #[serde(default)]
    pub limits: Limits,
    /// Graded with nothing else beside it, as its checks measure speed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    pub scenarios: Vec<Scenario>,
}

/// Who speaks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The submission asks the world.
    Client,
    /// The world asks the submission.
    Server,
    /// Streams, processes and files only.
    Program,
}

/// Limits of an arena. All are generous: they guard the host, they don't grade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Memory of the whole process tree, MiB.
    pub memory_mib: u64,
    /// Processes and threads together.
    pub processes: u64,
    /// Descriptors per process.
    pub descriptors: u64,
    /// Bytes kept of each output stream.
    pub output_bytes: u64,
    /// Size of one file, MiB.
    pub file_mib: u64,
    /// Requests to the origin; a program that asks for more (it retries for ever) is ended, with
    /// everything given to it that it asked for.
    pub requests: u64,
    /// Wall clock of a whole run, seconds: a give-up limit, never a verdict.
    pub wall_s: u64,
    /// Wall clock without any event, seconds: a give-up limit, never a verdict.
    pub idle_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_mib: 1024,
            processes: 1024,
            descriptors: 8192,
            output_bytes: 4 << 20,
            file_mib: 1024,
            requests: 100_000,
            wall_s: 90,
            idle_s: 20,
        }
    }
}

/// One run of the submission in one world under one script; repeated for each set of `with`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub scenario: String,
    pub title: Text,
    /// Parameter sets; the scenario runs once for each. Every check must hold in all of them.
    #[serde(default = "one_set")]
    pub with: Vec<Params>,
    #[serde(default)]
    pub world: World,
    /// Limits that differ from the task's.
    #[serde(default)]
    pub limits: Option<Limits>,
    /// Weakest tier in which this scenario can run at all.
    #[serde(default)]
    pub tier: Option<crate::evidence::Tier>,
    pub script: Vec<Step>,
    pub checks: Vec<Check>,
}

fn one_set() -> Vec<Params> {
    vec![Params::new()]
}

/// One judgement with its worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Name, unique in the task; stable, as fixtures and gradebooks refer to it.
    pub check: String,
    pub title: Text,
    pub rule: Rule,
    pub points: f64,
    /// Points taken away when it fails, whatever else was gained: a house rule of a course. It then
    /// gives no points of its own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub penalty: f64,
    #[serde(default)]
    pub visibility: Visibility,
    /// Overrides the catalogue's hint.
    #[serde(default)]
    pub hint: Text,
    /// Anchor in the statement.
    #[serde(default)]
    pub link: Option<String>,
}

fn is_zero(points: &f64) -> bool {
    *points == 0.0
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    #[default]
    Visible,
    Hidden,
    AfterDueDate,
    AfterPublished,
}

impl Scenario {
    /// The limits in force for this scenario.
    pub fn limits<'a>(&'a self, task: &'a Task) -> &'a Limits {
        self.limits.as_ref().unwrap_or(&task.limits)
    }
}

/// `min..max`, both in bytes unless a unit stands there (`KiB`, `MiB`); a lone number is both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "RangeForm")]
pub struct Range {
    pub min: u64,
    pub max: u64,
}

/// How a range stands in a pack; for the schema.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum RangeForm {
    Number(u64),
    Text(String),
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a size or a range of sizes (like `4KiB`, `1KiB..32KiB`, `512..2MiB`)")]
pub struct RangeError(String);

impl TryFrom<String> for Range {
    type Error = RangeError;

    fn try_from(text: String) -> Result<Self, RangeError> {
        let range = match text.split_once("..") {
            Some((min, max)) => size(min).zip(size(max)),
            None => size(&text).map(|n| (n, n)),
        };
        match range {
            Some((min, max)) if min <= max => Ok(Range { min, max }),
            _ => Err(RangeError(text)),
        }
    }
}

impl From<Range> for String {
    fn from(range: Range) -> String {
        if range.min == range.max {
            range.min.to_string()
        } else {
            format!("{}..{}", range.min, range.max)
        }
    }
}

fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, unit) = text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    );
    let scale = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(scale)
}
