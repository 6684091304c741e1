//! The script: ordered steps by which the world holds, lets go, acts and waits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::disk::LetGo;
use super::swarm::{Ask, Connect, Group, Members, Send, Talk, Visit};
use crate::evidence::Point;

/// One step. Waiting steps end when their condition holds, when the submission has settled and so
/// cannot fulfil it any more, when it ended, or when a give-up limit strikes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Wait until nothing in the submission can move before the world acts.
    Settle,
    /// Wait until all that is named here holds.
    Until(Condition),
    /// Let parked answers go.
    Release(Release),
    /// Open all gates, those of answers yet to come included. The disk is no such gate.
    Open,
    /// Let calls go that the disk holds.
    LetGo(LetGo),
    /// Wait until the submission's own process has ended.
    Exit,
    /// Send a signal to the submission's own process: `TERM`, `INT`, `KILL`, `STOP`, `CONT`, `HUP`, `USR1`.
    Signal(String),
    /// Record the kernel's accounts of the process tree under this label.
    Measure(String),
    /// Wait until the submission listens on its port. Seen in the kernel, never tried out.
    Listen,
    /// Connect clients of the swarm, and wait until each is connected or refused.
    Connect(Connect),
    /// Clients that come and go, one after the other.
    Visit(Visit),
    /// Clients that ask in lines and are answered in lines.
    Ask(Ask),
    /// Let every connection of a group say something that needs no answer.
    Tell(Send),
    /// Let so many milliseconds pass. It orders nothing: what came of them is seen from the evidence.
    Pause(Amount),
    /// Clients that say something from time to time.
    Talk(Talk),
    /// Let every client of a group say something.
    Send(Send),
    /// Let every client of a group read what comes back from now on.
    Read(Group),
    /// Let no client of a group read any more.
    Deaf(Group),
    /// Half-close every client's connection, once what it says is sent.
    Finish(Group),
    /// Close every client's connection in order.
    Close(Group),
    /// Reset every client's connection.
    Reset(Group),
}

/// All given members must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Condition {
    /// At least so many requests in flight.
    pub in_flight: Option<Amount>,
    /// At least so many answers held at a gate.
    pub parked: Option<Amount>,
    /// At least so many answers held at this gate.
    pub parked_at_body: Option<Amount>,
    /// At least so many requests seen since the run began.
    pub requests: Option<Amount>,
    /// At least so many answers ended since the run began.
    pub answered: Option<Amount>,
    /// At least so many calls held by the disk.
    pub held: Option<Amount>,
    /// At least so many lines on standard output.
    pub lines: Option<Amount>,
    /// So many clients to whom everything that they said has come back.
    pub echoed: Option<Members>,
    /// So many clients to whom each of their lines was answered.
    pub replied: Option<Members>,
    /// So many connections of the group that are open.
    pub connected: Option<Members>,
    /// So many connections of the group that have handed all that they say to the kernel.
    pub said: Option<Members>,
    /// So many connections of the group that have got all that they must get.
    pub heard: Option<Members>,
    /// So many clients whose connection has ended.
    pub ended: Option<Members>,
}

/// Which answers to let go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// How many; all that are parked if left out.
    #[serde(default)]
    pub count: Option<Amount>,
    #[serde(default)]
    pub order: Order,
    /// Only answers parked here; either if left out.
    #[serde(default)]
    pub at: Option<Point>,
    /// Keep so many of the oldest parked: never release them here.
    #[serde(default)]
    pub spare: Option<Amount>,
}

/// In which order parked answers are let go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    #[default]
    Oldest,
    Newest,
    /// Seeded.
    Random,
}
