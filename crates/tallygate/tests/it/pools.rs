//! Pools over HTTP: who waits, who goes elsewhere, who is told at once, and that nothing is kept of those who had no place.

use crate::budgets::settled;
use crate::speak::{CHAT, MANNERS, Manner, ask, echo, error, hear};
use crate::wire::{Answer, Exchange};
use crate::world::{Setup, World, until};
use std::time::{Duration, Instant};
use tg_kernel::dialect::{Dialect, Family};
use tg_kernel::record::Ending;
use tg_kernel::units::Money;
use tg_policy::pool::Figures;
use tg_sim::SimOptions;

/// One call at a time at OpenAI, while others wait for long.
const ONE: &str = "pools:\n- { name: narrow, for: [{ provider: openai }], concurrent: 1, queue: { wait_max: 15s } }\n";

/// As long as nobody says otherwise.
const HANG: &str = "[[sim: hang_before_head]]";

fn setup(more: &str) -> Setup {
    let models = "- { name: either, targets: [{ provider: openai, model: gpt-5-mini }, { provider: local, model: local-chat }] }\n";
    Setup { more: more.to_owned(), models: models.to_owned(), ..Setup::default() }
}

fn figures(world: &World) -> Figures {
    let living = &world.gateway().living;
    living.gates.figures(&living.snapshot.load().pools).into_iter().next().unwrap_or_default()
}

fn say(model: &str, manner: Manner, prompt: &str) -> crate::wire::Call {
    ask(Dialect::OpenaiChat, manner, model, prompt)
}

/// A call that has the only place until its caller leaves.
fn held(world: &World) -> Exchange {
    let call = world.keyed(&say("on-openai", Manner::Plain, HANG)).launch(world.address);
    until("the place is taken", || (figures(world).under_way == 1 && world.sim.books.open() == 1).then_some(()));
    call
}

fn wait_for(world: &World, waiting: u64) {
    until(&format!("{waiting} wait"), || (figures(world).waiting == waiting).then_some(()));
}

#[test]
fn a_call_waits_for_a_place_and_its_row_and_answer_say_how_long() {
    // The provider refuses a second call at a time: without the line it would be told 429.
    let sim = SimOptions { chats_max: Some(1), ..SimOptions::default() };
    let world = World::with(Setup { sim, ..setup(ONE) });
    for dialect in CHAT {
        for manner in MANNERS {
            let first = held(&world);
            let said = format!("{dialect:?} {manner:?}");
            let second = world.keyed(&ask(dialect, manner, "on-openai", &said)).launch(world.address);
            wait_for(&world, 1);
            std::thread::sleep(Duration::from_millis(30));
            first.leave();
            let answer = second.whole();
            assert_eq!(answer.status, 200, "{said}: {}", answer.text());
            assert_eq!(hear(dialect, manner, &answer).text, echo(&said, 30), "{said}");
            let shown: u64 = answer.header("x-tallygate-queued-ms").parse().unwrap();
            assert!(shown >= 30, "{said}: {shown} ms");
            let row = world.row(&answer);
            let waited = row.decided.and_then(|decided| decided.waited_us).unwrap();
            assert_eq!(waited / 1000, shown, "{said}");
            assert!(row.timing.overhead_us < waited, "{said}: waiting is not the gateway's own work");
        }
    }
    let alone = world.send(&say("on-openai", Manner::Plain, "alone"));
    assert_eq!((alone.status, alone.header("x-tallygate-queued-ms")), (200, ""));
    assert_eq!(world.row(&alone).decided.and_then(|decided| decided.waited_us), None);
    until("all is free", || (figures(&world).under_way == 0).then_some(()));
    let seen = world.sim.books.entries();
    assert!(seen.iter().all(|entry| entry.status != 429), "the provider was never asked too much");
}

