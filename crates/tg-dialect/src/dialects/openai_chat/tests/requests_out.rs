//! Requests for providers, encoded.

use super::json;
use crate::dialect::{InboundDialect, RequestFacts, UpstreamDialect};
use crate::dialects::openai_chat::OpenaiChat;
use crate::loss::Loss;
use serde_json::{Value, json};
use tg_kernel::chat::{
    CacheTtl, ChatRequest, Content, Document, Media, Part, Reasoning, Role, Source, Thought, ToolResult, ToolUse, Turn,
};

fn request(turns: Vec<(Role, Vec<Part>)>) -> ChatRequest {
    let turns = turns.into_iter().map(|(role, parts)| Turn { role, parts }).collect();
    ChatRequest { turns, ..ChatRequest::default() }
}

fn encode(dialect: OpenaiChat, request: &ChatRequest) -> (Value, Vec<String>) {
    let encoded = dialect.encode_request(request, "target").unwrap();
    (json(&encoded.body), encoded.losses.iter().map(Loss::to_string).collect())
}

/// What decodes and encodes again without loss, but for the model.
#[test]
fn a_full_request_survives() {
    let body = json!({
        "model": "target",
        "messages": [
            { "role": "system", "content": "s" },
            { "role": "user", "content": [
                { "type": "text", "text": "look" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low" } },
                { "type": "image_url", "image_url": { "url": "https://x.test/a.png" } },
                { "type": "input_audio", "input_audio": { "data": "AAE=", "format": "mp3" } },
                { "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAE=" } },
                { "type": "file", "file": { "file_id": "file-1" } },
            ] },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "c1", "type": "function", "function": { "name": "f", "arguments": "{\"a\": 1}" } },
                { "id": "c2", "type": "function", "function": { "name": "f", "arguments": "{}" } },
            ] },
            { "role": "tool", "tool_call_id": "c1", "content": "one" },
            { "role": "tool", "tool_call_id": "c2", "content": "" },
            { "role": "user", "content": "and?" },
            { "role": "assistant", "content": null, "refusal": "no" },
            { "role": "user", "content": "please" },
        ],
        "tools": [{ "type": "function", "function": { "name": "f", "description": "d", "parameters": { "type": "object" }, "strict": false } }],
        "tool_choice": { "type": "function", "function": { "name": "f" } },
        "parallel_tool_calls": true,
        "max_completion_tokens": 9, "stop": ["a"], "n": 2, "verbosity": "low",
        "response_format": { "type": "json_schema", "json_schema": { "name": "n", "description": "d", "schema": { "type": "object" }, "strict": true } },
        "temperature": 0.25, "top_p": 0.5, "seed": 3, "frequency_penalty": 0.1, "presence_penalty": 0.2,
        "logprobs": true, "top_logprobs": 2, "reasoning_effort": "low",
        "stream": true, "stream_options": { "include_usage": true, "include_obfuscation": false },
        "service_tier": "flex", "user": "u", "metadata": { "k": "v" },
        "logit_bias": { "5": 1 }, "store": true,
    });
    let decoded = OpenaiChat::OPENAI.decode_request(&RequestFacts::default(), body.to_string().as_bytes()).unwrap();
    let (again, losses) = encode(OpenaiChat::OPENAI, &decoded);
    assert_eq!(again, body);
    assert!(losses.is_empty(), "{losses:?}");
}

#[test]
fn what_cannot_be_said_is_named() {
    let mut document = Part::new(Content::Document(Document {
        mime: "application/pdf".into(),
        name: None,
        context: Some("c".into()),
        source: Source::Url("https://x.test/a.pdf".into()),
        citations: true,
    }));
    document.cache = Some(CacheTtl::FiveMinutes);
    let thought =
        Part::new(Content::Reasoning(Thought { text: "t".into(), signature: Some("s".into()), redacted: None }));
    let mut request = request(vec![
        (Role::User, vec![Part::text("hi"), document, Part::new(Content::Other("search_result".into(), json!({})))]),
        (Role::Assistant, vec![thought]),
        (Role::User, vec![Part::text("more")]),
    ]);
    request.sampling.top_k = Some(3);
    request.output.stop = (0..5).map(|i| i.to_string()).collect();
    request.reasoning =
        Some(Reasoning { budget_tokens: Some(4000), display: Some("omitted".into()), ..Reasoning::default() });
    request.extra = vec![("container".into(), json!("c")), ("prompt_cache_key".into(), json!("k"))];
    let (body, losses) = encode(OpenaiChat::OPENAI, &request);
    assert_eq!(
        losses,
        [
            "cache_control",
            "container",
            "content.document",
            "content.document.citations",
            "content.document.context",
            "content.reasoning",
            "content.search_result",
            "stop=clamped",
            "thinking.budget_tokens=changed",
            "thinking.display",
            "top_k",
        ]
    );
    assert_eq!(body["messages"], json!([{ "role": "user", "content": "hi" }, { "role": "user", "content": "more" }]));
    assert_eq!(body["reasoning_effort"], "medium");
    assert_eq!(body["prompt_cache_key"], "k");
    assert_eq!(body["stop"].as_array().unwrap().len(), 4);
}

