//! Two gateways as they are run in production: teams, keys and the ledger in PostgreSQL, limits and budgets in Redis.

use crate::budgets::{bounded, code};
use crate::postgres::{PostgresServer, USER};
use crate::redis::Redis;
use crate::wire::{Answer, Call};
use crate::world::{DEADLINE, Setup, document, load, run, until};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tallygate::gateway::Gateway;
use tempfile::TempDir;
use tg_kernel::record::Record;
use tg_kernel::secret::Secret;
use tg_kernel::units::Money;
use tg_sim::Sim;
use tg_store::key::{IssuedKey, NewKey};
use tg_store::ledger::CallFilter;

struct Pair {
    gateways: [Option<Gateway>; 2],
    texts: [String; 2],
    sim: Sim,
    redis: Redis,
    _folder: TempDir,
}

impl Pair {
    fn start(limits: &str, budgets: &str) -> Self {
        let (server, redis, folder) = (PostgresServer::shared(), Redis::start(), TempDir::new().unwrap());
        let setup = Setup { limits: limits.to_owned(), budgets: budgets.to_owned(), ..Setup::default() };
        let sim = Sim::start(setup.sim.clone()).unwrap();
        let database = server.database();
        let texts = [0, 1].map(|number| {
            let file = format!("store: {{ path: '{}/tallygate.db' }}", folder.path().display());
            let url = format!("postgres://{USER}@127.0.0.1:{}/{database}", server.port);
            let journal = folder.path().join(format!("journal-{number}")).display().to_string();
            let store = format!("store: {{ url: '{url}', password: 'env:STORE_PASSWORD', journal: '{journal}' }}");
            let text = document(&setup, &sim, folder.path());
            assert!(text.contains(&file));
            let counters = format!("counters: {{ url: '{}', timeout: 5s, sum_timeout: 10s }}\n", redis.url());
            text.replace(&file, &store) + &counters
        });
        let gateways = [0, 1].map(|number| Some(start(&texts[number])));
        Self { gateways, texts, sim, redis, _folder: folder }
    }

    fn gateway(&self, number: usize) -> &Gateway {
        self.gateways[number].as_ref().unwrap()
    }

    fn issue(&self) -> IssuedKey {
        let living = &self.gateway(0).living;
        let new = NewKey { team: "red".to_owned(), project: Some("alpha".to_owned()), ..NewKey::default() };
        let key = living.directory.issue(&new, living.clock.now()).unwrap();
        until("a new key is known at the other gateway", || {
            (self.send(1, &key.secret, &Call::new("GET", "/v1/models")).status == 200).then_some(())
        });
        key
    }

    fn send(&self, number: usize, key: &Secret, call: &Call) -> Answer {
        call.clone().bearer(key.expose()).send(self.gateway(number).address)
    }

    /// All rows, once each call that was sent has one and Redis has heard of all.
    fn rows(&self) -> Vec<Record> {
        for gateway in self.gateways.iter().flatten() {
            let living = &gateway.living;
            until("all is booked", || {
                let (figures, _) = living.shared.as_ref().unwrap().figures();
                let counts = &living.counts;
                let settled = counts.sent.load(Ordering::Relaxed) == counts.settled.load(Ordering::Relaxed);
                (settled && counts.in_flight.load(Ordering::Relaxed) == 0 && figures.waiting == 0).then_some(())
            });
        }
        self.gateway(1).store.ledger().unwrap().calls(&CallFilter::default(), 10_000).unwrap()
    }

    fn spent_on(&self, model: &str) -> Money {
        let rows = self.rows();
        let of_model = rows.iter().filter(|row| &*row.asked.model == model);
        of_model.fold(Money::ZERO, |sum, row| sum.plus(row.total_cost().amount))
    }

    fn stop(&mut self, number: usize) {
        if let Some(gateway) = self.gateways[number].take() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let _inside = runtime.enter();
            gateway.drain(DEADLINE);
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        (0..2).for_each(|number| self.stop(number));
    }
}

fn start(text: &str) -> Gateway {
    run(&load(text).unwrap_or_else(|error| panic!("{error:#}\n{text}"))).0
}

