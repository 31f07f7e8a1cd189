//! Where the text of a request may stand: a rule finds it in all of these places, whatever the operation.

use crate::guarded::{EMAIL, SECRET, guarded, house, no_mail, no_secrets, told};
use crate::speak::{Manner, ask};
use crate::wire::Call;
use crate::world::{HAIKU, Setup, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use tg_kernel::dialect::Dialect;
use tg_kernel::passage::Channel;
use tg_policy::guard::{Action, Style};

/// A call of one dialect with the body changed.
fn with(dialect: Dialect, model: &str, change: impl FnOnce(&mut Value)) -> Call {
    let mut call = ask(dialect, Manner::Plain, model, "hello");
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    change(&mut body);
    call.body = body.to_string().into_bytes();
    call
}

/// Requests with a text in each place that a dialect has, and what the place is to the model.
fn places(text: &str) -> Vec<(Channel, Call)> {
    [of_chat(text), of_messages(text), of_others(text)].concat()
}

/// In Chat Completions.
fn of_chat(text: &str) -> Vec<(Channel, Call)> {
    let chat = |change: &dyn Fn(&mut Value)| with(Dialect::OpenaiChat, "on-openai", change);
    let arguments = json!({ "to": text }).to_string();
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "send", "arguments": arguments}});
    let schema = json!({"type": "object", "properties": {}});
    vec![
        (Channel::User, chat(&|body| body["messages"][0]["content"] = json!([{"type": "text", "text": text}]))),
        (
            Channel::System,
            chat(&|body| {
                body["messages"] = json!([{"role": "system", "content": text}, {"role": "user", "content": "hello"}]);
            }),
        ),
        (
            Channel::ToolArguments,
            chat(&|body| {
                body["messages"] = json!([{"role": "user", "content": "hello"},
                {"role": "assistant", "content": null, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "call_1", "content": "done"}]);
            }),
        ),
        (
            Channel::ToolResult,
            chat(&|body| {
                let done = json!({"id": "call_1", "type": "function", "function": {"name": "send", "arguments": "{}"}});
                body["messages"] = json!([{"role": "user", "content": "hello"},
                {"role": "assistant", "content": null, "tool_calls": [done]},
                {"role": "tool", "tool_call_id": "call_1", "content": text}]);
            }),
        ),
        (
            Channel::Definition,
            chat(&|body| {
                let function = json!({"name": "send", "description": text, "parameters": schema});
                body["tools"] = json!([{"type": "function", "function": function}]);
            }),
        ),
        (Channel::Metadata, chat(&|body| body["user"] = text.into())),
    ]
}

/// In Messages.
fn of_messages(text: &str) -> Vec<(Channel, Call)> {
    let messages = |change: &dyn Fn(&mut Value)| with(Dialect::AnthropicMessages, "on-anthropic", change);
    let use_block = json!({"type": "tool_use", "id": "toolu_1", "name": "send", "input": {"to": text}});
    let result = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": text}]});
    let document = json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}});
    let schema = json!({"type": "object", "properties": {}});
    vec![
        (Channel::System, messages(&|body| body["system"] = json!([{"type": "text", "text": text}]))),
        (
            Channel::Assistant,
            messages(&|body| {
                body["messages"] = json!([{"role": "user", "content": "hello"}, {"role": "assistant", "content": text},
                {"role": "user", "content": "go on"}]);
            }),
        ),
        (
            Channel::ToolArguments,
            messages(&|body| {
                let done = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"});
                body["tools"] = json!([{"name": "send", "input_schema": schema}]);
                body["messages"] = json!([{"role": "user", "content": "hello"}, {"role": "assistant", "content": [use_block]},
                {"role": "user", "content": [done]}]);
            }),
        ),
        (
            Channel::ToolResult,
            messages(&|body| {
                let done = json!({"type": "tool_use", "id": "toolu_1", "name": "send", "input": {}});
                body["tools"] = json!([{"name": "send", "input_schema": schema}]);
                body["messages"] = json!([{"role": "user", "content": "hello"}, {"role": "assistant", "content": [done]},
                {"role": "user", "content": [result]}]);
            }),
        ),
        (
            Channel::Document,
            messages(&|body| {
                body["messages"][0]["content"] = json!([{"type": "text", "text": "read"}, document]);
            }),
        ),
    ]
}

/// In Converse and Responses.
fn of_others(text: &str) -> Vec<(Channel, Call)> {
    let converse = |change: &dyn Fn(&mut Value)| with(Dialect::BedrockConverse, "on-bedrock", change);
    let responses = |change: &dyn Fn(&mut Value)| with(Dialect::OpenaiResponses, "on-openai", change);
    vec![
        (
            Channel::Document,
            converse(&|body| {
                let bytes = STANDARD.encode(text);
                let document = json!({"document": {"format": "txt", "name": "notes", "source": {"bytes": bytes}}});
                body["messages"][0]["content"] = json!([{"text": "read"}, document]);
            }),
        ),
        (Channel::System, converse(&|body| body["system"] = json!([{"text": text}]))),
        (Channel::Metadata, converse(&|body| body["requestMetadata"] = json!({"ticket": text}))),
        (Channel::System, responses(&|body| body["instructions"] = text.into())),
        (
            Channel::User,
            responses(&|body| {
                body["input"] = json!([{"role": "user", "content": [{"type": "input_text", "text": text}]}]);
            }),
        ),
        (
            Channel::ToolResult,
            responses(&|body| {
                body["input"] = json!([{"role": "user", "content": "hello"},
                {"type": "function_call", "call_id": "call_1", "name": "send", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "call_1", "output": text}]);
            }),
        ),
    ]
}

