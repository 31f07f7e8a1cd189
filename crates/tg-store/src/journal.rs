//! The journal: what is known of a call reaches the operating system before the call leaves, and again when it ends.
//!
//! Each worker appends to segment files of its own, with one `write` per entry and no buffer of ours in between: what a
//! method has returned from survives the death of the process. What the operating system has not yet put on the disk
//! when the power goes is lost; [`Journal::sync`] bounds that by how often it is called. A segment is deleted once the
//! ledger has every call of which it holds an entry.

mod entry;
mod figures;
mod late;
mod recovery;
mod segment;

pub use entry::OpenEntry;
pub use figures::Figures;
pub use late::{Late, Part};
pub use recovery::{Found, Recovered, Tally};

use entry::Kind;
use late::Shelf;
use segment::Segment;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tg_kernel::record::Record;

/// Size beyond which a segment is not written further.
pub const SEGMENT_BYTES_MAX: u64 = 8 << 20;
/// Largest entry.
pub const ENTRY_BYTES_MAX: usize = 1 << 20;

/// The file that the process which uses the folder holds locked.
const LOCK_FILE: &str = "lock";
/// The file with which it is tried whether the folder can be written again.
const PROBE_FILE: &str = "probe";
/// Room that must be there before calls are taken again after a failure.
const PROBE_BYTES: usize = 64 << 10;

/// Why the journal could not be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process uses the folder.
    #[error("{dir}: another Tallygate uses this journal; end that one, or give this one a folder of its own")]
    InUse {
        /// The folder.
        dir: String,
    },
    /// A newer Tallygate left entries that this one cannot read.
    #[error(
        "{file}: written in journal format {found}, this binary knows {known}; start the newer binary once more so that it settles them"
    )]
    NewerFormat {
        /// The segment.
        file: String,
        /// Its format.
        found: u8,
        /// What this binary reads.
        known: u8,
    },
    /// No room is left.
    #[error("{path}: no space left for the journal; free some on that volume")]
    Full {
        /// The file or folder.
        path: String,
    },
    /// What waits for the ledger takes all the room that it may have.
    #[error(
        "{path}: {bytes_max} bytes of calls wait for the ledger, which is all that `store.journal_bytes_max` allows; \
         mend what keeps the ledger from being written"
    )]
    Bound {
        /// The folder.
        path: String,
        /// The bound.
        bytes_max: u64,
    },
    /// The folder was removed, moved or replaced while it was in use.
    #[error(
        "{path}: the journal's folder is not there any more; calls would not survive this process. Put a folder there and \
         start Tallygate anew"
    )]
    Gone {
        /// The folder.
        path: String,
    },
    /// What was written did not get onto the disk.
    #[error(
        "{path}: the disk did not take what was written; calls would not survive a loss of power. Look at that disk"
    )]
    Unsynced {
        /// The folder.
        path: String,
    },
    /// An entry is larger than [`ENTRY_BYTES_MAX`].
    #[error("an entry of {bytes} bytes is larger than the journal's limit of {ENTRY_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The operating system refused.
    #[error("{path}: {doing}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// What was being done.
        doing: &'static str,
        /// The system's reason.
        source: io::Error,
    },
}

impl JournalError {
    fn io(path: &Path, doing: &'static str, source: io::Error) -> Self {
        let path = path.display().to_string();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Io { path, doing, source },
        }
    }
}

/// What all workers share.
#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    /// Grows with every start: tells this run's segments from those that earlier ones left.
    run: u32,
    /// The number of the next segment, whoever makes it.
    next: AtomicU32,
    /// Segments that may need a sync.
    live: Mutex<Vec<Weak<Segment>>>,
    /// Where workers write now.
    workers: Mutex<Vec<Weak<Mutex<Current>>>>,
    /// True when a file was made since the folder itself was synced.
    grown: AtomicBool,
    figures: Arc<Figures>,
    /// Finished calls that only the journal has.
    late: Shelf,
    /// Held locked for as long as anyone writes.
    lock: File,
}

impl Shared {
    /// Whether a call may begin as far as the folder and its bound are concerned.
    fn may_begin(&self) -> Result<(), JournalError> {
        if self.figures.gone.load(Ordering::Relaxed) {
            return Err(JournalError::Gone { path: self.dir.display().to_string() });
        }
        if self.figures.is_full() {
            let bytes_max = self.figures.waiting_max.load(Ordering::Relaxed);
            return Err(JournalError::Bound { path: self.dir.display().to_string(), bytes_max });
        }
        Ok(())
    }

