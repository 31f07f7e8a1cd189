//! What is spent of budgets, summed from the ledger beside calls: for purses that were just made, and to be shown and told.
//!
//! One thread reads the ledger; calls wait for it without blocking. All that wait when it begins to read are answered by
//! what it reads then, so that a thousand calls cost one sum.

use crate::living::Living;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};
use tg_kernel::outage::{Failing, Outage};
use tg_kernel::units::Money;
use tg_policy::admit::budget::SharedPurse;
use tg_store::ledger::{Ledger, SpentQuery};
use tokio::sync::oneshot;

/// Most sums that wait at a time; beyond it they are not known in time.
const WAITING_MAX: usize = 4_096;

/// How often what is spent is read for those who look, and for notices.
const MIRROR_EVERY: Duration = Duration::from_secs(1);

/// Of the time, reading for those who look takes at most this part.
const MIRROR_SHARE: u32 = 20;

/// How often it is looked whether the thread shall end.
const TICK: Duration = Duration::from_millis(100);

struct Wanted {
    purse: SharedPurse,
    sum: oneshot::Sender<Sum>,
}

/// What is spent of a purse.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    /// By the ledger.
    pub(crate) sum: Money,
    /// When it was begun to be read: rows that were appended before are in it.
    pub(crate) begun: Instant,
}

/// Asks for sums.
pub struct Summer(SyncSender<Wanted>);

/// The other end: [`Waiting::start`] reads.
pub struct Waiting(Receiver<Wanted>);

/// Both ends.
#[must_use]
pub fn summer() -> (Summer, Waiting) {
    let (ask, waiting) = mpsc::sync_channel(WAITING_MAX);
    (Summer(ask), Waiting(waiting))
}

impl Summer {
    /// What is spent of a purse, by a sum that is begun after this; `None` if the ledger cannot be read.
    pub(crate) async fn sum(&self, purse: SharedPurse) -> Option<Sum> {
        let (sum, summed) = oneshot::channel();
        self.0.try_send(Wanted { purse, sum }).ok()?;
        summed.await.ok()
    }
}

/// A running thread of sums.
pub struct Running {
    thread: thread::JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl Waiting {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(self, living: Arc<Living>, ledger: Ledger) -> std::io::Result<Running> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::Builder::new().name("sums".to_owned()).spawn(move || self.run(&living, &ledger, &seen))?;
        Ok(Running { thread, stop })
    }

    fn run(self, living: &Living, ledger: &Ledger, stop: &AtomicBool) {
        let (mut mirror_at, mut unread, mut unknown) = (Instant::now(), Outage::default(), Outage::default());
        while !stop.load(Ordering::Acquire) {
            match self.0.recv_timeout(TICK) {
                Ok(first) => {
                    let all = std::iter::once(first).chain(self.0.try_iter()).collect();
                    answer(all, living, ledger, &mut unknown);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= mirror_at && !living.purses.is_idle() {
                let begun = Instant::now();
                let read = living.purses.mirror(living.clock.now(), |query, each| ledger.spent(query, each));
                match read {
                    Ok(_) => tell_end(&mut unread, "what budgets have spent can be read again"),
                    Err(error) => {
                        if let Some(Failing { tries, lasts }) = unread.failed(Instant::now()) {
                            let what = "what budgets have spent cannot be read; it is shown as it was";
                            tracing::warn!(%error, tries, ?lasts, "{what}");
                        }
                    }
                }
                mirror_at = Instant::now() + MIRROR_EVERY.max(begun.elapsed() * MIRROR_SHARE);
            }
        }
    }
}

/// Reads the ledger once for all that one query sums. Who finds no answer hears nothing.
fn answer(all: Vec<Wanted>, living: &Living, ledger: &Ledger, unknown: &mut Outage) {
    let mut queries: HashMap<(SpentQuery, usize), Vec<Wanted>> = HashMap::new();
    for wanted in all {
        if let Some(by) = wanted.purse.summed_by() {
            queries.entry(by).or_default().push(wanted);
        }
    }
    for ((query, _), wanted) in queries {
        let purses: Vec<&SharedPurse> = wanted.iter().map(|wanted| &wanted.purse).collect();
        let begun = Instant::now();
        match living.purses.sum(&query, &purses, |each| ledger.spent(&query, each)) {
            Ok(sums) => {
                tell_end(unknown, "what budgets have spent can be summed again");
                for (wanted, sum) in wanted.into_iter().zip(sums) {
                    // Whoever does not wait any more has gone.
                    let _ = wanted.sum.send(Sum { sum, begun });
                }
            }
            Err(error) => {
                if let Some(Failing { tries, lasts }) = unknown.failed(Instant::now()) {
                    let what = "what budgets have spent cannot be summed; their calls are not known";
                    tracing::error!(%error, tries, ?lasts, "{what}");
                }
            }
        }
    }
}

fn tell_end(outage: &mut Outage, what: &str) {
    if let Some(Failing { tries, lasts }) = outage.mended(Instant::now()) {
        tracing::info!(tries, ?lasts, "{what}");
    }
}

impl Running {
    /// Ends the thread.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        if self.thread.join().is_err() {
            tracing::error!("the thread of sums panicked");
        }
    }
}
