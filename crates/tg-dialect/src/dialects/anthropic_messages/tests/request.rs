//! Requests, both ways.

use super::{decode, encode};
use crate::dialect::{InboundDialect, RequestFacts, UpstreamDialect};
use crate::dialects::anthropic_messages::{AnthropicMessages, OUTPUT_TOKENS_DEFAULT};
use proptest::prelude::*;
use serde_json::{Value, json};
use tg_kernel::chat::{
    CacheTtl, ChatRequest, Content, Format, Output, Part, Reasoning, Role, Sampling, Thought, Tool, ToolChoice,
    ToolResult, ToolUse, Tooling, Turn,
};

/// A body with every member that has a canonical form.
fn full() -> Value {
    json!({
        "model": "claude-sonnet-4-5",
        "max_tokens": 1000,
        "system": [
            {"type": "text", "text": "Be brief."},
            {"type": "text", "text": "Long manual.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
        ],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                 "title": "Report", "context": "of 2026", "citations": {"enabled": true}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
                {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"},
                 "cache_control": {"type": "ephemeral"}}
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "ZW5j"},
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"z": 1, "a": [2.5, null]}},
                {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "a cat"}]},
                {"type": "tool_result", "tool_use_id": "toolu_2", "is_error": true, "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "Well?"}
            ]},
            {"role": "system", "content": "Answer in French."},
            {"role": "user", "content": "Go on."}
        ],
        "tools": [
            {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {"z": {}}}, "strict": true},
            {"name": "now", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}
        ],
        "tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": true},
        "temperature": 0.5, "top_p": 0.9, "top_k": 40,
        "thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"},
        "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u-1"},
        "stream": true
    })
}

#[test]
fn a_request_comes_back_as_it_was() {
    let request = decode(&full()).unwrap();
    let (body, losses) = encode(&request);
    let mut expected = full();
    expected["model"] = "target-model".into();
    assert_eq!(body, expected);
    assert_eq!(losses, [""; 0]);
}

#[test]
fn tool_schemas_and_arguments_keep_the_order_of_their_members() {
    let (body, _) = encode(&decode(&full()).unwrap());
    assert!(body.to_string().contains(r#""input":{"z":1,"a":[2.5,null]}"#));
}

#[test]
fn what_has_no_canonical_form_is_named() {
    let mut body = full();
    body["speed"] = "fast".into();
    body["container"] = json!({"id": "c"});
    body["cache_control"] = json!({"type": "ephemeral"});
    body["tools"][0]["defer_loading"] = true.into();
    body["tools"][1] = json!({"type": "web_search_20250305", "name": "web_search"});
    body["messages"][1]["content"][2]["citations"] = json!([{"type": "char_location"}]);
    body["messages"][3] = json!({"role": "user", "content": [
        {"type": "search_result", "source": "s", "title": "t", "content": []},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "x"}]}}
    ]});
    let (_, losses) = encode(&decode(&body).unwrap());
    assert_eq!(
        losses,
        [
            "cache_control",
            "container",
            "content.document",
            "content.search_result",
            "messages.1.content.2.citations",
            "speed",
            "tools.0.defer_loading",
            "tools.1",
        ]
    );
}

#[test]
fn neighbouring_turns_merge_with_tool_results_first() {
    let body = json!({"model": "m", "max_tokens": 1, "messages": [
        {"role": "user", "content": "a"},
        {"role": "user", "content": [
            {"type": "text", "text": "b"},
            {"type": "tool_result", "tool_use_id": "1", "content": "r"}
        ]},
        {"role": "user", "content": []}
    ]});
    let request = decode(&body).unwrap();
    assert_eq!(request.turns.len(), 1);
    assert!(matches!(request.turns[0].parts[0].content, Content::ToolResult(_)));
    assert_eq!(request.turns[0].parts[1..], [Part::text("a"), Part::text("b")]);
}

