//! What other prices would have made of the calls in the ledger, by team and model.

use super::{Bench, compiled};
use crate::commands::table::Listing;
use anyhow::Result;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use tg_catalog::{Catalogue, Merged};
use tg_kernel::clock::Timestamp;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_proxy::rerate::cost_by;
use tg_store::Ledger;
use tg_store::ledger::CallFilter;

/// Calls that are read at once.
pub(super) const PAGE: usize = 1000;

/// What the calls since then cost by the prices of now, and by the new ones.
pub(super) struct Effect {
    since: Timestamp,
    groups: BTreeMap<(String, String), Sums>,
    /// Calls for which neither has a price.
    unpriced: u64,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    calls: u64,
    now: Money,
    then: Money,
}

/// The prices as if all new ones held already: of a model that a list touches, what holds when the last of them begins.
pub(super) fn as_if(after: &Catalogue, merged: &Merged, now: Timestamp) -> Arc<Catalogue> {
    let mut moments: HashMap<(&str, &str), Timestamp> = HashMap::new();
    for touched in &merged.touched {
        let moment = moments.entry((&touched.provider, &touched.id)).or_insert(touched.from);
        *moment = touched.from.max(*moment);
    }
    after.frozen(|provider, id| moments.get(&(provider, id)).copied().unwrap_or(now))
}

impl Effect {
    pub(super) fn of(bench: &Bench, would: Arc<Catalogue>, since: Timestamp) -> Result<Self> {
        let mut then = compiled(&bench.document)?;
        then.catalogue = would;
        let ledger = bench.ledger()?.ledger()?;
        // Earlier ones were deleted.
        let since = ledger.rows_since()?.map_or(since, |kept| kept.max(since));
        let mut effect = Self { since, groups: BTreeMap::new(), unpriced: 0 };
        each_call(&ledger, Some(since), None, |mut page| {
            for call in &mut page {
                // By the prices that hold now, whatever held when it began.
                call.started_at = bench.now;
                match (cost_by(call, &bench.snapshot), cost_by(call, &then)) {
                    (None, None) => effect.unpriced += 1,
                    (now, then) => effect.add(call, now.unwrap_or_default(), then.unwrap_or_default()),
                }
            }
            Ok(())
        })?;
        Ok(effect)
    }

    fn add(&mut self, call: &Record, now: Money, then: Money) {
        let model = call.served.as_ref().map_or(&call.asked.model, |served| &served.model);
        let sums = self.groups.entry((call.attribution.team.to_string(), model.to_string())).or_default();
        sums.calls += 1;
        sums.now = sums.now.plus(now);
        sums.then = sums.then.plus(then);
    }
}

/// Hands the calls of a span of time to `take`, page by page, the latest first.
pub(super) fn each_call(
    ledger: &Ledger,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    mut take: impl FnMut(Vec<Record>) -> Result<()>,
) -> Result<()> {
    let mut filter = CallFilter { since, until, ..CallFilter::default() };
    loop {
        let page = ledger.calls(&filter, PAGE)?;
        let is_last = page.len() < PAGE;
        filter.before = page.last().map(|call| call.id);
        take(page)?;
        if is_last {
            return Ok(());
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut listing = Listing::new(&["team", "model", "calls", "cost usd", "would be usd", "difference usd"]);
        let mut total = Sums::default();
        let cells = |name: [&str; 2], sums: &Sums| {
            let money = [sums.now, sums.then, sums.then.minus(sums.now)].map(|money| money.to_string());
            let name = name.map(|text| if text.is_empty() { "(none)".to_owned() } else { text.to_owned() });
            name.into_iter().chain([sums.calls.to_string()]).chain(money).collect::<Vec<_>>()
        };
        for ((team, model), sums) in self.groups.iter().filter(|(_, sums)| sums.now != sums.then) {
            listing.row(cells([team, model], sums));
        }
        for sums in self.groups.values() {
            total.calls += sums.calls;
            total.now = total.now.plus(sums.now);
            total.then = total.then.plus(sums.then);
        }
        listing.row(cells(["TOTAL", "all models"], &total));
        listing.right_from(2);
        write!(
            f,
            "{}\n\nthe calls since {}, at the prices of now and as if the new ones held",
            listing.finish(),
            self.since
        )?;
        if self.unpriced > 0 {
            write!(f, "; {} more have no price by either", self.unpriced)?;
        }
        Ok(())
    }
}
