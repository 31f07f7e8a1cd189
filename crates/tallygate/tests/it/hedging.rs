//! Second tries beside slow first ones: who answers, what is held and booked for both, and when there is none.

use crate::budgets::settled;
use crate::process::{Process, prepared, undeclared};
use crate::speak::{CHAT, MANNERS, Manner, ask, each_dialect, echo, hear};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World, until};
use serde_json::json;
use std::time::{Duration, Instant};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::{Ending, Record, Timing};
use tg_kernel::units::Money;

/// Longer than any test.
const SLOW: &str = "[[sim@gpt-5-mini: ttft=60s]]";

/// As many further tries as are wanted.
const ANY: &str = "{ retry_share: 100%, breaker: { enabled: false } }";

fn setup(hedge: &str) -> Setup {
    let targets = "[{ provider: openai, model: gpt-5-mini }, { provider: local, model: local-chat }]";
    let models = format!("- {{ name: either, targets: {targets}, hedge: {hedge} }}\n");
    Setup { models, resilience: ANY.to_owned(), ..Setup::default() }
}

fn world() -> World {
    World::with(setup("{ after: 150ms, share_max: 100% }"))
}

/// A chat that leaves nothing at its provider.
fn chat(dialect: Dialect, manner: Manner, prompt: &str) -> Call {
    let mut call = ask(dialect, manner, "either", prompt);
    if dialect == Dialect::OpenaiResponses {
        let mut body: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
        body["store"] = json!(false);
        call.body = body.to_string().into_bytes();
    }
    call
}

fn plain(prompt: &str) -> Call {
    chat(Dialect::OpenaiChat, Manner::Plain, prompt)
}

fn by(answer: &Answer) -> (u16, &str, &str) {
    (answer.status, answer.header("x-tallygate-provider"), answer.header("x-tallygate-attempts"))
}

/// The providers and fates of all tries of a call, the last one first.
fn tries(row: &Record) -> Vec<(&str, &str)> {
    let last = row.served.iter().map(|served| (&*served.provider, ""));
    last.chain(row.earlier.iter().map(|of| (&*of.served.provider, &*of.fault))).collect()
}

/// How many calls the providers saw of one of the gateway's.
fn seen(world: &World, row: &Record) -> usize {
    until("nothing is under way at the providers", || (world.sim.books.open() == 0).then_some(()));
    let id = row.id.to_string();
    world.sim.books.entries().iter().filter(|entry| entry.gateway_request_id.as_deref() == Some(&*id)).count()
}

fn denied(world: &World, why: &str) -> u64 {
    world.gateway().living.hedges.none().iter().find(|(name, _)| *name == why).unwrap().1
}

#[test]
fn a_slow_first_try_does_not_keep_its_caller_waiting_and_both_are_booked_once() {
    let world = world();
    each_dialect(|dialect| {
        for manner in MANNERS {
            let said = format!("{dialect:?} {manner:?}");
            let begun = Instant::now();
            let answer = world.send(&chat(dialect, manner, &format!("{said} {SLOW}")));
            assert_eq!(by(&answer), (200, "local", "2"), "{said}: {}", answer.text());
            assert!(begun.elapsed() < Duration::from_secs(10), "{said}");
            let heard = hear(dialect, manner, &answer);
            assert_eq!((heard.text, heard.ended), (echo(&said, 30), true), "{said}");
            let row = world.row(&answer);
            assert_eq!(tries(&row), [("local", ""), ("openai", "hedge_lost")], "{said}");
            let hedge = row.decided.as_ref().and_then(|decided| decided.hedge).unwrap();
            assert!(hedge.won && hedge.after_us >= 150_000, "{said}: {hedge:?}");
            let lost = &row.earlier[0];
            assert!(lost.usage.input_tokens > 0 && lost.cost.amount > Money::ZERO, "it may be billed: {lost:?}");
            assert_eq!((lost.served.attempts, row.served.as_ref().unwrap().attempts), (1, 2), "{said}");
            let Timing { overhead_us, total_us, .. } = row.timing;
            assert!(
                overhead_us + hedge.after_us <= total_us,
                "the wait for the first is no work of the gateway: {row:?}"
            );
        }
    });
    for row in world.rows() {
        assert_eq!(seen(&world, &row), 2, "{row:?}");
    }
    let [won, lost, failed] = world.gateway().living.hedges.outcomes();
    assert_eq!((won, lost, failed), (("won", 2 * CHAT.len() as u64), ("lost", 0), ("failed", 0)));
}

