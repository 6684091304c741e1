//! A peer that a submission connects to, as a task pack describes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;

/// Name of the group of connections that the submission makes to the peer.
pub const PEER: &str = "peer";

/// Listens at `{host}` `{port}`. Each connection is one of group `peer`; the script says when it reads and
/// what it tells. It doesn't read before the script lets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// What a connection must begin with.
    #[serde(default)]
    pub greeting: String,
    /// Bytes of the file `{file}`, which must follow.
    pub file: Amount,
}
