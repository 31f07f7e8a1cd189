//! Answers whose text comes in several blocks, as Claude cuts it where it cites: nothing passes that is split over them.

use crate::guarded::{house, rule};
use crate::recorder::Recorder;
use crate::speak::{MANNERS, Manner, ask, hear};
use crate::wire::Answer;
use crate::world::{Setup, World};
use bytes::BytesMut;
use serde_json::{Value, json};
use tg_dialect::framing::eventstream::write_event;
use tg_dialect::framing::sse;
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::{Verdict, Way};
use tg_policy::guard::{Action, Check, On, Pii, Rule, Style};

const DIALECTS: [Dialect; 2] = [Dialect::AnthropicMessages, Dialect::BedrockConverse];

/// What a model says in blocks; `None`: it calls a tool.
type Blocks<'b> = &'b [Option<&'b str>];

fn citation() -> Value {
    json!({"type": "char_location", "cited_text": "birds of the lake", "document_index": 0, "document_title": "Birds",
        "start_char_index": 0, "end_char_index": 17})
}

/// A whole answer of Claude's, or of Converse.
fn whole(dialect: Dialect, blocks: Blocks<'_>) -> Vec<u8> {
    let usage = json!({"input_tokens": 5, "output_tokens": 9});
    let body = match dialect {
        Dialect::AnthropicMessages => {
            let block = |text: &Option<&str>| match text {
                Some(text) => json!({"type": "text", "text": text, "citations": [citation()]}),
                None => json!({"type": "tool_use", "id": "toolu_1", "name": "pay", "input": {}}),
            };
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                "stop_sequence": null, "content": blocks.iter().map(block).collect::<Vec<_>>(), "usage": usage})
        }
        _ => {
            let block = |text: &Option<&str>| match text {
                Some(text) => json!({ "text": text }),
                None => json!({"toolUse": {"toolUseId": "t1", "name": "pay", "input": {}}}),
            };
            let message = json!({"role": "assistant", "content": blocks.iter().map(block).collect::<Vec<_>>()});
            json!({"output": {"message": message}, "stopReason": "end_turn", "metrics": {"latencyMs": 3},
                "usage": {"inputTokens": 5, "outputTokens": 9, "totalTokens": 14}})
        }
    };
    body.to_string().into_bytes()
}

/// The events of a stream of Claude's, a character at a time.
fn messages(blocks: Blocks<'_>) -> Vec<Value> {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 5, "output_tokens": 1}});
    let mut events = vec![json!({"type": "message_start", "message": message})];
    for (index, block) in blocks.iter().enumerate() {
        let begun = match block {
            Some(_) => json!({"type": "text", "text": ""}),
            None => json!({"type": "tool_use", "id": "toolu_1", "name": "pay", "input": {}}),
        };
        events.push(json!({"type": "content_block_start", "index": index, "content_block": begun}));
        let mut put = |delta: Value| {
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        };
        if block.is_some() {
            put(json!({"type": "citations_delta", "citation": citation()}));
        }
        let letters = block.unwrap_or_default().chars();
        letters.for_each(|c| put(json!({"type": "text_delta", "text": c.to_string()})));
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    let delta = json!({"stop_reason": "end_turn", "stop_sequence": null});
    events.push(json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 9}}));
    events.push(json!({"type": "message_stop"}));
    events
}

