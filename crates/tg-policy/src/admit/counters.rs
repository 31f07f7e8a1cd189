//! What has been taken of every limit, in this process's memory.

use super::Used;
use super::bucket::Bucket;
use super::limit::{Bound, Measure, Mode, Size, Standing};
use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Most counts at a time (some 30 MB). Beyond it, values that were not seen yet are counted together, for each limit.
const CELLS_MAX: usize = 1 << 18;

/// How often counts that say nothing any more are looked for while there is no room.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Which count: a limit, what it counts, and for whom. As good as unique: 128 bits under a secret of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u128);

/// A key that is being made.
pub(super) struct KeyMaker([std::hash::DefaultHasher; 2]);

impl KeyMaker {
    pub(super) fn add(&mut self, part: &str) {
        for hasher in &mut self.0 {
            // Lengths keep parts apart.
            hasher.write_usize(part.len());
            hasher.write(part.as_bytes());
        }
    }

    pub(super) fn finish(self) -> Key {
        let [one, other] = self.0.map(|hasher| u128::from(hasher.finish()));
        Key(one << 64 | other)
    }
}

/// A key is a hash already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        let [_, _, _, _, _, _, _, _, low @ ..] = key.to_be_bytes();
        self.0 = u64::from_be_bytes(low);
    }
}

/// What a call wants of one bound.
pub(super) struct Ask<'a> {
    /// The limit's place in its list.
    pub(super) limit: usize,
    pub(super) name: &'a Arc<str>,
    pub(super) mode: Mode,
    pub(super) key: Key,
    pub(super) bound: Bound,
    pub(super) units: u64,
}

/// A bound that has no room for a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full {
    pub(super) limit: usize,
    pub(super) size: Size,
    pub(super) units: u64,
    pub(super) standing: Standing,
    /// How long until there is room; `None` where that depends on calls that go on.
    pub(super) wait: Option<Duration>,
}

/// What a call has taken, until it is settled. Losing it would leave calls at a time counted for ever: whoever holds it
/// owes [`Counters::settle`].
#[derive(Debug, Default)]
#[must_use]
pub struct Hold {
    items: Vec<(Key, Measure, u64)>,
    standings: Vec<Standing>,
}

impl Hold {
    /// What was left of each bound when the call was let through.
    #[must_use]
    pub fn standings(&self) -> &[Standing] {
        &self.standings
    }
}

/// One count.
#[derive(Clone, Copy, Debug)]
enum Cell {
    Bucket(Bucket),
    Going(u64),
}

impl Cell {
    fn new(size: &Size, now: Duration) -> Self {
        match size {
            Size::Rate(rate) => Self::Bucket(Bucket::full(rate, now)),
            Size::AtMost(_) => Self::Going(0),
        }
    }

    /// As it is now, under the bound's size: a name may have got another kind of bound by a reload.
    fn look(&mut self, size: &Size, now: Duration) {
        match (&mut *self, size) {
            (Self::Bucket(bucket), Size::Rate(rate)) => bucket.refresh(rate, now),
            (Self::Going(_), Size::AtMost(_)) => {}
            _ => *self = Self::new(size, now),
        }
    }

    fn has(&self, size: &Size, units: u64) -> bool {
        match (self, size) {
            (Self::Bucket(bucket), Size::Rate(rate)) => bucket.has(rate, units),
            (Self::Going(going), Size::AtMost(most)) => going.saturating_add(units) <= *most,
            _ => true,
        }
    }

    fn take(&mut self, units: u64) {
        match self {
            Self::Bucket(bucket) => bucket.take(units),
            Self::Going(going) => *going = going.saturating_add(units),
        }
    }

    fn remaining(&self, size: &Size) -> u64 {
        match (self, size) {
            (Self::Bucket(bucket), _) => bucket.remaining(),
            (Self::Going(going), Size::AtMost(most)) => most.saturating_sub(*going),
            (Self::Going(_), Size::Rate(_)) => 0,
        }
    }

    fn standing(&self, bound: &Bound) -> Standing {
        let (limit, reset) = match (self, &bound.size) {
            (Self::Bucket(bucket), Size::Rate(rate)) => (rate.burst, bucket.reset(rate)),
            (_, Size::AtMost(most)) => (*most, Duration::ZERO),
            (Self::Going(_), Size::Rate(rate)) => (rate.burst, Duration::ZERO),
        };
        Standing { measure: bound.measure, limit, remaining: self.remaining(&bound.size), reset }
    }
}

/// The counts of all limits. One for each process; it outlives reloads.
pub struct Counters {
    secrets: [RandomState; 2],
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    cells: HashMap<Key, Kept, BuildHasherDefault<AsItIs>>,
    /// Calls that each limit refused, or would have.
    refused: HashMap<Arc<str>, u64>,
    swept: Duration,
}

/// A count, and the size under which it was looked at last.
struct Kept {
    cell: Cell,
    size: Size,
}

impl Default for Counters {
    fn default() -> Self {
        Self { secrets: [RandomState::new(), RandomState::new()], table: Mutex::default() }
    }
}

