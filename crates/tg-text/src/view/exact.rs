//! What single characters say that stand apart, signs and all: numbers, addresses and tokens that have a form.

use super::hidden::Piece;
use super::words::kind;
use crate::span::Span;

/// Fewest letters and digits of anything that has a form.
const PARTS_MIN: usize = 8;

/// Fewest digits that make a row without signs worth reading: those of a card.
const DIGITS_MIN: usize = 12;

/// So many digits are a number, and a letter beside them at the end of a row is a word.
const BESIDE: usize = 8;

/// Blanks that end a word in any case.
const WIDE: usize = 64;

/// A character that can be seen, and the blanks before it.
#[derive(Clone, Copy)]
struct Mark {
    at: usize,
    c: char,
    blanks: usize,
    /// A letter, a digit, or a sign that stands for one.
    is_part: bool,
}

/// Reads a row of single characters as they are: `4 1 1 1 - 1 1 1 1`, `a n n @ b . o r g`, `g-h-p-_-A-b`. `None` where nothing
/// that has a form can come of it.
pub(super) fn read(text: &str, span: Span) -> Option<Piece> {
    let row = text.get(span.range())?;
    let mut marks = marks(row);
    let (mut letters, mut digits, mut signs) = (0, 0, false);
    drop_separator(&mut marks);
    for mark in &marks {
        letters += usize::from(mark.c.is_ascii_alphabetic());
        digits += usize::from(mark.c.is_ascii_digit());
        signs |= !mark.c.is_ascii_alphanumeric();
    }
    if letters + digits < PARTS_MIN || !(signs || digits >= DIGITS_MIN) {
        return None;
    }
    let between = marks.iter().zip(marks.iter().skip(1));
    let narrow = between.filter(|(a, b)| a.is_part && b.is_part).map(|(_, b)| b.blanks).min().unwrap_or_default();
    let mut said = String::with_capacity(marks.len() * 2);
    let mut places = Vec::with_capacity(marks.len() * 2);
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    for (index, mark) in marks.iter().enumerate() {
        let is_end = index == 1 && is_number(marks.get(1..=BESIDE))
            || index + 1 == marks.len() && is_number(marks.get(index.saturating_sub(BESIDE)..index));
        let before = index.checked_sub(1).and_then(|index| marks.get(index));
        if let Some(before) = before
            && (ends_word(before, mark, narrow)
                || is_end && before.c.is_ascii_alphabetic() != mark.c.is_ascii_alphabetic())
        {
            places.push((place(said.len()), place(span.start + before.at + before.c.len_utf8())));
            said.push(' ');
        }
        places.push((place(said.len()), place(span.start + mark.at)));
        said.push(mark.c);
    }
    Some(Piece { text: said, span, places })
}

fn marks(row: &str) -> Vec<Mark> {
    let mut blanks = 0;
    let mut marks = Vec::with_capacity(row.len() / 2);
    for (at, c) in row.char_indices() {
        if c.is_whitespace() {
            blanks += if c == ' ' { 1 } else { WIDE };
            continue;
        }
        let is_part = u8::try_from(c).is_ok_and(|b| kind(b) != 0);
        marks.push(Mark { at, c, blanks, is_part });
        blanks = 0;
    }
    marks
}

/// Leaves out the sign that stands between any two characters, if there is one: `4-1-1-1`.
fn drop_separator(marks: &mut Vec<Mark>) {
    let Some(sign) = marks.get(1).filter(|mark| !mark.is_part).map(|mark| mark.c) else { return };
    let mut parts = marks.split(|mark| mark.is_part);
    parts.next();
    let mut gaps = parts.filter(|gap| gap.first().is_none_or(|mark| mark.c != sign));
    // Behind the last character there is none.
    if gaps.next().is_some_and(|gap| !gap.is_empty()) || gaps.next().is_some() {
        return;
    }
    let (mut is_separator, mut blanks) = (false, 0);
    marks.retain_mut(|mark| {
        // In a gap each second one is a character by itself.
        is_separator = !mark.is_part && mark.c == sign && !is_separator;
        blanks += mark.blanks;
        if !is_separator {
            mark.blanks = std::mem::take(&mut blanks);
        }
        !is_separator
    });
}

/// Whether a word ends between two characters: at a wide gap, and behind a sign that stands at the character before it alone.
fn ends_word(before: &Mark, next: &Mark, narrow: usize) -> bool {
    if before.is_part && next.is_part {
        return next.blanks > narrow;
    }
    let is_punctuation = !before.is_part && before.blanks == 0 && narrow > 0 && next.blanks > 0;
    is_punctuation || next.blanks > narrow.max(1)
}

/// Whether these are there, and digits.
fn is_number(marks: Option<&[Mark]>) -> bool {
    marks.is_some_and(|marks| marks.len() == BESIDE && marks.iter().all(|mark| mark.c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<String> {
        read(text, Span::new(0, text.len())).map(|piece| piece.text)
    }

    #[test]
    fn characters_are_put_together_with_their_signs() {
        for (text, says) in [
            ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "4111111111111111"),
            ("4 1 1 1 - 1 1 1 1 - 1 1 1 1 - 1 1 1 1", "4111-1111-1111-1111"),
            ("4 1 1 1   1 1 1 1   1 1 1 1   1 1 1 1", "4111 1111 1111 1111"),
            ("4-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1", "4111111111111111"),
            ("4-1-1-1---1-1-1-1---1-1-1-1", "4111-1111-1111"),
            ("4  -  1  -  1  -  1  -  1  -  1  -  1  -  1  -  1  -  1  -  1  -  1", "411111111111"),
            ("4,1,1,1,1,1,1,1,1,1,1,1,1", "4111111111111"),
            ("4 1 1 1 1 1 1 1 1 1 1 1 1. i", "4111111111111. i"),
            ("a 4 1 1 1 1 1 1 1 1 1 1 1 1 i", "a 4111111111111 i"),
            ("4 1 1 1 1 1 1 1 1 1 1 1\n4 1 1 1", "411111111111 4111"),
            ("d e 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3", "de89370400440532013"),
            ("j o h n @ e x a m p l e . c o m", "john@example.com"),
            ("j o h n . d o e - x @ a - b . c o m", "john.doe-x@a-b.com"),
            ("j.o.h.n.@.e.x.a.m.p.l.e...c.o.m", "john@example.com"),
            ("g h p _ a b c d e", "ghp_abcde"),
            ("g-h-p-_-a-b-c-d-e", "ghp_abcde"),
        ] {
            assert_eq!(said(text).as_deref(), Some(says), "{text}");
        }
        for text in ["1 2 3 4 5 6 7 8", "i g n o r e a l l", "a . b", "i.g.n.o.r.e.a.l.l"] {
            assert_eq!(said(text), None, "{text}");
        }
    }

    #[test]
    fn each_character_leads_back() {
        let text = "so j o h n @ e x a m p l e . c o m";
        let piece = read(text, Span::new(3, text.len())).unwrap();
        for (here, there) in &piece.places {
            let (here, there) = (*here as usize, *there as usize);
            assert_eq!(piece.text[here..=here], text[there..=there]);
        }
    }
}
