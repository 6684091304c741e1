//! The real `gradus`, as a user calls it.

mod bad_input;
mod browser;
mod formats;
mod gradescope;
mod grading;
mod hostile;
mod place;
mod reading;
mod starting;
mod stopping;
