//! Requests, both ways.

use super::{CLAUDE, decode, encode, encode_for};
use crate::dialect::{InboundDialect, RequestFacts, UpstreamDialect};
use crate::dialects::bedrock_converse::BedrockConverse;
use proptest::prelude::*;
use serde_json::{Value, json};
use tg_kernel::chat::{
    CacheTtl, ChatRequest, Content, Document, Format, Media, Output, Part, Role, Sampling, Source, Thought, Tool,
    ToolChoice, ToolResult, ToolUse, Tooling, Turn,
};

/// A body with every member that has a canonical form.
fn full() -> Value {
    json!({
        "messages": [
            {"role": "user", "content": [
                {"text": "What is this?"},
                {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}},
                {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/a.jpg"}}}},
                {"document": {"format": "pdf", "name": "Report (1)", "source": {"bytes": "JVBERi0="},
                    "context": "of 2026", "citations": {"enabled": true}}},
                {"document": {"format": "md", "name": "Notes", "source": {"text": "plain"}}},
                {"cachePoint": {"type": "default"}}
            ]},
            {"role": "assistant", "content": [
                {"reasoningContent": {"reasoningText": {"text": "", "signature": "c2ln"}}},
                {"reasoningContent": {"redactedContent": "ZW5j"}},
                {"text": "Let me look."},
                {"toolUse": {"toolUseId": "tooluse_1", "name": "look", "input": {"z": 1, "a": [2.5, null]}}},
                {"toolUse": {"toolUseId": "tooluse_2", "name": "now", "input": {}}}
            ]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": "tooluse_1", "content": [
                    {"text": "a cat"}, {"image": {"format": "gif", "source": {"bytes": "R0lGODlh"}}}
                ]}},
                {"toolResult": {"toolUseId": "tooluse_2", "content": [{"text": ""}], "status": "error"}},
                {"cachePoint": {"type": "default", "ttl": "1h"}},
                {"text": "Well?"}
            ]},
            {"role": "system", "content": [{"text": "Answer in French."}]},
            {"role": "user", "content": [{"text": "Go on."}]}
        ],
        "system": [{"text": "Be brief."}, {"text": "Long manual."}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
        "inferenceConfig": {"maxTokens": 1000, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
        "toolConfig": {
            "tools": [
                {"toolSpec": {"name": "look", "description": "Looks.",
                    "inputSchema": {"json": {"type": "object", "properties": {"z": {}}}}, "strict": true}},
                {"toolSpec": {"name": "now", "inputSchema": {"json": {"type": "object"}}}},
                {"cachePoint": {"type": "default"}}
            ],
            "toolChoice": {"tool": {"name": "look"}}
        },
        "additionalModelRequestFields": {"top_k": 40, "thinking": {"type": "enabled", "budget_tokens": 2048}},
        "outputConfig": {
            "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
                "schema": "{\"type\":\"object\"}", "name": "answer", "description": "An answer."
            }}},
            "effort": "high"
        },
        "requestMetadata": {"team": "a", "cost-centre": "7"},
        "serviceTier": {"type": "priority"}
    })
}

#[test]
fn a_request_comes_back_as_it_was() {
    let (body, losses) = encode(&decode(&full()).unwrap());
    assert_eq!(body, full());
    assert_eq!(losses, [""; 0]);
}

#[test]
fn what_has_no_canonical_form_is_named() {
    let mut body = full();
    body["guardrailConfig"] = json!({"guardrailIdentifier": "g"});
    body["performanceConfig"] = json!({"latency": "optimized"});
    body["additionalModelRequestFields"]["anthropic_beta"] = json!(["context-1m-2025-08-07"]);
    body["additionalModelResponseFieldPaths"] = json!(["/stop_sequence"]);
    body["messages"][4]["content"] = json!([
        {"text": "Go on."},
        {"guardContent": {"text": {"text": "Guarded.", "qualifiers": ["query"]}}},
        {"video": {"format": "mp4"}},
        {"searchResult": {}}
    ]);
    let request = decode(&body).unwrap();
    let (written, losses) = encode(&request);
    assert_eq!(written["messages"][4]["content"], json!([{"text": "Go on."}, {"text": "Guarded."}]));
    assert_eq!(
        losses,
        [
            "additionalModelRequestFields.anthropic_beta",
            "additionalModelResponseFieldPaths",
            "content.searchResult",
            "content.video",
            "guardrailConfig",
            "messages.4.content.1.guardContent",
            "performanceConfig",
        ]
    );
}