#[test]
fn the_first_try_still_answers_where_it_is_heard_before_the_second() {
    let world = world();
    each_dialect(|dialect| {
        for manner in MANNERS {
            let said = format!("{dialect:?} {manner:?}");
            let prompt = format!("{said} [[sim@gpt-5-mini: ttft=600ms]] [[sim@local-chat: ttft=60s]]");
            let answer = world.send(&chat(dialect, manner, &prompt));
            assert_eq!(by(&answer), (200, "openai", "2"), "{said}: {}", answer.text());
            assert_eq!(hear(dialect, manner, &answer).text, echo(&said, 30), "{said}");
            let row = world.row(&answer);
            assert_eq!(tries(&row), [("openai", ""), ("local", "hedge_lost")], "{said}");
            assert_eq!(row.decided.as_ref().and_then(|decided| decided.hedge).map(|of| of.won), Some(false), "{said}");
            assert_eq!(seen(&world, &row), 2, "{said}");
            assert!(row.cost.amount > Money::ZERO && row.served.as_ref().unwrap().request_id.is_some(), "{row:?}");
        }
    });
}

#[test]
fn of_two_tries_one_that_fails_leaves_the_other_alone() {
    let world = world();
    for manner in MANNERS {
        for (first, second, status, expected) in [
            ("ttft=600ms status=500", "ttft=1s", 200, [("local", ""), ("openai", "upstream_error")]),
            ("ttft=1s", "status=500", 200, [("openai", ""), ("local", "upstream_error")]),
            ("ttft=1s", "status=400", 200, [("openai", ""), ("local", "upstream_refused")]),
            ("ttft=1s status=500", "status=400", 400, [("openai", ""), ("local", "upstream_refused")]),
            ("ttft=600ms status=400", "ttft=60s", 400, [("openai", ""), ("local", "hedge_lost")]),
            ("ttft=600ms status=500", "ttft=1s status=500", 500, [("local", ""), ("openai", "upstream_error")]),
        ] {
            let said = format!("{manner:?} {first} {second}");
            let prompt = format!("{said} [[sim@gpt-5-mini: {first}]] [[sim@local-chat: {second}]]");
            let answer = world.send(&chat(Dialect::OpenaiChat, manner, &prompt));
            assert_eq!(answer.status, status, "{said}: {}", answer.text());
            let row = world.row(&answer);
            assert_eq!(tries(&row), expected, "{said}");
            assert_eq!(seen(&world, &row), 2, "{said}");
        }
    }
}

#[test]
fn quick_calls_and_those_that_would_be_another_thing_twice_have_no_second_try() {
    let world = world();
    let slow = "[[sim@gpt-5-mini: ttft=500ms]]";
    let tool = json!({"model": "either", "input": slow, "store": false, "tools": [{"type": "web_search"}]});
    let post = |path: &str, body: serde_json::Value| {
        Call::post(path, body.to_string()).header("content-type", "application/json")
    };
    for (call, why) in [
        (plain("quick"), 0),
        (plain(slow).header("idempotency-key", "mine"), 1),
        (post("/v1/responses", tool), 2),
        (ask(Dialect::OpenaiResponses, Manner::Plain, "either", slow), 3),
        (
            post(
                "/v1/chat/completions",
                json!({"model": "either", "store": true, "messages": [{"role": "user", "content": slow}]}),
            ),
            4,
        ),
    ] {
        let answer = world.send(&call);
        assert_eq!(by(&answer), (200, "openai", "1"), "{why}: {}", answer.text());
        assert_eq!(denied(&world, "unrepeatable"), why);
        assert!(world.row(&answer).decided.is_none_or(|decided| decided.hedge.is_none()), "{why}");
    }
    let own = plain(SLOW).header("idempotency-key", "stainless-node-retry-1");
    assert_eq!(by(&world.send(&own)), (200, "local", "2"), "what an SDK makes up by itself says nothing");
    let sent = world.sim.books.entries().into_iter().rfind(|entry| entry.model == "local-chat").unwrap();
    let headers = sent.detail.unwrap().headers;
    assert!(!headers.is_empty() && headers.iter().all(|(name, _)| name != "idempotency-key"), "{headers:?}");
}

