//! Making verdicts.

use std::collections::BTreeMap;

use super::code::Code;
use super::{Fact, Verdict};

/// Most event numbers that a verdict names: enough to look at, and a report stays small.
const MOST_EVENTS: usize = 32;

impl Verdict {
    /// A verdict with no facts and no events yet.
    pub fn new(code: Code) -> Verdict {
        Verdict {
            outcome: code.outcome(),
            code: code.as_str().to_owned(),
            facts: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    /// Adds a fact.
    pub fn fact(mut self, name: &str, value: impl Into<Fact>) -> Verdict {
        self.facts.insert(name.to_owned(), value.into());
        self
    }

    /// Adds the numbers of events that show it; beyond a bound they are left out.
    pub fn seen(mut self, events: impl IntoIterator<Item = u64>) -> Verdict {
        let room = MOST_EVENTS.saturating_sub(self.events.len());
        self.events.extend(events.into_iter().take(room));
        self
    }
}

impl From<u64> for Fact {
    fn from(n: u64) -> Fact {
        Fact::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Fact {
    fn from(n: u32) -> Fact {
        Fact::Int(i64::from(n))
    }
}

impl From<usize> for Fact {
    fn from(n: usize) -> Fact {
        Fact::from(n as u64)
    }
}

impl From<i32> for Fact {
    fn from(n: i32) -> Fact {
        Fact::Int(i64::from(n))
    }
}

impl From<&str> for Fact {
    fn from(text: &str) -> Fact {
        Fact::Text(text.to_owned())
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Fact {
        Fact::Text(text)
    }
}

impl std::fmt::Display for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fact::Int(n) => write!(f, "{n}"),
            Fact::Text(text) => f.write_str(text),
        }
    }
}
