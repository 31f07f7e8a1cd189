//! How good cheaper answers are, and which rules have switched themselves off, from the store: at the start and with each new
//! configuration, so that no restart forgets it, and from time to time, so that gateways on one store know what the others
//! have seen.

use crate::keeper::Keeper;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tg_admin::api::{RoutingPage, RoutingRule, SwitchError, SwitchedOff, TaskQuality};
use tg_kernel::clock::{Clock as _, SystemClock, Timestamp};
use tg_kernel::decided::Decided;
use tg_kernel::ids::CallId;
use tg_kernel::outage::{Failing, Outage};
use tg_policy::route::quality::{Kept, Qualities, View};
use tg_policy::route::{Routes, TaskRouting};
use tg_proxy::living::Living;
use tg_proxy::shadow::Figures;
use tg_store::ledger::{CALLS_MAX, CallFilter, Ledger};
use tg_store::store::Store;
use tg_store::{StoreError, Switch, Switches};
use tg_telemetry::metrics::{RuleFigures, ShadowFigures};

/// How far back comparisons count.
const COUNTED_FOR: Duration = Duration::from_secs(30 * 86_400);

/// How often it is looked what other gateways have seen.
const LOOK: Duration = Duration::from_secs(30);

/// How often it is looked whether a rule has switched itself off here, which the store does not know yet.
const TICK: Duration = Duration::from_secs(1);

/// How long after its call's arrival a row may come into the ledger and still be seen by a look.
const LATE_MAX: Duration = Duration::from_secs(900);

/// What is known of rules, and where it is kept.
struct Source<'a> {
    ledger: &'a Ledger,
    switches: &'a mut Switches,
    qualities: &'a Qualities,
    routes: &'a Routes,
}

/// Takes in what the store says of the rules of these routes: a rule that comes back, or that another gateway has switched
/// off, is known before it is in force.
///
/// # Errors
/// When the store cannot be used.
pub(crate) fn read(store: &Store, living: &Living, routes: &Routes) -> Result<(), StoreError> {
    let learn = |id, decided: &Decided| living.learn(routes, id, decided);
    let (ledger, mut switches) = (store.ledger()?, store.switches()?);
    let qualities = &living.qualities;
    let mut source = Source { ledger: &ledger, switches: &mut switches, qualities, routes };
    source.look(living.clock.now().before(COUNTED_FOR), &learn)
}

/// What the store says of the rules of these routes, for who has no gateway to ask.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn of_store(store: &Store, routes: &Routes, now: Timestamp) -> Result<RoutingPage, StoreError> {
    let (ledger, mut switches, qualities) = (store.ledger()?, store.switches()?, Qualities::default());
    let mut source = Source { ledger: &ledger, switches: &mut switches, qualities: &qualities, routes };
    source.look_at_switches()?;
    source.look_at_rows(now.before(COUNTED_FOR), &|id, decided| drop(qualities.learn(routes, id, decided)))?;
    Ok(shown(routes, &qualities))
}

/// Switches a rule of these routes on, by its name or that of its route, and answers how it stands then. Gateways on the store
/// do so within half a minute.
///
/// # Errors
/// When there is no such rule, it is not off, or the store cannot be used.
pub(crate) fn switch_on_in_store(store: &Store, routes: &Routes, name: &str) -> Result<RoutingRule, SwitchError> {
    let rule = find(routes, name)?;
    let (now, ledger, qualities) = (SystemClock::new().now(), store.ledger()?, Qualities::default());
    // One that a gateway switched off and had no time to keep.
    let mut source = Source { ledger: &ledger, switches: &mut store.switches()?, qualities: &qualities, routes };
    source.look(now.before(COUNTED_FOR), &|id, decided| drop(qualities.learn(routes, id, decided)))?;
    if store.switches()?.switch_on(&rule.rule, now)?.is_none() {
        return Err(SwitchError::IsOn(rule.rule.to_string()));
    }
    let page = of_store(store, routes, now)?;
    page.rules.into_iter().find(|shown| *shown.rule == *rule.rule).ok_or_else(|| unknown(routes, name))
}

