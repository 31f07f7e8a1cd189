//! Long runs of base64, base32 and hexadecimal digits, and what they say.

use super::hidden::{HIDDEN_BYTES_MAX, Hiding, Piece};
use crate::span::Span;

/// Fewest digits of a run that is decoded: twelve bytes of base64, ten of base32, eight of hexadecimal.
const RUN_MIN: usize = 16;

/// Fewest digits of a line that goes on in the next one: encoders break at 64 or 76.
const LINE_MIN: usize = 40;

/// Most spaces at the beginning of a line that goes on.
const INDENT_MAX: usize = 8;

/// Most digits that are decoded as one piece; a longer run makes several. A multiple of four.
const PIECE_DIGITS_MAX: usize = 16 << 10;

/// Digits that tell whether a run is a text at all. A multiple of four.
const SAMPLE_DIGITS: usize = 64;

/// Value of a base64 digit of either alphabet; 64 and more: none.
static DIGITS: [u8; 256] = digits();

const fn digits() -> [u8; 256] {
    let mut table = [0xff; 256];
    let mut i = 0;
    while i < 26 {
        table[b'A' as usize + i] = i as u8;
        table[b'a' as usize + i] = i as u8 + 26;
        i += 1;
    }
    i = 0;
    while i < 10 {
        table[b'0' as usize + i] = i as u8 + 52;
        i += 1;
    }
    table[b'+' as usize] = 62;
    table[b'-' as usize] = 62;
    table[b'/' as usize] = 63;
    table[b'_' as usize] = 63;
    table
}

fn value(b: u8) -> Option<u8> {
    DIGITS.get(usize::from(b)).copied().filter(|v| *v < 64)
}

/// Finds runs that say something. `take` says whether it wants more.
pub(super) fn find(text: &str, take: &mut dyn FnMut(Hiding, Piece) -> bool) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + RUN_MIN <= bytes.len() {
        // A run that begins here would have its last byte there: most places are passed over without a look at each byte.
        let window = bytes.get(at..at + RUN_MIN).unwrap_or_default();
        if let Some(not) = window.iter().rposition(|b| value(*b).is_none()) {
            at += not + 1;
            continue;
        }
        let length = bytes.get(at..).unwrap_or_default().iter().take_while(|b| value(**b).is_some()).count();
        let (digits, end) = with_next_lines(bytes, at, length);
        let more = match &digits {
            Some(joined) => run(joined, Span::new(at, end), take),
            None => run(bytes.get(at..end).unwrap_or_default(), Span::new(at, end), take),
        };
        if !more {
            return;
        }
        at = end + 1;
    }
}

/// A run with the lines in which it goes on, without the breaks; `None` where it has one line.
fn with_next_lines(bytes: &[u8], start: usize, length: usize) -> (Option<Vec<u8>>, usize) {
    let (mut end, mut last) = (start + length, length);
    let mut joined: Option<Vec<u8>> = None;
    while last >= LINE_MIN {
        let rest = bytes.get(end..).unwrap_or_default();
        let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
        let Some(rest) = rest.strip_prefix(b"\n") else { break };
        let indent = rest.iter().take(INDENT_MAX).take_while(|b| matches!(b, b' ' | b'\t' | b'>')).count();
        let line = rest.get(indent..).unwrap_or_default();
        last = line.iter().take_while(|b| value(**b).is_some()).count();
        // The last line is shorter; a line that ends in something else than padding or a break is prose.
        let stops = line.get(last).is_none_or(|b| matches!(b, b'=' | b'\r' | b'\n' | b' ' | b'"' | b'\'' | b'<'));
        if last == 0 || !stops {
            break;
        }
        let digits = joined.get_or_insert_with(|| bytes.get(start..end).unwrap_or_default().to_vec());
        digits.extend_from_slice(line.get(..last).unwrap_or_default());
        end = bytes.len() - line.len() + last;
    }
    (joined, end)
}

