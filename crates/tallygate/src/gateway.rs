//! A running gateway: stores, workers, meter and admin listener, started in order and ended in the reverse order.

mod earlier;
mod keepers;

use crate::budgets;
use crate::caching;
use crate::counting;
use crate::guardrails::coverage;
use crate::journal_keeper::JournalKeeper;
use crate::lineage;
use crate::place;
use crate::prober::Prober;
use crate::quality;
use crate::recording;
use crate::source::Loaded;
use crate::surroundings::Surroundings;
use crate::upkeep;
use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use keepers::Keepers;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tg_config::document::{Document, OnJournalFailure, Tls};
use tg_kernel::clock::Clock;
use tg_kernel::outage::Outage;
use tg_net::drain::{Drain, Drained, Draining};
use tg_net::listener::{Bound, Listener, ListenerOptions};
use tg_net::resolve::Resolver;
use tg_net::tls::{Renewal, ServerTls};
use tg_policy::admit::budget::Purses;
use tg_policy::admit::{Counters, Lessons};
use tg_policy::aws::Replays;
use tg_policy::cache::Repeats;
use tg_policy::cache::alike::Likenesses;
use tg_policy::health::{Health, Hedges, Paces};
use tg_policy::pool::Gates;
use tg_policy::route::quality::Qualities;
use tg_policy::route::{SeenPrefixes, Sessions};
use tg_proxy::cached::Answers;
use tg_proxy::living::{Counts, Living, Worker};
use tg_proxy::looks::Looks;
use tg_proxy::meter::{Meter, OnFailure, Queue, Running, Till};
use tg_proxy::shadow::Shadows;
use tg_proxy::shared::Shared;
use tg_proxy::whois::Whois;
use tg_store::directory::Directory;
use tg_store::journal::{Figures, Journal, Recovered};
use tg_store::ledger::{Ledger, LedgerWriter};
use tg_store::shared::AnswersLink;
use tg_store::store::Store;
use tg_store::team::SyncReport;
use tg_upstream::aws::Wallet;

/// What streams that outlast a drain have for their last word to reach the caller.
const LAST_WORD: Duration = Duration::from_secs(1);

/// A running gateway.
pub struct Gateway {
    /// What outlives a reload.
    pub living: Arc<Living>,
    /// Where callers reach it.
    pub address: SocketAddr,
    /// The store, for reports.
    pub store: Arc<Store>,
    tls: Option<ServerTls>,
    drain: Drain,
    draining: Draining,
    listener: Listener,
    queues: Vec<Arc<Queue>>,
    journal: Arc<Figures>,
    workers: Vec<thread::JoinHandle<Drained>>,
    meter: Running,
    keepers: Keepers,
    prober: Prober,
    journal_keeper: JournalKeeper,
    upkeep: upkeep::Running,
    counting: Option<counting::Running>,
}