#[test]
fn where_a_pool_is_full_the_next_target_answers_at_once() {
    let world = World::with(setup(ONE));
    let by = |answer: &Answer| (answer.status, answer.header("x-tallygate-provider").to_owned());
    let first = held(&world);
    let answer = world.send(&say("either", Manner::Plain, "hi"));
    assert_eq!(by(&answer), (200, "local".to_owned()), "{}", answer.text());
    assert_eq!((answer.header("x-tallygate-attempts"), answer.header("x-tallygate-queued-ms")), ("1", ""));
    first.leave();
    until("the place is free", || (figures(&world).under_way == 0).then_some(()));
    assert_eq!(
        by(&world.send(&say("either", Manner::Plain, "hi"))),
        (200, "openai".to_owned()),
        "the order is as before"
    );
}

#[test]
fn overload_is_told_at_once_in_every_dialect_and_nothing_of_it_is_kept() {
    let more = "pools:\n- { name: narrow, for: [{ provider: '*' }], concurrent: 1 }\n";
    let world = World::with(Setup {
        limits: "- { name: few, concurrent: 2, tokens: 1M/h }\n".to_owned(),
        budgets: "- { name: all, amount: 50 USD }\n".to_owned(),
        ..setup(more)
    });
    let first = held(&world);
    let begun = Instant::now();
    for dialect in CHAT {
        for manner in MANNERS {
            let answer = world.send(&ask(dialect, manner, "on-bedrock", "hi"));
            let (kind, message) = error(dialect, &answer);
            let wanted = match dialect.family() {
                Family::Openai => (503, "pool_full"),
                Family::Anthropic => (529, "overloaded_error"),
                Family::Bedrock => (503, "ServiceUnavailableException"),
            };
            let said = format!("{dialect:?} {manner:?}: {message}");
            assert_eq!((answer.status, &*kind), wanted, "{said}");
            assert!(message.contains("The pool 'narrow' of this model's provider is full."), "{said}");
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1, "{said}");
            assert_eq!(answer.header("x-tallygate-error-code"), "pool_full", "{said}");
            let row = world.row(&answer);
            assert_eq!((row.ending, row.fault.as_deref()), (Ending::Refused, Some("pool_full")), "{said}");
            assert_eq!((row.served.is_none(), row.cost.amount), (true, Money::ZERO), "{said}");
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(world.sim.books.open(), 1, "none of them has left");
    first.leave();
    settled(&world);
    // Of what is at a time nothing is left taken either.
    assert_eq!(world.send(&say("on-openai", Manner::Plain, "hi")).status, 200);
    assert_eq!(figures(&world).tallies.full, 2 * CHAT.len() as u64);
}

#[test]
fn who_would_wait_too_long_is_told_so_when_it_comes() {
    let more = "pools:\n- { name: slow, for: [{ provider: openai }], requests: 1/m, queue: { wait_max: 2s } }\n";
    let world = World::with(setup(more));
    assert_eq!(world.send(&say("on-openai", Manner::Plain, "hi")).status, 200);
    let begun = Instant::now();
    let answer = world.send(&say("on-openai", Manner::Plain, "hi"));
    assert!(begun.elapsed() < Duration::from_secs(2), "it does not wait to be told");
    assert_eq!(answer.status, 503, "{}", answer.text());
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((50..=60).contains(&seconds), "{seconds}: {}", answer.text());
    assert_eq!(figures(&world).tallies.too_long, 1);
    // A deadline of its own counts as well.
    let more =
        "pools:\n- { name: slow, for: [{ provider: openai }], requests: 60/m, burst: 1s, queue: { wait_max: 1m } }\n";
    let world = World::with(Setup { resilience: "{ deadline: 300ms }".to_owned(), ..setup(more) });
    assert_eq!(world.send(&say("on-openai", Manner::Plain, "hi")).status, 200);
    let answer = world.send(&say("on-openai", Manner::Plain, "hi"));
    assert_eq!((answer.status, answer.header("x-tallygate-error-code")), (503, "pool_full"));
    let world = World::with(setup(more));
    let answers: Vec<Answer> = (0..3).map(|_| world.send(&say("on-openai", Manner::Plain, "hi"))).collect();
    let waited = |answer: &Answer| answer.header("x-tallygate-queued-ms").parse::<u64>().unwrap_or(0);
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert!(waited(&answers[2]) > 500, "a rate opens by itself: {} ms", waited(&answers[2]));
}

#[test]
fn a_caller_who_leaves_leaves_the_line_at_once() {
    for streams in ["{ on_disconnect: cancel }", "{ on_disconnect: { drain: { time_max: 60s, bytes_max: 1 MiB } } }"] {
        let budgets = "- { name: all, amount: 50 USD }\n".to_owned();
        let limits = "- { name: few, concurrent: 2 }\n".to_owned();
        let world = World::with(Setup { streams: streams.to_owned(), budgets, limits, ..setup(ONE) });
        let first = held(&world);
        let second = world.keyed(&say("on-openai", Manner::Plain, "never mind")).launch(world.address);
        wait_for(&world, 1);
        second.leave();
        wait_for(&world, 0);
        let row = until("its row", || world.rows().into_iter().next());
        assert_eq!((row.ending, row.served), (Ending::ClientGone, None), "{streams}");
        assert!(row.decided.and_then(|decided| decided.waited_us).is_none_or(|waited| waited > 0));
        assert_eq!(world.sim.books.open(), 1, "{streams}: it never left");
        first.leave();
        if streams.contains("cancel") {
            settled(&world);
            assert_eq!(world.send(&say("on-openai", Manner::Plain, "hi")).status, 200);
        }
    }
}

#[test]
fn the_end_of_the_gateway_ends_who_waits_and_says_so() {
    let mut world = World::with(setup(ONE));
    let _first = held(&world);
    let second = world.keyed(&say("on-openai", Manner::Plain, "hello?")).launch(world.address);
    wait_for(&world, 1);
    let begun = Instant::now();
    world.drain(Duration::from_millis(200));
    assert!(begun.elapsed() < Duration::from_secs(10), "nobody is waited for");
    let answer = second.whole();
    assert_eq!(
        (answer.status, answer.header("x-tallygate-error-code")),
        (503, "gateway_draining"),
        "{}",
        answer.text()
    );
    let faults: Vec<Option<String>> = world.rows().into_iter().map(|row| row.fault).collect();
    assert!(faults.contains(&Some("gateway_draining".to_owned())), "{faults:?}");
}

#[test]
fn a_stream_is_kept_company_while_it_waits() {
    let world = World::with(Setup { streams: "{ keepalive: 100ms }".to_owned(), ..setup(ONE) });
    let first = held(&world);
    let mut second = world.keyed(&say("on-openai", Manner::Streamed, "patience")).open(world.address);
    assert_eq!(second.status, 200);
    let sign = second.piece().unwrap();
    assert!(sign.starts_with(b":"), "{}", String::from_utf8_lossy(&sign));
    assert_eq!(figures(&world).waiting, 1, "it still waits");
    first.leave();
    let answer = second.whole();
    let heard = hear(Dialect::OpenaiChat, Manner::Streamed, &answer);
    assert_eq!((heard.text, heard.ended), (echo("patience", 30), true));
    let row = world.row(&answer);
    assert!(row.decided.and_then(|decided| decided.waited_us).unwrap() >= 100_000);
}

#[test]
fn a_caller_may_lower_its_class_and_not_raise_it() {
    let more = format!("{ONE}priorities: [{{ for: {{ team: red }}, class: normal }}]\n");
    let world = World::with(setup(&more));
    let wrong = say("on-openai", Manner::Plain, "hi").header("x-tallygate-priority", "urgent");
    let answer = world.send(&wrong);
    assert_eq!((answer.status, answer.header("x-tallygate-error-code")), (400, "invalid_request"));
    assert!(answer.text().contains("'interactive', 'normal' or 'batch'"), "{}", answer.text());
    let first = held(&world);
    // First come those that can wait; then those that wish to be more than they are, and are not.
    let mut waiting = Vec::new();
    for (class, number) in [("batch", 6), ("interactive", 6)] {
        for _ in 0..number {
            let prompt = format!("{class} [[sim: ttft=20ms]]");
            let call = say("on-openai", Manner::Plain, &prompt).header("x-tallygate-priority", class);
            waiting.push(world.keyed(&call).launch(world.address));
            wait_for(&world, waiting.len() as u64);
        }
    }
    first.leave();
    assert!(waiting.into_iter().all(|call| call.whole().status == 200));
    let entries = world.sim.books.entries();
    let said: Vec<String> = entries.into_iter().filter_map(|entry| entry.detail.map(|detail| detail.body)).collect();
    let of_first = said.iter().filter(|body| !body.contains("hang_before_head")).take(7);
    let lowered = of_first.filter(|body| body.contains("batch")).count();
    // Four of five, and not sixteen of seventeen.
    assert!((1..=2).contains(&lowered), "{lowered} of the first seven could wait: {said:?}");
}

#[test]
fn a_limit_is_found_below_what_a_provider_refuses() {
    let more = "pools:\n- { name: found, for: [{ provider: openai }], adaptive: { min: 1, max: 50 }, queue: { wait_max: 15s } }\n";
    let sim = SimOptions { chats_max: Some(3), ..SimOptions::default() };
    let resilience = "{ breaker: { enabled: false } }".to_owned();
    let world = World::with(Setup { sim, resilience, ..setup(more) });
    let statuses = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let answer = world.send(&say("on-openai", Manner::Streamed, "hi [[sim: ttft=10ms]]"));
                    statuses.lock().unwrap().push(answer.status);
                }
            });
        }
    });
    let statuses = statuses.into_inner().unwrap();
    let refused = |of: &[u16]| of.iter().filter(|status| **status != 200).count();
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    assert!(refused(&statuses) >= 1 && refused(&statuses) <= 50, "{} of 200 were refused", refused(&statuses));
    assert!(refused(&statuses[100..]) <= 20, "{} of the last 100", refused(&statuses[100..]));
    let limit = figures(&world).limit.unwrap();
    assert!((1..=5).contains(&limit), "{limit} found where 3 are borne");
}

