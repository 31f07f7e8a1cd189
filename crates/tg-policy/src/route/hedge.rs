//! Second tries beside slow first ones: when they leave, and how many calls may have one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What one second try takes.
const ONE: u64 = 1_000_000;

/// Second tries that may be saved up.
const SAVED_MAX: u64 = 10 * ONE;

/// How long nothing may have been heard of a first try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// So long.
    Fixed(Duration),
    /// As long as so many of a hundred of the target's answers of late took to begin.
    Seen(u8),
}

/// Second tries of one route.
#[derive(Debug)]
pub struct Hedge {
    /// When they leave.
    pub after: After,
    share_millionths: u32,
    /// Earned and not taken, in millionths of a try.
    saved: AtomicU64,
}

impl Hedge {
    /// Of so many millionths of the calls at most. Nothing is saved up at the start.
    #[must_use]
    pub const fn new(after: After, share_millionths: u32) -> Self {
        Self { after, share_millionths, saved: AtomicU64::new(0) }
    }

    /// A call has come that may have a second try.
    pub fn earn(&self) {
        self.add(u64::from(self.share_millionths));
    }

    /// Takes a second try, if so many calls have come.
    pub fn take(&self) -> bool {
        let taken = |saved: u64| saved.checked_sub(ONE);
        self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// One that was taken has not left.
    pub fn give_back(&self) {
        self.add(ONE);
    }

    fn add(&self, millionths: u64) {
        let added = |saved: u64| Some(saved.saturating_add(millionths).min(SAVED_MAX));
        // There is always a next value.
        self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_calls_have_a_second_try_than_their_share() {
        let hedge = Hedge::new(After::Fixed(Duration::ZERO), 50_000);
        let taken = |calls: usize| {
            (0..calls).filter(|_| {
                hedge.earn();
                hedge.take()
            })
        };
        assert_eq!(taken(19).count(), 0, "nothing is there at the start");
        assert_eq!(taken(981).count(), 50, "a twentieth of a thousand");
        (0..100_000).for_each(|_| hedge.earn());
        assert_eq!((0..100).filter(|_| hedge.take()).count(), 10, "no more than a burst is saved up");
        hedge.give_back();
        assert!(hedge.take() && !hedge.take());
    }
}
