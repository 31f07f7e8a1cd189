//! What has been taken of every limit, in this process's memory.

mod beside;
mod census;
mod key;

pub(super) use key::Key;

use super::Used;
use super::bucket::{Bucket, Rate};
use super::limit::{Bound, Measure, Mode, Size, Standing};
use super::output::{OutputAsk, OutputKind};
use super::shared::SharedPart;
use key::{AsItIs, KeyMaker};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most counts at a time (some 30 MB).
const CELLS_MAX: usize = 1 << 18;

/// Most counts of one limit at a time. Beyond it, values of that limit that were not seen yet are counted together.
const CELLS_OF_LIMIT_MAX: usize = 1 << 16;

/// Counts that a limit has in any case: others cannot take its room.
const CELLS_OF_LIMIT_MIN: usize = 1 << 10;

/// How often counts that say nothing any more are looked for while there is no room. Each look goes over all of them.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// What a call wants of one bound.
pub(super) struct Ask<'a> {
    /// The limit's place in its list.
    pub(super) limit: usize,
    pub(super) name: &'a Arc<str>,
    pub(super) mode: Mode,
    pub(super) key: Key,
    pub(super) bound: Bound,
    /// Besides output.
    pub(super) units: u64,
    pub(super) output: OutputAsk,
}

impl Ask<'_> {
    /// What is taken where the call makes so much output at most.
    fn units_with(&self, output_most: u64) -> u64 {
        self.units.saturating_add(self.output.wanted.min(output_most))
    }
}

/// A bound that has no room for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    pub(super) limit: usize,
    pub(super) size: Size,
    pub(super) units: u64,
    pub(super) standing: Standing,
    /// How long until there is room; `None` where that depends on calls that go on.
    pub(super) wait: Option<Duration>,
    /// Whether the call is counted apart: not where too many values are counted together.
    pub(super) is_apart: bool,
}

/// What a call has taken, until it is settled. Losing it would leave calls at a time counted for ever: whoever holds it
/// owes [`Counters::settle`].
#[derive(Debug, Default)]
#[must_use]
pub struct Hold {
    items: Vec<Taken>,
    standings: Vec<Standing>,
    bound: Option<u64>,
    granted: Option<u64>,
    /// What was taken of counts that replicas share.
    pub(super) shared: Option<SharedPart>,
}

/// What was taken of one count.
#[derive(Debug)]
struct Taken {
    key: Key,
    measure: Measure,
    units: u64,
    /// More of it is taken as the call's output grows.
    grows: bool,
}

impl Hold {
    /// Of counts that are kept elsewhere.
    pub(super) fn elsewhere(
        part: SharedPart,
        standings: Vec<Standing>,
        bound: Option<u64>,
        granted: Option<u64>,
    ) -> Self {
        Self { items: Vec::new(), standings, bound, granted, shared: Some(part) }
    }

    /// Output tokens that the call may make at most, where its own bound is to be lowered: all answers together.
    #[must_use]
    pub const fn output_bound(&self) -> Option<u64> {
        self.bound
    }

    /// Output tokens that the call's stream may make before it must be [extended](Counters::extend); `None` where
    /// nothing is taken step by step.
    #[must_use]
    pub const fn output_granted(&self) -> Option<u64> {
        self.granted
    }

    /// With the bound, where there is one, no larger than `most`, and only if it says more than is so anyway.
    pub(super) fn bounded(mut self, most: u64, binds: impl Fn(&u64) -> bool) -> Self {
        self.bound = self.bound.map(|bound| bound.min(most)).filter(binds);
        self
    }

    /// What was left of each bound when the call was let through.
    #[must_use]
    pub fn standings(&self) -> &[Standing] {
        &self.standings
    }
}

/// One count, under the bound by which it was looked at last.
#[derive(Clone, Copy, Debug)]
enum Cell {
    Bucket(Bucket, Rate),
    Going { now: u64, most: u64 },
}

impl Cell {
    fn new(size: Size, now: Duration) -> Self {
        match size {
            Size::Rate(rate) => Self::Bucket(Bucket::full(&rate, now), rate),
            Size::AtMost(most) => Self::Going { now: 0, most },
        }
    }