#[test]
fn a_text_is_found_in_every_place_of_a_request() {
    let world = guarded(vec![no_secrets(), no_mail(Action::Redact(Style::Tag))]);
    for (channel, call) in places(EMAIL) {
        let place = format!("{channel:?} {}", String::from_utf8_lossy(&call.body));
        let answer = world.send(&call);
        assert_eq!(answer.status, 200, "{place}: {}", answer.text());
        let row = world.row(&answer);
        let sent = told(&world, &row);
        let encoded = STANDARD.encode(EMAIL);
        assert!(!sent.contains("lovelace") && !sent.contains(&encoded), "{place}: {sent}");
        let hits = row.guarded.unwrap().hits;
        assert!(hits.iter().any(|hit| hit.channel == channel && &*hit.rule == "mail"), "{place}: {hits:?}");
    }
    for (channel, call) in places(SECRET) {
        let place = format!("{channel:?} {}", String::from_utf8_lossy(&call.body));
        let answer = world.send(&call);
        let row = world.row(&answer);
        assert_eq!(row.fault.as_deref(), Some("content_blocked"), "{place}: {} {}", answer.status, answer.text());
        let hits = row.guarded.unwrap().hits;
        assert!(hits.iter().any(|hit| hit.channel == channel && &*hit.rule == "secrets"), "{place}: {hits:?}");
    }
}

#[test]
fn every_operation_is_guarded() {
    let world = World::with(Setup {
        guards: vec![house(vec![no_secrets()])],
        bedrock: ", async_output: ['s3://out/{team}/']".to_owned(),
        models: "- { name: embeds, targets: [{ provider: openai, model: text-embedding-3-small }] }\n\
                 - { name: 'amazon.*', targets: [{ provider: bedrock }] }\n"
            .to_owned(),
        ..Setup::default()
    });
    let post = |path: &str, body: &Value| {
        let call = Call::post(path, body.to_string()).header("content-type", "application/json");
        if path.starts_with("/v1/messages") { call.header("anthropic-version", "2023-06-01") } else { call }
    };
    let messages = json!([{"role": "user", "content": SECRET}]);
    let blocks = json!([{"role": "user", "content": [{"text": SECRET}]}]);
    let output = json!({"s3OutputDataConfig": {"s3Uri": "s3://out/red/"}});
    let video = json!({"taskType": "TEXT_VIDEO", "textToVideoParams": {"text": SECRET}});
    let calls = [
        post("/v1/embeddings", &json!({"model": "embeds", "input": ["fine", SECRET]})),
        post("/v1/messages/count_tokens", &json!({"model": "on-anthropic", "messages": messages})),
        post(&format!("/model/{HAIKU}/count-tokens"), &json!({"input": {"converse": {"messages": blocks}}})),
        post("/model/amazon.titan-embed-text-v2:0/invoke", &json!({"inputText": SECRET})),
        post("/model/amazon.nova-lite-v1:0/invoke", &json!({"messages": blocks})),
        post("/model/amazon.titan-text-express-v1/invoke", &json!({"inputText": SECRET})),
        post(
            "/async-invoke",
            &json!({"modelId": "amazon.nova-reel-v1:1", "modelInput": video, "outputDataConfig": output}),
        ),
        post("/guardrail/gr1/version/1/apply", &json!({"source": "INPUT", "content": [{"text": {"text": SECRET}}]})),
    ];
    for call in calls {
        let answer = world.send(&call);
        assert_eq!(answer.status, 400, "{}: {}", call.path, answer.text());
        assert_eq!(answer.header("x-tallygate-guardrail"), "house/secrets", "{}: {}", call.path, answer.text());
        assert!(!answer.text().contains(SECRET));
        assert_eq!(world.row(&answer).fault.as_deref(), Some("content_blocked"), "{}", call.path);
    }
    assert!(world.sim.books.entries().is_empty());
    assert_eq!(world.gateway().living.counts.unguarded.load(Ordering::Relaxed), 0);
}

#[test]
fn what_providers_are_told_beside_the_body_is_checked_too() {
    let world = World::with(Setup {
        teams: "- { name: red, projects: [alpha], environments: [prod], tags: { allow: ['*'], max: 10, sources: [header, body] } }\n"
            .to_owned(),
        guards: vec![house(vec![no_mail(Action::Redact(Style::Tag))])],
        ..Setup::default()
    });
    let pairs = json!({ "asker": EMAIL }).to_string();
    let call = ask(Dialect::BedrockInvoke, Manner::Plain, "on-bedrock", "hello")
        .header("x-tallygate-tags", &format!("who={EMAIL}"))
        .header("x-amzn-bedrock-request-metadata", &pairs);
    let answer = world.send(&call);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let row = world.row(&answer);
    let sent = told(&world, &row);
    assert!(!sent.contains("lovelace") && sent.contains("-EMAIL_1-"), "{sent}");
    // The house's own books keep whom it is for.
    assert_eq!(row.attribution.tags, [format!("who={EMAIL}")]);
}
