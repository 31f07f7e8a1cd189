//! Numbers of other things that have the digits of phones: times, dates, measures with signs, rows of bytes.

use crate::pii::cluster::Atom;

/// Whether a time stands right before or right behind: `14:«59 2011»`, `«04/08/2026 08»:24`. A colon behind `phone1` is none of a time.
pub(super) fn is_time(text: &[u8], atoms: &[Atom], start: usize, end: usize) -> bool {
    let pair = |atom: Option<&Atom>| atom.is_some_and(|atom| atom.len() == 2);
    let before = text.get(..start).and_then(|before| before.strip_suffix(b":"));
    let behind = text.get(end..).and_then(|behind| behind.strip_prefix(b":"));
    let hours = before.is_some_and(|before| is_short_number(before.iter().rev()));
    let minutes = behind.is_some_and(|behind| is_short_number(behind.iter()));
    (hours && pair(atoms.first())) || (minutes && pair(atoms.last()))
}

/// Whether the word with which bytes begin is a number of one to three digits.
fn is_short_number<'t>(bytes: impl Iterator<Item = &'t u8>) -> bool {
    let mut word = bytes.take(4).take_while(|b| b.is_ascii_alphanumeric());
    let digits = word.try_fold(0, |digits, b| b.is_ascii_digit().then_some(digits + 1));
    digits.is_some_and(|digits| (1..=3).contains(&digits))
}

/// Whether groups are written as nobody writes a phone's: with a sign before one (`0 -0.49`, `PF -0900`), behind the dots of a
/// range (`3d95882..0049358 100644`), as a clause (`252.227-7013`), as a decimal (`+35236450.6`), or as a row of pairs, of which six and more are bytes.
pub(super) fn is_odd(text: &[u8], atoms: &[Atom], start: usize, end: usize) -> bool {
    let at = |index: Option<usize>| index.and_then(|index| text.get(index)).copied();
    let marked = matches!(text.get(start), Some(b'+' | b'('));
    let is_american = atoms.iter().map(|atom| atom.len()).eq([3, 3, 4]);
    let signed = !marked
        && !is_american
        && at(start.checked_sub(1)) == Some(b'-')
        && at(start.checked_sub(2)).is_none_or(|before| before.is_ascii_whitespace());
    // Of a name of seven digits at least: a sentence trails off so, too (`…`).
    let range = !marked
        && text
            .get(..start)
            .and_then(|before| before.strip_suffix(b".."))
            .is_some_and(|name| name.len() >= 7 && name.iter().rev().take(7).all(u8::is_ascii_hexdigit));
    let gaps = || atoms.windows(2).filter_map(|pair| text.get(pair.first()?.end..pair.last()?.start));
    let signs = !marked && gaps().any(|gap| matches!(gap, [.., b' ', b'-']));
    // A clause of procurement.
    let mixed = is_american && text.get(start..).is_some_and(|clause| clause.starts_with(b"252.2"));
    let decimal = gaps().next_back() == Some(&b"."[..]) && atoms.last().is_some_and(|last| last.len() == 1);
    signed || range || signs || mixed || decimal || is_bytes(text, atoms, start, end)
}

/// Pairs, of which more stand before and behind than a phone has: two and more, one of them with a digit in it. Phones of five pairs in
/// a row, each with a nought before, are phones.
fn is_bytes(text: &[u8], atoms: &[Atom], start: usize, end: usize) -> bool {
    if atoms.len() < 4 || atoms.iter().any(|atom| atom.len() != 2) {
        return false;
    }
    let [before, behind] = [pairs_before(text.get(..start)), pairs_behind(text.get(end..))];
    let (others, has_digit) = (before.0 + behind.0, before.1 || behind.1);
    let phones = (atoms.len() + others).is_multiple_of(5) && text.get(start) == Some(&b'0');
    atoms.len() > 5 || (others >= 2 && has_digit && !phones)
}

/// Most pairs that are counted at either side: those of three phones, so that longer rows of phones are told as shorter ones are.
const PAIRS_MAX: usize = 15;

/// How many pairs of hexadecimal digits follow each other up to an end, each between others or signs, and whether one has a digit. Of
/// what begins a text it is not known whether it goes on before.
fn pairs_before(text: Option<&[u8]>) -> (usize, bool) {
    let (mut rest, mut count, mut has_digit) = (text.unwrap_or_default(), 0, false);
    while let [before @ .., a, b, next] = rest
        && parts_pairs(next)
        && a.is_ascii_hexdigit()
        && b.is_ascii_hexdigit()
        && before.last().is_some_and(parts_pairs)
        && count < PAIRS_MAX
    {
        has_digit |= a.is_ascii_digit() || b.is_ascii_digit();
        (rest, count) = (before, count + 1);
    }
    (count, has_digit)
}

/// The same from a beginning on.
fn pairs_behind(text: Option<&[u8]>) -> (usize, bool) {
    let (mut rest, mut count, mut has_digit) = (text.unwrap_or_default(), 0, false);
    while let [next, a, b, behind @ ..] = rest
        && parts_pairs(next)
        && a.is_ascii_hexdigit()
        && b.is_ascii_hexdigit()
        && behind.first().is_some_and(parts_pairs)
        && count < PAIRS_MAX
    {
        has_digit |= a.is_ascii_digit() || b.is_ascii_digit();
        (rest, count) = (behind, count + 1);
    }
    (count, has_digit)
}

