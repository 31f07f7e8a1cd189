//! What callers are told of refusals, and what they are not told: the provider's view of our account stays here.

use crate::recorder::Recorder;
use crate::speak::{CHAT, MANNERS, Manner, ask};
use crate::wire::Call;
use crate::world::{Setup, World};
use tg_kernel::dialect::{Dialect, Family, Operation};
use tg_kernel::record::{Ending, Pricing};

/// A provider of each kind that answers everything with this status and body.
fn refusing(status: &str, body: &str) -> World {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    let recorder = Recorder::answering(vec![[head.as_bytes(), body.as_bytes()].concat()]);
    let at = recorder.address;
    let providers = format!(
        "- {{ name: r-openai, kind: openai, base_url: 'http://{at}/v1', api_key: 'env:SIM_KEY' }}\n\
         - {{ name: r-anthropic, kind: anthropic, base_url: 'http://{at}', api_key: 'env:SIM_KEY' }}\n\
         - {{ name: r-bedrock, kind: bedrock, region: us-east-1, base_url: 'http://{at}', api_key: 'env:SIM_KEY' }}\n"
    );
    let models = "- { name: r-openai, targets: [{ provider: r-openai, model: gpt-5-mini }] }\n\
                  - { name: r-anthropic, targets: [{ provider: r-anthropic, model: claude-haiku-4-5 }] }\n\
                  - { name: r-bedrock, targets: [{ provider: r-bedrock, model: anthropic.claude-haiku }] }\n"
        .to_owned();
    World::with(Setup { providers, models, ..Setup::default() })
}

fn own_model(dialect: Dialect) -> &'static str {
    match dialect.family() {
        Family::Openai => "r-openai",
        Family::Anthropic => "r-anthropic",
        Family::Bedrock => "r-bedrock",
    }
}

#[test]
fn complaints_about_our_account_are_never_shown_to_callers() {
    let quota = r#"{"error":{"message":"org-OURS exceeded its quota","type":"insufficient_quota","code":"insufficient_quota"}}"#;
    let billing = r#"{"type":"error","error":{"type":"billing_error","message":"org-OURS owes money"}}"#;
    let credit =
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"org-OURS: credit balance is too low"}}"#;
    for (dialect, status, body) in [
        (Dialect::OpenaiChat, "429 Too Many Requests", quota),
        (Dialect::OpenaiResponses, "429 Too Many Requests", quota),
        (Dialect::AnthropicMessages, "402 Payment Required", billing),
        (Dialect::AnthropicMessages, "400 Bad Request", credit),
        (Dialect::BedrockConverse, "402 Payment Required", r#"{"message":"account OURS"}"#),
    ] {
        let world = refusing(status, body);
        for manner in MANNERS {
            let answer = world.send(&ask(dialect, manner, own_model(dialect), "hi"));
            let wanted = if dialect.family() == Family::Bedrock { 424 } else { 502 };
            assert_eq!(answer.status, wanted, "{dialect:?} {manner:?}: {}", answer.text());
            assert!(!answer.text().contains("OURS"), "{dialect:?} {manner:?}: {}", answer.text());
            assert_eq!(answer.header("x-tallygate-error-code"), "upstream_account");
            assert_eq!(world.row(&answer).fault.as_deref(), Some("upstream_account"));
        }
    }
}

