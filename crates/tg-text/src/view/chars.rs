//! What each character is to a reading: kept, dropped, made plain; and the letter that it looks like.

use std::sync::OnceLock;
use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfkc_quick};

/// What the plain reading does with a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Stays as it is.
    Keep,
    /// Nobody sees it.
    Invisible,
    /// Becomes this character.
    Becomes(char),
    /// Has another compatibility form.
    Compose,
    /// Belongs to the character before it.
    Mark,
}

const KEEP: u8 = 0;
const INVISIBLE: u8 = 1;
const BECOMES: u8 = 2;
const COMPOSE: u8 = 3;
const MARK: u8 = 4;
/// Kept, and a letter that is neither Latin nor like a Latin one, and is its own folded form.
const FOREIGN: u8 = 5;

/// Class of every character of the basic plane, computed once.
fn classes() -> &'static [u8] {
    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    let of = |c: char| match compute(c) {
        KEEP if c.is_alphabetic() && !is_latin(c) && likeness(c).is_none() && fold(c) == Folded::Same => FOREIGN,
        class => class,
    };
    TABLE.get_or_init(|| (0..=0xffff).map(|n| char::from_u32(n).map_or(KEEP, of)).collect())
}

/// Whether a character stays what it is in both readings, and is a letter that nobody takes for a Latin one; of the basic
/// plane, but not all of them.
pub(super) fn is_foreign(c: char) -> bool {
    classes().get(c as usize) == Some(&FOREIGN)
}

/// Whether a letter is Latin.
pub(super) fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c as u32, 0xc0..=0x24f | 0x250..=0x2af | 0x1d00..=0x1d7f | 0x1e00..=0x1eff)
}

/// Computes the tables now rather than with the first text.
pub fn warm() {
    classes();
    folds();
    likeness('а');
}

pub(super) fn class(c: char) -> Class {
    let code = match classes().get(c as usize) {
        Some(code) => *code,
        // Pictures and the rarer ideographs, which are most of what there is beyond the basic plane.
        None if matches!(c as u32, 0x1f200..=0x1faff | 0x20000..=0x2f7ff) => KEEP,
        None => compute(c),
    };
    match code {
        INVISIBLE => Class::Invisible,
        BECOMES => one_kind(c).map_or(Class::Keep, Class::Becomes),
        COMPOSE => Class::Compose,
        MARK => Class::Mark,
        _ => Class::Keep,
    }
}

fn compute(c: char) -> u8 {
    if is_invisible(c) {
        return INVISIBLE;
    }
    // Those that enclose have no combining class.
    if is_drawn(c) {
        return MARK;
    }
    if one_kind(c).is_some() {
        return BECOMES;
    }
    let quick = is_nfkc_quick(std::iter::once(c));
    if canonical_combining_class(c) != 0 || matches!(quick, IsNormalized::Maybe) {
        return MARK;
    }
    if matches!(quick, IsNormalized::No) { COMPOSE } else { KEEP }
}

/// Characters that leave no mark: zero width, soft hyphens, controls, bidirectional marks, selectors, tags. No reading has them.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(c as u32,
        0x00..=0x08 | 0x0e..=0x1f | 0x7f..=0x84 | 0x86..=0x9f | 0xad | 0x34f | 0x61c | 0x115f..=0x1160
        | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164
        | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
        | 0xe0000..=0xe0fff)
}

/// Marks that strike a character through, underline it or draw something round it: it is the same without them, in each reading.
pub(super) fn is_drawn(c: char) -> bool {
    matches!(c as u32,
        0x305 | 0x332..=0x338 | 0x33f | 0x35e..=0x35f | 0x488..=0x489 | 0x20d2..=0x20d3 | 0x20d8..=0x20da
        | 0x20dd..=0x20e0 | 0x20e2..=0x20e6 | 0x20ea..=0x20eb)
}

/// Characters that some reading has nothing for: those that nobody sees, and marks on others.
#[must_use]
pub fn is_left_out(c: char) -> bool {
    !c.is_ascii() && is_accent(c) || is_invisible(c)
}

/// The one character for all of a kind: spaces, dashes, quotation marks, digits of all scripts.
fn one_kind(c: char) -> Option<char> {
    if c.is_ascii() {
        return None;
    }
    match c as u32 {
        0xa0 | 0x1680 | 0x2000..=0x200a | 0x202f | 0x205f | 0x2800 | 0x3000 => Some(' '),
        0x85 | 0x2028 | 0x2029 => Some('\n'),
        0x58a
        | 0x5be
        | 0x1806
        | 0x2010..=0x2015
        | 0x2043
        | 0x207b
        | 0x208b
        | 0x2212
        | 0x2e3a
        | 0x2e3b
        | 0xfe58
        | 0xfe63
        | 0xff0d => Some('-'),
        0x2018..=0x201b | 0x2b9 | 0x2bc | 0x2032 | 0x60c => Some(if c as u32 == 0x60c { ',' } else { '\'' }),
        0x201c..=0x201f | 0x2033 | 0xab | 0xbb => Some('"'),
        0x2044 | 0x2215 => Some('/'),
        0x2236 => Some(':'),
        0x2024 => Some('.'),
        _ => digit(c),
    }
}

