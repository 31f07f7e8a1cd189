//! Texts hidden in a text: what they are, how they were hidden, and how many of them are read.

use super::read;
use super::words::Read;
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
        place(&self.places, self.origin, span)
    }

    /// The same for a part of [`Self::plain`].
    #[must_use]
    pub fn place_in_plain(&self, span: Span) -> Span {
        if self.has_places() { self.place(span) } else { self.origin }
    }

    /// Whether each part of [`Self::plain`] has a place of its own.
    #[must_use]
    pub fn has_places(&self) -> bool {
        !self.places.is_empty() && self.plain.len() == self.text.len()
    }
}

/// The stretch from the place of a part's beginning to that of what comes behind it.
fn place(places: &[(u32, u32)], origin: Span, span: Span) -> Span {
    if places.is_empty() {
        return origin;
    }
    let first = places.partition_point(|(here, _)| *here as usize <= span.start).saturating_sub(1);
    let next = places.partition_point(|(here, _)| (*here as usize) < span.end);
    let start = places.get(first).map_or(origin.start, |(_, there)| *there as usize);
    let end = places.get(next).map_or(origin.end, |(_, there)| *there as usize);
    Span::new(start.max(origin.start), end.clamp(start, origin.end))
}

/// A way to hide a text from a reader who looks at bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hiding {
    /// Base64 in either alphabet.
    Base64,
    /// Base32 (RFC 4648), in capitals or small letters.
    Base32,
    /// Pairs of hexadecimal digits.
    Hex,
    /// Groups of eight binary digits.
    Binary,
    /// Decimal codes of characters: `105 103 110`.
    Decimal,
    /// Letters moved by thirteen.
    Rot13,
    /// `%41`.
    Url,
    /// `&#65;` and `&amp;`.
    Entities,
    /// `\u0041`, `\x41`, `\101`.
    Escapes,
    /// `=41=42`, quoted-printable.
    Quoted,
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
            Self::Base32 => "base32",
            Self::Hex => "hex",
            Self::Binary => "binary",
            Self::Decimal => "decimal",
            Self::Rot13 => "rot13",
            Self::Url => "url",
            Self::Entities => "entities",
            Self::Escapes => "escapes",
            Self::Quoted => "quoted-printable",
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

/// What is hidden, as far as it was read, and what may go on at the end. All places are those of the original.
#[derive(Clone, Debug, Default)]
pub(super) struct Collected {
    pub pieces: Vec<Hidden>,
    /// What stands apart and is read as it is.
    pub exact: Vec<Hidden>,
    /// What there was no room for.
    pub left_out: bool,
    /// The pieces in which what stands apart is read.
    pub rows: Vec<Span>,
    /// Those that end where the text does, but for little, and tell parts apart.
    pub going_on: Vec<Hidden>,
    /// Where something begins of which nothing is told before it is whole.
    pub unfinished: Option<usize>,
    bytes: usize,
}

impl Collected {
    /// Takes a piece if there is room for it. Whether there may be more.
    fn take(&mut self, hidden: Hidden, read: Read) -> bool {
        let size = hidden.text.len().max(hidden.plain.len());
        if self.pieces.len() + self.exact.len() >= PIECES_MAX || self.bytes + size > HIDDEN_BYTES_MAX {
            self.left_out = true;
            return false;
        }
        self.bytes += size;
        let list = if read == Read::Exactly { &mut self.exact } else { &mut self.pieces };
        list.push(hidden);
        true
    }

    fn is_unfinished(&mut self, from: usize) {
        self.unfinished = Some(self.unfinished.map_or(from, |known| known.min(from)));
    }
}

/// Finds what is hidden in a text of which both readings are there.
pub(super) fn find(original: &str, plain: &Layer<'_>, folded: &Layer<'_>) -> Collected {
    let mut found = Collected::default();
    collect(original, plain, folded, &Outer::default(), &mut found);
    found.pieces.sort_by_key(|hidden| (hidden.origin.start, hidden.within.is_some()));
    found
}

/// The text that is being decoded.
#[derive(Default)]
struct Outer<'w> {
    depth: usize,
    /// Where it stands in the original, if it is hidden itself.
    within: Option<&'w Within>,
}

/// A hidden text that is decoded once more.
struct Within {
    how: Hiding,
    text: String,
    origin: Span,
    /// Where its parts stand in the original, if they are told apart.
    places: Vec<(u32, u32)>,
    /// The text ends with it, but for little.
    goes_on: bool,
}

impl Outer<'_> {
    /// Where a stretch of it stands in the original.
    fn place(&self, span: Span) -> Span {
        self.within.map_or(span, |within| place(&within.places, within.origin, span))
    }

    /// Whether the parts of it are told apart.
    fn has_places(&self) -> bool {
        self.within.is_none_or(|within| !within.places.is_empty())
    }

    /// Whether more of it may come.
    fn goes_on(&self) -> bool {
        self.within.is_none_or(|within| within.goes_on)
    }
}

