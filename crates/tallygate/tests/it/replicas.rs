//! Several gateways that count together: one limit is one limit, one budget is one budget, and what holds while the counters
//! are away.

use crate::budgets::{bounded, code};
use crate::redis::Redis;
use crate::wire::{Answer, Call};
use crate::world::{DEADLINE, Setup, document, load, put_in_force, rows, run_by, until};
use serde_json::json;
use std::sync::Arc;
use tallygate::gateway::Gateway;
use tempfile::TempDir;
use tg_kernel::clock::{Clock, SystemClock};
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_sim::Sim;
use tg_store::key::{IssuedKey, NewKey};

/// Gateways on one store and one Redis.
pub(crate) struct Fleet {
    pub(crate) redis: Redis,
    sim: Sim,
    gateways: Vec<Option<Gateway>>,
    texts: Vec<String>,
    key: IssuedKey,
    folder: TempDir,
}

impl Fleet {
    pub(crate) fn start(count: usize, setup: &Setup, counters: &str) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        Self::by(&vec![clock; count], setup, counters)
    }

    /// With clocks of the test's own, one for each gateway.
    pub(crate) fn by(clocks: &[Arc<dyn Clock>], setup: &Setup, counters: &str) -> Self {
        let (redis, folder) = (Redis::start(), TempDir::new().unwrap());
        let sim = Sim::start(setup.sim.clone()).unwrap();
        let text = |number: usize| {
            let journal = format!("tallygate.db', journal: '{}/journal-{number}'", folder.path().display());
            let text = document(setup, &sim, folder.path()).replacen("tallygate.db'", &journal, 1);
            format!("{text}counters: {{ url: '{}', timeout: 200ms{counters} }}\n", redis.url())
        };
        let texts: Vec<String> = (0..clocks.len()).map(text).collect();
        let gateways: Vec<Option<Gateway>> =
            texts.iter().zip(clocks).map(|(text, clock)| Some(gateway_by(text, clock))).collect();
        let living = &gateways[0].as_ref().unwrap().living;
        let new = NewKey { team: "red".to_owned(), project: Some("alpha".to_owned()), ..NewKey::default() };
        let key = living.directory.issue(&new, living.clock.now()).unwrap();
        let fleet = Self { redis, sim, gateways, texts, key, folder };
        for number in 0..clocks.len() {
            let directory = &fleet.gateway(number).living.directory;
            until("a key is known everywhere", || {
                let _ = directory.refresh_if_changed();
                (fleet.send(number, &Call::new("GET", "/v1/models")).status == 200).then_some(())
            });
        }
        fleet
    }

    pub(crate) fn gateway(&self, number: usize) -> &Gateway {
        self.gateways[number].as_ref().unwrap()
    }

    pub(crate) fn send(&self, number: usize, call: &Call) -> Answer {
        self.keyed(call).send(self.gateway(number).address)
    }

    pub(crate) fn keyed(&self, call: &Call) -> Call {
        call.clone().bearer(self.key.secret.expose())
    }

    pub(crate) fn rows(&self) -> Vec<Record> {
        rows(&self.folder.path().join("tallygate.db"))
    }

    fn spent(&self) -> Money {
        self.rows().iter().fold(Money::ZERO, |sum, row| sum.plus(row.total_cost().amount))
    }

    /// Waits until the ledger has a row of every call that was sent, and the server has heard of all.
    pub(crate) fn settle(&self) {
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
    gateway_by(text, &(Arc::new(SystemClock::new()) as Arc<dyn Clock>))
}

fn gateway_by(text: &str, clock: &Arc<dyn Clock>) -> Gateway {
    let loaded = load(text).unwrap_or_else(|error| panic!("{error:#}\n{text}"));
    run_by(&loaded, clock).0
}

pub(crate) fn with(limits: &str, budgets: &str) -> Setup {
    Setup { limits: limits.to_owned(), budgets: budgets.to_owned(), ..Setup::default() }
}

