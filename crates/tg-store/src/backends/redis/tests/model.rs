//! The scripts against a plain reference that keeps everything in the open, step by step, by proptest.

use super::server::Server;
use super::{Replica, manual, options};
use crate::backends::redis::{Extended, Options, Seeding};
use crate::counters::{Ask, CounterKey, Hold, HoldId, Kind, Mode, Purse, Rate, Reason, Reserved, Standing};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::clock::ManualClock;
use tg_kernel::ids::CallId;

const GOING_LIFE: i128 = 30_000_000;
const MONEY_LIFE: i128 = 600_000_000;
const REPLICAS: usize = 2;

/// The counts of every case.
fn kinds() -> [(&'static str, Kind); 6] {
    let rate = |amount, millis, burst| Kind::Bucket(Rate::new(amount, Duration::from_millis(millis), burst));
    let purse = |cap| Kind::Purse(Purse { cap, keep: Duration::from_secs(86_400) });
    [
        ("slow", rate(7, 3_000, 20)),
        ("vast", rate(999_999_999_999_989, 86_400_000, 800_000_000_000_000)),
        ("few", Kind::Gauge(3)),
        ("more", Kind::Gauge(9)),
        ("small", purse(1_000)),
        ("large", purse(9_300_000_000_000_000_000)),
    ]
}

/// How much of each is asked for at most.
const UNITS: [u64; 6] = [25, 300_000_000_000_000, 2, 3, 400, 3_000_000_000_000_000_000];

#[derive(Clone, Debug)]
enum Event {
    /// So many microseconds pass; in pieces with a beat of every replica, or in silence.
    Wait(u64, bool),
    Call {
        replica: usize,
        asks: Vec<(usize, u64, bool)>,
    },
    Extend {
        which: usize,
        asks: Vec<(usize, u64, bool)>,
    },
    /// A call ends, having used so many hundredths of what it took.
    End {
        which: usize,
        percent: u64,
    },
    /// The ledger has the row of a call that ended.
    Book {
        which: usize,
        replica: usize,
    },
    /// A replica takes the server for another than before, and goes on under another name.
    Rename(usize),
    /// A replica says all that its calls hold, as far as the server does not know it by its name.
    Restate(usize),
}

fn asks() -> impl Strategy<Value = Vec<(usize, u64, bool)>> {
    proptest::collection::btree_map(0usize..6, (0u64..=100, proptest::bool::weighted(0.8)), 1..5)
        .prop_map(|asks| asks.into_iter().map(|(kind, (hundredths, enforced))| (kind, hundredths, enforced)).collect())
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0u64..4_000_000, any::<bool>()).prop_map(|(micros, silent)| Event::Wait(micros, silent)),
        1 => (20_000_000u64..700_000_000, any::<bool>()).prop_map(|(micros, silent)| Event::Wait(micros, silent)),
        8 => (0..REPLICAS, asks()).prop_map(|(replica, asks)| Event::Call { replica, asks }),
        2 => (0usize..8, asks()).prop_map(|(which, asks)| Event::Extend { which, asks }),
        4 => (0usize..8, 0u64..=150).prop_map(|(which, percent)| Event::End { which, percent }),
        3 => (0usize..8, 0..REPLICAS).prop_map(|(which, replica)| Event::Book { which, replica }),
        1 => (0..REPLICAS).prop_map(Event::Rename),
        1 => (0..REPLICAS).prop_map(Event::Restate),
    ]
}

/// What a name of a replica is known by.
#[derive(Clone, Copy)]
struct Name {
    going: i128,
    money: i128,
}

/// A call that holds something, in the reference.
#[derive(Clone, Default)]
struct Held {
    replica: usize,
    name: usize,
    taken: BTreeMap<usize, u64>,
    /// By count: what is held of a purse.
    money: BTreeMap<usize, u128>,
    settled: bool,
}

/// The reference.
struct Model {
    now: i128,
    names: Vec<Name>,
    /// Of each replica: its name now, and those before.
    current: [Option<usize>; REPLICAS],
    earlier: [Vec<usize>; REPLICAS],
    /// Of each bucket: units times the period, and when.
    levels: BTreeMap<usize, (i128, i128)>,
    calls: BTreeMap<CallId, Held>,
    /// Money of rows in the ledger, of each purse.
    ledger: BTreeMap<usize, u128>,
    seeded: Vec<usize>,
}

impl Model {
    fn alive(&self, name: usize) -> bool {
        self.names[name].going > self.now - GOING_LIFE
    }

    fn holds_money(&self, name: usize) -> bool {
        self.names[name].money > self.now - MONEY_LIFE
    }