impl Gateway {
    /// Starts a gateway: when this returns, callers can connect.
    ///
    /// # Errors
    /// When an address, the store, the journal or a certificate cannot be used.
    pub fn start(
        loaded: &Loaded,
        surroundings: &Surroundings,
        sinks: Vec<Box<dyn tg_proxy::meter::Sink>>,
    ) -> Result<Self> {
        let (document, clock) = (&loaded.document, Arc::clone(&surroundings.clock));
        let store = open_store(loaded, surroundings)?;
        let directory = Arc::new(open_directory(&store, loaded)?);
        sync_teams(&store, &directory, loaded, &*clock)?;
        let (journal, recovered) = Journal::open(document.store.journal_directory())?;
        journal.set_bytes_max(document.store.journal_bytes_max.bytes());
        let mut ledger = store.ledger_writer()?;
        let (sums, counting) = (store.ledger()?, counting::prepare(loaded, &clock)?);
        let purses = fill(loaded, recovered, (&mut ledger, &sums), counting.as_ref(), &*clock)?;
        if let Some(counting) = &counting {
            lineage::succeed(&counting.shared, &document.store.journal_directory());
        }
        let (workers, tls) = (worker_count(document), load_tls("listen", document.listen.tls.as_ref())?);
        let bound = tg_net::listener::bind(document.listen.address.get(), workers)
            .with_context(|| format!("listen.address: cannot listen on {}", document.listen.address))?;
        let shared = counting.as_ref().map(|counting| Arc::clone(&counting.shared));
        let living = living(loaded, clock, directory, (purses, shared))?;
        let queues: Vec<Arc<Queue>> = (0..workers.get()).map(|_| Arc::default()).collect();
        let (of_meter, known, outage) = (journal.clone(), Arc::clone(&living), Outage::default());
        let meter =
            Meter { queues: queues.clone(), journal: of_meter, ledger, sums, living: known, sinks, outage }.start()?;
        let counting = counting.map(|counting| counting.start(&living, store.ledger()?)).transpose()?;
        let prober = Prober::start(&living, surroundings.roots.clone())?;
        let keepers = Keepers::start(&living, &store, &loaded.snapshot.routes)?;
        let journal_keeper = JournalKeeper::start(journal.clone(), document.store.journal_sync.get())?;
        // After the journal's calls are in the ledger: a row must not be deleted while it may come again.
        let upkeep = upkeep::Running::start(&store, document.store.retention, Arc::clone(&living.clock))?;
        let (drain, draining) = tg_net::drain::signal();
        let (address, listener) = (bound.addr, listener(document, tls.clone()));
        let tills = Tills { journal: &journal, queues: &queues, on_failure: on_failure(document) };
        let crew = Crew { living: &living, tills, surroundings, listener: &listener, loaded };
        let workers = crew.start(bound, &draining)?;
        let (store, journal) = (Arc::new(store), journal.figures());
        Ok(Self {
            living,
            address,
            store,
            tls,
            drain,
            draining,
            listener,
            queues,
            journal,
            workers,
            meter,
            keepers,
            prober,
            journal_keeper,
            upkeep,
            counting,
        })
    }

    /// Puts another configuration into force for the calls that begin from now on. Addresses, store, workers and
    /// telemetry stay as they were at the start. To be awaited on a Tokio runtime, which serves others while the store is
    /// waited for. Who drops it before its end leaves the old configuration in force; its teams may be brought in yet.
    ///
    /// # Errors
    /// When teams contradict each other, the store fails or a certificate cannot be read; then the old configuration stays
    /// in force.
    pub async fn reload(&self, loaded: &Arc<Loaded>) -> Result<()> {
        // What may fail comes before what takes effect.
        let renewal = self.tls.as_ref().map(ServerTls::renewal).transpose()?;
        let (store, living, declared) = (Arc::clone(&self.store), Arc::clone(&self.living), Arc::clone(loaded));
        let teams = move || {
            quality::read(&store, &living, &declared.snapshot.routes)?;
            sync_teams(&store, &living.directory, &declared, &*living.clock)
        };
        tokio::task::spawn_blocking(teams).await.context("bringing in the teams broke off")??;
        self.adopt(loaded, renewal);
        Ok(())
    }

    fn adopt(&self, loaded: &Loaded, renewal: Option<Renewal>) {
        if let Some((tls, renewal)) = self.tls.as_ref().zip(renewal) {
            tls.renew(renewal);
        }
        match &self.living.shared {
            Some(_) => self.living.purses.adopt(Arc::clone(&loaded.snapshot.budgets), self.living.clock.now()),
            None => self.living.purses.propose(Arc::clone(&loaded.snapshot.budgets)),
        }
        self.living.answers.shrink(loaded.snapshot.cache.bytes_max);
        self.living.snapshot.store(Arc::clone(&loaded.snapshot));
        self.prober.adopt(&loaded.snapshot);
    }

    /// Connections from callers that are open.
    pub fn connections(&self) -> impl Fn() -> u64 + Send + Sync + use<> {
        let listener = self.listener.clone();
        move || listener.open_connections() as u64
    }