pub(crate) fn hi() -> Call {
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
    let text = refused.text();
    assert!(
        text.contains("'few' of key '") && text.contains("' is reached: 7 requests in 1 h for each key."),
        "{text}"
    );
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

pub(crate) fn streamed(model: &str, prompt: &str) -> Call {
    let body = json!({"model": model, "stream": true, "messages": [{"role": "user", "content": prompt}]});
    Call::post("/v1/chat/completions", body.to_string()).header("content-type", "application/json")
}

/// field.md §14 B 8: a hard cap that concurrent streams pass together, over several replicas.
#[test]
fn streams_of_three_gateways_that_are_cut_overspend_nothing_and_can_use_all() {
    let cap = Money::from_nanos(400_000_000);
    let budget = "- { name: cap, amount: 0.4 USD, output: cut, output_min: 16, reserve: usual }\n";
    let fleet = Fleet::start(3, &with("", budget), "");
    let call = streamed("gpt-4.1", "[[sim: tokens=900]] much");
    let passed: usize = std::thread::scope(|scope| {
        let (fleet, call) = (&fleet, &call);
        let send = |number: usize| move || usize::from(fleet.send(number % 3, call).status == 200);
        let callers: Vec<_> = (0..96).map(|number| scope.spawn(send(number))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    fleet.settle();
    let spent = fleet.spent();
    assert!(passed >= 1 && spent <= cap, "{passed}: {spent}");
    for number in (0..3).cycle() {
        if fleet.send(number, &call).status != 200 {
            break;
        }
        fleet.settle();
    }
    let spent = fleet.spent();
    assert!(spent <= cap && spent.nanos() * 100 >= cap.nanos() * 97, "{spent}");
}

#[test]
fn a_stream_grows_into_the_shared_limit_and_is_cut_where_that_ends() {
    let fleet = Fleet::start(2, &with("- { name: out, output_tokens: 4000/d, output: cut, output_min: 16 }\n", ""), "");
    let first = fleet.send(0, &streamed("gpt-4.1", "[[sim: tokens=300 delay=1ms]] some"));
    assert!(first.text().contains(r#""finish_reason":"stop""#), "{}", first.text());
    fleet.settle();
    let second = fleet.send(1, &streamed("gpt-4.1", "[[sim: tokens=9000 delay=1ms]] much"));
    assert!(second.text().contains(r#""finish_reason":"length""#), "{}", second.text());
    fleet.settle();
    let rows = fleet.rows();
    let cut = rows.iter().find(|row| row.fault.as_deref() == Some("output_cut")).unwrap();
    assert!(cut.usage.output_tokens >= 500, "{:?}", cut.usage);
    let used: u64 = rows.iter().map(|row| row.usage.output_tokens).sum();
    assert!(used <= 4_000, "{used}");
}

#[test]
fn while_the_counters_are_away_each_limit_and_budget_does_what_it_says_and_then_they_count_together_again() {
    let limits = "- { name: shared, for: { model: on-openai }, requests: 6/h }\n\
                  - { name: strict, for: { model: on-anthropic }, requests: 1000/h, when_away: fail_closed }\n\
                  - { name: lax, for: { model: on-local }, requests: 1000/h, when_away: shadow }\n";
    let budgets = "- { name: cap, for: { model: gpt-4.1 }, amount: 10 USD }\n\
                   - { name: soft, for: { model: gpt-4.1-mini }, amount: 10 USD, when_away: fail_open_local }\n";
    let mut fleet = Fleet::start(2, &with(limits, budgets), ", replicas: 2");
    let to = |model: &str| bounded(model, 50, "[[sim: tokens=10]] hi");
    assert_eq!(fleet.send(0, &to("gpt-4.1")).status, 200);
    fleet.settle();
    fleet.redis.kill();
    let of = |answer: &Answer| (answer.status, answer.header("x-tallygate-counters").to_owned());
    for number in 0..2 {
        let answers: Vec<_> = (0..4).map(|_| of(&fleet.send(number, &to("on-openai")))).collect();
        let local = (200, "local".to_owned());
        assert_eq!(answers[..3], [local.clone(), local.clone(), local], "half of six");
        assert_eq!(answers[3].0, 429);
        assert_eq!(of(&fleet.send(number, &to("on-local"))), (200, "shadow".to_owned()));
        assert_eq!(of(&fleet.send(number, &to("gpt-4.1-mini"))), (200, "local".to_owned()));
        for model in ["on-anthropic", "gpt-4.1"] {
            let refused = fleet.send(number, &to(model));
            assert_eq!(code(&refused), (503, "counters_away"), "{model}: {}", refused.text());
            assert_eq!(refused.header("retry-after"), "1");
        }
    }
    let (figures, decisions) = fleet.gateway(0).living.shared.as_ref().unwrap().figures();
    assert!(figures.tally.is_away && figures.waiting > 0, "{figures:?}");
    assert_eq!((decisions.refused, decisions.shadow), (2, 1));
    fleet.redis.restart();
    let back = until("they count together again", || {
        Some(fleet.send(0, &to("gpt-4.1"))).filter(|answer| answer.status == 200)
    });
    assert_eq!(of(&back), (200, String::new()));
    fleet.settle();
    let spent: Money = fleet.spent();
    let views = fleet.gateway(1).living.purses.view(fleet.gateway(1).living.clock.now());
    assert!(views.len() == 2 && spent > Money::ZERO, "{views:?}");
    assert_eq!(fleet.sim.books.entries().len(), fleet.rows().iter().filter(|row| row.served.is_some()).count());
}

#[test]
fn a_server_that_stops_answering_delays_no_call_for_long_and_its_return_leaks_nothing() {
    let fleet = Fleet::start(2, &with("- { name: few, concurrent: 1, when_away: shadow }\n", ""), "");
    assert_eq!(fleet.send(0, &hi()).status, 200);
    fleet.settle();
    fleet.redis.pause();
    let begun = std::time::Instant::now();
    for number in 0..20 {
        assert_eq!(fleet.send(number % 2, &hi()).header("x-tallygate-counters"), "shadow");
    }
    // Five times 200 ms at each of two gateways, before the breaker opens, and once a second after that.
    assert!(begun.elapsed() < std::time::Duration::from_secs(8), "{:?}", begun.elapsed());
    fleet.redis.go_on();
    until("they count together again", || {
        let answer = fleet.send(1, &hi());
        (answer.status == 200 && answer.header("x-tallygate-counters").is_empty()).then_some(())
    });
    fleet.settle();
    for number in 0..4 {
        assert_eq!(fleet.send(number % 2, &hi()).status, 200, "nothing is held any more");
        fleet.settle();
    }
}

#[test]
fn a_gateway_that_starts_again_goes_on_counting_where_it_was() {
    let limits = "- { name: few, for: { model: on-openai }, requests: 3/h }\n";
    let mut fleet = Fleet::start(2, &with(limits, "- { name: cap, amount: 1 USD }\n"), "");
    assert_eq!(fleet.send(0, &hi()).header("x-ratelimit-remaining-requests"), "2");
    fleet.stop(0);
    fleet.gateways[0] = Some(gateway(&fleet.texts[0]));
    assert_eq!(fleet.send(0, &hi()).header("x-ratelimit-remaining-requests"), "1");
    put_in_force(fleet.gateway(1), &fleet.texts[1].replace("requests: 3/h", "requests: 2/h"));
    assert_eq!(
        fleet.send(1, &hi()).header("x-ratelimit-remaining-requests"),
        "0",
        "one was taken, and two are the burst"
    );
    fleet.settle();
    let slow = streamed("gpt-4.1", "[[sim: tokens=80 delay=50ms]] slow");
    std::thread::scope(|scope| {
        let going = scope.spawn(|| fleet.send(0, &slow).status);
        until("what is held by one is shown by the other", || {
            let living = &fleet.gateway(1).living;
            living.purses.view(living.clock.now()).iter().any(|view| view.held > Money::ZERO).then_some(())
        });
        assert_eq!(going.join().unwrap(), 200);
    });
    let gateway = fleet.gateway(1);
    until("what is spent by all is shown by each", || {
        let views = gateway.living.purses.view(gateway.living.clock.now());
        (views.len() == 1 && views[0].spent == fleet.spent()).then_some(())
    });
}

/// A gateway on its own would let the whole amount through once more, though all of it is spent.
#[test]
fn a_spent_budget_is_not_opened_again_while_the_counters_are_away_nor_passed_by_calls_at_once() {
    let budgets = "- { name: gone, for: { model: on-openai }, amount: 0.0020 USD, when_away: fail_open_local }\n\
                   - { name: most, for: { model: on-anthropic }, amount: 0.04 USD, when_away: fail_open_local }\n";
    let mut fleet = Fleet::start(2, &with("", budgets), ", replicas: 2");
    let spends = bounded("on-openai", 400, "[[sim: tokens=400]] hi");
    assert_eq!(fleet.send(0, &spends).status, 200);
    fleet.settle();
    assert_eq!(code(&fleet.send(1, &spends)), (429, "budget_exhausted"));
    fleet.redis.kill();
    for number in 0..2 {
        let refused = fleet.send(number, &spends);
        assert_eq!(code(&refused), (429, "budget_exhausted"), "{}", refused.text());
    }
    let passed: Vec<Answer> = std::thread::scope(|scope| {
        let call = bounded("on-anthropic", 400, "[[sim: tokens=400 delay=1ms]] hi");
        let send = |number: usize| {
            let (fleet, call) = (&fleet, call.clone());
            move || fleet.send(number % 2, &call)
        };
        let callers: Vec<_> = (0..24).map(|number| scope.spawn(send(number))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).filter(|answer| answer.status == 200).collect()
    });
    assert!(passed.len() >= 2 && passed.iter().all(|answer| answer.header("x-tallygate-counters") == "local"));
    let spent = |fleet: &Fleet| {
        let rows = fleet.rows().into_iter().filter(|row| &*row.asked.model == "on-anthropic");
        rows.fold(Money::ZERO, |sum, row| sum.plus(row.total_cost().amount))
    };
    until("all have a row", || {
        (fleet.rows().iter().filter(|row| row.status == 200).count() > passed.len()).then_some(())
    });
    let spent = spent(&fleet);
    assert!(spent > Money::ZERO && spent <= Money::from_nanos(40_000_000), "{spent}");
    fleet.redis.restart();
}

/// A hard budget that calls under way overspend, as an empty server has forgotten what they hold.
#[test]
fn a_server_that_comes_back_empty_does_not_forget_what_calls_under_way_hold() {
    let mut fleet = Fleet::start(2, &with("", "- { name: cap, amount: 0.0025 USD }\n"), "");
    // Up to some 0.0018 USD each.
    let call = bounded("on-openai", 400, "[[sim: tokens=10]] hi");
    let body = json!({"model": "on-openai", "stream": true, "max_completion_tokens": 400, "service_tier": "default",
        "messages": [{"role": "user", "content": "[[sim: tokens=100 delay=80ms]] slow"}]});
    let slow = Call::post("/v1/chat/completions", body.to_string()).header("content-type", "application/json");
    let slow = slow.bearer(fleet.key.secret.expose());
    let address = fleet.gateway(0).address;
    std::thread::scope(|scope| {
        let going = scope.spawn(move || slow.send(address).status);
        until("what is held by one is shown by the other", || {
            let living = &fleet.gateway(1).living;
            living.purses.view(living.clock.now()).iter().any(|view| view.held > Money::ZERO).then_some(())
        });
        fleet.redis.restart();
        let refused = until("the counters answer", || {
            Some(fleet.send(1, &call))
                .filter(|answer| answer.status != 503 && answer.header("x-tallygate-counters").is_empty())
        });
        assert_eq!(code(&refused), (429, "budget_exhausted"), "{}", refused.text());
        assert_eq!(going.join().unwrap(), 200);
    });
    fleet.settle();
    assert_eq!(fleet.send(1, &call).status, 200, "and nothing is held any more");
}

/// Replicas that are not reloaded at the same moment: what those spend that do not know a new budget yet.
#[test]
fn a_budget_that_one_gateway_knows_misses_nothing_of_what_the_others_spend() {
    let fleet = Fleet::start(2, &with("", "- { name: cap, for: { model: gpt-4.1-mini }, amount: 0.003 USD }\n"), "");
    let newer = fleet.texts[0].replace("model: gpt-4.1-mini }, amount", "model: on-openai }, amount");
    put_in_force(fleet.gateway(0), &newer);
    assert_eq!(fleet.send(0, &hi()).status, 200);
    fleet.settle();
    let spends = bounded("on-openai", 2_000, "[[sim: tokens=2000]] hi");
    assert_eq!(fleet.send(1, &spends).status, 200);
    fleet.settle();
    assert!(fleet.spent() > Money::from_nanos(3_000_000), "{}", fleet.spent());
    let refused =
        until("what the other has spent is counted", || Some(fleet.send(0, &hi())).filter(|it| it.status != 200));
    assert_eq!(code(&refused), (429, "budget_exhausted"), "{}", refused.text());
}

/// A budget of one gateway and its share, so that of what is left when the counters go away it has this part.
fn alone(budget: &str, replicas: u32) -> Fleet {
    let model =
        "- { name: twice, targets: [{ provider: openai, model: gpt-5-mini }, { provider: openai, model: gpt-4.1 }] }\n";
    let setup = Setup { models: model.to_owned(), timeouts: "{ first_byte: 3s }".to_owned(), ..with("", budget) };
    Fleet::start(1, &setup, &format!(", replicas: {replicas}"))
}

fn cap(amount: Money) -> String {
    let (dollars, rest) = (amount.nanos() / 1_000_000_000, amount.nanos() % 1_000_000_000);
    format!("- {{ name: cap, amount: {dollars}.{rest:09} USD, when_away: fail_open_local")
}

fn held(fleet: &Fleet) -> Money {
    let living = &fleet.gateway(0).living;
    living.purses.view(living.clock.now()).first().map_or(Money::ZERO, |view| view.held)
}

/// Calls that hold the most that they can cost, and must be tried once more when nobody can be asked for that.
#[test]
fn tries_that_cost_more_than_is_held_are_not_uncounted_while_the_counters_are_away() {
    let plenty = cap(Money::from_nanos(9_000_000_000)) + " }\n";
    let mut fleet = alone(&plenty, 1);
    let input = "many words that cost something ".repeat(200);
    // The first try of each text is not answered, and may have been billed.
    let call = |number: usize| {
        bounded("twice", 50, &format!("[[sim: hang_before_head times=1 ttft=1500ms]] {number} {input}"))
    };
    let address = fleet.gateway(0).address;
    let send = |call: Call| {
        let call = call.bearer(fleet.key.secret.expose());
        std::thread::spawn(move || call.send(address))
    };
    let first = send(call(9));
    let of_one = until("what one holds is seen", || Some(held(&fleet)).filter(|held| *held > Money::ZERO));
    assert_eq!(first.join().unwrap().status, 200);
    fleet.settle();
    let more = fleet.rows()[0].earlier[0].cost.amount;
    assert!(more > Money::ZERO);
    let spent = fleet.spent();

    // Four of them fit, and two of them once more.
    let nanos = spent.nanos() + 4 * of_one.nanos() + 2 * more.nanos() + more.nanos() / 2;
    let amount = Money::from_nanos(nanos);
    put_in_force(fleet.gateway(0), &fleet.texts[0].replace(&plenty, &(cap(amount) + " }\n")));
    let calls: Vec<_> = (0..4).map(|number| send(call(number))).collect();
    until("what all hold is seen", || (held(&fleet).nanos() == 4 * of_one.nanos()).then_some(()));
    fleet.redis.kill();
    let answers: Vec<Answer> = calls.into_iter().map(|call| call.join().unwrap()).collect();
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 504, 504], "{:?}", answers.iter().map(Answer::text).collect::<Vec<_>>());
    for answer in answers.iter().filter(|answer| answer.status == 200) {
        assert_eq!(answer.header("x-tallygate-counters"), "local");
    }
    until("all have a row", || (fleet.rows().len() == 5).then_some(()));
    assert!(fleet.spent() <= amount, "{}", fleet.spent());
    fleet.redis.restart();
}

#[test]
fn a_stream_that_grows_while_the_counters_are_away_is_cut_where_the_share_ends() {
    // 8 USD a million, and until the end it is not known how many tokens a text is: all of it would need some 0.18 USD.
    let budget = cap(Money::from_nanos(100_000_000)) + ", output: cut, output_min: 16, reserve: usual }\n";
    let mut fleet = alone(&budget, 2);
    let prompt = "[[sim: tokens=2000 chunk=5 delay=15ms]] much";
    let call = streamed("gpt-4.1", prompt).bearer(fleet.key.secret.expose());
    let mut exchange = call.open(fleet.gateway(0).address);
    exchange.piece();
    until("what it holds is seen", || (held(&fleet) > Money::ZERO).then_some(()));
    fleet.redis.kill();
    let answer = exchange.whole();
    assert!(answer.text().contains(r#""finish_reason":"length""#), "{}", answer.text());
    until("it has its row", || (fleet.rows().len() == 1).then_some(()));
    let (_, decisions) = fleet.gateway(0).living.shared.as_ref().unwrap().figures();
    assert!(decisions.local > 0, "it went on by the share: {decisions:?}");
    fleet.redis.restart();
}
