//! What stands apart at the end of a text that goes on, and may yet say something with what comes next: letters, pairs of
//! hexadecimal digits, groups of bits.

use super::numbers;
use super::words::{PIECE_MAX, Spelled, has_letters_enough, kind};
use crate::span::Span;

/// The rows of a text of which each word may be a letter or a byte.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    /// The pieces in which they are read, in order. The pieces of a long row overlap: where one begins, the others do not
    /// depend on what stands before it.
    pub pieces: Vec<Span>,
    /// Where the part of the last one begins of which more may be said, if the text ends with it.
    pub open: Option<usize>,
}

/// Where in a folded text the part of its last row begins of which more may be said: the beginning of the first piece that is
/// not complete and that what comes next can make good.
pub(super) fn begun(text: &str, last: &Spelled) -> Option<usize> {
    let pieces = [Some(last.span.start), last.half.map(|(start, _)| start)];
    let mut pieces = pieces.into_iter().flatten();
    if last.width > 1 {
        return pieces.find_map(|start| Some(start + numbers::go_on(text.get(start..)?, last.width)?));
    }
    let from = last.span.start + one_sign(text.get(last.span.start..)?)?;
    pieces.find_map(|start| {
        let at = start.max(from);
        let parts = text.get(at..).unwrap_or_default().bytes().filter(|b| kind(*b) != 0);
        let (letters, all) =
            parts.fold((0, 0), |(letters, all), b| (letters + usize::from(b.is_ascii_alphabetic()), all + 1));
        // As many as there is room for may follow.
        let more = PIECE_MAX.saturating_sub(text.len() - start).div_ceil(2);
        has_letters_enough(letters + more, all + more).then_some(at)
    })
}

/// Where the last part of a row begins that has no more than one kind of sign, that which comes last among them.
fn one_sign(row: &str) -> Option<usize> {
    let mut parts = Parts::default();
    for (at, _) in row.char_indices().filter(|(_, c)| is_part(*c)) {
        parts.push(row, at);
    }
    let open = parts.open?;
    match parts.sign_of(row.get(open.end..).unwrap_or_default()) {
        Sign::Mixed => None,
        Sign::Other => Some(parts.behind),
        Sign::Same => Some(open.start),
    }
}

/// The parts of a row that have no more than one kind of sign between their letters each, as long as they can be: an address
/// or a formula has several.
pub(super) fn stretches(row: &str) -> Vec<Span> {
    let mut parts = Parts::default();
    let mut all: Vec<Span> =
        row.char_indices().filter(|(_, c)| is_part(*c)).filter_map(|(at, _)| parts.push(row, at)).collect();
    all.extend(parts.open);
    all
}

fn is_part(c: char) -> bool {
    u8::try_from(c).is_ok_and(|b| kind(b) != 0)
}

/// What stands between two letters, beside what stood between those before.
enum Sign {
    /// The same sign, the first, or none.
    Same,
    /// Another one.
    Other,
    /// Several.
    Mixed,
}

/// A row that is read letter by letter.
#[derive(Default)]
struct Parts {
    open: Option<Span>,
    sign: Option<char>,
    /// The first letter behind the last sign.
    behind: usize,
}

impl Parts {
    fn sign_of(&self, gap: &str) -> Sign {
        let mut signs = gap.chars().filter(|c| *c != ' ');
        let Some(first) = signs.next() else { return Sign::Same };
        if signs.any(|sign| sign != first) {
            return Sign::Mixed;
        }
        if self.sign.is_none_or(|sign| sign == first) { Sign::Same } else { Sign::Other }
    }

