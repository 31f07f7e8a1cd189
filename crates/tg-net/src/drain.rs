//! The signal that ends listeners gracefully: stop accepting, let calls finish, cut what is left at a limit.

use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Makes a signal and its receiving end. Clone the receiving end for every listener.
#[must_use]
pub fn signal() -> (Drain, Draining) {
    let (sender, receiver) = watch::channel(None);
    (Drain(sender), Draining(receiver))
}

/// Starts the drain. Dropping it starts nothing.
#[derive(Debug)]
pub struct Drain(watch::Sender<Option<Instant>>);

impl Drain {
    /// Tells every listener to stop accepting, and to cut what still runs after `limit`. The first call counts.
    pub fn begin(&self, limit: Duration) {
        self.0.send_if_modified(|until| {
            let first = until.is_none();
            if first {
                *until = Some(Instant::now() + limit);
            }
            first
        });
    }
}

/// The receiving end.
#[derive(Clone, Debug)]
pub struct Draining(watch::Receiver<Option<Instant>>);

impl Draining {
    /// Waits for the drain to begin; answers when calls that still run shall be cut.
    pub async fn begun(&mut self) -> Instant {
        match self.0.wait_for(Option::is_some).await.map(|until| *until) {
            Ok(Some(until)) => until,
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Whether the drain has begun: for readiness probes.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.borrow().is_some()
    }
}

/// How a drain ended, of one listener of one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were open when the drain began and ended in peace.
    pub finished: usize,
    /// Connections that were cut at the limit.
    pub cut: usize,
}

impl std::ops::AddAssign for Drained {
    fn add_assign(&mut self, other: Self) {
        self.finished += other.finished;
        self.cut += other.cut;
    }
}