    /// The queues of finished calls, one for each worker.
    #[must_use]
    pub fn queues(&self) -> &[Arc<Queue>] {
        &self.queues
    }

    /// How full the journal is.
    #[must_use]
    pub const fn journal(&self) -> &Arc<Figures> {
        &self.journal
    }

    /// How large the store is, and what was deleted from it.
    #[must_use]
    pub const fn upkeep(&self) -> &Arc<upkeep::Figures> {
        self.upkeep.figures()
    }

    /// The receiving end of the drain, for other listeners of the process.
    #[must_use]
    pub fn draining(&self) -> Draining {
        self.draining.clone()
    }

    /// Ends the gateway: no new calls, calls that go on may finish within `limit`, streams that outlast it end with an
    /// error, everything is written down.
    /// Must be called on a Tokio runtime. Blocks.
    pub fn drain(self, limit: Duration) -> Drained {
        self.living.ready.store(false, Ordering::Release);
        self.drain.begin(limit.saturating_add(LAST_WORD));
        // Old rows are looked after by the next run; a piece of that may take its time, which passes meanwhile.
        self.upkeep.end();
        let mut drained = Drained::default();
        for worker in self.workers {
            match worker.join() {
                Ok(one) => drained += one,
                Err(_) => tracing::error!("a worker panicked"),
            }
        }
        self.upkeep.stop();
        self.prober.stop();
        self.keepers.stop();
        self.meter.stop();
        quality::keep_last(&self.store, &self.living);
        if let Some(recorder) = &self.living.recorder {
            recorder.stop();
        }
        if let Some(counting) = self.counting {
            counting.stop();
        }
        self.journal_keeper.stop();
        drained
    }
}

/// One worker per core, unless the configuration says otherwise.
fn worker_count(document: &Document) -> NonZeroUsize {
    document
        .listen
        .workers
        .map(NonZeroUsize::from)
        .or_else(|| thread::available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN)
}

/// Settles what an earlier run left in its journal, and makes the purses of the configuration's budgets with what is spent
/// of them.
fn fill(
    loaded: &Loaded,
    recovered: Recovered,
    (ledger, sums): (&mut LedgerWriter, &Ledger),
    counting: Option<&counting::Prepared>,
    clock: &dyn Clock,
) -> Result<Purses> {
    let (purses, budgets) = (Purses::default(), Arc::clone(&loaded.snapshot.budgets));
    match counting {
        Some(_) => purses.adopt(budgets, clock.now()),
        None => purses.propose(budgets),
    }
    earlier::settle(recovered, ledger, &loaded.snapshot, |records| {
        if let Some(counting) = counting {
            counting.shared.book(records, &purses, clock.now());
        }
    })?;
    match counting {
        Some(counting) => counting.look(&purses, sums, clock.now())?,
        None => {
            let load = purses.load(clock.now(), |query, each| sums.spent(query, each));
            load.context("what budgets have spent")?;
        }
    }
    for (budget, kept) in budgets::forgotten(&loaded.snapshot.budgets, sums, clock.now())? {
        tracing::warn!(budget, since = %kept, "what was spent of a budget before this time is deleted, and not counted");
    }
    Ok(purses)
}

fn listener(document: &Document, tls: Option<ServerTls>) -> Listener {
    let header_timeout = document.listen.head_timeout.get();
    Listener::new(ListenerOptions { header_timeout, ..ListenerOptions::default() }, tls)
}

/// Reads the certificate of a listener, named as in the configuration.
///
/// # Errors
/// When it cannot be used.
pub fn load_tls(listener: &str, declared: Option<&Tls>) -> Result<Option<ServerTls>> {
    let loaded = declared.map(|tls| ServerTls::load(&tls.certificate, &tls.key)).transpose();
    loaded.with_context(|| format!("{listener}.tls"))
}

