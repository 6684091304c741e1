//! Lines for a submission's standard input: the same ones for the same seed.

use super::seed::Dice;
use crate::task::model::Range;
use crate::task::stream::Matter;

/// What the lines of one step are to be.
pub struct Lines<'a> {
    pub count: u64,
    pub size: Range,
    pub holding: Option<&'a [u8]>,
    pub made_of: Matter,
    /// Whether the last one ends with a newline.
    pub newline: bool,
}

impl Lines<'_> {
    /// The bytes, all lines one after the other.
    pub fn bytes(&self, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..self.count {
            self.line(dice, &mut bytes);
            bytes.push(b'\n');
        }
        if !self.newline {
            bytes.pop();
        }
        bytes
    }

    fn line(&self, dice: &mut Dice, into: &mut Vec<u8>) {
        let size = dice.between(self.size.min, self.size.max) as usize;
        let start = into.len();
        match self.made_of {
            Matter::Words => words(dice, size, into),
            Matter::Junk => {
                into.resize(start + size, 0);
                dice.fill(&mut into[start..]);
                for byte in &mut into[start..] {
                    if *byte == b'\n' {
                        *byte = 0xff;
                    }
                }
            }
        }
        let Some(text) = self.holding else { return };
        // At the start, at the end, or anywhere between.
        let at = match dice.below(4) {
            0 => 0,
            1 => size,
            _ => dice.between(0, size as u64) as usize,
        };
        into.splice(start + at..start + at, text.iter().copied());
    }
}

/// Letters that few patterns are made of, so that most lines hold none by chance.
const LETTERS: &[u8] = b"bcdfghjklmnpqvwxz";

fn words(dice: &mut Dice, size: usize, into: &mut Vec<u8>) {
    for _ in 0..size {
        let pick = dice.below(LETTERS.len() as u64 + 3);
        into.push(LETTERS.get(pick as usize).copied().unwrap_or(b' '));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(made_of: Matter, newline: bool) -> Vec<u8> {
        let lines = Lines {
            count: 50,
            size: Range { min: 0, max: 40 },
            holding: Some(b"tea"),
            made_of,
            newline,
        };
        lines.bytes(&mut Dice::new(7, "lines"))
    }

    #[test]
    fn each_line_holds_the_text_and_is_one_line() {
        for made_of in [Matter::Words, Matter::Junk] {
            let bytes = lines(made_of, true);
            let all: Vec<&[u8]> = bytes.split(|&b| b == b'\n').collect();
            assert_eq!(all.len(), 51);
            let holds = |line: &&[u8]| line.windows(3).any(|w| w == b"tea");
            assert!(all[..50].iter().all(holds));
        }
    }

    #[test]
    fn the_last_newline_can_be_left_out() {
        let (with, without) = (lines(Matter::Words, true), lines(Matter::Words, false));
        assert_eq!(&with[..with.len() - 1], &without[..]);
        assert_ne!(without.last(), Some(&b'\n'));
    }
}
