//! A whole class: many submissions, one or several tasks, one result folder that can be killed at any
//! moment and goes on where it was.
//!
//! ```text
//! class.json                       what is graded, how (the folder's mark)
//! roster.csv, policy.yaml          as they were given, if they were
//! packs/<digest>/                  task packs that results were judged by
//! graded/<submission>/<task>/      a result folder as `grade` writes it, and `entry.json` beside its report
//! work/                            gradings that go on now; nothing in it counts
//! ```
//!
//! A grading is made in `work/` and moved to its place as a whole: what is in `graded/` is finished.

pub mod book;
pub mod entry;
pub mod folder;
pub mod gradebook;
pub mod listing;
pub mod merge;
pub mod policy;
pub mod rescore;
pub mod roster;
pub mod shard;
pub mod work;

mod csv;
mod fit;
mod grader;
#[cfg(test)]
mod testing;

pub use entry::{Entry, Key, Status};
pub use folder::{Class, ClassError, ClassFolder, SeedPolicy};
pub use grader::ClassGrader;
pub use listing::{Listed, Listing};
pub use policy::Policy;
pub use roster::Roster;
pub use shard::Shard;
