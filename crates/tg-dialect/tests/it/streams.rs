//! What holds for every streamed answer of the corpus, however it is torn and wherever it goes.

use crate::corpus::{Case, cases};
use crate::speakers::{SPEAKERS, Speaker};
use bytes::Bytes;
use proptest::prelude::*;
use tg_dialect::tap::Summary;
use tg_kernel::chat::StopReason;
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::usage::Usage;

fn streams() -> Vec<(Case, Vec<u8>)> {
    cases().into_iter().filter_map(|case| case.stream().map(|stream| (case, stream))).collect()
}

/// Cuts bytes into pieces of these lengths, again and again.
fn torn<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, others) = rest.split_at((*length).min(rest.len()));
        pieces.push(piece);
        rest = others;
    }
    pieces
}

fn relay(speaker: &Speaker, pieces: &[&[u8]]) -> (Vec<u8>, Summary) {
    let (mut tap, mut out) = (speaker.upstream.tap(false), Vec::new());
    pieces.iter().for_each(|piece| tap.pass(Bytes::copy_from_slice(piece), &mut out));
    tap.close(&mut out);
    (out.concat(), tap.summary().clone())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_events(lengths in prop::collection::vec(1_usize..80, 1..12)) {
        for (case, stream) in streams() {
            let (whole, fault) = case.speaker.read(std::iter::once(&stream[..]));
            let (events, torn_fault) = case.speaker.read(torn(&stream, &lengths).into_iter());
            prop_assert_eq!(&events, &whole, "{}", case.name);
            prop_assert_eq!(torn_fault.map(|f| f.code), fault.map(|f| f.code), "{}", case.name);
        }
    }

    #[test]
    fn a_relay_changes_nothing(lengths in prop::collection::vec(1_usize..80, 1..12)) {
        for (case, stream) in streams() {
            let (out, summary) = relay(case.speaker, &torn(&stream, &lengths));
            prop_assert_eq!(&out, &stream, "{}", case.name);
            prop_assert_eq!(summary, relay(case.speaker, &[&stream]).1, "{}", case.name);
        }
    }
}

#[test]
fn a_tap_sees_what_a_decoder_sees() {
    for (case, stream) in streams() {
        let (events, fault) = case.speaker.read(std::iter::once(&stream[..]));
        let mut expected = Summary::default();
        events.iter().for_each(|event| expected.observe(event));
        let seen = relay(case.speaker, &[&stream]).1;
        assert_eq!((seen.usage, seen.usage_seen), (expected.usage, expected.usage_seen), "{}", case.name);
        assert_eq!(seen.complete, expected.complete, "{}", case.name);
        // A tap reads no words: it may miss that they are a refusal.
        assert!(seen.stop == expected.stop || refuses(&events), "{}: {:?}", case.name, seen.stop);
        assert_eq!((seen.tier, seen.content_seen), (expected.tier, expected.content_seen), "{}", case.name);
        let reported = fault.as_ref().is_some_and(|fault| fault.code != "upstream_truncated");
        assert_eq!(seen.failed, reported, "{}: {fault:?}", case.name);
    }
}

#[test]
fn usage_that_the_caller_did_not_ask_for_is_taken_out() {
    let speaker = Speaker::named("openai_chat");
    let case = cases().into_iter().find(|case| case.name == "openai_chat/usage_not_asked_for").unwrap();
    let stream = String::from_utf8(case.stream().unwrap()).unwrap();
    let expected: String = stream.split_inclusive("\n\n").filter(|frame| !frame.contains("total_tokens")).collect();
    for lengths in [&[1][..], &[5, 90], &[10_000]] {
        let (mut tap, mut out) = (speaker.upstream.tap(true), Vec::new());
        torn(stream.as_bytes(), lengths).iter().for_each(|piece| tap.pass(Bytes::copy_from_slice(piece), &mut out));
        tap.close(&mut out);
        assert_eq!(String::from_utf8(out.concat()).unwrap(), expected);
        assert_eq!(tap.summary().usage.output_tokens, 2);
    }
}

