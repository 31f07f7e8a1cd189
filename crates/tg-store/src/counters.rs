//! Counts that many replicas share: what a call asks of them, and what they answer. How they are kept is for a backend.
//!
//! Three kinds of counts: a *bucket* (a rate that fills evenly), a *gauge* (so many at a time) and a *purse* (money of one
//! window: spent, and held by calls that go on). A call asks of all that it meets in one step, and gets all or nothing.
//! Afterwards each hold is settled (what was used stays, the rest comes back) and, once the ledger has its row, booked
//! (what was held of purses becomes spent). Every number here has a bound, and all arithmetic is in whole numbers.

use sha2::{Digest as _, Sha256};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::ids::CallId;

/// Most units of a bucket's rate or of a gauge; more is taken as so many.
pub const UNITS_MAX: u64 = 1_000_000_000_000_000;

/// Longest period of a rate.
pub const PERIOD_MAX: Duration = Duration::from_secs(400 * 86_400);

/// Most counts that a call can ask of at a time.
pub const ASKS_MAX: usize = 64;

/// Longest key of a count, in bytes; a longer one is shortened to its beginning and a digest of the whole.
pub const KEY_BYTES_MAX: usize = 256;

/// By how much, and by which part of a span, a clock here may run faster than the server's.
const CLOCKS_MARGIN: Duration = Duration::from_millis(1);
const CLOCKS_DRIFT: u32 = 1_000;

/// Longest life of a count that nobody asks of.
const KEEP_MAX: Duration = PERIOD_MAX;

/// Names a count: text, the same in every process, so that they count together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CounterKey {
    text: Arc<str>,
    /// Where what is held is kept, if that is common to several counts.
    common: Option<Arc<str>>,
}

impl CounterKey {
    /// The key that these parts make. Whatever they contain, other parts make another key.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let mut text = String::new();
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                text.push('|');
            }
            for c in part.chars() {
                // Braces would decide on the node of a cluster.
                if matches!(c, '|' | '%' | '{' | '}') || c.is_control() {
                    let _ = write!(text, "%{:x};", u32::from(c));
                } else {
                    text.push(c);
                }
            }
        }
        if text.len() > KEY_BYTES_MAX {
            let digest = Sha256::digest(text.as_bytes());
            let cut = text.floor_char_boundary(KEY_BYTES_MAX - 66);
            text.truncate(cut);
            text.push_str("%#");
            for byte in digest {
                let _ = write!(text, "{byte:02x}");
            }
        }
        Self { text: text.into(), common: None }
    }

    /// The same count, of which what is held is kept under another key, together with that of its like: of the purses of a
    /// rolling window, which are one for each hour, a call holds whatever hour it is.
    #[must_use]
    pub fn holding(self, common: &Self) -> Self {
        Self { common: Some(Arc::clone(&common.text)), ..self }
    }

    /// Where what is held of it is kept, if not with itself.
    pub(crate) fn common(&self) -> Option<&str> {
        self.common.as_deref()
    }

    /// The key under which what is held of it is kept.
    pub(crate) fn of_holds(&self) -> Self {
        self.common.as_ref().map_or_else(|| self.clone(), |common| Self { text: Arc::clone(common), common: None })
    }

    /// The text of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for CounterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// So many units in a period, of which a part may be taken at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    amount: u64,
    micros: u64,
    burst: u64,
}

impl Rate {
    /// `amount` units in `period`, at most `burst` of them at once. All are brought into their bounds: at least one unit
    /// and one microsecond, at most [`UNITS_MAX`] and [`PERIOD_MAX`].
    #[must_use]
    pub fn new(amount: u64, period: Duration, burst: u64) -> Self {
        let period = period.min(PERIOD_MAX);
        let micros = u64::try_from(period.as_micros()).unwrap_or(u64::MAX).max(1);
        Self { amount: amount.clamp(1, UNITS_MAX), micros, burst: burst.clamp(1, UNITS_MAX) }
    }

    /// Units in a period.
    #[must_use]
    pub const fn amount(&self) -> u64 {
        self.amount
    }

    /// The period, in microseconds.
    #[must_use]
    pub const fn period_micros(&self) -> u64 {
        self.micros
    }

    /// What fits in at most.
    #[must_use]
    pub const fn burst(&self) -> u64 {
        self.burst
    }

    /// So many hundredths of what fits in, for leases; zero where that is less than a unit.
    ///
    /// Leases of `s` units in `r` replicas make the bucket inexact by this much: in any span of time, `r * s` units more
    /// than it has can be let through (they were taken before the span began), and for a second or two a replica may be
    /// refused though the others hold `(r - 1) * s` units that they do not use.
    #[must_use]
    pub fn slice(&self, percent: u8) -> u64 {
        let units = u128::from(self.burst) * u128::from(percent.min(100)) / 100;
        u64::try_from(units).unwrap_or(0)
    }

