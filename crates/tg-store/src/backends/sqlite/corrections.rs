//! Rows of corrections: appended, read beside their calls, and summed into reports.

use super::report::{Conditions, expression, join};
use super::sheets::Sheets;
use crate::correction::{Correction, CorrectionReason};
use crate::ledger::{Dimension, Figures, Report, ReportQuery, ReportRow};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params_from_iter};
use std::cmp::Reverse;
use std::collections::HashMap;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::record::Pricing;
use tg_kernel::units::Money;

const INSERT: &str = "INSERT OR IGNORE INTO corrections (call_id, number, made_at, reason, old_price, new_price, pricing, \
    delta_nanos, earlier_delta_nanos, list_delta_nanos, unpriced_delta, ceiling_delta, rates_id) \
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM calls WHERE id = ?1)";

const SELECT: &str = "SELECT call_id, number, made_at, reason, old_price, new_price, pricing, delta_nanos, \
    earlier_delta_nanos, list_delta_nanos, unpriced_delta, ceiling_delta, \
    (SELECT text FROM rate_sheets WHERE rate_sheets.id = corrections.rates_id) \
    FROM corrections WHERE call_id = ? ORDER BY number";

/// How many columns `SUMS` has.
const SUM_COUNT: usize = 11;

/// What corrections change in `Figures`, in the order in which `figures` reads them; money as in reports.
const SUMS: &str = "count(DISTINCT corrections.call_id), \
    coalesce(sum(delta_nanos / 1000000000), 0), coalesce(sum(delta_nanos % 1000000000), 0), \
    coalesce(sum(iif(usage_source = 'estimated', delta_nanos, earlier_delta_nanos) / 1000000000), 0), \
    coalesce(sum(iif(usage_source = 'estimated', delta_nanos, earlier_delta_nanos) % 1000000000), 0), \
    coalesce(sum(unpriced_delta), 0), coalesce(sum(ceiling_delta), 0), \
    coalesce(sum(delta_nanos / 1000000000) FILTER (WHERE team = '' OR project IS NULL), 0), \
    coalesce(sum(delta_nanos % 1000000000) FILTER (WHERE team = '' OR project IS NULL), 0), \
    coalesce(sum(list_delta_nanos / 1000000000), 0), coalesce(sum(list_delta_nanos % 1000000000), 0)";

/// Appends one correction. False when its call has no row, or has a correction of this number already.
pub(super) fn append(connection: &Connection, sheets: &mut Sheets, correction: &Correction) -> rusqlite::Result<bool> {
    let rates_id = sheets.id(connection, correction.rates.as_ref())?;
    let added = connection.prepare_cached(INSERT)?.execute((
        correction.call.as_bytes(),
        correction.number,
        correction.made_at.micros(),
        correction.reason.as_str(),
        &*correction.old_price,
        &*correction.new_price,
        correction.pricing.as_str(),
        correction.delta.nanos(),
        correction.earlier_delta.nanos(),
        correction.list_delta.nanos(),
        correction.unpriced_delta,
        correction.ceiling_delta,
        rates_id,
    ))?;
    Ok(added > 0)
}

/// The corrections of a call, in their order.
pub(super) fn of(connection: &Connection, call: CallId) -> rusqlite::Result<Vec<Correction>> {
    connection.prepare_cached(SELECT)?.query_map([call.as_bytes()], read)?.collect()
}

/// How many were ever made.
pub(super) fn made(connection: &Connection) -> rusqlite::Result<u64> {
    let last: Option<i64> =
        connection.prepare_cached("SELECT max(id) FROM corrections")?.query_row([], |row| row.get(0))?;
    Ok(last.and_then(|last| u64::try_from(last).ok()).unwrap_or(0))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Correction> {
    let unknown = |column: usize, text: &str| {
        let message = format!("a correction holds '{text}', which this binary does not know");
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, message.into())
    };
    let (reason, pricing) = (row.get_ref(3)?.as_str()?, row.get_ref(6)?.as_str()?);
    Ok(Correction {
        call: CallId::from_bytes(row.get(0)?),
        number: row.get(1)?,
        made_at: Timestamp::from_micros(row.get(2)?),
        reason: CorrectionReason::parse(reason).ok_or_else(|| unknown(3, reason))?,
        old_price: row.get(4)?,
        new_price: row.get(5)?,
        pricing: Pricing::parse(pricing).ok_or_else(|| unknown(6, pricing))?,
        delta: Money::from_nanos(row.get(7)?),
        earlier_delta: Money::from_nanos(row.get(8)?),
        list_delta: Money::from_nanos(row.get(9)?),
        unpriced_delta: row.get(10)?,
        ceiling_delta: row.get(11)?,
        rates: row.get(12)?,
    })
}