/// What must survive a translation.
#[derive(Debug, PartialEq)]
struct Digest {
    /// Text and refusals, in order.
    text: String,
    reasoning: String,
    /// Id, name and arguments of every call.
    calls: Vec<(String, String, String)>,
    stop: &'static str,
    input_tokens: u64,
    cache_read_tokens: u64,
    output_tokens: u64,
    ended: bool,
}

fn digest(events: &[Event]) -> Digest {
    let mut calls: Vec<(u32, String, String, String)> = Vec::new();
    let (mut text, mut reasoning, mut usage, mut stop) = (String::new(), String::new(), Usage::default(), None);
    for event in events {
        match event {
            Event::PartStart { index, kind: PartKind::ToolUse { id, name } } => {
                calls.push((*index, id.clone(), name.clone(), String::new()));
            }
            Event::Delta { delta: Delta::Text(more), .. } => text.push_str(more),
            Event::Delta { delta: Delta::Reasoning(more), .. } => reasoning.push_str(more),
            Event::Delta { index, delta: Delta::Arguments(more) } => {
                calls.iter_mut().find(|call| call.0 == *index).unwrap().3.push_str(more);
            }
            Event::Usage(counts) => usage.replace(counts),
            Event::Finish(end) => stop = Some(end.reason),
            _ => {}
        }
    }
    let stop = match stop {
        None => "none",
        Some(StopReason::MaxTokens | StopReason::ContextWindow) => "length",
        Some(StopReason::ContentFilter | StopReason::Guardrail | StopReason::Refusal) => "filter",
        Some(_) if !calls.is_empty() => "tools",
        Some(_) => "done",
    };
    let whole = |arguments: String| if arguments.is_empty() { "{}".to_owned() } else { arguments };
    Digest {
        text,
        reasoning,
        calls: calls.into_iter().map(|(_, id, name, arguments)| (id, name, whole(arguments))).collect(),
        stop,
        input_tokens: usage.total_input_tokens(),
        cache_read_tokens: usage.cache_read_tokens,
        output_tokens: usage.output_tokens,
        ended: events.last() == Some(&Event::End),
    }
}

fn refuses(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::PartStart { kind: PartKind::Refusal, .. }))
}

#[test]
fn a_translation_keeps_what_was_said() {
    for (case, stream) in streams() {
        let (events, fault) = case.speaker.read(std::iter::once(&stream[..]));
        let expected = digest(&events);
        for speaker in &SPEAKERS {
            let written = speaker.write(&events, fault.as_ref());
            let (read, end) = speaker.read(std::iter::once(&written[..]));
            let name = format!("{} to {}", case.name, speaker.name());
            assert_eq!(end.is_some(), fault.is_some(), "{name}: {end:?}");
            let mut read = digest(&read);
            if refuses(&events) {
                // A refusal that is said in words may end as any answer ends.
                read.stop = expected.stop;
            }
            if fault.is_some() {
                // Counts travel at the end, which never came.
                (read.input_tokens, read.output_tokens) = (expected.input_tokens, expected.output_tokens);
                read.cache_read_tokens = expected.cache_read_tokens;
            }
            assert_eq!(read, expected, "{name}");
        }
    }
}

#[test]
fn a_stream_never_ends_cleanly_before_the_provider_s_own_end() {
    for (case, stream) in streams() {
        let (mut events, _) = case.speaker.read(std::iter::once(&stream[..]));
        events.retain(|event| *event != Event::End);
        for speaker in &SPEAKERS {
            let (read, fault) = speaker.read(std::iter::once(&speaker.write(&events, None)[..]));
            assert!(!read.contains(&Event::End), "{} to {}", case.name, speaker.name());
            assert_eq!(fault.map(|f| f.code), Some("upstream_truncated"), "{} to {}", case.name, speaker.name());
        }
    }
}
