//! Callers' requests, decoded.

use crate::dialect::{InboundDialect, RequestFacts};
use crate::dialects::openai_chat::OpenaiChat;
use crate::scan::Members;
use serde_json::{Value, json};
use tg_kernel::chat::{
    CacheTtl, ChatRequest, Content, Document, Format, Media, Part, Reasoning, Role, Source, Thought, ToolChoice,
    ToolResult, ToolUse,
};
use tg_kernel::fault::{Class, Fault};
use tg_kernel::usage::ServiceTier;

fn decode(body: &Value) -> Result<ChatRequest, Fault> {
    OpenaiChat::OPENAI.decode_request(&RequestFacts::default(), body.to_string().as_bytes())
}

fn messages(messages: Value) -> ChatRequest {
    decode(&json!({ "model": "m", "messages": messages })).unwrap()
}

fn user(content: Value) -> Vec<Part> {
    messages(json!([{ "role": "user", "content": content }])).turns.remove(0).parts
}

fn with(member: &str, value: Value) -> ChatRequest {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    body[member] = value;
    decode(&body).unwrap()
}

#[test]
fn every_role_has_its_turn() {
    let request = messages(json!([
        { "role": "developer", "content": "d" },
        { "role": "system", "content": [{ "type": "text", "text": "s" }] },
        { "role": "user", "content": "u" },
        { "role": "assistant", "content": "a", "refusal": "no" },
        { "role": "user", "content": "  \n" },
        { "role": "assistant", "content": [{ "type": "text", "text": "b" }, { "type": "refusal", "refusal": "never" }] },
    ]));
    let refusal = |text: &str| Part::new(Content::Refusal(text.into()));
    let turns: Vec<_> = request.turns.into_iter().map(|turn| (turn.role, turn.parts)).collect();
    assert_eq!(
        turns,
        [
            (Role::System, vec![Part::text("d"), Part::text("s")]),
            (Role::User, vec![Part::text("u")]),
            (Role::Assistant, vec![Part::text("a"), refusal("no"), Part::text("b"), refusal("never")]),
        ]
    );
}

#[test]
fn tool_messages_and_the_user_become_one_turn_results_first() {
    let request = messages(json!([
        { "role": "user", "content": "before" },
        { "role": "assistant", "content": null, "tool_calls": [
            { "id": "c1", "type": "function", "function": { "name": "f", "arguments": "{\"a\": 1}" } },
            { "id": "c2", "type": "function", "function": { "name": "g", "arguments": "" } },
        ] },
        { "role": "tool", "tool_call_id": "c1", "content": "one" },
        { "role": "user", "content": "meanwhile" },
        { "role": "tool", "tool_call_id": "c2", "content": [{ "type": "text", "text": "two", "cache_control": { "type": "ephemeral" } }] },
    ]));
    let call = |id: &str, name: &str, arguments: &str| {
        Part::new(Content::ToolUse(ToolUse { id: id.into(), name: name.into(), arguments: arguments.into() }))
    };
    let result = |id: &str, text: &str| {
        Content::ToolResult(ToolResult { id: id.into(), parts: vec![Part::text(text)], is_error: false })
    };
    assert_eq!(request.turns.len(), 3);
    assert_eq!(request.turns[1].parts, [call("c1", "f", "{\"a\": 1}"), call("c2", "g", "")]);
    assert_eq!(
        request.turns[2].parts,
        [
            Part::new(result("c1", "one")),
            Part { content: result("c2", "two"), cache: Some(CacheTtl::FiveMinutes) },
            Part::text("meanwhile"),
        ]
    );
}

#[test]
fn the_legacy_function_form_ties_result_to_call() {
    let request = messages(json!([
        { "role": "assistant", "content": null, "function_call": { "name": "f", "arguments": "{}" } },
        { "role": "function", "name": "f", "content": "r" },
    ]));
    let Content::ToolUse(call) = &request.turns[0].parts[0].content else { panic!() };
    let Content::ToolResult(result) = &request.turns[1].parts[0].content else { panic!() };
    assert_eq!((&call.id, call.name.as_str()), (&result.id, "f"));
}

