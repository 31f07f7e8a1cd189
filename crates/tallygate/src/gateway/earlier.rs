//! What an earlier run left in its journal, put into the ledger before the first call.

use anyhow::Result;
use tg_kernel::record::Record;
use tg_kernel::usage::UsageSource;
use tg_proxy::cost::Basis;
use tg_proxy::snapshot::Snapshot;
use tg_store::journal::{Found, Recovered, Tally};
use tg_store::ledger::{LedgerWriter, Past};

/// Rows written at once when an earlier run is settled.
const RECOVERY_BATCH: usize = 2_000;

/// Puts into the ledger what an earlier run left in its journal.
pub(super) fn settle(
    recovered: Recovered,
    ledger: &mut LedgerWriter,
    snapshot: &Snapshot,
    book: impl Fn(&[Record]),
) -> Result<Tally> {
    let mut past = Past::default();
    let tally = recovered.settle(RECOVERY_BATCH, |found| {
        let records = match found {
            Found::Ended(records) => records,
            Found::Interrupted(entries) => entries
                .into_iter()
                .map(|entry| {
                    let mut record = entry.into_interrupted(tg_kernel::record::Cost::default());
                    debug_assert_eq!(record.usage_source, UsageSource::Estimated);
                    record.cost = Basis::of(&record, snapshot).cost(&record);
                    record
                })
                .collect(),
        };
        let part = ledger.append_found(records.clone())?;
        past = Past { calls: past.calls + part.calls, cost: past.cost.plus(part.cost) };
        book(&records);
        Ok::<_, anyhow::Error>(())
    })?;
    recovered.discard()?;
    if past.calls > 0 {
        tracing::warn!(
            calls = past.calls,
            cost_nanos = past.cost.nanos(),
            "calls in the journal are older than the rows that `store.retention` keeps; they are not booked again"
        );
    }
    if tally != Tally::default() {
        tracing::warn!(?tally, "an earlier run left calls in its journal; they are in the ledger now");
    }
    Ok(tally)
}