    /// As it is now, under a bound that a reload may have changed. What is measured is part of the key, so that the kind of
    /// bound stays the same.
    fn look(&mut self, size: Size, at: Duration) {
        match (&mut *self, size) {
            (Self::Bucket(bucket, rate), Size::Rate(new)) => {
                *rate = new;
                bucket.refresh(rate, at);
            }
            (Self::Going { most, .. }, Size::AtMost(new)) => *most = new,
            (_, size) => *self = Self::new(size, at),
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::Bucket(_, rate) => Size::Rate(*rate),
            Self::Going { most, .. } => Size::AtMost(*most),
        }
    }

    /// What of so many units is taken at all: a call that needs more than ever fits takes all there is.
    fn needed(&self, units: u64) -> u64 {
        match self {
            Self::Bucket(_, rate) => units.min(rate.burst),
            Self::Going { .. } => units,
        }
    }

    fn has(&self, units: u64) -> bool {
        match self {
            Self::Bucket(bucket, _) => bucket.has(units),
            Self::Going { now, most } => now.saturating_add(units) <= *most,
        }
    }

    /// What is left.
    fn room(&self) -> u64 {
        match self {
            Self::Bucket(bucket, _) => bucket.remaining(),
            Self::Going { now, most } => most.saturating_sub(*now),
        }
    }

    /// How many output tokens there is room for. A call that needs more than ever fits gets the fewest it can do with.
    fn output_room(&self, ask: &Ask<'_>) -> u64 {
        self.room().saturating_sub(ask.units).max(ask.output.least)
    }

    fn take(&mut self, units: u64) {
        match self {
            Self::Bucket(bucket, _) => bucket.take(units),
            Self::Going { now, .. } => *now = now.saturating_add(units),
        }
    }

    /// Ends what was taken: of calls at a time all comes back, of tokens what was not used, of requests only those that
    /// came to nothing.
    fn settle(&mut self, taken: u64, used: Option<u64>) {
        match self {
            Self::Bucket(bucket, _) => bucket.settle(taken, used.unwrap_or(taken)),
            Self::Going { now, .. } => *now = now.saturating_sub(taken),
        }
    }

    /// How long until so many are there; `None` where that depends on calls that go on.
    fn wait(&self, units: u64) -> Option<Duration> {
        match self {
            Self::Bucket(bucket, rate) => Some(bucket.wait(rate, units)),
            Self::Going { .. } => None,
        }
    }

    /// Whether nothing is missing: a new one would be the same.
    fn is_whole(&self) -> bool {
        match self {
            Self::Bucket(bucket, rate) => bucket.is_full(rate),
            Self::Going { now, .. } => *now == 0,
        }
    }

    fn standing(&self, measure: Measure) -> Standing {
        let (limit, remaining, reset) = match self {
            Self::Bucket(bucket, rate) => (rate.burst, bucket.remaining(), bucket.reset(rate)),
            Self::Going { now, most } => (*most, most.saturating_sub(*now), Duration::ZERO),
        };
        Standing { measure, limit, remaining, reset }
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
    limits: HashMap<Arc<str>, OfLimit>,
    swept: Option<Duration>,
}

struct Kept {
    cell: Cell,
    limit: Arc<str>,
    /// Calls that have taken of it and are not settled.
    holds: u32,
}

/// What is known of a limit as a whole.
#[derive(Default)]
struct OfLimit {
    cells: usize,
    /// Calls for which it had no room.
    refused: u64,
    /// Calls that were counted together with those of other values, as there were too many.
    crowded: u64,
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
        let mut table = self.lock();
        let places: Vec<Key> = asks.iter().map(|ask| table.place(ask, self, now)).collect();
        let bound = table.output_bound(asks, &places);
        let fulls: Vec<Option<Full>> =
            asks.iter().zip(&places).map(|(ask, key)| table.full(ask, *key, bound)).collect();
        table.count_refusals(asks.iter(), &fulls);
        let enforced = asks.iter().zip(&fulls).filter(|(ask, _)| ask.mode == Mode::Enforce);
        // Of several, the one that opens last: then there is room in all.
        if let Some(full) = enforced.filter_map(|(_, full)| *full).max_by_key(|full| full.wait) {
            return Err(full);
        }
        let bound = bound.map(|(room, least)| room.max(least));
        let fits = bound.unwrap_or(u64::MAX);
        let mut hold = Hold { bound, items: Vec::with_capacity(asks.len()), ..Hold::default() };
        for ((ask, key), full) in asks.iter().zip(places).zip(fulls) {
            // A bound that only observes is not run into debt: it shall say what it would do if it were in force.
            let (None, Some(kept)) = (full, table.cells.get_mut(&key)) else { continue };
            let grows = ask.output.kind == OutputKind::Stepwise && ask.mode == Mode::Enforce;
            let output = if grows { fits.min(kept.cell.output_room(ask)) } else { fits };
            let units = kept.cell.needed(ask.units_with(output));
            kept.cell.take(units);
            kept.holds = kept.holds.saturating_add(1);
            hold.items.push(Taken { key, measure: ask.bound.measure, units, grows });
            if grows {
                let granted = ask.output.wanted.min(output);
                hold.granted = Some(hold.granted.map_or(granted, |least| least.min(granted)));
            }
            if ask.mode == Mode::Enforce {
                hold.standings.push(kept.cell.standing(ask.bound.measure));
            }
        }
        Ok(hold)
    }

