//! What is answered, and what the books say about it.

use super::wire_client::{Bench, CHAT, CONVERSE, CONVERSE_STREAM, INVOKE, MESSAGES, RESPONSES, saying, set, streaming};
use crate::{Counts, Ending, Operation, Personality};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

const WAYS: [(Personality, &str, &str, Operation); 6] = [
    (Personality::Bedrock, CONVERSE, "/output/message/content/0/text", Operation::Converse),
    (Personality::Bedrock, INVOKE, "/content/0/text", Operation::Invoke),
    (Personality::Anthropic, MESSAGES, "/content/0/text", Operation::Messages),
    (Personality::Openai, CHAT, "/choices/0/message/content", Operation::ChatCompletions),
    (Personality::Openai, RESPONSES, "/output/0/content/0/text", Operation::Responses),
    (Personality::Compatible, CHAT, "/choices/0/message/content", Operation::ChatCompletions),
];

#[tokio::test]
async fn every_way_echoes_and_counts_alike() {
    let bench = Bench::start();
    for (personality, path, pointer, operation) in WAYS {
        let answered = bench.send(personality, path, &saying(path, "hi [[sim: tokens=3]]")).await.expect("an answer");
        assert_eq!(answered.status, 200, "{path}: {}", answered.text());
        assert_eq!(answered.json().pointer(pointer), Some(&json!("echo: hi ech")), "{path}");
        let entry = bench.sim.books.last().expect("an entry");
        assert_eq!((entry.personality, entry.operation, entry.ending), (personality, operation, Ending::Complete));
        assert_eq!(entry.counts, Counts { input: 5, output: 3, ..Counts::default() }, "{path}");
        assert_eq!(entry.gateway_request_id.as_deref(), Some("gw-1"));
        let detail = entry.detail.expect("a detail");
        assert!(detail.body.contains("hi [[sim"), "{path}");
        assert!(detail.headers.iter().all(|(name, _)| name != "authorization"), "{path}");
    }
}

#[tokio::test]
async fn a_torn_stream_is_the_same_stream() {
    let bench = Bench::start();
    for (personality, path) in [
        (Personality::Bedrock, CONVERSE_STREAM),
        (Personality::Anthropic, MESSAGES),
        (Personality::Openai, CHAT),
        (Personality::Openai, RESPONSES),
    ] {
        let whole = bench.send(personality, path, &streaming(path, "hi [[sim: tokens=9 chunk=2]]")).await;
        let torn = bench.send(personality, path, &streaming(path, "hi [[sim: tokens=9 chunk=2 tear]]")).await;
        let (whole, torn) = (whole.expect("a stream"), torn.expect("a stream"));
        // Ids, lengths of padding and input counts differ between calls; sizes may only differ by what those take.
        let deltas = |answered: &super::wire_client::Answered| answered.text().matches("delta").count();
        assert_eq!(deltas(&whole), deltas(&torn), "{path}");
        assert_eq!(whole.headers["content-type"], torn.headers["content-type"]);
        assert!(whole.headers.get("content-length").is_none(), "{path}");
    }
}

