//! Reading what new budgets have spent: when it is tried again after a failure, and what is said of it.

use super::RETRY;
use std::fmt::Display;
use std::time::{Duration, Instant};
use tg_kernel::outage::{Failing, Outage};

/// How reading went for new budgets.
#[derive(Default)]
pub(super) struct Load {
    /// After a failure: when it is tried again, on the clock that never goes back.
    next: Option<Duration>,
    outage: Outage,
}

impl Load {
    pub(super) fn is_due(&self, elapsed: Duration) -> bool {
        self.next.is_none_or(|next| elapsed >= next)
    }

    /// Takes note of how it went, and says what is to be said of it.
    pub(super) fn note(&mut self, loaded: Result<(), impl Display>, elapsed: Duration) {
        self.next = loaded.is_err().then(|| elapsed.saturating_add(RETRY));
        match loaded {
            Ok(()) => {
                if let Some(Failing { tries, lasts }) = self.outage.mended(Instant::now()) {
                    tracing::info!(tries, ?lasts, "what new budgets have spent is read; they are in force");
                }
            }
            Err(error) => {
                if let Some(Failing { tries, lasts }) = self.outage.failed(Instant::now()) {
                    let what = "what new budgets have spent cannot be read; the old ones stay in force";
                    tracing::error!(%error, tries, ?lasts, "{what}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Load, RETRY};
    use std::time::Duration;

    #[test]
    fn a_ledger_that_cannot_be_read_is_asked_again_after_a_while_and_not_in_every_round() {
        let mut load = Load::default();
        let at = Duration::from_secs(100);
        assert!(load.is_due(at));
        load.note(Err("away"), at);
        assert!(!load.is_due(at + RETRY / 2) && load.is_due(at + RETRY));
        load.note(Ok::<(), &str>(()), at + RETRY);
        assert!(load.is_due(at));
    }
}
