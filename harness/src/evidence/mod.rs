//! Evidence: the numbered, typed events of one run, and their file form (JSON lines).

mod event;
pub mod http;
pub mod reader;
pub mod writer;

pub use event::*;
