//! What each name holds of a purse is what the records of its calls say, whatever is late, doubled, renamed or dead; and in
//! the end nothing is.

use super::server::Server;
use super::{DAY, Replica, manual, options, purse};
use crate::backends::redis::script::Invocation;
use crate::backends::redis::{Extension, Options, Seeding, lock, wire};
use crate::counters::{Ask, CounterKey, Hold, HoldId, Reason, Reserved};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::clock::ManualClock;
use tg_kernel::ids::CallId;

const REPLICAS: usize = 2;

/// Purses: two of their own, and two hours of a rolling window.
const PURSES: usize = 4;

/// What names that live hold of purses and the records do not say, or with a second argument: whatever they hold.
const CHECK: &str = r"
local tag, wrong, sums = ARGV[1], {}, {}
for _, record in ipairs(redis.call('KEYS', tag .. ':c:*')) do
  local kept, name = redis.call('HGETALL', record), redis.call('HGET', record, 'i')
  for place = 1, #kept, 2 do
    local key = string.match(kept[place], '^p:(.*)$')
    local amount, made = string.match(kept[place + 1], '^(%d+) (%d+)$')
    if key and redis.call('HGET', key, 'g') == made then
      local whose = key .. ' ' .. name
      sums[whose] = (sums[whose] or 0) + tonumber(amount)
    end
  end
