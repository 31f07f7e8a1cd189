//! What this process knows of counts that are kept elsewhere: how many values each limit has, and whom it refused.

use super::{Ask, Counters, Full, Hold};
use std::time::Duration;

impl Counters {
    /// Of each ask, whether the values that it is for are too many to be counted apart.
    pub(in crate::admit) fn crowded(&self, asks: &[Ask<'_>], now: Duration) -> Vec<bool> {
        let mut table = self.lock();
        asks.iter().map(|ask| table.place(ask, self, now) != ask.key).collect()
    }

    /// Of each ask, whether its count had no room.
    pub(in crate::admit) fn note_refusals(&self, asks: &[&Ask<'_>], fulls: &[Option<Full>]) {
        self.lock().count_refusals(asks.iter().copied(), fulls);
    }
}

impl Hold {
    /// Whether more of what is kept here is taken as the call's output grows.
    #[must_use]
    pub fn grows_here(&self) -> bool {
        self.items.iter().any(|taken| taken.grows)
    }
}
