//! The same calls in memory and at a real `redis-server`, step by step, by proptest: limits and budgets mean the same.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../../tg-store/tests/servers/premises.rs"]
mod premises;
#[expect(dead_code, reason = "what only the tests of the store need")]
#[path = "../../tg-store/tests/servers/redis.rs"]
mod redis;

#[path = "../src/admit/budget/tests/rows.rs"]
mod rows;

use proptest::prelude::*;
use redis::Redis;
use rows::record;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tg_kernel::calendar::{Unit, Zone};
use tg_kernel::clock::{Clock as _, ManualClock, Timestamp};
use tg_kernel::fault::{Fault, Retry};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::units::Money;
use tg_policy::admit::budget::{Budget, Budgets, OnExhausted, Payer, Purses, SharedPurse, Want, Window};
use tg_policy::admit::{
    Bound, Counters, Dimension, Estimate, Facts, Hold, Limit, Limits, Measure, Mode, OutputFacts, Rate, Reserve, Scope,
    Shortage, Size, Standing, Used, WhenAway,
};
use tg_store::counters::{Ask, HoldId, Reserved};
use tg_store::ledger::SpentRow;
use tg_store::shared::{Options, Patience, Place, Seeding, SharedCounters, SharedLink};

fn limits() -> Limits {
    let limit = |name: &str, each: &[Dimension], bounds: &[(Measure, Size)]| Limit {
        name: name.into(),
        scope: Scope::default(),
        each: each.to_vec(),
        bounds: bounds.iter().map(|(measure, size)| Bound { measure: *measure, size: *size }).collect(),
        reserve: Reserve::Usual,
        shortage: Shortage::Refuse,
        mode: Mode::Enforce,
        when_away: WhenAway::FailClosed,
    };
    let rate = |amount, seconds, burst| Size::Rate(Rate { amount, period: Duration::from_secs(seconds), burst });
    let (requests, tokens) = ((Measure::Requests, rate(7, 2, 9)), (Measure::Tokens, rate(900, 3, 2_000)));
    Limits::new([
        limit("keys", &[Dimension::Key], &[requests, tokens]),
        limit("all", &[], &[(Measure::Calls, Size::AtMost(6)), (Measure::InputTokens, rate(500, 1, 3_000))]),
        Limit {
            mode: Mode::Observe,
            ..limit(
                "look",
                &[Dimension::Team],
                &[(Measure::Requests, rate(1, 2, 2)), (Measure::Calls, Size::AtMost(2))],
            )
        },
        limit("streams", &[Dimension::Key], &[(Measure::Streams, Size::AtMost(2))]),
        Limit {
            shortage: Shortage::Clamp { least: 20 },
            reserve: Reserve::Most,
            ..limit("clamp", &[], &[(Measure::OutputTokens, rate(100, 1, 1_500))])
        },
    ])
}

fn budgets() -> Arc<Budgets> {
    let budget = |name: &str, amount: i64, each: &[Dimension]| Budget {
        name: name.into(),
        scope: Scope::default(),
        each: each.to_vec(),
        amount: Money::from_nanos(amount),
        window: Window::Calendar(Unit::Month),
        zone: Zone::UTC,
        starts: None,
        warn_at: Vec::new(),
        on_exhausted: OnExhausted::Refuse,
        when_away: WhenAway::FailClosed,
        shortage: Shortage::Refuse,
        reserve: Reserve::Most,
    };
    Arc::new(Budgets::new(vec![budget("all", 9_000, &[]), budget("teams", 4_000, &[Dimension::Team])]))
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Call { team: u8, key: u8, stream: bool, input: u64, usual: u64, most: u64, worst: i64 },
    End { which: usize, input: u64, output: u64, cost: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1u64..700).prop_map(Step::Wait),
        5 => (0u8..2, 0u8..3, any::<bool>(), 0u64..700, 1u64..300, 0u64..900, 0i64..2_500)
            .prop_map(|(team, key, stream, input, usual, more, worst)| {
                Step::Call { team, key, stream, input, usual, most: usual + more, worst }
            }),
        3 => (0usize..8, 0u64..900, 0u64..500, 0i64..2_500)
            .prop_map(|(which, input, output, cost)| Step::End { which, input, output, cost }),
    ]
}

/// A call that goes on, in both.
struct Going {
    id: CallId,
    booked: Attribution,
    arrived: Timestamp,
    memory: Hold,
    shared: Hold,
}

