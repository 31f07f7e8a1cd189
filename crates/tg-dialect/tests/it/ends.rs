//! Lines and frames that end with CR, LF or both: what leaves does not depend on whether the two come together.

use crate::gates::{Watch, chopped, gated};
use crate::speakers::{Speaker, reply_facts};
use proptest::prelude::*;
use serde_json::json;
use tg_dialect::cut::Cutter;

/// What goes on of a stream that is only counted: the bytes that its callers get.
fn counted(speaker: &Speaker, pieces: &[&[u8]]) -> (Vec<u8>, u64) {
    let mut cutter = Cutter::new(speaker.dialect, speaker.dialect, &reply_facts());
    let (mut out, mut tokens) = (Vec::new(), 0);
    for piece in pieces {
        cutter.push(piece);
        while let Some(piece) = cutter.next_piece().unwrap() {
            cutter.passed();
            out.extend_from_slice(&piece.bytes);
            tokens += piece.tokens;
        }
    }
    (out, tokens)
}

#[test]
fn the_line_feed_behind_the_end_of_a_frame_goes_with_it() {
    let speaker = Speaker::named("openai_chat");
    let chunk = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]}).to_string();
    for stream in [
        "\r\r\r\n".to_owned(),
        "\r\n".to_owned(),
        format!("data: {}\r\r\n", chunk("hello")),
        format!("data: {}\r\n\r\ndata: {}\r\r\n: c\r\r\n", chunk("a1234-5678b"), chunk("c")),
        format!("data: {}\r\r\n\r\r\ndata: [DONE]\r\n\r\n", chunk("1234-5678")),
    ] {
        let whole = gated(speaker, &[stream.as_bytes()], &mut Watch::default());
        let all = counted(speaker, &[stream.as_bytes()]);
        assert_eq!(all.0, stream.as_bytes());
        for at in 0..stream.len() {
            let (begin, end) = stream.as_bytes().split_at(at);
            assert_eq!(gated(speaker, &[begin, end], &mut Watch::default()), whole, "{stream:?} {at}");
            assert_eq!(counted(speaker, &[begin, end]), all, "{stream:?} {at}");
        }
    }
}

proptest! {
    #[test]
    fn what_leaves_does_not_depend_on_how_lines_end_and_are_cut(
        frames in proptest::collection::vec(("[a-c]{0,4}1234-5678|[a-c]{1,5}", "\r|\n|\r\n", "\r|\n|\r\n|"), 1..8),
        cuts in proptest::collection::vec(0_usize..600, 0..12),
    ) {
        let speaker = Speaker::named("openai_chat");
        let frame = |(text, end, more): &(String, String, String)| {
            let chunk = json!({"choices": [{"index": 0, "delta": {"content": text}}]});
            format!("data: {chunk}{end}{end}{more}")
        };
        let stream: String = frames.iter().map(frame).collect();
        let pieces = chopped(stream.as_bytes(), &cuts);
        let single: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        let whole = gated(speaker, &[stream.as_bytes()], &mut Watch::default());
        prop_assert_eq!(&gated(speaker, &pieces, &mut Watch::default()), &whole);
        prop_assert_eq!(&gated(speaker, &single, &mut Watch::default()), &whole);
        let all = counted(speaker, &[stream.as_bytes()]);
        prop_assert_eq!(&counted(speaker, &pieces), &all);
        prop_assert_eq!(counted(speaker, &single), all);
    }
}
