//! One set of credentials: fetched by one task, refreshed ahead of its end, read by any number of calls.

use aws_credential_types::Credentials;
use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::clock::Clock;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// Longest wait of a call for credentials.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(12);

/// Longest time that one fetch may take.
const FETCH_MAX: Duration = Duration::from_secs(10);

/// Credentials are not used in their last minute: a signed request needs some time to arrive.
const MARGIN: Duration = Duration::from_secs(60);

/// When credentials without an end are read again, as the AWS SDKs do.
const ENDLESS_REREAD: Duration = Duration::from_secs(15 * 60);

/// The first pause after a failure; it doubles with each further one.
const PAUSE_FIRST: Duration = Duration::from_secs(1);

/// The longest pause after a failure.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How long it is tried again after a failure while nobody asks.
const QUIET_MAX: Duration = Duration::from_secs(60);

/// Why there are no credentials: for the log. Holds no secret.
pub(super) type Reason = Arc<str>;

/// The outcome of a fetch.
pub(super) type Fetched = Result<Credentials, Reason>;

/// Where credentials are fetched.
pub(super) trait Fetch: Send + Sync {
    /// Fetches them once.
    fn fetch(&self) -> Pin<Box<dyn Future<Output = Fetched> + Send + '_>>;

    /// What is fetched, for the log.
    fn what(&self) -> &str;
}

/// One set of credentials.
pub(super) struct Slot {
    fetch: Box<dyn Fetch>,
    clock: Arc<dyn Clock>,
    state: watch::Sender<State>,
    life: Mutex<Life>,
    /// A call has found the credentials ended: the machine slept, or its clock was set.
    overdue: Notify,
}

enum State {
    /// Nothing is known yet.
    Empty,
    Ready(Credentials),
    /// The last try failed, and there is nothing to fall back on.
    Failed(Reason),
}

#[derive(Default)]
struct Life {
    /// A task looks after the credentials.
    tended: bool,
    /// A call has asked since that task last looked.
    used: bool,
}

impl Slot {
    /// Nothing is fetched before the first call.
    pub(super) fn new(fetch: Box<dyn Fetch>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = watch::Sender::new(State::Empty);
        Arc::new(Self { fetch, clock, state, life: Mutex::default(), overdue: Notify::new() })
    }

    /// The latest credentials. Waits only where there are none; the task that fetches them runs on `runtime`.
    pub(super) async fn credentials(self: &Arc<Self>, runtime: &Handle) -> Fetched {
        self.tend(runtime);
        if let Some(credentials) = self.usable() {
            return Ok(credentials);
        }
        self.overdue.notify_one();
        let mut watched = self.state.subscribe();
        let settled = watched.wait_for(|state| match state {
            State::Empty => false,
            State::Ready(credentials) => self.is_usable(credentials),
            State::Failed(_) => true,
        });
        match timeout(WAIT_MAX, settled).await {
            Ok(Ok(state)) => match &*state {
                State::Ready(credentials) => Ok(credentials.clone()),
                State::Failed(reason) => Err(Arc::clone(reason)),
                State::Empty => Err("nothing was fetched".into()),
            },
            _ => Err("they did not come in time".into()),
        }
    }

