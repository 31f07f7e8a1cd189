//! The signal that ends listeners gracefully: stop accepting, let calls finish, cut what is left at a limit.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, watch};
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

/// Tells what still runs on one worker that its time is up, so that it can end with a last word before it is cut.
#[derive(Debug, Default)]
pub struct Closing {
    begun: AtomicBool,
    told: Arc<Notify>,
}

impl Closing {
    /// The time is up.
    pub fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        self.told.notify_waiters();
    }

    /// Whether the time is up.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }
}

/// Hears of the closing without a task. It costs one look at a flag, and a place in a list where it has to wait.
#[derive(Debug)]
pub struct Ear {
    closing: Arc<Closing>,
    /// What waits, and whom it wakes.
    waiting: Option<(Pin<Box<OwnedNotified>>, Waker)>,
}

impl Ear {
    /// Listens from the first poll on.
    #[must_use]
    pub const fn new(closing: Arc<Closing>) -> Self {
        Self { closing, waiting: None }
    }

    /// Whether the time is up.
    #[must_use]
    pub fn has_heard(&self) -> bool {
        self.closing.has_begun()
    }

    /// Ready once the time is up.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_known = self.waiting.as_ref().is_some_and(|(_, waker)| waker.will_wake(cx.waker()));
        if !is_known && !self.closing.has_begun() {
            let told = || Box::pin(Arc::clone(&self.closing.told).notified_owned());
            let mut notified = self.waiting.take().map_or_else(told, |(notified, _)| notified);
            if notified.as_mut().poll(cx).is_pending() {
                self.waiting = Some((notified, cx.waker().clone()));
            }
        }
        // After the place is taken: what begins in between is seen here, or wakes.
        if self.closing.has_begun() { Poll::Ready(()) } else { Poll::Pending }
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

#[cfg(test)]
mod tests {
    use super::{Arc, Closing, Context, Ear, Poll};
    use futures_util::task::{ArcWake, waker};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl ArcWake for Count {
        fn wake_by_ref(count: &Arc<Self>) {
            count.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_listens_is_woken_once_and_hears_of_the_closing() {
        let closing = Arc::new(Closing::default());
        let (first, second) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let (one, other) = (waker(Arc::clone(&first)), waker(Arc::clone(&second)));
        let mut ear = Ear::new(Arc::clone(&closing));
        for waker in [&one, &one, &other] {
            assert_eq!(ear.poll(&mut Context::from_waker(waker)), Poll::Pending);
        }
        closing.begin();
        assert_eq!([&first, &second].map(|count| count.0.load(Ordering::Relaxed)), [0, 1], "the last task is woken");
        assert_eq!(ear.poll(&mut Context::from_waker(&other)), Poll::Ready(()));
        let mut late = Ear::new(closing);
        assert_eq!(late.poll(&mut Context::from_waker(&one)), Poll::Ready(()));
    }
}
