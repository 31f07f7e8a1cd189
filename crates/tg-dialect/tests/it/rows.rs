//! Texts of an answer that were cut into blocks: one text, in the whole answer and in every frame of a stream.

use crate::gates::{Watch, chopped, finds, gated, heard};
use crate::speakers::{SPEAKERS, Speaker, reply_facts};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tg_dialect::gate::{Gate, Passing};
use tg_dialect::passages::{Edits, Passages};
use tg_kernel::chat::{Stop, StopReason};
use tg_kernel::dialect::Dialect;
use tg_kernel::event::{Delta, Event, PartKind};

/// What an answer consists of.
#[derive(Clone, Debug)]
enum Block {
    Text(Vec<String>),
    Call,
    /// A thought of which nothing is shown: its bytes are sealed, or only its signature is there.
    Sealed,
    Signed,
}

/// What stands where bytes are that nobody but a provider reads.
const SEALED: &str = "c2VhbGVkIHRob3VnaHRz";

/// What a block says of whose words nothing is left.
const MARK: &str = "\u{2026}";

impl Block {
    fn text(&self) -> Option<String> {
        match self {
            Self::Text(pieces) => Some(pieces.concat()),
            Self::Call | Self::Sealed | Self::Signed => None,
        }
    }
}

/// What is left of the texts of each block: what reaches over several stands in the first.
fn left(blocks: &[Block]) -> Vec<String> {
    let mut left = Vec::new();
    for row in blocks.split(|block| block.text().is_none()) {
        let texts: Vec<String> = row.iter().filter_map(Block::text).collect();
        let found = finds(&texts.concat());
        let mut begins = 0;
        for text in texts {
            let (mut out, mut at) = (String::new(), begins);
            let ends = begins + text.len();
            for change in found.iter().filter(|change| change.range.start < ends && change.range.end > begins) {
                if change.range.start >= begins {
                    out.push_str(&text[at - begins..change.range.start - begins]);
                    out.push_str(&change.text);
                }
                at = change.range.end.min(ends);
            }
            out.push_str(&text[at - begins..]);
            left.push(out);
            begins = ends;
        }
    }
    left
}

/// The same in a stream, where blocks stay that have nothing left to say.
fn left_in_a_stream(blocks: &[Block]) -> Vec<String> {
    let texts = blocks.iter().filter_map(Block::text);
    let is_blank = |text: &str| text.trim().is_empty();
    let marked = |(text, left): (String, String)| match is_blank(&left) && !is_blank(&text) {
        true => format!("{MARK}{left}"),
        false => left,
    };
    texts.zip(left(blocks)).map(marked).collect()
}

fn events(blocks: &[Block]) -> Vec<Event> {
    let mut events = vec![Event::Start { id: "a".into(), model: "m".into() }];
    for (index, block) in (0_u32..).zip(blocks) {
        let (kind, deltas) = match block {
            Block::Text(pieces) => (PartKind::Text, pieces.iter().cloned().map(Delta::Text).collect()),
            Block::Call => {
                let kind = PartKind::ToolUse { id: format!("call_{index}"), name: "pay".into() };
                (kind, vec![Delta::Arguments("{}".to_owned())])
            }
            Block::Sealed => (PartKind::Reasoning, vec![Delta::Redacted(SEALED.to_owned())]),
            Block::Signed => (PartKind::Reasoning, vec![Delta::Signature(SEALED.to_owned())]),
        };
        events.push(Event::PartStart { index, kind });
        events.extend(deltas.into_iter().map(|delta| Event::Delta { index, delta }));
        events.push(Event::PartStop { index });
    }
    events
}

fn streamed(speaker: &Speaker, blocks: &[Block]) -> Vec<u8> {
    let mut events = events(blocks);
    events.push(Event::Finish(Stop { reason: StopReason::EndTurn, sequence: None }));
    events.push(Event::End);
    speaker.write(&events, None).to_vec()
}

