//! The thread that asks providers, where their operators wish it, whether they are there, before calls meet them.

use anyhow::{Context as _, Result};
use std::sync::Arc;
use std::thread;
use tg_config::document;
use tg_net::resolve::Resolver;
use tg_net::tasks::Tasks;
use tg_net::tls::TrustedRoots;
use tg_policy::health::{ProbeRule, Turn};
use tg_proxy::living::Living;
use tg_proxy::snapshot::Snapshot;
use tg_upstream::pools::Pools;
use tg_upstream::probe::{Probe, Unwell, look};
use tg_upstream::provider::Upstream;
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
        let run = move || runtime.block_on(follow(orders, &living, &pools));
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

/// Probes what each configuration wants probed, until nobody gives any more.
async fn follow(mut orders: watch::Receiver<Arc<Snapshot>>, living: &Arc<Living>, pools: &Arc<Pools>) {
    loop {
        let snapshot = Arc::clone(&orders.borrow_and_update());
        let probe_of = |name: &str| snapshot.upstreams.get(name).and_then(|upstream| upstream.probe.clone());
        living.health.probes_are_of(|name| probe_of(name).is_some(), living.clock.monotonic());
        let tasks = Tasks::new();
        for upstream in snapshot.upstreams.values() {
            if let Some(probe) = probe_of(&upstream.name) {
                tasks.spawn("probe", repeat(Arc::clone(upstream), probe, Arc::clone(living), Arc::clone(pools)));
            }
        }
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
        let seen = look(&upstream, &probe, &pools, living.clock.now()).await;
        let times = (left, living.clock.monotonic());
        let turn = living.health.probed(&upstream.name, seen.is_ok(), &rule, times);
        tell(&upstream.name, turn, seen.err());
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
    use super::origin;

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
