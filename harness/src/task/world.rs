//! The world of a scenario, as a task pack describes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::model::Range;
use crate::evidence::Point;

/// What the submission meets. Everything that is left out isn't there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct World {
    /// Mock HTTP servers under several host names, with a list of pages.
    pub origin: Option<Origin>,
    /// A mock site of linked pages.
    pub site: Option<super::site::Site>,
    /// TCP clients of the submission.
    pub swarm: Option<super::swarm::Swarm>,
    /// A peer that the submission connects to.
    pub peer: Option<super::peer::Peer>,
    /// An output folder, `{out}`, and what its disk does.
    pub disk: Option<super::disk::Disk>,
}

impl World {
    /// Hosts that answer HTTP, by number from 0.
    pub fn hosts(&self) -> u16 {
        match (&self.origin, &self.site) {
            (Some(origin), _) => origin.hosts,
            (None, Some(site)) => site.hosts(),
            (None, None) => 0,
        }
    }

    /// Whether the world has HTTP servers.
    pub fn has_pages(&self) -> bool {
        self.hosts() > 0
    }

    /// Where answers are held.
    pub fn gate(&self) -> Option<Point> {
        match (&self.origin, &self.site) {
            (Some(origin), _) => origin.gate,
            (None, site) => site.as_ref().and_then(|site| site.gate),
        }
    }
}

/// Mock HTTP servers that serve a seeded list of pages. `{urls}` is a file with their addresses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Host names, each with its own address and port. 1 to 64.
    #[serde(default = "three")]
    pub hosts: u16,
    /// Pages with status 200. They come in a seeded order, mixed with the entries of `also`.
    pub pages: Amount,
    /// Size of a body.
    #[serde(default = "small")]
    pub size: Range,
    #[serde(default)]
    pub framing: Framing,
    /// Where answers are held until the script lets them go; left out: nowhere.
    #[serde(default)]
    pub gate: Option<Point>,
    /// Other entries of the list.
    #[serde(default)]
    pub also: Vec<Also>,
    /// How many of the pages stand twice in the list.
    #[serde(default = "zero")]
    pub twice: Amount,
    /// How the paths of the list look.
    #[serde(default)]
    pub paths: Paths,
    /// What bodies are made of.
    #[serde(default)]
    pub content: Content,
}

fn three() -> u16 {
    3
}

fn small() -> Range {
    Range {
        min: 1 << 10,
        max: 8 << 10,
    }
}

fn zero() -> Amount {
    Amount::Int(0)
}

/// What bodies are made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Text, which a program may decode without harm.
    #[default]
    Text,
    /// Any bytes.
    Binary,
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// `Content-Length`.
    #[default]
    Length,
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// HTTP/1.0 manner: the end of the connection.
    Close,
    /// Each answer one of the three, by the seed.
    Mixed,
}

/// Entries of the list that aren't plain pages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Also {
    pub count: Amount,
    pub answer: Answer,
    /// Where in the list: mixed in by the seed, or all at its start.
    #[serde(default)]
    pub place: Placement,
    /// How their paths look; left out: as those of the pages.
    #[serde(default)]
    pub paths: Option<Paths>,
}

/// How the paths of a list look. All are distinct.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Paths {
    /// Of many shapes, with and without a query.
    #[default]
    Pages,
    /// The last segments are distinct names of files; some have escapes in them, some a query behind them.
    Files,
    /// The last segment is the same in all of them.
    Same,
    /// The last segments are no good as names of files: they lead elsewhere (`..%2fx`, `%2fetc%2fx`, `..`),
    /// are empty, or too long.
    Hostile,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    #[default]
    Mixed,
    First,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// An ordinary answer with this status and a body.
    Status(u16),
    /// Nobody listens at the address.
    Refused,
    /// The connection is reset instead of an answer.
    Reset,
    /// The connection is reset within the body.
    ResetInside,
    /// The connection is closed within the body, short of the promised length.
    Truncated,
    /// Bytes that are not HTTP.
    Garbage,
    /// The body comes a few bytes at a time.
    Dripping,
    /// A redirect to a page that is there.
    Redirect,
    /// A redirect to itself.
    RedirectLoop,
    /// The line of the list is no URL at all.
    Malformed,
    /// The answer never ends until the script opens all gates.
    Stuck,
}
