//! The gate with real rules: what a caller reads is what a check of the whole answer lets through, in every dialect and wherever
//! the stream is cut.

use super::*;
use proptest::prelude::*;
use std::borrow::Cow;
use std::sync::Arc;
use tg_dialect::dialects::{inbound, upstream};
use tg_dialect::passages::Passages;
use tg_kernel::chat::{Stop, StopReason};
use tg_kernel::clock::Timestamp;
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_policy::guard::{Action, Block, Check, Guard, Guards, IN_A_ROW, On, Pii, Rule, Said, Set, Style, Subject, Way};

pub(in crate::guarding) const DIALECTS: [Dialect; 5] = [
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
    Dialect::AnthropicMessages,
    Dialect::BedrockConverse,
    Dialect::BedrockInvoke,
];

/// Values that no set of these tests lets out, and a part of each that must not be seen.
const VALUES: [(&str, &str); 4] = [
    ("grace@hopper-navy.org", "ce@hopper"),
    ("4111 1111 1111 1111", "11 1111 11"),
    ("DE89370400440532013000", "3704004405"),
    ("AKIAQ3EGRLZ5UPYW2KHD", "EGRLZ5UP"),
];

pub(in crate::guarding) fn facts() -> ReplyFacts {
    let created = Timestamp::from_seconds(1_790_000_000);
    ReplyFacts { id: CallId::from_bytes([7; 16]), model: "asked".into(), created, include_usage: true }
}

fn rule(name: &str, check: Check, action: Action, on: Option<On>) -> Rule {
    Rule { on, ..Rule::of(name, check, action) }
}

/// Sets that take values out, put some back, or end the answer.
fn guard(which: usize) -> Arc<Guard> {
    let pii = |action, on| rule("pii", Check::Pii(Pii::Structured), action, on);
    let words = Check::Words { list: vec!["zephyr".into(), "project north star".into()], fuzzy: 1 };
    let words = rule("words", words, Action::Redact(Style::Tag), None);
    let keys = |action| rule("keys", Check::Secrets(None), action, None);
    let back = rule("back", Check::Pii(Pii::Structured), Action::Restore(Style::Tag), None);
    let (first, second, hold_back) = match which {
        0 => (vec![pii(Action::Redact(Style::Tag), None), keys(Action::Redact(Style::Mask))], vec![words], None),
        1 => {
            (vec![back, keys(Action::Block)], vec![pii(Action::Redact(Style::KeepLast(2)), Some(On::Output))], Some(16))
        }
        2 => (vec![pii(Action::Block, Some(On::Output)), words], vec![keys(Action::Block)], Some(300)),
        _ => (
            vec![back, words],
            vec![pii(Action::Redact(Style::Mask), Some(On::Output)), keys(Action::Redact(Style::Tag))],
            None,
        ),
    };
    let set = |name: &str, rules| Set { hold_back, ..Set::of(name, rules) };
    let guards = Guards::compile(&[set("a", first), set("b", second)], None).unwrap();
    guards.of(&Subject { attribution: &Attribution::default(), model: "m" }).unwrap()
}

/// A call whose request was judged.
fn guarding(guard: &Arc<Guard>) -> Guarding {
    let mut guarding = Guarding::new(guard.clone(), false);
    let said = [Said { channel: Channel::User, turn: 1, text: Cow::Borrowed("I am ann.lee@example.com") }];
    guard.judge(Way::Input, &said, &[], &mut guarding.inquiry);
    guarding
}

/// What a check of the whole makes of a text.
fn judged(guarding: &Guarding, channel: Channel, text: &str) -> (String, Option<Block>) {
    let said = [Said { channel, turn: 0, text: Cow::Borrowed(text) }];
    let mut verdict = guarding.guard.judge(Way::Output, &said, &[], &mut guarding.inquiry.clone());
    (verdict.edits.pop().map_or_else(|| text.to_owned(), |(_, text)| text), verdict.block)
}

/// Stretches of something that was cut in these places.
pub(in crate::guarding) fn cut<'t>(text: &'t str, cuts: &[usize]) -> Vec<&'t str> {
    let borders: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut at: Vec<usize> = cuts.iter().map(|cut| borders[cut % borders.len()]).chain([0, text.len()]).collect();
    at.sort_unstable();
    at.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

/// An answer of a text and a call, in the dialect of its caller.
pub(in crate::guarding) fn stream(dialect: Dialect, texts: &[&str], arguments: &[&str]) -> Vec<u8> {
    let mut events = vec![Event::Start { id: "a".into(), model: "m".into() }];
    let mut part = |index, kind, pieces: &[&str], wrap: fn(String) -> Delta| {
        events.push(Event::PartStart { index, kind });
        let pieces = pieces.iter().filter(|piece| !piece.is_empty());
        events.extend(pieces.map(|piece| Event::Delta { index, delta: wrap((*piece).to_owned()) }));
        events.push(Event::PartStop { index });
    };
    part(0, PartKind::Text, texts, Delta::Text);
    part(1, PartKind::ToolUse { id: "call_1".into(), name: "pay".into() }, arguments, Delta::Arguments);
    events.push(Event::Finish(Stop { reason: StopReason::ToolUse, sequence: None }));
    events.push(Event::End);
    let (mut encoder, mut out) = (inbound(dialect).encoder(facts()), BytesMut::new());
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    out.to_vec()
}

