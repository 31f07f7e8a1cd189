//! The engine that gateways share: counts and purses in Redis, which one process after the other asks.

use super::books::Books;
use super::redis::Redis;
use super::rules::{Call, Engine, Rules, Verdict, in_force, limits};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tg_kernel::clock::{Clock, ManualClock, Timestamp};
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_policy::admit::budget::{Purses, SharedPurse, Want};
use tg_policy::admit::{Counters, Hold, Limits, Used};
use tg_store::counters::{Ask, CounterKey, HoldId, Reserved, Unseeded};
use tg_store::shared::{Extended, Options, Patience, Place, Seeding, SharedCounters, SharedLink};

/// How long a process is silent at most while time passes: it would be thought dead after 30 s.
const SILENCE_MAX: Duration = Duration::from_secs(25);

/// Round trips with which a process begins: it says that it lives, and that it has told all that its calls hold.
const BEGIN: u64 = 3;

/// See the module.
pub(crate) struct Shared<'a> {
    runtime: Rc<tokio::runtime::Runtime>,
    clock: Arc<ManualClock>,
    teams: String,
    books: &'a Books,
    limits: Limits,
    options: Options,
    process: Process,
    holds: HashMap<CallId, (Hold, Vec<SharedPurse>)>,
}

/// What a process has in its own memory.
struct Process {
    counters: SharedCounters,
    link: SharedLink,
    /// Knows which keys are counted together, and no more.
    census: Counters,
    purses: Purses,
}

impl Process {
    fn new(options: &Options, teams: &str, now: Timestamp) -> Self {
        let counters = SharedCounters::new(options.clone());
        let (link, purses) = (counters.link(), Purses::default());
        purses.adopt(in_force(teams), now);
        Self { counters, link, census: Counters::default(), purses }
    }

    fn book(&self, row: &Record, clock: &dyn Clock) {
        let cost = row.total_cost().amount;
        if cost > Money::ZERO {
            self.counters.book(row.id, nanos(cost), &self.purses.booked(row, clock.now()));
        }
    }

    /// Is heard of, and says all that waits, in so many round trips at least.
    async fn say(&self, least: u64) {
        let answered = || self.counters.figures().tally.round_trips;
        let (before, begun) = (answered(), Instant::now());
        let said = async {
            while !self.counters.has_said_all() || answered() < before + least {
                assert!(begun.elapsed() < Duration::from_secs(20), "the server does not hear");
                tokio::time::sleep(Duration::from_micros(100)).await;
            }
        };
        tokio::select! {
            () = self.counters.drive() => {}
            () = said => {}
        }
        let figures = self.counters.figures();
        assert_eq!((figures.lost, figures.refused), (0, 0));
    }
}

impl<'a> Shared<'a> {
    pub(crate) fn new(clock: &Arc<ManualClock>, teams: &str, books: &'a Books, redis: &Redis) -> Self {
        let runtime = Rc::new(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
        let place = Place::parse(&format!("redis://127.0.0.1:{}", redis.port)).unwrap();
        let patience = Patience { connect: Duration::from_secs(10), command: Duration::from_secs(10) };
        let time: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
        let options = Options { tag: teams.to_owned(), patience, clock: Some(time), ..Options::new(place) };
        let process = Process::new(&options, teams, clock.now());
        let (clock, teams, holds) = (Arc::clone(clock), teams.to_owned(), HashMap::new());
        let engine = Self { runtime, clock, teams, books, limits: limits(), options, process, holds };
        engine.runtime.block_on(engine.process.say(BEGIN));
        engine
    }

    /// The purses of both teams that are open now.
    fn open(&self) -> Vec<SharedPurse> {
        let payers = ["red", "blue"].map(|team| format!("{}{team}", self.teams));
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for team in payers {
            let booked = tg_kernel::principal::Attribution { team: team.into(), ..Default::default() };
            let payer = tg_policy::admit::budget::Payer { attribution: &booked, model: super::rules::MODEL };
            let purses = self.process.purses.shared(&payer, self.clock.now());
            all.extend(purses.into_iter().filter(|purse| seen.insert(purse.key.clone())));
        }
        all
    }

    async fn seed(&self, met: &[SharedPurse], unseeded: Vec<Unseeded>) {
        for one in unseeded {
            let purse = met.iter().find(|purse| purse.key == one.key).unwrap();
            let (query, _) = purse.summed_by().unwrap();
            let sum = self.process.purses.sum(&query, &[purse], |each| self.books.spent(&query, each)).unwrap();
            let spent = u64::try_from(sum[0].nanos()).unwrap();
            let done = self.process.link.seed(&one.key, one.mark, spent, purse.keep()).await.unwrap();
            assert_eq!(done, Seeding::Done);
        }
    }

    async fn ask(&mut self, call: &Call) -> Verdict {
        let (facts, want) = (call.facts(), Want::fixed(call.worst));
        let met = self.process.purses.shared(&call.payer(), call.arrived);
        let mut limits = self.limits.shared_call(&facts, &self.process.census, self.clock.monotonic());
        loop {
            let asks: Vec<Ask> = limits.asks(0).chain(met.iter().map(|purse| purse.wants(call.worst))).collect();
            match self.process.link.reserve(HoldId::of(call.id), &asks).await.unwrap() {
                Reserved::Held(hold) => {
                    let hold = limits.held(hold);
                    let verdict = Verdict::from(&hold);
                    self.holds.insert(call.id, (hold, met));
                    return verdict;
                }
                Reserved::Full(standings) => {
                    let (of_limits, of_purses) = standings.split_at(limits.len());
                    if of_purses.iter().any(|of| of.full) {
                        let left = |nanos: u64| Some(Money::from_nanos(i64::try_from(nanos).unwrap()));
                        let lefts: Vec<_> = of_purses.iter().map(|of| left(of.remaining)).collect();
                        let of = (Money::ZERO, call.arrived);
                        return Verdict::from(&*self.process.purses.fit(&met, &lefts, &want, of).unwrap_err());
                    }
                    match limits.fit(of_limits, &self.process.census) {
                        Ok(lowered) => assert!(lowered, "nobody else takes anything"),
                        Err(denied) => return denied.into(),
                    }
                }
                Reserved::Unseeded(unseeded) => self.seed(&met, unseeded).await,
                Reserved::Ended => panic!("a call is asked for once"),
            }
        }
    }

    /// Takes more for a call; how each count stands where there is no room.
    async fn take_more(
        &self,
        (hold, met): (&mut Hold, &[SharedPurse]),
        asks: &[Ask],
    ) -> Result<(), Vec<tg_store::counters::Standing>> {
        let held = hold.shared_mut().unwrap().hold_mut();
        loop {
            match self.process.link.extend(held, asks).await.unwrap() {
                Extended::Held => return Ok(()),
                Extended::Full(standings) => return Err(standings),
                Extended::Unseeded(unseeded) => self.seed(met, unseeded).await,
                Extended::Ended => panic!("the call goes on"),
            }
        }
    }
}

impl Engine for Shared<'_> {
    fn rules(&self) -> Rules {
        Rules { counts_outlive: true, turns: true }
    }

