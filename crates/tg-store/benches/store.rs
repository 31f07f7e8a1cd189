//! What ledger, journal and directory take for a call: `cargo bench --package tg-store`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

#[path = "../tests/it/fixture.rs"]
mod fixture;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use fixture::{at, opening, record};
use std::net::{IpAddr, Ipv4Addr};
use tempfile::TempDir;
use tg_kernel::record::Record;
use tg_store::{Dimension, Journal, NewKey, ReportQuery, Store, TeamPolicy};

fn main() {
    divan::main();
}

fn store() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path().join("store.db")).unwrap();
    (dir, store)
}

#[divan::bench(args = [1, 10, 100, 1000])]
fn ledger_append(bencher: Bencher<'_, '_>, batch: usize) {
    let (_dir, store) = store();
    let mut writer = store.ledger_writer().unwrap();
    let records = || (0..batch).map(|_| record()).collect::<Vec<Record>>();
    let appended = bencher.counter(ItemsCount::new(batch)).with_inputs(records);
    appended.bench_local_values(|records| writer.append(&records).unwrap());
}

#[divan::bench(sample_count = 10)]
fn report_over_100_000_rows(bencher: Bencher<'_, '_>) {
    let (_dir, store) = store();
    let mut writer = store.ledger_writer().unwrap();
    let rows: Vec<Record> = (0..100_000).map(|second| Record { started_at: at(second), ..record() }).collect();
    for part in rows.chunks(1000) {
        writer.append(part).unwrap();
    }
    let ledger = store.ledger().unwrap();
    let by = vec![Dimension::Team, Dimension::Project, Dimension::Model];
    let query = ReportQuery { by, ..ReportQuery::default() };
    bencher.bench_local(|| ledger.report(black_box(&query)).unwrap());
}

#[divan::bench]
fn journal_of_one_call(bencher: Bencher<'_, '_>) {
    let dir = TempDir::new().unwrap();
    let (journal, _) = Journal::open(dir.path().join("journal")).unwrap();
    let worker = journal.worker(0);
    let ended = record();
    let open = opening(&ended);
    bencher.bench_local(|| {
        let mut ticket = worker.begin(black_box(&open)).unwrap();
        worker.end(&mut ticket, black_box(&ended)).unwrap();
        ticket.confirm();
    });
}

/// A call that finds no room in memory, and comes back from the journal.
#[divan::bench]
fn journal_of_one_late_call(bencher: Bencher<'_, '_>) {
    let dir = TempDir::new().unwrap();
    let (journal, _) = Journal::open(dir.path().join("journal")).unwrap();
    let worker = journal.worker(0);
    let ended = record();
    let open = opening(&ended);
    bencher.bench_local(|| {
        let mut ticket = worker.begin(black_box(&open)).unwrap();
        worker.end(&mut ticket, black_box(&ended)).unwrap();
        worker.defer(ticket).unwrap();
        let mut late = journal.take_late().unwrap();
        let part = late.read(1);
        late.advance(&part);
        late.confirm();
        part
    });
}

/// What a sync takes after this many calls: never on a call's path, but it is how often the disk is asked.
#[divan::bench(args = [1, 100, 1000])]
fn journal_sync_after(bencher: Bencher<'_, '_>, calls: usize) {
    let dir = TempDir::new().unwrap();
    let (journal, _) = Journal::open(dir.path().join("journal")).unwrap();
    let worker = journal.worker(0);
    let ended = record();
    let open = opening(&ended);
    let write = || {
        for _ in 0..calls {
            let mut ticket = worker.begin(&open).unwrap();
            worker.end(&mut ticket, &ended).unwrap();
            ticket.confirm();
        }
    };
    bencher.with_inputs(write).bench_local_values(|()| journal.sync().unwrap());
}

#[divan::bench]
fn directory_find(bencher: Bencher<'_, '_>) {
    let (_dir, store) = store();
    let directory = store.directory().unwrap();
    directory.create_team("search", TeamPolicy::default(), at(0)).unwrap();
    let new = NewKey { team: "search".to_owned(), ..NewKey::default() };
    let keys: Vec<_> = (0..500).map(|_| directory.issue(&new, at(0)).unwrap()).collect();
    let key = keys.last().unwrap();
    let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
    bencher.bench(|| directory.find(black_box(key.secret.expose()), from, at(0)).unwrap());
}
