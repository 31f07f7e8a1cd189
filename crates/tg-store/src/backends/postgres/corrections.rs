//! Rows of corrections: appended, and read beside their calls.

use super::row::{BoxError, Reader, hex, storable};
use super::session::Failure;
use super::{rollup, row};
use crate::correction::{Correction, CorrectionReason};
use crate::rollup::Addend;
use serde_json::{Value, json};
use std::collections::HashMap;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::record::{Pricing, Record};
use tg_kernel::units::Money;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};

const COLUMNS: &str = "call_id, number, made_at, reason, old_price, new_price, pricing, delta_nanos, \
    earlier_delta_nanos, list_delta_nanos, unpriced_delta, ceiling_delta, rates_id";

/// A correction as a row, whose unit prices are in the row of `rate_sheets` with this id.
pub(super) fn row(correction: &Correction, rates_id: Option<i64>) -> Value {
    json!({
        "call_id": hex(correction.call.as_bytes()),
        "number": correction.number,
        "made_at": correction.made_at.micros(),
        "reason": correction.reason.as_str(),
        "old_price": storable(&correction.old_price),
        "new_price": storable(&correction.new_price),
        "pricing": correction.pricing.as_str(),
        "delta_nanos": correction.delta.nanos(),
        "earlier_delta_nanos": correction.earlier_delta.nanos(),
        "list_delta_nanos": correction.list_delta.nanos(),
        "unpriced_delta": correction.unpriced_delta,
        "ceiling_delta": correction.ceiling_delta,
        "rates_id": rates_id,
    })
}

/// Appends these rows of these corrections; answers how many were new. Their calls are locked, so that retention does not
/// delete one of them meanwhile and leave its correction behind.
pub(super) async fn append(client: &Client, rows: &str, corrections: &[Correction]) -> Result<usize, Failure> {
    client.batch_execute("BEGIN").await?;
    let insert = format!(
        "INSERT INTO corrections ({COLUMNS}) SELECT {COLUMNS} \
         FROM json_populate_recordset(NULL::corrections, $1::json) AS new \
         WHERE EXISTS (SELECT 1 FROM calls WHERE calls.id = new.call_id FOR KEY SHARE) \
         ORDER BY call_id, number ON CONFLICT DO NOTHING RETURNING call_id, number"
    );
    let mut new = HashMap::new();
    for row in client.query_typed(&insert, &[(&rows, Type::TEXT)]).await? {
        new.insert((row.try_get::<_, Vec<u8>>(0)?, row.try_get::<_, i64>(1)?), ());
    }
    let calls = called(client, new.keys().map(|(call, _)| call.clone()).collect()).await?;
    let added = corrections
        .iter()
        .filter(|one| new.remove(&(one.call.as_bytes().to_vec(), i64::from(one.number))).is_some())
        .collect::<Vec<_>>();
    let addends = added.iter().filter_map(|one| {
        let (call, rates_id) = calls.get(one.call.as_bytes().as_slice())?;
        Some(Addend::correcting(call, *rates_id, one))
    });
    rollup::write(client, &addends.collect::<Vec<_>>()).await?;
    let made = format!("UPDATE ledger_state SET corrections_made = corrections_made + {}", added.len());
    client.batch_execute(&format!("{made}; COMMIT")).await?;
    Ok(added.len())
}

/// The calls with these ids, and the ids of their unit prices.
async fn called(client: &Client, ids: Vec<Vec<u8>>) -> Result<HashMap<Vec<u8>, (Record, Option<i64>)>, Failure> {
    let sql = format!("SELECT {} FROM calls WHERE id = ANY($1)", row::selected());
    let mut calls = HashMap::new();
    for found in client.query_typed(&sql, &[(&ids, Type::BYTEA_ARRAY)]).await? {
        let record = row::read(&found).map_err(|e| Failure::Corrupt(format!("a call cannot be read: {e}")))?;
        calls.insert(record.id.as_bytes().to_vec(), (record, found.try_get("rates_id")?));
    }
    Ok(calls)
}

/// The corrections of these calls: call by call in the order given, those of one call in theirs.
pub(super) async fn of(client: &Client, calls: &[CallId]) -> Result<Vec<Row>, Error> {
    let ids: Vec<Vec<u8>> = calls.iter().map(|call| call.as_bytes().to_vec()).collect();
    let sql = format!(
        "SELECT {COLUMNS}, (SELECT text FROM rate_sheets WHERE rate_sheets.id = corrections.rates_id) AS rates \
         FROM unnest($1) WITH ORDINALITY AS wanted (call_id, at) JOIN corrections USING (call_id) ORDER BY at, number"
    );
    client.query_typed(&sql, &[(&ids, Type::BYTEA_ARRAY)]).await
}

/// How many were ever made.
pub(super) async fn made(client: &Client) -> Result<i64, Error> {
    client.query_typed_one("SELECT corrections_made FROM ledger_state", &[]).await?.try_get(0)
}

pub(super) fn read(row: &Row) -> Result<Correction, BoxError> {
    let from = Reader(row);
    let call: &[u8] = row.try_get("call_id")?;
    Ok(Correction {
        call: CallId::from_bytes(call.try_into()?),
        number: from.whole("number")?,
        made_at: Timestamp::from_micros(row.try_get("made_at")?),
        reason: from.name("reason", CorrectionReason::parse)?,
        old_price: from.text("old_price")?,
        new_price: from.text("new_price")?,
        pricing: from.name("pricing", Pricing::parse)?,
        delta: Money::from_nanos(row.try_get("delta_nanos")?),
        earlier_delta: Money::from_nanos(row.try_get("earlier_delta_nanos")?),
        list_delta: Money::from_nanos(row.try_get("list_delta_nanos")?),
        unpriced_delta: from.whole("unpriced_delta")?,
        ceiling_delta: from.whole("ceiling_delta")?,
        rates: from.optional("rates")?,
    })
}