impl Counters {
    /// Begins the key of a count.
    pub(super) fn key(&self, name: &str, measure: Measure) -> KeyMaker {
        let mut key = KeyMaker([self.secrets[0].build_hasher(), self.secrets[1].build_hasher()]);
        key.add(name);
        for hasher in &mut key.0 {
            hasher.write_u8(measure as u8);
        }
        key
    }

    /// Takes all that is asked for, or nothing.
    pub(super) fn reserve(&self, asks: &[Ask<'_>], now: Duration) -> Result<Hold, Full> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<Key> = asks.iter().map(|ask| table.place(ask, self, now)).collect();
        let mut longest: Option<Full> = None;
        for (ask, key) in asks.iter().zip(&keys) {
            let Some(full) = table.full(ask, *key) else { continue };
            *table.refused.entry(Arc::clone(ask.name)).or_default() += 1;
            // Of several, the one that opens last: then there is room in all.
            if ask.mode == Mode::Enforce && longest.as_ref().is_none_or(|other| full.wait > other.wait) {
                longest = Some(full);
            }
        }
        if let Some(full) = longest {
            return Err(full);
        }
        let mut hold = Hold { items: Vec::with_capacity(asks.len()), standings: Vec::with_capacity(asks.len()) };
        for (ask, key) in asks.iter().zip(keys) {
            let Some(kept) = table.cells.get_mut(&key) else { continue };
            kept.cell.take(ask.units);
            hold.items.push((key, ask.bound.measure, ask.units));
            if ask.mode == Mode::Enforce {
                hold.standings.push(kept.cell.standing(&ask.bound));
            }
        }
        Ok(hold)
    }

    /// Ends a hold: calls at a time are given back, and tokens set right by what was really used.
    pub fn settle(&self, hold: Hold, used: Used, now: Duration) {
        if hold.items.is_empty() {
            return;
        }
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, measure, reserved) in hold.items {
            let Some(kept) = table.cells.get_mut(&key) else { continue };
            kept.cell.look(&kept.size, now);
            match (&mut kept.cell, measure) {
                (Cell::Going(going), _) => *going = going.saturating_sub(reserved),
                (Cell::Bucket(bucket), Measure::InputTokens) => bucket.settle(reserved, used.input),
                (Cell::Bucket(bucket), Measure::OutputTokens) => bucket.settle(reserved, used.output),
                (Cell::Bucket(bucket), Measure::Tokens) => {
                    bucket.settle(reserved, used.input.saturating_add(used.output));
                }
                (Cell::Bucket(_), Measure::Requests | Measure::Calls | Measure::Streams) => {}
            }
        }
    }

    /// How many calls each limit has refused so far, or would have; sorted by name.
    #[must_use]
    pub fn refusals(&self) -> Vec<(Arc<str>, u64)> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let mut refusals: Vec<_> = table.refused.iter().map(|(name, count)| (Arc::clone(name), *count)).collect();
        refusals.sort_unstable();
        refusals
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.lock().unwrap().cells.len()
    }
}

impl Table {
    /// Makes sure that what is asked for has a count, as it is now, and answers under which key.
    fn place(&mut self, ask: &Ask<'_>, counters: &Counters, now: Duration) -> Key {
        let has_room = self.cells.len() < CELLS_MAX || self.cells.contains_key(&ask.key) || self.sweep(now);
        let key = if has_room { ask.key } else { counters.key(ask.name, ask.bound.measure).finish() };
        match self.cells.entry(key) {
            Entry::Occupied(mut kept) => {
                let kept = kept.get_mut();
                kept.size = ask.bound.size;
                kept.cell.look(&ask.bound.size, now);
            }
            Entry::Vacant(free) => {
                let size = ask.bound.size;
                free.insert(Kept { cell: Cell::new(&size, now), size });
            }
        }
        key
    }

    /// Forgets counts from which nothing is missing: a new one would be the same. True when there is room then.
    fn sweep(&mut self, now: Duration) -> bool {
        if now < self.swept {
            return false;
        }
        self.swept = now.saturating_add(SWEEP_EVERY);
        self.cells.retain(|_, kept| {
            kept.cell.look(&kept.size, now);
            match (&kept.cell, &kept.size) {
                (Cell::Bucket(bucket), Size::Rate(rate)) => !bucket.is_full(rate),
                (Cell::Going(going), _) => *going > 0,
                (Cell::Bucket(_), Size::AtMost(_)) => false,
            }
        });
        self.cells.len() < CELLS_MAX
    }

    fn full(&self, ask: &Ask<'_>, key: Key) -> Option<Full> {
        let kept = self.cells.get(&key)?;
        if kept.cell.has(&ask.bound.size, ask.units) {
            return None;
        }
        let wait = match (&kept.cell, &ask.bound.size) {
            (Cell::Bucket(bucket), Size::Rate(rate)) => Some(bucket.wait(rate, ask.units)),
            _ => None,
        };
        let standing = kept.cell.standing(&ask.bound);
        Some(Full { limit: ask.limit, size: ask.bound.size, units: ask.units, standing, wait })
    }
}