#[tokio::test]
async fn an_answer_has_the_blocks_that_its_script_lists() {
    let bench = Bench::start();
    let answer = async |personality, path, body: &Value| bench.send(personality, path, body).await.expect("an answer");
    let script = "[[sim: row=one+two|think:hm|three|refuse:no]]";
    let message = answer(Personality::Anthropic, MESSAGES, &saying(MESSAGES, script)).await.json();
    let texts = message["content"].as_array().map(|blocks| blocks.iter().map(|block| block["type"].clone()).collect());
    assert_eq!(texts, Some(vec![json!("text"), json!("thinking"), json!("text"), json!("text")]), "{message}");
    assert_eq!(message["content"][0]["text"], "one two");
    let whole = answer(Personality::Compatible, CHAT, &saying(CHAT, script)).await.json();
    let said = json!({ "role": "assistant", "content": "one twothree", "refusal": "no", "reasoning_content": "hm" });
    assert_eq!(whole["choices"][0]["message"], said);
    let streamed = answer(Personality::Openai, CHAT, &streaming(CHAT, script)).await.text();
    let at = |word: &str| streamed.find(word).unwrap_or_else(|| panic!("{word}: {streamed}"));
    assert!(at("two") < at("thre") && at("thre") < at(r#""refusal":"no""#));
    let response = answer(Personality::Openai, RESPONSES, &saying(RESPONSES, script)).await.json();
    assert_eq!(response["output"][3]["content"], json!([{ "type": "refusal", "refusal": "no" }]));
}

#[tokio::test]
async fn cached_prefixes_are_written_then_read() {
    let bench = Bench::start();
    let rules = "a rule ".repeat(400);
    let mut body = saying(MESSAGES, "hi");
    body["system"] = json!([{ "type": "text", "text": rules, "cache_control": { "type": "ephemeral", "ttl": "1h" } }]);
    for expected in [
        Counts { input: 1, cache_write_1h: 700, output: 30, ..Counts::default() },
        Counts { input: 1, cache_read: 700, output: 30, ..Counts::default() },
    ] {
        bench.send(Personality::Anthropic, MESSAGES, &body).await.expect("an answer");
        assert_eq!(bench.sim.books.last().expect("an entry").counts, expected);
    }
    bench.sim.books.reset();
    assert!(bench.sim.books.entries().is_empty());
    bench.send(Personality::Anthropic, MESSAGES, &body).await.expect("an answer");
    assert_eq!(bench.sim.books.last().expect("an entry").counts.cache_write_1h, 700);
}

#[tokio::test]
async fn added_counts_reach_the_wire_and_the_books() {
    let bench = Bench::start();
    let body = saying(CONVERSE, "[[sim: cache_read=7 cache_write=5 cache_write_1h=3 tokens=2]] x");
    let usage = bench.send(Personality::Bedrock, CONVERSE, &body).await.expect("an answer").json()["usage"].clone();
    assert_eq!(usage["cacheReadInputTokens"], 7);
    assert_eq!(usage["cacheWriteInputTokens"], 8);
    assert_eq!(usage["cacheDetails"], json!([{ "ttl": "1h", "inputTokens": 3 }, { "ttl": "5m", "inputTokens": 5 }]));
    let counts = bench.sim.books.last().expect("an entry").counts;
    assert_eq!((counts.cache_read, counts.cache_write_5m, counts.cache_write_1h), (7, 5, 3));
    assert_eq!(usage["totalTokens"], counts.input_total() + counts.output);
}

/// The types of the events of an SSE stream, one after the other.
fn event_types(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_prefix("event: ")).map(str::to_owned).collect()
}

#[tokio::test]
async fn streams_have_the_events_of_their_dialect() {
    let bench = Bench::start();
    let messages = streaming(MESSAGES, "hi [[sim: tokens=1 think]]");
    let text = bench.send(Personality::Anthropic, MESSAGES, &messages).await.expect("a stream").text();
    let types = event_types(&text);
    assert_eq!(types[..3], ["message_start", "ping", "content_block_start"]);
    assert_eq!(types[types.len() - 3..], ["content_block_stop", "message_delta", "message_stop"]);
    assert!(text.contains("signature_delta"));

    let mut chat = streaming(CHAT, "hi [[sim: tokens=1]]");
    let bare = bench.send(Personality::Openai, CHAT, &chat).await.expect("a stream").text();
    assert!(!bare.contains("\"usage\"") && bare.contains("\"obfuscation\"") && bare.ends_with("data: [DONE]\n\n"));
    chat["stream_options"] = json!({ "include_usage": true, "include_obfuscation": false });
    let metered = bench.send(Personality::Openai, CHAT, &chat).await.expect("a stream").text();
    assert!(metered.contains("\"usage\":null") && !metered.contains("obfuscation"));
    let last: Vec<&str> = metered.trim_end().lines().filter(|l| !l.is_empty()).rev().take(2).collect();
    let usage: Value = serde_json::from_str(last[1].trim_start_matches("data: ")).expect("the usage chunk");
    assert_eq!((&usage["choices"], &usage["usage"]["completion_tokens"]), (&json!([]), &json!(1)));

    let responses = streaming(RESPONSES, "hi [[sim: tokens=1]]");
    let types = event_types(&bench.send(Personality::Openai, RESPONSES, &responses).await.expect("a stream").text());
    assert_eq!(types[..3], ["response.created", "response.in_progress", "response.output_item.added"]);
    assert_eq!(types[types.len() - 1], "response.completed");
}

#[tokio::test]
async fn a_pause_comes_after_the_head() {
    let bench = Bench::start();
    let body = streaming(MESSAGES, "hi [[sim: tokens=2 pause=120ms delay=1ms]]");
    let start = std::time::Instant::now();
    let mut response = bench.open(Personality::Anthropic, MESSAGES, &body).await.expect("a head");
    let first = response.body_mut().frame().await.expect("a frame").expect("data").into_data().expect("data");
    assert!(first.starts_with(b"event: message_start"));
    let rest = response.into_body().collect().await.expect("the rest").to_bytes();
    assert!(start.elapsed() >= std::time::Duration::from_millis(120));
    assert!(String::from_utf8_lossy(&rest).contains("message_stop"));
    let chat = streaming(CHAT, "hi [[sim: no_done]]");
    assert!(!bench.send(Personality::Openai, CHAT, &chat).await.expect("a stream").text().contains("[DONE]"));
}

#[tokio::test]
async fn books_are_shown_over_http() {
    let bench = Bench::start();
    bench.send(Personality::Openai, CHAT, &set(saying(CHAT, "hi"), "/metadata", json!({ "team": "a" }))).await;
    let shown = bench.sim.books.to_json();
    assert_eq!(shown["totals"][0]["key"]["model"], "gpt-4.1");
    assert_eq!(shown["totals"][0]["counts"]["output"], 30);
    assert_eq!(shown["entries"][0]["detail"]["metadata"]["team"], "a");
    assert_eq!(bench.send(Personality::Openai, "/__sim/reset", &json!({})).await.expect("an answer").status, 200);
    assert_eq!(bench.sim.books.to_json()["entries"], json!([]));
}
