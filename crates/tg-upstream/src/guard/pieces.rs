//! Texts cut to what a service takes at a time, with some of each piece in the next.

/// How much of a piece stands in the next one too, so that what lies at a cut is seen whole.
const OVERLAP_CHARS: usize = 256;

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// Which text.
    pub(super) of: usize,
    pub(super) text: &'a str,
    /// It is the whole text.
    pub(super) is_whole: bool,
}

/// The pieces of `texts`, each of at most `chars_max` characters. What is blank is left out. `None`: there are more than
/// `pieces_max`.
pub(super) fn cut<'a>(texts: &[&'a str], chars_max: usize, pieces_max: usize) -> Option<Vec<Piece<'a>>> {
    let mut pieces = Vec::new();
    for (of, text) in texts.iter().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let mut rest = *text;
        loop {
            if pieces.len() == pieces_max {
                return None;
            }
            let end = at_char(rest, chars_max);
            pieces.push(Piece { of, text: &rest[..end], is_whole: end == text.len() });
            if end == rest.len() {
                break;
            }
            // A piece is at least twice as long as what it shares, or nothing is gained by cutting.
            let shared = OVERLAP_CHARS.min(chars_max / 2);
            rest = &rest[at_char(rest, chars_max - shared)..];
        }
    }
    Some(pieces)
}

/// Where the character with this number begins, or the text ends.
fn at_char(text: &str, number: usize) -> usize {
    // No text has more characters than bytes.
    if text.len() <= number {
        return text.len();
    }
    text.char_indices().nth(number).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::{OVERLAP_CHARS, cut};

    #[test]
    fn what_lies_at_a_cut_is_whole_in_a_piece() {
        let text: String = ('a'..='z').cycle().take(2_000).map(|c| if c == 'e' { 'é' } else { c }).collect();
        let chars: Vec<char> = text.chars().collect();
        let pieces = cut(&[" \n", &text], 600, 99).unwrap();
        assert!(pieces.iter().all(|piece| piece.of == 1 && !piece.is_whole && piece.text.chars().count() <= 600));
        for window in chars.windows(OVERLAP_CHARS) {
            let window: String = window.iter().collect();
            assert!(pieces.iter().any(|piece| piece.text.contains(&window)));
        }
        assert_eq!(cut(&[&text], 600, pieces.len() - 1), None);
        let whole = cut(&["hi", &text], 2_000, 2).unwrap();
        assert!(whole.iter().all(|piece| piece.is_whole));
        assert_eq!(cut(&["abcd"], 1, 99).unwrap().len(), 4);
    }
}
