//! One pool: who has a place, who waits for one, who is next, and who is told at once that it would take too long.

use super::adaptive::{Adaptive, Signal};
use super::line::{Beside, Entry, Line, Who};
use super::priority::{Class, Standing};
use super::room::{Room, Units};
use super::spec::{Concurrency, QueueBounds, Spec};
use crate::admit::Used;
use std::sync::Arc;
use std::time::Duration;

/// How long a place is taken to be held of which nobody knows yet: only what it counts beside other calls rests on it.
const HELD_UNKNOWN: Duration = Duration::from_secs(2);

/// The weight of what is new beside what was known, as a divisor.
const NEWS: u32 = 8;

/// By this part more than is likely must be allowed: some will wait longer.
const MARGIN: u32 = 3;

/// Shortest wait that somebody is told who finds no place: nobody knows when one is free.
const MOMENT: Duration = Duration::from_secs(1);

/// What a call is likely to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Input tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Bytes of its body, which are kept while it waits.
    pub bytes: u64,
}

/// A call that wants a place.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Who shares with others of its class.
    pub team: Arc<str>,
    /// How it stands beside others.
    pub standing: Standing,
    /// What it needs.
    pub need: Need,
    /// Longest that it can wait; no more than the pool allows.
    pub patience: Duration,
}

/// A place that a call has. Whoever has it owes [`Pool::end`].
#[derive(Debug)]
#[must_use]
pub struct Taken {
    class: Class,
    team: Arc<str>,
    units: Units,
    cost: Duration,
    since: Duration,
    /// Who else waited when it was taken.
    beside: Beside,
}

/// Why a call has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It would wait longer than it may.
    TooLong,
    /// No more may wait.
    Full,
    /// It has waited as long as it may.
    Waited,
}

/// A call that gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// After how long there may be one.
    pub wait: Duration,
}

/// What becomes of a call that comes.
#[derive(Debug)]
#[must_use]
pub enum Arrival {
    /// It goes.
    Enters(Taken),
    /// It waits under this ticket. Another one may have had to make room for it.
    Waits(u64, Option<u64>),
    /// It is told at once.
    Refused(Refusal),
}

/// How a place was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// What was used; `None`: nothing left.
    pub used: Option<Used>,
    /// When it left, where it did.
    pub left: Duration,
    /// What that says of how much the target bears.
    pub signal: Signal,
}

impl End {
    /// Nothing came of it.
    pub const UNUSED: Self = Self { used: None, left: Duration::ZERO, signal: Signal::Nothing };
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Calls that went at once.
    pub at_once: u64,
    /// Calls that waited, and went.
    pub waited: u64,
    /// Calls that would have waited too long, and were told so when they came.
    pub too_long: u64,
    /// Calls for which, or for whose likes, the line was full.
    pub full: u64,
    /// Calls that waited as long as they might, in vain.
    pub in_vain: u64,
}

/// One pool.
#[derive(Debug)]
pub struct Pool {
    spec: Arc<Spec>,
    room: Room,
    line: Line,
    found: Option<Adaptive>,
    /// How long a place is held; zero where nobody knows.
    held: Duration,
    tickets: u64,
    tallies: Tallies,
}

impl Pool {
    /// A pool of which nothing is taken.
    #[must_use]
    pub fn new(spec: &Arc<Spec>, now: Duration) -> Self {
        Self {
            spec: Arc::clone(spec),
            room: Room::new(spec, now),
            line: Line::default(),
            found: found(spec.concurrency),
            held: Duration::ZERO,
            tickets: 0,
            tallies: Tallies::default(),
        }
    }

    /// Takes over what a reload may have changed. Who has a place keeps it, and who waits waits on.
    pub fn adopt(&mut self, spec: &Arc<Spec>, now: Duration) {
        if Arc::ptr_eq(&self.spec, spec) {
            return;
        }
        self.room.reform(spec, now);
        match (&mut self.found, spec.concurrency) {
            (Some(found), Concurrency::Found { min, max }) => found.rebound(min, max),
            (found, concurrency) => *found = self::found(concurrency),
        }
        self.spec = Arc::clone(spec);
    }

