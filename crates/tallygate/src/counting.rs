//! Counts that many gateways share: from the configuration to connections, and the threads that look after them.

use crate::source::Loaded;
use anyhow::{Context as _, Result, anyhow};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tg_config::document::{Document, SharedCounters as Declared};
use tg_config::grammar::SecretRef;
use tg_kernel::clock::{Clock, Timestamp};
use tg_kernel::secret::Secret;
use tg_policy::admit::budget::Purses;
use tg_proxy::living::Living;
use tg_proxy::shared::sums::{self, Waiting};
use tg_proxy::shared::{Settings, Shared};
use tg_store::ledger::Ledger;
use tg_store::shared::{Login, Options, Patience, Place, SharedCounters};
use tokio::sync::Notify;

/// How long the end of the process waits until the server has heard all.
const FINISH_MAX: Duration = Duration::from_secs(2);

/// Shared counts that are about to be used.
pub(crate) struct Prepared {
    pub(crate) shared: Arc<Shared>,
    waiting: Waiting,
}

/// What a writer of shared budgets may not expect: what is spent of them is summed from the store, which must be shared, too.
pub(crate) fn note(document: &Document) -> Option<String> {
    let is_alone = document.store.url.is_none() && !document.budgets.is_empty();
    document.counters.as_ref().filter(|_| is_alone).map(|_| {
        "counters: budgets are counted together with other gateways, and what is spent of them is summed from a SQLite file: \
         that holds only for gateways on this machine that use the same file; others need a store with a `url`"
            .to_owned()
    })
}

/// Reads the configuration; asks nobody yet. `None` where each gateway counts alone.
///
/// # Errors
/// When the certificate authorities cannot be read.
pub(crate) fn prepare(loaded: &Loaded, clock: &Arc<dyn Clock>) -> Result<Option<Prepared>> {
    let Some(declared) = &loaded.document.counters else { return Ok(None) };
    let secret = |reference: &Option<SecretRef>| reference.as_ref().and_then(|it| loaded.secrets.get(it)).cloned();
    let (password, sentinel) = (secret(&declared.password), secret(&declared.sentinel_password));
    let options = Options {
        tag: declared.tag.clone(),
        own: Arc::clone(clock),
        patience: Patience { connect: declared.connect_timeout.get(), command: declared.timeout.get() },
        ..Options::new(place(declared, password, sentinel)?)
    };
    let settings = Settings {
        replicas: declared.replicas.map(NonZeroU32::get),
        lease_percent: declared.lease_percent,
        sum_timeout: declared.sum_timeout.get(),
    };
    let (summer, waiting) = sums::summer();
    let shared = Arc::new(Shared::new(SharedCounters::new(options), settings, summer));
    Ok(Some(Prepared { shared, waiting }))
}

fn place(declared: &Declared, password: Option<Secret>, sentinel: Option<Secret>) -> Result<Place> {
    let bad = |bad| anyhow!("counters.url: {bad}");
    let place = Place::parse(declared.url.as_str()).map_err(bad)?;
    let place = place.login(Login { user: declared.user.clone(), password });
    let place = place.sentinel_login(Login { user: declared.sentinel_user.clone(), password: sentinel });
    let Some(ca) = &declared.ca else { return Ok(place) };
    let pem = std::fs::read(ca).with_context(|| format!("counters.ca: {} cannot be read", ca.display()))?;
    place.trusting(pem).map_err(|bad| anyhow!("counters.ca: {bad}"))
}

impl Prepared {
    /// Looks at what is spent. The last run may have ended before all that it booked was heard, by a crash or while the
    /// counters were away: its purses are summed anew.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub(crate) fn look(&self, purses: &Purses, ledger: &Ledger, now: Timestamp) -> Result<()> {
        let spent = purses.mirror(now, |query, each| ledger.spent(query, each)).context("what budgets have spent")?;
        self.shared.counters.mistrust(&spent);
        Ok(())
    }

    /// Starts the threads that look after the counts.
    ///
    /// # Errors
    /// When the system gives none.
    pub(crate) fn start(self, living: &Arc<Living>, ledger: Ledger) -> Result<Running> {
        let sums = self.waiting.start(Arc::clone(living), ledger)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = Arc::new(Notify::new());
        let (seen, shared, living) = (Arc::clone(&stop), self.shared, Arc::clone(living));
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = shared.counters.drive() => {}
                    () = shared.watch(&living) => {}
                    () = seen.notified() => {}
                }
                if let Err(away) = shared.counters.finish(FINISH_MAX).await {
                    let figures = shared.counters.figures();
                    tracing::error!(%away, waiting = figures.waiting, "not all that was counted could be said at the end");
                }
            });
        };
        let thread = thread::Builder::new().name("counters".to_owned()).spawn(run)?;
        Ok(Running { sums, thread, stop })
    }
}

/// The threads that look after shared counts.
pub(crate) struct Running {
    sums: sums::Running,
    thread: thread::JoinHandle<()>,
    stop: Arc<Notify>,
}

impl Running {
    /// Says what is still to be said, and ends. Call it when the last call is booked.
    pub(crate) fn stop(self) {
        self.sums.stop();
        self.stop.notify_one();
        if self.thread.join().is_err() {
            tracing::error!("the thread of the counters panicked");
        }
    }
}