/// What stands between bytes that are written out, and around them.
const fn parts_pairs(byte: &u8) -> bool {
    matches!(*byte, b' ' | b'"' | b'\'' | b'(' | b')' | b'[' | b']')
}

/// Whether the first group is a nought alone, as in a row of numbers, but for the numbers that are written so: free ones, and
/// those of Turkey (`0 800 123 456`, `0 532 123 45 67`).
pub(super) fn is_lone_nought(groups: &[usize], digits: &[u8]) -> bool {
    let free = matches!(digits.get(1), Some(8 | 9));
    let german =
        matches!(groups, [1, 2 | 3, ..]) && groups.len() <= 5 && digits.len() >= 10 && digits.get(1) != Some(&0);
    let written = groups == [1, 3, 3, 2, 2] || german || (free && groups.get(1) == Some(&3));
    groups.first() == Some(&1) && !written
}

/// Whether it is a bound of whole numbers in programs, which a network in Texas could have given out.
pub(super) fn is_bound(digits: &[u8]) -> bool {
    matches!(digits, [2, 1, 4, 7, 4, 8, 3, 6, 4, 7 | 8])
}

/// Whether groups are an amount or a decimal beside a word like `number`: `1.048.576`, `4 000 000 000`, `0.57721566`.
pub(super) fn is_amount(groups: &[usize], dotted: bool) -> bool {
    match groups {
        [1, 3, 3, rest @ ..] => dotted || rest.iter().all(|group| *group == 3),
        [1, _] => dotted,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::pii::Pii;
    use crate::view::View;

    fn phones(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        Pii::of(["phone"]).unwrap().find(&View::of(text), &mut found);
        found.iter().map(|f| text[f.span.range()].to_owned()).collect()
    }

    #[test]
    fn measures_times_and_bytes_are_no_phones() {
        for text in [
            "r-xp 103:01 5713526 /usr/lib/libframe.so",
            "34;04/08/2026 08:24;5726",
            "Date:   Fri Jan 28 14:59:04 2011 -0500",
            "seconds since '00:00:00 1970-01-01' in UTC",
            "0  2012-05-03 20:57   bar/",
            "c 0.49 0 0.875 -0.382812 0.875 -0.875 v -6.25 c 0 -0.492188 -0.382812 -0.875",
            "a5.8 7.7 0 01-3.04.44l55.31 a7.2 6.3 0 01-4.58.39456.22 3",
            "matrix(.95889 0 0 .36279 11.873 202.26)",
            "331541149 122661078 73495 0 2927 25231 85 67 29 61",
            "hex!(\"30 05 02 03 01 00 01\")",
            "CA\t+4906-11631\tAmerica/Creston",
            "index 3d95882..0049358 100644",
            "PF\t-0900-13930\tPacific/Marquesas",
            "defined in Clause 252.227-7013 (c) (1) of DFARs",
            "quantize +35236450.6 1e-2",
            "Range of a Number variable: -2147483648 to 2147483647",
            "o número inteiro por 1.048.576 (2^20)",
            "whole numbers from 0 to 4 000 000 000",
            "is a number of central importance: 0.57721566",
        ] {
            assert_eq!(phones(text), <[String; 0]>::default(), "{text}");
        }
    }

    #[test]
    fn phones_near_such_are_found() {
        for (text, phone) in [
            ("at 0532 123 45 67 now", "0532 123 45 67"),
            ("at 0 532 123 45 67 now", "0 532 123 45 67"),
            ("gratuit: 0 800 123 456", "0 800 123 456"),
            ("le 01 23 45 67 89.", "01 23 45 67 89"),
            ("tel:030 1234567", "030 1234567"),
            ("ring 0211 -1234567 today", "0211 -1234567"),
            ("+49 0611 1234567", "+49 0611 1234567"),
            ("phone +4906111234567", "+4906111234567"),
            ("- 030 1234567", "030 1234567"),
            ("the place … 0532 123 45 67", "0532 123 45 67"),
            ("that's the place…0532 123 45 67", "0532 123 45 67"),
            ("that's it —+49 30 901820", "+49 30 901820"),
            ("phone: 214-748-3647", "214-748-3647"),
            ("call 1 800 555 1212", "1 800 555 1212"),
            ("call 612 345 678", "612 345 678"),
            ("2026-01-02 03:04:05 030 1234567", "030 1234567"),
            ("(415) 555-2671: 12 calls", "(415) 555-2671"),
            ("Voici le 06 12 34 56 78 de Marie", "06 12 34 56 78"),
            ("RDV 14:30 06 12 34 56 78", "06 12 34 56 78"),
            ("le 12 06 12 34 56 78", "06 12 34 56 78"),
            ("Marie 01 23 45 67 89 06 12 34 56 78", "06 12 34 56 78"),
            ("phone1:415-555-2671", "415-555-2671"),
            ("17:415-555-2671:ann", "415-555-2671"),
            ("a1:06 12 34 56 78", "06 12 34 56 78"),
            ("Telephone: 2:415-555-2671", "415-555-2671"),
            ("Paul, 0 171 90 12 345", "0 171 90 12 345"),
            ("+49 30 -901820", "+49 30 -901820"),
            ("Ann Lee -415-555-2671", "415-555-2671"),
            ("Ann Lee 415.555-2671", "415.555-2671"),
        ] {
            assert!(phones(text).contains(&phone.to_owned()), "{text}: {:?}", phones(text));
        }
    }
}
