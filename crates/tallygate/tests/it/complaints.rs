//! What callers and operators of other gateways complain of, where no test of another file shows that it does not happen
//! here. The whole list: docs/complaints.md.

use crate::budgets::{bounded, code, settled, setup, world};
use crate::speak::{CHAT, MANNERS, ask};
use crate::wire::Call;
use crate::world::{Setup, World};
use serde_json::json;
use tg_kernel::dialect::{Dialect, Family};
use tg_kernel::units::Money;

/// docs/complaints.md, 3: endpoints beside chat that pass budgets by.
#[test]
fn no_endpoint_goes_round_an_exhausted_budget() {
    let models = "- { name: vectors, targets: [{ provider: openai, model: text-embedding-3-small }] }\n\
                  - { name: titan, targets: [{ provider: bedrock, model: 'amazon.titan-embed-text-v2:0' }] }\n\
                  - { name: film, targets: [{ provider: bedrock, model: 'amazon.nova-reel-v1:1' }] }\n";
    let world = World::with(Setup {
        models: models.to_owned(),
        bedrock: ", async_output: ['s3://films']".to_owned(),
        ..setup("- { name: broke, amount: 0.000000001 USD }\n")
    });
    let mut calls: Vec<Call> = Vec::new();
    for dialect in CHAT {
        let model = match dialect.family() {
            Family::Openai => "on-openai",
            Family::Anthropic => "on-anthropic",
            Family::Bedrock => "on-bedrock",
        };
        calls.extend(MANNERS.map(|manner| ask(dialect, manner, model, "hi")));
    }
    let post = |path: &str, body: serde_json::Value| {
        Call::post(path, body.to_string()).header("content-type", "application/json")
    };
    calls.push(post("/v1/embeddings", json!({"model": "vectors", "input": "words that are to become numbers"})));
    calls.push(post("/model/titan/invoke", json!({"inputText": "words that are to become numbers"})));
    calls.push(post(
        "/async-invoke",
        json!({"modelId": "film", "modelInput": {"taskType": "TEXT_VIDEO"},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://films/here"}}}),
    ));
    for call in &calls {
        let answer = world.send(call);
        let refused = ["budget_exhausted", "price_unknown"].contains(&answer.header("x-tallygate-error-code"));
        assert!(refused, "{call:?}: {} {}", answer.status, answer.text());
    }
    assert!(world.sim.books.entries().is_empty(), "none has left");
}

/// docs/complaints.md, 9: departments that cannot share an amount.
#[test]
fn two_departments_share_one_amount_a_day_and_a_third_has_its_own() {
    let world = World::with(Setup {
        teams: "- { name: dept-a }\n- { name: dept-b }\n- { name: lab }\n".to_owned(),
        ..setup("- { name: both, for: { team: 'dept-*' }, window: day, amount: 0.0095 USD }\n")
    });
    let key = |team: &str| world.issue(&world.new_key(team)).secret.expose().to_owned();
    let (a, b, lab) = (key("dept-a"), key("dept-b"), key("lab"));
    let call = bounded("on-openai", 2_000, "[[sim: tokens=1900]] much");
    let send = |key: &str| {
        let answer = call.clone().bearer(key).send(world.address);
        world.row(&answer);
        answer
    };
    assert_eq!((send(&a).status, send(&b).status), (200, 200));
    settled(&world);
    for key in [&a, &b] {
        let refused = send(key);
        assert_eq!(code(&refused), (429, "budget_exhausted"), "{}", refused.text());
    }
    assert_eq!(send(&lab).status, 200);
}

/// docs/complaints.md, 6: tokens of a stream that a limit counts twice, or not at all, and calls that were broken off and are not in it.
#[test]
fn a_limit_counts_a_stream_once_whether_it_is_heard_to_its_end_or_left() {
    let world =
        World::with(Setup { limits: "- { name: words, output_tokens: 10000/31d }\n".to_owned(), ..Setup::default() });
    let left = || -> u64 {
        let answer = world.send(&bounded("on-openai", 1, "[[sim: tokens=1]] hi"));
        world.row(&answer);
        answer.header("x-ratelimit-remaining-tokens").parse().unwrap()
    };
    let before = left();
    for dialect in [Dialect::OpenaiChat, Dialect::AnthropicMessages, Dialect::BedrockConverse] {
        let model = if dialect.family() == Family::Anthropic { "on-anthropic" } else { "on-bedrock" };
        let begun = left();
        let prompt = "[[sim: tokens=400 chunk=10 delay=20ms]] much";
        let mut running = world.keyed(&ask(dialect, MANNERS[1], model, prompt)).open(world.address);
        running.piece();
        drop(running);
        let row = crate::world::until("the call that was left is booked", || {
            world.rows().into_iter().find(|row| row.asked.dialect == dialect && row.asked.stream)
        });
        let booked = row.usage.output_tokens;
        assert!(booked > 0 && booked < 400, "{dialect:?}: {booked}");
        // A little comes back while the test runs; what is asked for the look is one token, and one for the bound.
        let counted = crate::world::until("it is set right", || {
            let counted = begun.saturating_sub(left());
            (counted <= booked + 200).then_some(counted)
        });
        assert!(counted >= booked, "{dialect:?}: {counted} for {booked}");
    }
    assert!(left() < before);
    assert_eq!(world.finish().iter().filter(|row| row.cost.amount == Money::ZERO).count(), 0);
}

/// docs/complaints.md, 9: a budget error that looks as if one should wait a second and try again.
#[test]
fn prepaid_money_that_is_spent_is_said_to_be_so_and_comes_back_at_no_time() {
    let world = world("- { name: card, amount: 0.0060 USD, window: prepaid, starts: 2020-01-01T00:00:00Z }\n");
    let call = bounded("on-openai", 2_000, "[[sim: tokens=1900]] much");
    assert_eq!(world.send(&call).status, 200);
    settled(&world);
    let refused = world.send(&call);
    assert_eq!(code(&refused), (429, "budget_exhausted"));
    assert!(refused.text().contains("is prepaid, and is not filled up by itself"), "{}", refused.text());
    assert_eq!((refused.header("retry-after"), refused.header("x-should-retry")), ("", "false"));
}
