//! The journal in trouble: calls that only it has, a bound that is reached, a folder that goes away, a clock that goes back.

use crate::fixture::{at, opening, record};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tg_kernel::ids::CallId;
use tg_kernel::record::{Cost, Ending, Record};
use tg_store::journal::{Figures, SEGMENT_BYTES_MAX};
use tg_store::{CallFilter, Found, Journal, JournalError, Store, Ticket, WorkerJournal};

fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).unwrap().map(|f| f.unwrap().path());
    let mut segments: Vec<_> = files.filter(|p| p.extension().is_some_and(|e| e == "journal")).collect();
    segments.sort();
    segments
}

/// What the next start finds: calls that ended, calls that were interrupted, damaged places.
fn found(dir: &Path) -> (BTreeSet<CallId>, BTreeSet<CallId>, u64) {
    let (_journal, recovered) = Journal::open(dir).unwrap();
    let (mut ended, mut interrupted) = (BTreeSet::new(), BTreeSet::new());
    let tally = recovered.settle(100, |found| {
        match found {
            Found::Ended(records) => ended.extend(records.iter().map(|record| record.id)),
            Found::Interrupted(open) => interrupted.extend(open.iter().map(|entry| entry.id)),
        }
        Ok::<(), JournalError>(())
    });
    (ended, interrupted, tally.unwrap().damaged)
}

fn ended(worker: &WorkerJournal) -> (Record, Ticket) {
    let record = record();
    let mut ticket = worker.begin(&opening(&record)).unwrap();
    worker.end(&mut ticket, &record).unwrap();
    (record, ticket)
}

/// Fills the worker's segments by at least this much with calls that the ledger does not have.
fn fill(worker: &WorkerJournal, figures: &Figures, bytes: u64) -> Vec<Ticket> {
    let until = figures.bytes() + bytes;
    let mut tickets = Vec::new();
    while figures.bytes() < until {
        tickets.push(worker.note(&record()).unwrap());
    }
    tickets
}

fn late(journal: &Journal, calls_max: usize) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some(mut late) = journal.take_late() {
        while !late.is_done() {
            let part = late.read(calls_max);
            assert!(part.records.len() <= calls_max && part.unreadable == 0);
            assert_eq!(late.read(calls_max).records, part.records, "the same until they are confirmed");
            records.extend(part.records.clone());
            late.advance(&part);
        }
        late.confirm();
    }
    records
}

#[test]
fn late_calls_are_read_back_in_order_and_release_every_segment() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    let (worker, figures) = (journal.worker(0), journal.figures());
    let long = record();
    let mut long_ticket = worker.begin(&opening(&long)).unwrap();
    let mut all = Vec::new();
    for round in 0..3 {
        for _ in 0..5 {
            let (record, ticket) = ended(&worker);
            worker.defer(ticket).unwrap();
            all.push(record);
        }
        if round < 2 {
            fill(&worker, &figures, SEGMENT_BYTES_MAX).into_iter().for_each(Ticket::confirm);
        }
    }
    // This one began in the first segment and ends in the last.
    worker.end(&mut long_ticket, &long).unwrap();
    worker.defer(long_ticket).unwrap();
    all.push(long);
    assert_eq!((figures.late(), figures.open(), segments(dir.path()).len()), (16, 16, 3));
    assert_eq!(late(&journal, 4), all);
    assert_eq!((figures.late(), figures.open(), segments(dir.path()).len()), (0, 0, 1));
    drop(worker);
    assert_eq!((figures.bytes(), segments(dir.path()).len()), (0, 0));
}

