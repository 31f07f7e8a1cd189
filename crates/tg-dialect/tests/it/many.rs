//! Answers of very many frames, parts and changes, as no model writes them and any provider may send them: what the gate takes for
//! them grows with their number alone.

use crate::speakers::reply_facts;
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Instant;
use tg_dialect::framing::sse::write_event;
use tg_dialect::gate::{Change, Gate, Inspector, Passing};
use tg_dialect::passages::{MediumKind, Part};
use tg_kernel::dialect::Dialect;
use tg_kernel::passage::Channel;

/// How many times as many there are, and how many times as long they may take. Time that grew with the square of the number would be
/// 64 times as much.
const MORE: usize = 8;
const GROWTH_MAX: f64 = 14.0;

/// What takes less than this is too short to be measured.
const SHORTEST: f64 = 0.01;

/// Clears all but what waits, and changes every `#`.
#[derive(Default)]
struct Loose {
    parts: HashMap<Part, (usize, Vec<Change>)>,
    /// Nothing that says this is cleared before the end.
    waits_at: Option<&'static str>,
    waiting: Option<Part>,
    ended: usize,
    paused: usize,
}

impl Inspector for Loose {
    fn grows(&mut self, part: Part, _channel: Channel, text: &str) {
        let (came, changes) = self.parts.entry(part).or_default();
        let found = text.match_indices('#').map(|(at, _)| *came + at);
        changes.extend(found.map(|at| Change { range: at..at + 1, text: "*".to_owned() }));
        *came += text.len();
        if self.waits_at.is_some_and(|word| text.contains(word)) {
            self.waiting = Some(part);
        }
    }

    fn ends(&mut self, _part: Part) {
        self.ended += 1;
    }

    fn pauses(&mut self, _part: Part) {
        self.paused += 1;
    }

    fn cleared(&self, part: Part) -> usize {
        if self.waiting == Some(part) { 0 } else { self.parts[&part].0 }
    }

    fn changes(&self, part: Part) -> &[Change] {
        &self.parts[&part].1
    }

    fn whole(&mut self, _channel: Channel, _text: &str) -> Option<String> {
        None
    }

    fn unread(&mut self, _kind: MediumKind) -> bool {
        false
    }

    fn is_blocked(&self) -> bool {
        false
    }
}

fn frame(data: &Value) -> Vec<u8> {
    let mut out = BytesMut::new();
    write_event(data["type"].as_str(), data.to_string().as_bytes(), &mut out);
    out.to_vec()
}

fn chat(choices: impl Iterator<Item = (usize, Value)>) -> Vec<u8> {
    let choice = |(index, delta)| json!({"index": index, "delta": delta, "finish_reason": null});
    frame(&json!({"object": "chat.completion.chunk", "choices": choices.map(choice).collect::<Vec<_>>()}))
}

/// Lets frames pass, and ends; what has left, and the seconds of the processor that it took.
fn passed(dialect: Dialect, frames: &[Vec<u8>], watch: &mut Loose) -> (Vec<u8>, f64) {
    let used = || {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        told.split_whitespace().next()?.parse::<f64>().ok().map(|nanos| nanos / 1e9)
    };
    let (began, before) = (Instant::now(), used());
    let (mut gate, mut out) = (Gate::new(dialect, &reply_facts()), Vec::<Bytes>::new());
    for frame in frames {
        assert_eq!(gate.pass(frame, watch, &mut out).unwrap(), Passing::Open);
    }
    watch.waiting = None;
    gate.finish(watch, &mut out).unwrap();
    let spent = before.zip(used()).map_or_else(|| began.elapsed().as_secs_f64(), |(before, now)| now - before);
    (out.concat(), spent)
}

/// That so many times as many frames take no more than so many times as long.
fn grows_evenly(
    name: &str,
    dialect: Dialect,
    few: usize,
    frames: impl Fn(usize) -> Vec<Vec<u8>>,
    waits_at: &'static str,
) {
    let spent = |count: usize| {
        let mut watch = Loose { waits_at: Some(waits_at), ..Loose::default() };
        passed(dialect, &frames(count), &mut watch).1
    };
    let (short, long) = (spent(few).min(spent(few)).max(SHORTEST), spent(MORE * few));
    let growth = long / short;
    println!("{name}: {short:.3} s, {long:.3} s, {growth:.1} times");
    assert!(growth <= GROWTH_MAX, "{name}: {MORE} times as many take {growth:.1} times as long");
}

