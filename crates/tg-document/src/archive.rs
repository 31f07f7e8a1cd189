//! The packages that office files are: ZIP, and no more of it than all of its readers agree about.

use crate::Unread;
use crate::budget::Budget;
use std::collections::HashSet;
use std::io::Read as _;

/// Most entries of a package.
pub(crate) const ENTRIES_MAX: usize = 10_000;

/// What is smaller is not looked at for how much it was packed.
const RATIO_BYTES_MIN: usize = 1 << 20;

/// How much smaller than what is in it an entry may be. Tables of the same number over and over reach a hundred.
const RATIO_MAX: usize = 400;

/// What may stand between two entries: the sizes of the first, written behind it.
const DESCRIPTOR_BYTES_MAX: usize = 24;

/// Nothing, packed.
const END_PACKED_BYTES: usize = 2;

const END_BYTES: usize = 22;
const ENTRY_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;

/// Flags of entries that are encrypted, or whose directory is.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;

/// The sizes of an entry stand behind it.
const HAS_DESCRIPTOR: u16 = 1 << 3;

/// A package.
pub(crate) struct Archive<'a> {
    file: &'a [u8],
    entries: Vec<Entry>,
}

/// What lies in it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its name, in small letters.
    pub(crate) name: String,
    is_packed: bool,
    sum: u32,
    start: usize,
    packed: usize,
    /// How long it is.
    pub(crate) size: usize,
}

impl Entry {
    /// Whether nothing is in it: it says so, and what is packed in it is no more than an end.
    pub(crate) const fn is_empty(&self) -> bool {
        self.size == 0 && self.packed <= END_PACKED_BYTES
    }
}

impl<'a> Archive<'a> {
    pub(crate) fn open(file: &'a [u8]) -> Result<Self, Unread> {
        let at = file.len().checked_sub(END_BYTES).ok_or(Unread::Damaged)?;
        let end = Fields { bytes: file, at };
        let count = usize::from(end.u16(10)?);
        let (size, start) = (end.long(12)?, end.long(16)?);
        let is_whole = end.u32(0)? == 0x0605_4b50
            && (end.u16(4)?, end.u16(6)?) == (0, 0)
            && end.u16(8)? == end.u16(10)?
            && end.u16(20)? == 0
            && start.checked_add(size) == Some(at);
        if !is_whole {
            return Err(Unread::Damaged);
        }
        if count > ENTRIES_MAX {
            return Err(Unread::TooLarge);
        }
        let mut entries = Vec::with_capacity(count);
        let mut places = Vec::with_capacity(count);
        let mut at = start;
        for _ in 0..count {
            let (entry, place, next) = entry(file, at)?;
            entries.push(entry);
            places.push(place);
            at = next;
        }
        let names: HashSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        if at != start + size || names.len() != entries.len() || !covers(places, start) {
            return Err(Unread::Damaged);
        }
        Ok(Self { file, entries })
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What is in an entry.
    pub(crate) fn read(&self, entry: &Entry, budget: &mut Budget) -> Result<Vec<u8>, Unread> {
        let packed = self.file.get(entry.start..entry.start + entry.packed).ok_or(Unread::Damaged)?;
        if entry.size > budget.unpacked_left() || entry.size > RATIO_BYTES_MIN && entry.size / RATIO_MAX > entry.packed
        {
            return Err(Unread::TooLarge);
        }
        let mut bytes = Vec::with_capacity(entry.size);
        if entry.is_packed {
            let most = u64::try_from(entry.size).unwrap_or(u64::MAX).saturating_add(1);
            let reader = flate2::read::DeflateDecoder::new(packed);
            reader.take(most).read_to_end(&mut bytes).map_err(|_| Unread::Damaged)?;
        } else {
            bytes.extend_from_slice(packed);
        }
        budget.unpacked(bytes.len())?;
        if bytes.len() == entry.size && crc32fast::hash(&bytes) == entry.sum { Ok(bytes) } else { Err(Unread::Damaged) }
    }
}

/// One entry of the directory, which says the same as the one that it stands for; where that lies, and where the next begins.
fn entry(file: &[u8], at: usize) -> Result<(Entry, (usize, usize), usize), Unread> {
    let own = Fields { bytes: file, at };
    let (flags, method) = (own.u16(8)?, own.u16(10)?);
    let (packed, size) = (own.long(20)?, own.long(24)?);
    let lengths = (usize::from(own.u16(28)?), usize::from(own.u16(30)?), usize::from(own.u16(32)?));
    let name = own.bytes(ENTRY_BYTES, lengths.0)?;
    let begin = own.long(42)?;
    let local = Fields { bytes: file, at: begin };
    if flags & ENCRYPTED != 0 {
        return Err(Unread::Encrypted);
    }
    let sizes = (local.long(18)?, local.long(22)?);
    let is_later = flags & HAS_DESCRIPTOR != 0 && sizes == (0, 0);
    let start = begin + LOCAL_BYTES + usize::from(local.u16(26)?) + usize::from(local.u16(28)?);
    let is_same = own.u32(0)? == 0x0201_4b50
        && local.u32(0)? == 0x0403_4b50
        && local.u16(6)? & ENCRYPTED == 0
        && local.u16(8)? == method
        && local.bytes(LOCAL_BYTES, usize::from(local.u16(26)?))? == name
        && (sizes == (packed, size) || is_later)
        && matches!(method, 0 | 8)
        && (method == 8 || packed == size);
    let name = std::str::from_utf8(name).ok().filter(|name| is_same && !name.contains('\0') && !name.contains('\\'));
    let name = name.ok_or(Unread::Damaged)?.to_lowercase();
    let entry = Entry { name, is_packed: method == 8, sum: own.u32(16)?, start, packed, size };
    let end = start.checked_add(packed).ok_or(Unread::Damaged)?;
    Ok((entry, (begin, end), at + ENTRY_BYTES + lengths.0 + lengths.1 + lengths.2))
}

/// Whether entries lie one behind the other, without anything between them that a reader could find.
fn covers(mut places: Vec<(usize, usize)>, end: usize) -> bool {
    places.sort_unstable();
    let mut at = 0;
    for (start, stop) in places {
        if start < at || start - at > DESCRIPTOR_BYTES_MAX {
            return false;
        }
        at = stop;
    }
    at <= end && end - at <= DESCRIPTOR_BYTES_MAX
}

/// Numbers at their places, the lowest byte first.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn bytes(&self, offset: usize, length: usize) -> Result<&'a [u8], Unread> {
        let start = self.at.checked_add(offset).ok_or(Unread::Damaged)?;
        let end = start.checked_add(length).ok_or(Unread::Damaged)?;
        self.bytes.get(start..end).ok_or(Unread::Damaged)
    }

    fn u16(&self, offset: usize) -> Result<u16, Unread> {
        let bytes = self.bytes(offset, 2)?;
        bytes.try_into().map(u16::from_le_bytes).map_err(|_| Unread::Damaged)
    }

    fn u32(&self, offset: usize) -> Result<u32, Unread> {
        let bytes = self.bytes(offset, 4)?;
        bytes.try_into().map(u32::from_le_bytes).map_err(|_| Unread::Damaged)
    }

    /// A size or a place. Those that need more than 32 bits belong to files that are larger than is read.
    fn long(&self, offset: usize) -> Result<usize, Unread> {
        match self.u32(offset)? {
            u32::MAX => Err(Unread::TooLarge),
            long => usize::try_from(long).map_err(|_| Unread::TooLarge),
        }
    }
}
