//! Budgets: from declared to compiled ones, and from purses to what is shown of them.

mod dearer;

use crate::forecasts;
use crate::limits::{dimension, reserve, shortage, when_away};
use crate::scope::scope;
use std::sync::Arc;
use tg_admin::api::{self, BudgetPage};
use tg_config::document::{self, BudgetWindow, Document};
use tg_config::grammar::{Period, Share};
use tg_kernel::calendar::{Unit, Zone};
use tg_kernel::clock::Timestamp;
use tg_kernel::pattern;
use tg_policy::admit::budget::{Budget, Budgets, OnExhausted, PurseView, Purses, Window};
use tg_proxy::snapshot::Snapshot;
use tg_store::StoreError;
use tg_store::ledger::Ledger;

/// Compiles the budgets of a document that has been checked.
pub(crate) fn compile(document: &Document) -> Budgets {
    Budgets::new(document.budgets.iter().map(|declared| budget(document, declared)).collect())
}

fn budget(document: &Document, declared: &document::Budget) -> Budget {
    let zone = zone(document, declared);
    Budget {
        name: declared.name.shared(),
        scope: scope(document, &declared.scope),
        each: declared.each.iter().map(dimension).collect(),
        amount: declared.amount.get(),
        window: window(declared.window),
        starts: declared.starts.as_ref().map(|starts| starts.at(&zone)),
        zone,
        warn_at: declared.warn_at.iter().copied().map(Share::get).collect(),
        on_exhausted: match &declared.on_exhausted {
            document::OnExhausted::Refuse => OnExhausted::Refuse,
            document::OnExhausted::AllowAndAlert => OnExhausted::AllowAndAlert,
            document::OnExhausted::Downgrade(model) => OnExhausted::Downgrade(model.as_str().into()),
        },
        when_away: when_away(declared.when_away.unwrap_or(document::WhenAway::FailClosed)),
        shortage: shortage(declared.output, declared.output_min),
        reserve: reserve(declared.reserve),
    }
}

/// Its own, else that of the team that it names.
fn zone(document: &Document, declared: &document::Budget) -> Zone {
    let of_team = || {
        let name = declared.scope.team.as_ref()?.as_str();
        document.teams.iter().find(|team| team.name.as_str() == name)?.time_zone.as_ref()
    };
    declared.time_zone.as_ref().or_else(of_team).map(|zone| zone.zone().clone()).unwrap_or_default()
}

fn window(declared: BudgetWindow) -> Window {
    match declared {
        BudgetWindow::Day => Window::Calendar(Unit::Day),
        BudgetWindow::Week => Window::Calendar(Unit::Week),
        BudgetWindow::Month => Window::Calendar(Unit::Month),
        BudgetWindow::Quarter => Window::Calendar(Unit::Quarter),
        BudgetWindow::Year => Window::Calendar(Unit::Year),
        BudgetWindow::Prepaid => Window::Prepaid,
        BudgetWindow::Rolling(period) => Window::Rolling(hours(period)),
    }
}

fn hours(period: Period) -> u32 {
    u32::try_from(period.get().as_secs() / 3600).unwrap_or(u32::MAX)
}

/// What a writer of budgets may not expect: what nobody can price cannot be held up either, and so is refused; and a
/// downgrade may be to a dearer model.
pub(crate) fn notes(document: &Document, snapshot: &Snapshot) -> Vec<String> {
    let mut notes = dearer::notes(document, snapshot);
    for model in document.models.iter().filter(|model| model.name.is_exact()) {
        let policy = model.unknown_price.unwrap_or(document.pricing.unknown_price);
        let name = model.name.as_str();
        let bounds = |budget: &&Budget| {
            let scope = &budget.scope;
            let is_for = scope.model.as_ref().is_none_or(|model| pattern::matches(model, name));
            budget.is_hard() && (is_for || scope.aliases.iter().any(|alias| alias == name))
        };
        let Some(budget) = snapshot.budgets.list().iter().find(bounds) else { continue };
        if policy != document::UnknownPrice::AllowAndFlag {
            continue;
        }
        for leaf in document.leaves(model, None) {
            let served = leaf.model.unwrap_or(name);
            let Some(upstream) = snapshot.upstreams.get(leaf.provider.as_str()) else { continue };
            if upstream.price.find(&snapshot.catalogue, served, Timestamp::from_micros(i64::MAX)).is_none() {
                notes.push(format!(
                    "budgets: no price is known for '{served}' at '{}', so calls for '{name}' that a budget bounds (as \
                     '{}' may) are refused there; add the price, or set unknown_price: ceiling",
                    leaf.provider, budget.name
                ));
            }
        }
    }
    notes
}

/// Budgets of which something may have been spent before there are sums, and from when on there are. Retention may have
/// been shorter once than it is now, or a window longer.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn forgotten(
    budgets: &Budgets,
    ledger: &Ledger,
    now: Timestamp,
) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let Some(kept) = ledger.sums_since()? else { return Ok(Vec::new()) };
    let list = budgets.list().iter().enumerate();
    let begun = list.filter(|(number, _)| budgets.wanted(*number, now).is_some_and(|wanted| wanted.since < kept));
    Ok(begun.map(|(_, budget)| (budget.name.to_string(), kept)).collect())
}

/// Purses as the admin interface answers them, with what each comes to.
pub(crate) fn page(purses: &[PurseView], forecast: impl Fn(&PurseView) -> Option<api::Forecast>) -> BudgetPage {
    BudgetPage { budgets: purses.iter().map(|purse| shown(purse, forecast(purse))).collect() }
}

fn shown(purse: &PurseView, forecast: Option<api::Forecast>) -> api::Budget {
    api::Budget {
        name: purse.budget.to_string(),
        of: purse.of.iter().cloned().collect(),
        amount: purse.amount.into(),
        spent: purse.spent.into(),
        held: purse.held.into(),
        left: purse.left().into(),
        window: purse.window.clone(),
        since: purse.since.into(),
        resets_at: purse.resets_at.map(Into::into),
        time_zone: purse.time_zone.clone(),
        on_exhausted: match &purse.on_exhausted {
            OnExhausted::Refuse => "refuse".to_owned(),
            OnExhausted::Downgrade(model) => format!("downgrade: {model}"),
            OnExhausted::AllowAndAlert => "allow_and_alert".to_owned(),
        },
        forecast,
    }
}

/// What is spent of the budgets of a document by the ledger alone: what calls hold is known to a running gateway.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn spent(document: &Document, ledger: &Ledger, now: Timestamp) -> Result<BudgetPage, StoreError> {
    let purses = Purses::default();
    purses.propose(Arc::new(compile(document)));
    purses.load(now, |query, each| ledger.spent(query, each))?;
    let view = purses.view(now);
    let found = forecasts::of(&purses.budgets(), &view, now, |query, each| ledger.spent(query, each))?;
    Ok(page(&view, |purse| found.get(&(purse.place, purse.of.clone())).cloned()))
}

#[cfg(test)]
mod tests;
