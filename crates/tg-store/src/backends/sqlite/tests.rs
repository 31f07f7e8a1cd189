//! What the engine and the system report, in our words.

use super::{CallReader, CallWriter, Database, Place, ledger, migrate, report};
use crate::error::StoreError;
use crate::ledger::{CallFilter, Dimension, Filter, ReportQuery};
use rusqlite::{Connection, ffi};
use std::io::ErrorKind;
use tempfile::TempDir;
use tg_kernel::record::{Cost, Record};
use tg_kernel::units::Money;

/// A call as the fourth schema kept it: 5 000 nano-dollars.
const OLD_CALL: &str = "INSERT INTO calls (id, started_at, key_id, team, dialect, operation, asked_model, stream, \
    ending, status, input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, \
    reasoning_tokens, audio_input_tokens, audio_output_tokens, images, usage_source, cost_nanos, pricing, price, \
    earlier_nanos, total_us, overhead_us) VALUES (randomblob(16), 1, 'k', 't', 'openai_chat', 'chat', 'm', 0, 'ok', \
    200, 1, 0, 0, 0, 0, 0, 0, 0, 0, 'reported', 5000, 'priced', 'v/x', 0, 1, 1)";

#[test]
fn rows_from_before_list_prices_were_kept_are_at_list_price() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    migrate::make_old(&Connection::open(&path).unwrap(), 4, OLD_CALL);
    let mut reader = CallReader::open(&Database::open(&path).unwrap()).unwrap();
    let totals = reader.report(&ReportQuery::default()).unwrap().totals;
    assert_eq!((totals.cost.nanos(), totals.list_cost.nanos()), (5000, 5000));
    let calls = reader.calls(&CallFilter::default(), 10).unwrap();
    assert_eq!((calls[0].cost.list.nanos(), &calls[0].cost.rates), (5000, &None));
}

fn priced(old: &Record, rates: &str) -> Record {
    let cost = Cost { list: Money::from_nanos(7), rates: Some(rates.into()), ..old.cost.clone() };
    Record { id: tg_kernel::ids::CallId::fresh(), cost, ..old.clone() }
}

