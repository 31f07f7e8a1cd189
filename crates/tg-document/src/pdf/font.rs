//! Fonts: which letters the codes of a text stand for, and how wide they are.

use super::letters::{LETTER_ROOM, Letters};
use super::page::SHOWN_BYTES_MAX;
use lopdf::{Dictionary, Document, Encoding, Object};
use std::collections::HashMap;

/// Largest map from codes to letters.
const MAP_BYTES_MAX: usize = 1 << 20;

/// How wide a letter is that nobody measured, in thousandths of its size.
const WIDTH_USUAL: f32 = 500.0;

/// Widths of this many codes are taken of one font.
const WIDTHS_MAX: usize = 1 << 16;

/// Stands for a letter that is not known.
pub(super) const UNKNOWN: char = char::REPLACEMENT_CHARACTER;

/// Set in the flags of a font whose codes mean what it says itself.
const SYMBOLIC: i64 = 4;

/// Letters by their codes, one byte each.
type Table = Vec<Option<String>>;

/// A font.
pub(super) enum Font {
    /// One byte for each letter.
    Narrow { letters: Table, otherwise: Option<Table>, first: usize, widths: Vec<f32>, usual: f32 },
    /// Several bytes for a letter; `None` where nobody says what they mean.
    Wide { letters: Option<Letters>, widths: HashMap<u16, f32>, usual: f32 },
}

/// What a text in a font says.
pub(super) struct Shown {
    pub(super) text: String,
    /// The same by the names of its letters, where these say something else than the map for readers.
    pub(super) otherwise: Option<String>,
    /// How wide its letters are together, in thousandths of their size.
    pub(super) width: f32,
    /// How many letters it has, and how many of them are blanks.
    pub(super) letters: usize,
    pub(super) blanks: usize,
}

fn number(object: &Object) -> Option<f32> {
    object.as_float().ok()
}

impl Font {
    pub(super) fn of(dict: &Dictionary, document: &Document) -> Self {
        let is_wide = dict.get_deref(b"Subtype", document).and_then(Object::as_name).is_ok_and(|name| name == b"Type0");
        if is_wide { Self::wide(dict, document) } else { Self::narrow(dict, document) }
    }

    fn wide(dict: &Dictionary, document: &Document) -> Self {
        let encoding = dict.get_deref(b"Encoding", document).and_then(Object::as_name).unwrap_or_default();
        let is_unicode = encoding.starts_with(b"Uni") && ["UCS2", "UTF16"].iter().any(|kind| contains(encoding, kind));
        let is_in_pairs = encoding.starts_with(b"Identity");
        let letters = map(dict, document, is_in_pairs).or_else(|| is_unicode.then_some(Letters::Unicode));
        let descendant = dict.get_deref(b"DescendantFonts", document).and_then(Object::as_array).ok();
        let descendant = descendant.and_then(|all| all.first()).and_then(|first| document.dereference(first).ok());
        let descendant = descendant.and_then(|(_, object)| object.as_dict().ok());
        let usual = descendant.and_then(|own| number(own.get_deref(b"DW", document).ok()?)).unwrap_or(1000.0);
        let widths = descendant.and_then(|own| own.get_deref(b"W", document).and_then(Object::as_array).ok());
        Self::Wide { letters, widths: widths.map(|all| wide_widths(all, document)).unwrap_or_default(), usual }
    }

    fn narrow(dict: &Dictionary, document: &Document) -> Self {
        let mapped = map(dict, document, false);
        let mapped =
            mapped.map(|map| (0..=u8::MAX).map(|code| map.of(u32::from(code)).map(str::to_owned)).collect::<Table>());
        let named = by_names(dict, document);
        let (letters, otherwise) = match (mapped, named) {
            (Some(mapped), Some(named)) => {
                let says_else = mapped.iter().zip(&named).any(|(one, other)| one != other && other.is_some());
                let both = mapped.into_iter().zip(&named).map(|(one, other)| one.or_else(|| other.clone())).collect();
                (both, says_else.then_some(named))
            }
            (Some(own), None) | (None, Some(own)) => (own, None),
            (None, None) => (vec![None; 256], None),
        };
        let scale = dict.get_deref(b"FontMatrix", document).and_then(Object::as_array).ok();
        let scale = scale.and_then(|matrix| number(matrix.first()?)).map_or(1.0, |scale| scale * 1000.0);
        let widths = dict.get_deref(b"Widths", document).and_then(Object::as_array).ok();
        let widths = widths.into_iter().flatten().take(256).map(|width| {
            document.dereference(width).ok().and_then(|(_, width)| number(width)).unwrap_or(WIDTH_USUAL) * scale
        });
        let first = dict.get_deref(b"FirstChar", document).and_then(Object::as_i64).ok();
        let first = first.and_then(|first| usize::try_from(first).ok()).unwrap_or_default();
        Self::Narrow { letters, otherwise, first, widths: widths.collect(), usual: WIDTH_USUAL }
    }

    /// How much room it takes, in bytes.
    pub(super) fn room(&self) -> usize {
        let of =
            |table: &Table| table.iter().map(|own| LETTER_ROOM + own.as_ref().map_or(0, String::len)).sum::<usize>();
        match self {
            Self::Narrow { letters, otherwise, widths, .. } => {
                of(letters) + otherwise.as_ref().map_or(0, of) + size_of_val(widths.as_slice())
            }
            Self::Wide { letters, widths, .. } => {
                LETTER_ROOM * (1 + widths.len()) + letters.as_ref().map_or(0, Letters::room)
            }
        }
    }