#[test]
fn wrong_members_are_named() {
    let cases = [
        ("/messages", json!([]), "messages"),
        ("/messages/0/role", json!("tool"), "messages.0.role"),
        ("/messages/0/content", json!("text"), "messages.0.content"),
        ("/messages/0/content/0", json!({"text": "a", "image": {}}), "messages.0.content.0"),
        ("/messages/0/content/0", json!({}), "messages.0.content.0"),
        ("/messages/0/content/0/text", json!(5), "messages.0.content.0.text"),
        ("/messages/0/content/1/image/source/bytes", json!("%"), "messages.0.content.1.image.source.bytes"),
        ("/messages/0/content/5/cachePoint", json!({"ttl": "2h"}), "messages.0.content.5.cachePoint.ttl"),
        ("/inferenceConfig/maxTokens", json!(-1), "inferenceConfig.maxTokens"),
        ("/toolConfig/tools/0/toolSpec/inputSchema", Value::Null, "toolConfig.tools.0.toolSpec.inputSchema"),
        ("/toolConfig/toolChoice", json!({"none": {}}), "toolConfig.toolChoice"),
        (
            "/outputConfig/textFormat/structure/jsonSchema/schema",
            json!({"type": "object"}),
            "outputConfig.textFormat.structure.jsonSchema.schema",
        ),
        ("/requestMetadata/team", json!(1), "requestMetadata.team"),
        ("/serviceTier/type", json!("gold"), "serviceTier.type"),
    ];
    for (pointer, value, param) in cases {
        let mut body = full();
        let slot = body.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}"));
        *slot = value;
        assert_eq!(decode(&body).unwrap_err().param.as_deref(), Some(param), "{pointer}");
    }
}

fn said(text: &str) -> ChatRequest {
    with_turns(vec![turn(Role::User, vec![Part::text(text)])])
}

