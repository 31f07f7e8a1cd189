//! Texts of an answer that were cut into blocks: one text, in the whole answer and in every frame of a stream.

use crate::gates::{Watch, chopped, finds, gated, heard};
use crate::speakers::{SPEAKERS, Speaker, reply_facts};
use bytes::BytesMut;
use proptest::prelude::*;
use serde_json::{Value, json};
use tg_dialect::dialects::inbound;
use tg_dialect::passages::Passages;
use tg_kernel::chat::{Stop, StopReason};
use tg_kernel::dialect::Dialect;
use tg_kernel::event::{Delta, Event, PartKind};

/// What an answer consists of.
#[derive(Clone, Debug)]
enum Block {
    Text(Vec<String>),
    Call,
}

impl Block {
    fn text(&self) -> Option<String> {
        match self {
            Self::Text(pieces) => Some(pieces.concat()),
            Self::Call => None,
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

fn streamed(speaker: &Speaker, blocks: &[Block]) -> Vec<u8> {
    let mut events = vec![Event::Start { id: "a".into(), model: "m".into() }];
    for (index, block) in (0_u32..).zip(blocks) {
        let (kind, deltas) = match block {
            Block::Text(pieces) => (PartKind::Text, pieces.iter().cloned().map(Delta::Text).collect()),
            Block::Call => {
                let kind = PartKind::ToolUse { id: format!("call_{index}"), name: "pay".into() };
                (kind, vec![Delta::Arguments("{}".to_owned())])
            }
        };
        events.push(Event::PartStart { index, kind });
        events.extend(deltas.into_iter().map(|delta| Event::Delta { index, delta }));
        events.push(Event::PartStop { index });
    }
    events.push(Event::Finish(Stop { reason: StopReason::EndTurn, sequence: None }));
    events.push(Event::End);
    let mut encoder = inbound(speaker.dialect).encoder(reply_facts());
    let mut out = BytesMut::new();
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    out.to_vec()
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
    proptest::collection::vec(prop_oneof![5 => text, 1 => Just(Block::Call)], 1..8)
}

proptest! {
    #[test]
    fn blocks_that_follow_each_other_are_one_text_in_a_stream(
        blocks in blocks(),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let wanted = left(&blocks);
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

    // Each of several answers is one by itself.
    let choice = |text: &str| json!({"message": {"role": "assistant", "content": text}});
    assert!(rows(&json!({"choices": [choice("a"), choice("b")]})).is_empty());
    assert!(rows(&json!({"outputs": [{"text": "a"}, {"text": "b"}]})).is_empty());
}
