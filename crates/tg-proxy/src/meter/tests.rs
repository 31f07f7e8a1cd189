//! What waits has a bound, and whatever happens every call stands in the journal until the ledger has it.

use super::{BATCH_MAX, Batch, Left, Queue, STRANGERS_MAX, Settled, Till, UNSENT_MAX, WAITING_MAX};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Cost, Ending, Record, Timing};
use tg_kernel::trace::TraceContext;
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};
use tg_store::journal::{Found, Journal, OpenEntry};

fn refused() -> Record {
    Record {
        id: CallId::fresh(),
        started_at: Timestamp::default(),
        attribution: Attribution::default(),
        asked: Asked { dialect: Dialect::OpenaiChat, operation: Operation::Chat, model: Arc::from("m"), stream: false },
        served: None,
        ending: Ending::Refused,
        status: 401,
        fault: Some("missing_api_key".to_owned()),
        usage: Usage::default(),
        usage_source: UsageSource::None,
        cost: Cost::default(),
        losses: Vec::new(),
        earlier: Vec::new(),
        timing: Timing::default(),
    }
}

fn opening(record: &Record) -> OpenEntry {
    OpenEntry {
        id: record.id,
        started_at: record.started_at,
        attribution: record.attribution.clone(),
        asked: record.asked.clone(),
        provider: Arc::from("p"),
        model: Arc::from("m"),
        profile: None,
        dialect: Dialect::OpenaiChat,
        tier: ServiceTier::Default,
        session: None,
        estimated: Usage::default(),
        earlier: Vec::new(),
    }
}

fn trace() -> TraceContext {
    TraceContext::fresh([1; 16], [2; 8], false)
}

/// The ended calls that the next start finds.
fn left(folder: &Path) -> HashSet<CallId> {
    let (_journal, recovered) = Journal::open(folder).unwrap();
    let mut found = HashSet::new();
    let read: Result<_, tg_store::journal::JournalError> = recovered.settle(100, |part| {
        if let Found::Ended(records) = part {
            found.extend(records.iter().map(|record| record.id));
        }
        Ok(())
    });
    read.unwrap();
    found
}

#[test]
fn a_refused_call_outlives_the_process() {
    let folder = TempDir::new().unwrap();
    let record = refused();
    {
        let (journal, _) = Journal::open(folder.path()).unwrap();
        let queue = Arc::new(Queue::default());
        Till::new(journal.worker(0), Arc::clone(&queue)).close(None, record.clone(), trace());
        assert_eq!((queue.depth(), journal.figures().open()), (1, 1));
    }
    assert_eq!(left(folder.path()), HashSet::from([record.id]));
}

#[test]
fn the_batch_takes_no_more_than_it_may_hold() {
    let queue = Queue::default();
    for _ in 0..BATCH_MAX + 10 {
        queue.push(Settled { record: refused(), trace: trace(), left: Left::Never, ticket: None });
    }
    let mut batch = Batch::default();
    for _ in 0..2 {
        queue.take(&mut batch);
        assert_eq!((batch.records.len(), batch.marks.len(), queue.depth()), (BATCH_MAX, BATCH_MAX, 10));
    }
    batch = Batch::default();
    queue.take(&mut batch);
    assert_eq!((batch.records.len(), queue.depth()), (10, 0));
}

#[test]
fn a_sent_call_that_finds_the_queue_full_stays_in_the_journal() {
    let folder = TempDir::new().unwrap();
    let late = refused();
    {
        let (journal, _) = Journal::open(folder.path()).unwrap();
        let queue = Arc::new(Queue::default());
        let till = Till::new(journal.worker(0), Arc::clone(&queue));
        for _ in 0..WAITING_MAX {
            queue.push(Settled { record: refused(), trace: trace(), left: Left::Sent, ticket: None });
        }
        let ticket = till.open(&opening(&late)).unwrap();
        till.close(Some(ticket), late.clone(), trace());
        assert_eq!((queue.depth(), queue.deferred()), (WAITING_MAX as u64, 1));
    }
    assert_eq!(left(folder.path()), HashSet::from([late.id]));
}

#[test]
fn calls_that_were_not_sent_take_no_room_from_those_that_were() {
    let folder = TempDir::new().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    let queue = Arc::new(Queue::default());
    let till = Till::new(journal.worker(0), Arc::clone(&queue));
    for _ in 0..UNSENT_MAX + 3 {
        let attribution = Attribution { key_id: Arc::from("k"), ..Attribution::default() };
        till.close(None, Record { attribution, ..refused() }, trace());
    }
    // What is dropped is not in the journal either.
    assert_eq!((queue.depth(), queue.dropped()), (UNSENT_MAX as u64, 3));
    assert_eq!(journal.figures().open(), UNSENT_MAX as u64);
    let sent = refused();
    let ticket = till.open(&opening(&sent)).unwrap();
    till.close(Some(ticket), sent.clone(), trace());
    let mut batch = Batch::default();
    queue.take(&mut batch);
    assert_eq!((batch.records[0].id, batch.marks[0].left), (sent.id, Left::Sent));
    assert_eq!((batch.records.len(), queue.deferred()), (BATCH_MAX, 0));
}

#[test]
fn strangers_get_so_many_rows_in_a_minute_and_are_counted_beyond() {
    let folder = TempDir::new().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    let queue = Arc::new(Queue::default());
    let till = Till::new(journal.worker(0), Arc::clone(&queue));
    let most = u64::from(STRANGERS_MAX);
    for (second, rows, dropped) in [(0, most, 5), (59, most, 10 + most), (60, 2 * most, 15 + most)] {
        for _ in 0..most + 5 {
            till.close(None, Record { started_at: Timestamp::from_seconds(second), ..refused() }, trace());
        }
        assert_eq!((queue.depth(), queue.dropped()), (rows, dropped), "second {second}");
    }
}
