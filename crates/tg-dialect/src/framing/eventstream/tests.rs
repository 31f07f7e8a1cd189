//! Checks of the frame codec, against the vendor's own codec in both directions.

use super::{Frame, FrameDecoder, HeaderValue, Kind, PassingFrames, parse, write, write_event, write_exception};
use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::event_stream::{Header as TheirHeader, HeaderValue as TheirValue, Message};
use aws_smithy_types::{DateTime, str_bytes::StrBytes};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

fn ours(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    write(headers, payload, &mut out);
    out.freeze()
}

fn theirs(message: &Message) -> Bytes {
    let mut out = Vec::new();
    write_message_to(message, &mut out).unwrap();
    out.into()
}

fn decode_in_pieces(bytes: &[u8], cuts: &[usize]) -> Vec<Frame> {
    let mut decoder = FrameDecoder::new();
    let mut frames = Vec::new();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let mut from = 0;
    for to in cuts {
        decoder.push(&bytes[from..to]);
        from = to;
        while let Some(frame) = decoder.next_frame().unwrap() {
            frames.push(frame);
        }
    }
    assert!(!decoder.is_torn());
    frames
}

#[test]
fn every_header_type_of_the_vendor_codec_is_read() {
    let cases = [
        (TheirValue::Bool(true), HeaderValue::Bool(true)),
        (TheirValue::Bool(false), HeaderValue::Bool(false)),
        (TheirValue::Byte(-3), HeaderValue::Byte(-3)),
        (TheirValue::Int16(-300), HeaderValue::Short(-300)),
        (TheirValue::Int32(70_000), HeaderValue::Integer(70_000)),
        (TheirValue::Int64(i64::MIN), HeaderValue::Long(i64::MIN)),
        (TheirValue::ByteArray(Bytes::from_static(&[0, 255])), HeaderValue::Bytes(Bytes::from_static(&[0, 255]))),
        (TheirValue::String(StrBytes::copy_from_str("größe")), HeaderValue::String("größe".into())),
        (TheirValue::Timestamp(DateTime::from_secs(5)), HeaderValue::Timestamp(5000)),
        (TheirValue::Uuid(7), HeaderValue::Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7])),
    ];
    let mut message = Message::new(&b"{}"[..]);
    for (index, (value, _)) in cases.iter().enumerate() {
        message = message.add_header(TheirHeader::new(format!("h{index}"), value.clone()));
    }
    let frame = parse(&theirs(&message)).unwrap();
    let expected: Vec<_> = cases.into_iter().enumerate().map(|(i, (_, v))| (format!("h{i}"), v)).collect();
    assert_eq!(frame.headers, expected);
    assert_eq!(frame.payload, "{}");
}

#[test]
fn kinds_are_told_apart() {
    let mut out = BytesMut::new();
    write_event("chunk", b"{}", &mut out);
    write_exception("throttlingException", b"{}", &mut out);
    write(&[(":message-type", "error"), (":error-code", "E"), (":error-message", "m")], b"", &mut out);
    let frames = decode_in_pieces(&out, &[]);
    let kinds: Vec<Kind<'_>> = frames.iter().map(Frame::kind).collect();
    assert_eq!(
        kinds,
        [Kind::Event("chunk"), Kind::Exception("throttlingException"), Kind::Error { code: "E", message: "m" }]
    );
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    let good = ours(&[(":event-type", "chunk")], br#"{"bytes":"e30="}"#);
    for at in 0..good.len() {
        let mut bad = good.to_vec();
        bad[at] ^= 0x10;
        let mut decoder = FrameDecoder::new();
        decoder.push(&bad);
        let fault = decoder.next_frame().unwrap_err();
        assert_eq!(fault.code, "upstream_garbage", "byte {at}");
    }
}

#[test]
fn impossible_lengths_are_refused_before_anything_is_kept() {
    for (total, headers) in [(0_u32, 0_u32), (15, 0), (16, 1), (200_000, 131_073), (25_165_841, 0), (u32::MAX, 0)] {
        let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        let mut decoder = FrameDecoder::new();
        decoder.push(&bytes);
        assert_eq!(decoder.next_raw().unwrap_err().code, "upstream_garbage", "{total} {headers}");
    }
}

#[test]
fn html_in_place_of_frames_is_refused() {
    let mut decoder = FrameDecoder::new();
    decoder.push(b"<html><body>Bad Gateway</body></html>");
    assert_eq!(decoder.next_frame().unwrap_err().code, "upstream_garbage");
}

proptest! {
    #[test]
    fn the_vendor_codec_reads_what_we_write(
        headers in prop::collection::vec(("[a-z:-]{1,40}", "\\PC{0,80}"), 0..6),
        payload in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let borrowed: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let message = read_message_from(ours(&borrowed, &payload)).unwrap();
        prop_assert_eq!(message.payload().as_ref(), payload.as_slice());
        let read: Vec<(&str, &str)> = message
            .headers()
            .iter()
            .map(|h| (h.name().as_str(), h.value().as_string().unwrap().as_str()))
            .collect();
        prop_assert_eq!(read, borrowed);
    }

    #[test]
    fn we_read_what_the_vendor_codec_writes(
        headers in prop::collection::vec(("[a-z:-]{1,40}", "\\PC{0,80}"), 0..6),
        payload in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let mut message = Message::new(payload.clone());
        for (name, value) in &headers {
            let value = TheirValue::String(StrBytes::copy_from_str(value));
            message = message.add_header(TheirHeader::new(name.clone(), value));
        }
        let frame = parse(&theirs(&message)).unwrap();
        prop_assert_eq!(frame.payload.as_ref(), payload.as_slice());
        let expected: Vec<_> = headers.into_iter().map(|(n, v)| (n, HeaderValue::String(v))).collect();
        prop_assert_eq!(frame.headers, expected);
    }

    #[test]
    fn any_chunking_gives_the_same_frames(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        let mut bytes = BytesMut::new();
        for payload in &payloads {
            write_event("chunk", payload, &mut bytes);
        }
        let frames = decode_in_pieces(&bytes, &cuts);
        let read: Vec<&[u8]> = frames.iter().map(|f| f.payload.as_ref()).collect();
        prop_assert_eq!(read, payloads.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }

    #[test]
    fn passing_frames_are_seen_whatever_the_chunking(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        let mut bytes = BytesMut::new();
        for payload in &payloads {
            write_event("chunk", payload, &mut bytes);
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let (mut passing, mut seen) = (PassingFrames::default(), Vec::new());
        for pair in cuts.windows(2) {
            passing.feed(&Bytes::copy_from_slice(&bytes[pair[0]..pair[1]]), |frame| seen.push(frame.payload.to_vec()));
        }
        prop_assert_eq!(seen, payloads);
    }

    #[test]
    fn arbitrary_bytes_never_break_the_decoder(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut decoder = FrameDecoder::new();
        decoder.push(&bytes);
        while let Ok(Some(_)) = decoder.next_frame() {}
        let bytes = Bytes::from(bytes);
        let _ = parse(&bytes);
        PassingFrames::default().feed(&bytes, |_| ());
    }
}
