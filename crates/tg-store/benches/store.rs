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
use tg_store::{Dimension, Journal, NewKey, OpenEntry, ReportQuery, Store, TeamPolicy, Ticket, WorkerJournal};

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

/// A journal with one worker, and a call to be written.
struct Writing {
    _dir: TempDir,
    journal: Journal,
    worker: WorkerJournal,
    open: OpenEntry,
    ended: Record,
}

impl Writing {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let (journal, _) = Journal::open(dir.path().join("journal")).unwrap();
        let (worker, ended) = (journal.worker(0), record());
        Self { _dir: dir, journal, worker, open: opening(&ended), ended }
    }

    /// Writes the call's begin and end.
    fn call(&self) -> Ticket {
        let mut ticket = self.worker.begin(black_box(&self.open)).unwrap();
        self.worker.end(&mut ticket, black_box(&self.ended)).unwrap();
        ticket
    }
}

#[divan::bench]
fn journal_of_one_call(bencher: Bencher<'_, '_>) {
    let writing = Writing::new();
    bencher.bench_local(|| writing.call().confirm());
}

/// A call that finds no room in memory, and comes back from the journal.
#[divan::bench]
fn journal_of_one_late_call(bencher: Bencher<'_, '_>) {
    let writing = Writing::new();
    bencher.bench_local(|| {
        writing.worker.defer(writing.call()).unwrap();
        let mut late = writing.journal.take_late().unwrap();
        let part = late.read(1);
        late.advance(&part);
        late.confirm();
        part
    });
}

/// What a sync takes after this many calls: never on a call's path, but it is how often the disk is asked.
#[divan::bench(args = [1, 100, 1000])]
fn journal_sync_after(bencher: Bencher<'_, '_>, calls: usize) {
    let writing = Writing::new();
    let write = || (0..calls).for_each(|_| writing.call().confirm());
    bencher.with_inputs(write).bench_local_values(|()| writing.journal.sync().unwrap());
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