    /// Files of a removed folder can be written on and on, and are gone with the process.
    fn look_for_folder(&self) -> Result<(), JournalError> {
        let held = self.lock.metadata().map(|held| (held.dev(), held.ino()));
        let there = fs::metadata(self.dir.join(LOCK_FILE)).map(|there| (there.dev(), there.ino()));
        let gone = held.ok() != there.ok();
        self.figures.gone.store(gone, Ordering::Relaxed);
        if gone { Err(JournalError::Gone { path: self.dir.display().to_string() }) } else { Ok(()) }
    }

    fn live(&self) -> MutexGuard<'_, Vec<Weak<Segment>>> {
        // A list of weak handles: every state of it is sound.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The journal of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal {
    shared: Arc<Shared>,
}

impl Journal {
    /// Takes the folder (made with mode 0700 if missing), and finds what earlier runs have left in it.
    ///
    /// # Errors
    /// When another process uses the folder, when a newer binary left entries, or when the system refuses.
    pub fn open(dir: impl AsRef<Path>) -> Result<(Self, Recovered), JournalError> {
        let dir = dir.as_ref();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|e| JournalError::io(dir, "making the journal's folder", e))?;
        let lock = take_lock(dir)?;
        let left = segment::list(dir)?;
        let run = left.last().map_or(1, |last| last.run.saturating_add(1));
        let recovered = Recovered::new(left)?;
        let shared = Shared {
            dir: dir.to_owned(),
            run,
            next: AtomicU32::new(0),
            live: Mutex::default(),
            workers: Mutex::default(),
            grown: AtomicBool::new(false),
            figures: Arc::default(),
            late: Shelf::default(),
            lock,
        };
        Ok((Self { shared: Arc::new(shared) }, recovered))
    }

    /// The journal of one worker. The number is only for whoever looks at the files.
    #[must_use]
    pub fn worker(&self, number: u16) -> WorkerJournal {
        let shared = self.shared.clone();
        let buffer = Vec::with_capacity(1024);
        let current = Arc::new(Mutex::new(Current { segment: None, offset: 0, buffer }));
        shared.workers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&current));
        WorkerJournal { shared, number, current }
    }

    /// How full the journal is. What is answered follows the journal, and does not keep it open.
    #[must_use]
    pub fn figures(&self) -> Arc<Figures> {
        Arc::clone(&self.shared.figures)
    }

    /// How much the segments may take that wait for the ledger; beyond it no call may begin. Each worker's current
    /// segment comes on top. Without this, the disk is the bound.
    pub fn set_bytes_max(&self, bytes: u64) {
        self.shared.figures.waiting_max.store(bytes, Ordering::Relaxed);
    }

    /// Takes finished calls that only the journal has, those of one segment: see [`WorkerJournal::defer`]. Whoever drops
    /// them unconfirmed leaves them for the next start.
    #[must_use]
    pub fn take_late(&self) -> Option<Late> {
        self.shared.late.take()
    }

    /// Tries, after a failure, whether calls could be written again. Blocks on the disk.
    ///
    /// # Errors
    /// What still stands in the way.
    pub fn probe(&self) -> Result<(), JournalError> {
        self.shared.may_begin()?;
        let path = self.shared.dir.join(PROBE_FILE);
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(&[0; PROBE_BYTES])?;
            file.sync_all()
        });
        let deleted = delete(&path);
        written.and(deleted).map_err(|e| JournalError::io(&path, "trying to write the journal", e))?;
        self.shared.figures.unsynced.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Lets workers begin a new segment where theirs is at least this old, or did not get onto the disk. What the ledger
    /// has of the old one goes with it: no entry of a call that is in the ledger stays much longer than that beside those of
    /// calls that are not. Deletes files, and workers wait for none of it.
    pub fn renew(&self, age: Duration) {
        let mut workers = Vec::new();
        let all = &mut *self.shared.workers.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|worker| worker.upgrade().map(|worker| workers.push(worker)).is_some());
        for worker in workers {
            let mut current = worker.lock().unwrap_or_else(PoisonError::into_inner);
            let old = current.segment.take_if(|segment| segment.is_failed() || segment.age() >= age);
            drop(current);
            if let Some(old) = old {
                old.retire();
            }
        }
    }

    /// Puts on the disk what was written since the last call, and looks whether the folder is still there. Blocks on the
    /// disk, never the workers. A segment that the disk refused is not tried again, as the system may have dropped what it
    /// could not write and would then call it done: see [`Journal::renew`].
    ///
    /// # Errors
    /// When the disk fails, or the folder is gone: the first failure, after all segments were tried. From a failure of the
    /// disk until [`Journal::probe`] succeeds, [`WorkerJournal::survives`] fails.
    pub fn sync(&self) -> Result<(), JournalError> {
        self.shared.look_for_folder()?;
        let mut live = Vec::new();
        self.shared.live().retain(|segment| segment.upgrade().map(|s| live.push(s)).is_some());
        let mut first = Ok(());
        for segment in live {
            first = first.and(segment.sync());
        }
        if self.shared.grown.swap(false, Ordering::AcqRel) {
            let synced = File::open(&self.shared.dir).and_then(|dir| dir.sync_all());
            self.shared.grown.fetch_or(synced.is_err(), Ordering::AcqRel);
            first =
                first.and(synced.map_err(|e| JournalError::io(&self.shared.dir, "syncing the journal's folder", e)));
        }
        if first.is_err() {
            self.shared.figures.unsynced.store(true, Ordering::Relaxed);
        }
        first
    }
}

