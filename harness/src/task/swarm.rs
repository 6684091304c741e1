//! TCP clients of a submission that serves, as a task pack describes them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;

/// Clients of the submission's port. They come in named groups, by the script's `connect`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Swarm {
    /// Port on 127.0.0.1 that the submission serves, unless its manifest says otherwise.
    #[serde(default = "port")]
    pub port: u16,
}

fn port() -> u16 {
    15000
}

/// Connects `count` more clients of a group, as fast as the submission accepts. Waits until the kernel
/// has answered for all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    pub group: String,
    #[serde(default = "one")]
    pub count: Amount,
    /// Whether the clients read what comes back. A client that doesn't fills the buffers on the way.
    #[serde(default = "yes")]
    pub reading: bool,
    /// Accept that the submission refuses or doesn't take some (it is out of descriptors).
    #[serde(default)]
    pub may_fail: bool,
}

/// `count` clients of a group, one after the other: each connects, says a message, gets it back and
/// leaves, every fourth by a reset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Visit {
    pub group: String,
    pub count: Amount,
    /// Bytes of each message.
    #[serde(default = "some")]
    pub size: Amount,
}

/// Every client of the group sends a message and gets it back, `times` times, with a pause of `every`
/// milliseconds before each. Ends sooner if something doesn't come back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Talk {
    pub group: String,
    pub times: Amount,
    pub every: Amount,
    /// Bytes of each message.
    #[serde(default = "some")]
    pub size: Amount,
}

/// Every client of the group sends a message of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Send {
    pub group: String,
    /// Bytes of the message.
    #[serde(default = "some")]
    pub size: Amount,
    #[serde(default)]
    pub alphabet: Alphabet,
    #[serde(default)]
    pub pieces: Pieces,
    /// Sends exactly this instead of a seeded message.
    #[serde(default)]
    pub text: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alphabet {
    /// Digits and punctuation: upper-casing leaves them alone.
    #[default]
    Caseless,
    /// Lower-case ASCII letters.
    Letters,
    /// Characters of two to four bytes in UTF-8.
    Wide,
    /// Any bytes but ASCII letters: mostly not UTF-8.
    Bytes,
}

/// In which pieces a message is sent. The next piece goes once the last has come back or the submission
/// has settled, so that each is read for itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pieces {
    #[default]
    Whole,
    /// Byte by byte.
    Bytes,
    /// Two pieces, cut within a character if it has one that can be cut.
    Halves,
}

/// All clients of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub group: String,
}

/// At least so many clients of a group (all of them if left out).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Members {
    pub group: String,
    #[serde(default)]
    pub count: Option<Amount>,
}

fn one() -> Amount {
    Amount::Int(1)
}

fn some() -> Amount {
    Amount::Int(64)
}

fn yes() -> bool {
    true
}