#[test]
fn reasoning_comes_first_with_its_proof() {
    let thought = |text: &str, signature: Option<&str>, redacted: Option<&str>| {
        Part::new(Content::Reasoning(Thought {
            text: text.into(),
            signature: signature.map(Into::into),
            redacted: redacted.map(Into::into),
        }))
    };
    let request =
        messages(json!([{ "role": "assistant", "content": "a", "reasoning_content": "th", "thinking_blocks": [
        { "type": "thinking", "thinking": "th", "signature": "sig", "index": 0 },
        { "type": "thinking", "thinking": "", "signature": "only" },
        { "type": "redacted_thinking", "data": "xx" },
    ] }]));
    assert_eq!(
        request.turns[0].parts,
        [
            thought("th", Some("sig"), None),
            thought("", Some("only"), None),
            thought("", None, Some("xx")),
            Part::text("a")
        ]
    );
    let request = messages(json!([{ "role": "assistant", "content": "a", "reasoning_content": "th" }]));
    assert_eq!(request.turns[0].parts, [thought("th", None, None), Part::text("a")]);
}

#[test]
fn pictures_documents_and_sound_are_read() {
    let media =
        |mime: &str, source, detail: Option<&str>| Media { mime: mime.into(), source, detail: detail.map(Into::into) };
    let png = Source::Bytes(bytes::Bytes::from_static(b"\x89PNG\r\n\x1a\n"));
    let file = |mime: &str, name: Option<&str>, source| {
        Content::Document(Document {
            mime: mime.into(),
            name: name.map(Into::into),
            context: None,
            source,
            citations: false,
        })
    };
    for (part, wanted) in [
        (
            json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low" } }),
            Content::Image(media("image/png", png.clone(), Some("low"))),
        ),
        (
            json!({ "type": "image_url", "image_url": "data:;base64,iVBORw0KGgo=" }),
            Content::Image(media("image/png", png, None)),
        ),
        (
            json!({ "type": "image_url", "image_url": { "url": "https://x.test/a.png" } }),
            Content::Image(media("", Source::Url("https://x.test/a.png".into()), None)),
        ),
        (
            json!({ "type": "input_audio", "input_audio": { "data": "AAE=", "format": "mp3" } }),
            Content::Audio(media("audio/mpeg", Source::Bytes(bytes::Bytes::from_static(&[0, 1])), None)),
        ),
        (
            json!({ "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAE=" } }),
            file("application/pdf", Some("a.pdf"), Source::Bytes(bytes::Bytes::from_static(&[0, 1]))),
        ),
        (
            json!({ "type": "file", "file": { "filename": "a.TXT", "file_data": "aGk=" } }),
            file("text/plain", Some("a.TXT"), Source::Text("hi".into())),
        ),
        (json!({ "type": "file", "file": { "file_id": "file-1" } }), file("", None, Source::File("file-1".into()))),
        (json!({ "type": "video", "x": 1 }), Content::Other("video".into(), json!({ "x": 1 }))),
    ] {
        assert_eq!(user(json!([part])), [Part::new(wanted)], "{part}");
    }
}

#[test]
fn cache_points_stay_with_their_part() {
    let parts = user(json!([
        { "type": "text", "text": "a", "cache_control": { "type": "ephemeral", "ttl": "1h" } },
        { "type": "text", "text": "b" },
    ]));
    assert_eq!(parts.iter().map(|part| part.cache).collect::<Vec<_>>(), [Some(CacheTtl::OneHour), None]);
    let request = messages(json!([{ "role": "system", "content": "s", "cache_control": { "type": "ephemeral" } }]));
    assert_eq!(request.turns[0].parts[0].cache, Some(CacheTtl::FiveMinutes));
}