/// What outlives a reload, at a start.
fn living(
    loaded: &Loaded,
    clock: Arc<dyn Clock>,
    directory: Arc<Directory>,
    (purses, shared): (Purses, Option<Arc<Shared>>),
) -> Result<Arc<Living>> {
    Ok(Arc::new(Living {
        recorder: recording::start(&loaded.document, &clock)?,
        aws: Wallet::new(Arc::clone(&clock)),
        clock,
        directory,
        replays: Replays::default(),
        limits: Counters::default(),
        purses,
        shared,
        lessons: Lessons::default(),
        health: Health::default(),
        paces: Paces::default(),
        hedges: Hedges::default(),
        gates: Gates::default(),
        sessions: Sessions::default(),
        prefixes: SeenPrefixes::default(),
        qualities: Qualities::default(),
        shadows: Shadows::default(),
        whois: Whois::default(),
        looks: Looks::default(),
        answers: Answers::default(),
        likenesses: Likenesses::default(),
        repeats: Repeats::default(),
        snapshot: ArcSwap::new(Arc::clone(&loaded.snapshot)),
        counts: Counts::default(),
        ready: AtomicBool::new(true),
    }))
}

fn open_store(loaded: &Loaded, surroundings: &Surroundings) -> Result<Store> {
    let declared = &loaded.document.store;
    let password = declared.password.as_ref().and_then(|reference| loaded.secrets.get(reference));
    place::open(declared, password, || Ok(surroundings.roots.clone()))
}

/// Opens teams and keys; says which access keys cannot be used.
fn open_directory(store: &Store, loaded: &Loaded) -> Result<Directory> {
    let directory = store.directory_with(loaded.secrets_key.clone())?;
    let unreadable = directory.unreadable();
    if !unreadable.is_empty() {
        tracing::error!(
            keys = ?unreadable,
            "the secrets of these access keys cannot be read: identity.secrets_key is missing, or not the one under \
             which they were made; calls with them are refused"
        );
    }
    Ok(directory)
}

fn sync_teams(store: &Store, directory: &Directory, loaded: &Loaded, clock: &dyn Clock) -> Result<()> {
    // An older revision must not take from all gateways the teams that a newer one brought.
    if let Some(taken) = &loaded.revision
        && (taken.is_behind || is_outdated(store, taken.head.number)?)
    {
        return Ok(());
    }
    let report = directory.sync_declared(&loaded.teams, clock.now()).context("teams")?;
    if !report.is_empty() {
        let SyncReport { added, changed, undeclared, taken_over } = &report;
        let [added, changed] = [added, changed].map(|teams| teams.join(", "));
        let [undeclared, taken_over] = [undeclared, taken_over].map(|teams| teams.join(", "));
        tracing::info!(added, changed, undeclared, taken_over, "teams of the configuration were brought in");
    }
    for limit in &loaded.document.limits {
        let team = limit.scope.team.as_ref().filter(|team| team.is_exact()).map(|team| team.as_str());
        if let Some(team) = team.filter(|team| directory.team(team).is_none()) {
            tracing::warn!(limit = limit.name.as_str(), team, "a limit is for a team that does not exist");
        }
    }
    for budget in &loaded.document.budgets {
        let team = budget.scope.team.as_ref().filter(|team| team.is_exact()).map(|team| team.as_str());
        if let Some(team) = team.filter(|team| directory.team(team).is_none()) {
            tracing::warn!(budget = budget.name.as_str(), team, "a budget is for a team that does not exist");
        }
    }
    for gap in coverage::of_others(&loaded.document, &loaded.snapshot.guards, &directory.teams()) {
        tracing::warn!(gap, "calls of a team that was made at run time are refused");
    }
    for role in loaded.document.identity.aws.iter().flat_map(|aws| &aws.roles) {
        if directory.team(role.team.as_str()).is_none() {
            tracing::warn!(
                arn = role.arn,
                team = role.team.as_str(),
                "a line of identity.aws.roles is for a team that does not exist: its callers are refused"
            );
        }
    }
    Ok(())
}