/// The same as a whole answer.
fn whole(dialect: Dialect, blocks: &[Block]) -> Value {
    let of = |block: &Block| match (dialect, block) {
        (Dialect::BedrockConverse, Block::Text(pieces)) if pieces.len() > 1 => {
            let content: Vec<Value> = pieces.iter().map(|piece| json!({ "text": piece })).collect();
            json!({"citationsContent": {"content": content, "citations": [{"title": "x"}]}})
        }
        (Dialect::BedrockConverse, Block::Text(pieces)) => json!({"text": pieces.concat()}),
        (Dialect::BedrockConverse, Block::Call) => json!({"toolUse": {"toolUseId": "t1", "name": "pay", "input": {}}}),
        (Dialect::BedrockConverse, Block::Sealed) => json!({"reasoningContent": {"redactedContent": SEALED}}),
        (Dialect::BedrockConverse, Block::Signed) => {
            json!({"reasoningContent": {"reasoningText": {"text": "", "signature": SEALED}}})
        }
        (Dialect::OpenaiResponses, Block::Text(pieces)) => {
            let part = json!({"type": "output_text", "text": pieces.concat(), "annotations": []});
            json!({"type": "message", "id": "msg_1", "role": "assistant", "content": [part]})
        }
        (Dialect::OpenaiResponses, Block::Call) => {
            json!({"type": "function_call", "id": "fc_1", "call_id": "c", "name": "pay", "arguments": "{}"})
        }
        (Dialect::OpenaiResponses, _) => {
            json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": SEALED})
        }
        (_, Block::Text(pieces)) => json!({"type": "text", "text": pieces.concat(), "citations": [{"type": "x"}]}),
        (_, Block::Call) => json!({"type": "tool_use", "id": "toolu_1", "name": "pay", "input": {}}),
        (_, Block::Sealed) => json!({"type": "redacted_thinking", "data": SEALED}),
        (_, Block::Signed) => json!({"type": "thinking", "thinking": "", "signature": SEALED}),
    };
    let all: Vec<Value> = blocks.iter().map(of).collect();
    match dialect {
        Dialect::BedrockConverse => json!({"output": {"message": {"role": "assistant", "content": all}}}),
        Dialect::OpenaiResponses => json!({"id": "resp_1", "object": "response", "output": all}),
        _ => json!({"id": "msg_1", "type": "message", "role": "assistant", "content": all}),
    }
}

/// Whether a block of text is empty. A signed thought may be.
fn has_empty_text(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let is_empty = members.get("text").is_some_and(|text| text == "") && !members.contains_key("signature");
            is_empty || members.values().any(has_empty_text)
        }
        Value::Array(items) => items.iter().any(has_empty_text),
        _ => false,
    }
}

/// What a check of a whole answer makes of it.
fn checked(answer: &Value) -> Value {
    let body = answer.to_string();
    let passages = Passages::of_answer(body.as_bytes()).unwrap();
    let said: Vec<_> = passages.texts.iter().filter(|passage| passage.row.is_some()).collect();
    let mut edits = Edits::default();
    for row in said.chunk_by(|one, next| one.row == next.row) {
        let block = |text: &str| Block::Text(vec![text.to_owned()]);
        let blocks: Vec<Block> = row.iter().map(|passage| block(&passage.text)).collect();
        for (passage, text) in row.iter().zip(left(&blocks)) {
            if passage.text != text {
                edits.say(passage, &text);
            }
        }
    }
    serde_json::from_slice(&edits.apply(body.as_bytes())).unwrap()
}

/// The data of the events of a stream of Responses.
fn data(stream: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(stream).into_owned();
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let piece = prop_oneof!["[0-9-]{1,5}", "[0-9]{4}-[0-9]{4}", "[ a-zé]{1,4}", "[0-9]{4}", "-"];
    let text = proptest::collection::vec(piece, 1..4).prop_map(Block::Text);
    let other = proptest::sample::select(vec![Block::Call, Block::Sealed, Block::Signed]);
    proptest::collection::vec(prop_oneof![5 => text, 1 => other], 1..8)
}