    /// Its settings.
    #[must_use]
    pub const fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    /// A call comes. Where it waits, [`Pool::next`] may name it at once.
    pub fn arrive(&mut self, ask: &Ask, now: Duration) -> Arrival {
        self.room.refresh(now);
        let units = Room::needed(&self.spec, &ask.need);
        let cost = self.cost(&units, self.held_likely());
        let who = Who { team: Arc::clone(&ask.team), standing: ask.standing };
        if self.line.is_empty() && self.fits(&units) {
            self.line.pass(&who, cost);
            self.tallies.at_once += 1;
            return Arrival::Enters(self.take((ask.standing.class, who.team), (&units, cost), Beside::default(), now));
        }
        let wait = self.expected(&who, &units);
        let Some(queue) = self.spec.queue else { return self.refuse(Reason::Full, wait) };
        // When a place is free is likely at best; when a rate has room is certain.
        let doubt = if self.has_slot() { Duration::ZERO } else { wait / MARGIN };
        // Who cannot wait at all does not stand in line, nor has others make room.
        if ask.patience.is_zero() || wait + doubt > ask.patience.min(queue.wait_max) {
            return self.refuse(Reason::TooLong, wait);
        }
        let Some(displaced) = self.place_in_line(&who, cost, ask.need.bytes, &queue) else {
            return self.refuse(Reason::Full, wait);
        };
        self.tickets += 1;
        self.line.push(&who, Entry { ticket: self.tickets, cost, bytes: ask.need.bytes, units });
        Arrival::Waits(self.tickets, displaced)
    }

    /// Whether one more may wait, and who has to make room for it.
    fn place_in_line(&mut self, who: &Who, cost: Duration, bytes: u64, queue: &QueueBounds) -> Option<Option<u64>> {
        let total = self.line.bytes().saturating_add(bytes);
        if self.line.len() < queue.length_max && total <= queue.bytes_max {
            return Some(None);
        }
        let last = self.line.most(who, cost).filter(|last| total.saturating_sub(last.bytes) <= queue.bytes_max)?;
        self.line.remove(last.class, &last.team, last.ticket)?;
        self.tallies.full += 1;
        Some(Some(last.ticket))
    }

    fn refuse(&mut self, reason: Reason, wait: Duration) -> Arrival {
        match reason {
            Reason::TooLong => self.tallies.too_long += 1,
            Reason::Full => self.tallies.full += 1,
            Reason::Waited => self.tallies.in_vain += 1,
        }
        Arrival::Refused(Refusal { reason, wait: wait.max(MOMENT) })
    }

    /// The next of those who wait, if there is a place for it. Whoever waits behind it does so though there may be a place
    /// for less: else what needs much would never go.
    pub fn next(&mut self, now: Duration) -> Option<(u64, Taken)> {
        self.room.refresh(now);
        let (class, team, entry) = self.line.next()?;
        if !self.has_slot() || !self.room.has(&entry.units) {
            return None;
        }
        let beside = self.line.beside(class, &team);
        let entry = self.line.serve(class, &team)?;
        self.tallies.waited += 1;
        Some((entry.ticket, self.take((class, team), (&entry.units, entry.cost), beside, now)))
    }

    /// The ticket of who is next, and when there is a place for it; no time where that depends on others' ends.
    #[must_use]
    pub fn due(&self, now: Duration) -> Option<(u64, Option<Duration>)> {
        let (_, _, entry) = self.line.next()?;
        let wait = self.room.wait(&entry.units, Duration::ZERO);
        Some((entry.ticket, self.has_slot().then(|| now + wait)))
    }

    /// Somebody waits no longer: because it has left, or, `in_vain`, because it has waited as long as it may. Answers after
    /// how long it may come again.
    pub fn leave(&mut self, ask: &Ask, ticket: u64, in_vain: bool) -> Refusal {
        let who = Who { team: Arc::clone(&ask.team), standing: ask.standing };
        let removed = self.line.remove(ask.standing.class, &ask.team, ticket);
        if removed.is_some() && in_vain {
            self.tallies.in_vain += 1;
        }
        let units = Room::needed(&self.spec, &ask.need);
        Refusal { reason: Reason::Waited, wait: self.expected(&who, &units).max(MOMENT) }
    }