struct Bench {
    clock: Arc<ManualClock>,
    limits: Limits,
    memory: (Counters, Purses),
    mirror: (Counters, Purses),
    counters: SharedCounters,
    link: SharedLink,
    ledger: Vec<SpentRow>,
    going: Vec<Going>,
}

/// How a call is answered.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Passed(Vec<Standing>, Option<u64>),
    Limited(Standing, Option<Duration>),
    Exhausted(Arc<str>, Money),
}

fn limited(denied: tg_policy::admit::Denied) -> Verdict {
    let standing = denied.standing;
    let wait = match Fault::from(denied).retry {
        Retry::After(wait) => Some(wait),
        Retry::Never | Retry::Elsewhere => None,
    };
    Verdict::Limited(rounded(standing), wait.map(micros))
}

/// Of a call that would be clamped, the server has rounded a longer wait: it may come out a microsecond too long, never short.
fn to_the_microsecond(got: Verdict, wanted: &Verdict) -> Verdict {
    match (got, wanted) {
        (Verdict::Limited(standing, Some(got)), Verdict::Limited(_, Some(wanted)))
            if got == *wanted + Duration::from_micros(1) =>
        {
            Verdict::Limited(standing, Some(*wanted))
        }
        (got, _) => got,
    }
}

/// Times in memory are of nanoseconds, at the server of microseconds, both rounded up.
fn micros(span: Duration) -> Duration {
    Duration::from_micros(u64::try_from(span.as_nanos().div_ceil(1_000)).unwrap())
}

fn rounded(standing: Standing) -> Standing {
    Standing { reset: micros(standing.reset), ..standing }
}

