//! The doors of pools: where calls of all threads find their places, wait to be called, and give back what they had.

use super::spec::{Quotas, Spec};
use super::state::{Arrival, Ask, End, Pool, Reason, Refusal, Taken, Tallies};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;
use tg_kernel::target::Target;

/// Most targets that have a pool of their own where each has one: callers name them where a route is a pattern. Beyond
/// that, those of a pool share one.
const TARGETS_MAX: usize = 4096;

/// Most targets of one pool that are told apart in figures.
const SHOWN_MAX: usize = 200;

/// Times that are no further apart are the same.
const TICK: Duration = Duration::from_millis(1);

/// Upper bounds, in milliseconds, by which waits are counted; what is longer is counted beyond them.
pub const WAIT_BOUNDS: [u64; 10] = [5, 20, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/// How long calls waited, counted.
type Waits = [u64; WAIT_BOUNDS.len() + 1];

/// The door of one pool.
#[derive(Debug)]
pub struct Gate(Mutex<State>);

#[derive(Debug)]
struct State {
    pool: Pool,
    seats: HashMap<u64, Seat>,
    /// Who was told last, or saw, that it is next, and when its time comes.
    told: Option<(u64, Option<Duration>)>,
    waits: Waits,
    waited_us: u64,
}

/// Somebody who waits, or has been called and has not come yet.
#[derive(Debug)]
enum Seat {
    Waiting { waker: Option<Waker>, ask: Ask, since: Duration },
    Called(Taken),
    Displaced(Refusal),
}

/// What somebody who waits sees.
#[derive(Debug)]
#[must_use]
pub enum Seen {
    /// It has a place.
    Place(Taken),
    /// It had to make room.
    Refused(Refusal),
    /// It waits on. Where it is next and its time is known, it is to look again then.
    Waits(Option<Duration>),
}

impl Gate {
    fn new(spec: &Arc<Spec>, now: Duration) -> Self {
        Self(Mutex::new(State {
            pool: Pool::new(spec, now),
            seats: HashMap::new(),
            told: None,
            waits: Waits::default(),
            waited_us: 0,
        }))
    }

    /// A call comes. A ticket that it gets must be looked at with [`Gate::look`], and ends with [`Gate::give_up`] or
    /// [`Gate::cancel`] where that does not.
    pub fn arrive(&self, ask: &Ask, now: Duration) -> Arrival {
        let mut state = self.lock();
        let arrival = state.pool.arrive(ask, now);
        let Arrival::Waits(ticket, displaced) = arrival else { return arrival };
        let mut wakers = Vec::new();
        let seat = Seat::Waiting { waker: None, ask: ask.clone(), since: now };
        state.seats.insert(ticket, seat);
        if let Some(displaced) = displaced {
            state.displace(displaced, now, &mut wakers);
        }
        state.call(now, &mut wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        Arrival::Waits(ticket, displaced)
    }

    /// Somebody looks whether it is called; if not, it is woken when it is.
    pub fn look(&self, ticket: u64, waker: &Waker, now: Duration) -> Seen {
        let mut state = self.lock();
        let mut wakers = Vec::new();
        state.call(now, &mut wakers);
        let seen = state.seen(ticket, waker, now);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        seen
    }

    /// Somebody has waited as long as it may. It may have been called just now.
    ///
    /// # Errors
    /// Where it was not: how long it would have to wait on.
    pub fn give_up(&self, ticket: u64, now: Duration) -> Result<Taken, Refusal> {
        let mut state = self.lock();
        let mut wakers = Vec::new();
        let end = match state.seats.remove(&ticket) {
            Some(Seat::Called(taken)) => Ok(taken),
            Some(Seat::Displaced(refusal)) => Err(refusal),
            Some(Seat::Waiting { ask, since, .. }) => {
                state.count(now.saturating_sub(since));
                Err(state.pool.leave(&ask, ticket, true))
            }
            None => Err(Refusal { reason: Reason::Waited, wait: Duration::from_secs(1) }),
        };
        state.call(now, &mut wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        end
    }

    /// Somebody has left: its place in the line is free at once, and so is the place to which it may have been called.
    pub fn cancel(&self, ticket: u64, now: Duration) {
        let mut state = self.lock();
        let mut wakers = Vec::new();
        match state.seats.remove(&ticket) {
            Some(Seat::Called(taken)) => state.pool.end(taken, End::UNUSED, now),
            Some(Seat::Waiting { ask, .. }) => {
                let _ = state.pool.leave(&ask, ticket, false);
            }
            Some(Seat::Displaced(_)) | None => {}
        }
        state.call(now, &mut wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A place is given back.
    pub fn end(&self, taken: Taken, end: End, now: Duration) {
        let mut state = self.lock();
        let mut wakers = Vec::new();
        state.pool.end(taken, end, now);
        state.call(now, &mut wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// How long a call that comes now is likely to wait; zero where there is a place for it.
    #[must_use]
    pub fn expected(&self, ask: &Ask, now: Duration) -> Duration {
        self.lock().pool.look(ask, now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Calls all for whom there are places, and tells who is next when to look again.
    fn call(&mut self, now: Duration, wakers: &mut Vec<Waker>) {
        while let Some((ticket, taken)) = self.pool.next(now) {
            match self.seats.insert(ticket, Seat::Called(taken)) {
                Some(Seat::Waiting { waker, since, .. }) => {
                    self.count(now.saturating_sub(since));
                    wakers.extend(waker);
                }
                // Nobody waits there: what it would have is free.
                _ => {
                    if let Some(Seat::Called(taken)) = self.seats.remove(&ticket) {
                        self.pool.end(taken, End::UNUSED, now);
                    }
                }
            }
        }
        let due = self.pool.due(now);
        if !is_news(self.told, due) {
            return;
        }
        self.told = due;
        if let Some((ticket, Some(_))) = due
            && let Some(Seat::Waiting { waker, .. }) = self.seats.get_mut(&ticket)
        {
            wakers.extend(waker.take());
        }
    }

    fn seen(&mut self, ticket: u64, by: &Waker, now: Duration) -> Seen {
        if let Some(Seat::Waiting { waker, .. }) = self.seats.get_mut(&ticket) {
            *waker = Some(by.clone());
            let due = self.pool.due(now).filter(|(next, _)| *next == ticket);
            // What it sees now is what it acts by: all that comes earlier is news.
            self.told = due.or(self.told);
            return Seen::Waits(due.and_then(|(_, at)| at));
        }
        match self.seats.remove(&ticket) {
            Some(Seat::Called(taken)) => Seen::Place(taken),
            Some(Seat::Displaced(refusal)) => Seen::Refused(refusal),
            Some(Seat::Waiting { .. }) | None => {
                Seen::Refused(Refusal { reason: Reason::Waited, wait: Duration::from_secs(1) })
            }
        }
    }

    /// Somebody has to make room.
    fn displace(&mut self, ticket: u64, now: Duration, wakers: &mut Vec<Waker>) {
        let Some(Seat::Waiting { waker, ask, since }) = self.seats.remove(&ticket) else { return };
        self.count(now.saturating_sub(since));
        let wait = self.pool.look(&ask, now).max(Duration::from_secs(1));
        self.seats.insert(ticket, Seat::Displaced(Refusal { reason: Reason::Full, wait }));
        wakers.extend(waker);
    }

    fn count(&mut self, waited: Duration) {
        let millis = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        let place = WAIT_BOUNDS.iter().position(|bound| millis <= *bound).unwrap_or(WAIT_BOUNDS.len());
        if let Some(count) = self.waits.get_mut(place) {
            *count += 1;
        }
        self.waited_us = self.waited_us.saturating_add(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX));
    }
}

/// Whether who is next has to be told: a time that comes later is seen at the earlier one.
fn is_news(told: Option<(u64, Option<Duration>)>, due: Option<(u64, Option<Duration>)>) -> bool {
    match (told, due) {
        (Some((one, then)), Some((other, now))) if one == other => match (then, now) {
            (Some(then), Some(now)) => now + TICK < then,
            (None, now) => now.is_some(),
            (Some(_), None) => false,
        },
        (told, due) => told != due,
    }
}

/// How one pool stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Its name.
    pub pool: Arc<str>,
    /// `provider/model`, where it is that of one target; `other` for those beyond two hundred.
    pub target: Arc<str>,
    /// How many may be under way; `None`: as many as come.
    pub limit: Option<u64>,
    /// How many are.
    pub under_way: u64,
    /// How many wait.
    pub waiting: u64,
    /// What happened since the start.
    pub tallies: Tallies,
    /// How many waited up to each of [`WAIT_BOUNDS`], and longer: each is counted once.
    pub waits: [u64; WAIT_BOUNDS.len() + 1],
    /// How long they waited together, in microseconds.
    pub waited_us: u64,
}

/// Of each pool, the doors of its targets; without a target, that of all.
type Doors = HashMap<Arc<str>, HashMap<Option<Target>, Arc<Gate>>>;

/// All doors. One for each process; it outlives reloads.
#[derive(Debug, Default)]
pub struct Gates(Mutex<Doors>);

impl Gates {
    /// The door of the pool of a target. Its settings are the latest that anybody came with: a call that began before a reload
    /// does not bring the old ones back.
    #[must_use]
    pub fn of(&self, spec: &Arc<Spec>, target: &Target, now: Duration) -> Arc<Gate> {
        let mut doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_pool = doors.entry(Arc::clone(&spec.name)).or_default();
        let mut key = spec.each_target.then(|| target.clone());
        if key.is_some() && of_pool.len() >= TARGETS_MAX && !of_pool.contains_key(&key) {
            // Names that callers invented are asked for once.
            of_pool.retain(|_, gate| Arc::strong_count(gate) > 1 || !gate.lock().pool.is_whole(now));
            key = key.filter(|_| of_pool.len() < TARGETS_MAX);
        }
        let gate = Arc::clone(of_pool.entry(key).or_insert_with(|| Arc::new(Gate::new(spec, now))));
        drop(doors);
        let mut state = gate.lock();
        if state.pool.spec().generation < spec.generation {
            let mut wakers = Vec::new();
            state.pool.adopt(spec, now);
            state.call(now, &mut wakers);
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
            return gate;
        }
        drop(state);
        gate
    }

    /// How those stand that are configured, sorted.
    #[must_use]
    pub fn figures(&self, quotas: &Quotas) -> Vec<Figures> {
        let mut all = Vec::new();
        for spec in quotas.iter() {
            let of_pool = self.of_pool(&spec.name);
            let mut figures: Vec<Figures> =
                of_pool.iter().map(|(target, gate)| gate.lock().figures(&spec.name, target.as_ref())).collect();
            figures.sort_by(|one, other| one.target.cmp(&other.target));
            let rest = figures.split_off(figures.len().min(SHOWN_MAX));
            figures.extend(rest.into_iter().reduce(Figures::with));
            all.extend(figures);
        }
        all
    }

    /// The doors of one pool: calls find theirs while somebody looks at these.
    fn of_pool(&self, name: &str) -> Vec<(Option<Target>, Arc<Gate>)> {
        let doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_pool = doors.get(name).into_iter().flatten();
        of_pool.map(|(target, gate)| (target.clone(), Arc::clone(gate))).collect()
    }
}

impl State {
    fn figures(&self, name: &Arc<str>, target: Option<&Target>) -> Figures {
        Figures {
            pool: Arc::clone(name),
            target: target.map_or_else(Arc::default, |of| format!("{}/{}", of.provider, of.model).into()),
            limit: self.pool.limit().map(u64::from),
            under_way: u64::from(self.pool.under_way()),
            waiting: self.pool.waiting() as u64,
            tallies: self.pool.tallies(),
            waits: self.waits,
            waited_us: self.waited_us,
        }
    }
}

impl Figures {
    /// Both together.
    fn with(self, other: Self) -> Self {
        let sum = |one: u64, other: u64| one.saturating_add(other);
        let (one, two) = (self.tallies, other.tallies);
        Self {
            pool: self.pool,
            target: "other".into(),
            limit: self.limit.zip(other.limit).map(|(one, other)| sum(one, other)),
            under_way: sum(self.under_way, other.under_way),
            waiting: sum(self.waiting, other.waiting),
            tallies: Tallies {
                at_once: sum(one.at_once, two.at_once),
                waited: sum(one.waited, two.waited),
                too_long: sum(one.too_long, two.too_long),
                full: sum(one.full, two.full),
                in_vain: sum(one.in_vain, two.in_vain),
            },
            waits: std::array::from_fn(|place| {
                let of = |waits: &Waits| waits.get(place).copied().unwrap_or(0);
                sum(of(&self.waits), of(&other.waits))
            }),
            waited_us: sum(self.waited_us, other.waited_us),
        }
    }
}