    /// Gives a place back.
    pub fn end(&mut self, taken: Taken, end: End, now: Duration) {
        let Taken { class, team, units, cost, since, beside } = taken;
        let used = end.used.map_or([0; 4], |used| Room::used(&self.spec, used));
        let under_way = self.room.under_way;
        self.room.settle(&units, &used, now);
        let held = now.saturating_sub(since);
        // How soon a call fails says nothing of how long those hold their places that are answered.
        if matches!(end.signal, Signal::Answered(_)) {
            self.held =
                if self.held.is_zero() { held } else { self.held - self.held / NEWS + held / NEWS }.max(HELD_MIN);
        }
        if end.used.is_some()
            && let Some(found) = &mut self.found
        {
            found.hear(end.signal, end.left, under_way, now);
        }
        let really = if end.used.is_some() { self.cost(&used, held) } else { Duration::ZERO };
        self.line.correct((class, &team), beside, cost, really);
    }

    /// How long a call that comes now is likely to wait: zero where there is a place.
    #[must_use]
    pub fn look(&mut self, ask: &Ask, now: Duration) -> Duration {
        self.room.refresh(now);
        let units = Room::needed(&self.spec, &ask.need);
        if self.line.is_empty() && self.fits(&units) {
            return Duration::ZERO;
        }
        let who = Who { team: Arc::clone(&ask.team), standing: ask.standing };
        // Not known is not none.
        self.expected(&who, &units).max(Duration::from_nanos(1))
    }

    /// How many may be under way; `None`: as many as come.
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        match (&self.found, self.spec.concurrency) {
            (Some(found), _) => Some(found.limit()),
            (None, Concurrency::Fixed(limit)) => Some(limit),
            (None, _) => None,
        }
    }

    /// How many are under way.
    #[must_use]
    pub const fn under_way(&self) -> u32 {
        self.room.under_way
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.line.len()
    }

    /// What happened.
    #[must_use]
    pub const fn tallies(&self) -> Tallies {
        self.tallies
    }

    /// Whether a new one would be the same.
    #[must_use]
    pub fn is_whole(&mut self, now: Duration) -> bool {
        self.room.refresh(now);
        self.room.is_whole() && self.line.is_empty()
    }

    fn has_slot(&self) -> bool {
        self.limit().is_none_or(|limit| self.room.under_way < limit)
    }

    fn fits(&self, units: &Units) -> bool {
        self.has_slot() && self.room.has(units)
    }

    fn take(
        &mut self,
        (class, team): (Class, Arc<str>),
        (units, cost): (&Units, Duration),
        beside: Beside,
        now: Duration,
    ) -> Taken {
        Taken { class, team, units: self.room.take(units), cost, since: now, beside }
    }

    fn held_likely(&self) -> Duration {
        if self.held.is_zero() { HELD_UNKNOWN } else { self.held }
    }

    /// How much of the pool's time a call takes: that of the bound of which it takes most, so that each team's part is one of
    /// what is scarce, whatever that is. A place that is held is as long as it is held, divided by how many there are.
    fn cost(&self, units: &Units, held: Duration) -> Duration {
        let of_place = self.limit().map_or(Duration::ZERO, |limit| held / limit.max(1));
        self.room.worth(units).max(of_place).max(COST_MIN)
    }

    /// How long somebody is likely to wait.
    fn expected(&self, who: &Who, units: &Units) -> Duration {
        let ahead = self.line.ahead(who);
        let by_rates = self.room.wait(units, ahead);
        let Some(limit) = self.limit().filter(|_| !self.held.is_zero()) else { return by_rates };
        if self.room.under_way < limit {
            return by_rates;
        }
        // Until those are gone that are too many, and one more.
        let until_one = (self.held / limit.max(1)).saturating_mul(1 + self.room.under_way - limit);
        by_rates.max(ahead + until_one)
    }
}

/// Least that a place is held, so that it is known.
const HELD_MIN: Duration = Duration::from_micros(1);

/// Least that a call takes of a pool's time, so that taking turns goes on.
const COST_MIN: Duration = Duration::from_nanos(1);

fn found(concurrency: Concurrency) -> Option<Adaptive> {
    match concurrency {
        Concurrency::Found { min, max } => Some(Adaptive::new(min, max)),
        Concurrency::Unbounded | Concurrency::Fixed(_) => None,
    }
}
