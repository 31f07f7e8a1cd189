//! A disk that takes no sync: what is said of it, and what becomes of the segment.

use super::segment::Segment;
use super::{Journal, JournalError};
use std::fs::OpenOptions;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

#[test]
fn a_segment_that_the_disk_refused_is_written_no_more_and_a_later_sync_does_not_hide_it() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    let (failing, sound) = (journal.worker(0), journal.worker(1));
    let good = sound.make_segment().unwrap();
    good.write(b"x", 8).unwrap();
    // Takes every write, and no sync.
    let device = OpenOptions::new().write(true).open("/dev/null").unwrap();
    let bad = Arc::new(Segment::of(dir.path().join("none"), device, journal.figures()));
    bad.write(b"x", 0).unwrap();
    journal.shared.live().insert(0, Arc::downgrade(&bad));
    failing.current.lock().unwrap_or_else(PoisonError::into_inner).segment = Some(Arc::clone(&bad));
    sound.current.lock().unwrap_or_else(PoisonError::into_inner).segment = Some(Arc::clone(&good));
    failing.survives().unwrap();
    assert!(matches!(journal.sync(), Err(JournalError::Io { .. })));
    assert!(bad.is_failed() && !good.is_failed(), "the others are tried all the same");
    assert!(matches!(sound.survives(), Err(JournalError::Unsynced { .. })));
    journal.sync().unwrap();
    assert!(sound.survives().is_err(), "that nothing was left to sync proves nothing");
    journal.renew(Duration::MAX);
    let writes = |worker: &super::WorkerJournal| worker.current.lock().unwrap().segment.is_some();
    assert!(!writes(&failing) && writes(&sound));
    journal.probe().unwrap();
    sound.survives().unwrap();
}
