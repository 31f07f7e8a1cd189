//! Server-sent events, torn in every way.

use super::{FRAME_BYTES_MAX, FrameEnds, PassingFrames, SseReader, bare, write_event};
use bytes::BytesMut;
use proptest::prelude::*;

type Owned = (Option<String>, String);

fn events(chunks: &[&[u8]]) -> Vec<Owned> {
    let mut reader = SseReader::new();
    let mut out = Vec::new();
    for chunk in chunks {
        reader.push(chunk);
        while let Some(event) = reader.next_event().unwrap() {
            out.push((event.event.map(str::to_owned), String::from_utf8(event.data.to_vec()).unwrap()));
        }
    }
    out
}

fn data(text: &str) -> Owned {
    (None, text.to_owned())
}

#[test]
fn events_are_read_as_the_standard_says() {
    for (stream, wanted) in [
        ("data: a\n\ndata:b\n\n", vec![data("a"), data("b")]),
        ("data: a\r\n\r\ndata: b\r\n\r\n", vec![data("a"), data("b")]),
        ("data: a\r\rdata: b\r\r", vec![data("a"), data("b")]),
        ("data: a\r\n\ndata: b\n\r\n", vec![data("a"), data("b")]),
        ("\u{feff}data: a\n\n", vec![data("a")]),
        (": comment\n\n: another\ndata: a\n\n", vec![data("a")]),
        ("event: ping\ndata: {}\nid: 3\nretry: 10\n\n", vec![(Some("ping".into()), "{}".into())]),
        ("data: one\ndata: two\ndata\n\n", vec![data("one\ntwo\n")]),
        ("event: nothing\n\ndata:  two spaces\n\n", vec![data(" two spaces")]),
        ("data: unfinished\n", vec![]),
        ("\n\n\ndata: a\n\n\n\n", vec![data("a")]),
    ] {
        assert_eq!(events(&[stream.as_bytes()]), wanted, "{stream:?}");
    }
}

#[test]
fn a_last_frame_without_its_blank_line_is_offered_at_the_end() {
    let mut reader = SseReader::new();
    reader.push(b"data: a\n\ndata: [DONE]");
    assert!(reader.next_event().unwrap().is_some());
    assert!(reader.next_event().unwrap().is_none());
    assert_eq!(&*reader.finish().unwrap().data, b"[DONE]");
    assert!(reader.finish().is_none());
}

#[test]
fn a_frame_without_end_is_refused() {
    let mut reader = SseReader::new();
    let piece = vec![b'x'; 1024 * 1024];
    let mut refused = false;
    for _ in 0..=FRAME_BYTES_MAX / piece.len() {
        reader.push(&piece);
        refused = reader.next_event().is_err();
    }
    assert!(refused);
}

#[test]
fn a_passing_frame_without_end_is_not_kept() {
    let mut frames = PassingFrames::new();
    let piece = vec![b'x'; 1024 * 1024];
    for _ in 0..=FRAME_BYTES_MAX / piece.len() {
        frames.feed(&piece, |_, _| panic!("no frame ended"));
    }
    assert!(frames.torn().is_empty());
    let mut seen = Vec::new();
    frames.feed(b"\n\ndata: a\n\n", |frame, end| seen.push((frame.to_vec(), end)));
    assert_eq!(seen, vec![(vec![], 2), (b"data: a\n\n".to_vec(), 11)]);
}

#[test]
fn written_events_are_read_back() {
    let mut out = BytesMut::new();
    write_event(Some("x"), b"one\ntwo", &mut out);
    write_event(None, b"{}", &mut out);
    assert_eq!(&out[..], b"event: x\ndata: one\ndata: two\n\ndata: {}\n\n");
    assert_eq!(events(&[&out]), vec![(Some("x".into()), "one\ntwo".into()), data("{}")]);
}

fn stream() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "data: ",
        "data:",
        "event: e",
        ": c",
        "é😀",
        "{\"a\":1}",
        "\n",
        "\r\n",
        "\r",
        "\n\n",
        "\r\n\r\n",
        "x",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events(text in stream(), mut cuts in prop::collection::vec(0_usize..300, 0..20)) {
        let bytes = text.as_bytes();
        cuts.retain(|cut| *cut < bytes.len());
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
        let singles: Vec<&[u8]> = bytes.chunks(1).collect();
        let whole = events(&[bytes]);
        prop_assert_eq!(&events(&chunks), &whole);
        prop_assert_eq!(&events(&singles), &whole);

        let mut ends = FrameEnds::new();
        let (mut from, mut last) = (0, 0);
        for chunk in &chunks {
            let end = ends.last(chunk);
            last = if end > 0 { from + end } else { last };
            from += chunk.len();
        }
        prop_assert_eq!(last, FrameEnds::new().last(bytes));

        let mut frames = PassingFrames::new();
        let mut joined = Vec::new();
        let mut passing = Vec::new();
        for chunk in &chunks {
            joined.extend_from_slice(&chunk[..frames.belated(chunk)]);
            frames.feed(chunk, |frame, _| {
                joined.extend_from_slice(frame);
                passing.extend(super::read_frame(frame).map(|e| (e.event.map(str::to_owned), e.data.to_vec())));
            });
        }
        joined.extend_from_slice(frames.torn());
        prop_assert_eq!(&joined, bytes);
        let whole: Vec<_> = whole.into_iter().map(|(event, data)| (event, data.into_bytes())).collect();
        prop_assert_eq!(passing, whole);
    }
}

#[test]
fn only_the_name_that_counts_stays() {
    for (frame, left) in [
        ("event: heron\nevent: message\ndata: {}\n\n", "event: message\ndata: {}\n\n"),
        ("event: message\ndata: {}\nevent: \n\n", "data: {}\nevent: \n\n"),
        ("event: heron\n\n", ":\n\n"),
        ("event\nevent: a\ndata: {}\n\n", "event: a\ndata: {}\n\n"),
    ] {
        assert_eq!(bare(frame.as_bytes()).as_deref(), Some(left.as_bytes()), "{frame:?}");
    }
    assert_eq!(bare(b"event: message\ndata: {}\n\n"), None);
}
