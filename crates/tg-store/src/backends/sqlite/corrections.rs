//! Rows of corrections: appended, and read beside their calls.

use super::sheets::Sheets;
use crate::correction::{Correction, CorrectionReason};
use rusqlite::types::Type;
use rusqlite::{Connection, Row};
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::record::Pricing;
use tg_kernel::units::Money;

/// A correction that is there is looked for first: the engine would count one that it ignores as made.
const INSERT: &str = "INSERT INTO corrections (call_id, number, made_at, reason, old_price, new_price, pricing, \
    delta_nanos, earlier_delta_nanos, list_delta_nanos, unpriced_delta, ceiling_delta, rates_id) \
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM calls WHERE id = ?1) \
    AND NOT EXISTS (SELECT 1 FROM corrections WHERE call_id = ?1 AND number = ?2)";

const SELECT: &str = "SELECT call_id, number, made_at, reason, old_price, new_price, pricing, delta_nanos, \
    earlier_delta_nanos, list_delta_nanos, unpriced_delta, ceiling_delta, \
    (SELECT text FROM rate_sheets WHERE rate_sheets.id = corrections.rates_id) \
    FROM corrections WHERE call_id = ? ORDER BY number";

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
    // Those that retention deleted are in the sums still.
    let sql = "SELECT max(seq) FROM sqlite_sequence WHERE name = 'corrections'";
    let last: Option<i64> = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
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
