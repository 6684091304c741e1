//! Task packs: the language, as values, and reading it.

pub mod amount;
pub mod model;
pub mod rule;
pub mod script;
pub mod swarm;
pub mod world;

pub use amount::{Amount, Params, Value};
pub use model::{Check, Kind, Limits, Range, Scenario, Task, Text, Visibility};
