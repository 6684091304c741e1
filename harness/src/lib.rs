//! gradus: runs student programs against a mock world and scores their correctness and concurrency
//! by cause. Data flows one way: task → plan → arena and world → evidence → checks → score → report.

pub mod arena;
pub mod check;
pub mod class;
pub mod cli;
pub mod evidence;
pub mod grade;
pub mod plan;
pub mod play;
pub mod report;
pub mod score;
pub mod signature;
pub mod store;
pub mod submission;
pub mod task;
pub mod verify;
pub mod world;
