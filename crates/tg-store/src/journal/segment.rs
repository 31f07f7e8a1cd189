//! One file of the journal: a header and frames, each found again by its mark and believed by its checksum.

use super::entry::Kind;
use super::figures::Figures;
use super::{ENTRY_BYTES_MAX, JournalError};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How a segment begins: a name and the format's number.
const HEADER: [u8; 8] = [b't', b'g', b'j', b'o', b'u', b'r', b'n', FORMAT];
/// The format of entries. A change of any entry's encoding makes it one more.
pub(super) const FORMAT: u8 = 5;
pub(super) const HEADER_BYTES: u64 = HEADER.len() as u64;
/// How a frame begins. No UTF-8 text has a byte 0xFF, so no name that a caller chose can pass for a frame.
const MARK: [u8; 4] = [0xFF, b't', b'g', 0xFE];
/// Mark, checksum, length of the payload, kind.
const FRAME_HEAD: usize = 4 + 4 + 4 + 1;
const EXTENSION: &str = ".journal";

/// The name of a segment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) run: u32,
    pub(super) worker: u16,
    pub(super) sequence: u32,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}-{:04}-{:08}{EXTENSION}", self.run, self.worker, self.sequence)
    }
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_suffix(EXTENSION)?.splitn(3, '-');
        Some(Self {
            run: parts.next()?.parse().ok()?,
            worker: parts.next()?.parse().ok()?,
            sequence: parts.next()?.parse().ok()?,
        })
    }
}

/// A segment that an earlier run left.
#[derive(Clone, Debug)]
pub(super) struct Left {
    pub(super) name: Name,
    pub(super) path: PathBuf,
}

impl std::ops::Deref for Left {
    type Target = Name;

    fn deref(&self) -> &Name {
        &self.name
    }
}

/// The segments in the folder, in the order in which each worker wrote them.
pub(super) fn list(dir: &Path) -> Result<Vec<Left>, JournalError> {
    let failed = |e| JournalError::io(dir, "listing the journal", e);
    let mut left = Vec::new();
    for file in fs::read_dir(dir).map_err(failed)? {
        let file = file.map_err(failed)?;
        if let Some(name) = file.file_name().to_str().and_then(Name::parse) {
            left.push(Left { name, path: file.path() });
        }
    }
    left.sort_by_key(|left| left.name);
    Ok(left)
}

/// A segment that is being written, or waits for the ledger.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    /// Entries whose calls the ledger has not confirmed, and one more while a worker writes here.
    holds: AtomicU64,
    /// True when something was written since the last sync.
    dirty: AtomicBool,
    /// What was written here.
    bytes: AtomicU64,
    /// True when nothing is written here any more.
    is_full: AtomicBool,
    /// True when the disk refused what was written here.
    is_failed: AtomicBool,
    born: Instant,
    figures: Arc<Figures>,
}

impl Segment {
    /// Makes the file. Held once: by the worker.
    pub(super) fn create(path: PathBuf, figures: Arc<Figures>) -> Result<Self, JournalError> {
        let made = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = made.map_err(|e| JournalError::io(&path, "making a journal segment", e))?;
        let segment = Self::of(path, file, figures);
        // A full disk takes the file and not its header: the next try makes another.
        segment.write(&HEADER, 0).inspect_err(|_| drop(super::delete(&segment.path)))?;
        Ok(segment)
    }

    pub(super) fn of(path: PathBuf, file: File, figures: Arc<Figures>) -> Self {
        let (holds, dirty) = (AtomicU64::new(1), AtomicBool::new(false));
        let (bytes, is_full, is_failed) = (AtomicU64::new(0), AtomicBool::new(false), AtomicBool::new(false));
        Self { path, file, holds, dirty, bytes, is_full, is_failed, born: Instant::now(), figures }
    }

    /// How long ago it was made.
    pub(super) fn age(&self) -> Duration {
        self.born.elapsed()
    }

    /// Whether the disk refused what was written here.
    pub(super) fn is_failed(&self) -> bool {
        self.is_failed.load(Ordering::Acquire)
    }

