//! Streams of the corpus that are ended at their length before their provider ends them.

use crate::corpus::{Case, cases, readable};
use crate::speakers::{Speaker, reply_facts};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use std::collections::BTreeSet;
use tg_dialect::cut::{Cutter, weigh_event};
use tg_dialect::dialects::bedrock_invoke::Rewrap;
use tg_kernel::chat::StopReason;
use tg_kernel::dialect::Dialect;
use tg_kernel::event::{Delta, Event};
use tg_kernel::usage::Usage;

const USAGE: Usage = Usage {
    input_tokens: 11,
    output_tokens: 7,
    cache_read_tokens: 0,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 0,
    reasoning_tokens: 0,
    audio_input_tokens: 0,
    audio_output_tokens: 0,
    images: 0,
};

fn streams() -> Vec<(Case, Vec<u8>)> {
    cases().into_iter().filter_map(|case| case.stream().map(|stream| (case, stream))).collect()
}

/// The frames of a stream, each with what it may stand for.
fn weights(speaker: &Speaker, stream: &[u8]) -> Vec<u64> {
    let mut cutter = Cutter::new(speaker.dialect, speaker.dialect, &reply_facts());
    cutter.push(stream);
    std::iter::from_fn(|| {
        let piece = cutter.next_piece().unwrap()?;
        cutter.passed();
        Some(piece.tokens)
    })
    .collect()
}

/// What a caller gets of a stream of which no more than `most` tokens may pass; `None` where all of it does.
fn cut<'a>(speaker: &Speaker, pieces: impl Iterator<Item = &'a [u8]>, most: u64) -> Option<Vec<u8>> {
    let mut cutter = Cutter::new(speaker.dialect, speaker.dialect, &reply_facts());
    let (mut out, mut used) = (BytesMut::new(), 0);
    for piece in pieces {
        cutter.push(piece);
        while let Some(piece) = cutter.next_piece().unwrap() {
            used += piece.tokens;
            if used > most {
                cutter.end(&USAGE, &mut out);
                return Some(out.to_vec());
            }
            cutter.passed();
            out.extend_from_slice(&piece.bytes);
        }
    }
    None
}

fn said(events: &[Event]) -> String {
    let words = events.iter().map(|event| match event {
        Event::Delta { delta: Delta::Text(text) | Delta::Reasoning(text) | Delta::Arguments(text), .. } => {
            text.as_str()
        }
        _ => "",
    });
    words.collect()
}

fn check_whole(name: &str, events: &[Event], whole: &[Event], most: u64) {
    let mut open = BTreeSet::new();
    for event in events {
        match event {
            Event::PartStart { index, .. } => assert!(open.insert(*index), "{name}"),
            Event::PartStop { index } => assert!(open.remove(index), "{name}"),
            _ => {}
        }
    }
    assert!(open.is_empty(), "{name}: {open:?} stay open");
    assert_eq!(events.last(), Some(&Event::End), "{name}");
    let stop = events.iter().find_map(|event| match event {
        Event::Finish(stop) => Some(stop.reason),
        _ => None,
    });
    assert_eq!(stop, Some(StopReason::MaxTokens), "{name}");
    let mut usage = Usage::default();
    for event in events {
        if let Event::Usage(counts) = event {
            usage.replace(counts);
        }
    }
    assert_eq!(usage.output_tokens, 7, "{name}");
    let (said, all) = (said(events), said(whole));
    assert!(said.len() as u64 <= most, "{name}: {said}");
    assert!(all.starts_with(&said), "{name}: {said}");
}

#[test]
fn wherever_a_stream_is_cut_it_is_a_whole_answer_of_its_dialect() {
    let mut cuts = 0;
    for (case, stream) in streams() {
        let (whole, _) = case.speaker.read(std::iter::once(&stream[..]));
        let mut used = 0;
        for tokens in weights(case.speaker, &stream) {
            used += tokens;
            let Some(most) = used.checked_sub(1).filter(|_| tokens > 0) else { continue };
            let name = format!("{} at {most}", case.name);
            let ended = cut(case.speaker, std::iter::once(&stream[..]), most).expect("it is cut");
            let (events, fault) = case.speaker.read(std::iter::once(&ended[..]));
            assert!(fault.is_none(), "{name}: {fault:?}\n{}", readable(&ended));
            check_whole(&name, &events, &whole, most);
            cuts += 1;
        }
    }
    assert!(cuts >= 50, "{cuts}");
}

