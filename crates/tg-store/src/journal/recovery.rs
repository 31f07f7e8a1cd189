//! What earlier runs left in the journal, read in one pass and in bounded memory.

use super::entry::{self, Kind, OpenEntry};
use super::segment::{self, FORMAT, Left, Piece, Pieces};
use super::{ENTRY_BYTES_MAX, JournalError, SEGMENT_BYTES_MAX};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;

/// More than any segment that we wrote.
const FILE_BYTES_MAX: u64 = SEGMENT_BYTES_MAX + ENTRY_BYTES_MAX as u64;

/// What earlier runs left. Settle it into the ledger, then [`Recovered::discard`] it; whatever is not discarded is
/// found again at the next start.
#[derive(Debug)]
#[must_use]
pub struct Recovered {
    left: Vec<Left>,
}

/// Calls that were found, for the ledger. The ledger may have some of them already: append ignores those.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Calls whose end was seen.
    Ended(Vec<Record>),
    /// Calls that left for a provider and whose end nobody saw.
    Interrupted(Vec<OpenEntry>),
}

/// How much was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls whose end was seen.
    pub ended: u64,
    /// Calls whose end nobody saw.
    pub interrupted: u64,
    /// Places where entries were unreadable and skipped: a failing disk, or someone else's hand.
    pub damaged: u64,
    /// Segments whose last entry was cut off, which a crash explains.
    pub torn: u64,
}

impl Recovered {
    pub(super) fn new(left: Vec<Left>) -> Result<Self, JournalError> {
        for segment in &left {
            let head = read(&segment.path, segment::HEADER_BYTES)?;
            if let Some(found) = segment::format(&head).filter(|found| *found > FORMAT) {
                let file = segment.path.display().to_string();
                return Err(JournalError::NewerFormat { file, found, known: FORMAT });
            }
        }
        Ok(Self { left })
    }

    /// True when earlier runs left nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Hands everything found to `sink`, at most `batch_max` calls at a time: first the calls whose end was seen, then
    /// the interrupted ones. Holds one segment, one batch and the calls without an end in memory. May be repeated.
    ///
    /// # Errors
    /// When a segment cannot be read, or what `sink` fails with.
    pub fn settle<E: From<JournalError>>(
        &self,
        batch_max: usize,
        mut sink: impl FnMut(Found) -> Result<(), E>,
    ) -> Result<Tally, E> {
        let batch_max = batch_max.max(1);
        let mut tally = Tally::default();
        let mut open: HashMap<CallId, OpenEntry> = HashMap::new();
        let mut ended: Vec<Record> = Vec::new();
        for segment in &self.left {
            let bytes = read(&segment.path, FILE_BYTES_MAX)?;
            // A segment without a readable head was begun by this format, or holds nothing.
            let format = segment::format(&bytes).unwrap_or(FORMAT);
            for piece in Pieces::of(&bytes) {
                match parse(&piece, format) {
                    Parsed::Open(entry) => drop(open.insert(entry.id, entry)),
                    Parsed::End(record) => {
                        open.remove(&record.id);
                        tally.ended += 1;
                        ended.push(record);
                    }
                    Parsed::Unreadable => tally.damaged += 1,
                    Parsed::Torn => tally.torn += 1,
                }
                if ended.len() == batch_max {
                    sink(Found::Ended(std::mem::take(&mut ended)))?;
                }
            }
        }
        if !ended.is_empty() {
            sink(Found::Ended(ended))?;
        }
        tally.interrupted = open.len() as u64;
        let mut open: Vec<OpenEntry> = open.into_values().collect();
        open.sort_unstable_by_key(|entry| entry.id);
        while !open.is_empty() {
            let rest = open.split_off(batch_max.min(open.len()));
            sink(Found::Interrupted(open))?;
            open = rest;
        }
        Ok(tally)
    }

    /// Deletes what earlier runs left. Call it when the ledger has all of it.
    ///
    /// # Errors
    /// When a file cannot be deleted.
    pub fn discard(self) -> Result<(), JournalError> {
        for segment in &self.left {
            super::delete(&segment.path).map_err(|e| JournalError::io(&segment.path, "deleting a segment", e))?;
        }
        Ok(())
    }
}

enum Parsed {
    Open(OpenEntry),
    End(Record),
    Unreadable,
    Torn,
}

fn parse(piece: &Piece<'_>, format: u8) -> Parsed {
    let entry = match piece {
        Piece::Torn => return Parsed::Torn,
        Piece::Damage => None,
        Piece::Entry(kind, payload) if *kind == Kind::Open as u8 => {
            OpenEntry::decode(payload, format).map(Parsed::Open)
        }
        Piece::Entry(kind, payload) if *kind == Kind::End as u8 => {
            entry::decode_record(payload, format).map(Parsed::End)
        }
        Piece::Entry(..) => None,
    };
    entry.unwrap_or(Parsed::Unreadable)
}

/// The first bytes of a file, at most this many.
fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, JournalError> {
    let mut bytes = Vec::new();
    let done = File::open(path).and_then(|file| file.take(bytes_max).read_to_end(&mut bytes));
    done.map_err(|e| JournalError::io(path, "reading a segment", e))?;
    Ok(bytes)
}
