//! What an arena is to be: plain values which the harness hands to the arena process.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::toolchain::Toolchains;
use super::user::User;
use crate::evidence::Tier;

/// What [`seal`](super::seal()) is to make of the arena process. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    pub tier: Tier,
    /// A folder of this run alone, made by the harness. The arena adds `root` (mount point of the
    /// program's root, tier full) or `tmp` (the program's temporary folder, lower tiers).
    pub dir: PathBuf,
    /// The submission's fresh copy, owned by `user` where there is one: `/work` inside, read-write.
    pub work: PathBuf,
    /// Input files: `/in` inside, read-only.
    #[serde(default)]
    pub input: Option<PathBuf>,
    /// Who the program is on the host. Only root can choose; absent: the user who runs gradus.
    #[serde(default)]
    pub user: Option<User>,
    /// Names that resolve inside the arena, besides localhost.
    #[serde(default)]
    pub hosts: Vec<(String, IpAddr)>,
    /// What is visible beyond the system's own folders.
    #[serde(default)]
    pub toolchains: Toolchains,
    /// Size of each writable memory file system (`/tmp`, `/dev/shm`), MiB.
    pub tmp_mib: u64,
    /// Control groups that the program joins, made beforehand by the harness.
    #[serde(default)]
    pub groups: Vec<PathBuf>,
    /// Variables added to the program's clean environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// Where things are, as the program sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    pub work: PathBuf,
    pub input: Option<PathBuf>,
    pub tmp: PathBuf,
    pub home: PathBuf,
}