#[test]
fn tools_and_choices_are_read() {
    let tools = json!([
        { "type": "function", "function": { "name": "f", "description": "d", "parameters": { "type": "object", "z": 1, "a": null }, "strict": true } },
        { "type": "function", "function": { "name": "g" }, "cache_control": { "type": "ephemeral" } },
        { "type": "custom", "custom": { "name": "c" } },
    ]);
    let choose = |choice: Value| {
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }], "tools": tools, "tool_choice": choice });
        decode(&body).unwrap()
    };
    let request = choose(json!("auto"));
    assert_eq!(request.tools.tools.len(), 2);
    assert_eq!(request.tools.tools[0].schema.to_string(), r#"{"type":"object","z":1,"a":null}"#);
    assert_eq!(request.tools.tools[0].strict, Some(true));
    assert_eq!(request.tools.tools[1].schema, json!({ "type": "object", "properties": {} }));
    assert_eq!(request.tools.tools[1].cache, Some(CacheTtl::FiveMinutes));
    assert_eq!(request.extra, [("tools.2".to_owned(), json!({ "type": "custom" }))]);
    let allowed = |mode: &str, name: &str| json!({ "type": "allowed_tools", "allowed_tools": { "mode": mode, "tools": [{ "type": "function", "function": { "name": name } }] } });
    for (choice, wanted, left) in [
        (json!("auto"), ToolChoice::Auto, 2),
        (json!("none"), ToolChoice::None, 2),
        (json!("required"), ToolChoice::Any, 2),
        (json!({ "type": "function", "function": { "name": "g" } }), ToolChoice::Named("g".into()), 2),
        (allowed("auto", "f"), ToolChoice::Auto, 1),
        (allowed("required", "g"), ToolChoice::Named("g".into()), 1),
    ] {
        let request = choose(choice.clone());
        assert_eq!((request.tools.choice, request.tools.tools.len()), (Some(wanted), left), "{choice}");
    }
}

#[test]
fn the_legacy_functions_are_tools() {
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }],
        "functions": [{ "name": "f", "parameters": {} }], "function_call": { "name": "f" } });
    let request = decode(&body).unwrap();
    assert_eq!(request.tools.tools[0].name, "f");
    assert_eq!(request.tools.choice, Some(ToolChoice::Named("f".into())));
    assert!(request.extra.is_empty());
}

#[test]
fn options_have_their_words() {
    assert_eq!(with("max_tokens", json!(5)).output.tokens_max, Some(5));
    assert_eq!(with("max_completion_tokens", json!(6)).output.tokens_max, Some(6));
    assert_eq!(with("stop", json!("x")).output.stop, ["x"]);
    assert_eq!(with("stop", json!(["x", "y"])).output.stop, ["x", "y"]);
    assert_eq!(with("n", json!(3)).output.choices, Some(3));
    assert_eq!(with("verbosity", json!("low")).output.verbosity.as_deref(), Some("low"));
    assert_eq!(with("seed", json!(-4)).sampling.seed, Some(-4));
    assert_eq!(with("temperature", json!(1)).sampling.temperature, Some(1.0));
    assert_eq!(with("logprobs", json!(true)).sampling.logprobs, Some(0));
    assert_eq!(with("logprobs", json!(false)).sampling.logprobs, None);
    assert_eq!(with("presence_penalty", json!(0.5)).sampling.presence_penalty, Some(0.5));
    assert_eq!(with("frequency_penalty", json!(-0.5)).sampling.frequency_penalty, Some(-0.5));
    assert_eq!(with("user", json!("u")).caller.user.as_deref(), Some("u"));
    assert_eq!(with("metadata", json!({ "a": "b" })).caller.metadata, [("a".to_owned(), "b".to_owned())]);
    assert_eq!(with("service_tier", json!("fast")).delivery.tier, Some(ServiceTier::Priority));
    assert_eq!(with("parallel_tool_calls", json!(false)).tools.parallel, Some(false));
    let streamed = with("stream_options", json!({ "include_usage": true, "include_obfuscation": false }));
    assert!(streamed.delivery.include_usage);
    assert_eq!(streamed.extra, [("stream_options.include_obfuscation".to_owned(), json!(false))]);
    assert_eq!(with("logit_bias", json!({ "1": 2 })).extra, [("logit_bias".to_owned(), json!({ "1": 2 }))]);
    let effort = Reasoning { effort: Some("high".into()), ..Reasoning::default() };
    assert_eq!(with("reasoning_effort", json!("high")).reasoning, Some(effort));
    let budget = Reasoning { budget_tokens: Some(2000), ..Reasoning::default() };
    assert_eq!(with("thinking", json!({ "type": "enabled", "budget_tokens": 2000 })).reasoning, Some(budget));
    assert_eq!(with("user", Value::Null).reasoning, None);
}

