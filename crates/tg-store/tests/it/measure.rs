//! What things cost. Run with `cargo test -p tg-store --profile quick --test it measure -- --ignored --nocapture`.

use crate::fixture::{at, opening, record};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;
use tempfile::TempDir;
use tg_kernel::record::Record;
use tg_store::{Dimension, Journal, NewKey, ReportQuery, Store, TeamPolicy, Ticket};

fn per_item(what: &str, count: usize, work: impl FnOnce()) {
    let started = Instant::now();
    work();
    println!("{what:<48} {:>9.3} us", started.elapsed().as_secs_f64() * 1e6 / count as f64);
}

#[test]
#[ignore = "a measurement, not a check"]
fn measure_the_ledger() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path().join("store.db")).unwrap();
    let mut writer = store.ledger_writer().unwrap();
    for batch in [1, 10, 100, 1000] {
        let rounds = 20_000_usize.div_ceil(batch).min(2000);
        let all: Vec<Record> = (0..batch * rounds).map(|_| record()).collect();
        per_item(&format!("ledger append, batches of {batch}"), all.len(), || {
            for part in all.chunks(batch) {
                writer.append(part).unwrap();
            }
        });
    }
    let many: Vec<Record> = (0..400_000).map(|i| Record { started_at: at(i), ..record() }).collect();
    per_item("ledger append, batches of 1000, 400 000 more", many.len(), || {
        for part in many.chunks(1000) {
            writer.append(part).unwrap();
        }
    });
    let ledger = store.ledger().unwrap();
    let calls = ledger.report(&ReportQuery::default()).unwrap().totals.calls as usize;
    let by = vec![Dimension::Team, Dimension::Project, Dimension::Model];
    let query = ReportQuery { by, ..ReportQuery::default() };
    per_item("report by team, project, model: per row", calls, || drop(ledger.report(&query).unwrap()));
    let window = ReportQuery { since: Some(at(350_000)), ..query };
    per_item("the same, last eighth: per row of the ledger", calls, || drop(ledger.report(&window).unwrap()));
    println!(
        "{calls} rows, {} bytes each",
        std::fs::metadata(dir.path().join("store.db")).unwrap().len() / calls as u64
    );
}

#[test]
#[ignore = "a measurement, not a check"]
fn measure_the_journal() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = Journal::open(dir.path().join("journal")).unwrap();
    let worker = journal.worker(0);
    let (ended, open) = (record(), opening(&record()));
    let count = 100_000;
    let mut tickets: Vec<Ticket> = Vec::with_capacity(count);
    per_item("journal begin", count, || {
        for _ in 0..count {
            tickets.push(worker.begin(&open).unwrap());
        }
    });
    per_item("journal end", count, || {
        for ticket in &mut tickets {
            worker.end(ticket, &ended).unwrap();
        }
    });
    per_item("journal confirm", count, || tickets.into_iter().for_each(Ticket::confirm));
}

#[test]
#[ignore = "a measurement, not a check"]
fn measure_the_directory() {
    let dir = TempDir::new().unwrap();
    let directory = Store::open(dir.path().join("store.db")).unwrap().directory().unwrap();
    directory.create_team("search", TeamPolicy::default(), at(0)).unwrap();
    let new = NewKey { team: "search".to_owned(), ..NewKey::default() };
    let mut key = directory.issue(&new, at(0)).unwrap();
    per_item("directory issue, up to 500 keys", 500, || {
        for _ in 0..500 {
            key = directory.issue(&new, at(0)).unwrap();
        }
    });
    let count = 1_000_000;
    per_item("directory find", count, || {
        for _ in 0..count {
            let found = directory.find(black_box(key.secret.expose()), IpAddr::V4(Ipv4Addr::LOCALHOST), at(0));
            black_box(found).unwrap();
        }
    });
}
