//! What a route or the whole gateway is told to do: about losses, about unknown prices, about silence.

use crate::speak::{CHAT, MANNERS, Manner, ask, each_dialect, echo, error, hear};
use crate::wire::Call;
use crate::world::{Setup, World};
use std::time::{Duration, Instant};
use tg_kernel::dialect::{Dialect, Family};
use tg_kernel::record::{Ending, Pricing};

#[test]
fn a_loss_is_reported_or_refused_as_the_route_says() {
    let models = "- { name: strict, on_loss: reject, targets: [{ provider: anthropic, model: claude-haiku-4-5 }] }\n\
                  - { name: lax, on_loss: report, targets: [{ provider: anthropic, model: claude-haiku-4-5 }] }\n\
                  - { name: strict-first, on_loss: reject, targets: [{ provider: anthropic, model: claude-haiku-4-5 }, \
                    { provider: openai, model: gpt-4.1 }] }\n"
        .to_owned();
    let world = World::with(Setup { models, ..Setup::default() });
    let chat = |model: &str, more: &str| {
        Call::post(
            "/v1/chat/completions",
            format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]{more}}}"#),
        )
        .header("content-type", "application/json")
    };
    let lossy = r#","seed":7,"logit_bias":{"5":1}"#;
    let answer = world.send(&chat("lax", lossy));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let row = world.row(&answer);
    assert_eq!(row.losses, ["logit_bias", "seed"]);
    assert_eq!(answer.header("x-tallygate-losses"), "logit_bias,seed");

    let answer = world.send(&chat("strict", lossy));
    assert_eq!(answer.status, 400, "{}", answer.text());
    let (code, message) = error(Dialect::OpenaiChat, &answer);
    assert_eq!(code, "not_expressible");
    assert!(message.contains("seed") && message.contains("logit_bias"), "{message}");
    let row = world.row(&answer);
    assert_eq!((row.ending, row.cost.amount.nanos()), (Ending::Refused, 0));

    assert_eq!(world.send(&chat("strict", "")).status, 200, "nothing is lost");
    let answer = world.send(&chat("strict-first", lossy));
    assert_eq!((answer.status, answer.header("x-tallygate-provider")), (200, "openai"), "{}", answer.text());
    assert_eq!(answer.header("x-tallygate-losses"), "");
}

#[test]
fn an_unknown_price_is_never_a_silent_zero() {
    let models = "- { name: denied, unknown_price: deny, targets: [{ provider: local, model: local-chat }] }\n\
                  - { name: capped, unknown_price: ceiling, targets: [{ provider: local, model: local-chat }] }\n\
                  - { name: flagged, unknown_price: allow_and_flag, targets: [{ provider: local, model: local-chat }] }\n\
                  - { name: denied-first, unknown_price: deny, targets: [{ provider: local, model: local-chat }, \
                    { provider: anthropic, model: claude-haiku-4-5 }] }\n\
                  - { name: known, unknown_price: deny, targets: [{ provider: openai, model: gpt-5-mini }] }\n"
        .to_owned();
    let pricing = "{ ceiling: { input: '10.00 USD per 1M tokens', output: '20.00 USD per 1M tokens' } }".to_owned();
    let world = World::with(Setup { models, pricing, ..Setup::default() });
    for dialect in CHAT {
        for manner in MANNERS {
            let place = format!("{dialect:?} {manner:?}");
            let denied = world.send(&ask(dialect, manner, "denied", "hi"));
            assert_eq!(denied.status, 403, "{place}: {}", denied.text());
            let (_, message) = error(dialect, &denied);
            assert!(message.contains("price"), "{place}: {message}");
            assert_eq!(world.row(&denied).ending, Ending::Refused, "{place}");

            let capped = world.send(&ask(dialect, manner, "capped", "hi"));
            let row = world.row(&capped);
            assert_eq!((capped.status, row.cost.pricing), (200, Pricing::Ceiling), "{place}");
            // 10 and 20 dollars for a million tokens are 10 000 and 20 000 nano-dollars for one.
            let owed = row.usage.total_input_tokens() * 10_000 + row.usage.output_tokens * 20_000;
            assert_eq!(row.cost.amount.nanos().unsigned_abs(), owed, "{place}");

            let flagged = world.send(&ask(dialect, manner, "flagged", "hi"));
            let row = world.row(&flagged);
            assert_eq!((flagged.status, row.cost.pricing), (200, Pricing::Unpriced), "{place}");
            assert_eq!(row.cost.amount.nanos(), 0, "{place}");
            if manner == Manner::Plain {
                assert_eq!(flagged.header("x-tallygate-cost-usd"), "unknown", "{place}");
            }

            let elsewhere = world.send(&ask(dialect, manner, "denied-first", "hi"));
            assert_eq!((elsewhere.status, elsewhere.header("x-tallygate-provider")), (200, "anthropic"), "{place}");
            let known = world.row(&world.send(&ask(dialect, manner, "known", "hi")));
            assert_eq!((known.ending, known.cost.pricing), (Ending::Ok, Pricing::Priced), "{place}");
        }
    }
}

#[test]
fn a_stream_is_kept_alive_while_its_provider_thinks() {
    let world = World::with(Setup { streams: "{ keepalive: 50ms }".to_owned(), ..Setup::default() });
    each_dialect(|dialect| {
        for model in ["on-bedrock", "on-anthropic", "on-openai"] {
            let place = format!("{dialect:?} {model}");
            let prompt = format!("[[sim: ttft=300ms]] {place}");
            let began = Instant::now();
            let mut exchange = world.keyed(&ask(dialect, Manner::Streamed, model, &prompt)).open(world.address);
            assert_eq!(exchange.status, 200, "{place}");
            let first = exchange.piece().unwrap();
            if dialect.family() == Family::Bedrock {
                assert!(began.elapsed() >= Duration::from_millis(300), "{place}: this dialect has no comments");
            } else {
                assert!(began.elapsed() < Duration::from_millis(250), "{place}: {:?}", began.elapsed());
            }
            let mut answer = exchange.whole();
            answer.body.splice(0..0, first);
            let heard = hear(dialect, Manner::Streamed, &answer);
            assert_eq!((heard.text, heard.ended), (echo(&place, 30), true), "{place}");
            assert_eq!(world.row(&answer).ending, Ending::Ok, "{place}");
        }
    });
}

#[test]
fn a_failure_after_a_sign_of_life_is_told_in_the_stream() {
    let world = World::with(Setup { streams: "{ keepalive: 30ms }".to_owned(), ..Setup::default() });
    each_dialect(|dialect| {
        if dialect.family() == Family::Bedrock {
            return;
        }
        for script in ["status=400", "status=401", "status=429", "status=500", "html", "garbage", "reset"] {
            for model in ["on-bedrock", "on-anthropic", "on-openai"] {
                let place = format!("{script} {dialect:?} {model}");
                let prompt = format!("[[sim: ttft=120ms {script}]] {place}");
                let answer = world.send(&ask(dialect, Manner::Streamed, model, &prompt));
                assert_eq!(answer.status, 200, "{place}: {}", answer.text());
                let heard = hear(dialect, Manner::Streamed, &answer);
                assert!(heard.error.is_some() && !heard.ended, "{place}: {}", answer.text());
                let row = world.row(&answer);
                assert_eq!((row.ending, row.status), (Ending::ProviderError, 200), "{place}");
            }
        }
    });
}
