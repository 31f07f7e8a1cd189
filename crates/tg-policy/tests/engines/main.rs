//! One plain reference and every engine, step by step, by proptest. Memory and Redis are the two that decide: they count
//! limits, and what budgets hold and have spent. SQLite and PostgreSQL hold the ledger, count no limit, and say at each start,
//! and whenever a purse is filled anew, what is spent of a budget. So: memory alone, memory over SQLite, memory over
//! PostgreSQL, and Redis over PostgreSQL; the same steps, the same meaning.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod books;
#[expect(dead_code, reason = "what only the tests of the store need")]
#[path = "../../../tg-store/tests/it/fixture.rs"]
mod fixture;
mod memory;
#[expect(dead_code, reason = "what only the tests of the store need")]
#[path = "../../../tg-store/tests/postgres/server.rs"]
mod postgres;
#[path = "../../../tg-store/tests/servers/premises.rs"]
mod premises;
#[expect(dead_code, reason = "what only the tests of the store need")]
#[path = "../../../tg-store/tests/servers/redis.rs"]
mod redis;
mod reference;
mod rules;
mod shared;

use books::Books;
use proptest::prelude::*;
use reference::Reference;
use rules::{Call, Engine, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tg_kernel::clock::{Clock as _, ManualClock, Timestamp};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_policy::admit::Used;

/// Ten seconds before a day and a month begin, by the clocks of the budgets.
const START: &str = "2026-11-30T18:29:50Z";

/// A day.
const DAY: Duration = Duration::from_secs(86_400);

/// How long before the next day a day that is leapt over ends.
const EVE: Duration = Duration::from_secs(10);

/// How far midnight may be for calls that are under way to live to see it.
const NEAR: Duration = Duration::from_secs(900);

#[derive(Clone, Debug)]
enum Step {
    Wait {
        millis: u64,
    },
    /// To the first moment of the next day, or to the last of this one, where that is near.
    Midnight {
        before: bool,
    },
    /// All calls end; then it is ten seconds before another day.
    NextDay,
    Reserve {
        team: bool,
        key: u8,
        input: u64,
        usual: u64,
        worst: i64,
    },
    /// A call holds more money, all of it or none.
    Extend {
        which: usize,
        more: i64,
    },
    /// A stream makes more output, as far as there is room.
    Grow {
        which: usize,
        tokens: u64,
    },
    /// A call ends, having cost so many hundredths of what it holds; `None`: nothing came of it.
    Settle {
        which: usize,
        used: Option<(u64, u64)>,
        percent: i64,
    },
    /// The ledger has the row of a call that has ended.
    Book {
        which: usize,
    },
    /// Purses that are not where the ledger is are filled from it anew.
    Refill,
    /// The process dies. Another one settles its journal, and goes on.
    Crash,
    /// The process dies, and its journal with it: nobody will ever end its calls.
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..1_500u64).prop_map(|millis| Step::Wait { millis }),
        2 => (5_000..45_000u64).prop_map(|millis| Step::Wait { millis }),
        1 => (100_000..700_000u64).prop_map(|millis| Step::Wait { millis }),
        2 => any::<bool>().prop_map(|before| Step::Midnight { before }),
        1 => Just(Step::NextDay),
        14 => (any::<bool>(), 0..3u8, 0..700u64, 1..600u64, 0..2_500i64)
            .prop_map(|(team, key, input, usual, worst)| Step::Reserve { team, key, input, usual, worst }),
        3 => (0..8usize, 1..1_500i64).prop_map(|(which, more)| Step::Extend { which, more }),
        3 => (0..8usize, 1..600u64).prop_map(|(which, tokens)| Step::Grow { which, tokens }),
        6 => (0..8usize, proptest::option::weighted(0.9, (0..900u64, 0..900u64)), 0..=115i64)
            .prop_map(|(which, used, percent)| Step::Settle { which, used, percent }),
        5 => (0..8usize).prop_map(|which| Step::Book { which }),
        1 => Just(Step::Refill),
        1 => Just(Step::Crash),
        1 => Just(Step::Lose),
    ]
}

/// An engine and the reference, side by side.
struct Bench<'a> {
    engine: Box<dyn Engine + 'a>,
    reference: Reference,
    clock: Arc<ManualClock>,
    teams: String,
}

