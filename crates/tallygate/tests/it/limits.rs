//! Limits on requests, tokens and calls at a time: who is refused, what is told, what is counted, what comes back.

use crate::speak::{CHAT, Manner, ask, error};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World, document, put_in_force, until};
use serde_json::json;
use tg_kernel::dialect::{Dialect, Family};
use tg_kernel::record::Ending;

fn world(limits: &str) -> World {
    World::with(setup(limits))
}

fn setup(limits: &str) -> Setup {
    Setup {
        limits: limits.to_owned(),
        models: "- { name: either, targets: [{ provider: openai, model: gpt-5-mini }, \
                 { provider: local, model: local-chat }] }\n"
            .to_owned(),
        teams: "- { name: red, projects: [alpha, beta], environments: [prod, dev] }\n- { name: blue }\n".to_owned(),
        ..Setup::default()
    }
}

fn model(dialect: Dialect) -> &'static str {
    match dialect.family() {
        Family::Openai => "on-openai",
        Family::Anthropic => "on-anthropic",
        Family::Bedrock => "on-bedrock",
    }
}

fn whole(answer: &Answer, name: &str) -> u64 {
    answer.header(name).parse().unwrap_or_else(|_| panic!("{name}: '{}'", answer.header(name)))
}

#[test]
fn every_dialect_is_counted_and_refused_in_its_own_words() {
    let world = world("- { name: few, each: [key], requests: 5/h }\n");
    for (passed, dialect) in (1..).zip(CHAT) {
        let answer = world.send(&ask(dialect, Manner::Plain, model(dialect), "hi"));
        assert_eq!(answer.status, 200, "{dialect:?}: {}", answer.text());
        let (limit, remaining) = match dialect.family() {
            Family::Anthropic => ("anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining"),
            Family::Openai | Family::Bedrock => ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests"),
        };
        assert_eq!((whole(&answer, limit), whole(&answer, remaining)), (5, 5 - passed), "{dialect:?}");
    }
    for dialect in CHAT {
        for manner in [Manner::Plain, Manner::Streamed] {
            let answer = world.send(&ask(dialect, manner, model(dialect), "hi"));
            assert_eq!(answer.status, 429, "{dialect:?}: {}", answer.text());
            let (kind, message) = error(dialect, &answer);
            let wanted = match dialect.family() {
                Family::Openai => "rate_limit_exceeded",
                Family::Anthropic => "rate_limit_error",
                Family::Bedrock => "ThrottlingException",
            };
            assert_eq!(kind, wanted);
            assert!((700..=720).contains(&whole(&answer, "retry-after")), "a fifth of an hour: {message}");
            let repeat = if dialect.family() == Family::Bedrock { "" } else { "false" };
            assert_eq!(answer.header("x-should-retry"), repeat, "nothing to wait for within a call");
            assert_eq!(answer.header("x-tallygate-error-code"), "limit_reached");
            let row = world.row(&answer);
            assert_eq!((row.ending, row.fault.as_deref()), (Ending::Refused, Some("limit_reached")));
            assert!(row.served.is_none());
            let whose =
                format!("'few' of key '{}' is reached: 5 requests in 1 h for each key.", row.attribution.key_id);
            assert!(message.contains(&whose), "{message}");
        }
    }
    assert_eq!(world.sim.books.entries().len(), 5, "none of the refused ones has left");
    let blue = world.issue(&world.new_key("blue"));
    let call = ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi").bearer(blue.secret.expose());
    assert_eq!(call.send(world.address).status, 200, "another key has its own");
}

