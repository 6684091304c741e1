//! How much came out of an archive, against what may.

use std::io::{self, Read, Write};

use super::{Bounds, Refusal, Trouble};

pub(super) struct Meter {
    left: u64,
    most: u64,
    /// Beyond this many bytes the archive is one that is made to grow.
    growth: u64,
    ratio: u64,
    out: u64,
}

impl Meter {
    pub fn new(packed: u64, bounds: &Bounds) -> Meter {
        Meter {
            left: bounds.bytes,
            most: bounds.bytes,
            growth: packed.saturating_mul(bounds.ratio).max(bounds.free),
            ratio: bounds.ratio,
            out: 0,
        }
    }

    /// Copies all of an entry. What an entry says of its own size is not asked.
    pub fn copy(&mut self, mut from: impl Read, to: &mut dyn Write) -> Result<u64, Trouble> {
        let mut buffer = vec![0; 64 << 10];
        let mut copied = 0;
        loop {
            let n = match from.read(&mut buffer) {
                Ok(0) => return Ok(copied),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Refusal::Damaged(error.to_string()).into()),
            };
            self.count(n as u64)?;
            copied += n as u64;
            to.write_all(&buffer[..n]).map_err(Trouble::Write)?;
        }
    }

    /// Counts bytes that came out of the archive.
    pub fn count(&mut self, n: u64) -> Result<(), Refusal> {
        self.out += n;
        if self.out > self.growth {
            return Err(Refusal::Ratio(self.ratio));
        }
        self.left = self
            .left
            .checked_sub(n)
            .ok_or(Refusal::TooLarge(self.most))?;
        Ok(())
    }
}
