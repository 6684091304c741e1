//! The registry of rules: what a check can judge. How each is judged stands in `check`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::site::LinkKind;
use super::swarm::Group;

/// What a check judges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// So many requests were in flight at once.
    Reaches(Bound),
    /// Never more requests in flight at once.
    NeverExceeds(Bound),
    /// After each `release` of the script (while work is left) the submission starts as many new
    /// requests as answers were let go, before anything else happens.
    Refills(Refills),
    /// Every entry of the list is asked for exactly as often as it is listed.
    EachOnce(Empty),
    /// All healthy entries of the list were asked for, whatever became of the others.
    AllTried(Empty),
    /// While so many answers stay held, all others were asked for and answered.
    NotStalled(Empty),
    /// The submission ended by itself, with this status.
    Exits(Exits),
    /// Standard output has the contract's line for each entry of the list.
    PrintsResults(Empty),
    /// Bad arguments: a message on standard error (no bare traceback) and a non-zero exit.
    RefusesArguments(Empty),
    /// The submission stayed within the scenario's memory limit while far more bytes went through it.
    BoundedMemory(BoundedMemory),
    /// No connections beyond those that so many requests need, at a settled moment. Excused: as many
    /// idle ones for each host (a pool), and those of requests beyond the limit (`never_exceeds`
    /// judges them).
    BoundedSockets(Bound),
    /// While a call of one file is held by the disk, the other downloads go on: at least as many further
    /// requests start as may be in flight (or all that are left).
    GoesOn(GoesOn),
    /// While the disk is held, no more than so many bodies have come in completely.
    Backlog(Backlog),
    /// Each download that came to its end is a file of its name in the output folder, byte by byte.
    FilesEqual(Empty),
    /// No part of a body lies under a final name: not after a failed download, nor after a kill.
    NoPartial(Empty),
    /// Whatever the names of the list say, nothing was written outside of the output folder, and nothing
    /// was lost silently.
    StaysInside(Empty),
    /// Entries that ask for the same name don't replace each other silently.
    NoOverwriting(Empty),
    /// Each failed download is named on standard error, and an answer other than 2xx leaves no file.
    ReportsFailures(Empty),
    /// A failing disk is told on standard error and by the exit status, and spoils one file only.
    ReportsDiskErrors(Empty),
    /// The submission loads none of the libraries that the scenario's disk watches for (`loads`).
    Avoids(Empty),
    /// Everything that the clients of the group said came back to them, by each `until: { echoed: … }` of
    /// the script that names the group.
    Echoes(Group),
    /// The same, and the ASCII letters among it came back in upper case.
    Uppercases(Group),
    /// The clients of the group, which half-close, get all that is left and then an orderly end of the
    /// stream, by the script's `until: { ended: … }`.
    Finishes(Group),
    /// The submission comes to rest at each `settle` of the script, and uses no processor time between two
    /// that follow each other.
    Rests(Empty),
    /// Of the connections of a `visit` between two accounts, no descriptor stays open.
    FreesDescriptors(Between),
    /// The submission's own memory doesn't grow between two accounts, though clients sent far more than
    /// they took.
    SteadyMemory(Grown),
    /// By the script's `until: { heard: … }` the group got all that it must get, byte by byte.
    Hears(Group),
    /// By the script's `until: { said: … }` all that the group tells was taken.
    Takes(Group),
    /// By the script's `until: { ended: … }` the submission ended its stream in order, with no reset.
    Leaves(Group),
    /// The submission stopped sending before all was sent.
    Stops(Group),
    /// Standard output is what the group told, without error lines.
    PassesOn(Group),
    /// Each request line of the group's clients got the reply line that is due.
    Replies(Replies),
    /// All requests and replies of the run can be put in one order, each between its sending and its reply,
    /// in which this object would have given the very same replies.
    Linearizable(Model),
    /// No connection of the group is ended before nothing came on it for so many milliseconds.
    KeepsOpen(Idle),
    /// Each connection of the group is ended by the submission, not long after nothing came on it for so
    /// many milliseconds.
    Closes(Idle),
    /// The script's signal ends the submission soon: with status 0, or by that very signal.
    EndsOnSignal(Empty),
    /// A site: the pages that links of these kinds lead to were visited, each once, and nothing was
    /// that only a misreading of them leads to.
    Visits(Visits),
    /// A site: standard output has `URL STATUS` or `URL ERROR reason` for each page that was visited.
    PrintsVisits(Empty),
    /// All of these hold: one check with several sides. The worst of them is shown.
    All(Vec<Rule>),
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Visits {
    /// All, if left out: exactly the pages within reach, each of them once.
    pub links: Vec<LinkKind>,
}

/// No members.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    pub in_flight: Amount,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoesOn {
    /// The limit: so many further requests must start.
    pub in_flight: Amount,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backlog {
    /// Bodies that may wait for the disk.
    pub bodies: Amount,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refills {
    /// The limit that must be reached again after each release.
    pub in_flight: Amount,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exits {
    /// `0`, or `nonzero`.
    pub status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Zero,
    Nonzero,
    Any,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BoundedMemory {
    /// The limit of the scenario, MiB; the bytes that went through must be more than this.
    pub mib: Amount,
}

/// Lines that are due, in turn, to the lines that each client of the group sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replies {
    pub group: String,
    /// `{length}` and `{body}`: those of the page whose `{url}` the request named. `*` at the end: anything.
    pub lines: Vec<String>,
}

/// Objects whose behaviour is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Named points: `SET a x y`, `GET a`, `SWAP a b`.
    Points,
}

/// An idle time-out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Idle {
    pub group: String,
    /// Milliseconds.
    pub ms: Amount,
}

/// Two accounts, by the labels of their `measure` steps, and the clients that came between them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Between {
    pub group: String,
    pub before: String,
    pub after: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grown {
    /// Clients that send more than `mib` and don't read at first.
    pub group: String,
    pub before: String,
    pub after: String,
    /// Most that memory may grow, MiB.
    pub mib: Amount,
}