/// The same of Converse.
fn converse(blocks: Blocks<'_>) -> Vec<(&'static str, Value)> {
    let mut events = vec![("messageStart", json!({"role": "assistant"}))];
    for (index, block) in blocks.iter().enumerate() {
        if block.is_none() {
            let start = json!({"toolUse": {"toolUseId": "t1", "name": "pay"}});
            events.push(("contentBlockStart", json!({"contentBlockIndex": index, "start": start})));
            let delta = json!({"toolUse": {"input": "{}"}});
            events.push(("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta})));
        }
        for c in block.unwrap_or_default().chars() {
            let delta = json!({"text": c.to_string()});
            events.push(("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta})));
        }
        events.push(("contentBlockStop", json!({ "contentBlockIndex": index })));
    }
    events.push(("messageStop", json!({"stopReason": "end_turn"})));
    let usage = json!({"inputTokens": 5, "outputTokens": 9, "totalTokens": 14});
    events.push(("metadata", json!({"usage": usage, "metrics": {"latencyMs": 3}})));
    events
}

/// A stream, an event at a time.
fn pieces(dialect: Dialect, blocks: Blocks<'_>) -> Vec<Vec<u8>> {
    let written = |write: &dyn Fn(&mut BytesMut)| {
        let mut out = BytesMut::new();
        write(&mut out);
        out.to_vec()
    };
    match dialect {
        Dialect::AnthropicMessages => {
            let events = messages(blocks).into_iter();
            let write = |event: &Value, out: &mut BytesMut| {
                sse::write_event(event["type"].as_str(), event.to_string().as_bytes(), out);
            };
            events.map(|event| written(&|out| write(&event, out))).collect()
        }
        _ => {
            let events = converse(blocks).into_iter();
            events.map(|(kind, event)| written(&|out| write_event(kind, event.to_string().as_bytes(), out))).collect()
        }
    }
}

/// What a caller is answered where the model says this.
fn answered(dialect: Dialect, manner: Manner, blocks: Blocks<'_>, rule: &Rule) -> (Answer, Option<Verdict>) {
    let recorder = match (manner, dialect) {
        (Manner::Plain, _) => Recorder::whole("application/json", "", &whole(dialect, blocks)),
        (_, Dialect::AnthropicMessages) => Recorder::chunked("text/event-stream", &pieces(dialect, blocks)),
        _ => Recorder::chunked("application/vnd.amazon.eventstream", &pieces(dialect, blocks)),
    };
    let kind = match dialect {
        Dialect::AnthropicMessages => "anthropic",
        _ => "bedrock, region: us-east-1",
    };
    let providers =
        format!("- {{ name: rec, kind: {kind}, base_url: 'http://{}', api_key: 'env:SIM_KEY' }}\n", recorder.address);
    let models = "- { name: rec, targets: [{ provider: rec, model: anthropic.claude-haiku }] }\n".to_owned();
    let rule = Rule { on: Some(On::Output), ..rule.clone() };
    let world = World::with(Setup { providers, models, guards: vec![house(vec![rule])], ..Setup::default() });
    let answer = world.send(&ask(dialect, manner, "rec", "hello"));
    assert_eq!(answer.status, 200, "{dialect:?} {manner:?}: {}", answer.text());
    let guarded = world.row(&answer).guarded;
    assert!(guarded.iter().flat_map(|guarded| &guarded.hits).all(|hit| hit.way == Way::Output));
    (answer, guarded.map(|guarded| guarded.verdict))
}

/// The text that a caller reads, of all blocks.
fn read(dialect: Dialect, manner: Manner, answer: &Answer) -> String {
    hear(dialect, manner, answer).text
}

#[test]
fn words_that_are_split_over_blocks_do_not_leave() {
    let words = Check::Words { list: vec!["project heron".into()], fuzzy: 0 };
    let rule = rule("names", words, Action::Block);
    for dialect in DIALECTS {
        for manner in MANNERS {
            let place = format!("{dialect:?} {manner:?}");
            let blocks = [Some("It is about project"), Some(" heron"), Some(", I think.")];
            let (answer, verdict) = answered(dialect, manner, &blocks, &rule);
            let text = read(dialect, manner, &answer);
            assert_eq!(verdict, Some(Verdict::Blocked), "{place}: {}", answer.text());
            assert!(!text.contains("project") && !text.contains("heron"), "{place}: {text}");

            // A call of a tool stands between: these are two texts.
            let apart = [Some("It is about project"), None, Some(" heron")];
            let (answer, verdict) = answered(dialect, manner, &apart, &rule);
            assert_eq!(verdict, Some(Verdict::Passed), "{place}: {}", answer.text());
            assert_eq!(read(dialect, manner, &answer), "It is about project heron", "{place}");
        }
    }
}

#[test]
fn a_value_that_is_split_over_blocks_is_taken_out_of_each() {
    let rule = rule("accounts", Check::Pii(Pii::Structured), Action::Redact(Style::Mask));
    for dialect in DIALECTS {
        for manner in MANNERS {
            let place = format!("{dialect:?} {manner:?}");
            let blocks = [Some("Pay to DE89 3704 0044"), Some(" 0532 0130 00"), Some(" today.")];
            let (answer, verdict) = answered(dialect, manner, &blocks, &rule);
            let text = read(dialect, manner, &answer);
            assert_eq!(verdict, Some(Verdict::Changed), "{place}: {}", answer.text());
            assert_eq!(text, "Pay to **** today.", "{place}: {}", answer.text());
        }
    }
}
