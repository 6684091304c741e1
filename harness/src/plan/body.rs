//! The bytes of the origin's answers: pseudo-random, cut from one static block.
//!
//! A body is a window of the block, so serving one allocates and copies nothing. It is text where the
//! task pack doesn't say otherwise, since a program may decode what it fetches and would be right to; the
//! length in characters and in bytes is then the same.

use std::sync::LazyLock;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::Item;
use super::seed::Dice;

/// Longest piece that [`piece`] gives at once, bytes.
pub const PIECE: usize = 64 << 10;

/// A prime, so that no power of two in a program's buffers lines up with the repetition.
const PERIOD: usize = 262_139;

/// In the seed of a body: it is made of any bytes, and not of text.
pub const BINARY: u64 = 1 << 63;

static BLOCK: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \n";
    let mut block = vec![0; PERIOD];
    Dice::new(0, "noise").fill(&mut block);
    for byte in &mut block {
        *byte = LETTERS[usize::from(*byte & 63)];
    }
    // The beginning once more, so that no piece ever has to wrap around.
    block.extend_from_within(..PIECE);
    block.into_boxed_slice()
});

static BINARY_BLOCK: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    let mut block = vec![0; PERIOD];
    Dice::new(0, "bytes").fill(&mut block);
    block.extend_from_within(..PIECE);
    block.into_boxed_slice()
});

/// Bytes of the body with this seed from position `at`: `len` of them, at most [`PIECE`].
pub fn piece(seed: u64, at: u64, len: usize) -> &'static [u8] {
    let block: &'static [u8] = if seed & BINARY == 0 {
        &BLOCK
    } else {
        &BINARY_BLOCK
    };
    let period = PERIOD as u64;
    let start = ((seed % period + at % period) % period) as usize;
    &block[start..start + len.min(PIECE)]
}

/// The body of an item, in pieces. Empty where the item's answer has none.
pub fn body(item: &Item) -> impl Iterator<Item = Bytes> + use<> {
    let (seed, size) = (item.body, item.size);
    let mut at = 0;
    std::iter::from_fn(move || {
        let len = (size - at).min(PIECE as u64) as usize;
        let bytes = piece(seed, at, len);
        at += len as u64;
        (len > 0).then(|| Bytes::from_static(bytes))
    })
}

/// SHA-256 of an item's body, in lower-case hexadecimal.
pub fn digest(item: &Item) -> String {
    let mut hash = Sha256::new();
    body(item).for_each(|bytes| hash.update(&bytes));
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::world::{Answer, Framing};

    fn item(size: u64, body: u64) -> Item {
        Item {
            host: 0,
            path: "/".into(),
            answer: Answer::Status(200),
            framing: Framing::Length,
            size,
            body,
            listed: 1,
            text: None,
        }
    }

    #[test]
    fn pieces_join_to_the_size() {
        for size in [0, 1, PIECE as u64, PIECE as u64 + 1, 5 * PERIOD as u64 + 17] {
            let total: usize = body(&item(size, u64::MAX)).map(|b| b.len()).sum();
            assert_eq!(total as u64, size);
        }
    }

    #[test]
    fn any_position_can_be_asked_for() {
        let whole: Vec<u8> = body(&item(600_000, 99)).flatten().collect();
        for at in [0usize, 1, 262_138, 262_139, 262_140, 500_000] {
            assert_eq!(&whole[at..at + 1000], piece(99, at as u64, 1000), "{at}");
        }
    }

    #[test]
    fn binary_bodies_are_no_text() {
        assert!(std::str::from_utf8(piece(BINARY | 5, 0, PIECE)).is_err());
        assert_ne!(digest(&item(1000, 1)), digest(&item(1000, BINARY | 1)));
    }

    #[test]
    fn bodies_are_text_and_differ() {
        assert!(
            piece(5, 0, PIECE)
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b" \n".contains(b))
        );
        assert_ne!(digest(&item(1000, 1)), digest(&item(1000, 2)));
        assert_eq!(digest(&item(1000, 1)).len(), 64);
    }
}
