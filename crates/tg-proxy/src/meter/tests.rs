//! What waits has a bound, and whatever happens every call stands in the journal until the ledger has it.

use super::returning::Returning;
use super::{
    BATCH_MAX, Batch, Left, OnFailure, Progress, Queue, STRANGERS_MAX, Settled, Sink, Strangers, Till, UNSENT_MAX,
    WAITING_MAX,
};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::outage::Outage;
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Cost, Ending, Record, Timing};
use tg_kernel::trace::TraceContext;
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};
use tg_store::Store;
use tg_store::journal::{Found, Journal, JournalError, Late, OpenEntry};
use tg_store::ledger::{CALLS_MAX, CallFilter, LedgerWriter};

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
        guarded: None,
        decided: None,
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
        decided: None,
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
        Till::new(journal.worker(0), Arc::clone(&queue), OnFailure::Refuse).close(None, record.clone(), trace());
        assert_eq!((queue.depth(), journal.figures().open()), (1, 1));
    }
    assert_eq!(left(folder.path()), HashSet::from([record.id]));
}

#[test]
fn the_batch_takes_no_more_than_it_may_hold() {
    let queue = Queue::default();
    for _ in 0..BATCH_MAX + 10 {
        assert!(queue.push(Settled { record: refused(), trace: trace(), left: Left::Never, ticket: None }).is_none());
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

/// A till before a full queue.
fn crowded(journal: &Journal, on_failure: OnFailure) -> (Till, Arc<Queue>) {
    let queue = Arc::new(Queue::default());
    for _ in 0..WAITING_MAX {
        drop(queue.push(Settled { record: refused(), trace: trace(), left: Left::Sent, ticket: None }));
    }
    (Till::new(journal.worker(0), Arc::clone(&queue), on_failure), queue)
}

fn numbered(number: i64) -> Record {
    Record { started_at: Timestamp::from_seconds(number * 3_600), ..refused() }
}

fn settle(till: &Till, record: &Record) {
    let ticket = till.open(&opening(record)).unwrap();
    till.close(Some(ticket), record.clone(), trace());
}

#[test]
fn a_sent_call_that_finds_the_queue_full_stays_in_the_journal() {
    let folder = TempDir::new().unwrap();
    let late = refused();
    {
        let (journal, _) = Journal::open(folder.path()).unwrap();
        let (till, queue) = crowded(&journal, OnFailure::Refuse);
        settle(&till, &late);
        assert_eq!((queue.depth(), queue.deferred(), journal.figures().late()), (WAITING_MAX as u64, 1, 1));
    }
    assert_eq!(left(folder.path()), HashSet::from([late.id]));
}

/// Tells how many calls it was told of.
struct Counting(Arc<AtomicU64>);

impl Sink for Counting {
    fn observe(&mut self, _record: &Record, _trace: &TraceContext) {
        panic!("a late call has no trace");
    }

    fn observe_late(&mut self, _record: &Record) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Field report A 5: rows lost or delayed. However long the ledger is away, the running process brings in every call,
/// once, in order, in the hour in which it began.
#[test]
fn calls_that_found_no_room_reach_the_ledger_without_a_restart_once_and_in_their_own_hour() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path().join("store.db")).unwrap();
    let mut ledger = store.ledger_writer().unwrap();
    let (journal, _) = Journal::open(folder.path().join("journal")).unwrap();
    let (till, queue) = crowded(&journal, OnFailure::Refuse);
    let all: Vec<Record> = (0..2 * BATCH_MAX as i64 + 7).map(numbered).collect();
    all.iter().for_each(|record| settle(&till, record));
    assert_eq!((queue.deferred(), journal.figures().late()), (all.len() as u64, all.len() as u64));
    let (settled, told) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)));
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(Counting(Arc::clone(&told)))];
    let mut late = None;
    let mut rounds = Vec::new();
    loop {
        let before = settled.load(Ordering::Relaxed);
        let (ledger, sinks) = (&mut ledger, &mut sinks[..]);
        let round = Returning {
            journal: &journal,
            ledger,
            sinks,
            settled: &settled,
            outage: &mut Outage::default(),
            book: &|_| {},
        }
        .bring_in(&mut late);
        if round == Progress::Done {
            break;
        }
        rounds.push(settled.load(Ordering::Relaxed) - before);
    }
    assert_eq!(rounds, [BATCH_MAX as u64, BATCH_MAX as u64, 7], "never more than a batch in memory");
    let mut rows = store.ledger().unwrap().calls(&CallFilter::default(), CALLS_MAX).unwrap();
    rows.reverse();
    assert!(rows == all, "each once, as it was, in order");
    assert_eq!(told.load(Ordering::Relaxed), all.len() as u64, "metrics and log hear of each once");
    assert_eq!((journal.figures().late(), journal.figures().open()), (0, 0));
    drop((till, journal));
    assert_eq!(left(&folder.path().join("journal")), HashSet::new(), "nothing is left for the next start");
}

