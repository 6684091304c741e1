//! Random choices that are the same on every machine and in every later version: the generator is
//! ChaCha8 keyed by SHA-256, and the sampling is our own, as libraries may change theirs.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// A seeded source of choices. Two sources with different labels are independent.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The source for `label` under `seed`.
    pub fn new(seed: u64, label: &str) -> Dice {
        Dice(ChaCha8Rng::from_seed(hash(seed, &[label])))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, each equally likely; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // The highest multiple of `bound` that fits; numbers above it would favour small results.
        let fair = u64::MAX - (u64::MAX % bound + 1) % bound;
        loop {
            let n = self.number();
            if n <= fair {
                return n % bound;
            }
        }
    }

    /// A number from `min` to `max`, both included.
    pub fn between(&mut self, min: u64, max: u64) -> u64 {
        match (max - min).checked_add(1) {
            Some(width) => min + self.below(width),
            None => self.number(),
        }
    }

    /// Puts the values into a random order.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            values.swap(last, other);
        }
    }

    /// Fills the slice with random bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

/// A seed of its own for each combination of parts under `seed`.
pub fn derive(seed: u64, parts: &[&str]) -> u64 {
    let hash = hash(seed, parts);
    hash[..8]
        .iter()
        .rev()
        .fold(0, |n, byte| n << 8 | u64::from(*byte))
}

fn hash(seed: u64, parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    for part in parts {
        // With its length in front no part can pass for two.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_never_changes() {
        let mut dice = Dice::new(7, "test");
        let seen: Vec<u64> = (0..6).map(|_| dice.below(1000)).collect();
        assert_eq!(seen, [24, 409, 842, 909, 805, 787]);
        assert_eq!(derive(7, &["a", "b"]), 16_117_962_652_762_614_278);
    }

    #[test]
    fn parts_and_labels_are_kept_apart() {
        assert_ne!(derive(7, &["ab", "c"]), derive(7, &["a", "bc"]));
        assert_ne!(derive(7, &["a"]), derive(8, &["a"]));
        assert_ne!(Dice::new(7, "a").number(), Dice::new(7, "b").number());
    }

    #[test]
    fn all_values_of_a_range_come_up() {
        let mut dice = Dice::new(1, "range");
        let mut seen = [0u32; 7];
        for _ in 0..7_000 {
            seen[dice.between(3, 9) as usize - 3] += 1;
        }
        assert!(seen.iter().all(|n| (800..1200).contains(n)), "{seen:?}");
        assert_eq!(dice.between(5, 5), 5);
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.below(1), 0);
    }

    #[test]
    fn shuffling_keeps_every_value() {
        let mut values: Vec<u32> = (0..100).collect();
        Dice::new(3, "shuffle").shuffle(&mut values);
        assert_ne!(values, (0..100).collect::<Vec<_>>());
        values.sort_unstable();
        assert_eq!(values, (0..100).collect::<Vec<_>>());
    }
}