#[test]
fn tokens_are_set_right_by_what_the_provider_counted() {
    let world = world("- { name: words, for: { team: red }, each: [team], output_tokens: 3000/31d }\n");
    let mut left = 3000;
    for dialect in CHAT {
        for manner in [Manner::Plain, Manner::Streamed] {
            let prompt = "[[sim: tokens=100]] count";
            let answer = world.send(&ask(dialect, manner, model(dialect), prompt));
            assert_eq!(answer.status, 200, "{dialect:?}: {}", answer.text());
            assert_eq!(world.row(&answer).usage.output_tokens, 100);
            left -= 100;
            assert_eq!(counted(&world), left, "{dialect:?} {manner:?}");
        }
    }
    let long = "[[sim: tokens=3000]] much";
    let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", long));
    assert_eq!(answer.status, 200, "what is usual was reserved: {}", answer.text());
    world.row(&answer);
    let owed = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi"));
    assert_eq!((owed.status, whole(&owed, "x-ratelimit-remaining-tokens")), (429, 0), "{}", owed.text());
    let count = json!({"model": "on-anthropic", "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let count = Call::post("/v1/messages/count_tokens", count).header("anthropic-version", "2023-06-01");
    assert_eq!(world.send(&count).status, 200, "what uses no tokens is not held up");
}

/// What is left, by a call that allows ten tokens of output and gets none: they come back.
fn counted(world: &World) -> u64 {
    let body = json!({"model": "on-anthropic", "max_tokens": 10,
        "messages": [{"role": "user", "content": "[[sim: status=400]]"}]});
    let call = Call::post("/v1/messages", body.to_string()).header("anthropic-version", "2023-06-01");
    let answer = world.send(&call);
    assert_eq!(answer.status, 400, "{}", answer.text());
    whole(&answer, "anthropic-ratelimit-output-tokens-remaining") + 10
}

#[test]
fn calls_at_a_time_are_given_back_however_a_call_ends() {
    let world = world("- { name: one, concurrent: 1 }\n");
    let quick = ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi");
    for (dialect, leave) in CHAT.into_iter().flat_map(|dialect| [(dialect, false), (dialect, true)]) {
        let prompt = "[[sim: tokens=40 delay=10ms]] slow";
        let mut running = world.keyed(&ask(dialect, Manner::Streamed, model(dialect), prompt)).open(world.address);
        assert_eq!(running.status, 200, "{dialect:?}");
        running.piece();
        let refused = world.send(&quick);
        assert_eq!(refused.status, 429, "{dialect:?}");
        assert!(refused.text().contains("1 call at a time"), "{}", refused.text());
        if leave {
            drop(running);
        } else {
            running.whole();
        }
        until("there is room again", || (world.send(&quick).status == 200).then_some(()));
    }
    for prompt in ["[[sim: status=500]]", "[[sim: reset]]", "[[sim: garbage]]", "[[sim: status=400]]"] {
        assert_ne!(world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", prompt)).status, 200);
        assert_eq!(world.send(&quick).status, 200, "{prompt}");
    }
    assert_ne!(world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-dead", "hi")).status, 200);
    assert_eq!(world.send(&quick).status, 200);
}

#[test]
fn where_a_provider_has_no_room_the_next_target_is_tried() {
    let world = world("- { name: quota, for: { provider: openai }, requests: 1/h }\n- { name: all, requests: 3/h }\n");
    let call = ask(Dialect::OpenaiChat, Manner::Plain, "either", "hi");
    let served = |answer: &Answer| (answer.status, answer.header("x-tallygate-provider").to_owned());
    assert_eq!(served(&world.send(&call)), (200, "openai".to_owned()));
    let elsewhere = world.send(&call);
    assert_eq!(served(&elsewhere), (200, "local".to_owned()));
    assert_eq!(whole(&elsewhere, "x-ratelimit-remaining-requests"), 1, "of its own limit: the other did not serve");
    let only = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi"));
    assert_eq!(only.status, 429, "{}", only.text());
    let none = world.send(&call);
    assert_eq!(none.status, 429);
    assert!(none.text().contains("'all'"), "the call's own limit, before any target: {}", none.text());
}

#[test]
fn what_was_counted_stays_counted_over_a_reload() {
    let world = world("- { name: few, requests: 2/h }\n");
    let call = ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi");
    assert_eq!(world.send(&call).status, 200);
    let reload = |limits: &str| {
        let text = document(&setup(limits), &world.sim, world.folder.path());
        put_in_force(world.gateway(), &text);
    };
    reload("- { name: few, requests: 2/d }\n");
    assert_eq!([world.send(&call).status, world.send(&call).status], [200, 429]);
    reload("- { name: few, requests: 2/d, mode: observe }\n");
    assert_eq!(world.send(&call).status, 200);
    assert_eq!(world.gateway().living.limits.figures(), [("few".into(), 2, 0)]);
    reload("");
    let free = world.send(&call);
    assert_eq!((free.status, free.header("x-ratelimit-limit-requests")), (200, "100000"), "the provider's own again");
}

#[test]
fn however_many_come_at_once_no_more_than_the_limit_allows_leave() {
    let world = world("- { name: few, each: [team], requests: 7/h }\n");
    let call = world.keyed(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi"));
    let passed: usize = std::thread::scope(|scope| {
        let callers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (0..5).filter(|_| call.send(world.address).status == 200).count())).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    assert_eq!((passed, world.sim.books.entries().len()), (7, 7));
}

#[test]
fn a_limit_of_a_provider_that_only_needs_time_is_told_before_what_would_fail_again() {
    let world = World::with(Setup {
        models: "- { name: picky, on_loss: reject, targets: [{ provider: openai, model: gpt-5-mini }, \
                 { provider: anthropic, model: claude-haiku-4-5 }] }\n"
            .to_owned(),
        ..setup("- { name: quota, for: { provider: openai }, requests: 1/m }\n")
    });
    let body = json!({"model": "picky", "seed": 7, "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let call = Call::post("/v1/chat/completions", body).header("content-type", "application/json");
    assert_eq!(world.send(&call).status, 200);
    let refused = world.send(&call);
    assert_eq!(
        (refused.status, refused.header("x-tallygate-error-code")),
        (429, "limit_reached"),
        "{}",
        refused.text()
    );
    assert_eq!(refused.header("x-should-retry"), "", "a minute can be waited for");
}

#[test]
fn a_picture_in_a_call_that_is_broken_off_is_not_counted_by_its_bytes() {
    let world = world("- { name: words, tokens: 10k/d }\n");
    let picture = format!(
        "data:image/png;base64,{}",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk".repeat(2_000)
    );
    let content = json!([{"type": "text", "text": "[[sim: tokens=40 delay=10ms]] look"},
        {"type": "image_url", "image_url": {"url": picture}}]);
    let body = json!({"model": "on-openai", "stream": true, "messages": [{"role": "user", "content": content}]});
    let call = Call::post("/v1/chat/completions", body.to_string()).header("content-type", "application/json");
    let mut running = world.keyed(&call).open(world.address);
    assert_eq!(running.status, 200);
    running.piece();
    drop(running);
    let row = until("its row", || world.rows().pop());
    assert!((1_600..1_800).contains(&row.usage.input_tokens), "{:?}", row.usage);
    let next = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi"));
    assert_eq!(next.status, 200, "{}", next.text());
}
