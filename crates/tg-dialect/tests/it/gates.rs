//! Streams that are held back until they are checked: what leaves is what a check of the whole answer would let leave,
//! however the bytes come, and nothing else changes.

use crate::corpus::cases;
use crate::speakers::{SPEAKERS, Speaker, reply_facts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use tg_dialect::dialects::{inbound, upstream};
use tg_dialect::framing::eventstream;
use tg_dialect::framing::sse::write_event;
use tg_dialect::gate::{Change, Gate, Inspector, Passing};
use tg_dialect::passages::{Edits, MediumKind, Part, Passages};
use tg_kernel::chat::{Stop, StopReason};
use tg_kernel::dialect::Dialect;
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::passage::Channel;
use tg_kernel::usage::Usage;

/// What is taken out: four digits, a dash, four digits.
const LENGTH: usize = 9;

/// What may be put there: as a service that saw the text with its escapes resolved may write it.
const PUT: &str = "[a\n\t\\\"\\\\\u{1}number]";

/// The same without a quotation mark, which begins a string where none is.
const PUT_BARE: &str = "[a\n\t\\\\\u{1}number]";

/// Takes the places of such digits, and may block at a word.
#[derive(Default)]
pub struct Watch {
    parts: HashMap<Part, Seen>,
    blocks_at: Option<&'static str>,
    /// What is put in their places, if it is something else.
    puts: Option<&'static str>,
    blocked: bool,
}

#[derive(Default)]
struct Seen {
    text: String,
    changes: Vec<Change>,
    /// What came before something else did.
    paused: usize,
    /// What has left: no change of it is told any more.
    left: usize,
    ended: bool,
}

pub fn finds(text: &str) -> Vec<Change> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(stretch) = bytes.get(at..at + LENGTH) {
        let hit = stretch.iter().enumerate().all(|(i, b)| if i == 4 { *b == b'-' } else { b.is_ascii_digit() });
        if hit {
            found.push(Change { range: at..at + LENGTH, text: "[number]".to_owned() });
        }
        at += if hit { LENGTH } else { 1 };
    }
    found
}

/// The same with something else in their places.
fn changes(text: &str, put: Option<&str>) -> Vec<Change> {
    let with = |change: Change| Change { text: put.map_or(change.text, str::to_owned), ..change };
    finds(text).into_iter().map(with).collect()
}

fn redacted(text: &str, put: Option<&str>) -> String {
    let mut out = text.to_owned();
    for change in changes(text, put).into_iter().rev() {
        out.replace_range(change.range, &change.text);
    }
    out
}

fn putting(put: &'static str) -> Watch {
    Watch { puts: Some(put), ..Watch::default() }
}

impl Inspector for Watch {
    fn grows(&mut self, part: Part, _channel: Channel, text: &str) {
        let seen = self.parts.entry(part).or_default();
        assert!(!seen.ended, "a part that has ended goes on");
        seen.text.push_str(text);
        seen.changes = changes(&seen.text, self.puts);
        seen.changes.retain(|change| change.range.end > seen.left);
        self.blocked |= self.blocks_at.is_some_and(|word| seen.text.contains(word));
    }

    fn pauses(&mut self, part: Part) {
        let seen = self.parts.entry(part).or_default();
        seen.paused = seen.text.len();
    }

    fn ends(&mut self, part: Part) {
        self.parts.entry(part).or_default().ended = true;
    }

    fn cleared(&self, part: Part) -> usize {
        let seen = &self.parts[&part];
        if let Some(stopped) = self.blocks_at.and_then(|word| seen.text.find(word)) {
            return stopped;
        }
        if seen.ended {
            return seen.text.len();
        }
        let mut sure = seen.text.len().saturating_sub(LENGTH - 1).max(seen.paused);
        while !seen.text.is_char_boundary(sure) {
            sure -= 1;
        }
        let straddles = seen.changes.iter().find(|change| change.range.start < sure && sure < change.range.end);
        straddles.map_or(sure, |change| change.range.end)
    }

    fn changes(&self, part: Part) -> &[Change] {
        &self.parts[&part].changes
    }

    fn leaves(&mut self, part: Part, upto: usize) {
        assert!(upto <= self.cleared(part), "what is not cleared has left");
        let seen = self.parts.entry(part).or_default();
        assert!(seen.left <= upto, "what has left leaves again");
        seen.left = upto;
        seen.changes.retain(|change| change.range.end > upto);
    }