fn with_turns(turns: Vec<Turn>) -> ChatRequest {
    ChatRequest { turns, ..ChatRequest::default() }
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

fn called(name: &str, arguments: &str) -> Part {
    Part::new(Content::ToolUse(ToolUse { id: "call|1".into(), name: name.into(), arguments: arguments.into() }))
}

fn answered() -> Part {
    Part::new(Content::ToolResult(ToolResult { id: "call|1".into(), parts: vec![], is_error: false }))
}

#[test]
fn a_cache_point_after_nothing_is_named() {
    let body =
        json!({"messages": [{"role": "user", "content": [{"cachePoint": {"type": "default"}}, {"text": "hi"}]}]});
    assert_eq!(encode(&decode(&body).unwrap()).1, ["messages.0.content.0.cachePoint"]);
}

#[test]
fn another_dialects_request_is_fitted() {
    let mut request = said("hi");
    request.sampling = Sampling { temperature: Some(1.7), top_p: Some(0.5), seed: Some(1), ..Sampling::default() };
    request.output =
        Output { stop: vec!["\n".into()], choices: Some(2), format: Format::JsonObject, ..Output::default() };
    request.caller.user = Some("u".into());
    request.caller.metadata = vec![("ok".into(), "fine".into()), ("bad".into(), "{\"a\":1}".into())];
    let (body, losses) = encode(&request);
    assert_eq!(
        body,
        json!({
            "messages": [{"role": "user", "content": [{"text": "hi"}]}],
            "inferenceConfig": {"temperature": 1.0, "topP": 0.5},
            "requestMetadata": {"ok": "fine"}
        })
    );
    assert_eq!(losses, ["metadata", "n", "response_format", "seed", "stop=changed", "temperature=clamped", "user"]);
}

#[test]
fn what_only_claude_knows_goes_only_to_claude() {
    let mut request = said("hi");
    request.sampling.top_k = Some(5);
    request.reasoning = decode(&full()).unwrap().reasoning;
    let profile = "arn:aws:bedrock:eu-west-1:1:application-inference-profile/x";
    for (model, fields, losses) in [
        (CLAUDE, json!({"top_k": 5, "thinking": {"type": "enabled", "budget_tokens": 2048}}), vec![]),
        (profile, json!({"top_k": 5, "thinking": {"type": "enabled", "budget_tokens": 2048}}), vec![]),
        ("amazon.nova-pro-v1:0", json!({"inferenceConfig": {"topK": 5}}), vec!["thinking"]),
        ("meta.llama3-70b-instruct-v1:0", Value::Null, vec!["thinking", "top_k"]),
    ] {
        let (body, lost) = encode_for(&request, model);
        assert_eq!(
            (&body["additionalModelRequestFields"], lost),
            (&fields, losses.iter().map(ToString::to_string).collect())
        );
    }
    let nova = decode(&json!({
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "additionalModelRequestFields": {"inferenceConfig": {"topK": 5}}
    }));
    assert_eq!(nova.unwrap().sampling.top_k, Some(5));
}

#[test]
fn system_text_between_turns_moves_up_where_the_model_wants_it_first() {
    let request = with_turns(vec![
        turn(Role::System, vec![Part::text("a")]),
        turn(Role::User, vec![Part::text("b")]),
        turn(Role::System, vec![Part::text("c")]),
        turn(Role::User, vec![Part::text("d")]),
    ]);
    let (body, losses) = encode_for(&request, "amazon.nova-pro-v1:0");
    assert_eq!(body["system"], json!([{"text": "a"}, {"text": "c"}]));
    assert_eq!(body["messages"], json!([{"role": "user", "content": [{"text": "b"}, {"text": "d"}]}]));
    assert_eq!(losses, ["messages.system=changed"]);
}

#[test]
fn a_history_of_tools_without_tools_gets_them_back() {
    let request = with_turns(vec![
        turn(Role::User, vec![Part::text("hi")]),
        turn(Role::Assistant, vec![called("files.read", "")]),
        turn(Role::User, vec![answered()]),
    ]);
    let encoded = BedrockConverse.encode_request(&request, CLAUDE).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let call = &body["messages"][1]["content"][0]["toolUse"];
    let result = &body["messages"][2]["content"][0]["toolResult"];
    assert_eq!(call["input"], json!({}));
    assert_eq!(call["toolUseId"], result["toolUseId"]);
    assert!(!call["toolUseId"].as_str().unwrap().contains('|'));
    assert_eq!(result["content"], json!([{"text": ""}]));
    assert_eq!(body["toolConfig"]["tools"][0]["toolSpec"]["name"], call["name"]);
    assert_eq!(body["toolConfig"].get("toolChoice"), None);
    assert!(!encoded.names.is_empty());
}

#[test]
fn tool_choice_none_is_said_by_saying_nothing() {
    let tool = Tool { name: "t".into(), description: None, schema: json!(null), strict: None, cache: None };
    let tools = Tooling { tools: vec![tool], choice: Some(ToolChoice::None), parallel: Some(false) };
    let fresh = ChatRequest { tools: tools.clone(), ..said("hi") };
    assert_eq!(encode(&fresh), (json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}), vec![]));
    let turns = vec![
        turn(Role::User, vec![Part::text("hi")]),
        turn(Role::Assistant, vec![called("t", "{}")]),
        turn(Role::User, vec![answered()]),
    ];
    let (body, losses) = encode(&ChatRequest { tools, ..with_turns(turns) });
    let spec = json!({"toolSpec": {"name": "t", "inputSchema": {"json": {"type": "object"}}}});
    assert_eq!(body["toolConfig"], json!({"tools": [spec]}));
    assert_eq!(losses, ["parallel_tool_calls", "tool_choice=changed"]);
}

#[test]
fn blank_texts_are_left_out_and_no_turn_is_empty() {
    let unsigned = Part::new(Content::Reasoning(Thought { text: "hm".into(), ..Thought::default() }));
    let request = with_turns(vec![
        turn(Role::User, vec![Part::text("hi")]),
        turn(Role::Assistant, vec![Part::text(" \n"), unsigned]),
        turn(Role::User, vec![Part::text("go")]),
    ]);
    let (body, losses) = encode(&request);
    assert_eq!(body["messages"], json!([{"role": "user", "content": [{"text": "hi"}, {"text": "go"}]}]));
    assert_eq!(losses, ["content.reasoning"]);
    assert_eq!(BedrockConverse.encode_request(&said(" "), CLAUDE).unwrap_err().param.as_deref(), Some("messages"));
}

#[test]
fn documents_get_allowed_names_and_a_text_beside_them() {
    let document = |name: Option<&str>| {
        Part::new(Content::Document(Document {
            mime: "text/plain".into(),
            name: name.map(ToOwned::to_owned),
            context: None,
            source: Source::Text("x".into()),
            citations: false,
        }))
    };
    let names = [Some("Plan"), Some("Plan"), Some("../etc/passwd"), None, Some("Document 5"), None];
    let parts = names.into_iter().map(document).collect();
    let (body, losses) = encode(&with_turns(vec![turn(Role::User, parts)]));
    let content = body["messages"][0]["content"].as_array().unwrap();
    let written: Vec<&str> = content.iter().filter_map(|b| b.pointer("/document/name")?.as_str()).collect();
    assert_eq!(written, ["Plan", "Document 2", "Document 3", "Document 4", "Document 5", "Document 6"]);
    assert!(content.last().unwrap()["text"].is_string());
    assert_eq!(losses, ["content.document=changed", "content.document.name=changed"]);
}

