//! What stands right before and right behind a number: whether it may begin and end there.

/// No group of thousands and no usual decimal has so many digits: a comma beside them parts values, as in a table.
const VALUE_MIN: usize = 12;

/// No number of a card has more.
const CARD_MAX: usize = 19;

/// Digits of the month until which a card on a track holds; more follow.
const TRACK_MIN: usize = 4;

/// What words consist of, and names of variables and files.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn back(text: &[u8], at: usize, by: usize) -> Option<u8> {
    at.checked_sub(by).and_then(|index| text.get(index)).copied()
}

/// Whether an escape of a break (`\n`, two characters) ends at an offset. A text that was escaped twice has them.
pub(super) fn is_escape(text: &[u8], at: usize) -> bool {
    matches!(back(text, at, 1), Some(b'n' | b'r' | b't')) && back(text, at, 2) == Some(b'\\')
}

/// Whether the number of the first track of a card begins at an offset: `%B4111111111111111^DOE/JOHN^2512`.
pub(super) fn begins_track(text: &[u8], at: usize) -> bool {
    if !matches!(back(text, at, 1), Some(b'B' | b'b')) || back(text, at, 2) != Some(b'%') {
        return false;
    }
    let rest = text.get(at..).unwrap_or_default();
    let digits = rest.iter().take(CARD_MAX + 1).take_while(|b| b.is_ascii_digit()).count();
    digits >= VALUE_MIN && rest.get(digits) == Some(&b'^')
}

/// Whether the number of the second track of a card ends at an offset: `;4111111111111111=2512101…?`.
fn ends_track(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let digits = before.iter().rev().take(CARD_MAX + 1).take_while(|b| b.is_ascii_digit()).count();
    let behind = text.get(at + 1..).unwrap_or_default();
    digits >= VALUE_MIN
        && back(text, at, digits + 1) == Some(b';')
        && behind.iter().take(TRACK_MIN).take_while(|b| b.is_ascii_digit()).count() == TRACK_MIN
}

/// Whether these are as many digits.
fn is_value<'a>(digits: impl Iterator<Item = &'a u8>) -> bool {
    digits.take(VALUE_MIN).take_while(|b| b.is_ascii_digit()).count() == VALUE_MIN
}

/// Whether a whole number was written as one with decimals, of which there are none: `.0`, `.00`.
fn is_whole(text: &[u8], at: usize) -> bool {
    let zeros = text.get(at + 1..).unwrap_or_default().iter().take(3).take_while(|b| **b == b'0').count();
    let next = |index: usize| text.get(index).copied().unwrap_or(b' ');
    let ends = match next(at + 1 + zeros) {
        b'.' => !is_word(next(at + 2 + zeros)),
        byte => !is_word(byte),
    };
    matches!(zeros, 1 | 2) && ends && is_value(text.get(..at).unwrap_or_default().iter().rev())
}

/// Whether two groups have nothing to do with each other, though no blank parts them: a long number, and the decimals that it
/// does not have or the next part of a path.
pub(super) fn parts(text: &[u8], end: usize, next: usize) -> bool {
    match text.get(end..next) {
        Some([b'.']) => is_whole(text, end),
        Some([b'/']) => {
            is_value(text.get(..end).unwrap_or_default().iter().rev())
                || is_value(text.get(next..).unwrap_or_default().iter())
        }
        _ => false,
    }
}

/// Whether a number may begin at an offset, seen from what stands before: not within a word, a decimal, a path.
pub(super) fn opens(text: &[u8], start: usize) -> bool {
    let at = |by: usize| back(text, start, by);
    match at(1) {
        None => true,
        Some(b',') => {
            let is_word = text.get(start).is_some_and(u8::is_ascii_alphabetic);
            is_word
                || is_value(text.get(start..).unwrap_or_default().iter())
                || at(2).is_none_or(|b| !b.is_ascii_digit())
        }
        Some(b'.' | b'-' | b'/' | b'+' | b'\\' | b'%' | b'&' | b'~' | b'^') => {
            at(2).is_none_or(|b| !is_word(b) && b != b'/')
        }
        Some(b'$' | b'@') => false,
        Some(byte) => !is_word(byte) || is_escape(text, start) || begins_track(text, start),
    }
}

/// Whether a number may end at an offset, seen from what stands behind.
pub(super) fn closes(text: &[u8], end: usize) -> bool {
    let at = |index: usize| text.get(index).copied();
    match at(end) {
        None => true,
        Some(b',') => {
            is_value(text.get(..end).unwrap_or_default().iter().rev())
                || at(end + 1).is_none_or(|b| !b.is_ascii_digit())
        }
        Some(b'.') => at(end + 1).is_none_or(|b| !is_word(b)) || is_whole(text, end),
        Some(b'=') => at(end + 1).is_none_or(|b| !is_word(b)) || ends_track(text, end),
        Some(b'-' | b'/' | b'@') => at(end + 1).is_none_or(|b| !is_word(b)),
        Some(b'%') => false,
        Some(byte) => !is_word(byte),
    }
}