#[test]
fn every_fault_has_its_code_in_a_header() {
    let world = refusing("429 Too Many Requests", r#"{"error":{"message":"slow down"},"message":"slow down"}"#);
    for (dialect, manner) in CHAT.into_iter().flat_map(|dialect| MANNERS.map(|manner| (dialect, manner))) {
        let place = format!("{dialect:?} {manner:?}");
        for (model, status, code) in
            [("nowhere", 404, "model_not_found"), (own_model(dialect), 429, "upstream_limited")]
        {
            let answer = world.send(&ask(dialect, manner, model, "hi"));
            assert_eq!((answer.status, answer.header("x-tallygate-error-code")), (status, code), "{place} {model}");
        }
        let answer = ask(dialect, manner, "nowhere", "hi").send(world.address);
        assert_eq!(answer.header("x-tallygate-error-code"), "missing_api_key", "{place}");
        let answer = world.send(&ask(dialect, manner, "on-openai", "hi"));
        assert_eq!((answer.status, answer.header("x-tallygate-error-code")), (200, ""), "{place}");
    }
}

#[test]
fn a_call_without_a_known_price_does_not_look_free() {
    let world = World::start();
    for dialect in CHAT {
        let answer = world.send(&ask(dialect, Manner::Plain, "on-local", "hi"));
        assert_eq!((answer.status, world.row(&answer).cost.pricing), (200, Pricing::Unpriced), "{dialect:?}");
        assert_eq!(answer.header("x-tallygate-cost-usd"), "unknown", "{dialect:?}");
    }
    let streamed = ask(Dialect::OpenaiChat, Manner::Streamed, "on-local", "hi").header("te", "trailers");
    let answer = world.send(&streamed);
    assert_eq!(answer.trailers.get("x-tallygate-cost-usd").unwrap(), "unknown");
}

#[test]
fn embeddings_through_invoke_are_booked_as_embeddings() {
    let models =
        "- { name: vectors, targets: [{ provider: bedrock, model: 'amazon.titan-embed-text-v2:0' }] }\n".to_owned();
    let world = World::with(Setup { models, ..Setup::default() });
    let call = Call::post("/model/vectors/invoke", r#"{"inputText":"hi"}"#).header("content-type", "application/json");
    let answer = world.send(&call);
    assert_eq!(world.row(&answer).asked.operation, Operation::Embeddings, "{} {}", answer.status, answer.text());
    let chat = world.send(&ask(Dialect::BedrockInvoke, Manner::Plain, "on-bedrock", "hi"));
    assert_eq!(world.row(&chat).asked.operation, Operation::Chat);
}

#[test]
fn state_kept_by_openai_finds_the_target_that_has_it() {
    let models = "- { name: either, targets: [{ provider: anthropic, model: claude-haiku-4-5 }, \
                  { provider: openai, model: gpt-5-mini }] }\n"
        .to_owned();
    let world = World::with(Setup { models, ..Setup::default() });
    let body = r#"{"model":"either","input":"hi","previous_response_id":"resp_1"}"#;
    let answer = world.send(&Call::post("/v1/responses", body).header("content-type", "application/json"));
    assert_eq!(answer.header("x-tallygate-provider"), "openai", "{} {}", answer.status, answer.text());
}

#[test]
fn what_the_other_side_cannot_take_is_refused_before_it_is_sent() {
    let models = "- { name: titan-first, targets: [{ provider: anthropic, model: claude-haiku-4-5 }, \
                  { provider: bedrock, model: 'amazon.titan-embed-text-v2:0' }] }\n\
                  - { name: bytes-first, targets: [{ provider: bedrock, model: 'us.anthropic.claude-haiku-4-5-20251001-v1:0' }, \
                  { provider: anthropic, model: claude-haiku-4-5 }] }\n"
        .to_owned();
    let world = World::with(Setup { models, ..Setup::default() });
    let nova = r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
    let titan = r#"{"inputText":"hi"}"#;
    let messages = |model: &str, source: &str| {
        format!(
            r#"{{"model":"{model}","max_tokens":9,"messages":[{{"role":"user","content":[
                {{"type":"text","text":"hi"}},{{"type":"image","source":{source}}}]}}]}}"#
        )
    };
    let url = r#"{"type":"url","url":"https://example.com/a.png"}"#;
    let file = r#"{"type":"file","file_id":"file_1"}"#;
    let post = |path: &str, body: &str| {
        world.send(
            &Call::post(path, body)
                .header("content-type", "application/json")
                .header("anthropic-version", "2023-06-01"),
        )
    };
    for (path, body, code, words) in [
        ("/model/on-anthropic/invoke", nova, "unsupported_body", "Use Converse"),
        ("/model/on-anthropic/invoke-with-response-stream", titan, "unsupported_body", "Use Converse"),
        ("/model/on-openai/invoke", nova, "unsupported_body", "Use Converse"),
        ("/v1/messages", &messages("on-bedrock", url), "unsupported_input", "messages.0.content.1.source"),
        ("/v1/messages", &messages("on-bedrock", file), "unsupported_input", "messages.0.content.1.source"),
    ] {
        let answer = post(path, body);
        let told = (answer.status, answer.header("x-tallygate-error-code"));
        assert_eq!(told, (400, code), "{path} {body}: {}", answer.text());
        assert!(answer.text().contains(words), "{path} {body}: {}", answer.text());
        let bedrock = path.starts_with("/model/");
        assert_eq!(answer.header("x-amzn-errortype") == "ValidationException", bedrock, "{path} {body}");
        assert_eq!(world.row(&answer).ending, Ending::Refused, "{path} {body}");
    }
    assert!(world.sim.books.entries().is_empty(), "nothing was sent");
    for (path, body, provider) in [
        ("/model/titan-first/invoke", titan.to_owned(), "bedrock"),
        ("/v1/messages", messages("bytes-first", url), "anthropic"),
    ] {
        let answer = post(path, &body);
        let told = (answer.status, answer.header("x-tallygate-provider"));
        assert_eq!(told, (200, provider), "another target may take it: {path} {}", answer.text());
    }
    let named = post("/v1/messages", &messages("on-nova", url));
    assert_eq!(named.status, 200, "{}", named.text());
    assert!(named.header("x-tallygate-losses").contains("content.image"), "{:?}", named.headers);
}