#[test]
fn wrong_members_are_named() {
    let cases = [
        ("/max_tokens", Value::Null, "max_tokens"),
        ("/max_tokens", json!(-1), "max_tokens"),
        ("/messages", json!([]), "messages"),
        ("/messages/0/role", json!("tool"), "messages.0.role"),
        ("/messages/0/content", json!(5), "messages.0.content"),
        ("/messages/0/content/0/text", json!(5), "messages.0.content.0.text"),
        ("/messages/0/content/0/type", Value::Null, "messages.0.content.0.type"),
        ("/messages/0/content/1/source/data", json!("%"), "messages.0.content.1.source.data"),
        ("/messages/0/content/1/source/type", json!("s3"), "messages.0.content.1.source.type"),
        ("/messages/1/content/3/input", json!("x"), "messages.1.content.3.input"),
        ("/system/1/cache_control/ttl", json!("2h"), "system.1.cache_control.ttl"),
        ("/tools/0/input_schema", Value::Null, "tools.0.input_schema"),
        ("/tool_choice/type", json!("some"), "tool_choice.type"),
        ("/thinking/budget_tokens", Value::Null, "thinking.budget_tokens"),
        ("/output_config/format/type", json!("xml"), "output_config.format.type"),
        ("/stop_sequences/0", json!(1), "stop_sequences.0"),
    ];
    for (pointer, value, param) in cases {
        let mut body = full();
        *body.pointer_mut(pointer).unwrap() = value;
        assert_eq!(decode(&body).unwrap_err().param.as_deref(), Some(param), "{pointer}");
    }
}

#[test]
fn the_newer_version_refuses_what_it_removed() {
    let facts = RequestFacts { api_version: Some("2026-10-21".into()), ..RequestFacts::default() };
    let base = json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "a"}]});
    let decode = |body: &Value| AnthropicMessages.decode_request(&facts, body.to_string().as_bytes());
    assert!(decode(&base).is_ok());
    let text = json!({"type": "text", "text": "a", "citations": [{}]});
    let document = json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}});
    for (member, value, param) in [
        ("temperature", json!(1.0), "temperature"),
        ("top_p", json!(0.99), "top_p"),
        ("top_k", json!(5), "top_k"),
        ("messages", json!([{"role": "user", "content": [text]}]), "messages.0.content.0.citations"),
        ("messages", json!([{"role": "assistant", "content": [document]}]), "messages.0.content.0.type"),
    ] {
        let mut body = base.clone();
        body[member] = value;
        assert_eq!(decode(&body).unwrap_err().param.as_deref(), Some(param));
        assert!(super::decode(&body).is_ok(), "{param} is fine under the older version");
    }
}

fn said(text: &str) -> ChatRequest {
    ChatRequest { turns: vec![Turn { role: Role::User, parts: vec![Part::text(text)] }], ..ChatRequest::default() }
}

#[test]
fn another_dialects_request_is_fitted() {
    let mut request = said("hi");
    request.sampling = Sampling {
        temperature: Some(1.7),
        seed: Some(1),
        frequency_penalty: Some(0.5),
        presence_penalty: Some(0.0),
        logprobs: Some(3),
        ..Sampling::default()
    };
    request.output = Output {
        stop: vec!["\n".into(), "END".into()],
        choices: Some(2),
        format: Format::JsonObject,
        ..Output::default()
    };
    request.reasoning = Some(Reasoning { effort: Some("minimal".into()), ..Reasoning::default() });
    request.extra = vec![("logit_bias".into(), json!({}))];
    let (body, losses) = encode(&request);
    assert_eq!(
        body,
        json!({
            "model": "target-model", "max_tokens": OUTPUT_TOKENS_DEFAULT,
            "messages": [{"role": "user", "content": "hi"}],
            "temperature": 1.0, "output_config": {"effort": "low"}, "stop_sequences": ["END"]
        })
    );
    assert_eq!(
        losses,
        [
            "frequency_penalty",
            "logit_bias",
            "logprobs",
            "n",
            "reasoning_effort=changed",
            "response_format",
            "seed",
            "stop=changed",
            "temperature=clamped"
        ]
    );
}