/// First digit of each script that has ten of its own; compatibility forms of the Latin ones have their own rule.
const ZEROS: &[u32] = &[
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
    0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0,
    0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0,
    0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16a60,
    0x16ac0, 0x16b50, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e950,
];

fn digit(c: char) -> Option<char> {
    let n = c as u32;
    let index = ZEROS.partition_point(|zero| *zero <= n).checked_sub(1)?;
    let value = n - ZEROS.get(index)?;
    let value = match n {
        // Digits in filled and sans-serif circles, which have no compatibility form.
        0x2776..=0x277e => n - 0x2775,
        0x2780..=0x2788 => n - 0x277f,
        0x278a..=0x2792 => n - 0x2789,
        0x24ff => 0,
        _ if value < 10 => value,
        _ => return None,
    };
    char::from_digit(value, 10)
}

/// Whether a mark is an accent, which the folded reading drops. Vowel signs and voicing marks are letters of their words.
pub(super) fn is_accent(c: char) -> bool {
    matches!(c as u32, 0x300..=0x36f | 0x483..=0x489 | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe20..=0xfe2f)
}

/// What the folded reading writes for a character.
pub(super) fn fold(c: char) -> Folded {
    let (index, texts) = folds();
    match index.get(c as usize) {
        Some(0) => Folded::Same,
        Some(at) => texts.get(usize::from(*at)).map_or(Folded::Same, |text| Folded::As(text)),
        None => squared(c).map_or(Folded::Same, Folded::Letter),
    }
}

/// A character, folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folded {
    /// Nothing to fold.
    Same,
    /// An ASCII letter.
    Letter(char),
    /// Something else; may be empty.
    As(&'static str),
}

/// Where each character of the basic plane finds its folded text; nought is itself.
type Folds = (Vec<u16>, Vec<Box<str>>);

fn folds() -> &'static Folds {
    static TABLE: OnceLock<Folds> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut texts: Vec<Box<str>> = vec![Box::from("")];
        let index = (0..=0xffff_u32).map(|n| {
            let c = char::from_u32(n)?;
            let folded = compute_fold(c)?;
            texts.push(folded.into());
            u16::try_from(texts.len() - 1).ok()
        });
        let index = index.map(Option::unwrap_or_default).collect();
        (index, texts)
    })
}

fn compute_fold(c: char) -> Option<String> {
    if matches!(c as u32, 0x2e80..=0xa4cf | 0xac00..=0xf8ff) {
        return None; // ideographs, syllables, surrogates, private use
    }
    let known = LOOKS.iter().find(|(from, _)| from.contains(c));
    if let Some((from, to)) = known {
        let at = from.chars().position(|f| f == c)?;
        return to.split(' ').nth(at).map(str::to_owned);
    }
    if !c.is_alphabetic() && !is_accent(c) {
        return None;
    }
    let lower: String = c.to_lowercase().collect();
    let bare: String =
        if matches!(c, 'й' | 'Й') { "й".to_owned() } else { lower.nfd().filter(|d| !is_accent(*d)).nfc().collect() };
    let known = bare.chars().next().filter(|first| *first != c && bare.chars().count() == 1).and_then(compute_known);
    let folded = known.unwrap_or(bare);
    (folded.chars().ne(std::iter::once(c))).then_some(folded)
}

/// A letter whose capital or accented form was folded to one that has an entry of its own (Ø, Ǿ).
fn compute_known(c: char) -> Option<String> {
    LOOKS.iter().any(|(from, _)| from.contains(c)).then(|| compute_fold(c)).flatten()
}

/// Letters that have no decomposition but are read as Latin ones: of other Latin alphabets, small capitals, turned.
const LOOKS: &[(&str, &str)] = &[
    (
        "ßæœøđðłħŧıȷþŋƀɓƃƈɗɖɛǝəɠɡɣɦɨɩƙɫɬɭɱɲɳƞɔɵƥɽʂƫƭʈʉʋƴʐƶȥ",
        "ss ae oe o d d l h t i j th n b b b c d d e e e g g g h i i k l l l m n n n o o p r s t t t u v y z z z",
    ),
    ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "a b c d e f g h i j k l m n o p q r s t u v w y z"),
    ("ɐɒɟƃɥᴉɾʞɯɹʇʌʍʎꓤꓯ", "a a f g h i j k m r t v w y r a"),
    ("ɑℂℓℐℑℕℙℚℝℤℯℊℴ", "a c l i i n p q r z e g o"),
];

/// Letters in filled circles and squares, and those of flags.
fn squared(c: char) -> Option<char> {
    let n = c as u32;
    let at = match n {
        0x1f150..=0x1f169 => n - 0x1f150,
        0x1f170..=0x1f189 => n - 0x1f170,
        0x1f1e6..=0x1f1ff => n - 0x1f1e6,
        _ => return None,
    };
    char::from_u32(u32::from(b'a') + at)
}

/// How much a foreign letter looks like a Latin one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// So much that a word of nothing else is taken for a Latin one.
    Twin(char),
    /// So much that in a word with Latin letters it is taken for one.
    Like(char),
}