    /// How long it takes for `units` units and `rest` parts of one to become `wanted` units, rounded up.
    pub(crate) fn time_until(&self, wanted: u64, units: i64, rest: u64) -> Duration {
        let missing = (i128::from(wanted) - i128::from(units)) * i128::from(self.micros) - i128::from(rest);
        let amount = i128::from(self.amount);
        let micros = (missing.max(0) + amount - 1) / amount;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// A kind of count, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A rate that fills evenly.
    Bucket(Rate),
    /// At most so many at a time.
    Gauge(u64),
    /// Money of one window.
    Purse(Purse),
}

impl Kind {
    /// What one of so many replicas may let through by itself while they cannot count together: its share, rounded down;
    /// of a rate and of calls at a time at least one.
    #[must_use]
    pub fn share(self, replicas: u32) -> Self {
        let replicas = u64::from(replicas.max(1));
        let share = |units: u64| (units / replicas).max(1);
        match self {
            Self::Bucket(rate) => Self::Bucket(Rate { amount: share(rate.amount), burst: share(rate.burst), ..rate }),
            Self::Gauge(most) => Self::Gauge(if most == 0 { 0 } else { share(most) }),
            Self::Purse(purse) => Self::Purse(Purse { cap: purse.cap / replicas, ..purse }),
        }
    }
}

/// The money of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purse {
    /// What may be spent, in nano-dollars.
    pub cap: u64,
    /// How long from now the purse is of use: until its window has ended and its last calls are booked. At most 400 days;
    /// one that is asked for later is filled from the ledger again.
    pub keep: Duration,
}

impl Purse {
    pub(crate) fn keep_millis(&self) -> u64 {
        u64::try_from(self.keep.min(KEEP_MAX).as_millis()).unwrap_or(u64::MAX).max(1)
    }
}

/// What is done with a call for which a count has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is refused.
    Enforce,
    /// It passes, and takes nothing of this count.
    Observe,
}

/// What a call wants of one count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Which count. Kinds of one key never change.
    pub key: CounterKey,
    /// Of what kind and size it is.
    pub kind: Kind,
    /// How much: units, or nano-dollars of a purse. A call that needs more than a bucket ever has takes all there is.
    pub units: u64,
    /// Whether it refuses.
    pub mode: Mode,
    /// Of a bucket: so many units more may be taken ahead of need, for this replica's next calls, which then ask nobody.
    /// Zero: none. See [`Rate::slice`] for what that costs.
    pub lease: u64,
}

impl Ask {
    /// What is taken of it at all.
    pub(crate) fn needed(&self) -> u64 {
        match self.kind {
            Kind::Bucket(rate) => self.units.min(rate.burst()),
            Kind::Gauge(_) => self.units.min(UNITS_MAX),
            Kind::Purse(_) => self.units,
        }
    }
}

/// Why asks cannot be asked together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAsks {
    /// There are too many.
    #[error("{0} counts are asked of at a time; at most {ASKS_MAX} can be")]
    TooMany(usize),
    /// Two are of one count: each would be looked at as if the other were not there.
    #[error("the count {0} is asked of twice by one call")]
    Twice(CounterKey),
}

/// What a call holds, by name: the call, or one of its tries, which hold apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HoldId {
    call: CallId,
    part: u16,
    asking: u16,
}

impl HoldId {
    /// Of the call as a whole: its purses are held by this name.
    #[must_use]
    pub const fn of(call: CallId) -> Self {
        Self { call, part: 0, asking: 0 }
    }

    /// Of one of its tries, counted from one.
    #[must_use]
    pub const fn of_try(call: CallId, number: u16) -> Self {
        Self { call, part: number, asking: 0 }
    }

    /// Another name of the same, for another asking: what was asked before may have been given up, and the server told so.
    #[must_use]
    pub const fn again(&self) -> Self {
        Self { asking: self.asking.wrapping_add(1), ..*self }
    }

    /// The call.
    #[must_use]
    pub const fn call(&self) -> CallId {
        self.call
    }

    /// The call and its try, whatever asking it is.
    pub(crate) const fn place(&self) -> (CallId, u16) {
        (self.call, self.part)
    }
}

impl fmt::Display for HoldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.call)?;
        if self.part > 0 {
            write!(f, "/{}", self.part)?;
        }
        if self.asking > 0 {
            write!(f, "~{}", self.asking)?;
        }
        Ok(())
    }
}

/// How a count stands, for one ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it has no room for what was asked.
    pub full: bool,
    /// Its size: what can be had at once, at a time, or of a window.
    pub limit: u64,
    /// What is left of it.
    pub remaining: u64,
    /// How long until all of it is back; zero for gauges and purses.
    pub reset: Duration,
    /// How long until so much is there as was asked for; `None` where that does not depend on time alone.
    pub wait: Option<Duration>,
}

/// What a call has taken, until it is settled. Whoever holds it owes a settlement.
#[derive(Debug)]
#[must_use]
pub struct Hold {
    pub(crate) id: HoldId,
    pub(crate) items: Vec<Item>,
    pub(crate) extensions: u32,
    /// Whether the shared counts know of it: what was wholly taken from leases needs no word to them.
    pub(crate) known: Known,
    standings: Vec<Standing>,
}

