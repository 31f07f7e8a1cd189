//! Several gateways that count together: one limit is one limit, one budget is one budget, and what holds while the counters
//! are away.

use crate::budgets::{bounded, code};
use crate::redis::Redis;
use crate::wire::{Answer, Call};
use crate::world::{DEADLINE, Setup, World, document, load, rows, run, until};
use tallygate::gateway::Gateway;
use tempfile::TempDir;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_sim::Sim;
use tg_store::key::{IssuedKey, NewKey};

/// Gateways on one store and one Redis.
struct Fleet {
    redis: Redis,
    sim: Sim,
    gateways: Vec<Option<Gateway>>,
    texts: Vec<String>,
    key: IssuedKey,
    folder: TempDir,
}

impl Fleet {
    fn start(count: usize, setup: &Setup, counters: &str) -> Self {
        let (redis, folder) = (Redis::start(), TempDir::new().unwrap());
        let sim = Sim::start(setup.sim.clone()).unwrap();
        let text = |number: usize| {
            let journal = format!("tallygate.db', journal: '{}/journal-{number}'", folder.path().display());
            let text = document(setup, &sim, folder.path()).replacen("tallygate.db'", &journal, 1);
            format!("{text}counters: {{ url: '{}', timeout: 200ms{counters} }}\n", redis.url())
        };
        let texts: Vec<String> = (0..count).map(text).collect();
        let gateways: Vec<Option<Gateway>> = texts.iter().map(|text| Some(gateway(text))).collect();
        let living = &gateways[0].as_ref().unwrap().living;
        let new = NewKey { team: "red".to_owned(), project: Some("alpha".to_owned()), ..NewKey::default() };
        let key = living.directory.issue(&new, living.clock.now()).unwrap();
        let fleet = Self { redis, sim, gateways, texts, key, folder };
        for number in 0..count {
            let directory = &fleet.gateway(number).living.directory;
            until("a key is known everywhere", || {
                let _ = directory.refresh_if_changed();
                (fleet.send(number, &Call::new("GET", "/v1/models")).status == 200).then_some(())
            });
        }
        fleet
    }

    fn gateway(&self, number: usize) -> &Gateway {
        self.gateways[number].as_ref().unwrap()
    }

    fn send(&self, number: usize, call: &Call) -> Answer {
        call.clone().bearer(self.key.secret.expose()).send(self.gateway(number).address)
    }

    fn rows(&self) -> Vec<Record> {
        rows(&self.folder.path().join("tallygate.db"))
    }

    fn spent(&self) -> Money {
        self.rows().iter().fold(Money::ZERO, |sum, row| sum.plus(row.total_cost().amount))
    }

    /// Waits until the ledger has a row of every call that was sent, and the server has heard of all.
    fn settle(&self) {
        for gateway in self.gateways.iter().flatten() {
            let living = &gateway.living;
            until("all is booked", || {
                let (figures, _) = living.shared.as_ref().unwrap().figures();
                let counts = &living.counts;
                let load = std::sync::atomic::Ordering::Relaxed;
                let settled = counts.sent.load(load) == counts.settled.load(load);
                (settled && counts.in_flight.load(load) == 0 && figures.waiting == 0).then_some(())
            });
        }
    }

    fn stop(&mut self, number: usize) {
        if let Some(gateway) = self.gateways[number].take() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let _inside = runtime.enter();
            gateway.drain(DEADLINE);
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.redis.go_on();
        for number in 0..self.gateways.len() {
            self.stop(number);
        }
    }
}

fn gateway(text: &str) -> Gateway {
    let loaded = load(text).unwrap_or_else(|error| panic!("{error:#}\n{text}"));
    run(&loaded).0
}

fn with(limits: &str, budgets: &str) -> Setup {
    Setup { limits: limits.to_owned(), budgets: budgets.to_owned(), ..Setup::default() }
}

fn hi() -> Call {
    bounded("on-openai", 50, "[[sim: tokens=10]] hi")
}

/// field.md §14 C 10: a limit that every replica counts for itself lets as many times through as there are replicas.
#[test]
fn a_limit_of_several_gateways_is_one_limit() {
    let fleet = Fleet::start(3, &with("- { name: few, each: [key], requests: 7/h }\n", ""), "");
    let answers: Vec<Answer> = (0..12).map(|number| fleet.send(number % 3, &hi())).collect();
    let passed: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(passed.len(), 7, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    let left: Vec<u64> = passed.iter().map(|it| it.header("x-ratelimit-remaining-requests").parse().unwrap()).collect();
    assert_eq!(left, [6, 5, 4, 3, 2, 1, 0]);
    let refused = answers.last().unwrap();
    assert_eq!(code(refused), (429, "limit_reached"));
    assert!(refused.text().contains("'few' is reached: 7 requests in 1 h"), "{}", refused.text());
    assert_ne!(refused.header("retry-after"), "");
    assert_eq!(refused.header("x-tallygate-counters"), "");
}

/// field.md §14 B 8 and C 11: replicas that overspend one budget together, as each counts after its calls.
#[test]
fn a_budget_of_three_gateways_is_never_overspent_under_a_hammer_and_can_be_used_up() {
    let cap = Money::from_nanos(60_000_000);
    let fleet = Fleet::start(3, &with("", "- { name: cap, amount: 0.06 USD }\n"), "");
    // 2 USD a million output tokens: up to 0.0008 USD each, half of which is used.
    let call = bounded("on-openai", 400, "[[sim: tokens=200]] hi");
    let passed: usize = std::thread::scope(|scope| {
        let hammer = |number: usize| {
            let (mut passed, fleet, call) = (0, &fleet, &call);
            move || {
                while fleet.send(number, call).status == 200 {
                    passed += 1;
                }
                passed
            }
        };
        let callers: Vec<_> = (0..24).map(|number| scope.spawn(hammer(number % 3))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    fleet.settle();
    assert!(passed > 24 && fleet.spent() <= cap, "{passed} calls, {}", fleet.spent());
    for number in (0..3).cycle() {
        if fleet.send(number, &call).status != 200 {
            break;
        }
        fleet.settle();
    }
    let spent = fleet.spent();
    assert!(spent <= cap && spent.nanos() * 100 >= cap.nanos() * 97, "{spent}");
    let refused = fleet.send(1, &call);
    assert_eq!(code(&refused), (429, "budget_exhausted"), "{}", refused.text());
    assert_eq!(fleet.sim.books.entries().len(), fleet.rows().iter().filter(|row| row.served.is_some()).count());
}
