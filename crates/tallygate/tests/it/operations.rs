//! What is not a chat: embeddings, counts of tokens, lists of models.

use crate::matrix::usage_of;
use crate::speak::{Manner, ask, error};
use crate::wire::Call;
use crate::world::{HAIKU, Setup, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::record::{Ending, Pricing};
use tg_sim::tokens_of;
use tg_store::key::NewKey;

fn world() -> World {
    let models = "- { name: embed-openai, targets: [{ provider: openai, model: text-embedding-3-small }] }\n\
                  - { name: embed-local, targets: [{ provider: local, model: local-embed }] }\n\
                  - { name: embed-titan, targets: [{ provider: bedrock, model: 'amazon.titan-embed-text-v2:0' }] }\n\
                  - { name: embed-cohere, targets: [{ provider: bedrock, model: cohere.embed-english-v3 }] }\n\
                  - { name: embed-anthropic, targets: [{ provider: anthropic, model: claude-haiku-4-5 }] }\n"
        .to_owned();
    World::with(Setup { models, ..Setup::default() })
}

/// The vector of an item, in either encoding.
fn vector(item: &Value) -> Vec<f32> {
    match &item["embedding"] {
        Value::String(text) => {
            let bytes = STANDARD.decode(text).unwrap();
            bytes.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
        }
        other => serde_json::from_value(other.clone()).unwrap(),
    }
}

#[test]
fn embeddings_come_from_every_provider_that_has_them() {
    let world = world();
    for (model, dimensions, priced) in [
        ("embed-openai", 16, true),
        ("embed-local", 16, false),
        ("embed-titan", 1024, true),
        ("embed-cohere", 1024, true),
    ] {
        for (input, texts) in [
            (json!("a red bicycle"), vec!["a red bicycle"]),
            (json!(["one"]), vec!["one"]),
            (json!(["first text", "the second"]), vec!["first text", "the second"]),
        ] {
            // One text in each call is all that Titan takes.
            if model == "embed-titan" && texts.len() > 1 {
                continue;
            }
            let mut told: Vec<Vec<f32>> = Vec::new();
            for format in ["float", "base64"] {
                let place = format!("{model} {input} {format}");
                let body = json!({"model": model, "input": input, "encoding_format": format});
                let call = Call::post("/v1/embeddings", body.to_string()).header("content-type", "application/json");
                let answer = world.send(&call);
                assert_eq!(answer.status, 200, "{place}: {}", answer.text());
                let json = answer.json();
                assert_eq!(json["object"], "list", "{place}");
                let data = json["data"].as_array().unwrap();
                assert_eq!(data.len(), texts.len(), "{place}");
                for (index, item) in data.iter().enumerate() {
                    assert_eq!((&item["object"], &item["index"]), (&json!("embedding"), &json!(index)), "{place}");
                    assert_eq!(vector(item).len(), dimensions, "{place}");
                    told.push(vector(item));
                }
                let tokens: u64 = texts.iter().map(|text| tokens_of(text)).sum();
                assert_eq!(json["usage"]["prompt_tokens"], tokens, "{place}");
                let row = world.row(&answer);
                let entry = world.entry(&row);
                assert_eq!((row.usage.input_tokens, row.usage), (tokens, usage_of(&entry.counts)), "{place}");
                assert_eq!((row.asked.operation, row.ending), (Operation::Embeddings, Ending::Ok), "{place}");
                assert_eq!(row.cost.amount.nanos() > 0, priced, "{place}: {:?}", row.cost);
                assert_eq!(row.cost.pricing == Pricing::Unpriced, !priced, "{place}");
                let cost = if priced { row.cost.amount.to_string() } else { "unknown".to_owned() };
                assert_eq!(answer.header("x-tallygate-cost-usd"), cost, "{place}");
            }
            assert_eq!(told[..texts.len()], told[texts.len()..], "{model}: floats and base64 say the same");
        }
    }
}

#[test]
fn embeddings_that_a_provider_cannot_do_are_refused() {
    let world = world();
    for (model, input) in [
        ("embed-anthropic", json!("hi")),
        ("embed-titan", json!(["one", "two"])),
        ("embed-titan", json!([1, 2, 3])),
        ("embed-cohere", json!(vec!["x"; 97])),
    ] {
        let body = json!({"model": model, "input": input}).to_string();
        let answer = world.send(&Call::post("/v1/embeddings", body));
        assert_eq!(answer.status, 400, "{model}: {}", answer.text());
        error(Dialect::OpenaiEmbeddings, &answer);
        assert_eq!(world.row(&answer).ending, Ending::Refused);
    }
    assert!(world.sim.books.entries().is_empty());
}

#[test]
fn tokens_are_counted_by_the_provider_that_would_serve() {
    let world = world();
    let text = "how many tokens may this be?";
    let messages = json!([{"role": "user", "content": text}]);
    let anthropic = |model: &str| {
        Call::post("/v1/messages/count_tokens?beta=true", json!({"model": model, "messages": messages}).to_string())
            .header("anthropic-version", "2023-06-01")
            .header("content-type", "application/json")
    };
    let converse = json!({"input": {"converse": {"messages": [{"role": "user", "content": [{"text": text}]}]}}});
    let inner = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": messages}).to_string();
    let invoke = json!({"input": {"invokeModel": {"body": STANDARD.encode(inner)}}});
    let bedrock = |model: &str, body: &Value| Call::post(format!("/model/{model}/count-tokens"), body.to_string());
    for (call, member, place) in [
        (anthropic("on-anthropic"), "input_tokens", "Anthropic to Anthropic"),
        (anthropic("on-bedrock"), "input_tokens", "Anthropic to Bedrock"),
        (bedrock(HAIKU, &converse), "inputTokens", "Converse to Bedrock"),
        (bedrock(HAIKU, &invoke), "inputTokens", "InvokeModel to Bedrock"),
        (bedrock("on-anthropic", &converse), "inputTokens", "Converse to Anthropic"),
        (bedrock("on-anthropic", &invoke), "inputTokens", "InvokeModel to Anthropic"),
    ] {
        let answer = world.send(&call);
        assert_eq!(answer.status, 200, "{place}: {}", answer.text());
        assert_eq!(answer.json()[member], tokens_of(text), "{place}");
        let row = world.row(&answer);
        assert_eq!((row.asked.operation, row.ending), (Operation::CountTokens, Ending::Ok), "{place}");
        assert_eq!((row.cost.amount.nanos(), row.usage.total_tokens()), (0, 0), "{place}: counting is free");
    }
    // OpenAI has no such question: the answer is the gateway's own estimate, and nothing is sent.
    let before = world.sim.books.entries().len();
    for (call, member) in [(anthropic("on-openai"), "input_tokens"), (bedrock("on-openai", &converse), "inputTokens")] {
        let answer = world.send(&call);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let estimate = answer.json()[member].as_u64().unwrap();
        assert!((4..=40).contains(&estimate), "{estimate}");
        let row = world.row(&answer);
        assert_eq!((row.ending, row.served.is_none(), row.cost.amount.nanos()), (Ending::Ok, true, 0));
    }
    assert_eq!(world.sim.books.entries().len(), before);
}

#[test]
fn models_are_listed_in_both_shapes_as_far_as_they_may_be_used() {
    let teams = "- { name: red, projects: [alpha], environments: [prod] }\n\
                 - { name: blue, models: ['on-a*', 'claude-haiku-*'] }\n\
                 - { name: grey, models: [] }\n"
        .to_owned();
    let world = World::with(Setup { teams, ..Setup::default() });
    let list = |key: &str, anthropic: bool| {
        let mut call = Call::new("GET", "/v1/models?limit=1000").bearer(key);
        if anthropic {
            call = call.header("anthropic-version", "2023-06-01");
        }
        let answer = call.send(world.address);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let json = answer.json();
        let items = json["data"].as_array().unwrap().clone();
        for item in &items {
            if anthropic {
                assert_eq!(item["type"], "model");
                assert!(item["display_name"].is_string() && item["created_at"].is_string(), "{item}");
            } else {
                assert_eq!(item["object"], "model");
                assert!(item["created"].is_u64() && item["owned_by"].is_string(), "{item}");
            }
        }
        assert_eq!(json.get("object").is_some(), !anthropic);
        assert_eq!(json.get("has_more").is_some(), anthropic);
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let blue = world.issue(&world.new_key("blue"));
    let grey = world.issue(&world.new_key("grey"));
    let narrow = world.issue(&NewKey { models: vec!["on-openai".to_owned()], ..world.new_key("red") });
    for anthropic in [false, true] {
        let all = list(world.secret().expose(), anthropic);
        for name in ["on-anthropic", "on-openai", "claude-haiku-4-5", HAIKU, "gpt-5-mini"] {
            assert!(all.iter().any(|id| id == name), "{name} is missing: {all:?}");
        }
        let theirs = list(blue.secret.expose(), anthropic);
        assert!(theirs.iter().any(|id| id == "on-anthropic") && theirs.iter().any(|id| id == "claude-haiku-4-5"));
        assert!(theirs.iter().all(|id| id.starts_with("on-a") || id.starts_with("claude-haiku-")), "{theirs:?}");
        assert_eq!(list(grey.secret.expose(), anthropic), Vec::<String>::new());
        assert_eq!(list(narrow.secret.expose(), anthropic), ["on-openai"]);
    }
    for (key, id, status) in [
        (world.secret(), "on-openai", 200),
        (world.secret(), "nothing", 404),
        (&blue.secret, "on-openai", 404),
        (&blue.secret, "on-anthropic", 200),
    ] {
        let answer = Call::new("GET", format!("/v1/models/{id}")).bearer(key.expose()).send(world.address);
        assert_eq!(answer.status, status, "{id}: {}", answer.text());
        if status == 200 {
            assert_eq!(answer.json()["id"], id);
        }
    }
    assert_eq!(Call::new("GET", "/v1/models").send(world.address).status, 401);
    assert!(world.finish().is_empty(), "a list is no call");
}

#[test]
fn a_call_for_the_wrong_operation_is_refused() {
    let world = world();
    let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "embed-titan", "hi"));
    assert!((400..=404).contains(&answer.status), "{}", answer.text());
    assert_eq!(world.row(&answer).cost.amount.nanos(), 0);
}
