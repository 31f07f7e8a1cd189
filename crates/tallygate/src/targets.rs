//! How targets fare and how full pools are, for the admin interface.

use tg_admin::api::{PassedOver, PoolRoom, ProbeState, TargetPage};
use tg_proxy::living::Living;

/// As it is now.
pub(crate) fn page(living: &Living) -> TargetPage {
    let now = living.clock.monotonic();
    let passed_over = living.health.passed_over(now).into_iter().map(|one| PassedOver {
        provider: one.provider.to_string(),
        model: one.model.as_deref().map(str::to_owned),
        why: one.why.to_owned(),
        for_ms: u64::try_from(one.until.saturating_sub(now).as_millis()).unwrap_or(u64::MAX),
    });
    let pools = living.gates.figures(&living.snapshot.load().pools).into_iter().map(|figures| PoolRoom {
        pool: figures.pool.to_string(),
        target: figures.target.to_string(),
        limit: figures.limit,
        under_way: figures.under_way,
        waiting: figures.waiting,
    });
    let probes = living.health.probe_figures(now).into_iter().map(|figures| ProbeState {
        provider: figures.provider.to_string(),
        up: figures.is_up,
        failures: figures.streak,
    });
    TargetPage { passed_over: passed_over.collect(), pools: pools.collect(), probes: probes.collect() }
}