fn hi() -> Call {
    bounded("on-openai", 50, "[[sim: tokens=10]] hi")
}

#[test]
fn two_gateways_have_one_limit_one_ledger_and_one_directory_and_one_may_start_again() {
    let mut pair = Pair::start("- { name: few, each: [key], requests: 6/h }\n", "- { name: cap, amount: 10 USD }\n");
    let key = pair.issue();
    let left = |answer: &Answer| answer.header("x-ratelimit-remaining-requests").to_owned();
    let told: Vec<String> = (0..3).map(|number| left(&pair.send(number % 2, &key.secret, &hi()))).collect();
    assert_eq!(told, ["5", "4", "3"]);
    pair.rows();
    pair.stop(0);
    assert_eq!(left(&pair.send(1, &key.secret, &hi())), "2", "the other goes on");
    pair.gateways[0] = Some(start(&pair.texts[0]));
    assert_eq!(left(&pair.send(0, &key.secret, &hi())), "1", "it knows the key, and what was counted");
    assert_eq!(left(&pair.send(1, &key.secret, &hi())), "0");
    for number in 0..2 {
        assert_eq!(code(&pair.send(number, &key.secret, &hi())), (429, "limit_reached"));
    }

    let rows = pair.rows();
    let served = rows.iter().filter(|row| row.served.is_some()).count();
    assert_eq!((served, pair.sim.books.entries().len()), (6, 6), "one ledger has all calls of both, each once");
    for number in 0..2 {
        let living = &pair.gateway(number).living;
        until("what both have spent is shown by each", || {
            let view = living.purses.view(living.clock.now());
            (view.len() == 1 && view[0].spent == pair.spent_on("on-openai")).then_some(())
        });
    }

    let living = &pair.gateway(0).living;
    living.directory.revoke(&key.record.id, living.clock.now()).unwrap();
    let begun = Instant::now();
    assert_eq!(pair.send(0, &key.secret, &hi()).status, 401);
    while pair.send(1, &key.secret, &hi()).status != 401 {
        assert!(begun.elapsed() < Duration::from_secs(2), "a revoked key still works at the other gateway");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// docs/complaints.md, 8: a budget for each model that every replica spends anew.
#[test]
fn a_budget_for_each_model_is_one_over_both_gateways_and_survives_that_redis_forgets() {
    let mut pair = Pair::start("", "- { name: models, each: [model], amount: 0.02 USD, warn_at: [] }\n");
    let key = pair.issue();
    let call = |model: &str| bounded(model, 400, "[[sim: tokens=300]] much");
    let hammer = |pair: &Pair, model: &str| {
        std::thread::scope(|scope| {
            for number in 0..6 {
                let (call, key) = (call(model), &key.secret);
                scope.spawn(move || while pair.send(number % 2, key, &call).status == 200 {});
            }
        });
        // The last of them may have been refused for what a call before it still held: an end
        // is told after its answer. One more asks until it is refused with nothing under way.
        pair.rows();
        while pair.send(0, &key.secret, &call(model)).status == 200 {
            pair.rows();
        }
        pair.spent_on(model)
    };
    let cap = Money::from_nanos(20_000_000);
    let first = hammer(&pair, "on-openai");
    assert!(first <= cap && first.nanos() * 100 >= cap.nanos() * 90, "{first}");
    let refused = pair.send(1, &key.secret, &call("on-openai"));
    assert_eq!(code(&refused), (429, "budget_exhausted"), "{}", refused.text());
    // Redis starts again with nothing: what is spent is summed from PostgreSQL, by whichever gateway is asked first.
    pair.redis.restart();
    let after = until("they count together again", || {
        Some(pair.send(0, &key.secret, &call("on-openai"))).filter(|answer| answer.status != 503)
    });
    assert_eq!(code(&after), (429, "budget_exhausted"), "{}", after.text());
    let other = hammer(&pair, "gpt-4.1-mini");
    assert!(other > Money::ZERO && other <= cap, "another model has money of its own: {other}");
    assert_eq!(pair.spent_on("on-openai"), first);
}