    fn whole(&mut self, _channel: Channel, text: &str) -> Option<String> {
        self.blocked |= self.blocks_at.is_some_and(|word| text.contains(word));
        Some(redacted(text, self.puts)).filter(|anew| anew != text)
    }

    fn unread(&mut self, kind: MediumKind) -> bool {
        self.blocked |= kind == MediumKind::Image;
        kind == MediumKind::Audio
    }

    fn is_blocked(&self) -> bool {
        self.blocked
    }
}

/// What leaves a gate.
pub fn gated(speaker: &Speaker, pieces: &[&[u8]], watch: &mut Watch) -> Vec<u8> {
    let mut gate = Gate::new(speaker.dialect, &reply_facts());
    let mut out: Vec<Bytes> = Vec::new();
    let mut passing = Passing::Open;
    for piece in pieces {
        if passing == Passing::Open {
            passing = gate.pass(piece, watch, &mut out).unwrap();
        }
    }
    if passing == Passing::Open {
        passing = gate.finish(watch, &mut out).unwrap();
    }
    if passing == Passing::Blocked {
        let mut end = BytesMut::new();
        gate.end(&Usage::default(), &mut end);
        out.push(end.freeze());
    }
    out.concat()
}

pub fn chopped<'a>(stream: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    at.extend([0, stream.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect()
}

/// An answer of a text and a call, in pieces that take turns where the dialect lets them.
fn streamed(speaker: &Speaker, texts: &[String], arguments: &[String]) -> Vec<u8> {
    let mut events = vec![Event::Start { id: "a".into(), model: "m".into() }];
    let part = |index: u32, kind: PartKind, pieces: &[String], events: &mut Vec<Event>, wrap: fn(String) -> Delta| {
        events.push(Event::PartStart { index, kind });
        events.extend(pieces.iter().map(|piece| Event::Delta { index, delta: wrap(piece.clone()) }));
        events.push(Event::PartStop { index });
    };
    part(0, PartKind::Text, texts, &mut events, Delta::Text);
    let call = PartKind::ToolUse { id: "call_1".into(), name: "pay".into() };
    part(1, call, arguments, &mut events, Delta::Arguments);
    events.push(Event::Finish(Stop { reason: StopReason::ToolUse, sequence: None }));
    events.push(Event::End);
    let mut encoder = inbound(speaker.dialect).encoder(reply_facts());
    let mut out = BytesMut::new();
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    out.to_vec()
}

/// What each part of a stream says, and how it ended.
pub fn heard(speaker: &Speaker, stream: &[u8]) -> (BTreeMap<u32, String>, Option<StopReason>) {
    let mut decoder = upstream(speaker.dialect).decoder();
    let mut events = Vec::new();
    decoder.decode(stream, &mut events).unwrap();
    decoder.finish(&mut events).unwrap();
    let (mut parts, mut stop) = (BTreeMap::<u32, String>::new(), None);
    for event in events {
        match event {
            Event::Delta { index, delta: Delta::Text(text) | Delta::Arguments(text) } => {
                parts.entry(index).or_default().push_str(&text);
            }
            Event::Finish(finish) => stop = Some(finish.reason),
            _ => {}
        }
    }
    (parts, stop)
}

/// Arguments of a tool as whoever calls it reads them.
fn decoded(arguments: &str) -> String {
    let answer =
        json!({"choices": [{"message": {"tool_calls": [{"function": {"arguments": arguments}}]}}]}).to_string();
    Passages::of_answer(answer.as_bytes()).unwrap().texts.remove(0).text.into_owned()
}

/// Arguments of a tool as they leave in an answer that is no stream.
fn whole(arguments: &str, put: &str) -> String {
    let answer =
        json!({"choices": [{"message": {"tool_calls": [{"function": {"arguments": arguments}}]}}]}).to_string();
    let mut edits = Edits::default();
    for passage in &Passages::of_answer(answer.as_bytes()).unwrap().texts {
        edits.say(passage, &redacted(&passage.text, Some(put)));
    }
    let left: Value = serde_json::from_slice(&edits.apply(answer.as_bytes())).unwrap();
    left["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"].as_str().unwrap().to_owned()
}

