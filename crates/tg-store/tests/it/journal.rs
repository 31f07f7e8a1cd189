//! The journal: what it was told survives the death of the process, and goes away once the ledger has it.

use crate::fixture::{at, attempt, opening, record};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tg_kernel::dialect::Dialect;
use tg_kernel::ids::CallId;
use tg_kernel::record::{Cost, Ending, Pricing, Record};
use tg_store::journal::{ENTRY_BYTES_MAX, SEGMENT_BYTES_MAX};
use tg_store::{Found, Journal, JournalError, OpenEntry, Recovered, Store, Tally, Ticket};

fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).unwrap().map(|f| f.unwrap().path());
    let mut segments: Vec<_> = files.filter(|p| p.extension().is_some_and(|e| e == "journal")).collect();
    segments.sort();
    segments
}

#[derive(Debug, Default, PartialEq)]
struct Contents {
    ended: Vec<Record>,
    interrupted: Vec<OpenEntry>,
    tally: Tally,
}

fn read(recovered: &Recovered, batch_max: usize) -> Contents {
    let mut contents = Contents::default();
    let tally = recovered.settle(batch_max, |found| {
        match found {
            Found::Ended(some) => {
                assert!((1..=batch_max).contains(&some.len()));
                contents.ended.extend(some);
            }
            Found::Interrupted(some) => {
                assert!((1..=batch_max).contains(&some.len()));
                contents.interrupted.extend(some);
            }
        }
        Ok::<(), JournalError>(())
    });
    contents.tally = tally.unwrap();
    contents
}

fn reopen(dir: &Path) -> Contents {
    read(&Journal::open(dir).unwrap().1, 7)
}

/// Writes calls and forgets their tickets, as a process that dies does.
fn leave(dir: &Path, ended: &[Record], open: &[Record]) {
    let (journal, _) = Journal::open(dir).unwrap();
    let worker = journal.worker(0);
    for record in ended {
        let mut ticket = worker.begin(&opening(record)).unwrap();
        worker.end(&mut ticket, record).unwrap();
    }
    for record in open {
        drop(worker.begin(&opening(record)).unwrap());
    }
}

#[test]
fn what_was_begun_and_ended_is_found_again_until_it_is_discarded() {
    let dir = TempDir::new().unwrap();
    let (ended, open) = ([record(), record(), record()], [record(), record()]);
    leave(dir.path(), &ended, &open);
    for batch_max in [1, 2, 100] {
        let (_journal, recovered) = Journal::open(dir.path()).unwrap();
        let contents = read(&recovered, batch_max);
        assert_eq!(contents.ended, ended);
        assert_eq!(contents.interrupted, open.each_ref().map(opening));
        assert_eq!(contents.tally, Tally { ended: 3, interrupted: 2, damaged: 0, torn: 0 });
    }
    let (_journal, recovered) = Journal::open(dir.path()).unwrap();
    recovered.discard().unwrap();
    assert!(segments(dir.path()).is_empty());
}

#[test]
fn a_call_that_never_left_is_noted_with_its_end_alone() {
    let dir = TempDir::new().unwrap();
    let refused = Record { ending: Ending::Refused, served: None, ..record() };
    {
        let (journal, _) = Journal::open(dir.path()).unwrap();
        drop(journal.worker(0).note(&refused).unwrap());
    }
    assert_eq!(reopen(dir.path()).ended, [refused]);
}

#[test]
fn an_interrupted_call_becomes_a_row_marked_as_estimated() {
    let open = opening(&record());
    let row = open.clone().into_interrupted(Cost::default());
    assert_eq!((row.id, row.ending, row.usage), (open.id, Ending::Interrupted, open.estimated));
    assert_eq!(row.usage_source.as_str(), "estimated");
}