/// First and one behind the last of the letters of which the likeness is kept in a table: Greek, Cyrillic, Armenian;
/// Cherokee, Coptic, Lisu.
const TABLED: [std::ops::Range<u32>; 4] = [0x370..0x590, 0x13a0..0x13f5, 0x2c80..0x2d00, 0xa4d0..0xa500];

/// The Latin letter that a letter of another alphabet looks like. Letters keep their case here: В looks like B, в does not.
pub(super) fn likeness(c: char) -> Option<Likeness> {
    static TABLES: OnceLock<[Vec<Option<Likeness>>; 4]> = OnceLock::new();
    let n = c as u32;
    let which = TABLED.iter().position(|range| range.contains(&n))?;
    let computed = |n| char::from_u32(n).and_then(compute_likeness);
    let tables = TABLES.get_or_init(|| TABLED.map(|range| range.map(computed).collect()));
    let first = TABLED.get(which)?.start;
    tables.get(which)?.get((n - first) as usize).copied().flatten()
}

fn compute_likeness(c: char) -> Option<Likeness> {
    find(TWINS, c).map(Likeness::Twin).or_else(|| find(LIKES, c).map(Likeness::Like))
}

fn find(pairs: &[(&str, &str)], c: char) -> Option<char> {
    pairs.iter().find_map(|(from, to)| {
        let at = from.chars().position(|f| f == c)?;
        to.as_bytes().get(at).map(|b| char::from(*b))
    })
}

const TWINS: &[(&str, &str)] = &[
    ("аеорсухіјѕԁԛԝһӏѵ", "aeopcyxijsdqwhlv"),
    ("АЕОРСУХІЈЅԚԜҺӀҮ", "aeopcyxijsqwhly"),
    // Cherokee and Lisu capitals, Coptic: alphabets that hardly ever meet a gateway, but for their looks.
    ("ᎠᎡᎢᎥᎩᎪᎫᎬᎳᎷᎻᏀᏃᏆᏒᏔᏚᏞᏢᏦᏮᏴ", "driiyajewmhgziqrwslpkb"),
    ("ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "bpdtgkjczfmnlsrvhwxyaeiou"),
    ("ⲀⲂⲈⲎⲒⲔⲘⲚⲞⲢⲤⲦⲨⲬ", "abehikmnopctyx"),
];

const LIKES: &[(&str, &str)] = &[
    ("вгийкмнптшяьзбёґүԍ", "bruukmhntwrb3berug"),
    ("ВГИЙКМНПТШЯЬЗБЁҐԌ", "bruukmhntwrb3berg"),
    ("αβγεικνορτυχωηωςσϲϳ", "abyeiknoptuxwnwsocj"),
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϺ", "abezhikmnoptyxcm"),
    ("աօոսցգհյզքՍՕԼՏ", "wonuggh3qpuols"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_pair_as_they_should() {
        for (from, to) in LOOKS {
            assert_eq!(from.chars().count(), to.split(' ').count(), "{from}");
        }
        for (from, to) in TWINS.iter().chain(LIKES) {
            assert_eq!(from.chars().count(), to.len(), "{from}");
        }
        assert!(ZEROS.is_sorted());
    }

    #[test]
    fn characters_have_their_class() {
        for (c, class_of) in [
            ('a', Class::Keep),
            ('é', Class::Keep),
            ('я', Class::Keep),
            ('語', Class::Keep),
            ('\u{200b}', Class::Invisible),
            ('\u{e0041}', Class::Invisible),
            ('\u{0}', Class::Invisible),
            ('\u{a0}', Class::Becomes(' ')),
            ('–', Class::Becomes('-')),
            ('٣', Class::Becomes('3')),
            ('߉', Class::Becomes('9')),
            ('❼', Class::Becomes('7')),
            ('’', Class::Becomes('\'')),
            ('ﬁ', Class::Compose),
            ('Ａ', Class::Compose),
            ('\u{1d400}', Class::Compose),
            ('\u{301}', Class::Mark),
            ('\u{336}', Class::Mark),
            ('\u{20e3}', Class::Mark),
            ('😀', Class::Keep),
        ] {
            assert_eq!(class(c), class_of, "{c:?}");
        }
    }

    #[test]
    fn letters_fold() {
        let folded = |c: char| match fold(c) {
            Folded::Same => c.to_string(),
            Folded::Letter(l) => l.to_string(),
            Folded::As(text) => text.to_owned(),
        };
        for (c, to) in [
            ('A', "a"),
            ('É', "e"),
            ('ß', "ss"),
            ('Ø', "o"),
            ('Ǿ', "o"),
            ('ᴀ', "a"),
            ('й', "й"),
            ('Й', "й"),
            ('ё', "е"),
            ('が', "が"),
            ('İ', "i"),
            ('\u{301}', ""),
            ('🅰', "a"),
            ('Σ', "σ"),
            ('1', "1"),
            ('ə', "e"),
            ('ứ', "u"),
        ] {
            assert_eq!(folded(c), to, "{c:?}");
        }
    }
}