/// What may be put into arguments that read so.
fn put_into(text: &str) -> &'static str {
    let is_within = |change: &Change| {
        let (mut is_within, mut is_escaped) = (false, false);
        for c in text[..change.range.start].chars() {
            is_within ^= c == '"' && !is_escaped;
            is_escaped = c == '\\' && is_within && !is_escaped;
        }
        is_within
    };
    if finds(text).iter().all(is_within) { PUT } else { PUT_BARE }
}

/// What arguments say to whoever decodes them, if they can; and how many controls are in them.
fn read(arguments: &str) -> (Result<Value, ()>, usize) {
    (serde_json::from_str(arguments).map_err(|_| ()), arguments.chars().filter(|c| c.is_control()).count())
}

/// Pieces of arguments, with escapes whole and torn.
fn arguments() -> impl Strategy<Value = Vec<String>> {
    let escapes = prop_oneof![
        r"[0-9]{4}\\u002d[0-9]{4}",
        "[0-9-]{1,5}",
        "[ a-z\"]{1,3}",
        "\",\"[a-z]",
        r"\\u00(3[0-9]|2d|22|5c)",
        r"\\ud83d\\ude00",
        r#"\\[nt/"u\\]"#
    ];
    (proptest::collection::vec(escapes, 1..30), proptest::collection::vec(0..200_usize, 0..8)).prop_map(
        |(texts, cuts)| {
            let text = format!("{{\"{}", texts.concat());
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| text.is_char_boundary(*cut)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            cuts.windows(2).map(|pair| text[pair[0]..pair[1]].to_owned()).collect()
        },
    )
}

fn pieces() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(prop_oneof!["[0-9-]{1,5}", "[0-9]{4}-[0-9]{4}", "[ a-zé\\\\\"]{1,4}"], 1..8)
}

proptest! {
    #[test]
    fn what_leaves_is_what_a_check_of_the_whole_lets_leave(
        texts in pieces(),
        arguments in arguments(),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        for speaker in &SPEAKERS {
            let stream = streamed(speaker, &texts, &arguments);
            let put = put_into(&decoded(&arguments.concat()));
            let out = gated(speaker, &chopped(&stream, &cuts), &mut putting(put));
            let (parts, stop) = heard(speaker, &out);
            let mut said: Vec<String> = parts.into_values().collect();
            let raw = said.pop().unwrap();
            let (called, wanted) = (decoded(&raw), redacted(&decoded(&arguments.concat()), Some(put)));
            prop_assert_eq!(read(&raw), read(&whole(&arguments.concat(), put)), "{:?}", speaker.dialect);
            prop_assert_eq!(said, vec![redacted(&texts.concat(), Some(put))], "{:?}", speaker.dialect);
            prop_assert_eq!(called, wanted, "{:?}", speaker.dialect);
            prop_assert_eq!(stop, Some(StopReason::ToolUse));
            if finds(&texts.concat()).is_empty() && finds(&decoded(&arguments.concat())).is_empty() {
                prop_assert_eq!(out, stream);
            }
        }
    }
}