#[test]
fn a_call_that_left_again_is_found_with_its_last_target() {
    let dir = TempDir::new().unwrap();
    let first = opening(&record());
    let again = OpenEntry {
        provider: "fallback".into(),
        model: "other".into(),
        dialect: Dialect::OpenaiChat,
        earlier: vec![attempt(7, Pricing::Priced)],
        ..first.clone()
    };
    let (journal, _) = Journal::open(dir.path()).unwrap();
    let worker = journal.worker(0);
    let mut ticket = worker.begin(&first).unwrap();
    // Enough for another segment: what the first entry stood in is not needed any more, and goes.
    let others: Vec<_> = (0..SEGMENT_BYTES_MAX / 200).map(|_| worker.note(&record()).unwrap()).collect();
    others.into_iter().for_each(Ticket::confirm);
    worker.begin_again(&mut ticket, &again).unwrap();
    assert_eq!((segments(dir.path()).len(), journal.figures().open()), (1, 1));
    drop((ticket, worker, journal));
    let contents = reopen(dir.path());
    assert_eq!(contents.interrupted, std::slice::from_ref(&again));
    let row = again.clone().into_interrupted(Cost::default());
    let served = row.served.unwrap();
    assert_eq!((&*served.provider, &*served.model, served.attempts), ("fallback", "other", 2));
    assert_eq!(row.earlier, again.earlier);
}

#[test]
fn an_orderly_end_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    let worker = journal.worker(0);
    let ended = record();
    let mut ticket = worker.begin(&opening(&ended)).unwrap();
    worker.end(&mut ticket, &ended).unwrap();
    journal.sync().unwrap();
    let figures = journal.figures();
    let size = fs::metadata(&segments(dir.path())[0]).unwrap().len();
    assert_eq!((figures.open(), figures.bytes()), (1, size));
    ticket.confirm();
    assert_eq!(figures.open(), 0);
    worker.note(&record()).unwrap().confirm();
    assert_eq!(segments(dir.path()).len(), 1, "the worker still writes there");
    drop(worker);
    assert!(segments(dir.path()).is_empty());
    assert_eq!((figures.open(), figures.bytes()), (0, 0));
}

#[test]
fn segments_rotate_and_each_goes_with_the_last_of_its_calls() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    let worker = journal.worker(3);
    let mut big = record();
    big.losses = vec!["l".repeat(ENTRY_BYTES_MAX / 2)];
    let per_segment = SEGMENT_BYTES_MAX as usize / (ENTRY_BYTES_MAX / 2 + 1000);
    let early = record();
    let mut early_ticket = worker.begin(&opening(&early)).unwrap();
    let mut tickets: Vec<Ticket> = Vec::new();
    for _ in 0..per_segment * 3 {
        tickets.push(worker.note(&Record { id: CallId::fresh(), ..big.clone() }).unwrap());
    }
    let before = segments(dir.path());
    assert!(before.len() >= 3, "{before:?}");
    assert!(before.iter().all(|s| fs::metadata(s).unwrap().len() <= SEGMENT_BYTES_MAX));
    // The early call ends in the last segment: its opening keeps the first one, its end the last one.
    worker.end(&mut early_ticket, &early).unwrap();
    tickets.into_iter().for_each(Ticket::confirm);
    let after = segments(dir.path());
    assert_eq!(after, [before[0].clone(), before[before.len() - 1].clone()]);
    journal.sync().unwrap();
    drop(worker);
    assert_eq!(segments(dir.path()), after);
    drop(journal);
    let (journal, recovered) = Journal::open(dir.path()).unwrap();
    let contents = read(&recovered, 1);
    assert!(contents.ended.contains(&early) && contents.interrupted.is_empty());
    early_ticket.confirm();
    assert!(segments(dir.path()).is_empty());
    drop(journal);
}

#[test]
fn an_entry_beyond_the_limit_is_refused_and_the_next_one_is_written() {
    let dir = TempDir::new().unwrap();
    let good = record();
    {
        let (journal, _) = Journal::open(dir.path()).unwrap();
        let worker = journal.worker(0);
        let huge = Record { fault: Some("f".repeat(ENTRY_BYTES_MAX)), ..record() };
        assert!(matches!(worker.note(&huge), Err(JournalError::TooLarge { .. })));
        drop(worker.note(&good).unwrap());
    }
    assert_eq!(reopen(dir.path()).ended, [good]);
}

