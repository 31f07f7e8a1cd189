//! Whole answers, read from providers and written for callers.

use super::*;

fn written(reply: &ChatReply) -> Value {
    serde_json::from_slice(&OpenaiResponses.encode_reply(reply, &facts())).unwrap()
}

#[test]
fn an_answer_is_written_whole() {
    let reply = ChatReply {
        parts: vec![
            Part::new(Content::Reasoning(signed("Hm.", "EqQB"))),
            Part::text("Let me "),
            Part::text("look."),
            call("toolu_1", "w", ""),
        ],
        stop: Stop { reason: StopReason::ToolUse, sequence: None },
        usage: Usage {
            input_tokens: 10,
            cache_read_tokens: 5,
            cache_write_1h_tokens: 2,
            output_tokens: 7,
            ..Usage::default()
        },
        ..ChatReply::default()
    };
    let body = written(&reply);
    let kinds: Vec<_> = body["output"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["reasoning", "message", "function_call"]);
    assert_eq!(body["output"][1]["content"].as_array().unwrap().len(), 2);
    assert_eq!((&body["output"][2]["arguments"], &body["output"][2]["call_id"]), (&json!("{}"), &json!("toolu_1")));
    assert_eq!(body["usage"]["input_tokens"], 17);
    assert_eq!(body["usage"]["input_tokens_details"], json!({ "cached_tokens": 5, "cache_write_tokens": 2 }));
    assert_eq!(body["usage"]["total_tokens"], 24);
}

#[test]
fn another_vendor_s_signature_survives_the_caller() {
    let redacted = Thought { redacted: Some("abc".into()), ..Thought::default() };
    for thought in [signed("Hm.", "EqQB+/="), signed("", "EqQB"), redacted] {
        let reply = ChatReply { parts: vec![Part::new(Content::Reasoning(thought.clone()))], ..ChatReply::default() };
        let item = written(&reply)["output"][0].clone();
        let body = json!({ "model": "m", "input": [{ "role": "user", "content": "Hi" }, item] });
        assert_eq!(decode(&body).unwrap().turns[1].parts, [Part::new(Content::Reasoning(thought))]);
    }
}

#[test]
fn endings_have_their_words() {
    for (reason, status, detail) in [
        (StopReason::EndTurn, "completed", None),
        (StopReason::StopSequence, "completed", None),
        (StopReason::MaxTokens, "incomplete", Some("max_output_tokens")),
        (StopReason::ContextWindow, "incomplete", Some("max_output_tokens")),
        (StopReason::ContentFilter, "incomplete", Some("content_filter")),
        (StopReason::Guardrail, "incomplete", Some("content_filter")),
        (StopReason::Refusal, "incomplete", Some("content_filter")),
    ] {
        let stop = Stop { reason, sequence: None };
        let body = written(&ChatReply { parts: vec![Part::text("x")], stop, ..ChatReply::default() });
        assert_eq!((body["status"].as_str(), body["incomplete_details"]["reason"].as_str()), (Some(status), detail));
        assert_eq!(body["output"][0]["status"], status);
    }
}

#[test]
fn a_provider_s_answer_is_read() {
    let body = json!({
        "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-5", "service_tier": "flex",
        "output": [
            { "type": "reasoning", "id": "rs_1", "summary": [] },
            { "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
                { "type": "output_text", "text": "One", "annotations": [] }, { "type": "refusal", "refusal": "No." },
            ] },
            { "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "w", "arguments": "{}" },
        ],
        "usage": { "input_tokens": 100, "input_tokens_details": { "cached_tokens": 60, "cache_write_tokens": 10 },
            "output_tokens": 20, "output_tokens_details": { "reasoning_tokens": 8 }, "total_tokens": 120 },
    });
    let body = body.to_string();
    let reply = OpenaiResponses.decode_reply(body.as_bytes()).unwrap();
    assert_eq!(reply.parts, [Part::text("One"), Part::new(Content::Refusal("No.".into())), call("c1", "w", "{}")]);
    assert_eq!(reply.stop.reason, StopReason::ToolUse);
    let usage = Usage {
        input_tokens: 30,
        cache_read_tokens: 60,
        cache_write_5m_tokens: 10,
        output_tokens: 20,
        reasoning_tokens: 8,
        ..Usage::default()
    };
    assert_eq!(reply.usage, usage);
    let summary = OpenaiResponses.read_summary(body.as_bytes());
    assert_eq!((summary.usage, summary.stop, summary.tier), (usage, Some(StopReason::ToolUse), reply.tier));
    assert!(summary.complete && summary.usage_final);
}

#[test]
fn failures_in_a_body_are_faults() {
    for (body, class, code) in [
        (
            json!({ "status": "failed", "output": [], "error": { "code": "rate_limit_exceeded", "message": "Slow." } }),
            Class::Limited,
            "upstream_limited",
        ),
        (json!({ "status": "failed", "output": [], "error": null }), Class::UpstreamFailed, "upstream_error"),
        (json!({ "status": "in_progress", "output": [] }), Class::UpstreamFailed, "upstream_garbage"),
        (json!({ "choices": [] }), Class::UpstreamFailed, "upstream_garbage"),
        (json!([]), Class::UpstreamFailed, "upstream_garbage"),
    ] {
        let fault = OpenaiResponses.decode_reply(body.to_string().as_bytes()).unwrap_err();
        assert_eq!((fault.class, fault.code), (class, code), "{body}");
    }
}

#[test]
fn a_response_in_any_state_is_an_answer() {
    let counted = json!({ "input_tokens": 5, "output_tokens": 2 });
    let uncounted = json!({ "input_tokens": 5, "input_tokens_details": { "cached_tokens": null }, "output_tokens": null,
        "output_tokens_details": null });
    for (status, error, usage, failed, input, is_final) in [
        ("queued", json!(null), json!(null), false, 0, false),
        ("in_progress", json!(null), json!(null), false, 0, false),
        ("failed", json!({ "code": "server_error", "message": "x" }), counted.clone(), true, 5, true),
        ("cancelled", json!(null), json!(null), true, 0, false),
        ("completed", json!(null), counted, false, 5, true),
        ("completed", json!(null), uncounted, false, 5, false),
        ("some_later_word", json!(null), json!({}), false, 0, false),
    ] {
        for output in [json!([]), json!(null), json!([{ "type": "message", "content": "not a list" }, 5])] {
            let body = json!({ "object": "response", "status": status, "error": error, "usage": usage, "model": "m",
                "output": output, "service_tier": null, "incomplete_details": null });
            let summary = OpenaiResponses.read_summary(body.to_string().as_bytes());
            assert_eq!((summary.complete, summary.failed), (true, failed), "{body}");
            assert_eq!((summary.usage.input_tokens, summary.usage_final), (input, is_final), "{body}");
            assert_eq!(summary.model.as_deref(), Some("m"));
        }
    }
    for body in ["{}", "[]", "null", r#"{"error":{"message":"x"}}"#, r#"{"status":"ok"}"#, r#"{"output":["#] {
        assert!(!OpenaiResponses.read_summary(body.as_bytes()).complete, "{body}");
    }
}

#[test]
fn an_answer_that_is_not_kept_has_no_name_for_later_calls() {
    for (store, id) in [(json!(null), Some("resp_1")), (json!(true), Some("resp_1")), (json!(false), None)] {
        let body = json!({ "id": "resp_1", "object": "response", "status": "completed", "output": [], "store": store });
        let summary = OpenaiResponses.read_summary(body.to_string().as_bytes());
        assert_eq!((summary.id.as_deref(), summary.complete), (id, true), "{body}");
    }
}