fn take_lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join(LOCK_FILE);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let mut file = opened.map_err(|e| JournalError::io(&path, "opening the journal's lock", e))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(JournalError::InUse { dir: dir.display().to_string() }),
        Err(TryLockError::Error(e)) => return Err(JournalError::io(&path, "locking the journal", e)),
    }
    // Only for whoever looks at the file; the lock itself says who holds it.
    let noted = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    noted.map_err(|e| JournalError::io(&path, "writing the journal's lock", e))?;
    Ok(file)
}

/// One worker's end of the journal. Shareable, but meant for one thread: then its lock is never waited for.
#[derive(Debug)]
pub struct WorkerJournal {
    shared: Arc<Shared>,
    number: u16,
    current: Arc<Mutex<Current>>,
}

/// Where the worker writes now.
#[derive(Debug)]
struct Current {
    segment: Option<Arc<Segment>>,
    offset: u64,
    buffer: Vec<u8>,
}

/// Keeps a call's entries until the ledger has the call: send it along with the record, and [`Ticket::confirm`] it when
/// the ledger has committed. A ticket that is dropped leaves the entries for the next start to settle.
#[derive(Debug)]
#[must_use]
pub struct Ticket {
    opened: Option<Arc<Segment>>,
    /// And where in it.
    ended: Option<(Arc<Segment>, u32)>,
    figures: Arc<Figures>,
}

impl Ticket {
    /// The ledger has the call: its entries are not needed any more. Deletes a segment when this was the last of its
    /// calls, so call it where a file may be deleted.
    pub fn confirm(self) {
        self.figures.open.fetch_sub(1, Ordering::Relaxed);
        for segment in [self.opened, self.ended.map(|(segment, _)| segment)].into_iter().flatten() {
            segment.release();
        }
    }
}

impl WorkerJournal {
    /// Writes that a call is about to leave for a provider. Call it before anything is sent.
    ///
    /// # Errors
    /// When it could not be written; the call should then be refused.
    pub fn begin(&self, entry: &OpenEntry) -> Result<Ticket, JournalError> {
        self.shared.may_begin()?;
        let (opened, _) = self.write(Kind::Open, |buffer| entry.encode(buffer))?;
        Ok(self.ticket(Some(opened), None))
    }

    /// A ticket for a call that leaves although the journal cannot be written: nothing stands for it after a crash until
    /// its end is written.
    pub fn begin_unwritten(&self) -> Ticket {
        self.shared.figures.unwritten.fetch_add(1, Ordering::Relaxed);
        self.ticket(None, None)
    }

