//! Numbers that nobody chose, which can be had again. Used by tests of faults.

use std::fmt;

/// A sequence of numbers after a seed: that of the variable `DR_SEED`, or of the clock. It shows as
/// the words that repeat it, to be put into the message of whatever fails.
#[derive(Debug, Clone)]
pub struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    /// With the seed of `DR_SEED`, or one of the clock.
    ///
    /// # Panics
    ///
    /// When `DR_SEED` is no number.
    pub fn new() -> Self {
        let seed = match std::env::var("DR_SEED") {
            Ok(seed) => seed.parse().expect("DR_SEED is a number"),
            Err(_) => std::time::UNIX_EPOCH
                .elapsed()
                .map_or(1, |since| since.as_micros() as u64),
        };
        Self::of(seed)
    }

    /// With this seed.
    pub fn of(seed: u64) -> Self {
        // Marsaglia's xorshift never leaves zero.
        Self {
            seed,
            state: seed | 1,
        }
    }

    /// The next number, below `most`; 0 if that is 0.
    pub fn below(&mut self, most: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.checked_rem(most).unwrap_or(0)
    }
}

impl Default for Dice {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Dice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DR_SEED={}", self.seed)
    }
}