/// What leaves of a stream that comes in these pieces, and why it was stopped if it was.
fn left(dialect: Dialect, pieces: &[&[u8]], guarding: &Guarding) -> (Vec<u8>, Option<Block>) {
    let mut guarding = guarding.clone();
    let mut watching = Watching::of(&guarding, dialect, &facts()).unwrap();
    let (mut out, mut passing) = (Vec::new(), Passing::Open);
    for piece in pieces {
        if passing == Passing::Open {
            passing = watching.pass(vec![Bytes::copy_from_slice(piece)], &mut guarding, &mut out).unwrap();
        }
    }
    if passing == Passing::Open {
        passing = watching.finish(&mut guarding, &mut out).unwrap();
    }
    if passing == Passing::Blocked {
        let said = guarding.message().unwrap().to_owned();
        watching.end(&said, false, &Usage::default(), &mut out);
    }
    (out.concat(), guarding.block)
}

/// The text and the arguments that a caller reads.
pub(in crate::guarding) fn heard(dialect: Dialect, stream: &[u8]) -> [String; 2] {
    let (mut decoder, mut events) = (upstream(dialect).decoder(), Vec::new());
    decoder.decode(stream, &mut events).unwrap();
    decoder.finish(&mut events).unwrap();
    let mut said = [String::new(), String::new()];
    for event in events {
        match event {
            Event::Delta { delta: Delta::Text(text), .. } => said[0].push_str(&text),
            Event::Delta { delta: Delta::Arguments(text), .. } => said[1].push_str(&text),
            _ => {}
        }
    }
    said
}

/// Arguments of a tool as the checks read them.
pub(in crate::guarding) fn decoded(arguments: &str) -> String {
    let function = serde_json::json!({ "arguments": arguments });
    let answer =
        serde_json::json!({ "choices": [{ "message": { "tool_calls": [{ "function": function }] } }] }).to_string();
    Passages::of_answer(answer.as_bytes()).unwrap().texts.remove(0).text.into_owned()
}

