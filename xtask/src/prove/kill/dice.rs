//! Chance that a seed decides.

use std::time::Duration;
use tg_kernel::ids::CallId;

/// Throws numbers; the same ones for the same seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall differently each time.
    pub fn fresh() -> Self {
        let id = CallId::fresh();
        let random = id.as_bytes()[8..].iter().fold(0u64, |seed, byte| seed << 8 | u64::from(*byte));
        Self(random)
    }

    /// Others, which fall apart from these.
    pub fn split(&mut self) -> Self {
        Self(self.next())
    }

    /// What they were made from.
    pub const fn seed(&self) -> u64 {
        self.0
    }

    /// A number below this one.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// A time between these, in milliseconds.
    pub fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from + 1))
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let at = usize::try_from(self.below(all.len() as u64)).ok()?;
        all.get(at).copied()
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
