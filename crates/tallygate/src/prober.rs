//! The thread that asks providers, where their operators wish it, whether they are there, before calls meet them.

use anyhow::{Context as _, Result};
use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use tg_config::document;
use tg_net::egress::EgressPolicy;
use tg_net::resolve::Resolver;
use tg_net::tasks::Tasks;
use tg_net::tls::TrustedRoots;
use tg_policy::health::{ProbeRule, Turn};
use tg_proxy::living::Living;
use tg_proxy::snapshot::Snapshot;
use tg_upstream::pools::Pools;
use tg_upstream::probe::{Probe, Seen, Unwell, look};
use tg_upstream::provider::Upstream;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// Compiles the probe of a provider that is called at `base`.
///
/// # Errors
/// When it is no address. The document's own check has found that before.
pub(crate) fn compile(declared: &document::Probe, base: &str) -> Result<Probe> {
    let address = format!("{}{}", origin(base), declared.path);
    let status = declared.status.map(http::StatusCode::from_u16).transpose().context("probe.status")?;
    Ok(Probe {
        address: address.parse().context("probe.path")?,
        every: declared.every.get(),
        timeout: declared.timeout.get(),
        failures: u32::from(declared.failures),
        status,
        has_credentials: declared.auth,
    })
}

/// Scheme, host and port of an address.
fn origin(base: &str) -> &str {
    let host = base.find("://").map_or(0, |at| at + 3);
    let end = base.get(host..).and_then(|rest| rest.find('/')).map_or(base.len(), |at| host + at);
    base.get(..end).unwrap_or(base)
}

/// The running thread.
pub(crate) struct Prober {
    wanted: watch::Sender<Arc<Snapshot>>,
    thread: thread::JoinHandle<()>,
}

impl Prober {
    /// Starts it: what the configuration in force wants probed is asked at once.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(living: &Arc<Living>, roots: TrustedRoots) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (wanted, orders) = watch::channel(living.snapshot.load_full());
        let (living, pools) = (Arc::clone(living), Arc::new(Pools::new(roots, Resolver::new())));
        let run = move || until_end(runtime, follow(orders, &living, &pools));
        let thread = thread::Builder::new().name("probes".to_owned()).spawn(run)?;
        Ok(Self { wanted, thread })
    }

    /// Ends the probes of the configuration before, and begins those of this one.
    pub(crate) fn adopt(&self, snapshot: &Arc<Snapshot>) {
        self.wanted.send_replace(Arc::clone(snapshot));
    }

    /// Ends it.
    pub(crate) fn stop(self) {
        drop(self.wanted);
        if self.thread.join().is_err() {
            tracing::error!("the thread of the probes panicked");
        }
    }
}

/// Runs `work` to its end, and ends the runtime without waiting for what blocks: a look-up of a name that hangs must not hold up the
/// process's end.
fn until_end(runtime: Runtime, work: impl Future<Output = ()>) {
    runtime.block_on(work);
    runtime.shutdown_background();
}

/// Probes what each configuration wants probed, until nobody gives any more.
async fn follow(mut orders: watch::Receiver<Arc<Snapshot>>, living: &Arc<Living>, pools: &Arc<Pools>) {
    let mut before: HashMap<Arc<str>, (Probe, EgressPolicy)> = HashMap::new();
    loop {
        let snapshot = Arc::clone(&orders.borrow_and_update());
        let probed = snapshot
            .upstreams
            .values()
            .filter_map(|upstream| Some((Arc::clone(&upstream.name), (upstream.probe.clone()?, upstream.egress))));
        let probes: HashMap<_, _> = probed.collect();
        let are_as_before = |name: &str| probes.get(name).is_some_and(|probe| before.get(name) == Some(probe));
        living.health.probes_stay(are_as_before, living.clock.monotonic());
        let tasks = Tasks::new();
        for upstream in snapshot.upstreams.values() {
            if let Some(probe) = upstream.probe.clone() {
                tasks.spawn("probe", repeat(Arc::clone(upstream), probe, Arc::clone(living), Arc::clone(pools)));
            }
        }
        before = probes;
        let goes_on = orders.changed().await.is_ok();
        tasks.cancel();
        tasks.join().await;
        if !goes_on {
            return;
        }
    }
}

/// Asks one provider again and again.
async fn repeat(upstream: Arc<Upstream>, probe: Probe, living: Arc<Living>, pools: Arc<Pools>) {
    let mut ticks = tokio::time::interval(probe.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let rule = ProbeRule { failures: probe.failures, lasts: probe.every * 2 + probe.timeout };
    loop {
        ticks.tick().await;
        let left = living.clock.monotonic();
        let why = match look(&upstream, &probe, &pools, living.clock.now()).await {
            Ok(Seen::Well) => None,
            Ok(Seen::Busy) => continue,
            Err(why) => Some(why),
        };
        let times = (left, living.clock.monotonic());
        let turn = living.health.probed(&upstream.name, why.is_none(), &rule, times);
        tell(&upstream.name, turn, why);
    }
}

/// Says what has changed.
fn tell(provider: &str, turn: Option<Turn>, why: Option<Unwell>) {
    match (turn, why) {
        (Some(Turn::Down), Some(why)) => {
            tracing::warn!(provider, %why, "the provider fails its probe: it is passed over where there is another");
        }
        (Some(Turn::Up), _) => tracing::info!(provider, "the provider answers its probe again"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{origin, until_end};
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn what_blocks_does_not_hold_up_the_end() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (release, held) = mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let (ended, ends) = mpsc::channel();
        let work = async move {
            drop(tokio::task::spawn_blocking(move || {
                begun.send(()).unwrap();
                held.recv()
            }));
            begins.await.unwrap();
        };
        let thread = std::thread::spawn(move || {
            until_end(runtime, work);
            ended.send(()).unwrap();
        });
        let end = ends.recv_timeout(Duration::from_secs(20));
        drop(release);
        thread.join().unwrap();
        end.unwrap();
    }

    #[test]
    fn the_path_of_a_base_url_is_no_part_of_its_origin() {
        for (base, expected) in [
            ("https://api.openai.com/v1", "https://api.openai.com"),
            ("https://api.anthropic.com", "https://api.anthropic.com"),
            ("http://[::1]:9000/a/b/v1", "http://[::1]:9000"),
        ] {
            assert_eq!(origin(base), expected);
        }
    }
}