#[test]
fn what_a_stream_may_have_used_is_never_counted_too_low() {
    for (case, stream) in streams() {
        let (events, _) = case.speaker.read(std::iter::once(&stream[..]));
        let shown: u64 = said(&events).len() as u64;
        let relayed: u64 = weights(case.speaker, &stream).iter().sum();
        let transcoded: u64 = events.iter().map(weigh_event).sum();
        assert!(relayed >= shown && transcoded >= shown, "{}: {relayed} {transcoded} {shown}", case.name);
    }
}

#[test]
fn a_stream_in_another_envelope_is_cut_as_well() {
    let (sse, chunks) = (Dialect::AnthropicMessages, Dialect::BedrockInvoke);
    for (case, stream) in streams() {
        let (spoken, caller, mut rewrap) = match case.speaker.dialect {
            Dialect::AnthropicMessages => (sse, chunks, Rewrap::to_chunks(reply_facts().id)),
            Dialect::BedrockInvoke => (chunks, sse, Rewrap::to_sse()),
            _ => continue,
        };
        let most = weights(case.speaker, &stream).iter().sum::<u64>() / 2;
        let mut cutter = Cutter::new(spoken, caller, &reply_facts());
        let (mut out, mut used) = (BytesMut::new(), 0);
        cutter.push(&stream);
        while let Some(piece) = cutter.next_piece().unwrap() {
            used += piece.tokens;
            if used > most {
                break;
            }
            cutter.passed();
            rewrap.pass(&piece.bytes, &mut out).unwrap();
        }
        if used <= most {
            continue;
        }
        cutter.end(&USAGE, &mut out);
        let listener = Speaker::named(caller.as_str());
        let (events, fault) = listener.read(std::iter::once(&out[..]));
        assert!(fault.is_none(), "{}: {fault:?}", case.name);
        let (whole, _) = case.speaker.read(std::iter::once(&stream[..]));
        check_whole(&case.name, &events, &whole, most);
    }
}

/// The end of a stream in each dialect, as text.
#[test]
fn ends() {
    for name in [
        "openai_chat/argument_fragments",
        "openai_chat/refusal",
        "openai_responses/argument_fragments",
        "openai_responses/encrypted_reasoning",
        "anthropic_messages/thinking_with_tools",
        "bedrock_converse/nested_reasoning",
        "bedrock_invoke/thinking_with_tools",
    ] {
        let (case, stream) = streams().into_iter().find(|(case, _)| case.name == name).expect(name);
        let most = weights(case.speaker, &stream).iter().sum::<u64>() * 3 / 4;
        let ended = cut(case.speaker, std::iter::once(&stream[..]), most).expect(name);
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&case.folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_description(format!("{name}, ended at its length"));
        settings.bind(|| insta::assert_snapshot!("cut", readable(&ended)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_cut(
        lengths in prop::collection::vec(1_usize..80, 1..12),
        share in 0_u64..100,
    ) {
        for (case, stream) in streams() {
            let most = weights(case.speaker, &stream).iter().sum::<u64>() * share / 100;
            let (mut pieces, mut rest) = (Vec::new(), Bytes::from(stream.clone()));
            for length in lengths.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                pieces.push(rest.split_to((*length).min(rest.len())));
            }
            let torn = cut(case.speaker, pieces.iter().map(|piece| &piece[..]), most);
            prop_assert_eq!(torn, cut(case.speaker, std::iter::once(&stream[..]), most), "{}", case.name);
        }
    }

    #[test]
    fn no_bytes_make_it_stumble(
        at in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        share in 0_u64..100,
    ) {
        for (case, mut stream) in streams() {
            for (place, byte) in &at {
                let place = place.index(stream.len());
                stream[place] = *byte;
            }
            let mut cutter = Cutter::new(case.speaker.dialect, case.speaker.dialect, &reply_facts());
            cutter.push(&stream);
            let (mut used, mut out) = (0, BytesMut::new());
            while let Ok(Some(piece)) = cutter.next_piece() {
                used += piece.tokens;
                if used > stream.len() as u64 * share / 100 {
                    break;
                }
                cutter.passed();
            }
            cutter.end(&USAGE, &mut out);
            prop_assert!(!out.is_empty(), "{}", case.name);
        }
    }
}
