//! HTTP requests of the world to a submission that serves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;

/// Requests to the submission's port, each on a connection of its own. They come in named groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Call {
    pub group: String,
    /// How many; if left out, as many as `{cities}` has, or one with a `target` without a city.
    #[serde(default)]
    pub count: Option<Amount>,
    /// Each waits until the one before has been returned to; the step ends with the last reply.
    #[serde(default)]
    pub in_turn: bool,
    /// Path and query. `{city}` stands for a city's name, escaped: the calls of a run go through the world's
    /// cities in their order, and from the first again.
    #[serde(default = "weather")]
    pub target: String,
}

fn weather() -> String {
    "/weather?city={city}".to_owned()
}
