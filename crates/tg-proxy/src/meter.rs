//! From finished calls to ledger, metrics, log and traces: one thread, in batches, never on a call's path.

use crate::living::Living;
use crate::steps::Steps;
pub(crate) use ending::Ended;
use load::Load;
use returning::{Returning, is_back};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tg_kernel::clock::Timestamp;
use tg_kernel::outage::{Failing, Outage};
use tg_kernel::record::Record;
use tg_kernel::trace::TraceContext;
use tg_policy::admit::budget::Notice;
use tg_policy::route::quality::SwitchedOff;
use tg_store::journal::{Journal, JournalError, Late, OpenEntry, Ticket, WorkerJournal};
use tg_store::ledger::{Ledger, LedgerWriter};

/// How often finished calls are collected: what a report may lag behind, and what bounds the batches' number.
const TICK: Duration = Duration::from_millis(50);

/// How often writing to a ledger that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Most finished calls that wait for the meter, per worker: about 50 MB at 800 bytes each. Beyond it calls wait in the
/// journal alone, from where the meter brings them into the ledger when that can be written again.
const WAITING_MAX: usize = 65_536;

/// Most calls that wait without having been sent, per worker. Beyond it they are counted and forgotten: nobody is owed
/// anything for them, and they must take no room from calls for which somebody is.
const UNSENT_MAX: usize = 4_096;

/// Most rows of a minute for callers whom nobody knows, per worker: enough to see that somebody tries, and what; beyond
/// it they are counted and forgotten, or else whoever finds the address could fill the disk.
const STRANGERS_MAX: u32 = 100;

/// How long the end of the process waits for calls that are in the journal alone. The next start brings in what is left.
const LAST_CALLS_MAX: Duration = Duration::from_secs(5);

/// By how many minutes the clock may go back without strangers getting another minute's rows.
const STRANGERS_CLOCK_BACK: i64 = 60;

/// Most rows in one transaction, and most that the meter holds beside the queues: while the ledger fails, the rest
/// waits where it is counted.
const BATCH_MAX: usize = 2_000;

/// A finished call on its way to the ledger.
struct Settled {
    record: Record,
    trace: TraceContext,
    left: Left,
    /// Keeps the call's entries in the journal; `None` where the journal could not be written.
    ticket: Option<Ticket>,
}

/// Whether a call left for a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Sent,
    Never,
}

/// Finished calls of one worker that wait for the meter.
#[derive(Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    deferred: AtomicU64,
    dropped: AtomicU64,
}

/// What waits, those apart that must not wait long.
#[derive(Default)]
struct Waiting {
    sent: VecDeque<Settled>,
    unsent: VecDeque<Settled>,
    strangers: Strangers,
}

/// The minute, and how many callers without a name were booked in it.
#[derive(Default)]
struct Strangers {
    minute: i64,
    booked: u32,
}