#[test]
fn a_late_call_that_cannot_be_read_back_stays_for_the_next_start_and_hides_no_other() {
    let dir = TempDir::new().unwrap();
    let (damaged, all) = {
        let (journal, _) = Journal::open(dir.path()).unwrap();
        let worker = journal.worker(0);
        let mut all = Vec::new();
        let mut places = Vec::new();
        for _ in 0..3 {
            places.push(fs::metadata(segments(dir.path()).first().map_or(dir.path(), |p| p)).unwrap().len());
            let (record, ticket) = ended(&worker);
            worker.defer(ticket).unwrap();
            all.push(record.id);
        }
        // A bit of the second call's end flips on the disk.
        let file = segments(dir.path()).remove(0);
        let mut bytes = fs::read(&file).unwrap();
        let at = usize::try_from(places[2]).unwrap() - 3;
        bytes[at] ^= 4;
        fs::write(&file, bytes).unwrap();
        let mut late = journal.take_late().unwrap();
        let part = late.read(10);
        assert_eq!((part.records.len(), part.unreadable), (2, 1));
        late.advance(&part);
        late.confirm();
        assert_eq!((journal.figures().late(), journal.figures().open()), (0, 1), "one is not in the ledger");
        (all[1], all)
    };
    let (ended, interrupted, places) = found(dir.path());
    assert_eq!(places, 1);
    assert_eq!(interrupted, BTreeSet::from([damaged]), "it is known that the call left");
    assert!(all.iter().all(|id| ended.contains(id) || interrupted.contains(id)));
}

#[test]
fn a_call_without_an_end_in_the_journal_cannot_wait_there() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    let worker = journal.worker(0);
    let ticket = worker.begin(&opening(&record())).unwrap();
    let ticket = worker.defer(ticket).unwrap_err();
    assert_eq!((journal.figures().late(), journal.figures().open()), (0, 1));
    ticket.confirm();
    assert_eq!(journal.figures().open(), 0);
}

#[test]
fn at_its_bound_the_journal_takes_no_new_call_and_every_end() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    journal.set_bytes_max(2 * SEGMENT_BYTES_MAX - (64 << 10));
    let (worker, figures) = (journal.worker(0), journal.figures());
    let under_way = record();
    let mut under_way_ticket = worker.begin(&opening(&under_way)).unwrap();
    let mut waiting = Vec::new();
    let refused = loop {
        match worker.note(&record()) {
            Ok(ticket) => waiting.push(ticket),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, JournalError::Bound { .. }) && refused.to_string().contains("journal_bytes_max"));
    assert!(figures.bytes() < 3 * SEGMENT_BYTES_MAX, "the bound and the worker's own segment");
    assert!(matches!(worker.begin(&opening(&record())), Err(JournalError::Bound { .. })));
    assert!(matches!(worker.begin_again(&mut under_way_ticket, &opening(&under_way)), Err(JournalError::Bound { .. })));
    assert!(journal.probe().is_err());
    worker.end(&mut under_way_ticket, &under_way).unwrap();
    under_way_ticket.confirm();
    waiting.into_iter().for_each(Ticket::confirm);
    journal.probe().unwrap();
    worker.begin(&opening(&record())).unwrap().confirm();
}

/// A worker's own segment is no part of the bound: or else idle ones could refuse calls for ever.
/// No entry of a whole call is smaller.
const ENTRY_BYTES_MIN: u64 = 300;

#[test]
fn a_bound_that_is_smaller_than_a_segment_refuses_nothing_while_the_ledger_keeps_up() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    journal.set_bytes_max(1);
    let workers: Vec<_> = (0..3).map(|number| journal.worker(number)).collect();
    // More than two segments of each worker, one call after the other.
    for _ in 0..2 * SEGMENT_BYTES_MAX / ENTRY_BYTES_MIN {
        workers.iter().for_each(|worker| worker.note(&record()).unwrap().confirm());
    }
    assert!(journal.figures().bytes() <= 3 * SEGMENT_BYTES_MAX, "full segments are gone");
}

#[test]
fn a_folder_that_is_removed_while_in_use_takes_no_call_and_what_ended_is_still_readable() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("journal");
    let (journal, _) = Journal::open(&folder).unwrap();
    let worker = journal.worker(0);
    let (first, ticket) = ended(&worker);
    journal.sync().unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(journal.sync(), Err(JournalError::Gone { .. })));
    assert!(matches!(worker.begin(&opening(&record())), Err(JournalError::Gone { .. })));
    assert!(matches!(journal.probe(), Err(JournalError::Gone { .. })));
    worker.defer(ticket).unwrap();
    assert_eq!(late(&journal, 10), [first]);
    // Another folder of that name is not the one whose lock is held.
    fs::create_dir(&folder).unwrap();
    assert!(matches!(journal.sync(), Err(JournalError::Gone { .. })));
}

