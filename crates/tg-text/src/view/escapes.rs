//! Characters written as escapes: of URLs, of HTML, of program text, of mail.

use super::around::around;
use super::hidden::{Hiding, Piece};
use crate::span::Span;
use memchr::memchr;

/// How far a piece goes beyond its escapes, to the ends of their words.
const WORD_BYTES_MAX: usize = 64;

/// Escapes that are no further apart than this are one piece.
pub(super) const GAP_BYTES_MAX: usize = 64;

/// Longest name of an entity that is looked up.
const NAME_BYTES_MAX: usize = 32;

/// How often over one escape may be escaped itself: `%252569`.
const LAYERS_MAX: usize = 8;

/// One escape.
struct Escape {
    says: Says,
    length: usize,
}

/// What an escape stands for.
#[derive(Clone, Copy)]
enum Says {
    /// A byte of UTF-8.
    Byte(u8),
    /// A character.
    Char(char),
    /// Nothing: a line that goes on.
    Nothing,
}

impl Says {
    /// Whether writing this as an escape hides a word; others are written so everywhere, and hide none.
    fn hides(self) -> bool {
        match self {
            Self::Byte(b) => b.is_ascii_alphanumeric() || b == b' ' || b >= 0x80,
            Self::Char(c) => {
                c.is_alphanumeric() || c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{ad}')
            }
            Self::Nothing => false,
        }
    }
}

type Parse = fn(&[u8]) -> Option<Escape>;

/// Finds stretches with escapes. `take` says whether it wants more.
pub(super) fn find(text: &str, take: &mut dyn FnMut(Hiding, Piece) -> bool) {
    let kinds: [(u8, Hiding, Parse); 4] = [
        (b'%', Hiding::Url, url),
        (b'&', Hiding::Entities, entity),
        (b'\\', Hiding::Escapes, backslash),
        (b'=', Hiding::Quoted, quoted),
    ];
    for (mark, how, parse) in kinds {
        if !stretches(text, mark, parse, &mut |piece| take(how, piece)) {
            return;
        }
    }
}

/// Pieces with the escapes of one kind. Whether there may be more.
fn stretches(text: &str, mark: u8, parse: Parse, take: &mut dyn FnMut(Piece) -> bool) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut open: Option<Span> = None;
    while let Some(found) = memchr(mark, bytes.get(at..).unwrap_or_default()) {
        let here = at + found;
        let Some(escape) = bytes.get(here..).and_then(parse) else {
            at = here + 1;
            continue;
        };
        let end = here + escape.length;
        at = end;
        if !escape.says.hides() {
            continue;
        }
        match &mut open {
            Some(span) if here <= span.end + GAP_BYTES_MAX => span.end = end,
            // A value behind a sign of equality looks like one of them: two in a row do not.
            _ if mark == b'='
                && !bytes.get(end..).is_some_and(|rest| rest.first() == Some(&mark) && parse(rest).is_some()) => {}
            _ => {
                let next = Span::new(here, end);
                if let Some(span) = open.replace(next)
                    && !take(decode(text, words(text, span), mark, parse))
                {
                    return false;
                }
            }
        }
    }
    open.is_none_or(|span| take(decode(text, words(text, span), mark, parse)))
}

/// A stretch with all of its first and last word, and some words around.
fn words(text: &str, span: Span) -> Span {
    let is_space = |b: &&u8| b.is_ascii_whitespace();
    let before = text.as_bytes().get(..span.start).unwrap_or_default();
    let back = before.iter().rev().take(WORD_BYTES_MAX).take_while(|b| !is_space(b)).count();
    let after = text.as_bytes().get(span.end..).unwrap_or_default();
    let on = after.iter().take(WORD_BYTES_MAX).take_while(|b| !is_space(b)).count();
    let (mut start, mut end) = (span.start - back, span.end + on);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    around(text, Span::new(start, end))
}

fn decode(text: &str, span: Span, mark: u8, parse: Parse) -> Piece {
    let bytes = text.as_bytes().get(span.range()).unwrap_or_default();
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut places = Vec::with_capacity(bytes.len());
    let mut place = |here: usize, at: usize| {
        places.push((u32::try_from(here).unwrap_or(u32::MAX), u32::try_from(span.start + at).unwrap_or(u32::MAX)));
    };
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let plain = memchr(mark, rest).unwrap_or(rest.len());
        for step in 0..plain {
            place(out.len() + step, at + step);
        }
        out.extend_from_slice(rest.get(..plain).unwrap_or_default());
        at += plain;
        let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else { break };
        place(out.len(), at);
        match parse(rest) {
            Some(escape) => {
                match escape.says {
                    Says::Byte(b) => out.push(b),
                    Says::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                    Says::Nothing => {}
                }
                at += escape.length;
            }
            None => {
                out.push(mark);
                at += 1;
            }
        }
    }
    match String::from_utf8(out) {
        Ok(text) => Piece { text, span, places },
        Err(e) => Piece { text: String::from_utf8_lossy(e.as_bytes()).into_owned(), span, places: Vec::new() },
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    digits.iter().try_fold(0_u32, |n, b| n.checked_mul(radix)?.checked_add(char::from(*b).to_digit(radix)?))
}

/// The byte that two hexadecimal digits say.
fn byte(digits: &[u8]) -> Option<u8> {
    let [high, low, ..] = digits else { return None };
    Some(nibble(*high)? << 4 | nibble(*low)?)
}