    /// What a text in it says; no more of it than pages may show.
    pub(super) fn shows(&self, codes: &[u8]) -> Shown {
        match self {
            Self::Narrow { letters, otherwise, first, widths, usual } => {
                let width = |code: &u8| {
                    usize::from(*code).checked_sub(*first).and_then(|at| widths.get(at)).copied().unwrap_or(*usual)
                };
                Shown {
                    text: spelt(letters, codes),
                    otherwise: otherwise.as_ref().map(|table| spelt(table, codes)),
                    width: codes.iter().map(width).sum(),
                    letters: codes.len(),
                    blanks: codes.iter().filter(|code| **code == b' ').count(),
                }
            }
            Self::Wide { letters, widths, usual } => {
                let (pairs, rest) = codes.as_chunks::<2>();
                let count = pairs.len() + rest.len();
                let text = letters.as_ref().map(|letters| letters.spell(codes));
                let width = |pair: &[u8; 2]| widths.get(&u16::from_be_bytes(*pair)).copied().unwrap_or(*usual);
                Shown {
                    text: text.unwrap_or_else(|| UNKNOWN.to_string().repeat(count)),
                    otherwise: None,
                    width: pairs.iter().map(width).sum(),
                    letters: count,
                    blanks: 0,
                }
            }
        }
    }
}

fn contains(name: &[u8], word: &str) -> bool {
    name.windows(word.len()).any(|part| part == word.as_bytes())
}

/// The map for readers that a font has.
fn map(dict: &Dictionary, document: &Document, is_in_pairs: bool) -> Option<Letters> {
    let stream = dict.get_deref(b"ToUnicode", document).and_then(Object::as_stream).ok()?;
    Letters::read(&stream.get_plain_content_with_limit(MAP_BYTES_MAX).ok()?, is_in_pairs)
}

/// The letters of a font by the names that it gives them; `None` where it gives none.
fn by_names(dict: &Dictionary, document: &Document) -> Option<Table> {
    let mut own = Dictionary::new();
    own.set("Type", Object::Name(b"Font".to_vec()));
    let encoding = dict.get_deref(b"Encoding", document).ok();
    let descriptor = dict.get_deref(b"FontDescriptor", document).and_then(Object::as_dict).ok();
    let flags = descriptor.and_then(|own| own.get(b"Flags").and_then(Object::as_i64).ok()).unwrap_or_default();
    let is_embedded =
        descriptor.is_some_and(|own| [&b"FontFile"[..], b"FontFile2", b"FontFile3"].iter().any(|key| own.has(key)));
    let has_base = match encoding {
        Some(Object::Dictionary(encoding)) => encoding.has(b"BaseEncoding"),
        Some(_) => true,
        None => false,
    };
    if let Some(encoding) = encoding {
        own.set("Encoding", encoding.clone());
    }
    let letters = own.get_font_encoding_with_limit(document, MAP_BYTES_MAX).ok()?;
    let mut all = table(&letters);
    let mut named = [false; 256];
    if let Some(differences) = encoding.and_then(|own| own.as_dict().ok()?.get_deref(b"Differences", document).ok()) {
        let mut code = 0_usize;
        for one in differences.as_array().into_iter().flatten() {
            if let Ok(number) = one.as_i64() {
                code = usize::try_from(number).unwrap_or_default();
            } else {
                let is_known = match &letters {
                    Encoding::Differences(known) => u8::try_from(code).is_ok_and(|code| known.map.contains_key(&code)),
                    _ => false,
                };
                if let (Some(letter), Some(named)) = (all.get_mut(code), named.get_mut(code)) {
                    *named = true;
                    letter.take_if(|_| !is_known);
                }
                code += 1;
            }
        }
    }
    // What it has no names for, its own letters decide, which nobody reads.
    if is_embedded && flags & SYMBOLIC != 0 && !has_base {
        all.iter_mut().zip(named).filter(|(_, is_named)| !is_named).for_each(|(letter, _)| *letter = None);
    }
    all.iter().any(Option::is_some).then_some(all)
}

/// Letters by their codes.
fn table(letters: &Encoding<'_>) -> Table {
    let one = |code: u8| {
        let text = letters.bytes_to_string(&[code]).ok()?;
        (!text.is_empty() && !text.contains(UNKNOWN)).then_some(text)
    };
    (0..=u8::MAX).map(one).collect()
}

fn spelt(table: &Table, codes: &[u8]) -> String {
    let mut out = String::with_capacity(codes.len());
    for code in codes {
        if out.len() > SHOWN_BYTES_MAX {
            break;
        }
        match table.get(usize::from(*code)).and_then(Option::as_deref) {
            Some(letter) => out.push_str(letter),
            None if code.is_ascii_whitespace() || *code == 0 => out.push(' '),
            None => out.push(UNKNOWN),
        }
    }
    out
}

/// Widths as wide fonts list them: a code and its row of widths, or two codes and the width of all between.
fn wide_widths(all: &[Object], document: &Document) -> HashMap<u16, f32> {
    let mut widths = HashMap::new();
    let (mut rest, mut taken) = (all, 0_usize);
    let code = |object: &Object| object.as_i64().ok().and_then(|code| u16::try_from(code).ok());
    while let [first, second, behind @ ..] = rest {
        let Some(first) = code(first) else { break };
        let second = document.dereference(second).map_or(second, |(_, object)| object);
        if let Ok(row) = second.as_array() {
            taken += row.len();
            let own = row.iter().filter_map(number).zip(first..).map(|(width, code)| (code, width));
            widths.extend(own);
            rest = behind;
        } else if let ([width, further @ ..], Some(last)) = (behind, code(second)) {
            let width = number(width).unwrap_or(WIDTH_USUAL);
            taken += usize::from(last.saturating_sub(first));
            widths.extend((first..=last).map(|code| (code, width)));
            rest = further;
        } else {
            break;
        }
        if taken >= WIDTHS_MAX {
            break;
        }
    }
    widths
}