    /// Takes up to `wanted` more output tokens for a stream that is held by `holds` together, of all that grows the same.
    /// Answers how many: what is left where that is less, or none.
    pub fn extend<'a>(&self, holds: impl IntoIterator<Item = &'a mut Hold>, wanted: u64, now: Duration) -> u64 {
        let mut growing: Vec<&mut Taken> =
            holds.into_iter().flat_map(|hold| &mut hold.items).filter(|taken| taken.grows).collect();
        let mut table = self.lock();
        let mut granted = if growing.is_empty() { 0 } else { wanted };
        for taken in &growing {
            let Some(kept) = table.cells.get_mut(&taken.key) else { continue };
            let size = kept.cell.size();
            kept.cell.look(size, now);
            granted = granted.min(kept.cell.room());
        }
        for taken in &mut growing {
            let Some(kept) = table.cells.get_mut(&taken.key) else { continue };
            kept.cell.take(granted);
            taken.units = taken.units.saturating_add(granted);
        }
        granted
    }

    /// Ends a hold: calls at a time are given back, and tokens set right by what was really used. `None`: nothing came of
    /// it, so that requests come back, too.
    pub fn settle(&self, hold: Hold, used: Option<Used>, now: Duration) {
        if hold.items.is_empty() {
            return;
        }
        let mut table = self.lock();
        for Taken { key, measure, units: taken, .. } in hold.items {
            let Some(kept) = table.cells.get_mut(&key) else { continue };
            kept.holds = kept.holds.saturating_sub(1);
            let size = kept.cell.size();
            kept.cell.look(size, now);
            let used = match (measure, used) {
                (_, None) => Some(0),
                (Measure::InputTokens, Some(used)) => Some(used.input),
                (Measure::OutputTokens, Some(used)) => Some(used.output),
                (Measure::Tokens, Some(used)) => Some(used.input.saturating_add(used.output)),
                (Measure::Requests | Measure::Calls | Measure::Streams, Some(_)) => None,
            };
            kept.cell.settle(taken, used);
        }
    }

    /// Of each limit: its name, for how many calls it had no room, and how many were counted together with those of
    /// other values as there were too many; sorted by name.
    #[must_use]
    pub fn figures(&self) -> Vec<(Arc<str>, u64, u64)> {
        let table = self.lock();
        let mut all: Vec<_> =
            table.limits.iter().map(|(name, of)| (Arc::clone(name), of.refused, of.crowded)).collect();
        all.sort_unstable();
        all
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Whole steps only: a panic in between leaves counts that are a little off.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().cells.len()
    }
}