    /// Finds no room in memory for a finished call: its end is read back from the journal later
    /// ([`Journal::take_late`]).
    ///
    /// # Errors
    /// The ticket, where the journal does not have the call's end.
    pub fn defer(&self, mut ticket: Ticket) -> Result<(), Ticket> {
        match ticket.ended.take() {
            None => Err(ticket),
            Some(end) => {
                self.shared.late.put(ticket.opened, end, &self.shared.figures);
                Ok(())
            }
        }
    }

    /// Whether what is written now would survive a loss of power.
    ///
    /// # Errors
    /// When the disk has refused, and it was not found out since that it takes things again.
    pub fn survives(&self) -> Result<(), JournalError> {
        if self.shared.figures.unsynced.load(Ordering::Relaxed) {
            return Err(JournalError::Unsynced { path: self.shared.dir.display().to_string() });
        }
        Ok(())
    }

    /// What can be seen of the journal.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.shared.figures
    }

    /// Writes that a call, whose earlier try failed, is about to leave for another provider. The entry stands for the
    /// whole call, so that the one before it is not needed any more.
    ///
    /// # Errors
    /// When it could not be written; the call should then not leave again. The ticket still stands for what was there.
    pub fn begin_again(&self, ticket: &mut Ticket, entry: &OpenEntry) -> Result<(), JournalError> {
        self.shared.may_begin()?;
        let (opened, _) = self.write(Kind::Open, |buffer| entry.encode(buffer))?;
        if let Some(before) = ticket.opened.replace(opened) {
            before.release();
        }
        Ok(())
    }

    /// Writes how a call ended. Call it before the record goes to the meter's queue.
    ///
    /// # Errors
    /// When it could not be written. The record is still good, and the ticket still stands for the call's opening.
    pub fn end(&self, ticket: &mut Ticket, record: &Record) -> Result<(), JournalError> {
        let ended = self.write(Kind::End, |buffer| entry::encode_record(record, buffer))?;
        if let Some((earlier, _)) = ticket.ended.replace(ended) {
            earlier.release();
        }
        Ok(())
    }

    /// Writes a call that ended without ever leaving: one that was refused.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn note(&self, record: &Record) -> Result<Ticket, JournalError> {
        self.shared.may_begin()?;
        let ended = self.write(Kind::End, |buffer| entry::encode_record(record, buffer))?;
        Ok(self.ticket(None, Some(ended)))
    }

    fn ticket(&self, opened: Option<Arc<Segment>>, ended: Option<(Arc<Segment>, u32)>) -> Ticket {
        let figures = Arc::clone(&self.shared.figures);
        figures.open.fetch_add(1, Ordering::Relaxed);
        Ticket { opened, ended, figures }
    }

    /// Writes one entry, and answers the segment that holds it, held once, and where in it.
    fn write(&self, kind: Kind, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(Arc<Segment>, u32), JournalError> {
        // A panic in between leaves the offset where it was: the next entry overwrites the torn one.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let Current { segment, offset, buffer } = &mut *current;
        segment::frame(kind, buffer, encode)?;
        let length = buffer.len() as u64;
        let fits = *offset + length <= SEGMENT_BYTES_MAX;
        let target = match segment.take() {
            Some(open) if fits => segment.insert(open),
            full => {
                if let Some(full) = full {
                    full.retire();
                }
                let made = self.make_segment()?;
                *offset = segment::HEADER_BYTES;
                segment.insert(made)
            }
        };
        target.write(buffer, *offset)?;
        // A segment is far smaller than what a u32 can count.
        let at = u32::try_from(*offset).unwrap_or(u32::MAX);
        *offset += length;
        target.hold();
        Ok((target.clone(), at))
    }

    fn make_segment(&self) -> Result<Arc<Segment>, JournalError> {
        let sequence = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let name = segment::Name { run: self.shared.run, worker: self.number, sequence };
        let segment =
            Arc::new(Segment::create(self.shared.dir.join(name.to_string()), Arc::clone(&self.shared.figures))?);
        self.shared.live().push(Arc::downgrade(&segment));
        self.shared.grown.store(true, Ordering::Release);
        Ok(segment)
    }
}

impl Drop for WorkerJournal {
    fn drop(&mut self) {
        let segment = self.current.lock().unwrap_or_else(PoisonError::into_inner).segment.take();
        if let Some(segment) = segment {
            segment.retire();
        }
    }
}

/// Deletes files that are not needed any more.
fn delete(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
