//! Evidence: the numbered, typed events of one run, and their file form (JSON lines).

mod event;

pub use event::*;