fn collect(original: &str, plain: &Layer<'_>, folded: &Layer<'_>, outer: &Outer<'_>, found: &mut Collected) {
    // What changes places of its own (words) reads the folded text, what has case reads the plain one.
    let mut inner = Vec::new();
    if !plain.is_borrowed() {
        unseen::find(original, &mut |piece| add(piece, Read::As(Hiding::Unseen), None, outer, found, &mut inner));
    }
    codes::find(plain.text(), &mut |how, piece| add(piece, Read::As(how), Some(plain), outer, found, &mut inner));
    escapes::find(plain.text(), &mut |how, piece| add(piece, Read::As(how), Some(plain), outer, found, &mut inner));
    let rows = words::find(folded.text(), &mut |read, piece| {
        add(with_case(piece, read, original, folded), read, Some(folded), outer, found, &mut inner)
    });
    if outer.goes_on() {
        let begun = |layer: &Layer<'_>, at: usize| outer.place(layer.origin(Span::new(at, at + 1))).start;
        codes::begun(plain.text()).into_iter().for_each(|at| found.is_unfinished(begun(plain, at)));
        rows.open.into_iter().for_each(|at| found.is_unfinished(begun(folded, at)));
    }
    if outer.within.is_none() {
        found.rows = rows.pieces.into_iter().map(|span| folded.origin(span)).collect();
    }
    for within in inner {
        let (plain, folded) = read::both(&within.text);
        let outer = Outer { depth: outer.depth + 1, within: Some(&within) };
        collect(&within.text, &plain, &folded, &outer, found);
    }
}

/// A piece of the folded text with the case that its letters have in the original: forms and codes are told by it.
fn with_case(piece: Piece, read: Read, original: &str, folded: &Layer<'_>) -> Piece {
    let keeps = matches!(read, Read::Exactly | Read::As(Hiding::Spacing | Hiding::Rot13));
    if folded.is_borrowed() || !keeps {
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

/// Keeps a piece, and remembers it for another round where there may be one.
fn add(
    piece: Piece,
    read: Read,
    layer: Option<&Layer<'_>>,
    outer: &Outer<'_>,
    found: &mut Collected,
    inner: &mut Vec<Within>,
) -> bool {
    let goes_on = outer.within.is_none() && goes_on(&piece, read, layer);
    let is_small = piece.text.chars().filter(|c| c.is_alphabetic()).take(LETTERS_MIN).count() < LETTERS_MIN
        && piece.text.bytes().filter(u8::is_ascii_digit).take(9).count() < 9;
    if is_small && !goes_on {
        return true;
    }
    let back = |span: Span| outer.place(layer.map_or(span, |layer| layer.origin(span)));
    let (plain, folded) = read::both(&piece.text);
    let places: Vec<(u32, u32)> = if outer.has_places() {
        piece.places.iter().map(|(here, there)| (*here, back_to(*there, &back))).collect()
    } else {
        Vec::new()
    };
    let how = if let Read::As(how) = read { how } else { Hiding::Spacing };
    let origin = back(piece.span);
    let hidden = Hidden {
        text: folded.text().to_owned(),
        plain: plain.text().to_owned(),
        origin,
        how,
        within: outer.within.map(|within| within.how),
        places: if folded.is_in_step() { places.clone() } else { Vec::new() },
    };
    if goes_on {
        found.going_on.push(hidden.clone());
    }
    if is_small {
        return true;
    }
    let more = found.take(hidden, read);
    // Where digits were letters, no code is left to decode.
    if more && outer.depth + 1 < DEPTH_MAX && !matches!(read, Read::Exactly | Read::As(Hiding::Leet)) {
        inner.push(Within { how, text: piece.text, origin, places, goes_on });
    }
    more
}

/// Whether more of a piece may come: it ends where the text does, but for as much as may stand between its parts.
fn goes_on(piece: &Piece, read: Read, layer: Option<&Layer<'_>>) -> bool {
    let gap = match read {
        Read::As(Hiding::Url | Hiding::Entities | Hiding::Escapes | Hiding::Quoted) => escapes::GAP_BYTES_MAX,
        Read::Exactly => words::GAP_MAX,
        Read::As(_) => return false,
    };
    layer.is_some_and(|layer| piece.span.end + gap >= layer.text().len())
}

fn back_to(there: u32, back: &impl Fn(Span) -> Span) -> u32 {
    let at = there as usize;
    u32::try_from(back(Span::new(at, at + 1)).start).unwrap_or(u32::MAX)
}