impl Bench<'_> {
    fn does(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Wait { millis } => self.pass(Duration::from_millis(millis)),
            Step::Midnight { before } if self.until_midnight() <= NEAR => {
                self.pass(self.until_midnight().saturating_sub(Duration::from_millis(before.into())));
            }
            Step::Midnight { .. } => {}
            Step::NextDay => self.next_day(),
            Step::Reserve { team, key, input, usual, worst } => return self.reserve(team, key, (input, usual), worst),
            Step::Extend { which, more } => {
                let Some(id) = self.reference.under_way(which) else { return Ok(()) };
                let more = Money::from_nanos(more);
                prop_assert_eq!(self.engine.extend(id, more), self.reference.extend(id, more));
            }
            Step::Grow { which, tokens } => {
                let Some(id) = self.reference.under_way(which) else { return Ok(()) };
                prop_assert_eq!(self.engine.grow(id, tokens), self.reference.grow(id, tokens));
            }
            Step::Settle { which, used, percent } => {
                let Some(id) = self.reference.under_way(which) else { return Ok(()) };
                self.settle(id, used.map(|(input, output)| Used { input, output }), percent);
            }
            Step::Book { which } => {
                let Some(row) = self.reference.ended(which) else { return Ok(()) };
                self.book(row);
            }
            Step::Refill => self.engine.refill(),
            Step::Crash => {
                let rows = self.reference.journal();
                self.reference.dies(&rows);
                self.engine.restart(&rows);
            }
            Step::Lose => {
                self.reference.dies(&[]);
                self.engine.restart(&[]);
            }
        }
        Ok(())
    }

    fn pass(&mut self, span: Duration) {
        self.engine.pass(span);
        self.reference.now = self.clock.now();
    }

    fn until_midnight(&self) -> Duration {
        let midnight = Timestamp::parse(START).unwrap().after(EVE);
        let mut next = midnight;
        while next <= self.clock.now() {
            next = next.after(DAY);
        }
        next.since(self.clock.now())
    }

    fn next_day(&mut self) {
        while let Some(id) = self.reference.under_way(0) {
            self.settle(id, Some(Used { input: 10, output: 10 }), 50);
        }
        while let Some(row) = self.reference.ended(0) {
            self.book(row);
        }
        let span = self.until_midnight().saturating_sub(EVE);
        let span = if span.is_zero() { DAY } else { span };
        self.engine.leap(span);
        self.reference.now = self.clock.now();
    }

    fn reserve(&mut self, team: bool, key: u8, (input, usual): (u64, u64), worst: i64) -> Result<(), TestCaseError> {
        let call = Call {
            id: CallId::fresh(),
            booked: Attribution {
                team: format!("{}{}", self.teams, if team { "red" } else { "blue" }).into(),
                key_id: format!("k{key}").into(),
                ..Attribution::default()
            },
            arrived: self.clock.now(),
            input,
            usual,
            worst: Money::from_nanos(worst),
        };
        let wanted = self.reference.reserve(&call);
        let got: Verdict = self.engine.reserve(&call);
        prop_assert!(wanted.allows(&got), "{got:?} instead of {wanted:?}");
        Ok(())
    }

    fn settle(&mut self, id: CallId, used: Option<Used>, percent: i64) {
        let cost = self.reference.settle(id, used, percent);
        self.engine.settle(id, used, cost);
    }

    fn book(&mut self, row: Record) {
        self.reference.book(&row);
        self.engine.book(&row);
    }
}

/// Runs steps, and looks after each whether as much is held as the reference holds.
fn run<'a>(
    steps: &[Step],
    engine: impl FnOnce(&Arc<ManualClock>, &str) -> Box<dyn Engine + 'a>,
) -> Result<(), TestCaseError> {
    static CASES: AtomicU32 = AtomicU32::new(0);
    let teams = format!("c{}-", CASES.fetch_add(1, Ordering::Relaxed));
    let clock = Arc::new(ManualClock::at(Timestamp::parse(START).unwrap()));
    let engine = engine(&clock, &teams);
    let reference = Reference::new(engine.rules(), &teams, clock.now());
    let mut bench = Bench { engine, reference, clock, teams };
    for step in steps {
        bench.does(step)?;
        prop_assert_eq!(bench.engine.held(), bench.reference.held(), "after {:?}", step);
    }
    bench.next_day();
    prop_assert_eq!(bench.engine.held(), Money::ZERO, "nothing is held for good");
    Ok(())
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..most)
}

#[test]
fn memory_decides_as_the_reference_does() {
    proptest!(config(256), |(steps in steps(80))| {
        let books = Books::list();
        run(&steps, |clock, teams| Box::new(memory::Memory::new(clock, teams, &books)))?;
    });
}

#[test]
fn memory_over_sqlite_decides_as_the_reference_does() {
    let folder = tempfile::TempDir::new().unwrap();
    let books = Books::of(&tg_store::Store::open(folder.path().join("store.db")).unwrap());
    proptest!(config(64), |(steps in steps(60))| {
        run(&steps, |clock, teams| Box::new(memory::Memory::new(clock, teams, &books)))?;
    });
}

#[test]
fn memory_over_postgres_decides_as_the_reference_does() {
    let server = postgres::PostgresServer::start(&[]);
    let books = Books::of(&books::connect(&server));
    proptest!(config(48), |(steps in steps(60))| {
        run(&steps, |clock, teams| Box::new(memory::Memory::new(clock, teams, &books)))?;
    });
}

#[test]
fn redis_over_postgres_decides_as_the_reference_does() {
    let (server, redis) = (postgres::PostgresServer::start(&[]), redis::Redis::start());
    let books = Books::of(&books::connect(&server));
    proptest!(config(48), |(steps in steps(60))| {
        run(&steps, |clock, teams| Box::new(shared::Shared::new(clock, teams, &books, &redis)))?;
    });
}
