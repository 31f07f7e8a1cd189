//! The shared counters on real servers.

mod again;
mod answers;
mod away;
mod cluster;
mod forebears;
mod invariant;
mod lease;
mod leaving;
mod model;
mod server;
mod single;
mod tls;

use super::{Options, Patience, SharedCounters, SharedLink};
use crate::counters::{Ask, CounterKey, Hold, HoldId, Kind, Mode, Purse, Rate, Reserved};
use server::Server;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::clock::{ManualClock, Timestamp};
use tg_kernel::ids::CallId;

/// For tests in which no time passes but what they say.
const DAY: Duration = Duration::from_secs(86_400);

/// A process that counts at a server.
struct Replica {
    counters: SharedCounters,
    link: SharedLink,
}

/// Patience for tests that are not about it: the machine may be busy.
const PATIENT: Patience = Patience { connect: Duration::from_secs(10), command: Duration::from_secs(10) };

fn options(server: &Server) -> Options {
    Options { patience: PATIENT, ..Options::new(server.place()) }
}

fn manual() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_seconds(1_800_000_000)))
}

impl Replica {
    fn of(options: Options) -> Self {
        let counters = SharedCounters::new(options);
        let link = counters.link();
        Self { counters, link }
    }

    /// Says all that waits to be said.
    async fn say(&self) {
        self.counters.say_all(&self.link.link).await.unwrap();
        let figures = self.counters.figures();
        assert_eq!((figures.waiting, figures.lost, figures.refused), (0, 0, 0));
    }

    async fn beat(&self) {
        self.counters.0.beat(&self.link.link, "on").await.unwrap();
    }

    async fn held(&self, id: HoldId, asks: &[Ask]) -> Hold {
        match self.link.reserve(id, asks).await.unwrap() {
            Reserved::Held(hold) => hold,
            other => panic!("{other:?}"),
        }
    }

    /// Whether a new call passes; what it takes it keeps.
    async fn passes(&self, asks: &[Ask]) -> bool {
        match self.link.reserve(HoldId::of(CallId::fresh()), asks).await.unwrap() {
            Reserved::Held(_) => true,
            Reserved::Full(_) => false,
            other => panic!("{other:?}"),
        }
    }

    /// Fills a purse.
    async fn seed(&self, name: &str, spent: u64) {
        let ask = [purse(name, u64::MAX, 0)];
        let Reserved::Unseeded(purses) = self.link.reserve(HoldId::of(CallId::fresh()), &ask).await.unwrap() else {
            panic!("it was filled")
        };
        let done = self.link.seed(&ask[0].key, purses[0].mark, spent, DAY).await.unwrap();
        assert_eq!(done, super::Seeding::Done);
    }

    /// What is left of a purse of so much.
    async fn left(&self, name: &str, cap: u64) -> u64 {
        let hold = self.held(HoldId::of(CallId::fresh()), &[Ask { mode: Mode::Observe, ..purse(name, cap, 0) }]).await;
        let left = hold.standings()[0].remaining;
        self.counters.settle(hold, |_, _| 0);
        self.say().await;
        left
    }
}

fn ask(name: &str, kind: Kind, units: u64) -> Ask {
    Ask { key: CounterKey::of(&[name]), kind, units, mode: Mode::Enforce, lease: 0 }
}

fn bucket(name: &str, rate: Rate, units: u64) -> Ask {
    ask(name, Kind::Bucket(rate), units)
}

fn gauge(name: &str, most: u64) -> Ask {
    ask(name, Kind::Gauge(most), 1)
}

fn purse(name: &str, cap: u64, nanos: u64) -> Ask {
    ask(name, Kind::Purse(Purse { cap, keep: DAY }), nanos)
}

fn per_minute(amount: u64) -> Rate {
    Rate::new(amount, Duration::from_secs(60), amount)
}
