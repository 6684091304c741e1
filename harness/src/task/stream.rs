//! The standard streams of a submission as a world: what it is given to read, and who reads what it says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::model::Range;

/// Standard input that stays open and is fed by the script's `feed` and `end_input`. In a world without
/// it standard input is at its end from the start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

/// Puts lines into the submission's standard input, as fast as it takes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    #[serde(default = "one")]
    pub lines: Amount,
    /// Length of each line, its newline not counted.
    #[serde(default = "short")]
    pub size: Range,
    /// Each line holds the text of this parameter somewhere.
    #[serde(default)]
    pub holding: Option<String>,
    #[serde(default)]
    pub made_of: Matter,
    /// Whether the last line has its newline.
    #[serde(default = "yes")]
    pub newline: bool,
}

/// What lines are made of, beside what they hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Matter {
    /// Words.
    #[default]
    Words,
    /// Any bytes but newlines: zeros, carriage returns, what is no UTF-8.
    Junk,
}

/// Lines of standard input that come out again are those with the text of a parameter in them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Name of the parameter.
    pub holding: String,
    /// Lines that the submission says of its own, before and after: excused here.
    #[serde(default)]
    pub frame: Vec<String>,
}

/// A line of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub text: String,
}

fn one() -> Amount {
    Amount::Int(1)
}

fn short() -> Range {
    Range { min: 5, max: 60 }
}

fn yes() -> bool {
    true
}
