//! The seam to the ledger: rows are appended in batches, never edited, and read back as calls or as reports.

mod moved;
mod saved;
mod seen;
mod spent;

pub use moved::{Moved, MovedByRoute, RouteSaved};
pub use saved::{Saved, SavedByTeam};
pub use seen::{Glance, Past};
pub use spent::{SpentBy, SpentQuery, SpentRow};

use crate::backends::{CallReader, CallWriter, UpkeepWriter};
use crate::correction::Correction;
use crate::error::StoreError;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::record::{Ending, Record};
use tg_kernel::units::Money;
use tg_kernel::usage::Usage;

/// Largest count that a row keeps of one kind of token. A provider that reports more is not believed: sums over a
/// million such rows must still fit.
pub const COUNT_MAX: u64 = 1 << 43;
/// Most calls that one listing returns.
pub const CALLS_MAX: usize = 10_000;
/// Most rows that one report returns.
pub const ROWS_MAX: usize = 100_000;

/// By what a report groups, and on what a filter looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The team; none where no caller was identified.
    Team,
    /// The project.
    Project,
    /// The environment.
    Environment,
    /// The model as sent to the provider; as the caller named it where no provider was reached.
    Model,
    /// The ARN of the application inference profile, or the id of the project of Bedrock's mantle endpoint; none where
    /// neither was named to the provider.
    Profile,
    /// The key's public id.
    Key,
    /// The provider; none where none was reached.
    Provider,
    /// The name of the AWS role's session that signed; none where no role was assumed.
    AwsSession,
    /// The caller's dialect.
    Dialect,
    /// How the call ended.
    Ending,
    /// Each tag. A call with two tags is in two rows, so rows may add up to more than the totals.
    Tag,
    /// The day in UTC on which the call arrived: `2026-11-24`.
    Day,
    /// The hour in UTC in which the call arrived: `2026-11-24T03`.
    Hour,
}

impl Dimension {
    /// Every dimension, in the order in which docs list them.
    pub const ALL: [Self; 13] = [
        Self::Team,
        Self::Project,
        Self::Environment,
        Self::Model,
        Self::Profile,
        Self::Key,
        Self::Provider,
        Self::AwsSession,
        Self::Dialect,
        Self::Ending,
        Self::Tag,
        Self::Day,
        Self::Hour,
    ];

    /// The name in options, reports and the admin interface.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Project => "project",
            Self::Environment => "environment",
            Self::Model => "model",
            Self::Profile => "profile",
            Self::Key => "key",
            Self::Provider => "provider",
            Self::AwsSession => "aws_session",
            Self::Dialect => "dialect",
            Self::Ending => "ending",
            Self::Tag => "tag",
            Self::Day => "day",
            Self::Hour => "hour",
        }
    }

    /// Reads what [`Dimension::as_str`] writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.as_str() == name)
    }
}

/// Keeps calls whose value in this dimension is exactly this one; `None` keeps those that have none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// On what to look.
    pub dimension: Dimension,
    /// What must be there.
    pub value: Option<String>,
}

/// What to report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReportQuery {
    /// By what to group, in this order; nothing means totals only.
    pub by: Vec<Dimension>,
    /// From when on calls arrived, inclusive.
    pub since: Option<Timestamp>,
    /// Until when calls arrived, exclusive.
    pub until: Option<Timestamp>,
    /// Which calls; all filters must hold.
    pub filters: Vec<Filter>,
    /// Leaves corrections out: costs as they were booked. Else a correction counts where its call does.
    pub as_booked: bool,
}

