//! Texts hidden in a text: what they are, how they were hidden, and how many of them are read.

use super::read;
use super::{codes, escapes, unseen, words};
use crate::layer::Layer;
use crate::span::Span;

/// Most hidden pieces that are read of one text.
pub const PIECES_MAX: usize = 64;

/// Most bytes of hidden text that are read of one text, all pieces together.
pub const HIDDEN_BYTES_MAX: usize = 64 << 10;

/// How often over a text is decoded: base64 within base64, and no further.
pub const DEPTH_MAX: usize = 2;

/// Fewest letters that make a decoded text worth reading.
const LETTERS_MIN: usize = 3;

/// A text that was hidden in another: encoded, spaced out, written with look-alike digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// What it says, folded: for words.
    pub text: String,
    /// What it says in its plain reading, with its case where the hiding kept it: for structured forms.
    pub plain: String,
    /// The stretch of the original that said it.
    pub origin: Span,
    /// How it was hidden; of what is hidden twice, the inner way.
    pub how: Hiding,
    /// The outer way, of what is hidden twice.
    pub within: Option<Hiding>,
    /// Where each part of the text stands in the original: offset here, offset there. Empty where it is known only as a whole.
    places: Vec<(u32, u32)>,
}

impl Hidden {
    /// The part of the original that says a part of [`Self::text`]; all of it where the hiding does not tell parts apart.
    #[must_use]
    pub fn place(&self, span: Span) -> Span {
        if self.places.is_empty() {
            return self.origin;
        }
        let first = self.places.partition_point(|(here, _)| *here as usize <= span.start).saturating_sub(1);
        let next = self.places.partition_point(|(here, _)| (*here as usize) < span.end);
        let start = self.places.get(first).map_or(self.origin.start, |(_, there)| *there as usize);
        let end = self.places.get(next).map_or(self.origin.end, |(_, there)| *there as usize);
        Span::new(start.max(self.origin.start), end.clamp(start, self.origin.end))
    }

    /// The same for a part of [`Self::plain`].
    #[must_use]
    pub fn place_in_plain(&self, span: Span) -> Span {
        if self.plain.len() == self.text.len() { self.place(span) } else { self.origin }
    }
}

/// A way to hide a text from a reader who looks at bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hiding {
    /// Base64 in either alphabet.
    Base64,
    /// Pairs of hexadecimal digits.
    Hex,
    /// Groups of eight binary digits.
    Binary,
    /// Letters moved by thirteen.
    Rot13,
    /// `%41`.
    Url,
    /// `&#65;` and `&amp;`.
    Entities,
    /// `\u0041`, `\x41`, `\101`.
    Escapes,
    /// Written from its end.
    Reversed,
    /// `i g n o r e`, `i.g.n.o.r.e`.
    Spacing,
    /// `1gn0r3`.
    Leet,
    /// Characters that nobody sees: tags, variation selectors, zero-width ones.
    Unseen,
}

impl Hiding {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Binary => "binary",
            Self::Rot13 => "rot13",
            Self::Url => "url",
            Self::Entities => "entities",
            Self::Escapes => "escapes",
            Self::Reversed => "reversed",
            Self::Spacing => "spacing",
            Self::Leet => "leet",
            Self::Unseen => "unseen",
        }
    }
}

/// A piece as a decoder finds it.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// What it says.
    pub text: String,
    /// Where it stands, in the layer that was decoded.
    pub span: Span,
    /// Where its parts stand, in that layer; empty where they are not told apart.
    pub places: Vec<(u32, u32)>,
}

/// What is hidden, as far as it was read.
#[derive(Debug)]
pub(super) struct Collector {
    pieces: Vec<Hidden>,
    bytes: usize,
    complete: bool,
}

impl Collector {
    /// Takes a piece if there is room for it. Whether there may be more.
    fn take(&mut self, hidden: Hidden) -> bool {
        let size = hidden.text.len().max(hidden.plain.len());
        if self.pieces.len() >= PIECES_MAX || self.bytes + size > HIDDEN_BYTES_MAX {
            self.complete = false;
            return false;
        }
        self.bytes += size;
        self.pieces.push(hidden);
        true
    }
}

