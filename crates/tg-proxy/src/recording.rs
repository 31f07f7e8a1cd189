//! Guarded calls, written down without their values by a thread of their own, for who wants to try another policy on them.
//!
//! Nobody waits for it: calls that come faster than they are written are left out, and the log says so. A file for each day (UTC) and
//! process, one call a line; see [`tg_policy::guard::Recorded`].

mod heard;
mod writer;

pub(crate) use heard::Heard;

use crate::complaint::Complaint;
use crate::guarding::Guarding;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tg_kernel::clock::{Clock, Timestamp};
use tg_kernel::dialect::Operation;
use tg_kernel::guarded::Guarded;
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::Record;
use tg_policy::guard::Guard;
use writer::Writer;

/// Most calls that wait to be written.
const WAITING_MAX: usize = 1024;

/// Most bytes that these may say together.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// What is recorded, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where the files are.
    pub folder: PathBuf,
    /// Which share of the calls in which no rule found anything, from 0 to 1. All others are recorded.
    pub share: f64,
    /// Most bytes of a day's file.
    pub day_bytes_max: u64,
    /// For how long files are kept, by whole days.
    pub keep: Duration,
}

/// Takes calls to be recorded, and has them written.
pub struct Recorder {
    share: f64,
    sender: SyncSender<Message>,
    waiting_bytes: Arc<AtomicUsize>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
    clock: Arc<dyn Clock>,
    complaint: Complaint,
}

enum Message {
    Call(Box<Item>),
    End,
}

/// A call that is to be written.
struct Item {
    guard: Arc<Guard>,
    id: CallId,
    at: Timestamp,
    attribution: Attribution,
    model: Arc<str>,
    bound: bool,
    unseen: bool,
    guarded: Guarded,
    heard: Heard,
    bytes: usize,
}

fn write_all(receiver: &Receiver<Message>, mut writer: Writer, waiting_bytes: &AtomicUsize) {
    while let Ok(Message::Call(item)) = receiver.recv() {
        let bytes = item.bytes;
        writer.write(*item);
        waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Recorder {
    /// Starts to record.
    ///
    /// # Errors
    /// When the folder cannot be made or written, or there is no thread for it.
    pub fn start(settings: Settings, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let share = settings.share;
        let writer = Writer::open(settings, Arc::clone(&clock))?;
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let waiting = Arc::clone(&waiting_bytes);
        let write = move || write_all(&receiver, writer, &waiting);
        let thread = Mutex::new(Some(thread::Builder::new().name("recorder".to_owned()).spawn(write)?));
        Ok(Self { share, sender, waiting_bytes, thread, clock, complaint: Complaint::default() })
    }

    /// Ends when all that waits is written. What comes later is left out.
    pub fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Where the thread is gone there is nothing to tell it.
        if let Some(thread) = thread
            && self.sender.send(Message::End).is_ok()
            && thread.join().is_err()
        {
            tracing::error!("the recorder panicked");
        }
    }

    /// Takes a call that has ended, if it is to be recorded.
    pub(crate) fn take(&self, record: &Record, guarded: &Guarded, guarding: &Guarding) {
        let Some(heard) = guarding.heard() else { return };
        if guarded.hits.is_empty() && lot(record.id) >= self.share {
            return;
        }
        let bytes = heard.bytes();
        let item = Item {
            guard: guarding.guard().clone(),
            id: record.id,
            at: record.started_at,
            attribution: record.attribution.clone(),
            model: named(record),
            bound: !record.asked.operation.is_routable(),
            unseen: record.asked.operation == Operation::AsyncInvoke,
            guarded: guarded.clone(),
            heard: heard.clone(),
            bytes,
        };
        if (heard.is_over() || !self.send(item))
            && let Some(times) = self.complaint.due(self.clock.monotonic())
        {
            tracing::warn!(times, "calls are not recorded: they come faster than they are written, or say too much");
        }
    }

    /// Whether there was room for it.
    fn send(&self, item: Item) -> bool {
        let bytes = item.bytes;
        let waiting = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_full = waiting.saturating_add(bytes) > WAITING_BYTES_MAX
            || matches!(self.sender.try_send(Message::Call(Box::new(item))), Err(TrySendError::Full(_)));
        if is_full {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        !is_full
    }
}

/// The model that the caller named: by it the rules are chosen.
fn named(record: &Record) -> Arc<str> {
    let rerouted = record.decided.as_deref().and_then(|decided| decided.rerouted.as_ref());
    rerouted.map_or_else(|| record.asked.model.clone(), |rerouted| rerouted.from.clone())
}

/// A number from 0 to 1 that nobody chooses: the end of an id is random.
fn lot(id: CallId) -> f64 {
    let [.., a, b, c, d] = *id.as_bytes();
    let last = [a, b, c, d];
    f64::from(u32::from_be_bytes(last)) / (f64::from(u32::MAX) + 1.0)
}