/// Adds the corrections of the report's calls to its figures.
pub(super) fn add_to(connection: &Connection, query: &ReportQuery, report: &mut Report) -> rusqlite::Result<()> {
    if made(connection)? == 0 {
        return Ok(());
    }
    let conditions = Conditions::of(query.since, query.until, &query.filters);
    for (_, change) in changes(connection, &[], &conditions)? {
        change.apply(&mut report.totals);
    }
    if query.by.is_empty() {
        return Ok(());
    }
    let mut changes: HashMap<_, _> = changes(connection, &query.by, &conditions)?.into_iter().collect();
    for row in &mut report.rows {
        if let Some(change) = changes.remove(&row.group) {
            change.apply(&mut row.figures);
        }
    }
    if !matches!(query.by.first(), Some(Dimension::Day | Dimension::Hour)) {
        let dearest = |row: &ReportRow| (Reverse(row.figures.cost), row.group.clone());
        report.rows.sort_by_cached_key(dearest);
    }
    Ok(())
}

/// What the corrections of one group's calls change.
struct Change {
    calls: u64,
    cost: Money,
    estimated: Money,
    unpriced: i64,
    ceiling: i64,
    unattributed: Money,
    list: Money,
}

impl Change {
    fn apply(&self, figures: &mut Figures) {
        figures.corrected_calls += self.calls;
        figures.corrections = figures.corrections.plus(self.cost);
        figures.cost = figures.cost.plus(self.cost);
        figures.estimated_cost = figures.estimated_cost.plus(self.estimated);
        figures.unpriced_calls = figures.unpriced_calls.saturating_add_signed(self.unpriced);
        figures.ceiling_calls = figures.ceiling_calls.saturating_add_signed(self.ceiling);
        figures.unattributed_cost = figures.unattributed_cost.plus(self.unattributed);
        figures.list_cost = figures.list_cost.plus(self.list);
    }
}

type Group = Vec<Option<String>>;

fn changes(
    connection: &Connection,
    by: &[Dimension],
    conditions: &Conditions,
) -> rusqlite::Result<Vec<(Group, Change)>> {
    let mut sql = format!("SELECT {SUMS}");
    for dimension in by {
        sql.push_str(", ");
        sql.push_str(expression(*dimension));
    }
    sql.push_str(" FROM corrections JOIN calls ON calls.id = corrections.call_id");
    if by.contains(&Dimension::Tag) {
        sql.push_str(" LEFT JOIN json_each(calls.tags) AS tag");
    }
    sql.push_str(&conditions.sql());
    if !by.is_empty() {
        let positions: Vec<String> = (0..by.len()).map(|i| (SUM_COUNT + 1 + i).to_string()).collect();
        sql.push_str(&format!(" GROUP BY {}", positions.join(", ")));
    }
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(conditions.values()), |row| {
        let group = by.iter().enumerate().map(|(i, by)| super::report::label(row, SUM_COUNT + i, *by));
        Ok((group.collect::<rusqlite::Result<_>>()?, change(row)?))
    })?;
    rows.collect()
}

fn change(row: &Row<'_>) -> rusqlite::Result<Change> {
    let money = |column: usize| -> rusqlite::Result<Money> { Ok(join(row.get(column)?, row.get(column + 1)?)) };
    Ok(Change {
        calls: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
        cost: money(1)?,
        estimated: money(3)?,
        unpriced: row.get(5)?,
        ceiling: row.get(6)?,
        unattributed: money(7)?,
        list: money(9)?,
    })
}