/// Where a run begins, in one line or several, that goes up to the end of a text and may yet say something.
pub(super) fn begun(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut lines: Vec<&[u8]> = Vec::new();
    let (mut rest, mut start) = (bytes, bytes.len());
    loop {
        let length = rest.iter().rev().take_while(|b| value(**b).is_some()).count();
        if length < LINE_MIN && !lines.is_empty() {
            break;
        }
        let (before, line) = rest.split_at(rest.len() - length);
        if length > 0 {
            start = before.len();
        }
        lines.push(line);
        let indent = before.iter().rev().take(INDENT_MAX).take_while(|b| matches!(b, b' ' | b'\t' | b'>')).count();
        let Some(before) = before.get(..before.len() - indent).and_then(|before| before.strip_suffix(b"\n")) else {
            break;
        };
        rest = before.strip_suffix(b"\r").unwrap_or(before);
    }
    let sample: Vec<u8> = lines.iter().rev().copied().flatten().copied().take(SAMPLE_DIGITS).collect();
    let length = lines.iter().map(|line| line.len()).sum();
    if goes_on(&sample, length) {
        return Some(start);
    }
    // The last part by itself, as far as it stands in the last line.
    let part = bytes.iter().rev().take_while(|b| value(**b).is_some_and(|v| v < 62)).count();
    let sample = bytes.get(bytes.len() - part..).unwrap_or_default();
    let sample = sample.get(..SAMPLE_DIGITS).unwrap_or(sample);
    (part < length && goes_on(sample, part)).then_some(bytes.len() - part)
}

/// Whether so many digits that begin with these, and what comes behind them, may say something; not beyond what is read.
fn goes_on(sample: &[u8], length: usize) -> bool {
    let is = |within: fn(&u8) -> bool, bits: usize, decode: fn(&[u8]) -> Vec<u8>| {
        sample.iter().all(within) && length * bits / 8 <= HIDDEN_BYTES_MAX && may_be_readable(&decode(sample))
    };
    !sample.is_empty()
        && (is(|_| true, 6, base64)
            || is(u8::is_ascii_hexdigit, 4, hex)
            || is(|b| matches!(b, b'0' | b'1'), 1, binary)
            || is_base32(sample) && is(|_| true, 5, base32))
}

/// Whether a text that someone would read may begin with these bytes.
pub(super) fn may_be_readable(bytes: &[u8]) -> bool {
    let is_wide = bytes.len() > 1
        && bytes.iter().skip(1).step_by(2).all(|b| *b == 0)
        && bytes.iter().step_by(2).all(|b| may_be_read(char::from(*b)));
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(torn) if torn.error_len().is_none() => {
            bytes.get(..torn.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok())
        }
        Err(_) => None,
    };
    is_wide || valid.is_some_and(|text| text.chars().all(may_be_read))
}

/// Whether a character may stand in a text that someone would read.
pub(super) fn may_be_read(c: char) -> bool {
    (!c.is_control() || matches!(c, '\n' | '\r' | '\t')) && c != char::REPLACEMENT_CHARACTER
}

/// Decodes a run in the way that its digits suggest.
fn run(digits: &[u8], span: Span, take: &mut dyn FnMut(Hiding, Piece) -> bool) -> bool {
    if digits.iter().all(|b| matches!(b, b'0' | b'1')) {
        return whole(digits, span, Hiding::Binary, binary, take).unwrap_or(true);
    }
    if digits.iter().all(u8::is_ascii_hexdigit) {
        return whole(digits, span, Hiding::Hex, hex, take).unwrap_or(true);
    }
    if let Some(more) = sixty_four_or_less(digits, span, take) {
        return more;
    }
    // What is no text as a whole may be a path, or a name, with a part that is one.
    let mut at = span.start;
    for part in digits.split(|b| matches!(b, b'/' | b'-' | b'_' | b'+')) {
        // Over several lines it is not known where it stands.
        let place = if digits.len() == span.len() { Span::new(at, at + part.len()) } else { span };
        at += part.len() + 1;
        let is_part = part.len() >= RUN_MIN && part.len() < digits.len();
        if is_part && sixty_four_or_less(part, place, take) == Some(false) {
            return false;
        }
    }
    true
}

/// Decodes base64, or what is base32 and says nothing as base64.
fn sixty_four_or_less(digits: &[u8], span: Span, take: &mut dyn FnMut(Hiding, Piece) -> bool) -> Option<bool> {
    let as_64 = whole(digits, span, Hiding::Base64, base64, take);
    if as_64.is_some() || !is_base32(digits) {
        return as_64;
    }
    whole(digits, span, Hiding::Base32, base32, take)
}

