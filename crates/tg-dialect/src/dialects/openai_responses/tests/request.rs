//! Requests, read from callers and written for providers.

use super::*;
use tg_kernel::chat::{Format, ToolChoice};
use tg_kernel::fault::Retry;

#[test]
fn what_a_caller_says_is_read() {
    let request = decode(&json!({
        "model": "m", "instructions": "Be brief.", "stream": true, "max_output_tokens": 100, "temperature": 1.5,
        "input": [
            { "role": "developer", "content": "In French." },
            { "role": "user", "content": [{ "type": "input_text", "text": "Weather?" }] },
            { "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "w", "arguments": "{\"a\":1}" },
            { "type": "function_call", "call_id": "c2", "name": "w", "arguments": "" },
            { "type": "function_call_output", "call_id": "c1", "output": "sunny" },
            { "type": "function_call_output", "call_id": "c2", "output": [{ "type": "input_text", "text": "wet" }] },
        ],
        "tools": [{ "type": "function", "name": "w", "parameters": { "type": "object" }, "strict": true }],
        "tool_choice": { "type": "function", "name": "w" }, "parallel_tool_calls": false,
        "text": { "format": { "type": "json_object" }, "verbosity": "low" },
        "reasoning": { "effort": "high", "summary": "auto" },
    }))
    .unwrap();
    let roles: Vec<_> = request.turns.iter().map(|turn| (turn.role, turn.parts.len())).collect();
    assert_eq!(roles, [(Role::System, 2), (Role::User, 1), (Role::Assistant, 2), (Role::User, 2)]);
    assert_eq!(request.tools.choice, Some(ToolChoice::Named("w".into())));
    assert_eq!((request.tools.parallel, request.output.tokens_max), (Some(false), Some(100)));
    assert_eq!(request.output.format, Format::JsonObject);
    assert_eq!(request.reasoning.unwrap().display.as_deref(), Some("auto"));
    assert!(request.delivery.stream && request.extra.is_empty());
}

#[test]
fn a_string_is_one_user_turn() {
    let request = decode(&json!({ "model": "m", "input": "Hi" })).unwrap();
    assert_eq!(request.turns.len(), 1);
    assert_eq!(request.turns[0].parts, [Part::text("Hi")]);
}

#[test]
fn tools_of_openai_s_own_are_named_by_place() {
    let tools = json!([
        { "type": "web_search" },
        { "type": "function", "name": "f" },
        { "type": "custom", "name": "apply_patch" },
    ]);
    let request = decode(&json!({ "model": "m", "input": "Hi", "tools": tools })).unwrap();
    let names: Vec<_> = request.extra.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["tools.0", "tools.2"]);
    // Back to the same dialect, they stand where they stood.
    let (body, losses) = encode(&request);
    let kinds: Vec<_> = body["tools"].as_array().unwrap().iter().map(|tool| tool["type"].as_str().unwrap()).collect();
    assert_eq!((kinds, losses), (vec!["web_search", "function", "custom"], vec![]));
}

#[test]
fn state_kept_by_openai_is_refused() {
    for member in [
        json!({ "previous_response_id": "resp_1" }),
        json!({ "conversation": "conv_1" }),
        json!({ "prompt": { "id": "pmpt_1" } }),
        json!({ "background": true }),
    ] {
        let mut body = json!({ "model": "m", "input": "Hi" });
        let name = member.as_object().unwrap().keys().next().unwrap().clone();
        body.as_object_mut().unwrap().append(&mut member.as_object().unwrap().clone());
        let fault = decode(&body).unwrap_err();
        assert_eq!((fault.class, fault.code), (Class::Unsupported, "stateful_unsupported"), "{name}");
        assert_eq!(fault.retry, Retry::Elsewhere, "a later target may have Responses");
        assert_eq!(fault.param, Some(name));
    }
    assert!(decode(&json!({ "model": "m", "input": "Hi", "background": false, "conversation": null })).is_ok());
}

