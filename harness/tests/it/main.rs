//! The real `gradus`, as a user calls it.

mod bad_input;
mod clients;
mod grading;
mod hostile;
mod place;
mod reading;
mod stopping;