#[test]
fn late_calls_wait_while_the_ledger_cannot_be_written_and_none_is_doubled() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let store = Store::open(&path).unwrap();
    let mut ledger = store.ledger_writer().unwrap();
    let (journal, _) = Journal::open(folder.path().join("journal")).unwrap();
    let (till, _queue) = crowded(&journal, OnFailure::Refuse);
    let all: Vec<Record> = (0..5).map(numbered).collect();
    all.iter().for_each(|record| settle(&till, record));
    // One of them is there already, as after a batch whose outcome was in doubt.
    ledger.append(&all[2..3]).unwrap();
    let settled = AtomicU64::new(0);
    let mut late = None;
    let round = |late: &mut Option<Late>, ledger: &mut LedgerWriter| {
        Returning {
            journal: &journal,
            ledger,
            sinks: &mut [],
            settled: &settled,
            outage: &mut Outage::default(),
            book: &|_| {},
        }
        .bring_in(late)
    };
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("ALTER TABLE calls RENAME TO away").unwrap();
    for _ in 0..3 {
        assert_eq!(round(&mut late, &mut ledger), Progress::Failed);
        assert_eq!((journal.figures().late(), journal.figures().open()), (5, 5));
    }
    other.execute_batch("ALTER TABLE away RENAME TO calls").unwrap();
    assert_eq!(round(&mut late, &mut ledger), Progress::More);
    assert_eq!(round(&mut late, &mut ledger), Progress::Done);
    let rows = store.ledger().unwrap().calls(&CallFilter::default(), CALLS_MAX).unwrap();
    assert_eq!((rows.len(), journal.figures().open()), (5, 0));
}

/// What is refused is refused before it is sent, and what is allowed is counted and has its row while the process lives.
#[test]
fn without_a_journal_calls_are_refused_or_go_on_counted_as_the_policy_says() {
    for on_failure in [OnFailure::Refuse, OnFailure::Allow] {
        let folder = TempDir::new().unwrap();
        let (journal, _) = Journal::open(folder.path()).unwrap();
        let queue = Arc::new(Queue::default());
        let till = Till::new(journal.worker(0), Arc::clone(&queue), on_failure);
        settle(&till, &refused());
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert!(matches!(journal.sync(), Err(JournalError::Gone { .. })));
        let call = refused();
        let opened = till.open(&opening(&call));
        assert!(journal.figures().is_failing());
        assert_eq!(till.takes_calls(), on_failure == OnFailure::Allow, "readiness says so");
        match (on_failure, opened) {
            (OnFailure::Refuse, Err(JournalError::Gone { .. })) => assert_eq!(queue.depth(), 1),
            (OnFailure::Allow, Ok(ticket)) => {
                till.close(Some(ticket), call, trace());
                assert_eq!((queue.depth(), journal.figures().unwritten()), (2, 1));
            }
            (_, other) => panic!("{on_failure:?}: {other:?}"),
        }
    }
}

#[test]
fn calls_that_no_journal_knows_are_refused_once_the_queue_is_full() {
    let folder = TempDir::new().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    let (till, queue) = crowded(&journal, OnFailure::Allow);
    let under_way = journal.worker(1).begin_unwritten();
    std::fs::remove_dir_all(folder.path()).unwrap();
    drop(journal.sync());
    assert!(matches!(till.open(&opening(&refused())), Err(JournalError::Gone { .. })));
    // The end of one that was under way is kept all the same, as nothing else knows of it. Files of a removed folder
    // still take its entry, but not for long enough.
    till.close(Some(under_way), refused(), trace());
    assert_eq!(queue.depth() + journal.figures().late(), WAITING_MAX as u64 + 1);
}

#[test]
fn a_clock_that_goes_back_opens_no_second_allowance_of_rows_for_strangers() {
    let mut strangers = Strangers::default();
    let at = |second| Timestamp::from_seconds(second);
    let admitted =
        |strangers: &mut Strangers, second| (0..STRANGERS_MAX + 5).filter(|_| strangers.admit(at(second))).count();
    assert_eq!(admitted(&mut strangers, 600), STRANGERS_MAX as usize);
    assert_eq!(admitted(&mut strangers, 540), 0, "an earlier minute is no new one");
    assert_eq!(admitted(&mut strangers, 660), STRANGERS_MAX as usize);
    assert_eq!(
        admitted(&mut strangers, 660 - 7_200),
        STRANGERS_MAX as usize,
        "a clock that was far ahead is set right"
    );
}

#[test]
fn calls_that_were_not_sent_take_no_room_from_those_that_were() {
    let folder = TempDir::new().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    let queue = Arc::new(Queue::default());
    let till = Till::new(journal.worker(0), Arc::clone(&queue), OnFailure::Refuse);
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
    let till = Till::new(journal.worker(0), Arc::clone(&queue), OnFailure::Refuse);
    let most = u64::from(STRANGERS_MAX);
    for (second, rows, dropped) in [(0, most, 5), (59, most, 10 + most), (60, 2 * most, 15 + most)] {
        for _ in 0..most + 5 {
            till.close(None, Record { started_at: Timestamp::from_seconds(second), ..refused() }, trace());
        }
        assert_eq!((queue.depth(), queue.dropped()), (rows, dropped), "second {second}");
    }
}