/// The same in a running gateway, where it is on at once.
///
/// # Errors
/// As [`switch_on_in_store`].
pub(crate) fn switch_on(store: &Store, living: &Living, name: &str) -> Result<RoutingRule, SwitchError> {
    let (snapshot, qualities) = (living.snapshot.load_full(), &living.qualities);
    let rule = find(&snapshot.routes, name)?;
    let mut switches = store.switches()?;
    // One that is off here, and not there yet.
    keep(&mut switches, qualities)?;
    let Some(on) = switches.switch_on(&rule.rule, living.clock.now())? else {
        // It may have been switched on by another process a moment ago.
        if let Some(stands) = switches.get(&rule.rule)? {
            qualities.stands(&rule.rule, &stands);
        }
        return Err(SwitchError::IsOn(rule.rule.to_string()));
    };
    qualities.stands(&rule.rule, &on);
    tracing::warn!(rule = &*rule.rule, "a rule by tasks was switched on again");
    Ok(shown_rule(rule, qualities))
}

fn find<'a>(routes: &'a Routes, name: &str) -> Result<&'a Arc<TaskRouting>, SwitchError> {
    let named = |rule: &&Arc<TaskRouting>| &*rule.rule == name || route(rule) == name;
    routes.all_by_task().into_iter().find(named).ok_or_else(|| unknown(routes, name))
}

fn unknown(routes: &Routes, name: &str) -> SwitchError {
    let known = routes.all_by_task().iter().map(|rule| rule.rule.to_string()).collect();
    SwitchError::NoSuchRule { rule: name.to_owned(), known }
}

/// The name of a rule's route.
fn route(rule: &TaskRouting) -> &str {
    rule.rule.rsplit_once('#').map_or(&*rule.rule, |(route, _)| route)
}

/// Sees to it that the store knows of rules that have switched themselves off; and takes over what it says of them.
fn keep(switches: &mut Switches, qualities: &Qualities) -> Result<(), StoreError> {
    for off in qualities.unkept() {
        let stands = switches.switch_off(&Switch::from(&off))?;
        qualities.stands(&off.rule, &stands);
    }
    Ok(())
}

/// The same at the end of a gateway, when all rows are in the ledger.
pub(crate) fn keep_last(store: &Store, living: &Living) {
    let unkept = living.qualities.unkept();
    if unkept.is_empty() {
        return;
    }
    if let Err(error) = store.switches().and_then(|mut switches| keep(&mut switches, &living.qualities)) {
        tracing::error!(%error, rules = unkept.len(), "that rules are off is known to the ledger's rows alone");
    }
}