#[test]
fn what_is_put_into_arguments_is_written_as_json() {
    let arguments = r#"{"to":"1234-5678 \u0031234-5678\n","raw":true}"#.to_owned();
    assert!(whole(&arguments, PUT).contains(r#""to":"[a\n\t\"\\\u0001number] [a\n"#));
    let plain = arguments.replace(" \\u0031234-5678\\n", "");
    for arguments in [arguments, plain] {
        for speaker in &SPEAKERS {
            for size in [1, 5, 1000] {
                let pieces: Vec<String> =
                    arguments.as_bytes().chunks(size).map(|piece| String::from_utf8(piece.to_vec()).unwrap()).collect();
                let stream = streamed(speaker, &["Well".to_owned()], &pieces);
                let (mut parts, _) = heard(speaker, &gated(speaker, &[&stream], &mut putting(PUT)));
                let said = parts.pop_last().unwrap().1;
                let (read, controls) = read(&said);
                let to = read.unwrap()["to"].as_str().unwrap().to_owned();
                assert!(to.starts_with("[a\n\t\"\\\u{1}number]") && controls == 0, "{said}");
                assert_eq!(
                    serde_json::from_str::<Value>(&said).ok(),
                    serde_json::from_str(&whole(&arguments, PUT)).ok()
                );
            }
        }
    }
    // Code is no JSON, and stays what it is.
    for speaker in &SPEAKERS {
        let stream = streamed(speaker, &["Well".to_owned()], &["say \"1234-".to_owned(), "5678\"".to_owned()]);
        let (mut parts, _) = heard(speaker, &gated(speaker, &[&stream], &mut putting(PUT)));
        assert_eq!(parts.pop_last().unwrap().1, format!("say \"{PUT}\""));
    }
}

#[test]
fn streams_of_the_corpus_leave_as_they_came() {
    let mut seen = 0;
    for case in cases() {
        let Some(stream) = case.stream() else { continue };
        let out = gated(case.speaker, &[&stream], &mut Watch::default());
        assert!(stream.starts_with(&out), "{}", case.name);
        // What is torn at the end of a stream that was cut off was not checked.
        assert!(out.len() * 10 > stream.len() * 6, "{}: {} of {}", case.name, out.len(), stream.len());
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn a_blocked_stream_ends_as_its_dialect_ends_a_filtered_one() {
    let texts = ["All is ".to_owned(), "well. ".to_owned(), "Now the ban".to_owned(), "ned word".to_owned()];
    for speaker in &SPEAKERS {
        let stream = streamed(speaker, &texts, &["{}".to_owned()]);
        let gated = |size: usize| {
            let mut watch = Watch { blocks_at: Some("banned"), ..Watch::default() };
            gated(speaker, &stream.chunks(size).collect::<Vec<_>>(), &mut watch)
        };
        let out = gated(7);
        // What was cleared before leaves first, however much came at once.
        assert!([1, 100, usize::MAX].into_iter().all(|size| gated(size) == out), "{:?}", speaker.dialect);
        let (parts, stop) = heard(speaker, &out);
        let said = parts.into_values().collect::<String>();
        assert_eq!(said, "All is well. ", "{:?}", speaker.dialect);
        assert!(
            matches!(stop, Some(StopReason::ContentFilter | StopReason::Guardrail | StopReason::Refusal)),
            "{:?}: {stop:?}",
            speaker.dialect
        );
    }
}

/// How many bytes have left a gate after each of some frames. What is not sure of a text is held back.
fn leaving(dialect: Dialect, frames: &[Vec<u8>], watch: &mut Watch) -> Vec<usize> {
    let mut gate = Gate::new(dialect, &reply_facts());
    let mut out: Vec<Bytes> = Vec::new();
    let mut left = Vec::new();
    for frame in frames {
        assert_eq!(gate.pass(frame, watch, &mut out).unwrap(), Passing::Open);
        left.push(out.iter().map(Bytes::len).sum());
    }
    left
}

fn ends_of(frames: &[Vec<u8>]) -> Vec<usize> {
    frames
        .iter()
        .scan(0, |sum, frame| {
            *sum += frame.len();
            Some(*sum)
        })
        .collect()
}

fn sse(event: &str, data: &Value) -> Vec<u8> {
    let mut out = BytesMut::new();
    write_event(Some(event).filter(|event| !event.is_empty()), data.to_string().as_bytes(), &mut out);
    out.to_vec()
}

fn chunk(data: &Value) -> Vec<u8> {
    let mut out = BytesMut::new();
    let payload = json!({ "bytes": STANDARD.encode(data.to_string()) });
    eventstream::write_event("chunk", payload.to_string().as_bytes(), &mut out);
    out.to_vec()
}

/// Two blocks of Claude's.
fn two_blocks(write: impl Fn(&Value) -> Vec<u8>) -> Vec<Vec<u8>> {
    let delta = |index: u64, text: &str| json!({"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}});
    [
        json!({"type": "message_start", "message": {"id": "m", "role": "assistant", "content": []}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        delta(0, "one"),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t", "name": "pay", "input": {}}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{\"a\": 1, \"b\": 2}"}}),
    ]
    .iter()
    .map(write)
    .collect()
}

#[test]
fn sound_waits_for_the_end_of_its_answer_and_does_not_leave_where_that_is_blocked() {
    let sound = STANDARD.encode([200_u8; 300]);
    let of = |audio: Value| {
        let choice = json!({"index": 0, "delta": {"audio": audio}, "finish_reason": null});
        sse("", &json!({"object": "chat.completion.chunk", "id": "c", "choices": [choice]}))
    };
    let words = |words: &str| of(json!({ "transcript": words }));
    let frames =
        [words("Hello to you all. "), of(json!({ "data": sound })), words("And so on, and banned"), words(" it is.")];
    let (left, ends) = (leaving(Dialect::OpenaiChat, &frames, &mut Watch::default()), ends_of(&frames));
    assert_eq!(left, [0, 0, ends[0], ends[0]], "the words leave when they are sure, the sound does not");
    let speaker = SPEAKERS.iter().find(|speaker| speaker.dialect == Dialect::OpenaiChat).unwrap();
    let pieces: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    assert_eq!(gated(speaker, &pieces, &mut Watch::default()), frames.concat());
    let blocked = gated(speaker, &pieces, &mut Watch { blocks_at: Some("banned"), ..Watch::default() });
    let blocked = String::from_utf8(blocked).unwrap();
    assert!(
        blocked.contains("Hello to you") && !blocked.contains(&sound) && blocked.contains("content_filter"),
        "{blocked}"
    );
}

#[test]
fn a_block_that_has_ended_holds_up_no_other() {
    let streams = [
        (Dialect::BedrockInvoke, two_blocks(chunk)),
        (Dialect::AnthropicMessages, two_blocks(|data| sse(data["type"].as_str().unwrap(), data))),
    ];
    for (dialect, frames) in streams {
        let (left, ends) = (leaving(dialect, &frames, &mut Watch::default()), ends_of(&frames));
        // The last frame waits, and the text until something else begins; nothing else does.
        assert_eq!(left, [ends[0], ends[1], ends[1], ends[1], ends[4], ends[4]], "{dialect:?}");
    }
    // Types of other families mean nothing to us: what they say goes on, whatever they call it.
    let other = |text: &str| chunk(&json!({"type": "of_tomorrow", "text": text}));
    let out = gated_frames(Dialect::BedrockInvoke, &[other("1234-"), other("5678"), other(".")], &mut Watch::default());
    assert!(out.contains(&STANDARD.encode(r#"{"type":"of_tomorrow","text":"[number]"}"#)), "{out}");
}

/// Families of InvokeModel whose events do not say what they are have sources and answers under one name.
#[test]
fn a_source_under_the_name_of_the_answer_is_a_text_by_itself() {
    let frames = [
        json!({"event_type": "search-results", "documents": [{"text": "a document of some length that came first, 7777-8888"}]}),
        json!({"event_type": "text-generation", "text": "call 1234-5"}),
        json!({"event_type": "citation-generation", "citations": [{"text": "9999-0000 it is"}]}),
        json!({"event_type": "text-generation", "text": "678 now"}),
        json!({"event_type": "stream-end", "finish_reason": "COMPLETE"}),
    ];
    let mut gate = Gate::new(Dialect::BedrockInvoke, &reply_facts());
    let (mut watch, mut out) = (Watch::default(), Vec::<Bytes>::new());
    for frame in &frames {
        gate.pass(&chunk(frame), &mut watch, &mut out).unwrap();
    }
    gate.finish(&mut watch, &mut out).unwrap();
    let out = String::from_utf8_lossy(&out.concat()).into_owned();
    let payloads = out.split("\"bytes\":\"").skip(1).filter_map(|rest| STANDARD.decode(rest.split('"').next()?).ok());
    let said: Vec<String> = payloads.map(|bytes| String::from_utf8(bytes).unwrap()).collect();
    assert_eq!(said.len(), frames.len(), "{said:?}");
    let said = said.concat();
    assert_eq!(said.matches("[number]").count(), 3, "{said}");
    assert!(["7777", "1234", "678 ", "9999"].iter().all(|number| !said.contains(number)), "{said}");
}

/// All that leaves a gate, as a text.
fn gated_frames(dialect: Dialect, frames: &[Vec<u8>], watch: &mut Watch) -> String {
    let mut gate = Gate::new(dialect, &reply_facts());
    let mut out: Vec<Bytes> = Vec::new();
    for frame in frames {
        gate.pass(frame, watch, &mut out).unwrap();
    }
    gate.finish(watch, &mut out).unwrap();
    String::from_utf8_lossy(&out.concat()).into_owned()
}

/// A frame of Chat's.
fn chat(delta: &Value) -> Vec<u8> {
    sse(
        "",
        &json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]}),
    )
}

fn call(index: u64, arguments: &str) -> Value {
    json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]})
}

/// Servers that do not name their events call each of them `message`; clients read on by the type.
#[test]
fn an_event_is_what_its_data_say_whatever_it_is_called() {
    let delta = |dialect: Dialect, text: &str| match dialect {
        Dialect::AnthropicMessages => {
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
        }
        _ => json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text}),
    };
    for dialect in [Dialect::AnthropicMessages, Dialect::OpenaiResponses] {
        for name in ["", "message", "ping", "response.created"] {
            let frames = ["call 1234-", "5678", "."].map(|text| sse(name, &delta(dialect, text)));
            let out = gated_frames(dialect, &frames, &mut Watch::default());
            assert!(out.contains("call [number]") && !out.contains("5678"), "{name} {out}");
        }
    }
}