#[test]
fn a_text_of_unit_prices_is_stored_once_and_found_again_after_a_failed_batch() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let raw = Connection::open(&path).unwrap();
    migrate::make_old(&raw, 4, OLD_CALL);
    let database = Database::open(&path).unwrap();
    let (mut writer, mut reader) = (CallWriter::open(&database).unwrap(), CallReader::open(&database).unwrap());
    let old = reader.calls(&CallFilter::default(), 1).unwrap().remove(0);
    raw.execute_batch("CREATE TRIGGER full BEFORE INSERT ON calls BEGIN SELECT raise(ABORT, 'no'); END").unwrap();
    let (a, b) = (priced(&old, r#"{"input":1}"#), priced(&old, r#"{"input":2}"#));
    writer.append(std::slice::from_ref(&a)).unwrap_err();
    raw.execute_batch("DROP TRIGGER full").unwrap();
    // Other texts take the numbers of those that were never committed.
    let again = priced(&old, r#"{"input":1}"#);
    writer.append(&[b.clone(), a.clone()]).unwrap();
    writer.append(std::slice::from_ref(&again)).unwrap();
    for record in [a, b, again] {
        assert_eq!(reader.get(record.id).unwrap(), Some(record));
    }
    let stored: i64 = raw.query_row("SELECT count(*) FROM rate_sheets", [], |row| row.get(0)).unwrap();
    assert_eq!(stored, 2);
}

#[test]
fn failures_of_the_engine_are_told_apart() {
    let place = Place("the store".into());
    let kind = |code| place.error(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
    assert!(matches!(kind(ffi::SQLITE_BUSY), StoreError::Locked { .. }));
    assert!(matches!(kind(ffi::SQLITE_BUSY_SNAPSHOT), StoreError::Locked { .. }));
    assert!(matches!(kind(ffi::SQLITE_READONLY_DIRECTORY), StoreError::ReadOnly { .. }));
    assert!(matches!(kind(ffi::SQLITE_FULL), StoreError::Full { .. }));
    assert!(matches!(kind(ffi::SQLITE_CORRUPT), StoreError::Corrupt { .. }));
    assert!(matches!(kind(ffi::SQLITE_NOTADB), StoreError::Corrupt { .. }));
    assert!(matches!(kind(ffi::SQLITE_IOERR_WRITE), StoreError::Engine { .. }));
}

#[test]
fn failures_of_the_system_are_told_apart() {
    let place = Place("the store".into());
    let kind = |kind: ErrorKind| place.io("creating the file", kind.into());
    assert!(matches!(kind(ErrorKind::StorageFull), StoreError::Full { .. }));
    assert!(matches!(kind(ErrorKind::ReadOnlyFilesystem), StoreError::ReadOnly { .. }));
    let refused = kind(ErrorKind::PermissionDenied).to_string();
    assert_eq!(refused, "the store: creating the file: permission denied");
}

/// How the engine goes about it.
fn plan(connection: &Connection, filter: &CallFilter) -> String {
    let (sql, conditions) = ledger::listing(connection, filter, 100).unwrap();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = statement.query_map(rusqlite::params_from_iter(conditions.values()), |row| row.get::<_, String>(3));
    steps.unwrap().collect::<Result<Vec<_>, _>>().unwrap().join("; ")
}

/// Complaint H 24: pages of big logs that take a minute.
#[test]
fn a_page_of_calls_is_not_slow_in_a_big_ledger() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let database = Database::open(&path).unwrap();
    let connection = database.reader().unwrap();
    let all = CallFilter::default();
    let (since, until) =
        (Some(tg_kernel::clock::Timestamp::from_seconds(1)), Some(tg_kernel::clock::Timestamp::from_seconds(9)));
    let of_team = vec![Filter { dimension: Dimension::Team, value: Some("search".to_owned()) }];
    let of_nobody = vec![Filter { dimension: Dimension::Team, value: None }];
    for (filter, index) in [
        (all.clone(), "calls_by_time"),
        (CallFilter { before: Some(tg_kernel::ids::CallId::fresh()), ..all.clone() }, "calls_by_time"),
        (CallFilter { since, until, ..all.clone() }, "calls_by_time"),
        (CallFilter { filters: of_team.clone(), ..all.clone() }, "calls_by_team"),
        (CallFilter { filters: of_nobody, ..all.clone() }, "calls_by_team"),
        (CallFilter { since, until, filters: of_team, ..all }, "calls_by_team"),
    ] {
        let plan = plan(&connection, &filter);
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
    }
}

#[test]
fn groups_summed_in_memory_are_those_that_the_engine_sums() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    migrate::make_old(&Connection::open(&path).unwrap(), 4, OLD_CALL);
    let database = Database::open(&path).unwrap();
    let (mut writer, mut reader) = (CallWriter::open(&database).unwrap(), CallReader::open(&database).unwrap());
    let old = reader.calls(&CallFilter::default(), 1).unwrap().remove(0);
    let call = |number: i64| {
        let mut call = priced(&old, r#"{"input":1}"#);
        call.started_at = tg_kernel::clock::Timestamp::from_seconds(number * 7_777);
        call.attribution.team = ["a", "b", ""][(number % 3) as usize].into();
        call.attribution.project = (number % 2 == 0).then(|| "p".into());
        call.attribution.tags = (0..number % 4).map(|tag| format!("t{tag}")).collect();
        call.cost.amount = Money::from_nanos(number * 400_000_000 - 3_000_000_000);
        call
    };
    writer.append(&(0..40).map(call).collect::<Vec<_>>()).unwrap();
    let connection = database.reader().unwrap();
    use Dimension::{Day, Ending, Hour, Project, Tag, Team};
    for by in [&[Team][..], &[Tag], &[Project, Tag], &[Day, Team], &[Tag, Hour], &[Hour, Day, Ending]] {
        let query = ReportQuery { by: by.to_vec(), ..ReportQuery::default() };
        let (in_memory, by_engine) = report::both_ways(&connection, &query).unwrap();
        assert_eq!(in_memory, by_engine, "{by:?}");
    }
}

#[test]
fn a_revision_whose_text_was_edited_in_the_store_is_not_used() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let mut revisions = crate::Store::open(&path).unwrap().revisions().unwrap();
    let (author, text) = ("ada".to_owned(), "providers: []".to_owned());
    let new = crate::NewRevision { author, note: String::new(), text, restores: None };
    revisions.add(&new, None, tg_kernel::clock::Timestamp::from_seconds(1)).unwrap();
    Connection::open(&path).unwrap().execute_batch("UPDATE config_revisions SET text = 'providers: [evil]'").unwrap();
    let refused = revisions.newest().unwrap_err();
    assert!(matches!(&refused, StoreError::Corrupt { detail, .. } if detail.contains("revision 1")), "{refused}");
}
