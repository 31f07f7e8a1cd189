//! A simulation of many callers before one pool and one provider, by events, with a clock that only they move.

use super::*;
use crate::route::mixed;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// A team that sends calls.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) ask: Ask,
    /// Calls in a second, on average, one independent of the other.
    pub(super) each_second: u64,
}

/// What a provider does with a call while so many, this one included, are under way: how long it takes to the first word and
/// to the last, or, after the first time, a refusal.
pub(super) type Provider = fn(under_way: u32, draw: u64) -> Result<(Duration, Duration), Duration>;

/// What a team saw.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Of each answered call, how long it took with its wait.
    pub(super) took: Vec<Duration>,
    pub(super) waited: Vec<Duration>,
    /// Told at once that it would take too long, or that the line is full.
    pub(super) refused: usize,
    /// Waited in vain.
    pub(super) in_vain: usize,
    /// Refused by the provider.
    pub(super) too_many: usize,
}

impl Seen {
    pub(super) fn percentile(&self, hundredths: usize) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        took.get(took.len() * hundredths / 100).copied().unwrap_or_default()
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrives(usize),
    Ends(usize),
    GivesUp(u64),
    Looks,
}

struct Going {
    sender: usize,
    arrived: Duration,
    left: Duration,
    taken: Option<Taken>,
    end: Result<Duration, ()>,
}

pub(super) struct Simulation<'a> {
    pub(super) pool: Pool,
    senders: &'a [Sender],
    pub(super) provider: Provider,
    pub(super) now: Duration,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    number: u64,
    going: Vec<Going>,
    at_provider: u32,
    waiting: BTreeMap<u64, (usize, Duration)>,
    /// When somebody looks next.
    looks: Duration,
    pub(super) seen: Vec<Seen>,
    /// How many places were held, over time: places times microseconds.
    pub(super) held: u128,
}

impl<'a> Simulation<'a> {
    pub(super) fn new(spec: Spec, senders: &'a [Sender], provider: Provider) -> Self {
        let mut simulation = Self {
            pool: Pool::new(&Arc::new(spec), Duration::ZERO),
            senders,
            provider,
            now: Duration::ZERO,
            events: BinaryHeap::new(),
            number: 1,
            going: Vec::new(),
            at_provider: 0,
            waiting: BTreeMap::new(),
            looks: Duration::ZERO,
            seen: vec![Seen::default(); senders.len()],
            held: 0,
        };
        (0..senders.len()).for_each(|sender| simulation.comes_next(sender));
        simulation
    }

    /// Chance that is the same each time.
    fn draw(&mut self) -> u64 {
        self.number += 1;
        mixed(self.number)
    }

    fn at(&mut self, when: Duration, event: Event) {
        self.number += 1;
        self.events.push(Reverse((when, self.number, event)));
    }

    fn comes_next(&mut self, sender: usize) {
        // Between calls that know nothing of each other.
        let even = ((self.draw() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        let gap = Duration::from_secs(1).mul_f64(-even.ln() / self.senders[sender].each_second as f64);
        self.at(self.now + gap, Event::Arrives(sender));
    }

    pub(super) fn run(&mut self, until: Duration) {
        while let Some(Reverse((when, ..))) = self.events.peek() {
            if *when > until {
                break;
            }
            let Some(Reverse((when, _, event))) = self.events.pop() else { break };
            self.held += u128::from(self.pool.under_way()) * (when - self.now).as_micros();
            self.now = when;
            match event {
                Event::Arrives(sender) => self.arrives(sender),
                Event::Ends(call) => self.ends(call),
                Event::GivesUp(ticket) => {
                    if let Some((sender, _)) = self.waiting.remove(&ticket) {
                        let _ = self.pool.leave(&self.senders[sender].ask, ticket, true);
                        self.seen[sender].in_vain += 1;
                    }
                }
                Event::Looks => {}
            }
            while let Some((ticket, taken)) = self.pool.next(self.now) {
                let (sender, arrived) = self.waiting.remove(&ticket).unwrap();
                self.goes(sender, arrived, taken);
            }
            if let Some((_, Some(at))) = self.pool.due(self.now)
                && at > self.now
                && at != self.looks
            {
                self.looks = at;
                self.at(at, Event::Looks);
            }
        }
    }

    fn arrives(&mut self, sender: usize) {
        self.comes_next(sender);
        let senders = self.senders;
        match self.pool.arrive(&senders[sender].ask, self.now) {
            Arrival::Enters(taken) => self.goes(sender, self.now, taken),
            Arrival::Waits(ticket, displaced) => {
                self.waiting.insert(ticket, (sender, self.now));
                self.at(self.now + senders[sender].ask.patience, Event::GivesUp(ticket));
                if let Some((sender, _)) = displaced.and_then(|displaced| self.waiting.remove(&displaced)) {
                    self.seen[sender].refused += 1;
                }
            }
            Arrival::Refused(_) => self.seen[sender].refused += 1,
        }
    }

    fn goes(&mut self, sender: usize, arrived: Duration, taken: Taken) {
        self.at_provider += 1;
        self.seen[sender].waited.push(self.now - arrived);
        let draw = self.draw();
        let (end, lasts) = match (self.provider)(self.at_provider, draw) {
            Ok((first, whole)) => (Ok(first), whole),
            Err(at) => (Err(()), at),
        };
        self.going.push(Going { sender, arrived, left: self.now, taken: Some(taken), end });
        self.at(self.now + lasts, Event::Ends(self.going.len() - 1));
    }

    fn ends(&mut self, call: usize) {
        self.at_provider -= 1;
        let Going { sender, arrived, left, taken, end } = &mut self.going[call];
        let seen = &mut self.seen[*sender];
        let signal = match end {
            Ok(first) => {
                seen.took.push(self.now - *arrived);
                Signal::Answered(Some(*first))
            }
            Err(()) => {
                seen.too_many += 1;
                Signal::Congested
            }
        };
        let need = self.senders[*sender].ask.need;
        let used = Some(Used { input: need.input, output: need.output });
        self.pool.end(taken.take().unwrap(), End { used, left: *left, signal }, self.now);
    }
}

/// A second, half of it more or less.
pub(super) fn about_a_second(_under_way: u32, draw: u64) -> Result<(Duration, Duration), Duration> {
    let whole = Duration::from_micros(500_000 + draw % 1_000_000);
    Ok((whole / 10, whole))
}
