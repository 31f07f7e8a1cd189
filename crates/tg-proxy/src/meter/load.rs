//! Reading what new budgets have spent: when it is tried again after a failure, and what is said of it.

use super::RETRY;
use std::time::Duration;

/// How reading went for new budgets.
#[derive(Default)]
pub(super) struct Load {
    /// After a failure: when it is tried again, on the clock that never goes back.
    next: Option<Duration>,
    /// The failure that was said last.
    said: Option<String>,
}

impl Load {
    pub(super) fn is_due(&self, elapsed: Duration) -> bool {
        self.next.is_none_or(|next| elapsed >= next)
    }

    /// Takes note of how it went, and says a failure that was not said.
    pub(super) fn note(&mut self, loaded: Result<(), String>, elapsed: Duration) {
        self.next = loaded.is_err().then(|| elapsed.saturating_add(RETRY));
        let error = loaded.err();
        if error != self.said
            && let Some(error) = &error
        {
            tracing::error!(%error, "what new budgets have spent cannot be read; the old ones stay in force");
        }
        self.said = error;
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
        load.note(Err("away".to_owned()), at);
        assert!(!load.is_due(at + RETRY / 2) && load.is_due(at + RETRY));
        assert_eq!(load.said.as_deref(), Some("away"));
        load.note(Ok(()), at + RETRY);
        assert!(load.is_due(at) && load.said.is_none());
    }
}