#[test]
fn what_stands_beside_the_data_of_events_does_not_pass_unread() {
    let data = r#"data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}"#;
    for (frame, wanted) in [
        (": AKIA1\n\n".to_owned(), ":\n\n".to_owned()),
        (":\n\n".to_owned(), ":\n\n".to_owned()),
        // A byte order mark hides no data.
        (format!("\u{feff}{data}\n\n"), format!("\u{feff}{data}\n\n")),
        (
            format!("\u{feff}{}\n\n", data.replace("hi", "1234-5678 ")),
            format!("{}\n\n", data.replace("hi", "[number] ")),
        ),
        (format!(": a comment\nid: 1234-5678\n{data}\n\n"), format!("{data}\n\n")),
        (format!("event: AKIA1\r\n{data}\r\nsecret: x\r\n\r\n"), format!("{data}\n\n")),
        (format!("event: message_delta\n{data}\n\n"), format!("event: message_delta\n{data}\n\n")),
    ] {
        assert_eq!(gated_frames(Dialect::OpenaiChat, &[frame.into_bytes()], &mut Watch::default()), wanted);
    }
}

#[test]
fn a_text_is_whole_where_the_next_begins() {
    let first = json!({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "pay", "arguments": ""}}]});
    let frames: Vec<Vec<u8>> = [
        json!({"role": "assistant", "content": ""}),
        json!({"reasoning_content": "well"}),
        json!({"content": "one"}),
        first,
        call(0, "{\"a\": 1}"),
        call(1, "{\"b\": 2}"),
        json!({}),
    ]
    .iter()
    .map(chat)
    .collect();
    let (left, ends) = (leaving(Dialect::OpenaiChat, &frames, &mut Watch::default()), ends_of(&frames));
    assert_eq!(left, [ends[0], ends[0], ends[1], ends[2], ends[3], ends[4], ends[4]]);
}

