//! The thread that looks after the ledger: sums of old rows, deletion by policy, and what metrics tell of the store.

use crate::keeper::Keeper;
use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tg_config::document;
use tg_kernel::clock::Clock;
use tg_store::ledger::{Piece, Retention, Upkeep};
use tg_store::store::Store;

/// Between two pieces: several times what one takes, so that the metering finds the store free.
const PAUSE: Duration = Duration::from_millis(50);

/// How often it looks whether there is something to do.
const IDLE: Duration = Duration::from_secs(60);

/// What is told of the store.
#[derive(Debug, Default)]
pub struct Figures {
    bytes: AtomicU64,
    oldest: AtomicI64,
    corrections: AtomicU64,
    deleted_rows: AtomicU64,
    deleted_rollups: AtomicU64,
}

impl Figures {
    /// The size of the store in bytes, as it was at most a minute ago.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// When the call of the oldest row arrived, in seconds since 1970, as it was at most a minute ago; 0 where there is
    /// none.
    #[must_use]
    pub fn oldest(&self) -> u64 {
        u64::try_from(self.oldest.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Corrections that were ever made, by whatever process, as it was at most a minute ago.
    #[must_use]
    pub fn corrections(&self) -> u64 {
        self.corrections.load(Ordering::Relaxed)
    }

    /// Rows that were deleted by policy since the start.
    #[must_use]
    pub fn deleted_rows(&self) -> u64 {
        self.deleted_rows.load(Ordering::Relaxed)
    }

    /// Sums that were deleted by policy since the start.
    #[must_use]
    pub fn deleted_rollups(&self) -> u64 {
        self.deleted_rollups.load(Ordering::Relaxed)
    }
}

/// A running upkeep.
pub(crate) struct Running {
    keeper: Keeper,
    figures: Arc<Figures>,
}

impl Running {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the store cannot be opened, or the system gives no thread.
    pub(crate) fn start(store: &Store, declared: document::Retention, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut upkeep = store.upkeep()?;
        let retention =
            Retention { calls: declared.calls.map(|age| age.get()), rollups: declared.rollups.map(|age| age.get()) };
        let figures = Arc::new(Figures::default());
        look(&upkeep, &figures);
        let told = Arc::clone(&figures);
        let keeper = Keeper::start("upkeep", move || work(&mut upkeep, &retention, &*clock, &told))?;
        Ok(Self { keeper, figures })
    }

    pub(crate) const fn figures(&self) -> &Arc<Figures> {
        &self.figures
    }

    /// Lets it end after what it does now.
    pub(crate) fn end(&self) {
        self.keeper.end();
    }

    /// Waits until it has ended.
    pub(crate) fn stop(self) {
        self.keeper.stop();
    }
}

/// Does one piece; answers how long to wait before the next.
fn work(upkeep: &mut Upkeep, retention: &Retention, clock: &dyn Clock, figures: &Figures) -> Duration {
    let add = |counter: &AtomicU64, count: usize| counter.fetch_add(count as u64, Ordering::Relaxed);
    match upkeep.step(retention, clock.now()) {
        Ok(Piece::RolledUp(_)) => PAUSE,
        Ok(Piece::DeletedRows(count)) => {
            add(&figures.deleted_rows, count);
            PAUSE
        }
        Ok(Piece::DeletedRollups(count)) => {
            add(&figures.deleted_rollups, count);
            PAUSE
        }
        Ok(Piece::Nothing) => {
            look(upkeep, figures);
            IDLE
        }
        Err(error) => {
            tracing::warn!(%error, "the ledger cannot be looked after; it is tried again");
            IDLE
        }
    }
}

fn look(upkeep: &Upkeep, figures: &Figures) {
    if let Ok(seen) = upkeep.glance() {
        figures.bytes.store(seen.bytes, Ordering::Relaxed);
        figures.oldest.store(seen.oldest_row.map_or(0, |oldest| oldest.seconds()), Ordering::Relaxed);
        figures.corrections.store(seen.corrections, Ordering::Relaxed);
    }
}