/// A report: rows, and totals over every call that the filters keep (each call counted once).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// One row per group: by time where the first dimension is a time, else the dearest first.
    pub rows: Vec<ReportRow>,
    /// True when there are more groups than [`ROWS_MAX`]; the cheapest are then missing from `rows`, not from `totals`.
    pub cut: bool,
    /// Over all calls.
    pub totals: Figures,
    /// Calls by ending, endings without calls left out.
    pub endings: Vec<(Ending, u64)>,
    /// Rows before this moment were deleted, and the report would have needed some: parts of hours are counted as whole
    /// hours, and of hours with very many combinations only team and ending are known. `None`: exact.
    #[serde(default)]
    pub coarse_until: Option<Timestamp>,
    /// Nothing before this moment is kept, and the period begins before it. `None`: all of it is kept.
    #[serde(default)]
    pub gone_until: Option<Timestamp>,
}

/// One group of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRow {
    /// The group's values, in the order of the query's dimensions; `None` where the calls have no such value.
    pub group: Vec<Option<String>>,
    /// Its sums.
    pub figures: Figures,
}

/// Sums over calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// How many calls.
    pub calls: u64,
    /// What they used.
    pub usage: Usage,
    /// What they cost.
    pub cost: Money,
    /// What they would have cost at list price.
    pub list_cost: Money,
    /// Calls of which some count was estimated.
    pub estimated_calls: u64,
    /// The cost of those.
    pub estimated_cost: Money,
    /// Calls that used something for which there was no price; their cost reads zero and is not known.
    pub unpriced_calls: u64,
    /// Calls charged by the stated ceiling because there was no price.
    pub ceiling_calls: u64,
    /// Calls booked to no team or to no project.
    pub unattributed_calls: u64,
    /// The cost of those.
    pub unattributed_cost: Money,
    /// Calls that were corrected afterwards.
    pub corrected_calls: u64,
    /// What their corrections add to the cost; it is part of `cost`.
    pub corrections: Money,
}

impl Figures {
    /// The part of the cost that rests on estimates: 0 to 1.
    #[must_use]
    pub fn estimated_share(&self) -> f64 {
        share(self.estimated_cost, self.cost)
    }

    /// Adds the figures of other calls.
    pub fn add(&mut self, part: &Self) {
        self.calls += part.calls;
        let (sum, usage) = (&mut self.usage, &part.usage);
        sum.input_tokens += usage.input_tokens;
        sum.cache_read_tokens += usage.cache_read_tokens;
        sum.cache_write_5m_tokens += usage.cache_write_5m_tokens;
        sum.cache_write_1h_tokens += usage.cache_write_1h_tokens;
        sum.output_tokens += usage.output_tokens;
        sum.reasoning_tokens += usage.reasoning_tokens;
        sum.audio_input_tokens += usage.audio_input_tokens;
        sum.audio_output_tokens += usage.audio_output_tokens;
        sum.images += usage.images;
        self.cost = self.cost.plus(part.cost);
        self.list_cost = self.list_cost.plus(part.list_cost);
        self.estimated_calls += part.estimated_calls;
        self.estimated_cost = self.estimated_cost.plus(part.estimated_cost);
        self.unpriced_calls += part.unpriced_calls;
        self.ceiling_calls += part.ceiling_calls;
        self.unattributed_calls += part.unattributed_calls;
        self.unattributed_cost = self.unattributed_cost.plus(part.unattributed_cost);
        self.corrected_calls += part.corrected_calls;
        self.corrections = self.corrections.plus(part.corrections);
    }

    /// The part of the cost that is booked to no team or to no project: 0 to 1.
    #[must_use]
    pub fn unattributed_share(&self) -> f64 {
        share(self.unattributed_cost, self.cost)
    }
}

/// A share to show, never one to compute with.
fn share(part: Money, whole: Money) -> f64 {
    if whole.nanos() == 0 { 0.0 } else { part.nanos() as f64 / whole.nanos() as f64 }
}

/// Which calls to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallFilter {
    /// From when on they arrived, inclusive.
    pub since: Option<Timestamp>,
    /// Until when they arrived, exclusive.
    pub until: Option<Timestamp>,
    /// Only ids before this one: where the previous page ended.
    pub before: Option<CallId>,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// What must stand in what was decided about them, as it is kept: parts of its JSON. No index serves it: state a time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decided: Vec<String>,
    /// Of these parts one must stand there; nothing: none need.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decided_any: Vec<String>,
}

