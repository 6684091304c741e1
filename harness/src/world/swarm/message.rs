//! What a client says, and what must come back: endless by construction, never stored whole.

use std::rc::Rc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::task::swarm::Alphabet;

/// Characters in the block that a message repeats. Odd on purpose: blocks don't line up with buffers.
const BLOCK_CHARS: u64 = 32_749;

/// A seeded text of any length: a block of whole characters, repeated.
#[derive(Debug, Clone)]
pub struct Message {
    plain: Rc<[u8]>,
    upper: Rc<[u8]>,
    len: u64,
}

/// How bytes that came back compare with what must come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Comparison {
    /// Letters that came back as they were sent, where an upper-case one was due.
    pub unraised: u64,
    /// Offset (within the compared bytes) of the first byte that is neither.
    pub mismatch: Option<usize>,
}

impl Message {
    /// A message of about `len` bytes (never cut within a character) in this alphabet.
    pub fn new(alphabet: Alphabet, seed: u64, len: u64) -> Message {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut plain, mut upper, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..len.min(BLOCK_CHARS) {
            let (one, raised) = character(alphabet, &mut rng);
            plain.extend_from_slice(&one);
            upper.extend_from_slice(&raised);
            lengths.push(one.len() as u64);
        }
        let block = plain.len() as u64;
        let mut tail = 0;
        for n in lengths {
            if block == 0 || tail + n > len % block {
                break;
            }
            tail += n;
        }
        let len = len / block.max(1) * block + tail;
        Message {
            plain: plain.into(),
            upper: upper.into(),
            len,
        }
    }

    /// Exactly these bytes; they come back upper-cased as ASCII.
    pub fn literal(text: &[u8]) -> Message {
        Message {
            plain: text.into(),
            upper: text.to_ascii_uppercase().into(),
            len: text.len() as u64,
        }
    }

    /// Bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes from `offset` on, up to the end of the block or of the message: at least one unless at the end.
    pub fn at(&self, offset: u64) -> &[u8] {
        self.slice(&self.plain, offset)
    }

    fn slice<'a>(&self, block: &'a [u8], offset: u64) -> &'a [u8] {
        let left = self.len.saturating_sub(offset);
        let from = (offset % block.len().max(1) as u64) as usize;
        let room = (block.len() - from) as u64;
        &block[from..from + room.min(left) as usize]
    }

    /// Compares bytes that came back for `offset` on. `got` must not reach beyond the message's end.
    pub fn compare(&self, offset: u64, got: &[u8]) -> Comparison {
        let mut result = Comparison::default();
        let mut done = 0;
        while done < got.len() {
            let (plain, upper) = (
                self.slice(&self.plain, offset + done as u64),
                self.slice(&self.upper, offset + done as u64),
            );
            let n = plain.len().min(got.len() - done);
            if n == 0 {
                result.mismatch = Some(done);
                return result;
            }
            let part = &got[done..done + n];
            if part != &upper[..n] {
                for i in 0..n {
                    match part[i] {
                        b if b == upper[i] => {}
                        // Letters outside of ASCII may be raised or left alone.
                        b if b == plain[i] => result.unraised += u64::from(b.is_ascii()),
                        _ => {
                            result.mismatch = Some(done + i);
                            return result;
                        }
                    }
                }
            }
            done += n;
        }
        result
    }

    /// Offsets within the message at which a multi-byte character would be split, from `from` on.
    pub fn inside_character(&self, from: u64) -> Option<u64> {
        (from.max(1)..self.len.min(from.saturating_add(64)))
            .find(|&at| self.at(at).first().is_some_and(|b| b & 0xc0 == 0x80))
    }
}

/// One character as sent and as it comes back in upper case. Both have the same length in UTF-8, so that
/// offsets agree whether or not a server raises letters outside of ASCII.
fn character(alphabet: Alphabet, rng: &mut ChaCha8Rng) -> (Vec<u8>, Vec<u8>) {
    const CASELESS: &[u8] = b"0123456789 .,:;-+*/()[]<>=_#$%&!?";
    const WIDE: &[char] = &['é', 'ü', 'ж', 'я', 'λ', '€', '日', '本', '語', '😀'];
    let letter = |rng: &mut ChaCha8Rng| b'a' + rng.random_range(0..26u8);
    let same = |bytes: Vec<u8>| (bytes.clone(), bytes);
    match alphabet {
        Alphabet::Caseless => same(vec![CASELESS[rng.random_range(0..CASELESS.len())]]),
        Alphabet::Letters => {
            let c = letter(rng);
            (vec![c], vec![c.to_ascii_uppercase()])
        }
        Alphabet::Wide => {
            let c = WIDE[rng.random_range(0..WIDE.len())];
            let raised: String = c.to_uppercase().collect();
            (c.to_string().into_bytes(), raised.into_bytes())
        }
        Alphabet::Bytes => same(vec![match rng.random_range(0..=255u8) {
            b if b.is_ascii_alphabetic() => b'0' + b % 10,
            b => b,
        }]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(message: &Message) -> Vec<u8> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < message.len() {
            bytes.extend_from_slice(message.at(bytes.len() as u64));
        }
        bytes
    }

    #[test]
    fn an_upper_cased_echo_matches_wherever_it_is_cut() {
        for alphabet in [
            Alphabet::Caseless,
            Alphabet::Letters,
            Alphabet::Wide,
            Alphabet::Bytes,
        ] {
            let message = Message::new(alphabet, 7, 10_000);
            let sent = whole(&message);
            assert_eq!(sent.len() as u64, message.len());
            for cut in [0, 1, 4096, 9_000] {
                let (a, b) = sent.split_at(cut);
                let raised = |part: &[u8]| part.to_ascii_uppercase();
                assert_eq!(
                    message.compare(0, &raised(a)),
                    Comparison::default(),
                    "{alphabet:?}"
                );
                assert_eq!(
                    message.compare(cut as u64, &raised(b)),
                    Comparison::default(),
                    "{alphabet:?}"
                );
            }
        }
    }

    #[test]
    fn wide_text_is_never_cut_within_a_character_and_may_be_raised() {
        let message = Message::new(Alphabet::Wide, 3, 20_001);
        let text = String::from_utf8(whole(&message)).unwrap();
        let raised = text.to_uppercase();
        assert_eq!(message.compare(0, raised.as_bytes()), Comparison::default());
        let split = message.inside_character(5).unwrap();
        assert!(!text.is_char_boundary(split as usize));
    }

    #[test]
    fn a_plain_echo_is_told_from_a_wrong_one() {
        let message = Message::new(Alphabet::Letters, 1, 100);
        let plain = whole(&message);
        assert_eq!(
            message.compare(0, &plain),
            Comparison {
                unraised: 100,
                mismatch: None
            }
        );
        let mut wrong = plain.to_ascii_uppercase();
        wrong[42] = b'?';
        assert_eq!(message.compare(0, &wrong).mismatch, Some(42));
    }
}