    fn beat(&mut self, replica: usize) {
        let alive = self.current[replica].is_some_and(|name| self.alive(name));
        if !alive {
            if let Some(old) = self.current[replica] {
                self.earlier[replica].push(old);
            }
            self.names.push(Name { going: self.now, money: self.now });
            self.current[replica] = Some(self.names.len() - 1);
        }
        for name in self.current[replica].into_iter().chain(self.earlier[replica].iter().copied()) {
            if self.current[replica] == Some(name) || self.alive(name) {
                self.names[name].going = self.now;
            }
            if self.current[replica] == Some(name) || self.holds_money(name) {
                self.names[name].money = self.now;
            }
        }
    }

    fn rename(&mut self, replica: usize) {
        self.beat(replica);
        self.earlier[replica].extend(self.current[replica].take());
        self.beat(replica);
    }

    /// All that calls of a replica hold is held by its name now, also what had been given up.
    fn restate(&mut self, replica: usize) {
        self.beat(replica);
        let Some(name) = self.current[replica] else { return };
        self.calls.values_mut().filter(|held| held.replica == replica).for_each(|held| held.name = name);
        self.earlier[replica].clear();
    }

    fn name(&mut self, replica: usize) -> usize {
        if !self.current[replica].is_some_and(|name| self.alive(name)) {
            self.beat(replica);
        }
        self.current[replica].unwrap()
    }

    fn level(&self, kind: usize, rate: &Rate) -> i128 {
        let full = i128::from(rate.burst()) * i128::from(rate.period_micros());
        let (level, at) = self.levels.get(&kind).copied().unwrap_or((full, self.now));
        (level + (self.now - at) * i128::from(rate.amount())).min(full)
    }

    fn going(&self, kind: usize) -> u64 {
        let live = self.calls.values().filter(|held| !held.settled && self.alive(held.name));
        live.filter_map(|held| held.taken.get(&kind)).sum()
    }

    fn used(&self, kind: usize) -> u128 {
        let held = self.calls.values().filter(|held| self.holds_money(held.name));
        held.filter_map(|held| held.money.get(&kind)).sum::<u128>() + self.ledger.get(&kind).copied().unwrap_or(0)
    }

    /// How a count stands for an ask, as the seam words it.
    fn stand(&self, kind: usize, ask: &Ask, full: bool) -> Standing {
        let micros = |number: i128| Duration::from_micros(u64::try_from(number.max(0)).unwrap_or(u64::MAX));
        let clamp = |number: i128| u64::try_from(number.max(0)).unwrap();
        let (limit, remaining, reset, wait) = match ask.kind {
            Kind::Bucket(rate) => {
                let (level, period) = (self.level(kind, &rate), i128::from(rate.period_micros()));
                let until = |units: u64| {
                    let missing = i128::from(units) * period - level;
                    micros((missing.max(0) + i128::from(rate.amount()) - 1) / i128::from(rate.amount()))
                };
                let wait = if full { until(ask.units.min(rate.burst())) } else { Duration::ZERO };
                (rate.burst(), clamp(level.div_euclid(period)), until(rate.burst()), Some(wait))
            }
            Kind::Gauge(most) => {
                let left = i128::from(most) - i128::from(self.going(kind));
                (most, clamp(left), Duration::ZERO, (!full).then_some(Duration::ZERO))
            }
            Kind::Purse(purse) => {
                let left = i128::from(purse.cap) - i128::try_from(self.used(kind)).unwrap();
                (purse.cap, clamp(left), Duration::ZERO, (!full).then_some(Duration::ZERO))
            }
        };
        Standing { full, limit, remaining, reset, wait }
    }

    fn is_full(&self, kind: usize, ask: &Ask) -> bool {
        match ask.kind {
            Kind::Bucket(rate) => {
                let needed = i128::from(ask.units.min(rate.burst())) * i128::from(rate.period_micros());
                self.level(kind, &rate) < needed
            }
            Kind::Gauge(most) => self.going(kind) + ask.units > most,
            Kind::Purse(purse) => self.used(kind) + u128::from(ask.units) > u128::from(purse.cap),
        }
    }

