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
    groups: BTreeMap<Group, Sums>,
    /// Calls for which neither has a price.
    unpriced: u64,
}

/// Calls that are shown together: those for which the one has no price stand apart from those for which both have.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    team: String,
    model: String,
    /// Whether the prices of now have one.
    now: bool,
    /// Whether the new ones have.
    then: bool,
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
                    (now, then) => effect.add(call, now, then),
                }
            }
            Ok(())
        })?;
        Ok(effect)
    }

    fn add(&mut self, call: &Record, now: Option<Money>, then: Option<Money>) {
        let model = call.served.as_ref().map_or(&call.asked.model, |served| &served.model).to_string();
        let team = call.attribution.team.to_string();
        let group = Group { team, model, now: now.is_some(), then: then.is_some() };
        let sums = self.groups.entry(group).or_default();
        sums.calls += 1;
        sums.now = sums.now.plus(now.unwrap_or_default());
        sums.then = sums.then.plus(then.unwrap_or_default());
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

impl Group {
    const fn both(&self) -> bool {
        self.now && self.then
    }
}

impl Sums {
    fn add(&mut self, more: &Self) {
        self.calls += more.calls;
        self.now = self.now.plus(more.now);
        self.then = self.then.plus(more.then);
    }
}

/// A line of the listing. What is not known is not shown as nothing.
fn cells(name: [&str; 2], sums: &Sums, group: &Group) -> [String; 6] {
    let price = |is_known: bool, money: Money| if is_known { money.to_string() } else { "no price".to_owned() };
    let difference = if group.both() { sums.then.minus(sums.now).to_string() } else { "-".to_owned() };
    let [team, model] = name.map(str::to_owned);
    let (now, then) = (price(group.now, sums.now), price(group.then, sums.then));
    [team, model, sums.calls.to_string(), now, then, difference]
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut listing = Listing::new(&["team", "model", "calls", "cost usd", "would be usd", "difference usd"]);
        let mut total = Sums::default();
        let (mut gone, mut new) = (0, 0);
        for (group, sums) in &self.groups {
            if !group.both() || sums.now != sums.then {
                let name = [&group.team, &group.model].map(|text| if text.is_empty() { "(none)" } else { text });
                listing.row(cells(name, sums, group));
            }
            match (group.now, group.then) {
                (true, true) => total.add(sums),
                (true, false) => gone += sums.calls,
                (false, _) => new += sums.calls,
            }
        }
        let both = Group { team: String::new(), model: String::new(), now: true, then: true };
        listing.row(cells(["TOTAL", "all models"], &total, &both));
        listing.right_from(2);
        write!(
            f,
            "{}\n\nthe calls since {}, at the prices of now and as if the new ones held",
            listing.finish(),
            self.since
        )?;
        for (count, what) in [
            (gone, "would have no price any more, and are not in the total"),
            (new, "have no price now, and are not in the total"),
            (self.unpriced, "have no price by either"),
        ] {
            if count > 0 {
                write!(f, "; {count} more {what}")?;
            }
        }
        Ok(())
    }
}