impl Source<'_> {
    /// Takes in all, and keeps what comes of it.
    fn look(&mut self, since: Timestamp, each: &dyn Fn(CallId, &Decided)) -> Result<(), StoreError> {
        self.look_at_switches()?;
        self.look_at_rows(since, each)?;
        keep(self.switches, self.qualities)
    }

    /// Which rules are off. Before rows are: of a rule that was switched on again, not all rows count.
    fn look_at_switches(&mut self) -> Result<(), StoreError> {
        for rule in self.routes.all_by_task() {
            if rule.sampling.as_ref().is_some_and(|sampling| sampling.floor.is_some())
                && let Some(switch) = self.switches.get(&rule.rule)?
                && let Some(off) = self.qualities.stands(&rule.rule, &switch)
            {
                let (rule, since) = (&*off.rule, off.at);
                tracing::warn!(
                    rule,
                    %since,
                    "a rule by tasks has switched itself off, and stays so until it is changed or switched on again"
                );
            }
        }
        Ok(())
    }

    fn look_at_rows(&self, since: Timestamp, each: &dyn Fn(CallId, &Decided)) -> Result<(), StoreError> {
        // Each is asked for by itself: of one with many comparisons there may be so many that they would hide the others'.
        for rule in self.routes.all_by_task().iter().filter(|rule| rule.sampling.is_some()) {
            let name = serde_json::Value::from(&*rule.rule);
            let decided = vec![format!(r#""verdict":{{"rule":{name}"#)];
            let filter = CallFilter { since: Some(since), decided, ..CallFilter::default() };
            // The oldest first, as they were seen.
            for record in self.ledger.calls(&filter, CALLS_MAX)?.iter().rev() {
                if let Some(decided) = &record.decided {
                    each(record.id, decided);
                }
            }
        }
        Ok(())
    }
}

/// What is known of the rules in force, for the admin interface.
pub(crate) fn page(living: &Living) -> RoutingPage {
    shown(&living.snapshot.load().routes, &living.qualities)
}

fn shown(routes: &Routes, qualities: &Qualities) -> RoutingPage {
    RoutingPage { rules: routes.all_by_task().into_iter().map(|rule| shown_rule(rule, qualities)).collect() }
}

fn shown_rule(rule: &TaskRouting, qualities: &Qualities) -> RoutingRule {
    let View { tasks, off, since } = qualities.view(&rule.rule);
    let quality = |task: &str, known: Kept| {
        let (low, high) = known.interval();
        TaskQuality { task: task.to_owned(), samples: known.of, kept: known.kept, low, high }
    };
    let floor = rule.sampling.as_ref().and_then(|sampling| sampling.floor);
    RoutingRule {
        rule: rule.rule.to_string(),
        mode: rule.policy.mode.as_str().to_owned(),
        steps: rule.steps.iter().map(|step| format!("{}/{}", step.target.provider, step.target.model)).collect(),
        off: off.is_some(),
        off_because: off.map(|off| SwitchedOff {
            at: off.at.into(),
            quality: quality(&off.task, off.known),
            floor: off.floor(),
        }),
        on_since: since.map(Into::into),
        floor: floor.map(|floor| f64::from(floor.millionths) / 1e6),
        quality: tasks.iter().map(|(task, known)| quality(task, *known)).collect(),
    }
}

/// The same for metrics, with what became of copies and judges.
pub(crate) fn figures(living: &Living) -> ShadowFigures {
    let snapshot = living.snapshot.load();
    let Figures { fates, verdicts } = living.shadows.figures();
    let rule = |rule: &Arc<TaskRouting>| {
        let View { tasks, off, .. } = living.qualities.view(&rule.rule);
        let tasks = tasks.into_iter().map(|(task, known)| (task, known.kept, known.of));
        RuleFigures { route: route(rule).into(), is_off: off.is_some(), tasks: tasks.collect() }
    };
    ShadowFigures {
        calls: fates.into_iter().map(|(purpose, fate, count)| (purpose.as_str(), fate.as_str(), count)).collect(),
        comparisons: verdicts.to_vec(),
        rules: snapshot.routes.all_by_task().into_iter().map(rule).collect(),
    }
}

/// Starts the thread that looks what others have seen, and sees to it that the store knows which rules are off.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn start(living: Arc<Living>, ledger: Ledger, mut switches: Switches) -> std::io::Result<Keeper> {
    let mut outage = Outage::default();
    // What there was at the start is known.
    let mut looks_at = Instant::now() + LOOK;
    Keeper::start("quality", move || {
        let qualities = &living.qualities;
        let done = if Instant::now() < looks_at {
            if qualities.unkept().is_empty() {
                return TICK;
            }
            keep(&mut switches, qualities)
        } else {
            looks_at = Instant::now() + LOOK;
            let snapshot = living.snapshot.load_full();
            let routes = &snapshot.routes;
            let mut source = Source { ledger: &ledger, switches: &mut switches, qualities, routes };
            let learn = |id, decided: &Decided| living.learn(routes, id, decided);
            source.look(living.clock.now().before(LATE_MAX), &learn)
        };
        match done {
            Ok(()) => {
                if let Some(Failing { tries, lasts }) = outage.mended(Instant::now()) {
                    tracing::info!(tries, ?lasts, "the store can be used again for the quality of answers");
                }
            }
            Err(error) => {
                if let Some(Failing { tries, lasts }) = outage.failed(Instant::now()) {
                    tracing::warn!(%error, tries, ?lasts, "the store cannot be used for the quality of answers");
                }
            }
        }
        TICK
    })
}
