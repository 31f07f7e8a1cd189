//! How many copies and judges there may be at a time, how much they keep in memory, and what became of those there were.

use crate::living::Living;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tg_kernel::decided::Purpose;

/// Most copies that wait for their original's end or are under way, of this process. Each is a call that providers bill.
const COPIES_MAX: usize = 128;

/// Most bytes that they keep together: bodies, and answers that are to be compared.
const BYTES_MAX: usize = 64 << 20;

/// What became of a copy, or of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was sent.
    Sent,
    /// There were too many at a time.
    Crowded,
    /// Its budgets or limits had no room for it, or it could not leave.
    NoRoom,
    /// A guardrail did not let it go.
    Blocked,
    /// Its call must stay where its target is not.
    Away,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Sent, Self::Crowded, Self::NoRoom, Self::Blocked, Self::Away];

    /// The name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Crowded => "crowded",
            Self::NoRoom => "no_room",
            Self::Blocked => "blocked",
            Self::Away => "away",
        }
    }
}

/// Copies and judges of this process.
#[derive(Debug, Default)]
pub struct Shadows {
    copies: AtomicUsize,
    bytes: AtomicUsize,
    fates: [[AtomicU64; Fate::ALL.len()]; Purpose::SENT.len()],
    verdicts: [AtomicU64; 3],
}

/// Counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// By purpose and fate.
    pub fates: Vec<(Purpose, Fate, u64)>,
    /// Comparisons by what they came to: `kept`, `lost` or `unknown`.
    pub verdicts: [(&'static str, u64); 3],
}

impl Shadows {
    /// A place for a copy; one for which there is none is counted.
    pub(crate) fn take(living: &Arc<Living>, purpose: Purpose, bytes: usize) -> Option<Place> {
        let shadows = &living.shadows;
        let copies = shadows.copies.fetch_add(1, Ordering::Relaxed);
        let all = shadows.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let place = Place { living: Arc::clone(living), bytes };
        if copies >= COPIES_MAX || all > BYTES_MAX {
            shadows.note(purpose, Fate::Crowded);
            return None;
        }
        Some(place)
    }

    /// Counts what became of one.
    pub(crate) fn note(&self, purpose: Purpose, fate: Fate) {
        if let Some(count) = self.fates.get(purpose as usize).and_then(|fates| fates.get(fate as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts what a comparison came to.
    pub(crate) fn judged(&self, kept: Option<bool>) {
        let [as_good, worse, unknown] = &self.verdicts;
        let count = match kept {
            Some(true) => as_good,
            Some(false) => worse,
            None => unknown,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// What became of them all.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let fates = Purpose::SENT.into_iter().zip(&self.fates).flat_map(|(purpose, fates)| {
            let one = move |(fate, count): (Fate, &AtomicU64)| (purpose, fate, count.load(Ordering::Relaxed));
            Fate::ALL.into_iter().zip(fates).map(one)
        });
        let [kept, lost, unknown] = &self.verdicts;
        let verdict = |name, count: &AtomicU64| (name, count.load(Ordering::Relaxed));
        let verdicts = [verdict("kept", kept), verdict("lost", lost), verdict("unknown", unknown)];
        Figures { fates: fates.collect(), verdicts }
    }
}

/// The place of one copy, and of the question about it. It is free again when this is dropped.
pub(crate) struct Place {
    living: Arc<Living>,
    bytes: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        let shadows = &self.living.shadows;
        shadows.copies.fetch_sub(1, Ordering::Relaxed);
        shadows.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