proptest! {
    #[test]
    fn blocks_that_follow_each_other_are_one_text_in_a_stream(
        blocks in blocks(),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let wanted = left_in_a_stream(&blocks);
        let is_said = |text: &String| !text.is_empty();
        for speaker in SPEAKERS.iter().filter(|speaker| speaker.dialect != Dialect::OpenaiChat) {
            let stream = streamed(speaker, &blocks);
            let out = gated(speaker, &chopped(&stream, &cuts), &mut Watch::default());
            let (parts, stop) = heard(speaker, &out);
            let said: Vec<String> = parts.into_values().filter(|text| text != "{}").filter(is_said).collect();
            let wanted: Vec<String> = wanted.iter().filter(|text| is_said(text)).cloned().collect();
            prop_assert_eq!(&said, &wanted, "{:?}", speaker.dialect);
            prop_assert!(stop.is_some());
            if speaker.dialect == Dialect::OpenaiResponses {
                // The events that say it again say the same.
                let events = data(&out);
                let again = |kind: &str, place: &str| {
                    let own = events.iter().filter(|event| event["type"] == kind);
                    let said = own.filter_map(|event| Some(event.pointer(place)?.as_str()?.to_owned()));
                    said.filter(is_said).collect::<Vec<_>>()
                };
                prop_assert_eq!(&again("response.output_text.done", "/text"), &wanted);
                prop_assert_eq!(&again("response.content_part.done", "/part/text"), &wanted);
                let last = events.last().unwrap()["response"].to_string();
                let last = Passages::of_answer(last.as_bytes()).unwrap();
                let all: Vec<&str> = last.texts.iter().filter(|text| text.row.is_some()).map(|text| &*text.text).collect();
                prop_assert_eq!(all, wanted.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }
    }
}

proptest! {
    #[test]
    fn a_whole_answer_says_what_its_stream_says_and_no_block_of_it_is_left_empty(blocks in blocks()) {
        for dialect in [Dialect::AnthropicMessages, Dialect::BedrockConverse, Dialect::OpenaiResponses] {
            let answer = whole(dialect, &blocks);
            let said = rows(&answer);
            let of_row = |row: u32| said.iter().filter(|(_, own)| *own == row).map(|(text, _)| text.as_str()).collect();
            let count = said.last().map_or(0, |(_, row)| *row);
            let own: Vec<String> = (1..=count).map(of_row).collect();
            let texts = |row: &[Block]| row.iter().filter_map(Block::text).collect::<String>();
            let wanted: Vec<String> =
                blocks.split(|block| block.text().is_none()).map(texts).filter(|text| !text.is_empty()).collect();
            prop_assert_eq!(own, wanted, "{:?}", dialect);

            let checked = checked(&answer);
            let out = rows(&checked);
            let all: String = out.iter().map(|(text, _)| text.as_str()).collect();
            prop_assert_eq!(all.replace(MARK, ""), left(&blocks).concat(), "{:?} {}", dialect, checked);
            let blank = |texts: &[(String, u32)]| texts.iter().filter(|(text, _)| text.trim().is_empty()).count();
            prop_assert!(blank(&out) <= blank(&said), "{:?} {}", dialect, checked);
            prop_assert!(!has_empty_text(&checked), "{:?} {}", dialect, checked);
            // Where nothing is taken out nothing goes.
            if finds(&said.iter().map(|(text, _)| text.as_str()).collect::<String>()).is_empty() {
                prop_assert_eq!(&checked, &answer);
            }
        }
    }
}

#[test]
fn the_end_of_a_text_waits_for_no_thought_of_which_nothing_is_shown() {
    let text = Block::Text(vec!["It is 1234-56".to_owned()]);
    for speaker in SPEAKERS.iter().filter(|speaker| speaker.dialect != Dialect::OpenaiChat) {
        for thought in [Block::Sealed, Block::Signed, Block::Call] {
            let said = |blocks: &[Block]| {
                let mut gate = Gate::new(speaker.dialect, &reply_facts());
                let mut out: Vec<Bytes> = Vec::new();
                let stream = speaker.write(&events(blocks), None);
                assert_eq!(gate.pass(&stream, &mut Watch::default(), &mut out).unwrap(), Passing::Open);
                let (events, _) = speaker.read(out.iter().map(|bytes| &**bytes));
                let text = |event: Event| match event {
                    Event::Delta { delta: Delta::Text(text), .. } => Some(text),
                    _ => None,
                };
                events.into_iter().filter_map(text).collect::<String>()
            };
            // It may go on, with more of the number.
            assert_eq!(said(std::slice::from_ref(&text)), "", "{:?}", speaker.dialect);
            assert_eq!(said(&[text.clone(), thought.clone()]), "It is 1234-56", "{:?} {thought:?}", speaker.dialect);
        }
    }
}

/// The blocks of a whole answer with the number of their row.
fn rows(answer: &Value) -> Vec<(String, u32)> {
    let body = answer.to_string();
    let passages = Passages::of_answer(body.as_bytes()).unwrap();
    passages.texts.iter().filter_map(|text| Some((text.text.to_string(), text.row?))).collect()
}

#[test]
fn a_whole_answer_has_the_same_rows() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let cited = json!({"type": "text", "text": "b", "citations": [{"type": "char_location", "cited_text": "c"}]});
    let thought = json!({"type": "thinking", "thinking": "t", "signature": "c2lnbmF0dXJl"});
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "pay", "input": {}});
    let messages = json!({"id": "msg_1", "type": "message", "role": "assistant", "stop_sequence": "end",
        "content": [thought, text("a"), cited, text(" "), call, text("d")]});
    let own = |rows: &[(&str, u32)]| rows.iter().map(|(text, row)| ((*text).to_owned(), *row)).collect::<Vec<_>>();
    assert_eq!(rows(&messages), own(&[("t", 1), ("a", 2), ("b", 2), (" ", 2), ("d", 3)]));

    let cited = json!({"citationsContent": {"content": [{"text": "b"}],
        "citations": [{"title": "x", "sourceContent": [{"text": "c"}]}]}});
    let thought = json!({"reasoningContent": {"reasoningText": {"text": "t", "signature": "c2lnbmF0dXJl"}}});
    let call = json!({"toolUse": {"toolUseId": "t1", "name": "pay", "input": {}}});
    let content = json!([thought, {"text": "a"}, cited, {"text": "d"}, call, {"text": "e"}]);
    let converse = json!({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "end_turn"});
    assert_eq!(rows(&converse), own(&[("t", 1), ("a", 2), ("b", 2), ("d", 2), ("e", 3)]));

    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
    let summary = |text: &str| json!({"type": "summary_text", "text": text});
    let responses = json!({"id": "resp_1", "object": "response", "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [summary("s"), summary("t")]},
        {"type": "file_search_call", "id": "fs_1", "results": [{"text": "found"}]},
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [part("a"), part("b")]},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "pay", "arguments": "{}"},
        {"type": "message", "id": "msg_2", "role": "assistant", "content": [part("c")]},
    ]});
    assert_eq!(rows(&responses), own(&[("s", 1), ("t", 1), ("a", 2), ("b", 2), ("c", 3)]));

    // What ran and found nothing parts them too.
    let ran = json!({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []});
    let messages = json!({"type": "message", "role": "assistant", "content": [text("a"), ran, text("b")]});
    assert_eq!(rows(&messages), own(&[("a", 1), ("b", 2)]));

    // A thought that is sealed goes on with the thoughts beside it.
    let sealed = json!({"type": "redacted_thinking", "data": SEALED});
    let thought = |text: &str| json!({"type": "thinking", "thinking": text, "signature": SEALED});
    let messages =
        json!({"type": "message", "role": "assistant", "content": [thought("a"), sealed, thought("b"), text("c")]});
    assert_eq!(rows(&messages), own(&[("a", 1), ("b", 1), ("c", 2)]));

    // Each of several answers is one by itself.
    let choice = |text: &str| json!({"message": {"role": "assistant", "content": text}});
    assert!(rows(&json!({"choices": [choice("a"), choice("b")]})).is_empty());
    assert!(rows(&json!({"outputs": [{"text": "a"}, {"text": "b"}]})).is_empty());
}
