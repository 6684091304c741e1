//! Bare TCP servers with a behaviour of their own, for programs that talk to many.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;

/// Some targets of one kind. `{targets}` are the addresses of all, in a seeded order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    #[serde(default = "one")]
    pub count: Amount,
    pub does: Does,
}

fn one() -> Amount {
    Amount::Int(1)
}

/// What becomes of a connection to a target. Each reads four bytes first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// It sends a line.
    Line,
    /// Nobody listens.
    Refuse,
    /// The connection is never made: its queue is full.
    Unreachable,
    /// It says nothing, as long as the client stays.
    Silent,
    /// It sends a byte now and then, and never a whole line.
    Drip,
    /// It resets the connection.
    Reset,
    /// It sends a part of a line and closes the connection in order.
    Close,
}

impl Does {
    /// What a program is to call it.
    pub fn outcome(self) -> &'static str {
        match self {
            Does::Line => "ok",
            Does::Refuse => "refused",
            Does::Unreachable => "connect-timeout",
            Does::Silent | Does::Drip => "read-timeout",
            Does::Reset => "reset",
            Does::Close => "closed",
        }
    }
}
