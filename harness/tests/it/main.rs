//! The real `gradus`, as a user calls it.

mod bad_input;
mod browser;
mod class;
mod clients;
mod formats;
mod fuzz;
mod gradebook;
mod gradescope;
mod grading;
mod hostile;
mod place;
mod reading;
mod robust;
mod server;
mod starting;
mod stopping;
mod streams;