/// Appends to the ledger. One per process, owned by the thread that meters.
#[derive(Debug)]
pub struct LedgerWriter {
    calls: CallWriter,
}

impl LedgerWriter {
    pub(crate) const fn new(calls: CallWriter) -> Self {
        Self { calls }
    }

    /// Appends these rows in one transaction and answers how many were new. A row whose id is there already is left as
    /// it is, so a batch may be sent again whenever its outcome is in doubt. When this returns, the rows survive a loss
    /// of power.
    ///
    /// # Errors
    /// When the store fails; no row of the batch was then appended.
    pub fn append(&mut self, records: &[Record]) -> Result<usize, StoreError> {
        if records.is_empty() { Ok(0) } else { self.calls.append(records) }
    }

    /// Appends calls that a journal had of an earlier run, but for those from before the rows that are kept: the policy has
    /// deleted their days, so that nobody can tell whether they are in the sums already.
    ///
    /// # Errors
    /// As [`LedgerWriter::append`].
    pub fn append_found(&mut self, mut records: Vec<Record>) -> Result<Past, StoreError> {
        let since = self.calls.rows_since()?;
        let mut past = Past::default();
        records.retain(|record| {
            let is_kept = record.started_at >= since;
            if !is_kept {
                past.calls += 1;
                past.cost = past.cost.plus(record.cost.amount);
            }
            is_kept
        });
        self.append(&records)?;
        Ok(past)
    }

    /// Appends these corrections in one transaction and answers how many were new: the one way by which a call's cost
    /// changes after it was booked. A correction is left out whose call has no row, or has one of this number already.
    ///
    /// # Errors
    /// When the store fails; no correction of the batch was then appended.
    pub fn correct(&mut self, corrections: &[Correction]) -> Result<usize, StoreError> {
        if corrections.is_empty() { Ok(0) } else { self.calls.correct(corrections) }
    }
}

/// How much the ledger holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerSize {
    /// Rows: one for each call.
    pub rows: u64,
    /// When the call of the oldest row arrived.
    pub oldest_row: Option<Timestamp>,
    /// Sums by the hour and by the day.
    pub rollups: u64,
    /// Combinations of team, key, model and the rest that sums are kept for.
    pub series: u64,
    /// The oldest hour that has sums.
    pub oldest_rollup: Option<Timestamp>,
    /// Rows from there on are in the sums, earlier ones are being added; `None`: all are.
    pub rolled_up_since: Option<Timestamp>,
    /// Size of the store in bytes, directory included.
    pub bytes: u64,
    /// The part of it that deletions left free, to be used again.
    pub free_bytes: u64,
}

/// How long things are kept. `None`: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Rows.
    pub calls: Option<Duration>,
    /// Sums. Not shorter than rows are kept, or sums of rows that are still there are gone.
    pub rollups: Option<Duration>,
}

/// What one step of the upkeep did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// This many rows came into the sums.
    RolledUp(usize),
    /// This many rows were deleted.
    DeletedRows(usize),
    /// This many sums, or combinations without sums, were deleted.
    DeletedRollups(usize),
    /// There is nothing to do now.
    Nothing,
}

/// Looks after the ledger in pieces of a few milliseconds: rows of an older version come into the sums, and what is older
/// than the policy allows is deleted. Rows go only by whole days, and only when all rows are in the sums.
#[derive(Debug)]
pub struct Upkeep {
    ledger: UpkeepWriter,
}

impl Upkeep {
    pub(crate) const fn new(ledger: UpkeepWriter) -> Self {
        Self { ledger }
    }