    /// The entry that was written at this place: its kind and its payload. `None` when it is not there as it was written.
    pub(super) fn read(&self, offset: u64) -> Option<(u8, Vec<u8>)> {
        let mut bytes = vec![0; FRAME_HEAD];
        self.file.read_exact_at(&mut bytes, offset).ok()?;
        let length = usize::try_from(u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?)).ok()?;
        if length > ENTRY_BYTES_MAX {
            return None;
        }
        bytes.resize(FRAME_HEAD + length, 0);
        self.file.read_exact_at(&mut bytes[FRAME_HEAD..], offset + FRAME_HEAD as u64).ok()?;
        let kind = whole(&bytes)?.0;
        bytes.drain(..FRAME_HEAD);
        Some((kind, bytes))
    }

    /// Nothing is written here any more: gives the worker's hold back.
    pub(super) fn retire(&self) {
        self.is_full.store(true, Ordering::Release);
        self.figures.waiting.fetch_add(self.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        self.release();
    }

    pub(super) fn write(&self, bytes: &[u8], offset: u64) -> Result<(), JournalError> {
        self.file.write_all_at(bytes, offset).map_err(|e| JournalError::io(&self.path, "writing the journal", e))?;
        self.dirty.store(true, Ordering::Release);
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.figures.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn sync(&self) -> Result<(), JournalError> {
        if self.is_failed() || !self.dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let synced = self.file.sync_data();
        self.is_failed.store(synced.is_err(), Ordering::Release);
        synced.map_err(|e| JournalError::io(&self.path, "syncing the journal", e))
    }

    pub(super) fn hold(self: &Arc<Self>) {
        self.holds.fetch_add(1, Ordering::AcqRel);
    }

    /// Gives one hold back; the last one deletes the file.
    pub(super) fn release(&self) {
        if self.holds.fetch_sub(1, Ordering::AcqRel) == 1 {
            // A file that stays is read at the next start, and the ledger ignores what it has already.
            if super::delete(&self.path).is_ok() {
                let bytes = self.bytes.load(Ordering::Relaxed);
                self.figures.bytes.fetch_sub(bytes, Ordering::Relaxed);
                if self.is_full.load(Ordering::Acquire) {
                    self.figures.waiting.fetch_sub(bytes, Ordering::Relaxed);
                }
            }
        }
    }
}

/// Makes the frame of one entry in the buffer, which is emptied first.
pub(super) fn frame(kind: Kind, buffer: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), JournalError> {
    buffer.clear();
    buffer.extend_from_slice(&MARK);
    buffer.extend_from_slice(&[0; 8]);
    buffer.push(kind as u8);
    encode(buffer);
    let payload = buffer.len() - FRAME_HEAD;
    let Some(length) = u32::try_from(payload).ok().filter(|_| payload <= ENTRY_BYTES_MAX) else {
        buffer.clear();
        buffer.shrink_to(ENTRY_BYTES_MAX);
        return Err(JournalError::TooLarge { bytes: payload });
    };
    buffer[8..12].copy_from_slice(&length.to_le_bytes());
    let checksum = crc32fast::hash(&buffer[8..]);
    buffer[4..8].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// The format that a segment's first bytes name; `None` when they are torn.
pub(super) fn format(bytes: &[u8]) -> Option<u8> {
    let (name, format) = bytes.get(..HEADER.len())?.split_at(HEADER.len() - 1);
    (name == &HEADER[..HEADER.len() - 1]).then(|| format[0])
}

/// What a segment's bytes hold, one piece after the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// An entry whose checksum is right: its kind and its payload.
    Entry(u8, &'a [u8]),
    /// Bytes that are no entry, with an entry after them.
    Damage,
    /// Bytes at the end that are no whole entry: the write that the crash cut off.
    Torn,
}

/// Walks over a segment's bytes.
pub(super) struct Pieces<'a> {
    rest: &'a [u8],
}

impl<'a> Pieces<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let head = if format(bytes).is_some() { HEADER.len() } else { 0 };
        Self { rest: &bytes[head..] }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        if let Some((kind, payload)) = whole(self.rest) {
            self.rest = &self.rest[FRAME_HEAD + payload.len()..];
            return Some(Piece::Entry(kind, payload));
        }
        let mut from = 1;
        while let Some(found) = memchr::memmem::find(&self.rest[from..], &MARK) {
            from += found;
            if whole(&self.rest[from..]).is_some() {
                self.rest = &self.rest[from..];
                return Some(Piece::Damage);
            }
            from += 1;
        }
        self.rest = &[];
        Some(Piece::Torn)
    }
}

/// The frame at the beginning of these bytes, if it is whole and right.
fn whole(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let head = bytes.get(..FRAME_HEAD)?;
    let number = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
    let length = usize::try_from(number(8)?).ok()?;
    if head[..4] != MARK || length > ENTRY_BYTES_MAX {
        return None;
    }
    let payload = bytes.get(FRAME_HEAD..FRAME_HEAD + length)?;
    let checked = &bytes[8..FRAME_HEAD + length];
    (crc32fast::hash(checked) == number(4)?).then_some((head[12], payload))
}

#[cfg(test)]
mod tests;
