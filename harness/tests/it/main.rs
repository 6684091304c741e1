//! The real `gradus`, as a user calls it.

mod bad_input;
mod fuzz;
mod grading;
mod hostile;
mod place;
mod reading;
mod robust;
mod stopping;
