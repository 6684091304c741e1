//! gradus: runs student programs against a mock world and scores their correctness and concurrency
//! by cause. Data flows one way: task → plan → arena and world → evidence → checks → score → report.

pub mod arena;
pub mod check;
pub mod evidence;
pub mod plan;
pub mod report;
pub mod score;
pub mod submission;
pub mod task;
pub mod verify;
pub mod world;