/// The same text as JSON, with some of its characters as escapes.
pub(in crate::guarding) fn as_json(text: &str, each: usize) -> String {
    let mut out = String::from("{\"to\":\"");
    for (nth, c) in text.chars().enumerate() {
        if nth % each == 0 {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out + "\"}"
}

fn any_text() -> impl Strategy<Value = String> {
    let value = prop::sample::select(VALUES.to_vec()).prop_map(|(value, _)| value);
    let hidden = value.clone().prop_map(|value| value.chars().map(|c| format!("{c}\u{200b}")).collect::<String>());
    let percent =
        value.clone().prop_map(|value| value.chars().map(|c| format!("%{:02x}", c as u32)).collect::<String>());
    let piece = prop_oneof![
        6 => "[a-z]{1,9}",
        1 => value.prop_map(str::to_owned),
        1 => hidden,
        1 => percent,
        1 => prop::sample::select(vec!["[EMAIL_1]", "[EMAIL_", "zephyr", "project north star", "héllo", "😀", "我们明天见"]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..25).prop_map(|pieces| pieces.join(" "))
}

pub(in crate::guarding) fn any_cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(any::<usize>(), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_caller_reads_what_a_check_of_the_whole_lets_through_wherever_the_stream_is_cut(
        which in 0_usize..4, text in any_text(), argument in any_text(), each in 2_usize..9,
        texts in any_cuts(), arguments in any_cuts(), bytes in any_cuts(), by_byte in prop::bool::weighted(0.2),
    ) {
        let argument = as_json(&argument, each);
        let guarding = guarding(&guard(which));
        let (said, by_text) = judged(&guarding, Channel::Assistant, &text);
        let (called, by_call) = judged(&guarding, Channel::ToolArguments, &decoded(&argument));
        for dialect in DIALECTS {
            let stream = stream(dialect, &cut(&text, &texts), &cut(&argument, &arguments));
            let mut at: Vec<usize> = bytes.iter().map(|at| at % (stream.len() + 1)).chain([0, stream.len()]).collect();
            at.sort_unstable();
            let pieces: Vec<&[u8]> =
                if by_byte { stream.chunks(1).collect() } else { at.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect() };
            let (out, block) = left(dialect, &pieces, &guarding);
            prop_assert_eq!(&block, &by_text.clone().or_else(|| by_call.clone()), "{:?}", dialect);
            prop_assert_eq!(&left(dialect, &[&stream], &guarding).0, &out, "{:?}", dialect);
            let [own, own_call] = heard(dialect, &out);
            let shown = format!("{own} {}", if own_call.is_empty() { String::new() } else { decoded(&own_call) });
            for (_, part) in VALUES {
                prop_assert!(!shown.contains(part), "{:?} {}", dialect, shown);
            }
            if block.is_none() {
                prop_assert_eq!(&own, &said, "{:?}", dialect);
                prop_assert_eq!(&decoded(&own_call), &called, "{:?}", dialect);
            }
            if said == text && called == decoded(&argument) && block.is_none() {
                prop_assert_eq!(out, stream, "{:?}", dialect);
            }
        }
    }

    #[test]
    fn a_caller_reads_of_blocks_what_a_check_of_the_whole_lets_through_whatever_stands_between(
        which in 0_usize..4, text in any_text(), cuts in any_cuts(), between in prop::collection::vec(0_u8..6, 30),
        bytes in any_cuts(),
    ) {
        let guarding = guarding(&guard(which));
        let blocks: Vec<&str> = cut(&text, &cuts[..cuts.len().min(6)]).into_iter().filter(|block| !block.is_empty()).collect();
        let blocks: Vec<(&str, u8)> = blocks.into_iter().zip(between).collect();
        let (said, by_text) = judged_in_blocks(&guarding, &blocks);
        for dialect in DIALECTS.into_iter().filter(|dialect| *dialect != Dialect::OpenaiChat) {
            let stream = stream_in_blocks(dialect, &blocks);
            let mut at: Vec<usize> = bytes.iter().map(|at| at % (stream.len() + 1)).chain([0, stream.len()]).collect();
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            let (out, block) = left(dialect, &pieces, &guarding);
            prop_assert_eq!(&block, &by_text, "{:?}", dialect);
            if block.is_none() {
                // A block that has begun says a mark where nothing else is left of it.
                let own = heard(dialect, &out)[0].replace('\u{2026}', "");
                prop_assert_eq!(&own, &said, "{:?}", dialect);
            }
        }
    }
}

/// Blocks of an answer, and what comes behind each: nothing, a call, or a thought of which nothing is shown.
fn stream_in_blocks(dialect: Dialect, blocks: &[(&str, u8)]) -> Vec<u8> {
    let mut events = vec![Event::Start { id: "a".into(), model: "m".into() }];
    let mut index = 0;
    let mut part = |kind, delta| {
        events.push(Event::PartStart { index, kind });
        events.push(Event::Delta { index, delta });
        events.push(Event::PartStop { index });
        index += 1;
    };
    let sealed = || "c2VhbGVkIHRob3VnaHRz".to_owned();
    for (text, behind) in blocks {
        part(PartKind::Text, Delta::Text((*text).to_owned()));
        match behind {
            0 => part(PartKind::ToolUse { id: "call_1".into(), name: "pay".into() }, Delta::Arguments("{}".into())),
            1 => part(PartKind::Reasoning, Delta::Redacted(sealed())),
            2 => part(PartKind::Reasoning, Delta::Signature(sealed())),
            _ => {}
        }
    }
    events.push(Event::Finish(Stop { reason: StopReason::EndTurn, sequence: None }));
    events.push(Event::End);
    let (mut encoder, mut out) = (inbound(dialect).encoder(facts()), BytesMut::new());
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    out.to_vec()
}

/// What a check of the whole answer of Claude's makes of them.
fn judged_in_blocks(guarding: &Guarding, blocks: &[(&str, u8)]) -> (String, Option<Block>) {
    let mut content = Vec::new();
    for (text, behind) in blocks {
        content.push(serde_json::json!({"type": "text", "text": text}));
        content.extend(match behind {
            0 => Some(serde_json::json!({"type": "tool_use", "id": "toolu_1", "name": "pay", "input": {}})),
            1 => Some(serde_json::json!({"type": "redacted_thinking", "data": "c2VhbGVkIHRob3VnaHRz"})),
            2 => Some(serde_json::json!({"type": "thinking", "thinking": "", "signature": "c2VhbGVkIHRob3VnaHRz"})),
            _ => None,
        });
    }
    let body = serde_json::json!({"type": "message", "role": "assistant", "content": content}).to_string();
    let passages = Passages::of_answer(body.as_bytes()).unwrap();
    let turn = |row: Option<u32>, turn| row.map_or(turn, |row| IN_A_ROW | row);
    let said = passages.texts.iter().map(|passage| Said {
        channel: passage.channel,
        turn: turn(passage.row, passage.turn),
        text: Cow::Borrowed(&*passage.text),
    });
    let said: Vec<Said<'_>> = said.collect();
    let verdict = guarding.guard.judge(Way::Output, &said, &[], &mut guarding.inquiry.clone());
    let mut texts: Vec<&str> = said.iter().map(|one| &*one.text).collect();
    verdict.edits.iter().for_each(|(index, text)| texts[*index] = text);
    let shown = said.iter().zip(&texts).filter(|(one, _)| one.channel == Channel::Assistant);
    (shown.map(|(_, text)| *text).collect(), verdict.block)
}