#[test]
fn forms_of_the_answer_are_read() {
    assert_eq!(with("response_format", json!({ "type": "json_object" })).output.format, Format::JsonObject);
    assert_eq!(with("response_format", json!({ "type": "text" })).output.format, Format::Text);
    let schema = json!({ "type": "json_schema", "json_schema": { "name": "n", "strict": true, "schema": { "type": "object" } } });
    assert_eq!(
        with("response_format", schema).output.format,
        Format::JsonSchema {
            name: Some("n".into()),
            description: None,
            schema: json!({ "type": "object" }),
            strict: Some(true)
        }
    );
}

#[test]
fn wrong_members_are_named() {
    let image =
        |url: &str| json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": url } }] }]);
    for (body, param) in [
        (json!({ "messages": [] }), "model"),
        (json!({ "model": "m" }), "messages"),
        (json!({ "model": "m", "messages": [] }), "messages"),
        (json!({ "model": "m", "messages": [3] }), "messages.0"),
        (json!({ "model": "m", "messages": [{ "role": "robot" }] }), "messages.0.role"),
        (json!({ "model": "m", "messages": [{ "role": "user", "content": 3 }] }), "messages.0.content"),
        (json!({ "model": "m", "messages": [{ "role": "tool", "content": "x" }] }), "messages.0.tool_call_id"),
        (json!({ "model": "m", "messages": image("ftp://x") }), "messages.0.content.0.image_url"),
        (json!({ "model": "m", "messages": image("data:image/png;base64,!!") }), "messages.0.content.0.image_url"),
        (
            json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }], "tool_choice": "maybe" }),
            "tool_choice",
        ),
        (
            json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }], "tools": [{ "type": "function" }] }),
            "tools.0.function",
        ),
        (json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }], "stop": [1] }), "stop.0"),
        (
            json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }], "temperature": "hot" }),
            "temperature",
        ),
    ] {
        let fault = decode(&body).unwrap_err();
        assert_eq!((fault.class, fault.param.as_deref()), (Class::Malformed, Some(param)), "{body}");
    }
}

#[test]
fn the_peek_reads_what_routing_needs() {
    let body = json!({ "model": "m", "stream": true, "stream_options": { "include_usage": true }, "max_tokens": 7,
        "metadata": { "team": "a", "n": 3 }, "messages": [] })
    .to_string();
    let members = Members::scan(body.as_bytes()).unwrap();
    let peek = OpenaiChat::OPENAI.peek(&RequestFacts::default(), &members).unwrap();
    assert_eq!((peek.model.as_str(), peek.stream, peek.include_usage), ("m", true, true));
    assert_eq!(peek.output_tokens_max, Some(7));
    assert_eq!(peek.metadata, [("team".to_owned(), "a".to_owned())]);
    for (body, param) in [("{}", "model"), (r#"{"model":3}"#, "model"), (r#"{"model":"m","stream":"yes"}"#, "stream")] {
        let members = Members::scan(body.as_bytes()).unwrap();
        let fault = OpenaiChat::OPENAI.peek(&RequestFacts::default(), &members).unwrap_err();
        assert_eq!(fault.param.as_deref(), Some(param), "{body}");
    }
}
