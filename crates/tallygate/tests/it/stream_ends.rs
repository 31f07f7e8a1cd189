//! How a provider's answer ends, byte for byte: what the caller has in its hands, and what is booked.

use crate::recorder::Recorder;
use crate::speak::{Heard, Manner, ask, frames, hear};
use crate::wire::Answer;
use crate::world::{Setup, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use serde_json::{Value, json};
use std::time::Duration;
use tg_dialect::framing::eventstream::write_event;
use tg_kernel::dialect::Dialect;
use tg_kernel::record::{Ending, Record};
use tg_kernel::usage::UsageSource;

const SSE: &str = "text/event-stream";
const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// More than is held back of one frame.
const LARGE: usize = 300 << 10;

/// A recording provider as three: `at-openai`, `at-anthropic`, `at-bedrock`.
fn world(recorder: &Recorder, idle: &str, streams: &str) -> World {
    let at = recorder.address;
    let timeouts = format!("{{ first_byte: 15s, idle: {idle}, connect: 5s }}");
    let providers = format!(
        "- {{ name: at-openai, kind: openai, base_url: 'http://{at}/v1', api_key: 'env:SIM_KEY', timeouts: {timeouts} }}\n\
         - {{ name: at-anthropic, kind: anthropic, base_url: 'http://{at}', api_key: 'env:SIM_KEY', timeouts: {timeouts} }}\n\
         - {{ name: at-bedrock, kind: bedrock, region: us-east-1, base_url: 'http://{at}', api_key: 'env:SIM_KEY', \
           timeouts: {timeouts} }}\n"
    );
    let models = "- { name: at-openai, targets: [{ provider: at-openai }] }\n\
                  - { name: at-anthropic, targets: [{ provider: at-anthropic }] }\n\
                  - { name: at-bedrock, targets: [{ provider: at-bedrock, model: 'anthropic.there:1' }] }\n"
        .to_owned();
    World::with(Setup { providers, models, streams: streams.to_owned(), ..Setup::default() })
}

fn asked(world: &World, dialect: Dialect, manner: Manner, model: &str) -> (Answer, Record) {
    let answer = world.send(&ask(dialect, manner, model, "hi"));
    let row = world.row(&answer);
    (answer, row)
}

fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// Claude's events of a whole answer.
fn claude() -> Vec<Value> {
    vec![
        json!({"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi."}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ]
}

fn frame(name: &str, payload: &Value) -> Vec<u8> {
    let mut out = BytesMut::new();
    write_event(name, payload.to_string().as_bytes(), &mut out);
    out.to_vec()
}

fn converse() -> Vec<Vec<u8>> {
    vec![
        frame("messageStart", &json!({"role": "assistant"})),
        frame("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"text": "Hi."}})),
        frame("contentBlockStop", &json!({"contentBlockIndex": 0})),
        frame("messageStop", &json!({"stopReason": "end_turn"})),
        frame("metadata", &json!({"usage": {"inputTokens": 3, "outputTokens": 5, "totalTokens": 8}})),
    ]
}

/// A whole stream in the provider's own frames.
fn whole(dialect: Dialect) -> Vec<Vec<u8>> {
    let texts: Vec<String> = match dialect {
        Dialect::OpenaiChat => {
            let usage = json!({"prompt_tokens": 3, "completion_tokens": 5});
            [
                json!({"choices": [{"index": 0, "delta": {"content": "Hi."}, "finish_reason": null}]}),
                json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
                json!({"choices": [], "usage": usage}),
            ]
            .iter()
            .map(|chunk| format!("data: {chunk}\n\n"))
            .chain(["data: [DONE]\n\n".to_owned()])
            .collect()
        }
        Dialect::OpenaiResponses => {
            let response = json!({"object": "response", "status": "completed", "output": [],
                "usage": {"input_tokens": 3, "output_tokens": 5}});
            [
                json!({"type": "response.output_text.delta", "output_index": 0, "delta": "Hi."}),
                json!({"type": "response.completed", "response": response}),
            ]
            .iter()
            .map(|data| event(data["type"].as_str().unwrap(), data))
            .collect()
        }
        Dialect::BedrockConverse => return converse(),
        Dialect::BedrockInvoke => {
            let chunk = |data: &Value| frame("chunk", &json!({"bytes": STANDARD.encode(data.to_string())}));
            return claude().iter().map(chunk).collect();
        }
        _ => claude().iter().map(|data| event(data["type"].as_str().unwrap(), data)).collect(),
    };
    texts.into_iter().map(String::into_bytes).collect()
}

/// Where a dialect is relayed, and the content type of its streams.
const RELAYED: [(Dialect, &str, &str); 5] = [
    (Dialect::OpenaiChat, "at-openai", SSE),
    (Dialect::OpenaiResponses, "at-openai", SSE),
    (Dialect::AnthropicMessages, "at-anthropic", SSE),
    (Dialect::BedrockConverse, "at-bedrock", EVENT_STREAM),
    (Dialect::BedrockInvoke, "at-bedrock", EVENT_STREAM),
];

fn heard(dialect: Dialect, answer: &Answer) -> Heard {
    hear(dialect, Manner::Streamed, answer)
}

#[test]
fn a_response_goes_on_as_it_came_whatever_its_status() {
    let usage = json!({"input_tokens": 3, "output_tokens": 5});
    for (status, usage, ending, source) in [
        ("queued", Value::Null, Ending::Ok, UsageSource::Estimated),
        ("in_progress", Value::Null, Ending::Ok, UsageSource::Estimated),
        ("completed", usage.clone(), Ending::Ok, UsageSource::Reported),
        ("incomplete", usage.clone(), Ending::Ok, UsageSource::Reported),
        ("cancelled", Value::Null, Ending::ProviderError, UsageSource::Estimated),
        ("failed", usage, Ending::ProviderError, UsageSource::Reported),
    ] {
        let error = if status == "failed" { json!({"code": "server_error", "message": "x"}) } else { Value::Null };
        let body = json!({"id": "resp_1", "object": "response", "status": status, "error": error, "output": [],
            "usage": usage, "model": "m"});
        let body = format!(" {body}\n");
        let recorder = Recorder::whole("application/json", "", body.as_bytes());
        let world = world(&recorder, "15s", "{}");
        let (answer, row) = asked(&world, Dialect::OpenaiResponses, Manner::Plain, "at-openai");
        assert_eq!((answer.status, answer.text()), (200, body), "{status}");
        assert_eq!((row.ending, row.status, row.usage_source), (ending, 200, source), "{status}");
        assert_eq!(row.fault.as_deref(), (ending != Ending::Ok).then_some("upstream_error"), "{status}");
        assert_eq!(answer.header("x-tallygate-error-code"), row.fault.as_deref().unwrap_or_default(), "{status}");
        assert!(row.usage.input_tokens > 0, "{status}");
    }
}

#[test]
fn an_error_event_reaches_the_caller_whole_and_once() {
    for (dialect, model, error) in [
        (Dialect::OpenaiChat, "at-openai", r#"data: {"error":{"message":"theirs","type":"server_error"}}"#),
        (Dialect::OpenaiResponses, "at-openai", "event: error\ndata: {\"type\":\"error\",\"message\":\"theirs\"}"),
        (
            Dialect::AnthropicMessages,
            "at-anthropic",
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"theirs\"}}",
        ),
    ] {
        let begun = whole(dialect)[0].clone();
        // Whole; without its blank line; without the end of its line; torn.
        for (end, is_theirs) in [("\n\n", true), ("\n", true), ("", true), ("TORN", false)] {
            let place = format!("{dialect:?} {end:?}");
            let said = if is_theirs { format!("{error}{end}") } else { error[..error.len() - 1].to_owned() };
            let recorder = Recorder::chunked(SSE, &[begun.clone(), said.into_bytes()]);
            let world = world(&recorder, "15s", "{}");
            let (answer, row) = asked(&world, dialect, Manner::Streamed, model);
            let text = answer.text();
            assert!(answer.body.starts_with(&begun), "{place}: {text}");
            assert_eq!(text.matches("theirs").count(), usize::from(is_theirs), "{place}: {text}");
            assert_eq!(text.contains(&format!("{error}\n\n")), is_theirs, "{place}: {text}");
            let heard = heard(dialect, &answer);
            assert!(heard.error.is_some() && !heard.ended, "{place}: {text}");
            let code = if is_theirs { "upstream_error_event" } else { "upstream_truncated" };
            assert_eq!((row.ending, row.fault.as_deref()), (Ending::Truncated, Some(code)), "{place}");
        }
    }
}

#[test]
fn a_whole_answer_stays_whole_where_its_provider_does_not_hang_up() {
    for (dialect, model, content_type) in RELAYED {
        let body = whole(dialect).concat();
        let recorder = Recorder::holding(content_type, &body);
        let world = world(&recorder, "300ms", "{}");
        let (answer, row) = asked(&world, dialect, Manner::Streamed, model);
        assert!(answer.clean && answer.body == body, "{dialect:?}: {}", answer.text());
        assert_eq!((row.ending, row.fault.as_deref()), (Ending::Ok, None), "{dialect:?}");
        assert_eq!((row.usage.input_tokens, row.usage.output_tokens), (3, 5), "{dialect:?}");
        assert_eq!(row.usage_source, UsageSource::Reported, "{dialect:?}");
        // The same, translated or in another envelope.
        let others: &[Dialect] = match dialect {
            Dialect::OpenaiChat => &[Dialect::AnthropicMessages, Dialect::BedrockConverse, Dialect::BedrockInvoke],
            Dialect::AnthropicMessages => &[Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::BedrockInvoke],
            Dialect::BedrockConverse => &[Dialect::OpenaiChat, Dialect::OpenaiResponses],
            Dialect::BedrockInvoke => &[Dialect::AnthropicMessages],
            _ => &[],
        };
        for other in others {
            let (answer, row) = asked(&world, *other, Manner::Streamed, model);
            let heard = heard(*other, &answer);
            assert!(heard.ended && heard.error.is_none(), "{other:?} from {dialect:?}: {}", answer.text());
            assert_eq!((row.ending, row.usage.output_tokens), (Ending::Ok, 5), "{other:?} from {dialect:?}");
        }
    }
}

#[test]
fn a_stream_that_ends_inside_a_frame_does_not_end_cleanly() {
    for (dialect, model, content_type) in [RELAYED[3], RELAYED[4]] {
        let pieces = whole(dialect);
        let last = pieces.len() - 1;
        for keep in [20, pieces[last].len() - 1] {
            let sent = [pieces[..last].concat(), pieces[last][..keep].to_vec()];
            let recorder = Recorder::chunked(content_type, &sent);
            let world = world(&recorder, "15s", "{}");
            let (answer, row) = asked(&world, dialect, Manner::Streamed, model);
            assert!(answer.clean && answer.body.starts_with(&sent[0]), "{dialect:?} {keep}");
            let told = frames(&answer.body);
            assert_eq!((told.len(), told[last].0.as_str()), (last + 1, "exception"), "{dialect:?} {keep}");
            assert_eq!(row.ending, Ending::Truncated, "{dialect:?} {keep}");
        }
    }
}

#[test]
fn inside_a_large_frame_an_error_is_told_where_it_can_be_and_else_the_connection_breaks() {
    let filler = "x".repeat(LARGE);
    for (dialect, model, content_type) in RELAYED {
        let first = whole(dialect)[0].clone();
        let large = if content_type == SSE {
            format!("event: large\ndata: {{\"type\":\"large\",\"filler\":\"{filler}").into_bytes()
        } else {
            let large = frame("large", &json!({"filler": filler}));
            large[..large.len() - 1].to_vec()
        };
        let sent = [first, large].concat();
        let recorder = Recorder::chunked(content_type, std::slice::from_ref(&sent));
        let world = world(&recorder, "15s", "{}");
        let (answer, row) = asked(&world, dialect, Manner::Streamed, model);
        assert!(answer.body.starts_with(&sent), "{dialect:?}: what was whole and what was large goes on");
        let rest = &answer.body[sent.len()..];
        if content_type == SSE {
            assert!(answer.clean && rest.starts_with(b"\n\n"), "{dialect:?}");
            let after = Answer { body: rest.to_vec(), ..answer };
            assert!(heard(dialect, &after).error.is_some(), "{dialect:?}");
        } else {
            assert!(!answer.clean && rest.is_empty(), "{dialect:?}: a clean end inside a frame");
        }
        assert_eq!((row.ending, row.fault.as_deref()), (Ending::Truncated, Some("upstream_truncated")), "{dialect:?}");
    }
}

#[test]
fn nothing_is_said_inside_a_large_frame_while_its_provider_is_silent() {
    let large =
        format!("event: response.created\ndata: {{\"type\":\"response.created\",\"filler\":\"{}", "x".repeat(LARGE));
    let recorder = Recorder::holding(SSE, large.as_bytes());
    let world = world(&recorder, "1500ms", "{ keepalive: 1s }");
    let (answer, row) = asked(&world, Dialect::OpenaiResponses, Manner::Streamed, "at-openai");
    let text = answer.text();
    let (_, after) = text.split_once(&large).unwrap();
    assert!(after.starts_with("\n\nevent: error\n"), "{after}");
    assert_eq!(row.fault.as_deref(), Some("idle_timeout"));
}

#[test]
fn a_stream_that_cannot_be_carried_on_ends_at_once() {
    let claude = whole(Dialect::BedrockInvoke);
    let garbage = [claude[..3].concat(), vec![b'x'; 100]].concat();
    let unread = [whole(Dialect::AnthropicMessages)[..3].concat(), b"data: no JSON\n\n".to_vec()].concat();
    for (dialect, model, content_type, body) in [
        (Dialect::AnthropicMessages, "at-bedrock", EVENT_STREAM, garbage),
        (Dialect::BedrockInvoke, "at-anthropic", SSE, unread),
    ] {
        // The provider stays on the line: nothing but the gateway ends this.
        let recorder = Recorder::holding(content_type, &body);
        let world = world(&recorder, "15m", "{}");
        let (answer, row) = asked(&world, dialect, Manner::Streamed, model);
        let heard = heard(dialect, &answer);
        assert_eq!((heard.text.as_str(), heard.ended), ("Hi.", false), "{dialect:?}");
        assert!(heard.error.is_some(), "{dialect:?}: {}", answer.text());
        assert_eq!((row.ending, row.fault.as_deref()), (Ending::Truncated, Some("upstream_garbage")), "{dialect:?}");
    }
}

#[test]
fn a_drain_that_the_gateway_does_not_outlive_settles_with_what_was_seen() {
    let begun = whole(Dialect::AnthropicMessages)[..3].concat();
    let recorder = Recorder::holding(SSE, &begun);
    let mut world = world(&recorder, "15m", "{ on_disconnect: { drain: { time_max: 15m, bytes_max: 1MiB } } }");
    let call = world.keyed(&ask(Dialect::AnthropicMessages, Manner::Streamed, "at-anthropic", "hi"));
    let mut exchange = call.open(world.address);
    let mut got = Vec::new();
    while got.len() < begun.len() {
        got.extend(exchange.piece().unwrap());
    }
    exchange.leave();
    world.drain(Duration::ZERO);
    let rows = world.rows();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.ending, row.usage_source), (Ending::ClientGone, UsageSource::Estimated));
    // Three as reported, not an estimate by the body's size; and the text that came.
    assert_eq!((row.usage.input_tokens, row.usage.output_tokens), (3, 1));
}
