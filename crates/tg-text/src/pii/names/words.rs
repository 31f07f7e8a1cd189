//! A text as words: letters, digits, marks and line ends, each with its place and its case.

/// One word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub start: usize,
    pub end: usize,
    pub shape: Shape,
    /// The hash of its lower-case form.
    pub hash: u32,
    /// The hash of its last three letters.
    pub tail: u32,
}

/// What a word looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Shape {
    /// `name`
    Lower,
    /// `Name`
    Capital,
    /// `NAME`
    Upper,
    /// `N`
    Initial,
    /// `McName`, `aName`
    Mixed,
    /// Up to three digits.
    Short,
    /// Four digits.
    Four,
    /// Five and more.
    Long,
    /// Letters with digits.
    Code,
    Comma,
    Dot,
    Line,
    Mark,
    Other,
}

impl Shape {
    pub(super) fn is_word(self) -> bool {
        matches!(self, Self::Lower | Self::Capital | Self::Upper | Self::Initial | Self::Mixed)
    }

    pub(super) fn is_capital(self) -> bool {
        matches!(self, Self::Capital | Self::Upper | Self::Initial | Self::Mixed)
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Short | Self::Four | Self::Long | Self::Code)
    }
}

const BASIS: u32 = 0x811c_9dc5;

fn mix(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

/// The hash of a word without its case.
pub(super) fn hash_of(word: &str) -> u32 {
    if word.is_ascii() {
        return word.bytes().fold(BASIS, |hash, b| mix(hash, b.to_ascii_lowercase()));
    }
    let mut buffer = [0; 4];
    word.chars().flat_map(char::to_lowercase).fold(BASIS, |hash, c| c.encode_utf8(&mut buffer).bytes().fold(hash, mix))
}

/// Splits a text; blanks are left out.
pub(super) fn split(text: &str) -> Vec<Word> {
    let mut words = Vec::with_capacity(text.len() / 5);
    let mut rest = text.char_indices().peekable();
    while let Some((start, c)) = rest.next() {
        if c == ' ' || c == '\t' || c == '\r' {
            continue;
        }
        let mut end = start + c.len_utf8();
        if c.is_alphanumeric() {
            // An apostrophe, a dash or a dot within: O'Neil, Jean-Luc. The `'s` of a possession stands for itself.
            while let Some((at, next)) = rest.peek().copied() {
                let inner = matches!(next, '\'' | '’' | '-') && text.get(at + next.len_utf8()..).is_some_and(joins);
                if !(next.is_alphanumeric() || inner) {
                    break;
                }
                end = at + next.len_utf8();
                rest.next();
            }
        }
        if let Some(word) = text.get(start..end) {
            words.push(Word { start, end, shape: shape(word, c), hash: hash_of(word), tail: tail(word) });
        }
    }
    words
}

/// Whether what follows an apostrophe or dash goes on with the word.
fn joins(rest: &str) -> bool {
    let mut chars = rest.chars();
    let (first, second) = (chars.next(), chars.next());
    let possession = matches!(first, Some('s' | 'S')) && second.is_none_or(|c| !c.is_alphanumeric());
    first.is_some_and(char::is_alphabetic) && !possession
}

fn tail(word: &str) -> u32 {
    let from = word.char_indices().rev().nth(2).map_or(0, |(at, _)| at);
    word.get(from..).map_or(0, hash_of)
}

fn shape(word: &str, first: char) -> Shape {
    match first {
        ',' => return Shape::Comma,
        '.' => return Shape::Dot,
        '\n' => return Shape::Line,
        _ if !first.is_alphanumeric() => return Shape::Mark,
        _ => {}
    }
    let (mut upper, mut lower, mut digits, mut all) = (0, 0, 0, 0);
    for c in word.chars() {
        all += 1;
        upper += usize::from(c.is_uppercase());
        lower += usize::from(c.is_lowercase());
        digits += usize::from(c.is_numeric());
    }
    match () {
        () if digits == all && all <= 3 => Shape::Short,
        () if digits == all && all == 4 => Shape::Four,
        () if digits == all => Shape::Long,
        () if digits > 0 => Shape::Code,
        () if upper == 0 && lower > 0 => Shape::Lower,
        () if upper == 0 => Shape::Other,
        () if all == 1 => Shape::Initial,
        () if lower == 0 => Shape::Upper,
        () if upper == 1 && first.is_uppercase() => Shape::Capital,
        () => Shape::Mixed,
    }
}