#[test]
fn what_is_said_after_a_call_or_a_thought_goes_on_with_what_was_said_before() {
    for between in [call(0, "{}"), json!({"reasoning_content": "hm"}), json!({"refusal": "no"})] {
        let frames: Vec<Vec<u8>> = [json!({"content": "pay 1234"}), between, json!({"content": "-5678"}), json!({})]
            .iter()
            .map(chat)
            .collect();
        let mut watch = Watch::default();
        let (left, ends) = (leaving(Dialect::OpenaiChat, &frames, &mut watch), ends_of(&frames));
        // What was held back leaves with the pause.
        assert!(left[0] == 0 && left[1] >= ends[0], "{left:?}");
        assert!(watch.parts.values().any(|seen| seen.text == "pay 1234-5678" && seen.paused == 8));
    }
}

#[test]
fn a_text_that_goes_on_after_others_is_read_on_until_the_stream_ends() {
    // As servers write that call several tools at once.
    let mixed: Vec<Vec<u8>> = [
        call(0, "{1"),
        call(1, "{2"),
        call(0, "1234"),
        call(1, "5"),
        call(0, "-56"),
        call(1, "6"),
        call(0, "78 "),
        json!({"content": "ab"}),
    ]
    .iter()
    .map(chat)
    .collect();
    let out = gated_frames(Dialect::OpenaiChat, &mixed, &mut Watch::default());
    assert!(out.contains("[number]") && !out.contains("1234"), "{out}");
}