/// Whether there is a newer revision, of which this gateway may not have heard yet. Whoever takes that brings its teams in.
fn is_outdated(store: &Store, taken: u64) -> Result<bool> {
    let newest = store.revisions().and_then(|mut revisions| revisions.list(1)).context("store.revisions")?;
    Ok(newest.first().is_some_and(|newest| newest.number > taken))
}

/// What workers are made of.
struct Crew<'a> {
    living: &'a Arc<Living>,
    tills: Tills<'a>,
    surroundings: &'a Surroundings,
    listener: &'a Listener,
    loaded: &'a Loaded,
}

/// What their tills are made of.
struct Tills<'a> {
    journal: &'a Journal,
    queues: &'a [Arc<Queue>],
    on_failure: OnFailure,
}

/// What becomes of calls that the journal does not take.
const fn on_failure(document: &Document) -> OnFailure {
    match document.store.on_journal_failure {
        OnJournalFailure::Refuse => OnFailure::Refuse,
        OnJournalFailure::AllowAndAlert => OnFailure::Allow,
    }
}

impl Crew<'_> {
    /// A worker's connection to answers that gateways share, where they do.
    fn answers(&self) -> Option<AnswersLink> {
        let shared = self.living.shared.as_ref().filter(|_| caching::is_shared(&self.loaded.document))?;
        Some(shared.counters.answers(self.loaded.secrets_key.clone()))
    }

    fn start(self, bound: Bound, draining: &Draining) -> Result<Vec<thread::JoinHandle<Drained>>> {
        let resolver = Resolver::new();
        let mut threads = Vec::new();
        for (number, (socket, queue)) in (0u16..).zip(bound.sockets.into_iter().zip(self.tills.queues)) {
            let worker = Arc::new(Worker {
                living: Arc::clone(self.living),
                link: self.living.shared.as_ref().map(|shared| Arc::new(shared.counters.link())),
                answers: self.answers().map(Arc::new),
                pools: Arc::new(tg_upstream::pools::Pools::new(self.surroundings.roots.clone(), resolver.clone())),
                till: Till::new(self.tills.journal.worker(number), Arc::clone(queue), self.tills.on_failure),
                closing: Arc::default(),
            });
            let (listener, draining) = (self.listener.clone(), draining.clone());
            let run = move || work(&worker, listener, socket, draining);
            threads.push(thread::Builder::new().name(format!("worker-{number}")).spawn(run)?);
        }
        Ok(threads)
    }
}

/// A worker: one core, one runtime, one socket, one pool of connections. Nothing is shared on a call's path but what
/// never blocks.
fn work(worker: &Arc<Worker>, listener: Listener, socket: std::net::TcpListener, draining: Draining) -> Drained {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "a worker cannot start");
            return Drained::default();
        }
    };
    let _inside = runtime.enter();
    if let Some(link) = worker.link.clone() {
        drop(tg_net::tasks::spawn("counters", async move { link.keep().await }));
    }
    if let Some(link) = worker.answers.clone() {
        drop(tg_net::tasks::spawn("answers", async move { link.stay().await }));
    }
    let (closing, mut begun) = (Arc::clone(&worker.closing), draining.clone());
    drop(tg_net::tasks::spawn("closing", async move {
        tokio::time::sleep_until(begun.begun().await - LAST_WORD).await;
        closing.begin();
    }));
    let serving = listener.serve(socket, draining, {
        let worker = Arc::clone(worker);
        move |request, peer| {
            let worker = Arc::clone(&worker);
            async move { Ok::<_, Infallible>(tg_proxy::flow::answer(worker, request, peer.addr.ip()).await) }
        }
    });
    runtime.block_on(serving).unwrap_or_else(|error| {
        tracing::error!(%error, "a worker's listener failed");
        Drained::default()
    })
}

#[cfg(test)]
mod tests;
