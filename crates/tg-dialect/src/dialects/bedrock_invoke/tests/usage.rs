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
    for (family, body, usage, stop) in whole_answers().into_iter().chain(other_whole_answers()) {
        let summary = BedrockInvoke.read_summary(body.to_string().as_bytes());
        assert_eq!((summary.usage, summary.stop), (usage, stop), "{family}: {body}");
        assert!(summary.usage_seen && summary.usage_final && summary.complete, "{family}: {body}");
    }
}

/// What each family answers, as its page in AWS's guide shows it: its counts, and why it ended.
fn whole_answers() -> Vec<(&'static str, Value, Usage, Option<StopReason>)> {
    let openai = |words: Value, reason: &str| {
        let message = json!({"role": "assistant", "content": "hi"});
        json!({"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": words})
    };
    let plain = json!({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7});
    let cached = json!({"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 7}});
    let (end, most) = (Some(StopReason::EndTurn), Some(StopReason::MaxTokens));
    vec![
        (
            "Claude",
            json!({"type": "message", "content": [{"type": "text", "text": "hi"}], "stop_reason": "max_tokens",
                "usage": {"input_tokens": 3, "cache_read_input_tokens": 5, "output_tokens": 4}}),
            Usage { cache_read_tokens: 5, ..tokens(3, 4) },
            most,
        ),
        (
            "Nova",
            json!({"output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}}, "stopReason": "end_turn",
                "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 12, "cacheReadInputTokenCount": 5,
                    "cacheWriteInputTokenCount": 0}}),
            Usage { cache_read_tokens: 5, ..tokens(3, 4) },
            end,
        ),
        (
            "Llama",
            json!({"generation": "x", "prompt_token_count": 3, "generation_token_count": 4, "stop_reason": "length"}),
            tokens(3, 4),
            most,
        ),
        ("Mistral", openai(plain.clone(), "stop"), tokens(3, 4), end),
        ("DeepSeek", openai(plain.clone(), "length"), tokens(3, 4), most),
        ("AI21 Jamba", openai(plain.clone(), "stop"), tokens(3, 4), end),
        (
            "gpt-oss",
            openai(cached, "tool_calls"),
            Usage { cache_read_tokens: 7, ..tokens(3, 4) },
            Some(StopReason::ToolUse),
        ),
        ("Writer Palmyra", openai(plain.clone(), "stop"), tokens(3, 4), end),
        ("Qwen", openai(plain, "content_filter"), tokens(3, 4), Some(StopReason::ContentFilter)),
    ]
}

/// Those of Cohere and Titan, which count in ways of their own.
fn other_whole_answers() -> Vec<(&'static str, Value, Usage, Option<StopReason>)> {
    let end = Some(StopReason::EndTurn);
    vec![
        (
            "Cohere Command",
            json!({"response_id": "x", "text": "hi", "chat_history": [{"role": "USER", "message": "hi"}],
                "meta": {"billed_units": {"input_tokens": 3, "output_tokens": 4}}, "finish_reason": "COMPLETE"}),
            tokens(3, 4),
            end,
        ),
        (
            "Titan text",
            json!({"inputTextTokenCount": 3, "results": [{"tokenCount": 4, "outputText": "hi", "completionReason": "FINISH"}]}),
            tokens(3, 4),
            end,
        ),
        (
            "Titan embeddings",
            json!({"embedding": [0.1], "embeddingsByType": {"float": [0.1]}, "inputTextTokenCount": 3}),
            tokens(3, 0),
            None,
        ),
        (
            "Cohere embeddings",
            json!({"id": "x", "embeddings": {"float": [[0.1]]}, "response_type": "embeddings_by_type",
                "meta": {"billed_units": {"input_tokens": 3}}}),
            tokens(3, 0),
            None,
        ),
        ("Nova Canvas", json!({"images": ["x", "y"], "error": null}), Usage { images: 2, ..Usage::default() }, None),
        (
            "Stability",
            json!({"seeds": [7], "finish_reasons": [null], "images": ["x"]}),
            Usage { images: 1, ..Usage::default() },
            None,
        ),
        (
            "Stability of old",
            json!({"result": "success", "artifacts": [{"seed": 7, "base64": "x", "finishReason": "SUCCESS"}]}),
            Usage { images: 1, ..Usage::default() },
            None,
        ),
    ]
}

/// These count in the answer's headers, if anywhere. What is estimated without them must not come from the size of
/// vectors and pictures.
#[test]
fn whole_answers_without_counts_are_silent() {
    for (family, body, is_text) in [
        ("Nova embeddings", json!({"embeddings": [{"embeddingType": "TEXT", "embedding": [0.1, 0.2]}]}), false),
        ("Cohere embeddings", json!({"id": "x", "embeddings": [[0.1]], "response_type": "embeddings_floats"}), false),
        ("Cohere rerank", json!({"results": [{"index": 0, "relevance_score": 0.9}]}), false),
        ("TwelveLabs Marengo", json!({"data": [{"embedding": [0.1], "embeddingOption": "text"}]}), false),
        ("TwelveLabs Pegasus", json!({"message": "hi", "finishReason": "stop"}), true),
        ("DeepSeek R1", json!({"choices": [{"text": "hi", "stop_reason": "stop"}]}), true),
        ("Mistral of old", json!({"outputs": [{"text": "hi", "stop_reason": "stop"}]}), true),
        ("Cohere Command", json!({"generations": [{"finish_reason": "COMPLETE", "text": "hi"}]}), true),
    ] {
        let summary = BedrockInvoke.read_summary(body.to_string().as_bytes());
        assert!(!summary.usage_seen && summary.complete, "{family}");
        assert_eq!(summary.content_bytes > 0, is_text, "{family}");
        assert_eq!(summary.stop.is_some(), is_text, "{family}");
    }
}

/// Bedrock's own counts in the last chunk.
fn with_metrics(mut event: Value) -> Value {
    event["amazon-bedrock-invocationMetrics"] =
        json!({"inputTokenCount": 3, "outputTokenCount": 4, "invocationLatency": 9, "firstByteLatency": 2});
    event
}

/// The chunks of each family. All but the last are what a caller may have seen when it leaves.
fn streams_of_families() -> Vec<(&'static str, Vec<Value>)> {
    let delta =
        |delta: Value, reason: Value| json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
    vec![
        (
            "Nova",
            vec![
                json!({"messageStart": {"role": "assistant"}}),
                json!({"contentBlockDelta": {"delta": {"text": "hi"}, "contentBlockIndex": 0}}),
                json!({"messageStop": {"stopReason": "end_turn"}}),
                with_metrics(
                    json!({"metadata": {"usage": {"inputTokens": 3, "outputTokens": 4}, "metrics": {}, "trace": {}}}),
                ),
            ],
        ),
        (
            "Llama",
            vec![
                json!({"generation": "h", "prompt_token_count": 3, "generation_token_count": 1, "stop_reason": null}),
                json!({"generation": "i", "prompt_token_count": null, "generation_token_count": 3, "stop_reason": null}),
                with_metrics(
                    json!({"generation": "", "prompt_token_count": null, "generation_token_count": 4, "stop_reason": "stop"}),
                ),
            ],
        ),
        (
            "Mistral, gpt-oss, Qwen, DeepSeek",
            vec![
                delta(json!({"role": "assistant", "content": "hi"}), Value::Null),
                with_metrics(delta(json!({"content": ""}), json!("stop"))),
            ],
        ),
        (
            "AI21 Jamba",
            vec![
                delta(json!({"content": "hi"}), Value::Null),
                delta(json!({"content": ""}), json!("stop")),
                with_metrics(
                    json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}),
                ),
            ],
        ),
    ]
}