#[test]
fn what_a_choice_has_held_leaves_with_its_end_while_others_go_on() {
    let of = |index: u64, delta: &Value, reason: Option<&str>| {
        sse(
            "",
            &json!({"object": "chat.completion.chunk", "choices": [{"index": index, "delta": delta, "finish_reason": reason}]}),
        )
    };
    let says = |text: &str| json!({ "content": text });
    let frames = [
        of(0, &says("one"), None),
        of(0, &json!({"reasoning_content": "hm"}), None),
        // It goes on: from here on nothing of it leaves at pauses.
        of(0, &says("1234"), None),
        of(0, &json!({"reasoning_content": "5"}), None),
        of(0, &says("-5678"), None),
        of(0, &json!({}), Some("stop")),
        of(1, &says("two"), None),
        of(0, &says(" 1234-"), None),
        of(0, &json!({}), Some("stop")),
        of(1, &says("three four"), None),
    ];
    let mut watch = Watch::default();
    let (left, ends) = (leaving(Dialect::OpenaiChat, &frames, &mut watch), ends_of(&frames));
    let shorter = "1234-5678".len() - "[number]".len();
    assert_eq!((left[4], left[5]), (ends[0], ends[5] - shorter), "{left:?} {ends:?}");
    // What comes behind its end is another text, and no end of it is believed any more.
    assert_eq!(left[9], ends[6] - shorter, "{left:?} {ends:?}");
    assert_eq!(watch.parts.values().filter(|seen| !seen.ended).count(), 2);
}

#[test]
fn no_escape_hides_what_arguments_of_a_tool_say_in_a_stream() {
    let torn = ["{\"n\": \"\\u0031", "234\\u00", "2", "d567\\u003", "8\\n\\u0021\"", "}"];
    let frames: Vec<Vec<u8>> = torn.iter().map(|piece| chat(&call(0, piece))).collect();
    let out = gated_frames(Dialect::OpenaiChat, &frames, &mut Watch::default());
    let said: String = out
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str::<Value>(data).unwrap())
        .map(|frame| {
            frame["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str().unwrap().to_owned()
        })
        .collect();
    // What is not changed stays as it was written.
    assert_eq!(said, "{\"n\": \"[number]\\n\\u0021\"}");
}

