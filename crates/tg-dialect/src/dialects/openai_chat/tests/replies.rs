//! Whole answers, both ways.

use super::{facts, json};
use crate::dialect::{InboundDialect, UpstreamDialect};
use crate::dialects::openai_chat::OpenaiChat;
use serde_json::{Value, json};
use tg_kernel::chat::{ChatReply, Content, Part, Stop, StopReason, Thought, ToolUse};
use tg_kernel::fault::Class;
use tg_kernel::usage::{ServiceTier, Usage};

fn decode(message: Value, finish: &str) -> ChatReply {
    let body = json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-x-2026",
        "choices": [{ "index": 0, "message": message, "finish_reason": finish }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 } });
    OpenaiChat::OPENAI.decode_reply(body.to_string().as_bytes()).unwrap()
}

fn thought(text: &str, signature: Option<&str>, redacted: Option<&str>) -> Part {
    Part::new(Content::Reasoning(Thought {
        text: text.into(),
        signature: signature.map(Into::into),
        redacted: redacted.map(Into::into),
    }))
}

fn call(id: &str, arguments: &str) -> Part {
    Part::new(Content::ToolUse(ToolUse { id: id.into(), name: "f".into(), arguments: arguments.into() }))
}

#[test]
fn answers_of_many_servers_are_read() {
    let tool = json!([{ "id": "c1", "type": "function", "function": { "name": "f", "arguments": "{\"a\":1}" } }]);
    for (message, finish, parts, stop) in [
        (json!({ "content": "hi" }), "stop", vec![Part::text("hi")], StopReason::EndTurn),
        (json!({ "content": "hi" }), "length", vec![Part::text("hi")], StopReason::MaxTokens),
        (json!({ "content": "hi" }), "insufficient_system_resource", vec![Part::text("hi")], StopReason::Unknown),
        (
            json!({ "content": null, "refusal": "no" }),
            "stop",
            vec![Part::new(Content::Refusal("no".into()))],
            StopReason::Refusal,
        ),
        (
            json!({ "content": null, "tool_calls": tool }),
            "tool_calls",
            vec![call("c1", "{\"a\":1}")],
            StopReason::ToolUse,
        ),
        (json!({ "content": "", "tool_calls": tool }), "stop", vec![call("c1", "{\"a\":1}")], StopReason::ToolUse),
        (
            json!({ "content": "hi", "reasoning_content": "th" }),
            "stop",
            vec![thought("th", None, None), Part::text("hi")],
            StopReason::EndTurn,
        ),
        (
            json!({ "content": "hi", "reasoning": "th" }),
            "stop",
            vec![thought("th", None, None), Part::text("hi")],
            StopReason::EndTurn,
        ),
        (
            json!({ "content": "hi", "reasoning": "th", "reasoning_details": [
                { "type": "reasoning.text", "text": "th", "signature": "s" }, { "type": "reasoning.encrypted", "data": "x" }] }),
            "stop",
            vec![thought("th", Some("s"), None), thought("", None, Some("x")), Part::text("hi")],
            StopReason::EndTurn,
        ),
        (
            json!({ "content": [{ "type": "thinking", "thinking": [{ "type": "text", "text": "th" }] }, { "type": "text", "text": "hi" }] }),
            "stop",
            vec![thought("th", None, None), Part::text("hi")],
            StopReason::EndTurn,
        ),
    ] {
        let reply = decode(message.clone(), finish);
        assert_eq!((reply.parts, reply.stop.reason), (parts, stop), "{message}");
        assert_eq!((reply.id.as_str(), reply.model.as_str()), ("chatcmpl-1", "gpt-x-2026"));
    }
    let object = json!({ "tool_calls": [{ "function": { "name": "f", "arguments": { "a": 1 } } }] });
    let Content::ToolUse(found) = decode(object, "stop").parts.remove(0).content else { panic!() };
    assert_eq!(found.arguments, "{\"a\":1}");
    assert!(found.id.starts_with("call_"));
}

