//! How good cheaper answers are, from the ledger: at the start and with each new configuration, so that no restart forgets
//! it, and from time to time, so that gateways on one store know what the others have seen.

use crate::keeper::Keeper;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tg_admin::api::{RoutingPage, RoutingRule, TaskQuality};
use tg_kernel::clock::Timestamp;
use tg_kernel::decided::Decided;
use tg_kernel::ids::CallId;
use tg_kernel::outage::{Failing, Outage};
use tg_policy::route::quality::{Qualities, View};
use tg_policy::route::{Routes, TaskRouting};
use tg_proxy::living::Living;
use tg_proxy::shadow::Figures;
use tg_store::StoreError;
use tg_store::ledger::{CALLS_MAX, CallFilter, Ledger};
use tg_store::store::Store;
use tg_telemetry::metrics::{RuleFigures, ShadowFigures};

/// How far back comparisons count.
const COUNTED_FOR: Duration = Duration::from_secs(30 * 86_400);

/// How often it is looked what other gateways have seen.
const TICK: Duration = Duration::from_secs(30);

/// How long after its call's arrival a row may come into the ledger and still be seen by a look.
const LATE_MAX: Duration = Duration::from_secs(900);

/// In whose JSON it stands that a rule was off.
const OFF: &str = r#""stays":"switched_off""#;

/// Takes in what the ledger says of the rules of these routes: a rule that comes back, or that another gateway has switched
/// off, is known before it is in force.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn read(store: &Store, living: &Living, routes: &Routes) -> Result<(), StoreError> {
    let learn = |id, decided: &Decided| living.learn(routes, id, decided);
    read_since(&store.ledger()?, (&living.qualities, routes), living.clock.now().before(COUNTED_FOR), &learn)
}

/// What the ledger says of the rules of these routes, for who has no gateway to ask.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn of_ledger(ledger: &Ledger, routes: &Routes, now: Timestamp) -> Result<RoutingPage, StoreError> {
    let qualities = Qualities::default();
    let learn = |id, decided: &Decided| drop(qualities.learn(routes, id, decided));
    read_since(ledger, (&qualities, routes), now.before(COUNTED_FOR), &learn)?;
    Ok(shown(routes, &qualities))
}

fn read_since(
    ledger: &Ledger,
    (qualities, routes): (&Qualities, &Routes),
    since: Timestamp,
    each: &dyn Fn(CallId, &Decided),
) -> Result<(), StoreError> {
    let rules = routes.all_by_task();
    if rules.iter().all(|rule| rule.sampling.is_none()) {
        return Ok(());
    }
    let with = |parts: &[String], limit: usize| {
        let filter = CallFilter { since: Some(since), decided: parts.to_vec(), ..CallFilter::default() };
        ledger.calls(&filter, limit)
    };
    let learn = |records: &[tg_kernel::record::Record]| {
        // The oldest first, as they were seen.
        for record in records.iter().rev() {
            if let Some(decided) = &record.decided {
                each(record.id, decided);
            }
        }
    };
    // Each is asked for by itself: of one with many comparisons, or of one that was off and has a row for each call, there may
    // be so many that they would hide the others'.
    for rule in &rules {
        let Some(sampling) = &rule.sampling else { continue };
        let name = serde_json::Value::from(&*rule.rule);
        learn(&with(&[format!(r#""verdict":{{"rule":{name}"#)], CALLS_MAX)?);
        if sampling.floor.is_some() && !qualities.is_off(&rule.rule) {
            learn(&with(&[format!(r#""routed":{{"rule":{name}"#), OFF.to_owned()], 1)?);
        }
    }
    Ok(())
}

/// What is known of the rules in force, for the admin interface.
pub(crate) fn page(living: &Living) -> RoutingPage {
    shown(&living.snapshot.load().routes, &living.qualities)
}

fn shown(routes: &Routes, qualities: &Qualities) -> RoutingPage {
    let rule = |rule: &Arc<TaskRouting>| {
        let View { tasks, off } = qualities.view(&rule.rule);
        let quality = tasks.iter().map(|(task, known)| {
            let (low, high) = known.interval();
            TaskQuality { task: task.to_string(), samples: known.of, kept: known.kept, low, high }
        });
        let floor = rule.sampling.as_ref().and_then(|sampling| sampling.floor);
        RoutingRule {
            rule: rule.rule.to_string(),
            mode: rule.policy.mode.as_str().to_owned(),
            steps: rule.steps.iter().map(|step| format!("{}/{}", step.target.provider, step.target.model)).collect(),
            off,
            floor: floor.map(|floor| f64::from(floor.millionths) / 1e6),
            quality: quality.collect(),
        }
    };
    RoutingPage { rules: routes.all_by_task().into_iter().map(rule).collect() }
}

/// The same for metrics, with what became of copies and judges.
pub(crate) fn figures(living: &Living) -> ShadowFigures {
    let snapshot = living.snapshot.load();
    let Figures { fates, verdicts } = living.shadows.figures();
    let rule = |rule: &Arc<TaskRouting>| {
        let View { tasks, off } = living.qualities.view(&rule.rule);
        let tasks = tasks.into_iter().map(|(task, known)| (task, known.kept, known.of));
        let route = rule.rule.rsplit_once('#').map_or(&*rule.rule, |(route, _)| route);
        RuleFigures { route: route.into(), is_off: off, tasks: tasks.collect() }
    };
    ShadowFigures {
        calls: fates.into_iter().map(|(purpose, fate, count)| (purpose.as_str(), fate.as_str(), count)).collect(),
        comparisons: verdicts.to_vec(),
        rules: snapshot.routes.all_by_task().into_iter().map(rule).collect(),
    }
}

/// Starts the thread that looks what others have seen.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn start(living: Arc<Living>, ledger: Ledger) -> std::io::Result<Keeper> {
    let mut outage = Outage::default();
    let mut is_first = true;
    Keeper::start("quality", move || {
        // What there was at the start is known.
        if std::mem::take(&mut is_first) {
            return TICK;
        }
        let snapshot = living.snapshot.load_full();
        let (qualities, routes) = (&living.qualities, &snapshot.routes);
        let learn = |id, decided: &Decided| living.learn(routes, id, decided);
        match read_since(&ledger, (qualities, routes), living.clock.now().before(LATE_MAX), &learn) {
            Ok(()) => {
                if let Some(Failing { tries, lasts }) = outage.mended(Instant::now()) {
                    tracing::info!(tries, ?lasts, "the ledger can be read again for the quality of answers");
                }
            }
            Err(error) => {
                if let Some(Failing { tries, lasts }) = outage.failed(Instant::now()) {
                    tracing::warn!(%error, tries, ?lasts, "what other gateways know of the quality of answers cannot be read");
                }
            }
        }
        TICK
    })
}