    /// Takes all or nothing for a call; `None` if it holds nothing that could grow.
    fn take(&mut self, call: CallId, (replica, name): (usize, usize), asks: &[(usize, Ask)]) -> (bool, Vec<Standing>) {
        let full: Vec<bool> = asks.iter().map(|(kind, ask)| self.is_full(*kind, ask)).collect();
        let refused = asks.iter().zip(&full).any(|((_, ask), full)| *full && ask.mode == Mode::Enforce);
        if !refused {
            let mut held = self.calls.remove(&call).unwrap_or(Held { replica, name, ..Held::default() });
            for ((kind, ask), _) in asks.iter().zip(&full).filter(|(_, full)| !**full) {
                let mut units = ask.units;
                if let Kind::Bucket(rate) = ask.kind {
                    units = units.min(rate.burst());
                    let level = self.level(*kind, &rate) - i128::from(units) * i128::from(rate.period_micros());
                    self.levels.insert(*kind, (level, self.now));
                } else if matches!(ask.kind, Kind::Purse(_)) {
                    *held.money.entry(*kind).or_default() += u128::from(units);
                }
                *held.taken.entry(*kind).or_default() += units;
            }
            self.calls.insert(call, held);
        }
        let standings = asks.iter().zip(full).map(|((kind, ask), full)| self.stand(*kind, ask, full)).collect();
        (!refused, standings)
    }

    fn end(&mut self, call: CallId, used: impl Fn(u64) -> u64) {
        let Some(mut held) = self.calls.remove(&call) else { return };
        for (kind, taken) in held.taken.clone() {
            if let Kind::Bucket(rate) = kinds()[kind].1 {
                let back = i128::from(taken) - i128::from(used(taken));
                let full = i128::from(rate.burst()) * i128::from(rate.period_micros());
                let level = self.level(kind, &rate) + back * i128::from(rate.period_micros());
                self.levels.insert(kind, (level.min(full), self.now));
            } else if let Some(money) = held.money.get_mut(&kind) {
                *money = u128::from(used(taken));
            }
        }
        held.settled = true;
        self.calls.insert(call, held);
    }
}

/// Servers and reference, side by side.
struct Bench {
    model: Model,
    clock: Arc<ManualClock>,
    replicas: Vec<Replica>,
    holds: Vec<(CallId, usize, Hold)>,
    /// Ended, and not in the ledger yet: with what each purse counts.
    ended: Vec<(CallId, u64)>,
}

impl Bench {
    fn new(server: &Server) -> Self {
        let clock = manual();
        let tag = CallId::fresh().to_string();
        let replica = |_| {
            let clock: Arc<ManualClock> = Arc::clone(&clock);
            Replica::of(Options { clock: Some(clock), tag: tag.clone(), ..options(server) })
        };
        let replicas = (0..REPLICAS).map(replica).collect();
        let model = Model {
            now: 0,
            names: Vec::new(),
            current: [None; REPLICAS],
            earlier: std::array::from_fn(|_| Vec::new()),
            levels: BTreeMap::new(),
            calls: BTreeMap::new(),
            ledger: BTreeMap::new(),
            seeded: Vec::new(),
        };
        Self { model, clock, replicas, holds: Vec::new(), ended: Vec::new() }
    }

    async fn happens(&mut self, event: Event) {
        match event {
            Event::Wait(micros, silent) => self.wait(micros, silent).await,
            Event::Call { replica, asks } => self.call(replica, &asks).await,
            Event::Extend { which, asks } => self.extend(which, &asks).await,
            Event::End { which, percent } => {
                if which < self.holds.len() {
                    let (call, replica, hold) = self.holds.remove(which);
                    let used = |taken: u64| u64::try_from(u128::from(taken) * u128::from(percent) / 100).unwrap();
                    self.model.end(call, used);
                    self.replicas[replica].counters.settle(hold, |_, taken| used(taken));
                    self.replicas[replica].say().await;
                    self.ended.push((call, percent * 2));
                }
            }
            Event::Book { which, replica } => self.book(which, replica).await,
            Event::Rename(number) => {
                let replica = &self.replicas[number];
                // Its first beat finds out which one it is.
                replica.beat().await;
                self.model.beat(number);
                *replica.counters.0.counted_by.lock().unwrap() = Some("another".into());
                replica.beat().await;
                self.model.rename(number);
            }
            Event::Restate(replica) => self.restate(replica).await,
        }
    }

    async fn restate(&mut self, number: usize) {
        let replica = &self.replicas[number];
        replica.beat().await;
        replica.counters.0.restate(&replica.link.link).await.unwrap();
        self.model.restate(number);
    }

    async fn wait(&mut self, mut micros: u64, silent: bool) {
        while micros > 0 {
            let step = if silent { micros } else { micros.min(9_000_000) };
            micros -= step;
            self.clock.advance(Duration::from_micros(step));
            self.model.now += i128::from(step);
            if !silent {
                for (number, replica) in self.replicas.iter().enumerate() {
                    replica.beat().await;
                    self.model.beat(number);
                }
            }
        }
    }