#[test]
fn very_many_blocks_each_of_which_ends() {
    let block = |index: usize| {
        [
            json!({"type": "content_block_start", "index": index, "content_block": {"type": "tool_use", "id": "t", "name": "pay", "input": {}}}),
            json!({"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": "{}"}}),
            json!({"type": "content_block_stop", "index": index}),
        ]
    };
    let frames = |count: usize| (0..count).flat_map(block).map(|data| frame(&data)).collect::<Vec<_>>();
    let mut watch = Loose::default();
    let sent = frames(100);
    assert_eq!(passed(Dialect::AnthropicMessages, &sent, &mut watch).0, sent.concat());
    assert!(watch.ended >= 100, "{}", watch.ended);
    grows_evenly("blocks", Dialect::AnthropicMessages, 1000, frames, "no such word");
}

#[test]
fn very_many_choices_in_each_frame() {
    let frames = |count: usize| {
        let names = ["content", "reasoning_content", "content", "reasoning_content"];
        let of = |name: &str| chat((0..count).map(|index| (index, json!({ name: "a " }))));
        names.iter().map(|name| of(name)).collect::<Vec<_>>()
    };
    let mut watch = Loose::default();
    let sent = frames(50);
    assert_eq!(passed(Dialect::OpenaiChat, &sent, &mut watch).0, sent.concat());
    assert_eq!(watch.paused, 50, "each choice once, before it goes on behind a thought");
    grows_evenly("choices", Dialect::OpenaiChat, 2000, frames, "no such word");
}

#[test]
fn very_many_frames_behind_one_of_which_the_last_text_waits() {
    let frames = |count: usize| {
        let all = (0..count).map(|index| (index, json!({ "content": if index + 1 == count { "wait" } else { "a " } })));
        let first = chat(all);
        std::iter::once(first).chain((0..count).map(|_| chat(std::iter::once((0, json!({"content": "a"})))))).collect()
    };
    let mut watch = Loose { waits_at: Some("wait"), ..Loose::default() };
    let sent: Vec<Vec<u8>> = frames(50);
    assert_eq!(passed(Dialect::OpenaiChat, &sent, &mut watch).0, sent.concat());
    grows_evenly("frames behind", Dialect::OpenaiChat, 1000, frames, "wait");
}

#[test]
fn a_text_is_told_again_where_much_waits_for_it() {
    let arguments = |count: usize| {
        let call = json!({"tool_calls": [{"index": 0, "function": {"arguments": "a".repeat(64 * 1024)}}]});
        (0..count).map(move |_| chat(std::iter::once((0, call.clone()))))
    };
    let frames = |count: usize| {
        let text = chat(std::iter::once((0, json!({"content": "wait"}))));
        std::iter::once(text).chain(arguments(count)).collect::<Vec<_>>()
    };
    for (count, told) in [(20, 1), (80, 2)] {
        let mut watch = Loose { waits_at: Some("wait"), ..Loose::default() };
        assert_eq!(passed(Dialect::OpenaiChat, &frames(count), &mut watch).0, frames(count).concat());
        assert_eq!(watch.paused, told, "{count}");
    }
}

#[test]
fn very_many_changes_of_the_arguments_of_a_tool() {
    let call = |arguments: &str| {
        chat(std::iter::once((0, json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}))))
    };
    let frames =
        |count: usize| std::iter::once(call("{\"a\":[")).chain((0..count).map(|_| call("\"#\","))).collect::<Vec<_>>();
    let mut watch = Loose::default();
    let (out, _) = passed(Dialect::OpenaiChat, &frames(50), &mut watch);
    let out = String::from_utf8(out).unwrap();
    assert_eq!((out.matches(r#"\"*\","#).count(), out.matches('#').count()), (50, 0), "{out}");
    grows_evenly("changes", Dialect::OpenaiChat, 1000, frames, "no such word");
}

#[test]
fn no_more_frames_are_held_than_have_room_however_small_they_are() {
    let (mut gate, mut watch) = (Gate::new(Dialect::OpenaiChat, &reply_facts()), Loose::default());
    watch.waits_at = Some("wait");
    let first = chat(std::iter::once((0, json!({ "content": "wait" }))));
    gate.pass(&first, &mut watch, &mut Vec::new()).unwrap();
    let many = b"data:{}\n\n".repeat(1 << 16);
    let passed = (0..8).take_while(|_| gate.pass(&many, &mut watch, &mut Vec::new()).is_ok()).count();
    assert_eq!(passed, 7, "what they take in memory is bounded, not their bytes alone");
}

/// A frame of more parts than an answer has is not taken in first.
#[test]
fn no_more_parts_are_looked_at_than_an_answer_has() {
    let sent = chat((0..80_000).map(|index| (index, json!({ "content": "a" }))));
    let (mut gate, mut watch) = (Gate::new(Dialect::OpenaiChat, &reply_facts()), Loose::default());
    assert!(gate.pass(&sent, &mut watch, &mut Vec::new()).is_err());
    assert!(watch.parts.len() <= 65_537, "{}", watch.parts.len());
}
