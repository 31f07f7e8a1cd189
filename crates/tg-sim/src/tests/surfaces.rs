//! Bedrock's compatible surfaces: what each endpoint takes and refuses, in whose shape.

use super::wire_client::{Bench, CHAT, MESSAGES, RESPONSES, saying, set};
use crate::{Operation, Personality};
use serde_json::{Value, json};

fn of(model: &str, body: Value) -> Value {
    set(body, "/model", json!(model))
}

#[tokio::test]
async fn each_endpoint_serves_its_models_under_their_paths() {
    let bench = Bench::start();
    let (run, mantle) = (Personality::Bedrock, Personality::Mantle);
    let (chat, responses, messages) = (saying(CHAT, "hi"), saying(RESPONSES, "hi"), saying(MESSAGES, "hi"));
    for (personality, path, model, body, operation) in [
        (run, "/openai/v1/chat/completions", "us.openai.gpt-6-luna", &chat, Operation::ChatCompletions),
        (run, "/openai/v1/responses", "openai.gpt-oss-20b-1:0", &responses, Operation::Responses),
        (run, "/anthropic/v1/messages", "us.anthropic.claude-opus-5-5", &messages, Operation::Messages),
        (mantle, "/openai/v1/chat/completions", "google.gemma-4-31b", &chat, Operation::ChatCompletions),
        (mantle, "/v1/chat/completions", "openai.gpt-oss-20b", &chat, Operation::ChatCompletions),
        (mantle, "/openai/v1/responses", "openai.gpt-6-luna", &responses, Operation::Responses),
        (mantle, "/anthropic/v1/messages", "anthropic.claude-opus-5-5", &messages, Operation::Messages),
    ] {
        let answered = bench.send(personality, path, &of(model, body.clone())).await.expect("an answer");
        assert_eq!(answered.status, 200, "{path} {model}: {}", answered.text());
        assert!(answered.headers.contains_key("x-amzn-requestid"));
        let entry = bench.sim.books.last().expect("an entry");
        assert_eq!((entry.personality, entry.operation, entry.model.as_str()), (personality, operation, model));
    }
}

#[tokio::test]
async fn what_a_surface_does_not_have_is_refused_in_its_own_shape() {
    let bench = Bench::start();
    let (run, mantle) = (Personality::Bedrock, Personality::Mantle);
    let (chat, responses, messages) = (saying(CHAT, "hi"), saying(RESPONSES, "hi"), saying(MESSAGES, "hi"));
    let gpt = |member: &str, value: Value| of("us.openai.gpt-6-luna", set(responses.clone(), member, value));
    let opus = of("anthropic.claude-opus-5-5", messages.clone());
    for (personality, path, body, status, telling) in [
        (run, "/openai/v1/responses", gpt("/background", json!(true)), 400, "Background responses"),
        (run, "/openai/v1/responses", gpt("/tools", json!([{ "type": "web_search" }])), 400, "'web_search'"),
        (run, "/openai/v1/responses", gpt("/tool_choice", json!({ "type": "mcp" })), 400, "'mcp'"),
        (run, "/openai/v1/chat/completions", of("gpt-4.1", chat.clone()), 404, "does not exist"),
        (run, "/anthropic/v1/messages", of("openai.gpt-oss-20b", messages.clone()), 404, "does not exist"),
        (run, "/anthropic/v1/messages/count_tokens", opus.clone(), 404, "Invalid URL"),
        (mantle, "/v1/chat/completions", of("openai.gpt-6-luna", chat.clone()), 400, "isn't supported on this route"),
        (mantle, "/openai/v1/chat/completions", of("openai.gpt-oss-20b", chat.clone()), 400, "isn't supported on this"),
        (mantle, "/anthropic/v1/messages", of("us.anthropic.claude-opus-5-5", messages.clone()), 404, "does not exist"),
        (
            mantle,
            "/anthropic/v1/messages",
            set(opus, "/output_config", json!({ "format": { "type": "json_schema", "schema": {} } })),
            400,
            "output_config.format",
        ),
        (mantle, "/model/anthropic.claude-opus-5-5/converse", json!({}), 404, "Invalid URL"),
    ] {
        let answered = bench.send(personality, path, &body).await.expect("an answer");
        assert_eq!(answered.status, status, "{path}: {}", answered.text());
        let message = &answered.json()["error"]["message"];
        assert!(message.as_str().is_some_and(|message| message.contains(telling)), "{path}: {}", answered.text());
        assert!(!answered.headers.contains_key("x-amzn-errortype"), "{path}");
    }
}
