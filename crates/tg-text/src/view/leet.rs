//! Digits and signs that stand for letters: `1gn0r3`, `p@$$w0rd`.

use super::around::around;
use super::hidden::Piece;
use super::vocabulary;
use crate::span::Span;

/// Longest word that is looked at.
const WORD_MAX: usize = 24;

/// The letter that a digit or sign stands for.
pub(super) fn letter(c: char) -> Option<char> {
    Some(match c {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '2' => 'z',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '6' | '9' => 'g',
        '7' => 't',
        '8' => 'b',
        _ => return None,
    })
}

/// Whether a word with letters and others is one in which the others stand for letters. `room` is written over.
pub(super) fn is_leet(word: &str, room: &mut String) -> bool {
    let word = trim(word, room);
    if !(3..=WORD_MAX).contains(&word.len()) {
        return false;
    }
    let letters = word.bytes().filter(u8::is_ascii_lowercase).count();
    let others = word.len() - letters;
    if letters == 0 || others == 0 {
        return false;
    }
    if is_known(word, room) {
        return true;
    }
    // Between letters, more than one of them, and no digit that stands for no vowel at an end: a name of a part has those.
    let inner = word.as_bytes().windows(3).filter(
        |w| matches!(w, [a, b, c] if a.is_ascii_lowercase() && !b.is_ascii_lowercase() && c.is_ascii_lowercase()),
    );
    inner.count() >= 2 && others * 2 <= word.len() && word.len() >= 5 && !word.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether a word is one of the vocabulary, with letters for what stands for them.
fn is_known(word: &str, room: &mut String) -> bool {
    room.clear();
    decode(word, room);
    vocabulary::knows(room)
}

/// A word without the signs that end sentences or begin names.
fn trim<'w>(word: &'w str, room: &mut String) -> &'w str {
    let end = trim_end(word);
    let begun = end.strip_prefix(['@', '$', '|']).unwrap_or(end);
    // A sign at the beginning counts where it makes a word.
    if begun.len() < end.len() && is_known(end, room) { end } else { begun }
}

/// What 1 and 2 may stand for; the first where no reading is a known word.
const READINGS: [(char, char); 4] = [('i', 'z'), ('l', 'z'), ('i', 'r'), ('l', 'r')];

/// Writes a word with letters for what stands for them behind others, and tells whether it changed. Between several letters
/// the vocabulary decides.
fn decode(word: &str, said: &mut String) -> bool {
    let from = said.len();
    let mut read = |(one, two): (char, char)| {
        said.truncate(from);
        said.extend(word.chars().map(|c| match c {
            'a'..='z' => c,
            '1' | '|' | '!' => one,
            '2' => two,
            c => letter(c).unwrap_or(c),
        }));
        vocabulary::knows(said.get(from..).unwrap_or_default())
    };
    let sure = !word.bytes().any(|b| matches!(b, b'1' | b'2' | b'|' | b'!'));
    if !(read(READINGS[0]) || sure || READINGS.iter().skip(1).any(|reading| read(*reading))) {
        read(READINGS[0]);
    }
    word.chars().any(|c| letter(c).is_some())
}

/// Reads the words of a stretch and some around it, letters for what stands for them. `None` if nothing changes.
pub(super) fn read(text: &str, span: Span) -> Option<Piece> {
    let span = around(text, span);
    let stretch = text.get(span.range())?;
    let mut said = String::with_capacity(stretch.len());
    let mut places = Vec::with_capacity(stretch.len());
    let mut changed = false;
    for part in stretch.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && letter(c).is_none()) {
        let at = part.as_ptr() as usize - stretch.as_ptr() as usize;
        let end = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && letter(c).is_none());
        let has_letters = end.bytes().any(|b| b.is_ascii_lowercase());
        let lone = !has_letters && end.len() > 2; // numbers stay
        let word = if lone { end } else { trim_end(end) };
        let from = said.len();
        if lone {
            said.push_str(word);
        } else {
            changed |= decode(word, &mut said);
        }
        said.push_str(part.get(word.len()..).unwrap_or_default());
        places.extend(part.char_indices().map(|(i, _)| (place(from + i), place(span.start + at + i))));
    }
    changed.then_some(Piece { text: said, span, places })
}

fn trim_end(word: &str) -> &str {
    word.trim_end_matches(['!', '|'])
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A word in its first reading that is known, or its first one.
    fn slowly(word: &str) -> String {
        let read = |(one, two): (char, char)| -> String {
            let letter = |c: char| match c {
                '1' | '|' | '!' => one,
                '2' => two,
                c => letter(c).unwrap_or(c),
            };
            word.chars().map(letter).collect()
        };
        let known = READINGS.iter().map(|reading| read(*reading)).find(|word| vocabulary::knows(word));
        known.unwrap_or_else(|| read(READINGS[0]))
    }

    proptest! {
        #[test]
        fn words_are_read_behind_others(word in "([a-z]{0,3}|[0-9@$!|]|1gnore|a11|ru1es|p1ease|2|é){0,5}") {
            let mut said = "before ".to_owned();
            let changed = decode(&word, &mut said);
            prop_assert_eq!(&said, &format!("before {}", slowly(&word)));
            prop_assert_eq!(changed, said != format!("before {word}"));
        }
    }
}
