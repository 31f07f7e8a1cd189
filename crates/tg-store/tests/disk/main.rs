//! A disk that is full: a test binary of its own, for a child between fork and exec holds its parent's locks.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../it/fixture.rs"]
mod fixture;

use fixture::{opening, record};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tg_kernel::record::Record;
use tg_store::{Found, Journal, JournalError, Ticket, WorkerJournal};

fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).unwrap().map(|f| f.unwrap().path());
    files.filter(|p| p.extension().is_some_and(|e| e == "journal")).collect()
}

fn ended(worker: &WorkerJournal) -> (Record, Ticket) {
    let record = record();
    let mut ticket = worker.begin(&opening(&record)).unwrap();
    worker.end(&mut ticket, &record).unwrap();
    (record, ticket)
}

/// A file system of a few MiB of its own. `None` where the system does not let us.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(dir.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(dir))
    }

    fn fill(&self) -> PathBuf {
        let file = self.0.path().join("filler");
        assert!(fs::write(&file, vec![1; 2 << 20]).is_err(), "it is full now");
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0.path()).status());
    }
}

#[test]
fn a_full_disk_refuses_calls_leaves_no_debris_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: no file system can be mounted here");
        return;
    };
    let folder = disk.0.path().join("journal");
    let (journal, _) = Journal::open(&folder).unwrap();
    let filler = disk.fill();
    let worker = journal.worker(0);
    for _ in 0..3 {
        assert!(matches!(worker.begin(&opening(&record())), Err(JournalError::Full { .. })));
        assert!(segments(&folder).is_empty(), "a segment without its header is not left behind");
    }
    assert!(matches!(journal.probe(), Err(JournalError::Full { .. })));
    fs::remove_file(filler).unwrap();
    journal.probe().unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "of the trial nothing but the lock is left");
    let (first, first_ticket) = ended(&worker);
    let filler = disk.fill();
    let mut waiting = vec![first.id];
    let mut tickets = vec![first_ticket];
    let refused = loop {
        match worker.note(&record()) {
            Ok(ticket) => tickets.push(ticket),
            Err(error) => break error,
        }
        assert!(tickets.len() < 100, "a page of the file at most");
    };
    assert!(matches!(refused, JournalError::Full { .. }), "{refused}");
    fs::remove_file(filler).unwrap();
    // The next entry takes the place of the one that was cut off.
    let (after, ticket) = ended(&worker);
    waiting.push(after.id);
    drop((ticket, tickets, worker, journal));
    let (_journal, recovered) = Journal::open(&folder).unwrap();
    let mut found = BTreeSet::new();
    let tally = recovered.settle(100, |part| {
        if let Found::Ended(records) = part {
            found.extend(records.iter().map(|record| record.id));
        }
        Ok::<(), JournalError>(())
    });
    let tally = tally.unwrap();
    assert!(waiting.iter().all(|id| found.contains(id)));
    assert_eq!((tally.interrupted, tally.damaged), (0, 0));
}