#[test]
fn a_call_that_waited_is_not_sent_to_a_target_that_was_passed_over_meanwhile() {
    let pools =
        "pools:\n- { name: each, for: [{ provider: '*' }], each: target, concurrent: 1, queue: { wait_max: 15s } }\n";
    let world = World::with(Setup { resilience: "{ breaker: { failures: 1, rest: 60s } }".to_owned(), ..setup(pools) });
    let fails = say("on-openai", Manner::Plain, "[[sim: ttft=1s status=500]]");
    let failing = world.keyed(&fails).launch(world.address);
    let hanging = world.keyed(&say("on-local", Manner::Plain, HANG)).launch(world.address);
    until("both places are taken", || (world.sim.books.open() == 2).then_some(()));
    let waiting = world.keyed(&say("either", Manner::Plain, "who is well?")).launch(world.address);
    assert_eq!(failing.whole().status, 500);
    let of = |target: &str| {
        let living = &world.gateway().living;
        let all = living.gates.figures(&living.snapshot.load().pools);
        all.into_iter().find(|of| of.target.starts_with(target)).map(|of| (of.under_way, of.waiting))
    };
    until("it waits at the other", || (of("local") == Some((1, 1)) && of("openai") == Some((0, 0))).then_some(()));
    hanging.leave();
    let answer = waiting.whole();
    assert_eq!((answer.status, answer.header("x-tallygate-provider")), (200, "local"), "{}", answer.text());
    assert_eq!(answer.header("x-tallygate-attempts"), "1", "the other was not asked");
}
