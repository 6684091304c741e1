//! Proof of a task pack: its reference and its fixtures are graded, and what each of them loses is
//! compared with what it is meant to lose. A check that no bad fixture trips proves nothing.

pub mod expect;
pub mod matrix;
pub mod needs;
pub mod render;
mod run;
pub mod stress;

pub use expect::{Bad, ExpectError, Expectations, Good};
pub use matrix::{Cell, Kind, Mark, Matrix, Problem, Row, Trial};
pub use run::{Grader, Options, Progress, Subject, run};
