//! The program under test as its author hands it in: how it is built and started, a fresh copy of it
//! for each run, and the end of what a run leaves behind.

pub mod archive;
mod arguments;
mod clean;
mod command;
mod copy;
mod find;
mod manifest;
mod scratch;

pub use arguments::argv;
pub use clean::remove;
pub use command::{Plain, command};
pub use copy::{Copied, CopyError, Rules, stage};
pub use find::{FindError, Found, find, look};
pub use manifest::Manifest;
pub use scratch::{Scratch, sweep};
