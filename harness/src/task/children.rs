//! Children of a submission that report to the world: commands which it is to run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;

/// Commands for a shell. `{commands}` is a file with all of them, one a line, in the order in which they stand here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Commands {
    #[serde(default = "one")]
    pub count: Amount,
    #[serde(default)]
    pub waits: Waits,
    #[serde(default)]
    pub prints: Prints,
    /// Its exit code.
    #[serde(default)]
    pub exit: u8,
    /// The number of the signal that ends it instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub killed: Option<u8>,
}

/// Whether a command tells the world that it runs, and waits there until the script releases it: it counts
/// as a request in flight meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Waits {
    #[default]
    No,
    /// The shell itself waits.
    Own,
    /// A child of the command's shell waits, and the shell waits for it.
    Nested,
}

/// What a command prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prints {
    #[default]
    Nothing,
    /// One line, without its newline.
    Line,
    /// One line: the first half before it waits, the rest after.
    Halves,
    /// Far more than a pipe holds.
    Much,
}

fn one() -> Amount {
    Amount::Int(1)
}
