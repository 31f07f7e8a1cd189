//! Answers whose text comes in several blocks, as Claude cuts it where it cites: nothing passes that is split over them.

use crate::guarded::{house, rule};
use crate::outside::outside;
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

/// What a model does in blocks.
#[derive(Clone, Copy)]
enum Block<'b> {
    Says(&'b str),
    Calls,
    /// Nothing is shown of it.
    Thinks,
}

use Block::{Calls, Says, Thinks};

type Blocks<'b> = &'b [Block<'b>];

/// What stands where bytes are that nobody but a provider reads.
const SEALED: &str = "c2VhbGVkIHRob3VnaHRz";

fn citation() -> Value {
    json!({"type": "char_location", "cited_text": "birds of the lake", "document_index": 0, "document_title": "Birds",
        "start_char_index": 0, "end_char_index": 17})
}

/// A whole answer of Claude's, or of Converse.
fn whole(dialect: Dialect, blocks: Blocks<'_>) -> Vec<u8> {
    let usage = json!({"input_tokens": 5, "output_tokens": 9});
    let body = match dialect {
        Dialect::AnthropicMessages => {
            let block = |block: &Block<'_>| match block {
                Says(text) => json!({"type": "text", "text": text, "citations": [citation()]}),
                Calls => json!({"type": "tool_use", "id": "toolu_1", "name": "pay", "input": {}}),
                Thinks => json!({"type": "redacted_thinking", "data": SEALED}),
            };
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                "stop_sequence": null, "content": blocks.iter().map(block).collect::<Vec<_>>(), "usage": usage})
        }
        _ => {
            let block = |block: &Block<'_>| match block {
                Says(text) => json!({ "text": text }),
                Calls => json!({"toolUse": {"toolUseId": "t1", "name": "pay", "input": {}}}),
                Thinks => json!({"reasoningContent": {"redactedContent": SEALED}}),
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
            Says(_) => json!({"type": "text", "text": ""}),
            Calls => json!({"type": "tool_use", "id": "toolu_1", "name": "pay", "input": {}}),
            Thinks => json!({"type": "redacted_thinking", "data": SEALED}),
        };
        events.push(json!({"type": "content_block_start", "index": index, "content_block": begun}));
        let mut put = |delta: Value| {
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        };
        if let Says(text) = block {
            put(json!({"type": "citations_delta", "citation": citation()}));
            text.chars().for_each(|c| put(json!({"type": "text_delta", "text": c.to_string()})));
        }
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
        let deltas: Vec<Value> = match block {
            Says(text) => text.chars().map(|c| json!({"text": c.to_string()})).collect(),
            Calls => vec![json!({"toolUse": {"input": "{}"}})],
            Thinks => vec![json!({"reasoningContent": {"redactedContent": SEALED}})],
        };
        if let Calls = block {
            let start = json!({"toolUse": {"toolUseId": "t1", "name": "pay"}});
            events.push(("contentBlockStart", json!({"contentBlockIndex": index, "start": start})));
        }
        let delta = |delta: Value| ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta}));
        events.extend(deltas.into_iter().map(delta));
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
    let services = "- { name: hook, kind: webhook, url: 'HOOK_URL/check', secret: 'env:HOOK_SECRET' }\n".to_owned();
    let world = World::with(Setup { providers, models, services, guards: vec![house(vec![rule])], ..Setup::default() });
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
            let blocks = [Says("It is about project"), Says(" heron"), Says(", I think.")];
            let (answer, verdict) = answered(dialect, manner, &blocks, &rule);
            let text = read(dialect, manner, &answer);
            assert_eq!(verdict, Some(Verdict::Blocked), "{place}: {}", answer.text());
            assert!(!text.contains("project") && !text.contains("heron"), "{place}: {text}");

            // A call of a tool stands between, or a thought: these are two texts.
            for between in [Calls, Thinks] {
                let apart = [Says("It is about project"), between, Says(" heron")];
                let (answer, verdict) = answered(dialect, manner, &apart, &rule);
                assert_eq!(verdict, Some(Verdict::Passed), "{place}: {}", answer.text());
                assert_eq!(read(dialect, manner, &answer), "It is about project heron", "{place}");
            }
        }
    }
}

#[test]
fn a_value_that_is_split_over_blocks_is_taken_out_of_each() {
    let rule = rule("accounts", Check::Pii(Pii::Structured), Action::Redact(Style::Mask));
    for dialect in DIALECTS {
        for manner in MANNERS {
            let place = format!("{dialect:?} {manner:?}");
            let blocks = [Says("Pay to DE89 3704 0044"), Says(" 0532 0130 00"), Says(" today.")];
            let (answer, verdict) = answered(dialect, manner, &blocks, &rule);
            assert_eq!(verdict, Some(Verdict::Changed), "{place}: {}", answer.text());
            says_in_two_blocks(dialect, manner, &answer, ["Pay to ****", " today."]);
        }
    }
}

#[test]
fn what_a_service_takes_out_of_several_blocks_leaves_the_others_as_they_are() {
    let rule = outside("hook", Action::Redact(Style::Tag), On::Output);
    for dialect in DIALECTS {
        for manner in MANNERS {
            let blocks = [Says("It is said to mask"), Says("-me"), Says(", they say.")];
            let (answer, verdict) = answered(dialect, manner, &blocks, &rule);
            assert_eq!(verdict, Some(Verdict::Changed), "{dialect:?} {manner:?}: {}", answer.text());
            says_in_two_blocks(dialect, manner, &answer, ["It is said to [gone]", ", they say."]);
        }
    }
}

/// No block is left empty, which models do not take when they are told what they said: one between these two is gone, or says a
/// mark where it has begun.
fn says_in_two_blocks(dialect: Dialect, manner: Manner, answer: &Answer, said: [&str; 2]) {
    let place = format!("{dialect:?} {manner:?}: {}", answer.text());
    let text = read(dialect, manner, answer);
    if manner == Manner::Streamed {
        assert_eq!(text, said.join("\u{2026}"), "{place}");
        return;
    }
    let body = answer.json();
    let content = body.pointer("/content").or_else(|| body.pointer("/output/message/content")).unwrap();
    let blocks: Vec<&Value> = content.as_array().unwrap().iter().map(|block| &block["text"]).collect();
    assert_eq!(blocks, said, "{place}");
}
