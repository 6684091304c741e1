//! Where a run takes place: processes, namespaces, limits, the syscall gate and observation.
//!
//! The arena process is this program run anew. It calls [`seal`] first, with one thread and before
//! any runtime, and then [`spawn`], as often as it wants.

pub mod cgroup;
pub mod config;
#[cfg(test)]
mod drill;
#[cfg(test)]
mod drills;
pub mod filter;
mod init;
pub mod limits;
pub mod notify;
mod peer;
pub mod probe;
mod program;
mod refusal;
mod root;
pub mod seal;
pub mod spawn;
pub mod status;
mod sys;
pub mod toolchain;
pub mod tree;
pub mod user;
pub mod wall;

pub use config::{Config, Paths};
pub use limits::Limits;
pub use seal::{SealError, Sealed, seal};
pub use spawn::{Gate, Launch, Program, SpawnError, spawn};
pub use status::{Ending, Status};

mod accounts;
pub mod child;
mod clients;
mod disk;
pub mod handle;
pub mod look;
mod script;
pub mod settle;
mod stage;
mod streams;
mod timer;
mod watchdog;