#[test]
fn trouble_is_not_multiplied_beyond_the_share_of_a_route() {
    let world = World::with(setup("{ after: 100ms, share_max: 25% }"));
    let slow = "[[sim@gpt-5-mini: ttft=300ms]] [[sim@local-chat: ttft=60s]]";
    for number in 0..12 {
        assert_eq!(world.send(&plain(&format!("{number} {slow}"))).status, 200);
    }
    until("all are booked", || (world.rows().len() == 12).then_some(()));
    let hedged = world.rows().iter().filter(|row| row.earlier.len() == 1).count();
    assert_eq!((hedged, denied(&world, "share")), (3, 9));
}

#[test]
fn what_further_tries_a_gateway_allows_itself_bounds_second_ones_too() {
    let resilience = "{ retry_share: 1% }".to_owned();
    let world = World::with(Setup { resilience, ..setup("{ after: 20ms, share_max: 100% }") });
    let begun = Instant::now();
    for number in 0..30 {
        assert_eq!(world.send(&plain(&format!("{number} [[sim: ttft=60ms]]"))).status, 200);
    }
    until("all are booked", || (world.rows().len() == 30).then_some(()));
    let hedged = world.rows().iter().filter(|row| !row.earlier.is_empty()).count();
    // Ten are there at the start, one comes each second.
    let most = 10 + usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!(hedged <= most, "{hedged} of 30");
}

#[test]
fn a_hard_cap_that_has_no_room_for_both_lets_the_first_go_on_alone() {
    let slow = "[[sim@gpt-5-mini: ttft=400ms]] [[sim@local-chat: ttft=60s]]";
    let bounded = |prompt: &str| {
        let messages = json!([{"role": "user", "content": prompt}]);
        let body = json!({"model": "either", "max_completion_tokens": 1000, "messages": messages});
        Call::post("/v1/chat/completions", body.to_string()).header("content-type", "application/json")
    };
    // A thousand tokens of output are 0.0046 USD at the one (at its dearest tier), and 0.002 USD at the other.
    let pricing =
        "{ unknown_price: ceiling, ceiling: { input: 0.25 USD per 1M tokens, output: 2.00 USD per 1M tokens } }";
    for (amount, expected) in [("0.0060", "1"), ("1.00", "2")] {
        let budgets = format!("- {{ name: cap, amount: {amount} USD }}\n");
        let world =
            World::with(Setup { budgets, pricing: pricing.to_owned(), ..setup("{ after: 100ms, share_max: 100% }") });
        let answer = world.send(&bounded(slow));
        assert_eq!(by(&answer), (200, "openai", expected), "{amount}: {}", answer.text());
        assert_eq!(denied(&world, "money"), u64::from(expected == "1"), "{amount}");
        let row = world.row(&answer);
        assert_eq!(settled(&world), row.total_cost().amount, "what both cost is spent, and nothing stays held");
    }
}