/// Whether all of it is base32, in one case.
fn is_base32(digits: &[u8]) -> bool {
    let of_case = |is: fn(&u8) -> bool| digits.iter().all(|b| is(b) || matches!(b, b'2'..=b'7'));
    of_case(u8::is_ascii_uppercase) || of_case(u8::is_ascii_lowercase)
}

/// Decodes base32; what is left at the end is less than a byte.
fn base32(digits: &[u8]) -> Vec<u8> {
    let value = |b: &u8| match b {
        b'2'..=b'7' => b - b'2' + 26,
        letter => letter.to_ascii_lowercase().wrapping_sub(b'a') & 31,
    };
    let mut out = Vec::with_capacity(digits.len() * 5 / 8);
    for group in digits.chunks(8) {
        let bits = group.iter().fold(0_u64, |bits, b| bits << 5 | u64::from(value(b)));
        let bits = bits << (64 - 5 * group.len());
        out.extend(bits.to_be_bytes().iter().take(group.len() * 5 / 8));
    }
    out
}

/// Decodes digits, piece by piece. `None`: they say nothing; otherwise whether there may be more.
fn whole(
    digits: &[u8],
    span: Span,
    how: Hiding,
    decode: fn(&[u8]) -> Vec<u8>,
    take: &mut dyn FnMut(Hiding, Piece) -> bool,
) -> Option<bool> {
    let sample = digits.get(..SAMPLE_DIGITS).unwrap_or(digits);
    readable(decode(sample))?;
    for piece in digits.chunks(PIECE_DIGITS_MAX) {
        let Some(text) = readable(decode(piece)) else { continue };
        if !take(how, Piece { text, span, places: Vec::new() }) {
            return Some(false);
        }
    }
    Some(true)
}

fn base64(digits: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let bits = group.iter().filter_map(|b| value(*b)).fold(0_u32, |bits, v| bits << 6 | u32::from(v));
        let bits = bits << (6 * (4 - group.len()));
        let [_, a, b, c] = bits.to_be_bytes();
        out.extend([a, b, c].iter().take((group.len() * 3) / 4));
    }
    out
}

/// Decodes pairs of hexadecimal digits; a last odd one is left out.
pub(super) fn hex(digits: &[u8]) -> Vec<u8> {
    digits.chunks_exact(2).map(hex_byte).collect()
}

/// The byte that hexadecimal digits say.
pub(super) fn hex_byte(digits: &[u8]) -> u8 {
    let nibble = |b: &u8| char::from(*b).to_digit(16).and_then(|v| u8::try_from(v).ok()).unwrap_or(0);
    digits.iter().fold(0, |byte, b| byte << 4 | nibble(b))
}

/// Decodes groups of eight binary digits.
pub(super) fn binary(digits: &[u8]) -> Vec<u8> {
    digits.chunks_exact(8).map(binary_byte).collect()
}

/// The byte that binary digits say.
pub(super) fn binary_byte(digits: &[u8]) -> u8 {
    digits.iter().fold(0, |byte, b| byte << 1 | (b & 1))
}

/// Bytes as a text that someone would read: UTF-8, or UTF-16 of mostly Latin letters.
pub(super) fn readable(bytes: Vec<u8>) -> Option<String> {
    let wide = bytes.len() >= 8 && bytes.iter().skip(1).step_by(2).all(|b| *b == 0);
    let text = if wide {
        let units: Vec<u16> = bytes.iter().step_by(2).map(|b| u16::from(*b)).collect();
        String::from_utf16(&units).ok()?
    } else {
        match String::from_utf8(bytes) {
            Ok(text) => text,
            // A character that is torn at the end.
            Err(torn) if torn.utf8_error().error_len().is_none() => {
                let valid = torn.utf8_error().valid_up_to();
                let mut bytes = torn.into_bytes();
                bytes.truncate(valid);
                String::from_utf8(bytes).ok()?
            }
            Err(_) => return None,
        }
    };
    is_readable(&text).then_some(text)
}

/// Whether a text is one that someone would read: without controls, a third of it letters or spaces.
pub(super) fn is_readable(text: &str) -> bool {
    let (mut all, mut letters) = (0_usize, 0_usize);
    for c in text.chars() {
        if !may_be_read(c) {
            return false;
        }
        all += 1;
        letters += usize::from(c.is_alphabetic() || matches!(c, ' ' | '0'..='9'));
    }
    all > 0 && letters * 3 >= all * 2
}