#[test]
fn a_journal_cut_at_any_byte_gives_what_was_whole() {
    let dir = TempDir::new().unwrap();
    let (ended, open) = ([record()], [record()]);
    leave(dir.path(), &ended, &open);
    let file = segments(dir.path()).remove(0);
    let whole = fs::read(&file).unwrap();
    for cut in 0..whole.len() {
        fs::write(&file, &whole[..cut]).unwrap();
        let contents = reopen(dir.path());
        assert!(contents.tally.torn <= 1 && contents.tally.damaged == 0, "cut at {cut}");
        let known = contents.ended.len() + contents.interrupted.len();
        assert!(known <= 1, "cut at {cut}");
        assert!(contents.ended.iter().all(|r| *r == ended[0]));
        assert!(contents.interrupted.iter().all(|e| *e == opening(&ended[0])), "cut at {cut}");
    }
    fs::write(&file, &whole).unwrap();
    assert_eq!(reopen(dir.path()).tally, Tally { ended: 1, interrupted: 1, damaged: 0, torn: 0 });
}

#[test]
fn damage_is_skipped_and_counted() {
    let dir = TempDir::new().unwrap();
    leave(dir.path(), &[record(), record(), record()], &[]);
    let file = segments(dir.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xFF;
    fs::write(&file, bytes).unwrap();
    let contents = reopen(dir.path());
    assert_eq!(contents.tally.damaged, 1);
    assert_eq!(contents.tally.ended + contents.tally.interrupted, 3, "each call has another entry");
    assert!(contents.tally.ended >= 2);
}

#[test]
fn a_newer_format_is_left_alone() {
    let dir = TempDir::new().unwrap();
    leave(dir.path(), &[record()], &[]);
    let file = segments(dir.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[7] = 200;
    fs::write(&file, bytes).unwrap();
    assert!(matches!(Journal::open(dir.path()), Err(JournalError::NewerFormat { found: 200, .. })));
    assert_eq!(segments(dir.path()), [file]);
}

#[test]
fn a_second_user_of_the_folder_is_refused_while_anyone_writes() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    assert!(matches!(Journal::open(dir.path()), Err(JournalError::InUse { .. })));
    let worker = journal.worker(0);
    drop(journal);
    assert!(matches!(Journal::open(dir.path()), Err(JournalError::InUse { .. })));
    drop(worker);
    assert!(Journal::open(dir.path()).is_ok());
}

#[test]
fn a_run_never_writes_over_what_an_earlier_one_left() {
    let dir = TempDir::new().unwrap();
    let all: Vec<Record> = (0..4).map(|i| Record { started_at: at(i), ..record() }).collect();
    for one in &all {
        leave(dir.path(), std::slice::from_ref(one), &[]);
    }
    assert_eq!(reopen(dir.path()).ended, all);
}

#[test]
fn settling_twice_adds_nothing() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path().join("store.db")).unwrap();
    let mut writer = store.ledger_writer().unwrap();
    let folder = dir.path().join("journal");
    leave(&folder, &[record(), record()], &[record()]);
    for new_rows in [3, 0] {
        let (_journal, recovered) = Journal::open(&folder).unwrap();
        let mut new = 0;
        let settled = recovered.settle(100, |found| {
            let rows: Vec<Record> = match found {
                Found::Ended(records) => records,
                Found::Interrupted(open) => open.into_iter().map(|e| e.into_interrupted(Cost::default())).collect(),
            };
            new += writer.append(&rows).unwrap();
            Ok::<(), JournalError>(())
        });
        assert_eq!((settled.unwrap().interrupted, new), (1, new_rows));
    }
}

#[test]
fn workers_write_side_by_side() {
    let dir = TempDir::new().unwrap();
    {
        let (journal, _) = Journal::open(dir.path()).unwrap();
        std::thread::scope(|scope| {
            for number in 0..4 {
                let worker = journal.worker(number);
                scope.spawn(move || {
                    for i in 0..500 {
                        let ended = record();
                        let mut ticket = worker.begin(&opening(&ended)).unwrap();
                        if i % 5 > 0 {
                            worker.end(&mut ticket, &ended).unwrap();
                        }
                    }
                });
            }
            journal.sync().unwrap();
        });
    }
    let tally = reopen(dir.path()).tally;
    assert_eq!(tally, Tally { ended: 1600, interrupted: 400, damaged: 0, torn: 0 });
}

#[test]
fn a_worker_may_be_replaced_while_its_calls_are_still_on_the_way() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    let first = journal.worker(0).note(&record()).unwrap();
    let second = journal.worker(0).note(&record()).unwrap();
    assert_eq!(segments(dir.path()).len(), 2);
    first.confirm();
    second.confirm();
    assert!(segments(dir.path()).is_empty());
}
