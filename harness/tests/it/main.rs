//! The real `gradus`, as a user calls it.

mod bad_input;
mod grading;
mod hostile;
mod place;
mod reading;
mod stopping;
mod streams;
