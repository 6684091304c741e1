//! The plan of one run: a scenario with one parameter set and a seed, expanded to everything that the
//! arena needs and that a check may refer to. Holds no path of the host.

pub mod body;
pub mod children;
pub mod expand;
pub mod lines;
pub mod paths;
pub mod seed;
pub mod site;
pub mod upstream;

pub use body::{body, digest};
pub use expand::{LONGEST_BODY, PlanError, expand};
pub use site::SitePlan;
pub use upstream::UpstreamPlan;

use serde::{Deserialize, Serialize};

use crate::task::amount::{Amount, AmountError};
use crate::task::peer::Does;
use crate::task::script::Step;
use crate::task::world::{Answer, Framing, World};
use crate::task::{Kind, Limits, Params};

/// One run. Stored in the evidence, so that checks need nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub task: String,
    pub kind: Kind,
    pub scenario: String,
    /// Index of the parameter set within the scenario.
    pub set: u32,
    pub params: Params,
    /// Seed of this run; everything random derives from it.
    pub seed: u64,
    /// The argument vector with its placeholders still in it.
    pub command: Vec<String>,
    pub world: World,
    /// The entries of the origin's list, in the order of the list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
    /// What the submission is to run; entries of the same number stand for those that wait.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<children::Command>,
    /// The graph of the world's site; its pages are the items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<site::SitePlan>,
    /// The cities of the world's weather service; the items answer for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamPlan>,
    /// The world's peers, in the order of `{targets}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Does>,
    pub script: Vec<Step>,
    pub limits: Limits,
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Index into the world's hosts. For a refused item, the host's address with a port where nobody listens.
    pub host: u16,
    /// Path with query, from the first slash; for a malformed one the whole line.
    pub path: String,
    pub answer: Answer,
    pub framing: Framing,
    /// Bytes of the body.
    pub size: u64,
    /// Seed of the body's bytes.
    pub body: u64,
    /// Lines of the list that hold this item.
    pub listed: u32,
    /// The body itself, where it isn't made from its seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Item {
    /// Bytes of the body from a position, at most `body::PIECE` of them and no more than there are.
    pub fn bytes(&self, from: u64, len: usize) -> &[u8] {
        match &self.text {
            Some(text) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX).min(text.len());
                &text.as_bytes()[from..text.len().min(from + len)]
            }
            None => body::piece(self.body, from, len),
        }
    }

    /// Path that a redirect of this item leads to; such pages are in no list.
    pub fn redirect_target(&self) -> Option<String> {
        match self.answer {
            Answer::Redirect => Some(format!("/there/{:016x}", self.body)),
            Answer::RedirectLoop => Some(self.path.clone()),
            _ => None,
        }
    }
}

impl Plan {
    /// The value of an amount under this run's parameters.
    pub fn amount(&self, amount: &Amount) -> Result<u64, AmountError> {
        amount.value(&self.params)
    }
}