#[test]
fn limits_and_pools_have_room_for_both_or_there_is_one() {
    let slow = "[[sim@gpt-5-mini: ttft=400ms]] [[sim@local-chat: ttft=60s]]";
    for (limits, pools, why) in [
        ("- { name: few, requests: 1/h }\n", "", "limit"),
        ("- { name: one, concurrent: 1 }\n", "", "limit"),
        ("- { name: one, for: { provider: local }, requests: 1/h }\n", "", ""),
        ("- { name: two, concurrent: 2, requests: 2/h }\n", "", ""),
        (
            "",
            "pools: [{ name: both, for: [{ provider: '*' }], concurrent: 1, queue: { wait_max: 9s } }]\n",
            "no_target",
        ),
        ("", "pools: [{ name: each, for: [{ provider: '*' }], each: target, concurrent: 1 }]\n", ""),
    ] {
        let (limits, more) = (limits.to_owned(), pools.to_owned());
        let world = World::with(Setup { limits, more, ..setup("{ after: 100ms, share_max: 100% }") });
        let answer = world.send(&plain(slow));
        let expected = if why.is_empty() { "2" } else { "1" };
        assert_eq!(by(&answer), (200, "openai", expected), "{limits} {pools}", limits = world.config);
        if !why.is_empty() {
            assert_eq!(denied(&world, why), 1, "{}", world.config);
        }
        world.row(&answer);
        let living = &world.gateway().living;
        let taken = living.gates.figures(&living.snapshot.load().pools).iter().map(|of| of.under_way).sum::<u64>();
        assert_eq!(taken, 0, "no place stays taken");
    }
}

#[test]
fn a_caller_who_leaves_two_tries_leaves_one_row_that_has_both() {
    let world = world();
    for (number, manner) in (1..).zip(MANNERS) {
        let call = world.keyed(&chat(Dialect::OpenaiChat, manner, "[[sim: hang_before_head]]")).launch(world.address);
        until("both are under way", || (world.sim.books.open() == 2).then_some(()));
        call.leave();
        until("both are given up", || (world.sim.books.open() == 0).then_some(()));
        let row = until("it is booked", || {
            let rows = world.rows();
            (rows.len() == number).then(|| rows.into_iter().max_by_key(|row| row.started_at).unwrap())
        });
        assert_eq!(row.ending, Ending::ClientGone);
        assert_eq!(tries(&row), [("local", ""), ("openai", "hedge_lost")]);
        assert!(row.earlier[0].cost.amount > Money::ZERO && row.usage.input_tokens > 0, "{row:?}");
        assert_eq!(seen(&world, &row), 2);
    }
    assert_eq!(world.finish().len(), MANNERS.len());
}

#[test]
fn what_is_slow_is_learned_from_what_is_usual() {
    let world = World::with(setup("{ after: p95, share_max: 100% }"));
    for number in 0..20 {
        let answer = world.send(&plain(&format!("{number} [[sim: ttft=30ms]]")));
        assert_eq!(by(&answer), (200, "openai", "1"), "too little is known yet");
    }
    let begun = Instant::now();
    assert_eq!(by(&world.send(&plain(SLOW))), (200, "local", "2"));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_call_that_is_killed_while_two_tries_run_is_booked_at_both() {
    let targets = "[{ provider: anthropic, model: claude-haiku-4-5 }, { provider: openai, model: gpt-5-mini }]";
    let models = format!("- {{ name: either, targets: {targets}, hedge: {{ after: 50ms, share_max: 100% }} }}\n");
    let (folder, sim) = prepared(&Setup { models, ..undeclared() });
    let process = Process::start(folder.path());
    let key = process.key.clone().unwrap();
    let call = ask(Dialect::OpenaiChat, Manner::Streamed, "either", "[[sim: hang_before_head]] x").bearer(&key);
    let _waiting = call.launch(process.address);
    until("it is at both", || (sim.books.open() == 2).then_some(()));
    process.kill();
    let _again = Process::start(folder.path());
    let rows = crate::world::rows(&folder.path().join("tallygate.db"));
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.ending, &*row.served.as_ref().unwrap().provider), (Ending::Interrupted, "openai"));
    let [first] = row.earlier.as_slice() else { panic!("{row:?}") };
    assert_eq!((&*first.served.provider, first.fault.as_str()), ("anthropic", "hedge_lost"));
    assert!(first.cost.amount.nanos() > 0 && row.cost.amount.nanos() > 0, "either may be billed: {row:?}");
}