#[test]
fn reasoning_members_are_written_as_the_dialect_has_them() {
    let effort = |word: &str| Reasoning { effort: Some(word.into()), ..Reasoning::default() };
    for (reasoning, thinking, config) in [
        (effort("none"), json!({"type": "disabled"}), Value::Null),
        (effort("xhigh"), Value::Null, json!({"effort": "xhigh"})),
        (Reasoning { disabled: true, ..Reasoning::default() }, json!({"type": "disabled"}), Value::Null),
        (
            Reasoning { adaptive: true, display: Some("detailed".into()), ..Reasoning::default() },
            json!({"type": "adaptive", "display": "summarized"}),
            Value::Null,
        ),
    ] {
        let request = ChatRequest { reasoning: Some(reasoning), ..said("hi") };
        let (body, losses) = encode(&request);
        assert_eq!((&body["thinking"], &body["output_config"]), (&thinking, &config));
        assert!(losses.is_empty());
    }
}

#[test]
fn a_history_of_tools_without_tools_gets_them_back() {
    let call = ToolUse { id: "call|1".into(), name: "files.read".into(), arguments: "{\"a\":".into() };
    let result = ToolResult { id: "call|1".into(), parts: vec![Part::text(" ")], is_error: false };
    let mut request = said("hi");
    request.turns.push(Turn { role: Role::Assistant, parts: vec![Part::new(Content::ToolUse(call))] });
    request.turns.push(Turn { role: Role::User, parts: vec![Part::new(Content::ToolResult(result))] });
    let (body, losses) = encode(&request);
    let (tool, history) = (&body["tools"][0], &body["messages"][1]["content"][0]);
    assert_eq!(tool["name"], history["name"]);
    assert!(tool["name"].as_str().unwrap().starts_with("files_read_"));
    assert_eq!(body["tool_choice"], json!({"type": "none"}));
    assert_eq!(history["id"], body["messages"][2]["content"][0]["tool_use_id"]);
    assert_eq!(history["input"], json!({"arguments": "{\"a\":"}));
    assert_eq!(losses, ["tool_calls.arguments=changed"]);
}

#[test]
fn tool_choice_carries_whether_tools_may_run_side_by_side() {
    let tool = Tool { name: "t".into(), description: None, schema: json!({}), strict: None, cache: None };
    for (choice, parallel, expected) in [
        (None, None, Value::Null),
        (None, Some(false), json!({"type": "auto", "disable_parallel_tool_use": true})),
        (Some(ToolChoice::Any), Some(false), json!({"type": "any", "disable_parallel_tool_use": true})),
        (Some(ToolChoice::None), Some(false), json!({"type": "none"})),
        (Some(ToolChoice::Named("t".into())), None, json!({"type": "tool", "name": "t"})),
    ] {
        let request = ChatRequest { tools: Tooling { tools: vec![tool.clone()], choice, parallel }, ..said("hi") };
        assert_eq!(encode(&request).0["tool_choice"], expected);
    }
}

#[test]
fn blank_texts_and_unsigned_reasoning_are_left_out_and_no_turn_is_empty() {
    let unsigned = Thought { text: "hm".into(), ..Thought::default() };
    let mut request = said("hi");
    request
        .turns
        .push(Turn { role: Role::Assistant, parts: vec![Part::text(" \n"), Part::new(Content::Reasoning(unsigned))] });
    request.turns.push(Turn { role: Role::User, parts: vec![Part::text("go")] });
    let (body, losses) = encode(&request);
    let texts = json!([{"type": "text", "text": "hi"}, {"type": "text", "text": "go"}]);
    assert_eq!(body["messages"], json!([{"role": "user", "content": texts}]));
    assert_eq!(losses, ["content.reasoning"]);
    let fault = AnthropicMessages.encode_request(&said("  "), "m").unwrap_err();
    assert_eq!(fault.param.as_deref(), Some("messages"));
}

