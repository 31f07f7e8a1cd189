//! What has come of asking a service, counted.

use super::opinion::{Failure, FailureKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts of one service since its configuration was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The service.
    pub guard: Arc<str>,
    /// Questions, answered or not.
    pub questions: u64,
    /// Texts, or parts of them, about which it was known before.
    pub remembered: u64,
    /// How long questions took together, waiting for their turn included, in microseconds.
    pub micros: u64,
    /// Questions that were not answered, by the reason.
    pub failures: [(FailureKind, u64); FailureKind::ALL.len()],
}

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Tally {
    questions: AtomicU64,
    remembered: AtomicU64,
    micros: AtomicU64,
    failures: [AtomicU64; FailureKind::ALL.len()],
}

impl Tally {
    /// A question took so long, and came to this.
    pub(super) fn asked(&self, took: Duration, failure: Option<&Failure>) {
        self.questions.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let mut kinds = FailureKind::ALL.iter().zip(&self.failures);
        if let Some((_, counter)) = failure.and_then(|failure| kinds.find(|(kind, _)| **kind == failure.kind)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// It was not asked, as it had said it before.
    pub(super) fn remembered(&self) {
        self.remembered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn figures(&self, guard: &Arc<str>) -> Figures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut failures = FailureKind::ALL.map(|kind| (kind, 0));
        failures.iter_mut().zip(&self.failures).for_each(|((_, count), counter)| *count = read(counter));
        Figures {
            guard: Arc::clone(guard),
            questions: read(&self.questions),
            remembered: read(&self.remembered),
            micros: read(&self.micros),
            failures,
        }
    }
}
