//! A run's parameters in a line.

use crate::task::Params;

/// `limit=3, pages=40`.
pub fn params(params: &Params) -> String {
    let all: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    all.join(", ")
}
