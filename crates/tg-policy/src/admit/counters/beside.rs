//! Room for a second try of a call, beside its first: taken whole or not at all, and nobody is told where there is none.

use super::{Ask, Counters, Hold};
use crate::admit::limit::Mode;
use std::time::Duration;

impl Counters {
    /// As [`Counters::reserve`], where there is room for all that the call may use. Where there is not, nobody is refused: it
    /// goes on as it does.
    pub(in crate::admit) fn reserve_beside(&self, asks: &[Ask<'_>], now: Duration) -> Option<Hold> {
        let has_room = {
            let mut table = self.lock();
            asks.iter().filter(|ask| ask.mode == Mode::Enforce).all(|ask| {
                let key = table.place(ask, self, now);
                let units = ask.units_with(u64::MAX);
                table.cells.get(&key).is_none_or(|kept| kept.cell.has(units))
            })
        };
        has_room.then(|| self.reserve(asks, now).ok()).flatten()
    }
}