    fn asks(asks: &[(usize, u64, bool)]) -> Vec<(usize, Ask)> {
        let ask = |(kind, hundredths, enforced): &(usize, u64, bool)| {
            let (name, size) = kinds()[*kind];
            let units = UNITS[*kind] / 100 * hundredths + UNITS[*kind] % 100 * hundredths / 100;
            let mode = if *enforced { Mode::Enforce } else { Mode::Observe };
            (*kind, Ask { key: CounterKey::of(&[name]), kind: size, units, mode, lease: 0 })
        };
        asks.iter().map(ask).collect()
    }

    async fn seed(&mut self, replica: usize, asks: &[(usize, Ask)]) {
        let missing =
            |(kind, ask): &&(usize, Ask)| matches!(ask.kind, Kind::Purse(_)) && !self.model.seeded.contains(kind);
        let missing: Vec<_> = asks.iter().filter(missing).cloned().collect();
        let all: Vec<Ask> = asks.iter().map(|(_, ask)| ask.clone()).collect();
        if missing.is_empty() {
            return;
        }
        for replica in 0..REPLICAS {
            self.restate(replica).await;
        }
        let link = &self.replicas[replica].link;
        let answer = link.reserve(HoldId::of(CallId::fresh()), &all).await.unwrap();
        let Reserved::Unseeded(purses) = answer else { panic!("{answer:?}") };
        assert_eq!(purses.len(), missing.len());
        for ((kind, _), purse) in missing.iter().zip(purses) {
            let spent = u64::try_from(self.model.ledger.get(kind).copied().unwrap_or(0)).unwrap();
            let done = link.seed(&purse.key, purse.mark, spent, Duration::from_secs(86_400)).await.unwrap();
            assert_eq!(done, Seeding::Done);
            self.model.seeded.push(*kind);
        }
    }

    async fn call(&mut self, replica: usize, asks: &[(usize, u64, bool)]) {
        let asks = Self::asks(asks);
        self.seed(replica, &asks).await;
        let all: Vec<Ask> = asks.iter().map(|(_, ask)| ask.clone()).collect();
        let call = CallId::fresh();
        let name = self.model.name(replica);
        let (passes, standings) = self.model.take(call, (replica, name), &asks);
        match self.replicas[replica].link.reserve(HoldId::of(call), &all).await.unwrap() {
            Reserved::Held(hold) => {
                assert!(passes, "it holds {hold:?}, and should have been refused: {standings:?}");
                assert_eq!(hold.standings(), standings);
                self.holds.push((call, replica, hold));
            }
            Reserved::Full(found) => {
                assert_eq!(found, standings);
                assert!(!passes);
            }
            other => panic!("{other:?}"),
        }
    }

    async fn extend(&mut self, which: usize, asks: &[(usize, u64, bool)]) {
        let Some((call, replica, _)) = self.holds.get(which) else { return };
        let (call, replica) = (*call, *replica);
        let asks = Self::asks(asks);
        self.seed(replica, &asks).await;
        let all: Vec<Ask> = asks.iter().map(|(_, ask)| ask.clone()).collect();
        let name = self.model.calls[&call].name;
        let alive = self.model.holds_money(name);
        let expected = alive.then(|| self.model.take(call, (replica, name), &asks));
        let hold = &mut self.holds[which].2;
        match (self.replicas[replica].link.extend(hold, &all).await, expected) {
            (Ok(Extended::Held), Some((true, standings))) => assert_eq!(hold.standings(), standings),
            (Ok(Extended::Full(found)), Some((false, standings))) => assert_eq!(found, standings),
            (Ok(Extended::Ended), None) => {}
            // It is yet to be said by the new name.
            (Err(away), None) if self.model.current[replica] != Some(name) => assert_eq!(away.reason, Reason::Late),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    async fn book(&mut self, which: usize, replica: usize) {
        if which >= self.ended.len() {
            return;
        }
        let (call, nanos) = self.ended.remove(which);
        let purses: Vec<usize> = vec![4, 5];
        for kind in &purses {
            *self.model.ledger.entry(*kind).or_default() += u128::from(nanos);
        }
        self.model.calls.remove(&call);
        let keys: Vec<CounterKey> = purses.iter().map(|kind| CounterKey::of(&[kinds()[*kind].0])).collect();
        self.replicas[replica].counters.book(call, nanos, &keys);
        self.replicas[replica].say().await;
    }
}

#[test]
fn the_scripts_do_what_a_plain_reference_does() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(events in proptest::collection::vec(event(), 1..80))| {
        runtime.block_on(async {
            let mut bench = Bench::new(&server);
            for event in events {
                bench.happens(event).await;
            }
        });
    });
}