impl Bench {
    fn new(server: &Redis) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_800_000_000)));
        let place = Place::parse(&server.url()).unwrap();
        let patience = Patience { connect: Duration::from_secs(10), command: Duration::from_secs(10) };
        let (tag, time): (String, Arc<dyn tg_kernel::clock::Clock>) = (CallId::fresh().to_string(), clock.clone());
        let counters = SharedCounters::new(Options { tag, patience, clock: Some(time), ..Options::new(place) });
        let link = counters.link();
        let (memory, mirror) = (Purses::default(), Purses::default());
        memory.propose(budgets());
        memory.load(clock.now(), |_, _| Ok::<(), ()>(())).unwrap();
        mirror.adopt(budgets(), clock.now());
        let driven = counters.clone();
        drop(tokio::spawn(async move { driven.drive().await }));
        let (memory, mirror) = ((Counters::default(), memory), (Counters::default(), mirror));
        Self { clock, limits: limits(), memory, mirror, counters, link, ledger: Vec::new(), going: Vec::new() }
    }

    /// Waits until the server has heard all.
    async fn say(&self) {
        let begun = Instant::now();
        while self.counters.figures().waiting > 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "the server does not hear");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }

    fn in_memory(&self, id: CallId, facts: &Facts<'_>, worst: Money) -> (Verdict, Option<Hold>) {
        let (counters, purses) = &self.memory;
        let (arrived, now) = (self.clock.now(), self.clock.monotonic());
        let payer = Payer { attribution: facts.attribution, model: facts.model };
        if let Err(exhausted) = purses.reserve(id, &payer, arrived, &Want::fixed(worst)) {
            return (Verdict::Exhausted(exhausted.budget.clone(), exhausted.left), None);
        }
        match self.limits.admit_call(facts, counters, now) {
            Ok(hold) => {
                let standings = hold.standings().iter().copied().map(rounded).collect();
                (Verdict::Passed(standings, hold.output_bound()), Some(hold))
            }
            Err(denied) => {
                purses.settle(id, Money::ZERO);
                (limited(denied), None)
            }
        }
    }

    async fn shared(&self, id: CallId, facts: &Facts<'_>, worst: Money) -> (Verdict, Option<Hold>) {
        let (counters, purses) = &self.mirror;
        let arrived = self.clock.now();
        let payer = Payer { attribution: facts.attribution, model: facts.model };
        let met = purses.shared(&payer, arrived);
        let mut limits = self.limits.shared_call(facts, counters, self.clock.monotonic());
        loop {
            let asks: Vec<Ask> = limits.asks(0).chain(met.iter().map(|purse| purse.wants(worst))).collect();
            match self.link.reserve(HoldId::of(id), &asks).await.unwrap() {
                Reserved::Held(hold) => {
                    let hold = limits.held(hold);
                    let standings = hold.standings().iter().copied().map(rounded).collect();
                    return (Verdict::Passed(standings, hold.output_bound()), Some(hold));
                }
                Reserved::Full(standings) => {
                    let (of_limits, of_purses) = standings.split_at(limits.len());
                    if of_purses.iter().any(|of| of.full) {
                        let left = |nanos: u64| Some(Money::from_nanos(i64::try_from(nanos).unwrap()));
                        let lefts: Vec<_> = of_purses.iter().map(|of| left(of.remaining)).collect();
                        let exhausted =
                            purses.fit(&met, &lefts, &Want::fixed(worst), (Money::ZERO, arrived)).unwrap_err();
                        return (Verdict::Exhausted(exhausted.budget.clone(), exhausted.left), None);
                    }
                    match limits.fit(of_limits, counters) {
                        Ok(lowered) => assert!(lowered, "nobody else takes anything"),
                        Err(denied) => return (limited(denied), None),
                    }
                }
                Reserved::Unseeded(unseeded) => self.seed(&met, unseeded).await,
                Reserved::Ended => panic!("a call is asked for once"),
            }
        }
    }

    async fn seed(&self, met: &[SharedPurse], unseeded: Vec<tg_store::counters::Unseeded>) {
        for one in unseeded {
            let purse = met.iter().find(|purse| purse.key == one.key).unwrap();
            let (query, _) = purse.summed_by().unwrap();
            let sum = self.mirror.1.sum(&query, &[purse], |each| {
                self.ledger.iter().cloned().for_each(each);
                Ok::<(), ()>(())
            });
            let spent = u64::try_from(sum.unwrap()[0].nanos()).unwrap();
            assert_eq!(self.link.seed(&one.key, one.mark, spent, purse.keep()).await.unwrap(), Seeding::Done);
        }
    }

    async fn end(&mut self, which: usize, used: Used, cost: Money) {
        let Going { id, booked, arrived, memory, mut shared } = self.going.swap_remove(which % self.going.len());
        let now = self.clock.monotonic();
        self.memory.0.settle(memory, Some(used), now);
        let nanos = u64::try_from(cost.nanos()).unwrap();
        let (hold, of) = shared.take_shared().unwrap().ended(Some(used), nanos);
        self.counters.settle(hold, of);
        let record = record(id, &booked, arrived, cost.nanos());
        self.memory.1.settle(id, cost);
        self.memory.1.book(std::slice::from_ref(&record));
        let model = Arc::from("m");
        self.ledger.push(SpentRow { attribution: booked, model, hour: None, cost });
        if nanos > 0 {
            self.counters.book(id, nanos, &self.mirror.1.booked(&record, self.clock.now()));
        }
        self.say().await;
    }
}

async fn run(server: &Redis, steps: Vec<Step>) {
    let mut bench = Bench::new(server);
    for step in steps {
        match step {
            Step::Wait(millis) => bench.clock.advance(Duration::from_millis(millis)),
            Step::Call { team, key, stream, input, usual, most, worst } => {
                let booked = Attribution {
                    team: format!("t{team}").into(),
                    key_id: format!("k{key}").into(),
                    ..Attribution::default()
                };
                let estimate = Estimate { input, output_usual: usual, output_most: most };
                let output = OutputFacts { is_bounded: true, ..OutputFacts::default() };
                let facts = Facts { attribution: &booked, model: "m", provider: None, stream, estimate, output };
                let (id, worst) = (CallId::fresh(), Money::from_nanos(worst));
                let (wanted, memory) = bench.in_memory(id, &facts, worst);
                let (got, shared) = bench.shared(id, &facts, worst).await;
                assert_eq!(to_the_microsecond(got, &wanted), wanted, "{facts:?} {worst}");
                if let Some((memory, shared)) = memory.zip(shared) {
                    let arrived = bench.clock.now();
                    bench.going.push(Going { id, booked, arrived, memory, shared });
                }
            }
            Step::End { .. } if bench.going.is_empty() => {}
            Step::End { which, input, output, cost } => {
                bench.end(which, Used { input, output }, Money::from_nanos(cost)).await;
            }
        }
    }
}

#[test]
fn memory_and_redis_answer_the_same_calls_alike() {
    let server = Redis::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in proptest::collection::vec(step(), 1..40))| {
        runtime.block_on(run(&server, steps));
    });
}
