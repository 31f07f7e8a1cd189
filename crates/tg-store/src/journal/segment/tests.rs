//! Frames: what is whole is read, what is torn or damaged is told apart and skipped.

use super::{HEADER, Piece, Pieces, frame};
use crate::journal::entry::Kind;

fn segment(payloads: &[&[u8]]) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    let mut buffer = Vec::new();
    for payload in payloads {
        frame(Kind::End, &mut buffer, |b| b.extend_from_slice(payload)).unwrap();
        bytes.extend_from_slice(&buffer);
    }
    bytes
}

fn entry(payload: &[u8]) -> Piece<'_> {
    Piece::Entry(Kind::End as u8, payload)
}

#[test]
fn a_segment_cut_at_any_byte_gives_the_whole_entries_before_the_cut() {
    let (first, second) = (b"first".as_slice(), b"second, which is longer".as_slice());
    let whole = segment(&[first, second]);
    let (after_head, after_first) = (segment(&[]).len(), segment(&[first]).len());
    for cut in 0..=whole.len() {
        let pieces: Vec<_> = Pieces::of(&whole[..cut]).collect();
        let expected = match cut {
            0 => vec![],
            c if c == after_head => vec![],
            c if c < after_first => vec![Piece::Torn],
            c if c == after_first => vec![entry(first)],
            c if c < whole.len() => vec![entry(first), Piece::Torn],
            _ => vec![entry(first), entry(second)],
        };
        assert_eq!(pieces, expected, "cut at {cut}");
    }
}

#[test]
fn an_entry_with_any_byte_damaged_is_skipped_and_the_others_are_read() {
    let payloads: [&[u8]; 3] = [b"first", b"second", b"third"];
    let whole = segment(&payloads);
    let damaged = segment(&payloads[..1]).len()..segment(&payloads[..2]).len();
    for at in damaged {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        let pieces: Vec<_> = Pieces::of(&bytes).collect();
        assert_eq!(pieces, [entry(b"first"), Piece::Damage, entry(b"third")], "damaged at {at}");
    }
}

#[test]
fn an_entry_beyond_the_limit_is_refused_and_the_buffer_stays_usable() {
    let mut buffer = Vec::new();
    let refused = frame(Kind::Open, &mut buffer, |b| b.resize(super::ENTRY_BYTES_MAX + 100, 7));
    assert!(refused.is_err());
    frame(Kind::Open, &mut buffer, |b| b.push(7)).unwrap();
    assert!(super::whole(&buffer).is_some());
}