    /// Does one piece. The metering cannot write meanwhile: leave it some time before the next.
    ///
    /// # Errors
    /// When the store fails; nothing of the piece was then done.
    pub fn step(&mut self, retention: &Retention, now: Timestamp) -> Result<Piece, StoreError> {
        let before = |kept: Duration| {
            Timestamp::from_micros(now.micros().saturating_sub(i64::try_from(kept.as_micros()).unwrap_or(i64::MAX)))
        };
        let mut piece = self.ledger.roll_up()?;
        if let (Piece::Nothing, Some(kept)) = (piece, retention.calls) {
            piece = self.ledger.delete_rows(before(kept))?;
        }
        if let (Piece::Nothing, Some(kept)) = (piece, retention.rollups) {
            piece = self.ledger.delete_rollups(before(kept))?;
        }
        Ok(piece)
    }

    /// What is cheap enough to be looked at each minute.
    ///
    /// # Errors
    /// When the store fails.
    pub fn glance(&self) -> Result<Glance, StoreError> {
        self.ledger.glance()
    }
}

/// Reads the ledger. Safe to share; one read runs at a time.
#[derive(Debug)]
pub struct Ledger {
    calls: Mutex<CallReader>,
}

impl Ledger {
    pub(crate) const fn new(calls: CallReader) -> Self {
        Self { calls: Mutex::new(calls) }
    }

    /// Sums calls by group. Blocks for as long as the store computes.
    ///
    /// # Errors
    /// When the store fails.
    pub fn report(&self, query: &ReportQuery) -> Result<Report, StoreError> {
        self.reader().report(query)
    }

    /// Sums what was spent, and hands over each group that cost something, one after the other. Blocks for as long as the
    /// store computes. Where retention has deleted rows, parts of an hour count as the whole hour, and of hours with very
    /// many combinations only the team is known.
    ///
    /// # Errors
    /// When the store fails.
    pub fn spent(&self, query: &SpentQuery, each: &mut dyn FnMut(SpentRow)) -> Result<(), StoreError> {
        self.reader().spent(query, each)
    }

    /// Lists calls, the latest first, at most `limit` and at most [`CALLS_MAX`].
    ///
    /// # Errors
    /// When the store fails.
    pub fn calls(&self, filter: &CallFilter, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.reader().calls(filter, limit.min(CALLS_MAX))
    }

    /// The call with this id.
    ///
    /// # Errors
    /// When the store fails.
    pub fn get(&self, id: CallId) -> Result<Option<Record>, StoreError> {
        self.reader().get(id)
    }

    /// How much the ledger holds. Blocks while rows are counted.
    ///
    /// # Errors
    /// When the store fails.
    pub fn size(&self) -> Result<LedgerSize, StoreError> {
        self.reader().size()
    }

    /// From when on there are rows: retention has deleted the earlier ones, of which only sums are left, or nothing. `None`:
    /// none was deleted.
    ///
    /// # Errors
    /// When the store fails.
    pub fn rows_since(&self) -> Result<Option<Timestamp>, StoreError> {
        let since = self.reader().rows_since()?;
        Ok((since > 0).then(|| Timestamp::from_micros(since)))
    }

    /// From when on there are sums: retention has deleted the earlier ones, and rows before them. `None`: none was deleted.
    ///
    /// # Errors
    /// When the store fails.
    pub fn sums_since(&self) -> Result<Option<Timestamp>, StoreError> {
        let since = self.reader().sums_since()?;
        Ok((since > 0).then(|| Timestamp::from_micros(since)))
    }

    /// The corrections of these calls: call by call in the order given, those of one call in theirs.
    ///
    /// # Errors
    /// When the store fails.
    pub fn corrections(&self, calls: &[CallId]) -> Result<Vec<Correction>, StoreError> {
        self.reader().corrections(calls)
    }

    /// How many corrections were ever made.
    ///
    /// # Errors
    /// When the store fails.
    pub fn corrections_made(&self) -> Result<u64, StoreError> {
        self.reader().corrections_made()
    }

    fn reader(&self) -> MutexGuard<'_, CallReader> {
        // Reads leave nothing half done.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