/// Whether the shared counts know of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It was wholly taken from leases.
    Not,
    /// They were asked for more for it, and their answer was not heard: they may know.
    Perhaps,
    Yes,
}

/// What a hold has of one count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// The ask's place in its list.
    pub(crate) ask: usize,
    /// Of a purse: under which what is held of it is kept.
    pub(crate) key: CounterKey,
    pub(crate) kind: Kind,
    pub(crate) taken: u64,
    /// Whether it was taken from this process's lease.
    pub(crate) leased: bool,
}

impl Hold {
    pub(crate) const fn new(id: HoldId, items: Vec<Item>, known: Known, standings: Vec<Standing>) -> Self {
        Self { id, items, extensions: 0, known, standings }
    }

    pub(crate) fn stands(&mut self, standings: Vec<Standing>) {
        self.standings = standings;
    }

    /// How each count stood when the call, or its last extension, was let through; in the order of the asks.
    #[must_use]
    pub fn standings(&self) -> &[Standing] {
        &self.standings
    }

    /// What was taken of the ask at this place of the first list; `None` where it only observes and had no room.
    #[must_use]
    pub fn taken(&self, ask: usize) -> Option<u64> {
        self.items.iter().find(|item| item.ask == ask).map(|item| item.taken)
    }
}

/// A purse whose spent money must be read from the ledger before anything can be asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseeded {
    /// The purse.
    pub key: CounterKey,
    /// For which the sum is made. It must be begun after that was heard of.
    pub mark: Mark,
}

/// The moment at which a sum was asked for, and a moment before it was begun; both are the server's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub(crate) asked: u64,
    /// What was appended to the ledger before is in the sum.
    pub(crate) from: u64,
}

impl Mark {
    /// The same, of a sum that was begun so long after the mark was heard of.
    #[must_use]
    pub fn begun_after(self, waited: Duration) -> Self {
        // Clocks do not run alike; what was booked in between is rather counted twice than not at all.
        let waited = waited.saturating_sub(CLOCKS_MARGIN).saturating_sub(waited / CLOCKS_DRIFT);
        Self { from: self.from.saturating_add(u64::try_from(waited.as_micros()).unwrap_or(0)), ..self }
    }
}

/// How an ask ends.
#[derive(Debug)]
#[must_use]
pub enum Reserved {
    /// All was taken.
    Held(Hold),
    /// Nothing was: how each count stands, in the order of the asks.
    Full(Vec<Standing>),
    /// Nothing was: these purses must be filled first.
    Unseeded(Vec<Unseeded>),
    /// Nothing was: the call has ended already, or what it held was given up.
    Ended,
}

/// Why nothing can be said of shared counts now. The caller decides what that means for each of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the counters at {place} are away: {reason}")]
pub struct Away {
    /// Where they are kept; without secrets.
    pub place: Arc<str>,
    /// What is the matter.
    pub reason: Reason,
}

/// What is the matter with counters that are away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// No answer came in time.
    #[error("no answer came in time")]
    Late,
    /// They failed again and again, and are not asked for a moment.
    #[error("they failed several times in a row, and are asked again in a moment")]
    Resting,
    /// The connection failed.
    #[error("{0}")]
    Connection(String),
    /// The server answered with an error.
    #[error("the server answered {0}")]
    Server(String),
    /// The asks are none that can be answered.
    #[error(transparent)]
    Asks(#[from] BadAsks),
}

#[cfg(test)]
mod tests {
    use super::{CounterKey, KEY_BYTES_MAX, Kind, Purse, Rate};
    use std::time::Duration;

    #[test]
    fn other_parts_make_another_key_and_none_leaves_the_slot() {
        let lists: [&[&str]; 7] =
            [&["a", "b"], &["a|b"], &["a", "", "b"], &["a%7c;b"], &["a{b}"], &["a", "b", ""], &["a\n"]];
        let keys: std::collections::BTreeSet<CounterKey> = lists.iter().map(|parts| CounterKey::of(parts)).collect();
        assert_eq!(keys.len(), lists.len(), "{keys:?}");
        assert!(keys.iter().all(|key| !key.as_str().contains(['{', '}', '\n'])), "{keys:?}");
        let long = |end: &str| CounterKey::of(&[&"é".repeat(500), end]);
        assert!(long("a").as_str().len() <= KEY_BYTES_MAX && long("a") != long("b") && long("a") == long("a"));
    }

    #[test]
    fn shares_of_all_replicas_are_never_more_than_the_whole() {
        let keep = Duration::from_secs(1);
        let rate = Rate::new(100, keep, 10);
        assert_eq!(Kind::Bucket(rate).share(3), Kind::Bucket(Rate::new(33, keep, 3)));
        assert_eq!(Kind::Bucket(rate).share(0), Kind::Bucket(rate));
        assert_eq!((Kind::Gauge(7).share(2), Kind::Gauge(0).share(2)), (Kind::Gauge(3), Kind::Gauge(0)));
        let purse = |cap| Kind::Purse(Purse { cap, keep });
        assert_eq!(purse(1_000).share(3), purse(333));
    }
}
