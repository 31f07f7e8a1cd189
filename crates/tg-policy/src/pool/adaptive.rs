//! How many calls at a time somebody bears: found by how they fare, as networks find how much a line carries.
//!
//! More, one by one, while all goes well and the limit is what holds calls back; less, by a fifth, where a provider says that
//! it is too much, or times out; less, by a tenth to a half, where even the quickest first word of many comes much later than it used to.

use std::time::Duration;

/// Fewest answers by which the limit is judged.
const WINDOW_MIN: u32 = 8;

/// Fewest of these of which it is known when their first word came.
const TIMED_MIN: u32 = 8;

/// Where so many times the usual quickest first word is passed by the quickest of a whole window, it is congested,
const SLOWER: u64 = 2;

/// if it is by more than this.
const SLOWER_MIN_US: u64 = 20_000;

/// For how many minutes the quickest first word is remembered: what is slower for longer is how it is.
const MINUTES: usize = 30;

/// Near where it was too much, only each of so many good windows raises the limit; twice as many each time that it was too
/// much there again,
const CAREFUL: u32 = 4;

/// and no more than this.
const CAREFUL_MAX: u32 = 32;

/// How a call fared, as far as it says something of how much its target bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It was answered; this long after it had left came the first word, where that is known.
    Answered(Option<Duration>),
    /// It was too much: refused for that, or never answered.
    Congested,
    /// That says nothing.
    Nothing,
}

/// The limit that is looked for.
#[derive(Debug)]
pub(super) struct Adaptive {
    limit: u32,
    min: u32,
    max: u32,
    /// Nothing was ever too much: the limit is doubled each time that all were answered.
    is_new: bool,
    /// What was too much last.
    knee: Option<u32>,
    /// When the limit was lowered last: what left before says nothing of it.
    since: Duration,
    window: Window,
    /// Good windows since the limit was raised.
    good: u32,
    /// How many it takes where it was too much.
    careful: u32,
    floors: Floors,
}

#[derive(Debug)]
struct Window {
    /// Answers that make it whole.
    size: u32,
    answers: u32,
    timed: u32,
    /// Most that were under way.
    peak: u32,
    quickest_us: u64,
}

impl Window {
    fn new(limit: u32) -> Self {
        Self { size: limit.max(WINDOW_MIN), answers: 0, timed: 0, peak: 0, quickest_us: u64::MAX }
    }
}

impl Adaptive {
    pub(super) fn new(min: u32, max: u32) -> Self {
        let min = min.max(1);
        let limit = WINDOW_MIN.clamp(min, max.max(min));
        Self {
            limit,
            min,
            max: max.max(min),
            is_new: true,
            knee: None,
            since: Duration::ZERO,
            window: Window::new(limit),
            good: 0,
            careful: CAREFUL,
            floors: Floors::default(),
        }
    }

    /// Takes over bounds that a reload may have changed.
    pub(super) fn rebound(&mut self, min: u32, max: u32) {
        self.min = min.max(1);
        self.max = max.max(self.min);
        self.limit = self.limit.clamp(self.min, self.max);
    }

    pub(super) const fn limit(&self) -> u32 {
        self.limit
    }

    /// A call that had left at `left` is over, while so many were under way, itself included.
    pub(super) fn hear(&mut self, signal: Signal, left: Duration, under_way: u32, now: Duration) {
        if left < self.since {
            return;
        }
        match signal {
            Signal::Nothing => {}
            Signal::Congested => self.congested(under_way, now),
            Signal::Answered(first) => self.answered(first, under_way, now),
        }
    }

    fn congested(&mut self, under_way: u32, now: Duration) {
        let knee = self.limit.min(under_way).max(self.min);
        let is_again = self.knee.is_some_and(|before| before.abs_diff(knee) <= before / 4 + 1);
        self.careful = if is_again { self.careful.saturating_mul(2).min(CAREFUL_MAX) } else { CAREFUL };
        self.knee = Some(knee);
        self.lower(knee - knee.div_ceil(5), now);
    }

    fn lower(&mut self, limit: u32, now: Duration) {
        self.limit = limit.max(self.min);
        (self.since, self.is_new, self.good) = (now, false, 0);
        self.window = Window::new(self.limit);
    }

    fn answered(&mut self, first: Option<Duration>, under_way: u32, now: Duration) {
        let window = &mut self.window;
        window.answers += 1;
        window.peak = window.peak.max(under_way);
        if let Some(first) = first {
            window.timed += 1;
            window.quickest_us = window.quickest_us.min(u64::try_from(first.as_micros()).unwrap_or(u64::MAX));
        }
        if self.is_new && under_way.saturating_mul(2) >= self.limit {
            self.limit = self.limit.saturating_add(1).min(self.max);
        }
        if self.window.answers >= self.window.size {
            self.judge(now);
        }
    }

    /// Enough were answered to say something.
    fn judge(&mut self, now: Duration) {
        let window = std::mem::replace(&mut self.window, Window::new(self.limit));
        if window.timed >= TIMED_MIN {
            let usual = self.floors.least(now);
            self.floors.note(window.quickest_us, now);
            if let Some(usual) = usual.filter(|usual| is_slower(window.quickest_us, *usual)) {
                self.lower(slowed(self.limit, window.quickest_us, usual), now);
                return;
            }
        }
        // What calls did not need is not known to be borne.
        if self.is_new || u64::from(window.peak) * 4 < u64::from(self.limit) * 3 {
            return;
        }
        self.good += 1;
        let near =
            self.knee.is_some_and(|knee| self.limit + 1 >= knee || u64::from(self.limit) * 10 >= u64::from(knee) * 9);
        if self.good >= if near { self.careful } else { 1 } {
            self.good = 0;
            self.limit = self.limit.saturating_add(1).min(self.max);
        }
        // It bears more than it did.
        if self.knee.is_some_and(|knee| u64::from(self.limit) * 4 > u64::from(knee) * 5) {
            self.knee = None;
        }
    }
}

/// By how much a limit is lowered under which first words come so late.
fn slowed(limit: u32, quickest_us: u64, usual_us: u64) -> u32 {
    let borne = u64::from(limit).saturating_mul(usual_us.saturating_mul(SLOWER)) / quickest_us.max(1);
    let borne = u32::try_from(borne).unwrap_or(u32::MAX);
    borne.clamp(limit / 2, limit - limit.div_ceil(10))
}

fn is_slower(quickest_us: u64, usual_us: u64) -> bool {
    quickest_us > usual_us.saturating_mul(SLOWER) && quickest_us - usual_us > SLOWER_MIN_US
}

/// The quickest first word of each of the last minutes.
#[derive(Debug)]
struct Floors([(u64, u64); MINUTES]);

impl Default for Floors {
    fn default() -> Self {
        Self([(0, u64::MAX); MINUTES])
    }
}

impl Floors {
    fn note(&mut self, quickest_us: u64, now: Duration) {
        let minute = now.as_secs() / 60;
        let place = usize::try_from(minute % MINUTES as u64).unwrap_or(0);
        let Some(entry) = self.0.get_mut(place) else { return };
        *entry = if entry.0 == minute { (minute, entry.1.min(quickest_us)) } else { (minute, quickest_us) };
    }

    fn least(&self, now: Duration) -> Option<u64> {
        let minute = now.as_secs() / 60;
        let fresh = self.0.iter().filter(|(at, _)| at + MINUTES as u64 > minute);
        fresh.map(|(_, quickest)| *quickest).min().filter(|quickest| *quickest < u64::MAX)
    }
}
