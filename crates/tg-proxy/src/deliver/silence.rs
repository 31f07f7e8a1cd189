//! The silence of a provider: how long it lasts, and when its caller wants a sign of life.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tg_kernel::fault::{Class, Fault, Origin};
use tokio::time::{Instant, Sleep};

/// Watches the silence of the upstream. Armed only while there is nothing to send.
pub(super) struct Timer {
    sleep: Pin<Box<Sleep>>,
    last: Instant,
    idle: Duration,
    keepalive: Option<Duration>,
}

/// What a silence has come to.
pub(super) enum Silence {
    /// The caller is to be told that somebody is there.
    Kept,
    /// It has lasted too long.
    TooLong,
}

impl Timer {
    /// Begins to watch: `idle` is the longest silence, `keepalive` how often the caller is to be told.
    pub(super) fn new(idle: Duration, keepalive: Option<Duration>) -> Self {
        let now = Instant::now();
        let first = keepalive.map_or(idle, |every| every.min(idle));
        Self { sleep: Box::pin(tokio::time::sleep_until(now + first)), last: now, idle, keepalive }
    }

    /// Something came.
    pub(super) fn heard(&mut self) {
        self.last = Instant::now();
    }

    /// When the caller is to be told that somebody is there, however long it takes: the provider has said all, and others
    /// are waited for, who have a limit of their own.
    pub(super) fn poll_signs(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match ready!(self.poll(true, cx)) {
                Silence::Kept => return Poll::Ready(()),
                Silence::TooLong => self.heard(),
            }
        }
    }

    pub(super) fn poll(&mut self, before_content: bool, cx: &mut Context<'_>) -> Poll<Silence> {
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            let silent = self.last.elapsed();
            if silent >= self.idle {
                return Poll::Ready(Silence::TooLong);
            }
            let now = Instant::now();
            match self.keepalive.filter(|_| before_content) {
                Some(every) => {
                    self.sleep.as_mut().reset((now + every).min(self.last + self.idle));
                    return Poll::Ready(Silence::Kept);
                }
                None => self.sleep.as_mut().reset(self.last + self.idle),
            }
        }
    }
}

/// What such a silence comes to.
pub(super) fn idle_too_long() -> Fault {
    Fault::new(Class::TimedOut, Origin::Provider, "idle_timeout", "The provider fell silent for too long.")
}