/// How many more numbers make a row of a number that stands among them.
const ROW_MIN: usize = 4;
/// Most digits of a number of a row.
const ROW_DIGITS: usize = 10;

/// Whether a number with blanks is a piece of a row of numbers, as in a matrix: four more stand before or behind on its line,
/// with a blank between and nothing else, and are not in groups like its own.
pub(super) fn is_in_row(text: &[u8], groups: &[u8], start: usize, end: usize) -> bool {
    let number = |word: &[u8]| (1..=ROW_DIGITS).contains(&word.len()) && word.iter().all(u8::is_ascii_digit);
    let reach = ROW_MIN * (ROW_DIGITS + 1);
    let before = text.get(start.saturating_sub(reach)..start).and_then(|before| before.strip_suffix(b" "));
    let behind = text.get(end..(end + reach).min(text.len())).and_then(|behind| behind.strip_prefix(b" "));
    let words = |stretch: Option<&[u8]>, back: bool| {
        let Some(stretch) = stretch else { return 0 };
        let all: Vec<&[u8]> = stretch.split(|b| *b == b' ').collect();
        let count = |word: &&&[u8]| number(word);
        if back { all.iter().rev().take_while(count).count() } else { all.iter().take_while(count).count() }
    };
    let of = |word: &[u8]| word.len();
    let (count, own) = (groups.len(), groups.iter().map(|length| usize::from(*length)));
    let alike = before.is_some_and(|text| text.rsplit(|b| *b == b' ').map(of).take(count).eq(own.clone().rev()))
        || behind.is_some_and(|text| text.split(|b| *b == b' ').map(of).take(count).eq(own));
    !alike && words(before, true) + words(behind, false) >= ROW_MIN
}

/// Whether a number may begin at an offset where [`opens`] says no: as a part of a path, or of a name with underscores or
/// dashes. Numbers of orders, times and articles stand there, too.
pub(super) fn opens_tightly(text: &[u8], start: usize) -> bool {
    match back(text, start, 1) {
        Some(b'/' | b'_' | b'-' | b'+' | b'~' | b'&' | b'\\') => true,
        Some(b'.') => back(text, start, 2).is_none_or(|b| !b.is_ascii_digit()),
        _ => false,
    }
}

/// The same for the end.
pub(super) fn closes_tightly(text: &[u8], end: usize) -> bool {
    match text.get(end) {
        Some(b'/' | b'_' | b'-' | b'=') => true,
        Some(b'.') => text.get(end + 1).is_none_or(|b| !b.is_ascii_digit()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a number may begin and end where the marks are, and whether it may in a path or a name.
    fn around(marked: &str) -> ((bool, bool), (bool, bool)) {
        let start = marked.find('«').unwrap();
        let text = marked.replace('«', "");
        let end = text.find('»').unwrap();
        let text = text.replace('»', "");
        let text = text.as_bytes();
        ((opens(text, start), closes(text, end)), (opens_tightly(text, start), closes_tightly(text, end)))
    }

    #[test]
    fn a_number_stands_free_beside_these() {
        for marked in [
            "x «411111111111», y",
            r"x\n«4111»\n",
            r"\t«4111»",
            "%B«411111111111»^DOE",
            ";«411111111111»=2512?",
            "«411111111111».0",
            "«411111111111».00.",
            "«411111111111».",
        ] {
            assert_eq!(around(marked).0, (true, true), "{marked}");
        }
    }

    #[test]
    fn a_number_is_part_of_something_beside_these() {
        for marked in ["a/«411111111111»/b", "a_«411111111111»_b", "a-«411111111111».pdf", "a.«411111111111»=b"]
        {
            assert_eq!(around(marked), ((false, false), (true, true)), "{marked}");
        }
        for marked in ["n«411111111111»a", "0.«411111111111».5", "%B«411111111111»%", "1.«2».0", "1.«411111111111».0.1"]
        {
            assert_eq!(around(marked), ((false, false), (false, false)), "{marked}");
        }
        for marked in ["«4111».0", "«411111111111».05", "«411111111111».000", "411111111111«411111111111»=2512"]
        {
            assert!(!around(marked).0.1, "{marked}");
        }
    }

    #[test]
    fn groups_are_parted_by_what_is_no_part_of_a_number() {
        let parted = |text: &str| {
            let at = text.find(['.', '/', '-']).unwrap();
            parts(text.as_bytes(), at, at + 1)
        };
        for text in ["411111111111.0", "411111111111/12", "12/411111111111"] {
            assert!(parted(text), "{text}");
        }
        for text in ["411111111111.1", "411111111111-0", "4111.0", "4111/12", "12.411111111111"] {
            assert!(!parted(text), "{text}");
        }
    }
}
