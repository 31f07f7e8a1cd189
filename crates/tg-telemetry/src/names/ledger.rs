//! Metrics of the journal and of the ledger.

use super::{Kind, Metric, own};

/// Open entries of the journal.
pub const JOURNAL_OPEN: Metric = own(
    "tallygate_journal_open_entries",
    Kind::Gauge,
    "calls",
    "Calls in the journal that are not in the ledger yet",
    &[],
);
/// Size of the journal.
pub const JOURNAL_BYTES: Metric =
    own("tallygate_journal_bytes", Kind::Gauge, "bytes", "Size on disk of what this run keeps in the journal", &[]);
/// Size of the store.
pub const STORE_BYTES: Metric =
    own("tallygate_store_bytes", Kind::Gauge, "bytes", "Size of the store, without what is still in its log", &[]);
/// Age of the ledger.
pub const LEDGER_OLDEST: Metric = own(
    "tallygate_ledger_oldest_row_timestamp_seconds",
    Kind::Gauge,
    "",
    "When the call of the oldest row arrived, in seconds since 1970; 0 where there is no row",
    &[],
);
/// Rows deleted.
pub const LEDGER_DELETED_ROWS: Metric = own(
    "tallygate_ledger_deleted_rows",
    Kind::Counter,
    "rows",
    "Rows that `store.retention.calls` has had deleted since start",
    &[],
);
/// Sums deleted.
pub const LEDGER_DELETED_ROLLUPS: Metric = own(
    "tallygate_ledger_deleted_rollups",
    Kind::Counter,
    "sums",
    "Sums by hour and day that `store.retention.rollups` has had deleted since start",
    &[],
);
/// Corrections in the ledger.
pub const CORRECTIONS: Metric = own(
    "tallygate_ledger_corrections",
    Kind::Counter,
    "corrections",
    "Corrections of booked calls that were ever made in this store, as it is when somebody looks",
    &[],
);
/// Calls that the journal alone has.
pub const JOURNAL_LATE: Metric = own(
    "tallygate_journal_late_calls",
    Kind::Gauge,
    "calls",
    "Finished calls that wait in the journal alone for the ledger",
    &[],
);
/// Calls that the journal does not know.
pub const JOURNAL_UNWRITTEN: Metric = own(
    "tallygate_journal_unwritten_calls",
    Kind::Counter,
    "calls",
    "Calls that were sent although the journal could not be written (`on_journal_failure: allow_and_alert`)",
    &[],
);
/// Whether the journal can be written.
pub const JOURNAL_FAILING: Metric =
    own("tallygate_journal_failing", Kind::Gauge, "boolean", "1 while the journal cannot be written, else 0", &[]);
/// Records that wait for the meter.
pub const METER_QUEUE: Metric =
    own("tallygate_meter_queue_depth", Kind::Gauge, "calls", "Finished calls that wait to be booked", &[]);
/// Calls that found the meter's queue full.
pub const METER_DEFERRED: Metric = own(
    "tallygate_meter_deferred_calls",
    Kind::Counter,
    "calls",
    "Finished calls that found the meter's queue full: they wait in the journal alone, and are brought into the ledger from there",
    &[],
);
/// Calls without a row.
pub const METER_DROPPED: Metric = own(
    "tallygate_meter_dropped_refusals",
    Kind::Counter,
    "calls",
    "Refused calls without a row, as too many waited or too many came from strangers: never one that was sent",
    &[],
);