#[test]
fn what_a_provider_says_of_its_failure_within_a_stream_does_not_pass_unread() {
    let mut exception = BytesMut::new();
    let said = json!({"message": "no 1234-5678", "originalMessage": "it said: 1234-5678"});
    eventstream::write_exception("modelStreamErrorException", said.to_string().as_bytes(), &mut exception);
    let mut error = BytesMut::new();
    eventstream::write_error("InternalError", "no 1234-5678", &mut error);
    let mut fine = BytesMut::new();
    eventstream::write_exception("throttlingException", br#"{"message":"slow down"}"#, &mut fine);
    for dialect in [Dialect::BedrockConverse, Dialect::BedrockInvoke] {
        for (frame, kind) in [(&exception, "modelStreamErrorException"), (&error, "InternalError")] {
            let out = gated_frames(dialect, &[frame.to_vec()], &mut Watch::default());
            assert!(
                out.contains("no [number]") && !out.contains("1234-5678") && out.contains(kind),
                "{dialect:?}: {out}"
            );
            // Not a word of it before it is known to be free.
            let mut watch = Watch { blocks_at: Some("1234"), ..Watch::default() };
            let mut gate = Gate::new(dialect, &reply_facts());
            let mut out = Vec::new();
            assert_eq!(gate.pass(frame, &mut watch, &mut out).unwrap(), Passing::Blocked);
            assert!(out.is_empty());
        }
        let mut gate = Gate::new(dialect, &reply_facts());
        let mut out = Vec::new();
        gate.pass(&fine, &mut Watch::default(), &mut out).unwrap();
        assert_eq!(out.concat(), fine);
        let mut garbled = BytesMut::new();
        eventstream::write_exception("throttlingException", b"no JSON: 1234-5678", &mut garbled);
        assert_eq!(gate.pass(&garbled, &mut Watch::default(), &mut out).unwrap_err().code, "upstream_garbage");
    }
}

/// A frame with these headers, all strings.
fn frame(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let mut out = BytesMut::new();
    eventstream::write(headers, payload.as_bytes(), &mut out);
    out.to_vec()
}

const JSON: (&str, &str) = (":content-type", "application/json");
const EVENT: (&str, &str) = (":message-type", "event");

#[test]
fn what_stands_beside_the_words_of_a_frame_of_bedrock_does_not_pass_unread() {
    let delta = json!({"contentBlockIndex": 0, "delta": {"text": "hi"}}).to_string();
    let inner = STANDARD.encode(json!({"type": "ping"}).to_string());
    let chunk = format!(r#"{{"bytes":"{inner}","p":"abc"}}"#);
    let named = |name: &'static str| [(":event-type", name), JSON, EVENT];
    let with = |name: &'static str, more: (&'static str, &'static str)| [&named(name)[..], &[more]].concat();
    let (converse, invoke) = (Dialect::BedrockConverse, Dialect::BedrockInvoke);
    for (dialect, headers, payload, left) in [
        // As Bedrock writes it, and events that it may write one day.
        (converse, named("contentBlockDelta").to_vec(), delta.clone(), None),
        (converse, named("somethingNew").to_vec(), "{}".to_owned(), None),
        (invoke, named("chunk").to_vec(), chunk.clone(), None),
        (invoke, vec![EVENT, JSON, (":event-type", "chunk")], chunk.clone(), None),
        (invoke, named("chunk").to_vec(), format!(r#"{{"bytes":"{inner}"}}"#), None),
        // Names are read, everything else is left out.
        (converse, named("it-1234-5678").to_vec(), "{}".to_owned(), Some("it-[number]")),
        (converse, with("contentBlockDelta", ("x", "1234-5678")), delta.clone(), Some("hi")),
        (converse, with("contentBlockDelta", (":event-type", "1234-5678")), delta.clone(), Some("hi")),
        (
            converse,
            vec![(":event-type", "contentBlockDelta"), (":content-type", "1234-5678"), EVENT],
            delta.clone(),
            Some("hi"),
        ),
        (
            converse,
            vec![(":event-type", "contentBlockDelta"), JSON, (":message-type", "1234-5678")],
            delta.clone(),
            Some("hi"),
        ),
        (converse, vec![(":message-type", "error"), (":error-code", "1234-5678")], "{}".to_owned(), Some("[number]")),
        (converse, vec![(":message-type", "error"), (":error-code", "Bad")], "1234-5678".to_owned(), Some("Bad")),
        (
            converse,
            vec![(":message-type", "exception"), (":exception-type", "1234-5678"), JSON],
            "{}".to_owned(),
            Some("[number]"),
        ),
        (invoke, named("chunk").to_vec(), format!(r#"{{"bytes":"{inner}","more":"1234-5678"}}"#), Some(&*inner)),
        (invoke, named("chunk").to_vec(), format!(r#"{{"bytes":"{inner}","p":"1234-5678"}}"#), Some(&*inner)),
        (invoke, with("chunk", ("x", "1234-5678")), chunk.clone(), Some(&*inner)),
        (invoke, named("it-1234-5678").to_vec(), "{}".to_owned(), Some("it-[number]")),
    ] {
        let came = frame(&headers, &payload);
        let out = gated_frames(dialect, std::slice::from_ref(&came), &mut Watch::default());
        match left {
            None => assert_eq!(out, String::from_utf8_lossy(&came), "{headers:?}"),
            Some(left) => assert!(out.contains(left) && !out.contains("1234"), "{headers:?} {payload}: {out}"),
        }
    }
    // What blocks, blocks at the name, too.
    let mut watch = Watch { blocks_at: Some("1234"), ..Watch::default() };
    let mut gate = Gate::new(converse, &reply_facts());
    let mut out = Vec::new();
    assert_eq!(gate.pass(&frame(&named("it-1234-5678"), "{}"), &mut watch, &mut out).unwrap(), Passing::Blocked);
    assert!(out.is_empty());
}

#[test]
fn names_of_events_are_read_that_no_dialect_has() {
    let data = r#"data: {"object":"chat.completion.chunk","choices":[]}"#;
    for (name, wanted) in [("message", "message"), ("response.created", "response.created"), ("heron", "heron")] {
        let out =
            gated_frames(Dialect::OpenaiChat, &[format!("event: {name}\n{data}\n\n").into()], &mut Watch::default());
        assert_eq!(out, format!("event: {wanted}\n{data}\n\n"));
    }
    let mut watch = Watch { blocks_at: Some("heron"), ..Watch::default() };
    let mut gate = Gate::new(Dialect::OpenaiChat, &reply_facts());
    let mut out = Vec::new();
    let frame = format!("event: heron\n{data}\n\n");
    assert_eq!(gate.pass(frame.as_bytes(), &mut watch, &mut out).unwrap(), Passing::Blocked);
    assert!(out.is_empty());
}