/// Finds what is hidden in a text of which both readings are there. Whether all of it was read comes with it.
pub(super) fn find(original: &str, plain: &Layer<'_>, folded: &Layer<'_>) -> (Vec<Hidden>, bool) {
    let mut found = Collector { pieces: Vec::new(), bytes: 0, complete: true };
    let whole = Outer { depth: 0, origin: None, within: None };
    collect(original, plain, folded, &whole, &mut found);
    found.pieces.sort_by_key(|hidden| (hidden.origin.start, hidden.within.is_some()));
    (found.pieces, found.complete)
}

/// The text that is being decoded.
struct Outer {
    depth: usize,
    /// Where it stands in the original, if it is hidden itself.
    origin: Option<Span>,
    within: Option<Hiding>,
}

fn collect(original: &str, plain: &Layer<'_>, folded: &Layer<'_>, outer: &Outer, found: &mut Collector) {
    // What changes places of its own (words) reads the folded text, what has case reads the plain one.
    let mut inner = Vec::new();
    if !plain.is_borrowed() {
        unseen::find(original, &mut |piece| add(piece, Hiding::Unseen, None, outer, found, &mut inner));
    }
    codes::find(plain.text(), &mut |how, piece| add(piece, how, Some(plain), outer, found, &mut inner));
    escapes::find(plain.text(), &mut |how, piece| add(piece, how, Some(plain), outer, found, &mut inner));
    words::find(folded.text(), &mut |how, piece| {
        add(with_case(piece, how, original, folded), how, Some(folded), outer, found, &mut inner)
    });
    for (text, origin, how) in inner {
        let (plain, folded) = read::both(&text);
        let outer = Outer { depth: outer.depth + 1, origin: Some(origin), within: Some(how) };
        collect(&text, &plain, &folded, &outer, found);
    }
}

/// A piece of the folded text with the case that its letters have in the original: forms and codes are told by it.
fn with_case(piece: Piece, how: Hiding, original: &str, folded: &Layer<'_>) -> Piece {
    if folded.is_borrowed() || !matches!(how, Hiding::Spacing | Hiding::Rot13) {
        return piece;
    }
    let is_upper = |there: u32| {
        let place = folded.origin(Span::new(there as usize, there as usize + 1));
        original.get(place.range()).is_some_and(|stretch| stretch.starts_with(char::is_uppercase))
    };
    let mut places = piece.places.iter().peekable();
    let cased = piece.text.char_indices().map(|(at, c)| {
        let place = places.next_if(|(here, _)| *here as usize == at);
        if place.is_some_and(|(_, there)| is_upper(*there)) { c.to_ascii_uppercase() } else { c }
    });
    Piece { text: cased.collect(), ..piece }
}

/// Texts to be decoded once more: what, where, and how they were hidden.
type Inner = Vec<(String, Span, Hiding)>;

/// Keeps a piece, and remembers it for another round where there may be one.
fn add(
    piece: Piece,
    how: Hiding,
    layer: Option<&Layer<'_>>,
    outer: &Outer,
    found: &mut Collector,
    inner: &mut Inner,
) -> bool {
    if piece.text.chars().filter(|c| c.is_alphabetic()).take(LETTERS_MIN).count() < LETTERS_MIN
        && piece.text.bytes().filter(u8::is_ascii_digit).take(9).count() < 9
    {
        return true;
    }
    let back = |span: Span| layer.map_or(span, |layer| layer.origin(span));
    let (plain, folded) = read::both(&piece.text);
    let places = if outer.origin.is_none() && folded.is_in_step() {
        piece.places.into_iter().map(|(here, there)| (here, back_to(there, &back))).collect()
    } else {
        Vec::new()
    };
    let hidden = Hidden {
        text: folded.text().to_owned(),
        plain: plain.text().to_owned(),
        origin: outer.origin.unwrap_or_else(|| back(piece.span)),
        how,
        within: outer.within,
        places,
    };
    let origin = hidden.origin;
    let more = found.take(hidden);
    // Where digits were letters, no code is left to decode.
    if more && outer.depth + 1 < DEPTH_MAX && how != Hiding::Leet {
        inner.push((piece.text, origin, how));
    }
    more
}

fn back_to(there: u32, back: &impl Fn(Span) -> Span) -> u32 {
    let at = there as usize;
    u32::try_from(back(Span::new(at, at + 1)).start).unwrap_or(u32::MAX)
}
