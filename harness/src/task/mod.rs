//! Task packs: the language, as values, and reading it.

pub mod amount;
pub mod disk;
pub mod library;
pub mod load;
pub mod model;
pub mod near;
pub mod pack;
pub mod peer;
pub mod place;
pub mod rule;
pub mod schema;
pub mod script;
pub mod site;
pub mod swarm;
mod validate;
pub mod world;

pub use amount::{Amount, Params, Value};
pub use library::Library;
pub use load::{Problem, TaskError, load};
pub use model::{Check, Kind, Limits, Range, Scenario, Task, Text, Visibility};
pub use pack::{Pack, PackError};
