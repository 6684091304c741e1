//! The real `gradus`, as a user calls it.

mod bad_input;
mod hostile;
mod grading;
mod place;
mod reading;
mod stopping;
