//! The world: what a submission meets, as a running state. It lives in one thread with one event
//! loop, so that events have one order and everything that is on the way can be drained before a look.
//!
//! [`park`] proves that nothing of ours is runnable, [`side`] that nothing is unread in the kernel,
//! [`diag`] looks at the submission's ends of our connections. [`ledger`] knows every request in
//! flight; [`origin`] serves the list.

pub mod callers;
pub mod diag;
pub mod ledger;
pub mod origin;
pub mod park;
pub mod peers;
pub mod queues;
pub mod ready;
pub mod side;
pub mod swarm;

mod answer;
mod heads;
mod raw;
mod reply;
mod serve;
#[cfg(test)]
mod tests;
mod wire;