#[test]
fn pictures_in_tool_results_move_to_the_user() {
    let picture = Part::new(Content::Image(Media {
        mime: "image/png".into(),
        source: Source::Bytes(bytes::Bytes::from_static(&[0, 1])),
        detail: None,
    }));
    let result = |id: &str, parts| Part::new(Content::ToolResult(ToolResult { id: id.into(), parts, is_error: true }));
    let call = |id: &str| {
        Part::new(Content::ToolUse(ToolUse { id: id.into(), name: "shoot".into(), arguments: String::new() }))
    };
    let request = request(vec![
        (Role::User, vec![Part::text("go")]),
        (Role::Assistant, vec![call("a"), call("b")]),
        (Role::User, vec![result("a", vec![picture]), result("b", vec![Part::text("done")]), Part::text("next")]),
    ]);
    let (body, losses) = encode(OpenaiChat::OPENAI, &request);
    assert_eq!(body["messages"][1]["tool_calls"][0]["function"]["arguments"], "{}");
    assert_eq!(
        body["messages"].as_array().unwrap()[2..],
        [
            json!({ "role": "tool", "tool_call_id": "a", "content": "The result is in the next user message." }),
            json!({ "role": "tool", "tool_call_id": "b", "content": "done" }),
            json!({ "role": "user", "content": [
                { "type": "text", "text": "Result of tool call a:" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAE=" } },
                { "type": "text", "text": "next" },
            ] }),
        ]
    );
    assert_eq!(losses, ["tool_result.content=changed", "tool_result.is_error"]);
}

#[test]
fn servers_differ_in_what_they_read() {
    let thought = Thought { text: "t".into(), signature: Some("s".into()), redacted: None };
    let mut request = request(vec![
        (Role::User, vec![Part::text("a")]),
        (Role::Assistant, vec![Part::new(Content::Reasoning(thought)), Part::text("b")]),
        (Role::User, vec![Part::text("c")]),
    ]);
    request.output.tokens_max = Some(5);
    for (dialect, older, newer) in [
        (OpenaiChat::OPENAI, Value::Null, json!(5)),
        (OpenaiChat::COMPATIBLE_NEWER, Value::Null, json!(5)),
        (OpenaiChat::COMPATIBLE, json!(5), Value::Null),
    ] {
        let (body, losses) = encode(dialect, &request);
        assert_eq!((&body["max_tokens"], &body["max_completion_tokens"]), (&older, &newer));
        assert_eq!(body["messages"][1], json!({ "role": "assistant", "content": "b" }));
        assert_eq!(losses, ["content.reasoning"]);
    }
}

#[test]
fn metadata_goes_to_openai_alone() {
    let mut request = request(vec![(Role::User, vec![Part::text("x")])]);
    request.caller.metadata = vec![("a".to_owned(), "b".to_owned())];
    for (dialect, sent, lost) in
        [(OpenaiChat::OPENAI, json!({ "a": "b" }), &[][..]), (OpenaiChat::COMPATIBLE, Value::Null, &["metadata"])]
    {
        let (body, losses) = encode(dialect, &request);
        assert_eq!(body["metadata"], sent);
        assert_eq!(losses, lost);
    }
}

#[test]
fn odd_tool_names_and_ids_are_made_fit_and_come_back() {
    let call =
        Part::new(Content::ToolUse(ToolUse { id: "a|b".into(), name: "files.read".into(), arguments: "{}".into() }));
    let result = Part::new(Content::ToolResult(ToolResult { id: "a|b".into(), parts: vec![], is_error: false }));
    let request =
        request(vec![(Role::User, vec![Part::text("x")]), (Role::Assistant, vec![call]), (Role::User, vec![result])]);
    let encoded = OpenaiChat::OPENAI.encode_request(&request, "m").unwrap();
    let body = json(&encoded.body);
    let sent = &body["messages"][1]["tool_calls"][0];
    assert_eq!(sent["id"], body["messages"][2]["tool_call_id"]);
    assert!(!sent["function"]["name"].as_str().unwrap().contains('.'));
    assert!(!encoded.names.is_empty());
}

#[test]
fn tools_are_left_out_when_there_are_none_and_nothing_to_say_is_refused() {
    let mut plain = request(vec![(Role::User, vec![Part::text("x")])]);
    plain.tools.choice = Some(tg_kernel::chat::ToolChoice::Auto);
    plain.tools.parallel = Some(true);
    let (body, _) = encode(OpenaiChat::OPENAI, &plain);
    for absent in ["tools", "tool_choice", "parallel_tool_calls", "stream", "stream_options"] {
        assert!(body.get(absent).is_none(), "{absent}");
    }
    let empty = OpenaiChat::OPENAI.encode_request(&ChatRequest::default(), "m").unwrap_err();
    assert_eq!(empty.param.as_deref(), Some("messages"));
}