    /// Whether somebody has asked of late.
    pub(super) fn is_tended(&self) -> bool {
        self.life().tended
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tend(self: &Arc<Self>, runtime: &Handle) {
        let mut life = self.life();
        life.used = true;
        if !std::mem::replace(&mut life.tended, true) {
            let _inside = runtime.enter();
            drop(tg_net::tasks::spawn("aws-credentials", Arc::clone(self).keep()));
        }
    }

    fn usable(&self) -> Option<Credentials> {
        match &*self.state.borrow() {
            State::Ready(credentials) if self.is_usable(credentials) => Some(credentials.clone()),
            _ => None,
        }
    }

    fn is_usable(&self, credentials: &Credentials) -> bool {
        self.left(credentials).is_none_or(|left| left > MARGIN)
    }

    /// How long they are still valid; `None`: no end is known.
    fn left(&self, credentials: &Credentials) -> Option<Duration> {
        let end = credentials.expiry()?;
        Some(end.duration_since(self.clock.now().system_time()).unwrap_or_default())
    }

    /// Fetches and refreshes for as long as somebody asks.
    async fn keep(self: Arc<Self>) {
        let tender = Tender(&self);
        let (mut failures, mut quiet) = (0, Duration::ZERO);
        loop {
            let pause = match self.fetch_once().await {
                Ok(credentials) => {
                    failures = 0;
                    let pause = self.refresh_after(&credentials);
                    self.state.send_replace(State::Ready(credentials));
                    pause
                }
                Err(reason) => {
                    failures += 1;
                    self.failed(reason);
                    pause_after(failures)
                }
            };
            self.rest(pause).await;
            quiet += pause;
            if tender.is_used() {
                quiet = Duration::ZERO;
            } else if (failures == 0 || quiet >= QUIET_MAX) && tender.may_go() {
                return;
            }
        }
    }

    async fn fetch_once(&self) -> Fetched {
        let fetched = timeout(FETCH_MAX, self.fetch.fetch()).await;
        let credentials = fetched.unwrap_or_else(|_| Err("there was no answer in time".into()))?;
        if self.is_usable(&credentials) { Ok(credentials) } else { Err("what came has ended, or ends at once".into()) }
    }

    /// Earlier credentials stay in use while they are valid.
    fn failed(&self, reason: Reason) {
        let (what, spare) = (self.fetch.what(), self.usable().is_some());
        tracing::warn!(what, %reason, spare, "AWS credentials cannot be fetched");
        if !spare {
            self.state.send_replace(State::Failed(reason));
        }
    }

    /// Three quarters of the time that is left, and a little more: not all at the same moment. Credentials of a few
    /// minutes are refreshed sooner: by then no call could use them any more, as their last minute does not count.
    fn refresh_after(&self, credentials: &Credentials) -> Duration {
        let part = 0.05f64.mul_add(chance(), 0.75);
        let Some(left) = self.left(credentials) else { return ENDLESS_REREAD.mul_f64(part) };
        let usable = left.saturating_sub(MARGIN);
        left.mul_f64(part).min(usable.saturating_sub(MARGIN).max(usable.mul_f64(part)))
    }

    /// Lets time pass, unless a call finds that credentials are overdue.
    async fn rest(&self, pause: Duration) {
        let end = tokio::time::Instant::now() + pause;
        let is_failed = matches!(*self.state.borrow(), State::Failed(_));
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(end) => return,
                () = self.overdue.notified() => if !is_failed && self.usable().is_none() { return },
            }
        }
    }
}

/// The task that looks after a slot. However it ends, the next call starts another.
struct Tender<'a>(&'a Slot);

impl Tender<'_> {
    /// Whether somebody has asked since the last look.
    fn is_used(&self) -> bool {
        std::mem::take(&mut self.0.life().used)
    }

    /// True when nobody has asked meanwhile: then the slot is not looked after any more.
    fn may_go(&self) -> bool {
        let mut life = self.0.life();
        if !life.used {
            self.leave(&mut life);
        }
        !life.used
    }

    fn leave(&self, life: &mut Life) {
        life.tended = false;
        // An old failure says nothing to who comes later.
        self.0.state.send_if_modified(|state| {
            let failed = matches!(state, State::Failed(_));
            if failed {
                *state = State::Empty;
            }
            failed
        });
    }
}

impl Drop for Tender<'_> {
    /// A task that was dropped or has panicked has not said that it goes.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.leave(&mut self.0.life());
        }
    }
}

fn pause_after(failures: u32) -> Duration {
    let doubled = PAUSE_FIRST.saturating_mul(1 << (failures - 1).min(10));
    doubled.min(PAUSE_MAX).mul_f64(0.2f64.mul_add(chance(), 0.9))
}

/// A number from 0 to 1, different each time.
fn chance() -> f64 {
    let drawn = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(drawn >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests;
