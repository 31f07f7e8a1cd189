//! What waits has a bound, and whatever happens every call stands in the journal until the ledger has it.

use super::{BATCH_MAX, Batch, Left, Queue, Settled, Till, WAITING_MAX};
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
use tg_kernel::usage::{Usage, UsageSource};
use tg_store::journal::{Found, Journal};

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
fn a_call_that_finds_the_queue_full_stays_in_the_journal() {
    let folder = TempDir::new().unwrap();
    let late = refused();
    {
        let (journal, _) = Journal::open(folder.path()).unwrap();
        let queue = Arc::new(Queue::default());
        let till = Till::new(journal.worker(0), Arc::clone(&queue));
        for _ in 0..WAITING_MAX {
            queue.push(Settled { record: refused(), trace: trace(), left: Left::Never, ticket: None });
        }
        till.close(None, late.clone(), trace());
        assert_eq!((queue.depth(), queue.deferred()), (WAITING_MAX as u64, 1));
    }
    assert_eq!(left(folder.path()), HashSet::from([late.id]));
}