#[test]
fn a_folder_or_segment_that_cannot_be_used_is_named_and_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let refused = Journal::open(dir.path().join("file")).unwrap_err();
    assert!(refused.to_string().contains(&dir.path().join("file").display().to_string()), "{refused}");
    let folder = dir.path().join("journal");
    {
        let (journal, _) = Journal::open(&folder).unwrap();
        drop(ended(&journal.worker(0)).1);
    }
    let segment = segments(&folder).remove(0);
    let unreadable = folder.join("00000001-0000-00000007.journal");
    fs::create_dir(&unreadable).unwrap();
    let refused = Journal::open(&folder).unwrap_err();
    assert!(refused.to_string().contains("00000001-0000-00000007.journal"), "{refused}");
    assert!(segment.exists());
    fs::remove_dir(&unreadable).unwrap();
    assert_eq!(found(&folder).0.len(), 1);
}

#[test]
fn when_the_clock_goes_back_rows_stay_unique_in_order_and_in_their_own_hours() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path().join("store.db")).unwrap();
    let folder = dir.path().join("journal");
    // An hour forth, two back: ids are made in order all the same.
    let calls: Vec<Record> =
        [0, 3_600, -3_600, -3_599].map(|second| Record { started_at: at(second), ..record() }).to_vec();
    let ids: Vec<CallId> = calls.iter().map(|call| call.id).collect();
    assert!(ids.is_sorted());
    {
        let (journal, _) = Journal::open(&folder).unwrap();
        let worker = journal.worker(0);
        for call in &calls {
            let mut ticket = worker.begin(&opening(call)).unwrap();
            if call.ending == Ending::Ok && call.started_at != at(-3_599) {
                worker.end(&mut ticket, call).unwrap();
            }
        }
    }
    let mut writer = store.ledger_writer().unwrap();
    let (_journal, recovered) = Journal::open(&folder).unwrap();
    let settled = recovered.settle(2, |found| {
        let rows = match found {
            Found::Ended(records) => records,
            Found::Interrupted(open) => open.into_iter().map(|e| e.into_interrupted(Cost::default())).collect(),
        };
        writer.append(&rows).map(drop).unwrap();
        Ok::<(), JournalError>(())
    });
    assert_eq!(settled.unwrap().interrupted, 1);
    let ledger = store.ledger().unwrap();
    let mut rows = ledger.calls(&CallFilter::default(), 10).unwrap();
    rows.reverse();
    // Listed by the time of their arrival.
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [2, 3, 0, 1].map(|number| ids[number]));
    let within = CallFilter { since: Some(at(-3_600)), until: Some(at(0)), ..CallFilter::default() };
    let within: Vec<CallId> = ledger.calls(&within, 10).unwrap().iter().map(|row| row.id).collect();
    assert_eq!(within, [ids[3], ids[2]]);
}

#[test]
fn what_the_ledger_has_does_not_stay_in_the_journal_of_a_worker_that_is_seldom_asked() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    let (idle, waiting) = (journal.worker(0), journal.worker(1));
    idle.note(&record()).unwrap().confirm();
    let kept = waiting.note(&record()).unwrap();
    let files = || segments(dir.path());
    journal.renew(Duration::from_secs(3600));
    assert_eq!(files().len(), 2, "they are young");
    journal.renew(Duration::ZERO);
    assert_eq!(files().len(), 1);
    let both = [waiting.note(&record()).unwrap(), kept];
    assert_eq!(files().len(), 2, "the next entry is in a new segment");
    both.into_iter().for_each(Ticket::confirm);
    assert_eq!(files().len(), 1);
}