#[test]
fn faults_name_the_member() {
    for (body, param) in [
        (json!({ "model": "m" }), "input"),
        (json!({ "model": 1, "input": "Hi" }), "model"),
        (json!({ "model": "m", "input": 5 }), "input"),
        (json!({ "model": "m", "input": [7] }), "input.0"),
        (json!({ "model": "m", "input": [{ "role": "tool", "content": "x" }] }), "input.0.role"),
        (json!({ "model": "m", "input": [{ "type": "function_call", "name": "f" }] }), "input.0.call_id"),
        (json!({ "model": "m", "input": [{ "type": "function_call_output", "call_id": "c" }] }), "input.0.output"),
        (
            json!({ "model": "m", "input": [{ "role": "user", "content": [{ "type": "input_image", "image_url": "x" }] }] }),
            "input.0.content.0.image_url",
        ),
        (json!({ "model": "m", "input": "Hi", "tools": [{ "type": "function" }] }), "tools.0.name"),
        (json!({ "model": "m", "input": "Hi", "text": { "format": { "type": "xml" } } }), "text.format.type"),
        (json!({ "model": "m", "input": "Hi", "tool_choice": "sometimes" }), "tool_choice"),
    ] {
        let fault = decode(&body).unwrap_err();
        assert_eq!((fault.class, fault.param.as_deref()), (Class::Malformed, Some(param)), "{body}");
    }
}

#[test]
fn items_without_canonical_form_come_back_as_they_were() {
    let item =
        json!({ "type": "web_search_call", "id": "ws_1", "status": "completed", "action": { "type": "search" } });
    let request = decode(&json!({ "model": "m", "input": [{ "role": "user", "content": "Hi" }, item] })).unwrap();
    assert!(matches!(&request.turns[1].parts[0].content, Content::Other(kind, _) if kind == "web_search_call"));
    assert_eq!(encode(&request).0["input"][1], item);
}

#[test]
fn a_strict_schema_is_never_by_silence() {
    let request = decode(&json!({ "model": "m", "input": "Hi", "tools": [{ "type": "function", "name": "f" }] }));
    let (body, _) = encode(&request.unwrap());
    assert_eq!(body["tools"][0]["strict"], json!(false));
    assert_eq!(body["store"], json!(false));
}

#[test]
fn members_with_no_word_here_are_losses() {
    let mut request = decode(&json!({ "model": "m", "input": "Hi" })).unwrap();
    request.output.stop = vec!["END".into()];
    request.sampling.seed = Some(1);
    request.sampling.top_k = Some(5);
    request.extra = vec![("logit_bias".into(), json!({})), ("truncation".into(), json!("auto"))];
    let (body, losses) = encode(&request);
    assert_eq!(losses, ["logit_bias", "seed", "stop", "top_k"].map(Loss::dropped));
    assert_eq!(body["truncation"], json!("auto"));
}

#[test]
fn reasoning_goes_back_only_where_it_came_from() {
    let item = json!({ "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "Hm." }],
        "encrypted_content": "gAAAA" });
    let request = decode(&json!({ "model": "m", "input": [{ "role": "user", "content": "Hi" }, item] })).unwrap();
    let Content::Reasoning(thought) = &request.turns[1].parts[0].content else { panic!("{:?}", request.turns) };
    assert!(crate::dialects::openai_responses::is_foreign_seal(thought.signature.as_deref().unwrap()));
    let (body, losses) = encode(&request);
    assert_eq!((&body["input"][1]["encrypted_content"], losses), (&json!("gAAAA"), vec![]));

    let mut other = request;
    other.turns[1].parts = vec![Part::new(Content::Reasoning(signed("Hm.", "EqQB"))), Part::text("Yes.")];
    let (body, losses) = encode(&other);
    assert_eq!(losses, [Loss::dropped("content.reasoning")]);
    assert_eq!(body["input"].as_array().unwrap().len(), 2);
}

#[test]
fn a_conversation_without_words_is_refused() {
    let fault = OpenaiResponses.encode_request(&ChatRequest::default(), "m").unwrap_err();
    assert_eq!(fault.class, Class::Malformed);
}

#[test]
fn peek_reads_the_cheap_facts() {
    let body = br#"{"input":"Hi","model":"m","stream":true,"max_output_tokens":9,"metadata":{"team":"a","n":1}}"#;
    let members = crate::scan::Members::scan(body).unwrap();
    let peek = OpenaiResponses.peek(&RequestFacts::default(), &members).unwrap();
    assert_eq!((peek.model.as_str(), peek.stream, peek.output_tokens_max), ("m", true, Some(9)));
    assert_eq!(peek.metadata, [("team".to_owned(), "a".to_owned())]);
}
