//! Clients that speak in lines: one request at a time, each answered by a line.

use std::collections::VecDeque;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Swarm;
use crate::task::swarm::{Ask, Choice};

/// Bytes of one line that are kept; the rest of a longer one is dropped.
const LONGEST: usize = 64 << 10;

/// What a client has to ask, and how far it is.
#[derive(Debug, Default)]
pub struct Lines {
    waiting: VecDeque<(String, Option<u32>)>,
    /// Requests sent, and lines that came.
    sent: u64,
    came: u64,
    partial: Vec<u8>,
}

impl Lines {
    pub fn extend(&mut self, asked: impl IntoIterator<Item = (String, Option<u32>)>) {
        self.waiting.extend(asked);
    }

    /// The next request, once all before it were answered.
    pub fn next(&mut self) -> Option<(String, Option<u32>)> {
        if self.came < self.sent {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.sent += 1;
        Some(next)
    }

    /// Whether everything was asked and answered.
    pub fn answered(&self) -> bool {
        self.waiting.is_empty() && self.came >= self.sent
    }

    /// Takes bytes that came; gives the lines that they complete.
    pub fn take(&mut self, got: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in got.split_inclusive(|&b| b == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = LONGEST.saturating_sub(self.partial.len());
            self.partial
                .extend_from_slice(&text[..text.len().min(room)]);
            if part.len() > text.len() {
                let mut line = std::mem::take(&mut self.partial);
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                self.came += 1;
                lines.push(String::from_utf8_lossy(&line).into_owned());
            }
        }
        lines
    }
}

impl Swarm {
    /// Every client of the group asks `times` lines.
    pub fn ask(&self, ask: &Ask, times: u64) {
        self.each(&ask.group, |client| {
            let mut dice = ChaCha8Rng::seed_from_u64(
                self.seed ^ (u64::from(client.id) << 32) ^ client.received(),
            );
            let lines: Vec<_> = (0..times)
                .filter_map(|i| {
                    let i = match ask.choice {
                        Choice::Listed => i as usize % ask.lines.len().max(1),
                        Choice::Random => dice.random_range(0..ask.lines.len().max(1)),
                    };
                    ask.lines.get(i).map(|line| self.filled(line))
                })
                .collect();
            client.ask(lines);
        });
    }

    /// The line with its placeholders filled in.
    fn filled(&self, line: &str) -> (String, Option<u32>) {
        let mut line = line.to_owned();
        if line.contains("{n}") {
            self.numbers.set(self.numbers.get() + 1);
            line = line.replace("{n}", &self.numbers.get().to_string());
        }
        let mut item = None;
        if line.contains("{url}") {
            let next = self.named.get();
            // More requests than pages: the list begins anew.
            if let Some(url) = self.urls.get(next % self.urls.len().max(1)) {
                item = u32::try_from(next % self.urls.len()).ok();
                line = line.replace("{url}", url);
            }
            self.named.set(next + 1);
        }
        (line, item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_at_a_time() {
        let mut lines = Lines::default();
        lines.extend([("a".to_owned(), None), ("b".to_owned(), Some(3))]);
        assert_eq!(lines.next().unwrap().0, "a");
        assert!(lines.next().is_none(), "unanswered");
        assert_eq!(lines.take(b"o"), Vec::<String>::new());
        assert_eq!(lines.take(b"k\r\n"), ["ok"]);
        assert!(!lines.answered());
        assert_eq!(lines.next().unwrap(), ("b".to_owned(), Some(3)));
        assert_eq!(lines.take(b"x\ny\nz"), ["x", "y"]);
        assert!(lines.answered());
    }
}