#[test]
fn counts_become_disjoint_and_total_again() {
    for (usage, wanted) in [
        (
            json!({ "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
                "prompt_tokens_details": { "cached_tokens": 60, "cache_write_tokens": 10, "audio_tokens": 5 },
                "completion_tokens_details": { "reasoning_tokens": 20, "audio_tokens": 8 } }),
            Usage {
                input_tokens: 25,
                cache_read_tokens: 60,
                cache_write_5m_tokens: 10,
                audio_input_tokens: 5,
                output_tokens: 42,
                reasoning_tokens: 20,
                audio_output_tokens: 8,
                ..Usage::default()
            },
        ),
        (
            json!({ "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "prompt_tokens_details": null }),
            Usage { input_tokens: 7, output_tokens: 3, ..Usage::default() },
        ),
        (
            json!({ "prompt_tokens": 7, "completion_tokens": 3, "prompt_cache_hit_tokens": 4 }),
            Usage { input_tokens: 3, cache_read_tokens: 4, output_tokens: 3, ..Usage::default() },
        ),
        (
            json!({ "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 15, "completion_tokens_details": { "reasoning_tokens": 5 } }),
            Usage { input_tokens: 7, output_tokens: 8, reasoning_tokens: 5, ..Usage::default() },
        ),
        (
            json!({ "prompt_tokens": 7, "completion_tokens": 0, "prompt_tokens_details": { "cached_tokens": 9 } }),
            Usage { cache_read_tokens: 9, ..Usage::default() },
        ),
    ] {
        let body = json!({ "choices": [{ "message": { "content": "x" } }], "usage": usage });
        let reply = OpenaiChat::OPENAI.decode_reply(body.to_string().as_bytes()).unwrap();
        assert_eq!(reply.usage, wanted, "{usage}");
    }
    let usage = Usage {
        input_tokens: 25,
        cache_read_tokens: 60,
        cache_write_5m_tokens: 4,
        cache_write_1h_tokens: 6,
        audio_input_tokens: 5,
        output_tokens: 42,
        reasoning_tokens: 20,
        audio_output_tokens: 8,
        images: 0,
    };
    let written = super::super::usage::write(&usage);
    assert_eq!(
        (&written["prompt_tokens"], &written["completion_tokens"], &written["total_tokens"]),
        (&json!(100), &json!(50), &json!(150))
    );
    assert_eq!(
        written["prompt_tokens_details"],
        json!({ "cached_tokens": 60, "cache_write_tokens": 10, "audio_tokens": 5 })
    );
    assert_eq!(written["completion_tokens_details"]["reasoning_tokens"], 20);
}

#[test]
fn an_answer_is_written_as_openai_writes_it() {
    let reply = ChatReply {
        id: String::new(),
        model: "claude".into(),
        parts: vec![
            thought("th", Some("sig"), None),
            thought("", None, Some("xx")),
            Part::text("a"),
            Part::text("b"),
            call("c1", ""),
            call("c2", "{\"x\": 1}"),
        ],
        stop: Stop { reason: StopReason::EndTurn, sequence: None },
        usage: Usage { input_tokens: 1, output_tokens: 2, ..Usage::default() },
        tier: Some(ServiceTier::Priority),
        latency_ms: None,
    };
    let body = json(&OpenaiChat::OPENAI.encode_reply(&reply, &facts(false)));
    assert_eq!(body["id"], "chatcmpl-07070707070707070707070707070707");
    assert_eq!((&body["object"], &body["created"]), (&json!("chat.completion"), &json!(1_700_000_000)));
    assert_eq!((&body["model"], &body["service_tier"]), (&json!("asked-model"), &json!("priority")));
    assert_eq!(
        body["choices"],
        json!([{ "index": 0, "logprobs": null, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "ab", "refusal": null, "reasoning_content": "th",
            "thinking_blocks": [
                { "type": "thinking", "thinking": "th", "signature": "sig" },
                { "type": "redacted_thinking", "data": "xx" },
            ],
            "tool_calls": [
                { "id": "c1", "type": "function", "function": { "name": "f", "arguments": "{}" } },
                { "id": "c2", "type": "function", "function": { "name": "f", "arguments": "{\"x\": 1}" } },
            ],
        } }])
    );
    let again = OpenaiChat::OPENAI.decode_reply(body.to_string().as_bytes()).unwrap();
    assert_eq!(again.parts[0..2], reply.parts[0..2]);
    assert_eq!((again.usage, again.tier), (reply.usage, reply.tier));
}

#[test]
fn every_stop_reason_has_a_finish_reason() {
    for (reason, finish) in [
        (StopReason::EndTurn, "stop"),
        (StopReason::StopSequence, "stop"),
        (StopReason::MaxTokens, "length"),
        (StopReason::ToolUse, "tool_calls"),
        (StopReason::ContextWindow, "length"),
        (StopReason::Guardrail, "content_filter"),
        (StopReason::ContentFilter, "content_filter"),
        (StopReason::Refusal, "content_filter"),
        (StopReason::PauseTurn, "stop"),
        (StopReason::Malformed, "stop"),
        (StopReason::Unknown, "stop"),
    ] {
        let reply = ChatReply { stop: Stop { reason, sequence: None }, ..ChatReply::default() };
        let body = json(&OpenaiChat::OPENAI.encode_reply(&reply, &facts(false)));
        assert_eq!(body["choices"][0]["finish_reason"], finish, "{reason:?}");
        assert_eq!(body["choices"][0]["message"]["content"], Value::Null);
    }
}

#[test]
fn what_is_no_answer_is_the_provider_s_failure() {
    for body in [&b"<html>"[..], b"{}", br#"{"choices":[]}"#, br#"{"choices":[{"text":"x"}]}"#, b"[]"] {
        let fault = OpenaiChat::OPENAI.decode_reply(body).unwrap_err();
        assert_eq!(fault.class, Class::UpstreamFailed, "{}", String::from_utf8_lossy(body));
    }
    let fault = OpenaiChat::OPENAI.decode_reply(br#"{"error":{"message":"slow down","code":429}}"#).unwrap_err();
    assert_eq!((fault.class, &*fault.message), (Class::Limited, "slow down"));
}

#[test]
fn a_relayed_answer_is_summed_up() {
    let body =
        br#"{"model":"m","service_tier":"default","choices":[{"finish_reason":"stop","message":{"role":"assistant",
        "content":null,"tool_calls" : [ {"id":"c"} ]}}],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#;
    let summary = OpenaiChat::OPENAI.read_summary(body);
    assert_eq!((summary.model.as_deref(), summary.tier), (Some("m"), Some(ServiceTier::Default)));
    assert_eq!((summary.usage.input_tokens, summary.usage.output_tokens), (4, 2));
    assert_eq!(summary.stop, Some(StopReason::ToolUse));
    assert!(summary.complete && summary.usage_final && summary.content_seen && !summary.failed);
    let garbage = OpenaiChat::OPENAI.read_summary(b"<html>");
    assert!(garbage.failed && !garbage.complete && !garbage.usage_seen);
    let silent = OpenaiChat::OPENAI.read_summary(br#"{"choices":[{"message":{"content":"hello"}}],"usage":null}"#);
    assert!(silent.complete && !silent.usage_seen && silent.content_bytes > 5);
}
