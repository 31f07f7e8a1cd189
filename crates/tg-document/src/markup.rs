//! XML, read strictly: elements, attributes and texts in their order. No entities but XML's own five, no document types.

use crate::Unread;
use crate::budget::Budget;
use std::borrow::Cow;
use xmlparser::{ElementEnd, Token, Tokenizer};

/// How deep elements may lie within each other.
pub(crate) const ELEMENTS_DEPTH_MAX: usize = 512;

/// What comes next.
pub(crate) enum Event<'a> {
    /// An element begins: its prefix and its name.
    Begins(&'a str, &'a str),
    /// One of its attributes, by its name without prefix.
    Attribute(&'a str, Cow<'a, str>),
    /// All of its attributes were told.
    Opened,
    /// A text.
    Text(Cow<'a, str>),
    /// The element of this name ends.
    Ends(&'a str),
}

/// A part of a package as a text.
pub(crate) fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, Unread> {
    let wide = |bytes: &[u8], of: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| of(*pair)).collect();
        let text = String::from_utf16(&units).ok().filter(|_| rest.is_empty());
        text.map(Cow::Owned).ok_or(Unread::Damaged)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            std::str::from_utf8(rest).map(Cow::Borrowed).map_err(|_| Unread::Damaged)
        }
    }
}

/// Tells all that stands in a text of XML.
pub(crate) fn walk<'a>(
    xml: &'a str,
    budget: &mut Budget,
    mut tell: impl FnMut(Event<'a>, &mut Budget) -> Result<(), Unread>,
) -> Result<(), Unread> {
    let mut open: Vec<(&str, &str)> = Vec::new();
    for token in Tokenizer::from(xml) {
        budget.step()?;
        match token.map_err(|_| Unread::Damaged)? {
            Token::Declaration { encoding, .. } => {
                let known = ["utf-8", "utf8", "utf-16", "us-ascii", "ascii"];
                let is_known = encoding.is_none_or(|own| known.contains(&&*own.as_str().to_ascii_lowercase()));
                if !is_known {
                    return Err(Unread::Damaged);
                }
            }
            Token::ElementStart { prefix, local, .. } => {
                open.push((prefix.as_str(), local.as_str()));
                if open.len() > ELEMENTS_DEPTH_MAX {
                    return Err(Unread::TooLarge);
                }
                tell(Event::Begins(prefix.as_str(), local.as_str()), budget)?;
            }
            Token::Attribute { prefix, local, value, .. } => {
                if prefix.as_str() != "xmlns" {
                    tell(Event::Attribute(local.as_str(), resolved(value.as_str())?), budget)?;
                }
            }
            Token::ElementEnd { end, .. } => {
                if !matches!(end, ElementEnd::Close(..)) {
                    tell(Event::Opened, budget)?;
                }
                let closes = match end {
                    ElementEnd::Open => continue,
                    ElementEnd::Empty => open.pop(),
                    ElementEnd::Close(prefix, local) => {
                        open.pop().filter(|own| *own == (prefix.as_str(), local.as_str()))
                    }
                };
                tell(Event::Ends(closes.ok_or(Unread::Damaged)?.1), budget)?;
            }
            Token::Text { text } => tell(Event::Text(resolved(text.as_str())?), budget)?,
            Token::Cdata { text, .. } => tell(Event::Text(Cow::Borrowed(text.as_str())), budget)?,
            Token::Comment { .. } | Token::ProcessingInstruction { .. } => {}
            Token::DtdStart { .. }
            | Token::EmptyDtd { .. }
            | Token::EntityDeclaration { .. }
            | Token::DtdEnd { .. } => {
                return Err(Unread::Damaged);
            }
        }
    }
    if open.is_empty() { Ok(()) } else { Err(Unread::Damaged) }
}

/// A text with its entities resolved.
fn resolved(text: &str) -> Result<Cow<'_, str>, Unread> {
    let Some((head, mut rest)) = text.split_once('&') else { return Ok(Cow::Borrowed(text)) };
    let mut out = String::from(head);
    loop {
        let (name, behind) = rest.split_once(';').ok_or(Unread::Damaged)?;
        out.push(entity(name).ok_or(Unread::Damaged)?);
        match behind.split_once('&') {
            Some((own, further)) => {
                out.push_str(own);
                rest = further;
            }
            None => {
                out.push_str(behind);
                return Ok(Cow::Owned(out));
            }
        }
    }
}

fn entity(name: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix('#')?.strip_prefix('x') {
            Some(digits) => number(digits, 16),
            None => number(name.strip_prefix('#')?, 10),
        },
    }
}