#[test]
fn counting_takes_what_is_counted() {
    let mut body = full();
    body.as_object_mut().unwrap().remove("max_tokens");
    let request =
        AnthropicMessages.decode_count_request(&RequestFacts::default(), body.to_string().as_bytes()).unwrap();
    let encoded = AnthropicMessages.encode_count_request(&request, "m").unwrap();
    let written: Value = serde_json::from_slice(&encoded.body).unwrap();
    let names: Vec<&String> = written.as_object().unwrap().keys().collect();
    assert_eq!(names, ["model", "system", "messages", "tools", "tool_choice", "thinking"]);
    assert_eq!(AnthropicMessages.encode_count_reply(7), r#"{"input_tokens":7}"#);
    assert_eq!(AnthropicMessages.decode_count_reply(br#"{"input_tokens":7}"#).unwrap(), 7);
    assert_eq!(AnthropicMessages.decode_count_reply(b"<html>").unwrap_err().code, "upstream_garbage");
}

#[test]
fn peek_reads_the_top_level() {
    let body = json!({
        "model": "m", "max_tokens": 5, "stream": true, "messages": [],
        "metadata": {"user_id": "u", "project": "p", "n": 1}
    })
    .to_string();
    let members = crate::scan::Members::scan(body.as_bytes()).unwrap();
    let peek = AnthropicMessages.peek(&RequestFacts::default(), &members).unwrap();
    assert_eq!((peek.model.as_str(), peek.stream, peek.output_tokens_max), ("m", true, Some(5)));
    assert_eq!(peek.metadata, [("project".to_owned(), "p".to_owned())]);
}

#[test]
fn reasoning_that_another_vendor_sealed_is_left_out() {
    let sealed = Thought { text: "hm".into(), signature: Some("oai1.abc".into()), redacted: None };
    let mut request = said("hi");
    request
        .turns
        .push(Turn { role: Role::Assistant, parts: vec![Part::new(Content::Reasoning(sealed)), Part::text("yes")] });
    let (body, losses) = encode(&request);
    assert!(!body.to_string().contains("oai1."));
    assert_eq!(losses, ["content.reasoning"]);
}

/// Content that the dialect can carry both ways.
fn part() -> impl Strategy<Value = Part> {
    let content = prop_oneof![
        "[a-z]{1,9}".prop_map(Content::Text),
        ("[a-z_]{1,9}", "[a-z]{1,9}")
            .prop_map(|(id, name)| { Content::ToolUse(ToolUse { id, name, arguments: r#"{"a":1}"#.into() }) }),
        ("[a-z]{0,9}", "[a-z]{1,9}").prop_map(|(text, signature)| {
            Content::Reasoning(Thought { text, signature: Some(signature), redacted: None })
        }),
        "[a-z]{1,9}".prop_map(|data| Content::Reasoning(Thought { redacted: Some(data), ..Thought::default() })),
    ];
    let cache = prop::option::of(prop_oneof![Just(CacheTtl::FiveMinutes), Just(CacheTtl::OneHour)]);
    (content, cache).prop_map(|(content, cache)| {
        // Reasoning cannot carry a cache point.
        let cache = if matches!(content, Content::Reasoning(_)) { None } else { cache };
        Part { content, cache }
    })
}

proptest! {
    #[test]
    fn decode_after_encode_gives_the_same_turns(turns in prop::collection::vec(prop::collection::vec(part(), 1..5), 1..6)) {
        let roles = [Role::User, Role::Assistant].into_iter().cycle();
        let turns: Vec<Turn> = roles.zip(turns).map(|(role, parts)| Turn { role, parts }).collect();
        let request = ChatRequest { turns, ..ChatRequest::default() };
        let (body, losses) = encode(&request);
        prop_assert!(losses.is_empty());
        prop_assert_eq!(decode(&body).unwrap().turns, request.turns);
    }

    #[test]
    fn arbitrary_bodies_never_break_the_decoder(body in "[\\[\\]{}:,\"a-z0-9 ]{0,80}") {
        let _ = AnthropicMessages.decode_request(&RequestFacts::default(), body.as_bytes());
    }
}