    fn reserve(&mut self, call: &Call) -> Verdict {
        Rc::clone(&self.runtime).block_on(self.ask(call))
    }

    fn extend(&mut self, id: CallId, more: Money) -> bool {
        let (mut hold, mut met) = self.holds.remove(&id).unwrap();
        met.iter_mut().for_each(|purse| purse.turn(self.clock.now()));
        let asks: Vec<Ask> = met.iter().map(|purse| purse.wants(more)).collect();
        let fits = self.runtime.block_on(self.take_more((&mut hold, &met), &asks)).is_ok();
        self.holds.insert(id, (hold, met));
        fits
    }

    fn grow(&mut self, id: CallId, tokens: u64) -> u64 {
        let (mut hold, met) = self.holds.remove(&id).unwrap();
        let mut granted = tokens;
        while granted > 0 {
            let asks = hold.shared_mut().unwrap().growth(granted);
            let Err(standings) = self.runtime.block_on(self.take_more((&mut hold, &met), &asks)) else { break };
            granted = standings.iter().map(|of| of.remaining).min().unwrap();
        }
        self.holds.insert(id, (hold, met));
        granted
    }

    fn settle(&mut self, id: CallId, used: Option<Used>, cost: Money) {
        let (mut hold, _) = self.holds.remove(&id).unwrap();
        let (hold, of) = hold.take_shared().unwrap().ended(used, nanos(cost));
        self.process.counters.settle(hold, of);
        self.runtime.block_on(self.process.say(1));
    }

    fn book(&mut self, row: &Record) {
        self.books.append(std::slice::from_ref(row));
        self.process.book(row, &*self.clock);
        self.runtime.block_on(self.process.say(1));
    }

    fn refill(&mut self) {
        let keys: Vec<CounterKey> = self.open().into_iter().map(|purse| purse.key).collect();
        self.process.counters.mistrust(&keys);
        self.runtime.block_on(self.process.say(1));
    }

    fn restart(&mut self, journal: &[Record]) {
        self.holds.clear();
        self.books.append(journal);
        self.process = Process::new(&self.options, &self.teams, self.clock.now());
        for row in journal {
            self.process.book(row, &*self.clock);
        }
        let now = self.clock.now();
        let spent = self.process.purses.mirror(now, |query, each| self.books.spent(query, each)).unwrap();
        self.process.counters.mistrust(&spent);
        self.runtime.block_on(self.process.say(BEGIN));
    }

    fn pass(&mut self, mut span: Duration) {
        while !span.is_zero() {
            let step = span.min(SILENCE_MAX);
            span -= step;
            self.clock.advance(step);
            self.runtime.block_on(self.process.say(1));
        }
    }

    fn leap(&mut self, span: Duration) {
        self.clock.advance(span);
        self.runtime.block_on(self.process.say(1));
    }

    fn held(&mut self) -> Money {
        let keys: Vec<CounterKey> = self.open().into_iter().map(|purse| purse.key).collect();
        let seen = self.runtime.block_on(self.process.link.look(&keys)).unwrap();
        seen.into_iter()
            .filter_map(|seen| seen.held)
            .fold(Money::ZERO, |sum, nanos| sum.plus(Money::from_nanos(nanos.cast_signed())))
    }
}

fn nanos(money: Money) -> u64 {
    u64::try_from(money.nanos()).unwrap()
}