#[test]
fn addresses_are_never_fetched() {
    let image = |source| Part::new(Content::Image(Media { mime: "image/png".into(), source, detail: None }));
    let parts = vec![
        Part::text("look"),
        image(Source::Url("https://example.com/a.png".into())),
        image(Source::File("f".into())),
    ];
    let (body, losses) = encode(&with_turns(vec![turn(Role::User, parts)]));
    assert_eq!(body["messages"][0]["content"], json!([{"text": "look"}]));
    assert_eq!(losses, ["content.image"]);
}

#[test]
fn peek_reads_path_and_top_level() {
    let facts = RequestFacts { path_model: Some(CLAUDE.into()), path_stream: true, ..RequestFacts::default() };
    let text = full().to_string();
    let members = crate::scan::Members::scan(text.as_bytes()).unwrap();
    let peek = BedrockConverse.peek(&facts, &members).unwrap();
    assert_eq!((peek.model.as_str(), peek.stream, peek.output_tokens_max), (CLAUDE, true, Some(1000)));
    assert_eq!(peek.metadata.len(), 2);
    assert!(BedrockConverse.peek(&RequestFacts::default(), &members).is_err());
}

#[test]
fn counting_reads_both_forms_and_writes_one() {
    let facts = RequestFacts { path_model: Some(CLAUDE.into()), ..RequestFacts::default() };
    let mut converse = full();
    for member in ["inferenceConfig", "outputConfig", "requestMetadata", "serviceTier"] {
        converse.as_object_mut().unwrap().remove(member);
    }
    let body = json!({"input": {"converse": converse}});
    let request = BedrockConverse.decode_count_request(&facts, body.to_string().as_bytes()).unwrap();
    let written = BedrockConverse.encode_count_request(&request, CLAUDE).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written.body).unwrap(), body);

    // {"anthropic_version":"bedrock-2023-05-31","messages":[{"role":"user","content":"hi"}]}
    let blob = "eyJhbnRocm9waWNfdmVyc2lvbiI6ImJlZHJvY2stMjAyMy0wNS0zMSIsIm1lc3NhZ2VzIjpbeyJyb2xlIjoidXNlciIsImNvbnRlbnQiOiJoaSJ9XX0=";
    let body = json!({"input": {"invokeModel": {"body": blob}}});
    let request = BedrockConverse.decode_count_request(&facts, body.to_string().as_bytes()).unwrap();
    assert_eq!((request.turns, request.model.as_str()), (said("hi").turns, CLAUDE));

    assert_eq!(BedrockConverse.encode_count_reply(7), r#"{"inputTokens":7}"#);
    assert_eq!(BedrockConverse.decode_count_reply(br#"{"inputTokens":7}"#).unwrap(), 7);
    for body in [json!({}), json!({"input": {}}), json!({"input": {"other": {}}})] {
        assert!(BedrockConverse.decode_count_request(&facts, body.to_string().as_bytes()).is_err());
    }
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
    ];
    (content, prop::option::of(prop_oneof![Just(CacheTtl::FiveMinutes), Just(CacheTtl::OneHour)]))
        .prop_map(|(content, cache)| Part { content, cache })
}

proptest! {
    #[test]
    fn decode_after_encode_gives_the_same_turns(turns in prop::collection::vec(prop::collection::vec(part(), 1..5), 1..6)) {
        let roles = [Role::User, Role::Assistant].into_iter().cycle();
        let request = with_turns(roles.zip(turns).map(|(role, parts)| Turn { role, parts }).collect());
        let (body, losses) = encode(&request);
        prop_assert!(losses.is_empty());
        prop_assert_eq!(decode(&body).unwrap().turns, request.turns);
    }

    #[test]
    fn arbitrary_bodies_never_break_the_decoder(body in "[\\[\\]{}:,\"a-z0-9 ]{0,80}") {
        let facts = RequestFacts { path_model: Some(CLAUDE.into()), ..RequestFacts::default() };
        let _ = BedrockConverse.decode_request(&facts, body.as_bytes());
        let _ = BedrockConverse.decode_count_request(&facts, body.as_bytes());
    }
}