end
for _, key in ipairs(redis.call('KEYS', tag .. ':p:*')) do
  local kept = redis.call('HGETALL', key)
  for place = 1, #kept, 2 do
    local name = string.match(kept[place], '^h:(.*)$')
    if name and redis.call('ZSCORE', tag .. ':money', name) then
      local whose, held = key .. ' ' .. name, tonumber(kept[place + 1])
      if held ~= (ARGV[2] and 0 or sums[whose] or 0) then
        wrong[#wrong + 1] = whose .. ' holds ' .. held .. ' and its records ' .. (sums[whose] or 0)
      end
      sums[whose] = nil
    end
  end
end
for whose, sum in pairs(sums) do
  local name = string.match(whose, '[^ ]*$')
  if sum > 0 and redis.call('ZSCORE', tag .. ':money', name) then
    wrong[#wrong + 1] = whose .. ' holds nothing and its records ' .. sum
  end
end
return wrong
";

#[derive(Clone, Debug)]
enum Event {
    /// So many seconds pass, with beats.
    Wait(u64),
    Call(usize, usize, u64),
    /// A call asks; the question is under way when nobody waits for the answer any more.
    LateCall(usize, usize, u64),
    /// A call goes on without being asked for, as the server is away.
    Share(usize, u64),
    Extend(usize, usize, u64),
    LateExtend(usize, usize, u64),
    End(usize, u64),
    Book(usize),
    /// A replica says what waits; what it said before and was not answered may be under way, too.
    Say(usize, bool),
    Restate(usize, bool),
    Rename(usize),
    /// A replica dies, and another one settles its journal.
    Kill(usize),
    /// What was under way arrives, once or twice.
    Deliver(usize, bool),
}

fn event() -> impl Strategy<Value = Event> {
    let one = || (0..REPLICAS, 0..PURSES, 1u64..100);
    prop_oneof![
        1 => (1u64..40).prop_map(Event::Wait),
        6 => one().prop_map(|(replica, purse, units)| Event::Call(replica, purse, units)),
        3 => one().prop_map(|(replica, purse, units)| Event::LateCall(replica, purse, units)),
        2 => (0..REPLICAS, 1u64..100).prop_map(|(replica, units)| Event::Share(replica, units)),
        3 => (0usize..6, 0..PURSES, 1u64..100).prop_map(|(which, purse, units)| Event::Extend(which, purse, units)),
        2 => (0usize..6, 0..PURSES, 1u64..100).prop_map(|(which, purse, units)| Event::LateExtend(which, purse, units)),
        4 => (0usize..6, prop_oneof![Just(0), 1u64..200]).prop_map(|(which, cost)| Event::End(which, cost)),
        3 => (0usize..6).prop_map(Event::Book),
        4 => (0..REPLICAS, any::<bool>()).prop_map(|(replica, doubled)| Event::Say(replica, doubled)),
        2 => (0..REPLICAS, any::<bool>()).prop_map(|(replica, late)| Event::Restate(replica, late)),
        1 => (0..REPLICAS).prop_map(Event::Rename),
        1 => (0..REPLICAS).prop_map(Event::Kill),
        4 => (0usize..8, any::<bool>()).prop_map(|(which, again)| Event::Deliver(which, again)),
    ]
}

/// What a call holds.
enum Held {
    Asked(Hold),
    Share(HoldId),
}

struct Bench {
    options: Options,
    clock: Arc<ManualClock>,
    server: redis::Connection,
    replicas: Vec<Replica>,
    /// By which names the processes counted that had each one's journal.
    dead: [Vec<String>; REPLICAS],
    going: Vec<(usize, CallId, Held)>,
    /// Ended, and not booked yet.
    ended: Vec<(usize, CallId, u64)>,
    /// Said to the server, and not heard yet.
    under_way: Vec<Invocation>,
}

fn key(number: usize) -> CounterKey {
    match number {
        0 => CounterKey::of(&["one"]),
        1 => CounterKey::of(&["two"]),
        hour => CounterKey::of(&["rolling", &hour.to_string()]).holding(&CounterKey::of(&["rolling"])),
    }
}

fn asks(number: usize, units: u64) -> [Ask; 1] {
    [Ask { key: key(number), ..purse("", 1_000_000_000, units) }]
}

impl Bench {
    async fn new(server: &Server) -> Self {
        let (clock, tag) = (manual(), CallId::fresh().to_string());
        let options = Options { clock: Some(clock.clone()), tag, ..options(server) };
        let replicas: Vec<Replica> = (0..REPLICAS).map(|_| Replica::of(options.clone())).collect();
        let connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        let link = &replicas[0].link;
        for number in 0..PURSES {
            let answer = link.reserve(HoldId::of(CallId::fresh()), &asks(number, 1)).await.unwrap();
            let Reserved::Unseeded(purses) = answer else { panic!("{answer:?}") };
            assert_eq!(link.seed(&purses[0].key, purses[0].mark, 0, DAY).await.unwrap(), Seeding::Done);
        }
        let (dead, going) = (std::array::from_fn(|_| Vec::new()), Vec::new());
        Self { options, clock, server: connection, replicas, dead, going, ended: Vec::new(), under_way: Vec::new() }
    }

    async fn happens(&mut self, event: Event) {
        match event {
            Event::Wait(seconds) => {
                for _ in 0..seconds {
                    self.clock.advance(Duration::from_secs(1));
                }
                for replica in &self.replicas {
                    replica.beat().await;
                }
            }
            Event::Call(replica, number, units) => {
                let call = CallId::fresh();
                let hold = self.replicas[replica].held(HoldId::of(call), &asks(number, units)).await;
                self.going.push((replica, call, Held::Asked(hold)));
            }
            Event::LateCall(replica, number, units) => {
                let (id, asks) = (HoldId::of(CallId::fresh()), asks(number, units));
                self.ask_late(replica, &id, 0, &asks);
                let asks: Vec<&Ask> = asks.iter().collect();
                self.replicas[replica].link.give_up(&id, 0, &asks, &Reason::Late);
            }
            Event::Share(replica, units) => {
                let id = HoldId::of(CallId::fresh()).again();
                self.replicas[replica].counters.holds(&id, &[(key(0), units, DAY)]);
                self.going.push((replica, id.call(), Held::Share(id)));
            }
            Event::Extend(which, number, units) => {
                if let Some((replica, _, Held::Asked(hold))) = self.going.get_mut(which) {
                    // One whose name is given up is told again first.
                    drop(self.replicas[*replica].link.extend(hold, &asks(number, units)).await);
                }
            }
            Event::LateExtend(which, number, units) => {
                let Some((replica, _, Held::Asked(hold))) = self.going.get_mut(which) else { return };
                let asks = asks(number, units);
                drop(Extension::of(hold, asks.to_vec()));
                let (replica, id, extension) = (*replica, hold.id.clone(), hold.extensions);
                self.ask_late(replica, &id, extension, &asks);
            }
            Event::End(which, cost) => self.end(which, cost),
            Event::Book(which) => self.book(which),
            Event::Say(replica, doubled) => self.say(replica, doubled).await,
            Event::Restate(replica, late) => self.restate(replica, late).await,
            Event::Rename(number) => {
                self.replicas[number].beat().await;
                *lock(&self.replicas[number].counters.0.counted_by) = Some("another".into());
                self.replicas[number].beat().await;
            }
            Event::Kill(replica) => self.kill(replica).await,
            Event::Deliver(which, again) => self.deliver(which, again).await,
        }
    }

    fn ask_late(&mut self, replica: usize, id: &HoldId, extension: u32, asks: &[Ask]) {
        let name = lock(&self.replicas[replica].counters.0.incarnations).current();
        let asks: Vec<&Ask> = asks.iter().collect();
        self.under_way.push(wire::reserve(id, &name, extension, &asks));
    }

    fn end(&mut self, which: usize, cost: u64) {
        if which >= self.going.len() {
            return;
        }
        let (replica, call, held) = self.going.remove(which);
        let counters = &self.replicas[replica].counters;
        match held {
            Held::Asked(hold) => counters.settle(hold, |_, _| cost),
            Held::Share(id) => counters.ends(&id, &[key(0)], cost),
        }
        // A row that costs nothing is not booked.
        if cost > 0 {
            self.ended.push((replica, call, cost));
        }
    }

    fn book(&mut self, which: usize) {
        if which < self.ended.len() {
            let (replica, call, cost) = self.ended.remove(which);
            let purses: Vec<CounterKey> = (0..PURSES).map(key).collect();
            self.replicas[replica].counters.book(call, cost, &purses);
        }
    }

    async fn say(&mut self, replica: usize, doubled: bool) {
        let replica = &self.replicas[replica];
        if doubled {
            self.under_way.extend(lock(&replica.counters.0.outbox).first(replica.counters.0.speech.elapsed()));
        }
        replica.say().await;
        replica.counters.0.bury();
        replica.beat().await;
    }

    async fn restate(&mut self, replica: usize, late: bool) {
        let (counters, link) = (&self.replicas[replica].counters.0, &self.replicas[replica].link.link);
        self.replicas[replica].beat().await;
        if let Some(side) = counters.side(link.server()).filter(|_| late) {
            self.under_way.extend(lock(&counters.pledges).next(&side).into_iter().map(|said| said.invocation));
        }
        counters.restate(link).await.unwrap();
    }

    async fn kill(&mut self, number: usize) {
        let next = Replica::of(self.options.clone());
        let dead = std::mem::replace(&mut self.replicas[number], next);
        let (of_dead, others) =
            std::mem::take(&mut self.going).into_iter().partition(|(replica, ..)| *replica == number);
        self.going = others;
        let of_dead: Vec<(usize, CallId, Held)> = of_dead;
        // Where it left, the call is in the journal, and booked with an estimate.
        self.ended.extend(of_dead.iter().map(|(_, call, _)| (number, *call, 7)));
        while let Some(which) = self.ended.iter().position(|(replica, ..)| *replica == number) {
            self.book(which);
        }
        self.dead[number].push(dead.counters.process());
        self.replicas[number].counters.succeeds(self.dead[number].clone());
        self.replicas[number].beat().await;
    }

    async fn deliver(&mut self, which: usize, again: bool) {
        if which < self.under_way.len() {
            let invocation = self.under_way.remove(which);
            for _ in 0..=usize::from(again) {
                self.replicas[0].link.link.run(&invocation).await.unwrap();
            }
        }
    }

    /// All ends, is booked and heard.
    async fn finish(&mut self) {
        while !self.going.is_empty() {
            self.end(0, 5);
        }
        while !self.ended.is_empty() {
            self.book(0);
        }
        for replica in 0..REPLICAS {
            self.restate(replica, false).await;
            self.say(replica, false).await;
        }
        while !self.under_way.is_empty() {
            self.deliver(0, true).await;
        }
        for replica in 0..REPLICAS {
            self.say(replica, false).await;
        }
    }

    fn wrong(&mut self, whatever: bool) -> Vec<String> {
        let mut command = redis::cmd("EVAL");
        command.arg(CHECK).arg(0).arg(format!("{{{}}}", self.options.tag));
        if whatever {
            command.arg("held");
        }
        command.query(&mut self.server).unwrap()
    }
}

/// A budget that is smaller by what calls hold that are over.
#[test]
fn whatever_is_late_or_doubled_or_dies_names_hold_what_their_calls_do_and_nothing_in_the_end() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(events in proptest::collection::vec(event(), 1..80))| {
        runtime.block_on(async {
            let mut bench = Bench::new(&server).await;
            for event in events {
                let said = format!("{event:?}");
                bench.happens(event).await;
                assert_eq!(bench.wrong(false), Vec::<String>::new(), "after {said}");
            }
            bench.finish().await;
            assert_eq!(bench.wrong(false), Vec::<String>::new(), "in the end");
            assert_eq!(bench.wrong(true), Vec::<String>::new(), "all is over");
        });
    });
}
