//! Calls that found no room in memory come back from the journal, once the ledger can be written again.

use super::{BATCH_MAX, Progress, Sink};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tg_kernel::outage::{Failing, Outage};
use tg_kernel::record::Record;
use tg_store::journal::{Journal, Late};
use tg_store::ledger::LedgerWriter;

/// From where, and where to.
pub(super) struct Returning<'a> {
    pub(super) journal: &'a Journal,
    pub(super) ledger: &'a mut LedgerWriter,
    pub(super) sinks: &'a mut [Box<dyn Sink>],
    /// Calls that were sent and are in the ledger.
    pub(super) settled: &'a AtomicU64,
    pub(super) outage: &'a mut Outage,
    /// Has what the calls cost be spent of budgets.
    pub(super) book: &'a dyn Fn(&[Record]),
}

impl Returning<'_> {
    /// Brings in one batch, in the order in which the calls of a segment ended. What is under way stays in `late`: in
    /// memory are one batch and the places of a segment's calls.
    pub(super) fn bring_in(self, late: &mut Option<Late>) -> Progress {
        if late.is_none() {
            *late = self.journal.take_late();
        }
        let Some(found) = late else { return Progress::Done };
        let part = found.read(BATCH_MAX);
        if let Err(error) = self.ledger.append(&part.records) {
            let calls = self.journal.figures().late();
            if let Some(Failing { tries, lasts }) = self.outage.failed(Instant::now()) {
                let what = "the ledger cannot be written; calls wait in the journal";
                tracing::error!(%error, calls, tries, ?lasts, "{what}");
            }
            return Progress::Failed;
        }
        is_back(self.outage);
        if part.unreadable > 0 {
            tracing::error!(calls = part.unreadable, "finished calls cannot be read back; the next start tries again");
        }
        found.advance(&part);
        (self.book)(&part.records);
        self.settled.fetch_add(part.records.len() as u64, Ordering::Relaxed);
        for sink in self.sinks {
            part.records.iter().for_each(|record| sink.observe_late(record));
            sink.flush();
        }
        if found.is_done()
            && let Some(done) = late.take()
        {
            done.confirm();
        }
        Progress::More
    }
}

/// Says that the ledger can be written again, where it could not be.
pub(super) fn is_back(outage: &mut Outage) {
    if let Some(Failing { tries, lasts }) = outage.mended(Instant::now()) {
        tracing::info!(tries, ?lasts, "the ledger can be written again");
    }
}