impl Strangers {
    fn admit(&mut self, at: Timestamp) -> bool {
        let minute = at.micros().div_euclid(60_000_000);
        // A clock that goes back a little makes no new minute.
        if minute > self.minute || minute < self.minute - STRANGERS_CLOCK_BACK {
            *self = Self { minute, booked: 0 };
        }
        self.booked = self.booked.saturating_add(1);
        self.booked <= STRANGERS_MAX
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is room for a call that was not sent; one for which there is none is counted.
    fn admits(&self, record: &Record) -> bool {
        let mut waiting = self.waiting();
        let is_known = !record.attribution.key_id.is_empty();
        let admitted = waiting.unsent.len() < UNSENT_MAX && (is_known || waiting.strangers.admit(record.started_at));
        if !admitted {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    /// Takes a call in. One that was sent and finds the queue full is answered back.
    fn push(&self, settled: Settled) -> Option<Settled> {
        let mut waiting = self.waiting();
        match settled.left {
            Left::Never => waiting.unsent.push_back(settled),
            Left::Sent if waiting.sent.len() < WAITING_MAX => waiting.sent.push_back(settled),
            Left::Sent => return Some(settled),
        }
        None
    }

    /// Takes a sent call in although the queue is full: nothing else knows its end.
    fn crowd(&self, settled: Settled) {
        self.waiting().sent.push_back(settled);
    }

    /// Whether a call that the journal does not know would find room at its end.
    fn has_room(&self) -> bool {
        self.waiting().sent.len() < WAITING_MAX
    }

    /// Moves the oldest into the batch, as far as it has room: first those that were sent.
    fn take(&self, batch: &mut Batch) {
        let mut waiting = self.waiting();
        let Waiting { sent, unsent, .. } = &mut *waiting;
        for queue in [sent, unsent] {
            let count = queue.len().min(batch.room());
            batch.extend(queue.drain(..count));
        }
    }

    /// Finished calls that wait.
    #[must_use]
    pub fn depth(&self) -> u64 {
        let waiting = self.waiting();
        (waiting.sent.len() + waiting.unsent.len()) as u64
    }

    /// Calls that were not sent and have no row: too many of their kind waited, or came from strangers.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Sent calls that found the queue full since the start: the journal alone has, or had, their ends.
    #[must_use]
    pub fn deferred(&self) -> u64 {
        self.deferred.load(Ordering::Relaxed)
    }
}

/// Where a worker hands in what is owed: the journal first, then the queue.
pub struct Till {
    journal: WorkerJournal,
    queue: Arc<Queue>,
    on_failure: OnFailure,
}

/// What becomes of a call that the journal does not take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It is refused: nothing is sent that a crash could forget.
    #[default]
    Refuse,
    /// It is sent, and waits in memory for the ledger; while that cannot be written either, calls are refused once as
    /// many wait as may.
    Allow,
}

impl Till {
    /// A till of one worker.
    #[must_use]
    pub const fn new(journal: WorkerJournal, queue: Arc<Queue>, on_failure: OnFailure) -> Self {
        Self { journal, queue, on_failure }
    }

    /// Whether calls can be taken as far as the journal is concerned.
    pub(crate) fn takes_calls(&self) -> bool {
        self.on_failure == OnFailure::Allow || !self.journal.figures().is_failing()
    }

    /// Notes that a call is about to leave.
    ///
    /// # Errors
    /// When the journal cannot be written, and calls may not go without it.
    pub(crate) fn open(&self, entry: &OpenEntry) -> Result<Ticket, JournalError> {
        self.survives().and_then(|()| self.journal.begin(entry)).or_else(|error| {
            self.note_failure(&error);
            if self.may_go_without() { Ok(self.journal.begin_unwritten()) } else { Err(error) }
        })
    }

    /// Notes that a call is about to leave for another target.
    ///
    /// # Errors
    /// When the journal cannot be written, and calls may not go without it.
    pub(crate) fn open_again(&self, ticket: &mut Ticket, entry: &OpenEntry) -> Result<(), JournalError> {
        self.survives().and_then(|()| self.journal.begin_again(ticket, entry)).or_else(|error| {
            self.note_failure(&error);
            if self.may_go_without() { Ok(()) } else { Err(error) }
        })
    }

    /// A disk that takes no sync refuses calls where the journal is to be relied upon; else what is written is better than
    /// nothing.
    fn survives(&self) -> Result<(), JournalError> {
        if self.on_failure == OnFailure::Refuse { self.journal.survives() } else { Ok(()) }
    }

    fn may_go_without(&self) -> bool {
        self.on_failure == OnFailure::Allow && self.queue.has_room()
    }

    /// Says once that the journal cannot be written; that it can be again is found out by whoever looks after it. An
    /// entry that is too large is a failure of its call alone.
    fn note_failure(&self, error: &JournalError) {
        if matches!(error, JournalError::TooLarge { .. }) {
            tracing::error!(%error, "a call cannot be journalled");
        } else if self.journal.figures().note_failing(true) {
            tracing::error!(%error, policy = ?self.on_failure, "the journal cannot be written");
        }
    }

    /// Leaves a call in the journal alone. One whose end the journal does not have waits in memory nevertheless: as
    /// none is sent without the journal when the queue is full, such calls are no more than were under way when it failed.
    fn defer(&self, mut settled: Settled) {
        match settled.ticket.take().map(|ticket| self.journal.defer(ticket)) {
            Some(Ok(())) => {
                self.queue.deferred.fetch_add(1, Ordering::Relaxed);
            }
            Some(Err(ticket)) => self.queue.crowd(Settled { ticket: Some(ticket), ..settled }),
            None => self.queue.crowd(settled),
        }
    }
}

/// What is told of every call once it is in the ledger.
pub trait Sink: Send {
    /// Takes note of a call. Must not block.
    fn observe(&mut self, record: &Record, trace: &TraceContext);

    /// Takes note of a call that was in the journal alone, which does not keep its trace. Must not block.
    fn observe_late(&mut self, record: &Record);

    /// Takes note of what somebody shall be told of a budget. Must not block.
    fn notice(&mut self, _notice: &Notice) {}

    /// Takes note of a rule by tasks that is off, each time that this becomes known to a process. Must not block.
    fn switched_off(&mut self, _off: &SwitchedOff) {}

    /// A batch is over.
    fn flush(&mut self) {}
}

/// Collects finished calls and writes them down.
pub struct Meter {
    /// The queues of all workers.
    pub queues: Vec<Arc<Queue>>,
    /// Where calls are that found no room in the queues.
    pub journal: Journal,
    /// The ledger.
    pub ledger: LedgerWriter,
    /// The same, for what budgets have spent.
    pub sums: Ledger,
    /// Counts of calls.
    pub living: Arc<Living>,
    /// Metrics, log, traces.
    pub sinks: Vec<Box<dyn Sink>>,
    /// Whether the ledger cannot be written.
    pub outage: Outage,
}

/// A running meter.
pub struct Running {
    thread: thread::JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl Meter {
    /// Starts the meter's thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self) -> std::io::Result<Running> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::Builder::new().name("meter".to_owned()).spawn(move || self.run(&seen))?;
        Ok(Running { thread, stop })
    }

    fn run(mut self, stop: &AtomicBool) {
        let (mut batch, mut late) = (Batch::default(), None);
        let (mut load, mut steps) = (Load::default(), Steps::default());
        loop {
            steps.look(&self.living);
            let last = stop.load(Ordering::Acquire);
            let mut progress = self.empty(&mut batch).then(|| self.bring_in(&mut late));
            // Rows that could not be written may be in the ledger all the same: no sums are read until that is known.
            let is_sure = progress != Progress::Failed && batch.records.is_empty();
            self.keep_budgets(is_sure, &mut load);
            telling::tell(&self.living, &mut self.sinks);
            if last {
                let end = self.living.clock.monotonic() + LAST_CALLS_MAX;
                while progress == Progress::More && self.living.clock.monotonic() < end {
                    progress = self.bring_in(&mut late);
                }
                let waiting = batch.records.len() as u64 + self.queues.iter().map(|queue| queue.depth()).sum::<u64>();
                let left = waiting + self.journal.figures().late();
                if left > 0 {
                    tracing::error!(calls = left, "left in the journal for the next start");
                }
                return;
            }
            match progress {
                Progress::More => {}
                Progress::Done => thread::park_timeout(TICK),
                Progress::Failed => thread::park_timeout(RETRY),
            }
        }
    }

    /// Brings a batch of those calls into the ledger that the journal alone has.
    fn bring_in(&mut self, late: &mut Option<Late>) -> Progress {
        let (journal, living) = (&self.journal, &self.living);
        let (settled, book) = (&living.counts.settled, &|records: &[Record]| living.book(records));
        let (ledger, outage) = (&mut self.ledger, &mut self.outage);
        Returning { journal, ledger, sinks: &mut self.sinks, settled, outage, book }.bring_in(late)
    }

    /// Writes down what waits, batch by batch. Where the ledger fails, what was taken by then stays in the batch.
    fn empty(&mut self, batch: &mut Batch) -> Progress {
        loop {
            for queue in &self.queues {
                queue.take(batch);
            }
            let full = batch.room() == 0;
            if !self.write(batch) {
                return Progress::Failed;
            }
            if !full {
                return Progress::Done;
            }
        }
    }

    /// Writes the batch down. If that fails, all of it stays in it.
    fn write(&mut self, batch: &mut Batch) -> bool {
        if batch.records.is_empty() {
            return true;
        }
        if let Err(error) = self.ledger.append(&batch.records) {
            if let Some(Failing { tries, lasts }) = self.outage.failed(Instant::now()) {
                let calls = batch.records.len();
                tracing::error!(%error, calls, tries, ?lasts, "the ledger cannot be written; calls wait");
            }
            return false;
        }
        is_back(&mut self.outage);
        self.living.book(&batch.records);
        for (record, mark) in batch.records.drain(..).zip(batch.marks.drain(..)) {
            if let Some(ticket) = mark.ticket {
                ticket.confirm();
            }
            if mark.left == Left::Sent {
                self.living.counts.settled.fetch_add(1, Ordering::Relaxed);
            }
            for sink in &mut self.sinks {
                sink.observe(&record, &mark.trace);
            }
        }
        for sink in &mut self.sinks {
            sink.flush();
        }
        true
    }
}

impl Meter {
    /// Reads what new budgets have spent, if no row is in doubt.
    fn keep_budgets(&mut self, is_sure: bool, load: &mut Load) {
        let purses = &self.living.purses;
        let elapsed = self.living.clock.monotonic();
        if is_sure && purses.is_waiting() && load.is_due(elapsed) {
            let now = self.living.clock.now();
            let loaded = purses.load(now, |query, each| self.sums.spent(query, each));
            load.note(loaded, elapsed);
        }
    }
}

/// How far a round of the meter came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// All is written.
    Done,
    /// Some is written, and there may be more.
    More,
    /// The ledger cannot be written.
    Failed,
}

impl Progress {
    /// What two steps come to; the second is not to be tried where the first has failed.
    fn then(self, next: impl FnOnce() -> Self) -> Self {
        if self == Self::Failed { self } else { next() }
    }
}

/// Finished calls that are being written: rows apart from what goes with them, as the ledger takes a slice of rows.
#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    marks: Vec<Mark>,
}

/// What goes with a row.
struct Mark {
    trace: TraceContext,
    left: Left,
    ticket: Option<Ticket>,
}

impl Batch {
    fn room(&self) -> usize {
        BATCH_MAX.saturating_sub(self.records.len())
    }

    fn extend(&mut self, settled: impl Iterator<Item = Settled>) {
        for Settled { record, trace, left, ticket } in settled {
            self.records.push(record);
            self.marks.push(Mark { trace, left, ticket });
        }
    }
}

impl Running {
    /// Writes down what is left and ends the thread. Call it when no call is in flight any more.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            tracing::error!("the meter panicked; calls since then are in the journal");
        }
    }
}

mod ending;
mod load;
mod returning;
mod telling;

#[cfg(test)]
mod tests;
