//! The proof at the demo's end: ledger and report against what the simulated providers counted themselves.

use crate::gateway::Gateway;
use crate::source::Loaded;
use anyhow::Result;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage};
use tg_sim::{Counts, Entry, Sim};
use tg_store::ledger::{CallFilter, ReportQuery};

/// Rows read from the ledger at once.
const PAGE: usize = 10_000;

/// Longest wait for the last calls to reach the ledger.
const SETTLE_MAX: Duration = Duration::from_secs(10);

/// What was compared, and what did not agree.
pub(super) struct Agreement {
    calls: u64,
    tokens: u64,
    cost: Money,
    differences: Vec<String>,
}

/// Compares everything. The providers' counts are theirs; the cost is recomputed from the catalogue's rates here.
pub(super) async fn reach(sim: &Sim, gateway: &Gateway, loaded: &Loaded) -> Result<Agreement> {
    settled(gateway).await;
    let rows = rows(gateway)?;
    let mut seen = Agreement { calls: 0, tokens: 0, cost: Money::ZERO, differences: Vec::new() };
    let mut left: HashMap<CallId, Record> =
        rows.into_iter().filter(|row| row.served.is_some()).map(|row| (row.id, row)).collect();
    for entry in sim.books.entries() {
        let id = entry.gateway_request_id.as_deref().and_then(CallId::parse);
        match id.and_then(|id| left.remove(&id)) {
            None => seen.differs(format_args!("provider's call {} has no row of its own in the ledger", entry.number)),
            Some(row) => seen.compare(&entry, &row, loaded),
        }
    }
    for id in left.keys() {
        seen.differs(format_args!("ledger row {id} is unknown to the providers"));
    }
    let totals = gateway.store.ledger()?.report(&ReportQuery::default())?.totals;
    let (cost, tokens) = (seen.cost, seen.tokens);
    if totals.cost != cost {
        seen.differs(format_args!("the report says {} USD, the providers' counts say {cost}", totals.cost));
    }
    if totals.usage.total_tokens() != tokens {
        seen.differs(format_args!("the report says {} tokens, not {tokens}", totals.usage.total_tokens()));
    }
    Ok(seen)
}

/// Waits until every call that was sent is in the ledger.
async fn settled(gateway: &Gateway) {
    let counts = &gateway.living.counts;
    let all = async {
        while counts.in_flight.load(Ordering::Relaxed) > 0
            || counts.settled.load(Ordering::Relaxed) < counts.sent.load(Ordering::Relaxed)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // What is missing after that is a difference, and will be named as one.
    drop(tokio::time::timeout(SETTLE_MAX, all).await);
}

fn rows(gateway: &Gateway) -> Result<Vec<Record>> {
    let ledger = gateway.store.ledger()?;
    let mut rows: Vec<Record> = Vec::new();
    loop {
        let filter = CallFilter { before: rows.last().map(|row| row.id), ..CallFilter::default() };
        let page = ledger.calls(&filter, PAGE)?;
        let last = page.len() < PAGE;
        rows.extend(page);
        if last {
            return Ok(rows);
        }
    }
}

impl Agreement {
    pub(super) fn holds(&self) -> bool {
        self.differences.is_empty() && self.calls > 0
    }

    fn differs(&mut self, what: fmt::Arguments<'_>) {
        self.differences.push(what.to_string());
    }

    fn compare(&mut self, entry: &Entry, row: &Record, loaded: &Loaded) {
        self.calls += 1;
        let counted = usage_of(&entry.counts);
        self.tokens += counted.total_tokens();
        if counted != row.usage {
            self.differs(format_args!("call {}: the provider counted {counted:?}, the ledger {:?}", row.id, row.usage));
        }
        let owed = owed(row, &counted, loaded);
        self.cost = self.cost.plus(owed);
        if owed != row.cost.amount {
            self.differs(format_args!("call {}: {owed} USD is owed, the ledger says {}", row.id, row.cost.amount));
        }
    }
}

fn usage_of(counts: &Counts) -> Usage {
    Usage {
        input_tokens: counts.input,
        cache_read_tokens: counts.cache_read,
        cache_write_5m_tokens: counts.cache_write_5m,
        cache_write_1h_tokens: counts.cache_write_1h,
        output_tokens: counts.output,
        reasoning_tokens: counts.reasoning,
        ..Usage::default()
    }
}

/// Counts times rates, written out once more: not the gateway's own arithmetic.
fn owed(row: &Record, counted: &Usage, loaded: &Loaded) -> Money {
    let Some(served) = &row.served else { return Money::ZERO };
    let Some(upstream) = loaded.snapshot.upstreams.get(&served.provider) else { return Money::ZERO };
    let Some(price) = upstream.price.find(&loaded.snapshot.catalogue, &served.model, row.started_at) else {
        return Money::ZERO;
    };
    let rates = price.rates(ServiceTier::Default, counted.total_input_tokens()).rates;
    let lines = [
        (counted.input_tokens, rates.input),
        (counted.cache_read_tokens, rates.cache_read),
        (counted.cache_write_5m_tokens, rates.cache_write_5m),
        (counted.cache_write_1h_tokens, rates.cache_write_1h),
        (counted.output_tokens - counted.reasoning_tokens, rates.output),
        (counted.reasoning_tokens, rates.reasoning),
    ];
    Money::from_picos(lines.iter().map(|(units, rate)| i128::from(*units) * i128::from(*rate)).sum())
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, tokens, cost, differences } = self;
        if self.holds() {
            return write!(
                f,
                "Ledger, report and simulated providers agree exactly: {calls} calls, {tokens} tokens, {cost} USD \
                 (at list prices; nothing was billed)."
            );
        }
        writeln!(f, "Ledger and simulated providers DO NOT AGREE ({} differences):", differences.len())?;
        differences.iter().take(20).try_for_each(|difference| writeln!(f, "  {difference}"))
    }
}