    /// Takes the next letter. What ends before it.
    fn push(&mut self, row: &str, at: usize) -> Option<Span> {
        let Some(open) = self.open else {
            (self.open, self.behind) = (Some(Span::new(at, at + 1)), at);
            return None;
        };
        let gap = row.get(open.end..at).unwrap_or_default();
        let sign = gap.chars().find(|c| *c != ' ');
        let (start, done) = match self.sign_of(gap) {
            Sign::Same => (open.start, None),
            Sign::Other => (self.behind, Some(open)),
            Sign::Mixed => (at, Some(open)),
        };
        self.open = Some(Span::new(start, at + 1));
        if sign.is_some() {
            (self.sign, self.behind) = (sign.filter(|_| start != at), at);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::stretches;
    use crate::view::View;

    fn row(text: &str) -> Option<&str> {
        let of_several = |row: &&str| !row.bytes().all(|b| b.is_ascii_alphanumeric());
        View::of(text).unfinished().map(|at| &text[at..]).filter(of_several)
    }

    #[test]
    fn what_stands_apart_is_known_by_what_is_read() {
        for (text, from) in [
            ("use A K I A Q", "A K I A Q"),
            ("use A K I A Q ", "A K I A Q "),
            ("use A-K-I-A  -  Q-", "A-K-I-A  -  Q-"),
            ("use A  K  I  A    Q  3", "A  K  I  A    Q  3"),
            ("a list: A, K, I, A, ", "A, K, I, A, "),
            (
                "use A\u{2003}\u{3000}\u{a0}K\u{2003}\u{2003}\u{2003}I",
                "A\u{2003}\u{3000}\u{a0}K\u{2003}\u{2003}\u{2003}I",
            ),
            (
                "use A\u{200b} \u{ad}K –\u{200b}I - A\u{200b}\u{200b}",
                "A\u{200b} \u{ad}K –\u{200b}I - A\u{200b}\u{200b}",
            ),
            ("use É K \u{1f130} Q", "É K \u{1f130} Q"),
            ("use A的K的I", "A的K的I"),
            ("1 2 3 4 5 6 7 8", "1 2 3 4 5 6 7 8"),
            ("use A-K, I A", "K, I A"),
            ("use A K       I A", "I A"),
            ("use AK I A", "I A"),
            ("A - K, ", "K, "),
            ("key 41 4b 49 41 5", "41 4b 49 41 5"),
            ("key 41, 4b, 49, 41, ", "41, 4b, 49, 41, "),
            ("key 01000001 01001011 ", "01000001 01001011 "),
        ] {
            assert_eq!(row(text), Some(from), "{text}");
        }
        for text in [
            "",
            "use A K I A of the",
            r#"{"a":"b","c":"d","#,
            "我 们 明 天 ",
            "A K I A       ",
            "12 07 34 99 00 ",
            "11001010 00001111 ",
        ] {
            assert_eq!(row(text), None, "{text}");
        }
    }

    #[test]
    fn a_row_is_no_longer_than_a_piece_and_not_of_digits_that_no_letters_make_good() {
        let held = |text: &str| text.len() - View::of(text).unfinished().unwrap_or(text.len());
        for (unit, least, most) in [("A b C d ", 1024, 2060), ("1 2 3 4 ", 0, 830), ("41 4b 49 41 ", 1024, 2060)] {
            let lengths: Vec<usize> = (200..400).map(|n| held(&unit.repeat(n))).collect();
            assert!(lengths.iter().all(|held| (least..=most).contains(held)), "{unit} {lengths:?}");
            assert!(lengths.iter().any(|held| *held > most - 30), "{unit} {lengths:?}");
        }
    }

    #[test]
    fn a_row_is_parted_where_its_sign_changes() {
        let parts = |row: &'static str| stretches(row).into_iter().map(|span| &row[span.range()]).collect::<Vec<_>>();
        assert_eq!(parts("a b c"), ["a b c"]);
        assert_eq!(parts("a-b c-d"), ["a-b c-d"]);
        assert_eq!(parts("a-b c, d, e"), ["a-b c", "b c, d, e"]);
        assert_eq!(parts("a-b,-c d"), ["a-b", "c d"]);
        assert_eq!(parts("a"), ["a"]);
    }
}
