//! The thread that looks after the journal: puts it on the disk, and finds out when it can be written again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tg_store::journal::Journal;

/// How often it is tried whether a journal that could not be written can be again.
const PROBE_TICK: Duration = Duration::from_secs(1);

/// How old the segment may be that a worker writes: what the ledger has of it must be gone long before the ledger's rows
/// may be deleted by policy.
const SEGMENT_AGE_MAX: Duration = Duration::from_secs(3600);

/// A running keeper of the journal. It waits for nobody but the disk: not for the store, whose locks may be held for long.
pub struct JournalKeeper {
    thread: thread::JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl JournalKeeper {
    /// Starts the thread. `every` is what a loss of power may take, and the time that the disk needs.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(journal: Journal, every: Duration) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(move || {
            let mut round = Round { journal, synced: true, probed: Instant::now() };
            loop {
                let is_last = seen.load(Ordering::Acquire);
                if !is_last {
                    thread::park_timeout(every);
                }
                round.run();
                if is_last {
                    return;
                }
            }
        })?;
        Ok(Self { thread, stop })
    }

    /// Ends the thread, after a last round that begins after this.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            tracing::error!("the keeper of the journal panicked");
        }
    }
}

struct Round {
    journal: Journal,
    /// Whether the last sync went well.
    synced: bool,
    probed: Instant,
}

impl Round {
    fn run(&mut self) {
        let figures = self.journal.figures();
        let synced = self.journal.sync();
        if let Err(error) = &synced {
            figures.note_failing(true);
            if self.synced {
                tracing::error!(%error, "the journal cannot be put on the disk");
            }
        }
        self.synced = synced.is_ok();
        self.journal.renew(SEGMENT_AGE_MAX);
        if !self.synced || !figures.is_failing() || self.probed.elapsed() < PROBE_TICK {
            return;
        }
        self.probed = Instant::now();
        if self.journal.probe().is_ok() && figures.note_failing(false) {
            tracing::info!("the journal can be written again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::JournalKeeper;
    use std::time::Duration;
    use tg_store::journal::Journal;

    #[test]
    fn the_last_round_begins_after_the_end_was_asked_for_also_where_the_thread_has_hardly_begun() {
        for _ in 0..50 {
            let folder = tempfile::TempDir::new().unwrap();
            let (journal, _) = Journal::open(folder.path().join("journal")).unwrap();
            let keeper = JournalKeeper::start(journal.clone(), Duration::from_secs(3600)).unwrap();
            std::fs::remove_dir_all(folder.path().join("journal")).unwrap();
            keeper.stop();
            assert!(journal.figures().is_failing(), "nobody looked");
        }
    }
}