/// The same of older models.
fn streams_of_older_families() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        (
            "Mistral of old",
            vec![
                json!({"outputs": [{"text": "hi", "stop_reason": null}]}),
                with_metrics(json!({"outputs": [{"text": "", "stop_reason": "stop"}]})),
            ],
        ),
        (
            "Cohere Command",
            vec![
                json!({"is_finished": false, "event_type": "text-generation", "text": "hi"}),
                with_metrics(json!({"is_finished": true, "event_type": "stream-end", "finish_reason": "COMPLETE"})),
            ],
        ),
        (
            "Cohere's events",
            vec![
                json!({"type": "message-start", "id": "x"}),
                json!({"type": "content-delta", "delta": {"message": {"content": {"text": "amazon-bedrock-invocationMetrics"}}}}),
                with_metrics(json!({"type": "message-end", "stop_reason": "stop"})),
            ],
        ),
        (
            "Titan text",
            vec![
                json!({"outputText": "hi", "index": 0, "totalOutputTextTokenCount": null, "completionReason": null,
                    "inputTextTokenCount": 3}),
                json!({"outputText": "", "index": 0, "completionReason": "FINISH", "inputTextTokenCount": 3,
                    "totalOutputTextTokenCount": 4}),
            ],
        ),
    ]
}

#[test]
fn streams_of_other_families_are_counted() {
    for (family, events) in streams_of_families().into_iter().chain(streams_of_older_families()) {
        let mut tap = BedrockInvoke.tap(false);
        let last = events.len() - 1;
        tap.pass(chunks(&events[..last]), &mut Vec::new());
        assert!(!tap.summary().complete, "{family}");
        tap.pass(chunks(&events[last..]), &mut Vec::new());
        tap.close(&mut Vec::new());
        let summary = tap.summary();
        assert_eq!((summary.usage, summary.stop), (tokens(3, 4), Some(StopReason::EndTurn)), "{family}");
        assert!(summary.complete && summary.usage_final && summary.content_bytes > 0, "{family}");
    }
}