/// `%41`, and `%u0041`, which ECMAScript's `escape` writes.
fn url(at: &[u8]) -> Option<Escape> {
    if let Some(digits) = at.get(1..6).and_then(|body| body.strip_prefix(b"u")) {
        return Some(Escape { says: Says::Char(char::from_u32(number(digits, 16)?)?), length: 6 });
    }
    let mut escaped = at.get(1..)?;
    // `%25` is a percent sign, and may begin an escape itself.
    for _ in 0..LAYERS_MAX {
        let Some(inner) = escaped.strip_prefix(b"25").filter(|inner| byte(inner).is_some()) else { break };
        escaped = inner;
    }
    Some(Escape { says: Says::Byte(byte(escaped)?), length: at.len() - escaped.len() + 2 })
}

/// `=41`, and a line that goes on in the next one (RFC 2045).
fn quoted(at: &[u8]) -> Option<Escape> {
    let body = at.get(1..)?;
    if let Some(byte) = byte(body) {
        return Some(Escape { says: Says::Byte(byte), length: 3 });
    }
    let length = match body {
        [b'\r', b'\n', ..] => 3,
        [b'\n', ..] => 2,
        _ => return None,
    };
    Some(Escape { says: Says::Nothing, length })
}

/// The value of a hexadecimal digit.
fn nibble(b: u8) -> Option<u8> {
    match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        b'A'..=b'F' => Some(b - b'A' + 10),
        _ => None,
    }
}

/// Names that hide words: spaces, invisible ones; and those that stand among them everywhere.
const NAMES: &[(&str, char)] = &[
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("ensp", ' '),
    ("emsp", ' '),
    ("thinsp", ' '),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("shy", '\u{ad}'),
    ("zwnj", '\u{200c}'),
    ("zwj", '\u{200d}'),
    ("ZeroWidthSpace", '\u{200b}'),
    ("period", '.'),
    ("comma", ','),
    ("colon", ':'),
    ("excl", '!'),
    ("quest", '?'),
    ("commat", '@'),
    ("lowbar", '_'),
    ("hyphen", '-'),
    ("sol", '/'),
    ("eacute", 'é'),
    ("auml", 'ä'),
    ("ouml", 'ö'),
    ("uuml", 'ü'),
    ("szlig", 'ß'),
    ("ndash", '-'),
    ("mdash", '-'),
    ("lsquo", '\''),
    ("rsquo", '\''),
    ("ldquo", '"'),
    ("rdquo", '"'),
];

fn entity(at: &[u8]) -> Option<Escape> {
    let body = at.get(1..)?;
    // `&amp;` is an ampersand, and may begin an escape by its number itself.
    let mut inner = body;
    for _ in 0..LAYERS_MAX {
        let Some(rest) = inner.strip_prefix(b"amp;") else { break };
        inner = rest;
    }
    let numbered = if inner.len() < body.len() && inner.first() == Some(&b'#') { reference(inner) } else { None };
    let (skipped, (says, length)) = match numbered {
        Some(reference) => (body.len() - inner.len(), reference),
        None => (0, reference(body)?),
    };
    Some(Escape { says: Says::Char(says), length: 1 + skipped + length })
}

/// A character by its name or number, with the semicolon behind it.
fn reference(body: &[u8]) -> Option<(char, usize)> {
    let length = body.iter().take(NAME_BYTES_MAX).take_while(|b| b.is_ascii_alphanumeric() || **b == b'#').count();
    let name = body.get(..length)?;
    let ends = usize::from(body.get(length) == Some(&b';'));
    let says = match name {
        [b'#', b'x' | b'X', digits @ ..] if !digits.is_empty() => char::from_u32(number(digits, 16)?)?,
        [b'#', digits @ ..] if !digits.is_empty() => char::from_u32(number(digits, 10)?)?,
        name if ends == 1 => NAMES.iter().find(|(known, _)| known.as_bytes() == name)?.1,
        _ => return None,
    };
    Some((says, length + ends))
}

fn backslash(at: &[u8]) -> Option<Escape> {
    let char_of = |n: u32, length: usize| Some(Escape { says: Says::Char(char::from_u32(n)?), length });
    match at.get(1)? {
        b'u' if at.get(2) == Some(&b'{') => {
            let digits = at.get(3..)?.iter().take(7).take_while(|b| b.is_ascii_hexdigit()).count();
            at.get(3 + digits).filter(|b| **b == b'}')?;
            char_of(number(at.get(3..3 + digits).filter(|d| !d.is_empty())?, 16)?, digits + 4)
        }
        b'u' => {
            let first = number(at.get(2..6)?, 16)?;
            if (0xd800..0xdc00).contains(&first) && at.get(6..8) == Some(b"\\u") {
                let second = number(at.get(8..12)?, 16)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                return char_of(0x10000 + ((first - 0xd800) << 10) + second, 12);
            }
            char_of(first, 6)
        }
        b'U' => char_of(number(at.get(2..10)?, 16)?, 10),
        b'x' => Some(Escape { says: Says::Byte(u8::try_from(number(at.get(2..4)?, 16)?).ok()?), length: 4 }),
        b'0'..=b'3' => {
            let is_said = |byte: &u8| matches!(byte, b' '..=b'~');
            let byte = u8::try_from(number(at.get(1..4)?, 8)?).ok().filter(is_said)?;
            Some(Escape { says: Says::Byte(byte), length: 4 })
        }
        _ => None,
    }
}