impl Table {
    /// Makes sure that what is asked for has a count, as it is now, and answers under which key.
    fn place(&mut self, ask: &Ask<'_>, counters: &Counters, now: Duration) -> Key {
        let size = ask.bound.size;
        if let Some(kept) = self.cells.get_mut(&ask.key) {
            kept.cell.look(size, now);
            return ask.key;
        }
        if self.has_room(ask.name, now) {
            self.add(ask.key, ask, now);
            return ask.key;
        }
        // That of a limit that counts nothing apart: the same for all values.
        let together = counters.key(ask.name, ask.bound.measure).finish();
        self.limits.entry(Arc::clone(ask.name)).or_default().crowded += 1;
        match self.cells.get_mut(&together) {
            Some(kept) => kept.cell.look(size, now),
            None => self.add(together, ask, now),
        }
        together
    }

    fn add(&mut self, key: Key, ask: &Ask<'_>, now: Duration) {
        let limit = Arc::clone(ask.name);
        self.limits.entry(Arc::clone(&limit)).or_default().cells += 1;
        self.cells.insert(key, Kept { cell: Cell::new(ask.bound.size, now), limit, holds: 0 });
    }

    fn has_room(&mut self, limit: &Arc<str>, now: Duration) -> bool {
        self.may_add(limit) || {
            self.sweep(now);
            self.may_add(limit)
        }
    }

    fn may_add(&self, limit: &Arc<str>) -> bool {
        let own = self.limits.get(limit).map_or(0, |of| of.cells);
        own < CELLS_OF_LIMIT_MIN || own < CELLS_OF_LIMIT_MAX && self.cells.len() < CELLS_MAX
    }

    /// Forgets counts from which nothing is missing and of which nobody holds anything.
    fn sweep(&mut self, now: Duration) {
        if self.swept.is_some_and(|swept| now < swept.saturating_add(SWEEP_EVERY)) {
            return;
        }
        self.swept = Some(now);
        let limits = &mut self.limits;
        self.cells.retain(|_, kept| {
            let size = kept.cell.size();
            kept.cell.look(size, now);
            let stays = kept.holds > 0 || !kept.cell.is_whole();
            if !stays && let Some(of) = limits.get_mut(&kept.limit) {
                of.cells = of.cells.saturating_sub(1);
            }
            stays
        });
    }

    /// How much output there is room for in all that bound it, and the fewest that it must be; `None` where nothing does.
    fn output_bound(&self, asks: &[Ask<'_>], places: &[Key]) -> Option<(u64, u64)> {
        let clamping = asks.iter().zip(places).filter(|(ask, _)| {
            ask.output.kind == OutputKind::Clamped && ask.output.wanted > 0 && ask.mode == Mode::Enforce
        });
        let rooms =
            clamping.filter_map(|(ask, key)| Some((self.cells.get(key)?.cell.output_room(ask), ask.output.least)));
        rooms.reduce(|(room, least), (other, of_other)| (room.min(other), least.max(of_other)))
    }

    /// Whether a bound has no room for a call whose output is bounded so.
    fn full(&self, ask: &Ask<'_>, key: Key, bound: Option<(u64, u64)>) -> Option<Full> {
        let cell = self.cells.get(&key)?.cell;
        let (most, least) = bound.unwrap_or((u64::MAX, 0));
        let units = match ask.output.kind {
            OutputKind::Fixed => ask.units_with(most.max(least)),
            OutputKind::Clamped => ask.units.saturating_add(least.max(ask.output.least)),
            OutputKind::Stepwise => ask.units.saturating_add(ask.output.least),
        };
        let needed = cell.needed(units);
        let full = || Full {
            limit: ask.limit,
            size: ask.bound.size,
            units,
            standing: cell.standing(ask.bound.measure),
            wait: cell.wait(needed),
            is_apart: key == ask.key,
        };
        (!cell.has(needed)).then(full)
    }

    /// A limit that has no room for a call counts it once, however many of its bounds are full.
    fn count_refusals<'a>(&mut self, asks: impl Iterator<Item = &'a Ask<'a>>, fulls: &[Option<Full>]) {
        let mut last = None;
        for (ask, _) in asks.zip(fulls).filter(|(_, full)| full.is_some()) {
            if last.replace(ask.limit) != Some(ask.limit) {
                self.limits.entry(Arc::clone(ask.name)).or_default().refused += 1;
            }
        }
    }
}
