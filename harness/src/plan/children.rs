//! The commands of a run: what each does, and what it will print.

use serde::{Deserialize, Serialize};

use super::Item;
use super::seed::derive;
use crate::task::Params;
use crate::task::amount::AmountError;
use crate::task::children::{Commands, Prints, Waits};
use crate::task::world::{Answer, Framing};

/// Lines of a command that prints much: some megabytes, where a pipe holds 64 KiB.
const MUCH: u64 = 12_000;
/// Most commands of a run.
const MOST: u64 = 10_000;

/// One command of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    pub waits: Waits,
    pub prints: Prints,
    pub exit: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub killed: Option<u8>,
    /// What its lines begin with: in no other command's.
    pub tag: String,
}

impl Command {
    /// What the submission must print for it: the code, or 128 and the signal's number.
    pub fn code(&self) -> u32 {
        match self.killed {
            Some(signal) => 128 + u32::from(signal),
            None => u32::from(self.exit),
        }
    }

    /// The lines that it prints, without their newlines.
    pub fn lines(&self) -> Vec<String> {
        let tag = &self.tag;
        match self.prints {
            Prints::Nothing => Vec::new(),
            Prints::Line => vec![format!("{tag} has one line")],
            Prints::Halves => {
                let (first, rest) = self.halves();
                vec![format!("{first}{rest}")]
            }
            Prints::Much => (0..MUCH)
                .map(|n| format!("{tag} line {n} {}", "x".repeat(n as usize * 7 % 400)))
                .collect(),
        }
    }

    /// The two parts of a line that is printed in halves.
    pub fn halves(&self) -> (String, String) {
        let tag = &self.tag;
        (
            format!("{tag} begins a line "),
            format!("and {tag} ends it"),
        )
    }

    /// The entry that stands for it among those which can be in flight.
    pub fn item(&self, index: usize) -> Item {
        Item {
            host: 0,
            path: name(index),
            answer: Answer::Status(200),
            framing: Framing::Length,
            size: 0,
            body: 0,
            listed: u32::from(self.waits != Waits::No),
            text: None,
        }
    }
}

/// A command as a student knows it.
pub fn name(index: usize) -> String {
    format!("command {index}")
}

/// All commands of a world, in the order of its list.
///
/// # Errors
/// When an amount has no value under these parameters.
pub fn commands(all: &[Commands], params: &Params, seed: u64) -> Result<Vec<Command>, AmountError> {
    let mut list = Vec::new();
    for some in all {
        for _ in 0..some.count.value(params)?.min(MOST) {
            let mark = derive(seed, &["command", &list.len().to_string()]);
            list.push(Command {
                waits: some.waits,
                prints: some.prints,
                exit: some.exit,
                killed: some.killed,
                tag: format!("c{}x{:06x}", list.len(), mark & 0xff_ffff),
            });
        }
    }
    Ok(list)
}
