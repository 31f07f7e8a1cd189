//! Counts in the answers of the model families.

use super::chunks;
use crate::dialect::UpstreamDialect;
use crate::dialects::bedrock_invoke::{BedrockInvoke, usage_from_headers};
use http::HeaderMap;
use serde_json::{Value, json};
use tg_kernel::chat::StopReason;
use tg_kernel::usage::Usage;

fn tokens(input_tokens: u64, output_tokens: u64) -> Usage {
    Usage { input_tokens, output_tokens, ..Usage::default() }
}

#[test]
fn whole_answers_of_every_family_are_counted() {
    for (body, usage, stop) in [
        (
            json!({"usage": {"input_tokens": 3, "output_tokens": 4}, "stop_reason": "max_tokens"}),
            tokens(3, 4),
            Some(StopReason::MaxTokens),
        ),
        (
            json!({"usage": {"inputTokens": 3, "outputTokens": 4}, "stopReason": "end_turn"}),
            tokens(3, 4),
            Some(StopReason::EndTurn),
        ),
        (
            json!({"usage": {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 7}},
                "choices": [{"finish_reason": "tool_calls"}]}),
            Usage { cache_read_tokens: 7, ..tokens(3, 4) },
            Some(StopReason::ToolUse),
        ),
        (
            json!({"inputTextTokenCount": 3, "results": [{"tokenCount": 4, "completionReason": "FINISH"}]}),
            tokens(3, 4),
            Some(StopReason::EndTurn),
        ),
        (json!({"embedding": [0.1], "inputTextTokenCount": 3}), tokens(3, 0), None),
        (
            json!({"generation": "x", "prompt_token_count": 3, "generation_token_count": 4, "stop_reason": "length"}),
            tokens(3, 4),
            Some(StopReason::MaxTokens),
        ),
        (
            json!({"meta": {"billed_units": {"input_tokens": 3, "output_tokens": 4}}, "finish_reason": "COMPLETE"}),
            tokens(3, 4),
            Some(StopReason::EndTurn),
        ),
    ] {
        let summary = BedrockInvoke.read_summary(body.to_string().as_bytes());
        assert_eq!((summary.usage, summary.stop), (usage, stop), "{body}");
        assert!(summary.usage_seen && summary.usage_final && summary.complete, "{body}");
    }
    let silent = BedrockInvoke.read_summary(br#"{"images":["x"]}"#);
    assert!(!silent.usage_seen && silent.complete);
}

#[test]
fn streams_of_other_families_are_counted() {
    let metrics = json!({"inputTokenCount": 3, "outputTokenCount": 4});
    for events in [
        vec![
            json!({"contentBlockDelta": {"delta": {"text": "hi"}}}),
            json!({"messageStop": {"stopReason": "end_turn"}}),
            json!({"metadata": {"usage": {"inputTokens": 3, "outputTokens": 4}}, "amazon-bedrock-invocationMetrics": metrics}),
        ],
        vec![
            json!({"generation": "hi"}),
            json!({"generation": "", "stop_reason": "stop", "amazon-bedrock-invocationMetrics": metrics}),
        ],
        vec![
            json!({"type": "message-start", "id": "x"}),
            json!({"type": "content-delta", "delta": {"message": {"content": {"text": "amazon-bedrock-invocationMetrics"}}}}),
            json!({"type": "message-end", "stop_reason": "stop", "amazon-bedrock-invocationMetrics": metrics}),
        ],
        vec![
            json!({"outputText": "hi", "completionReason": "FINISH", "inputTextTokenCount": 3, "totalOutputTextTokenCount": 4}),
        ],
    ] {
        let mut tap = BedrockInvoke.tap(false);
        let last = events.len() - 1;
        tap.pass(chunks(&events[..last]), &mut Vec::new());
        assert!(!tap.summary().complete, "{}", Value::from(events.clone()));
        tap.pass(chunks(&events[last..]), &mut Vec::new());
        tap.close(&mut Vec::new());
        let summary = tap.summary();
        assert_eq!(
            (summary.usage, summary.stop),
            (tokens(3, 4), Some(StopReason::EndTurn)),
            "{}",
            Value::from(events.clone())
        );
        assert!(summary.complete && summary.usage_final && summary.content_bytes > 0);
    }
}

#[test]
fn events_of_claude_that_are_not_known_yet_pass_and_count_for_nothing() {
    let events = [
        json!({"type": "message_start", "message": {"usage": {"input_tokens": 3}}}),
        json!({"type": "budget_note", "usage": {"input_tokens": 99, "output_tokens": 99}, "stop_reason": "max_tokens"}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}}),
        json!({"type": "message_stop"}),
    ];
    let (mut tap, mut out) = (BedrockInvoke.tap(false), Vec::new());
    let bytes = chunks(&events);
    tap.pass(bytes.clone(), &mut out);
    tap.close(&mut out);
    assert_eq!(out, [bytes]);
    let summary = tap.summary();
    assert_eq!((summary.usage, summary.stop), (tokens(3, 4), Some(StopReason::EndTurn)));
    assert!(summary.complete && summary.usage_final);
}

#[test]
fn bedrocks_own_counts_stand_in_where_events_have_none() {
    let metrics = json!({"inputTokenCount": 3, "outputTokenCount": 4});
    let events = [
        json!({"type": "message_start", "message": {}}),
        json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}),
    ];
    let mut tap = BedrockInvoke.tap(false);
    tap.pass(chunks(&events), &mut Vec::new());
    assert_eq!(tap.summary().usage, tokens(3, 4));
}

#[test]
fn headers_count_where_a_body_does_not() {
    let mut headers = HeaderMap::new();
    assert_eq!(usage_from_headers(&headers), None);
    headers.insert("X-Amzn-Bedrock-Input-Token-Count", "7".parse().unwrap());
    let report = usage_from_headers(&headers).unwrap();
    assert_eq!((report.input_tokens, report.output_tokens), (Some(7), None));
}
