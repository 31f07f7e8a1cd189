//! The schema's history: numbered steps, forward only.

use super::Place;
use crate::error::StoreError;
use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as a store of Tallygate (`tgst`).
const APPLICATION_ID: i64 = 0x7467_7374;

/// Every step, in order; the schema's version is how many have run. Never edit one that was released: add another.
const STEPS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_session.sql"),
    include_str!("migrations/0003_access_keys.sql"),
    include_str!("migrations/0004_profile.sql"),
    include_str!("migrations/0005_prices.sql"),
    include_str!("migrations/0006_rollups.sql"),
    include_str!("migrations/0007_budget_notices.sql"),
    include_str!("migrations/0008_revisions.sql"),
    include_str!("migrations/0009_guarded.sql"),
    include_str!("migrations/0010_decided.sql"),
    include_str!("migrations/0011_rule_switches.sql"),
];

/// Runs the steps that the file has not seen, all or none of them.
pub(super) fn run(connection: &mut Connection, place: &Place) -> Result<(), StoreError> {
    let sql = |e| place.error(e);
    let known = STEPS.len();
    if version(connection, place)? == known {
        return Ok(());
    }
    // Two processes may start at once: whoever gets the lock second finds the work done.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    let found = version(&transaction, place)?;
    for step in STEPS.iter().skip(found) {
        transaction.execute_batch(step).map_err(sql)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(sql)?;
    transaction.pragma_update(None, "user_version", i64::try_from(known).unwrap_or(i64::MAX)).map_err(sql)?;
    transaction.commit().map_err(sql)
}

/// A file as an older version left it: after these steps, with what the statement adds.
#[cfg(test)]
pub(super) fn make_old(connection: &Connection, steps: u8, adding: &str) {
    for step in &STEPS[..usize::from(steps)] {
        connection.execute_batch(step).unwrap();
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    connection.pragma_update(None, "user_version", steps).unwrap();
    connection.execute_batch(adding).unwrap();
}

/// How many steps the file has seen.
fn version(connection: &Connection, place: &Place) -> Result<usize, StoreError> {
    let sql = |e| place.error(e);
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sql)?;
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(sql)?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(sql)?;
    if application != APPLICATION_ID && (tables > 0 || found != 0) {
        return Err(place.corrupt("the file is a database of something else"));
    }
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::NewerSchema { place: place.0.clone(), found, known });
    }
    usize::try_from(found).map_err(|_| place.corrupt("the file has an impossible schema version"))
}
