//! Sums of what was spent, on a connection that breaks.

use crate::budgets::EVERY;
use crate::fixture::{at, record};
use crate::server::PostgresServer;
use std::time::{Duration, Instant};
use tg_store::Store;
use tg_store::ledger::{SpentQuery, SpentRow};

/// Rows are read when nobody holds the lock any more.
const SLOW_ROWS: &str = "SET search_path = tallygate; \
    CREATE FUNCTION pass() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN \
    WHILE NOT pg_try_advisory_xact_lock_shared(7) LOOP PERFORM pg_sleep(0.02); END LOOP; RETURN true; END $$; \
    ALTER TABLE calls RENAME TO calls_kept; \
    CREATE VIEW calls AS SELECT * FROM calls_kept WHERE tallygate.pass(); \
    CREATE TABLE public.told (yes boolean)";

const HOLD: &str = "DO $$ BEGIN PERFORM pg_advisory_xact_lock(7); \
    WHILE NOT EXISTS (SELECT FROM public.told) LOOP PERFORM pg_sleep(0.02); END LOOP; END $$";

const HELD: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted";

/// Who reads the first groups.
const READER: &str = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'FETCH%' \
    AND state = 'active'";

/// Ends the hold, also where the test fails.
struct Held<'a>(&'a PostgresServer, &'a str);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.sql(self.1, "INSERT INTO public.told VALUES (true)");
    }
}

#[test]
fn a_sum_whose_connection_breaks_before_its_first_groups_is_begun_again() {
    let server = PostgresServer::shared();
    let database = server.database();
    let store = Store::connect(server.address(&database)).unwrap();
    store.ledger_writer().unwrap().append(&[record(), record()]).unwrap();
    server.sql(&database, SLOW_ROWS);
    let found_by = |sql: &str| {
        let begun = Instant::now();
        loop {
            let found = server.sql(&database, sql);
            if !found.is_empty() {
                return found;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{sql}: nothing");
        }
    };
    // Neither a whole hour nor a whole day: the rows themselves are read.
    let query = SpentQuery { since: at(-1), until: Some(at(1)), by: EVERY.to_vec() };
    let mut found: Vec<SpentRow> = Vec::new();
    std::thread::scope(|scope| {
        let held = Held(server, &database);
        scope.spawn(|| server.sql(&database, HOLD));
        found_by(HELD);
        let summing = scope.spawn(|| store.ledger().unwrap().spent(&query, &mut |row| found.push(row)));
        let reader = found_by(READER);
        server.sql(&database, &format!("SELECT pg_terminate_backend({reader}, 5000)"));
        drop(held);
        summing.join().unwrap().unwrap();
    });
    let costs: Vec<i64> = found.iter().map(|row| row.cost.nanos()).collect();
    assert_eq!(costs, [2 * record().cost.amount.nanos()]);
}
