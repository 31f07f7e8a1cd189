//! What became of what was asked of the server, for metrics: all connections of a process together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// See the module.
#[derive(Debug)]
pub(super) struct Tally {
    born: Instant,
    round_trips: AtomicU64,
    late: AtomicU64,
    failed: AtomicU64,
    resting: AtomicU64,
    away: Mutex<Absence>,
}

#[derive(Debug, Default)]
struct Absence {
    /// When the first failure came after which nothing was heard.
    since: Option<Duration>,
    before: Duration,
}

/// What became of what was asked, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Questions that were answered.
    pub round_trips: u64,
    /// Those that were not answered in time.
    pub late: u64,
    /// Those that failed otherwise.
    pub failed: u64,
    /// Those that were not asked, as several had failed in a row.
    pub resting: u64,
    /// Whether the last question failed.
    pub is_away: bool,
    /// How long no question was answered though some were asked, in all.
    pub away: Duration,
}

impl Default for Tally {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        let (round_trips, late, failed, resting) = (zero(), zero(), zero(), zero());
        Self { born: Instant::now(), round_trips, late, failed, resting, away: Mutex::default() }
    }
}

impl Tally {
    pub(super) fn heard(&self) {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = away.since.take() {
            away.before += self.born.elapsed().saturating_sub(since);
        }
    }

    pub(super) fn failed(&self, late: bool) {
        let which = if late { &self.late } else { &self.failed };
        which.fetch_add(1, Ordering::Relaxed);
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.since.get_or_insert_with(|| self.born.elapsed());
    }

    pub(super) fn rests(&self) {
        self.resting.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Figures {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let now = away.since.map_or(Duration::ZERO, |since| self.born.elapsed().saturating_sub(since));
        Figures {
            round_trips: of(&self.round_trips),
            late: of(&self.late),
            failed: of(&self.failed),
            resting: of(&self.resting),
            is_away: away.since.is_some(),
            away: away.before + now,
        }
    }
}