#[test]
fn counts_of_a_stream_that_goes_on_are_not_final() {
    for (family, events) in streams_of_families().into_iter().chain(streams_of_older_families()) {
        let mut tap = BedrockInvoke.tap(false);
        tap.pass(chunks(&events[..1]), &mut Vec::new());
        let summary = tap.summary();
        assert!(!summary.usage_final, "{family}: {:?}", summary.usage);
    }
}

#[test]
fn a_familys_own_counts_win_over_bedrocks() {
    let metrics = json!({"inputTokenCount": 30, "outputTokenCount": 40, "cacheReadInputTokenCount": 50});
    let all = json!({"choices": [{"finish_reason": "stop"}], "usage": {"prompt_tokens": 10, "completion_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 7}}});
    let input = json!({"outputText": "hi", "inputTextTokenCount": 3});
    for (event, usage) in [
        (all, Usage { cache_read_tokens: 7, ..tokens(3, 4) }),
        (input, tokens(3, 40)),
        (json!({"generation": "hi"}), Usage { cache_read_tokens: 50, ..tokens(30, 40) }),
    ] {
        let last = json!({"amazon-bedrock-invocationMetrics": metrics});
        let mut tap = BedrockInvoke.tap(false);
        tap.pass(chunks(&[event.clone(), last]), &mut Vec::new());
        assert_eq!(tap.summary().usage, usage, "{event}");
        assert!(tap.summary().usage_final, "{event}");
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

    // The start has said what went in; nothing says what came out but Bedrock.
    let start = json!({"type": "message_start", "message": {"usage": {"input_tokens": 2, "output_tokens": 1}}});
    let mut tap = BedrockInvoke.tap(false);
    tap.pass(chunks(&[start, events[1].clone()]), &mut Vec::new());
    assert_eq!(tap.summary().usage, tokens(2, 4));
    assert!(tap.summary().usage_final);
}

#[test]
fn headers_count_where_a_body_does_not() {
    let mut headers = HeaderMap::new();
    assert_eq!(usage_from_headers(&headers), None);
    headers.insert("X-Amzn-Bedrock-Input-Token-Count", "7".parse().unwrap());
    let report = usage_from_headers(&headers).unwrap();
    assert_eq!((report.input_tokens, report.output_tokens), (Some(7), None));
}
