//! Dates of birth: a date in digits or words beside a word for birth.

use super::check::day_of;
use std::ops::Range;

/// The first letters of the months, in the languages in which dates are looked for; in order of the months.
const MONTHS: &[[&str; 12]] = &[
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    ["jän", "feb", "mär", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez"],
    ["janv", "fév", "mars", "avr", "mai", "juin", "juil", "août", "sept", "oct", "nov", "déc"],
    ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"],
    ["gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"],
    ["jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"],
    ["янв", "фев", "мар", "апр", "мая", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"],
];
/// How much of a text a date in words takes.
const WORDS_MAX: usize = 32;

/// A date that begins at a digit: `1980-03-21`, `21/03/1980`, `3.21.80`, `21 March 1980`, `1980年3月21日`.
pub(super) fn digits(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    let (first, after) = number(rest)?;
    if let Some(rest) = after.strip_prefix('年') {
        return east(text, start, rest, '月', '日');
    }
    if let Some(rest) = after.strip_prefix('년') {
        return east(text, start, rest.trim_start_matches(' '), '월', '일');
    }
    let gap = after.chars().next()?;
    let numbers = matches!(gap, '/' | '-' | '.').then(|| in_numbers(first, after, gap)).flatten();
    if let Some(after) = numbers {
        return Some(start..text.len() - after.len());
    }
    // A day, perhaps `21st` or `21.`, then a month in words.
    let (day, width) = first;
    let after =
        ["st", "nd", "rd", "th", "er", "º", "."].iter().find_map(|tail| after.strip_prefix(tail)).unwrap_or(after);
    let after = after.strip_prefix([' ', '-', '/'])?;
    let after = after.strip_prefix("of ").or_else(|| after.strip_prefix("de ")).unwrap_or(after);
    let (_, after) = month(after)?;
    let after = after.trim_start_matches(['.', ',', ' ', '-', '/']);
    let after = after.strip_prefix("de ").or_else(|| after.strip_prefix("del ")).unwrap_or(after);
    let ((year, digits), after) = number(after)?;
    (width <= 2 && (1..=31).contains(&day) && is_year(year, digits)).then(|| start..text.len() - after.len())
}

/// A date that begins with the month's name, a word that ends before a digit: `March 21, 1980`. `at` is the digit.
pub(super) fn month_first(text: &str, at: usize) -> Option<Range<usize>> {
    let before = text.get(..at)?;
    let trimmed = before.trim_end_matches([' ', '.']);
    let word = trimmed.len()
        - trimmed.chars().rev().take(10).take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum::<usize>();
    let name = text.get(word..trimmed.len())?;
    let (_, left) = month(name)?;
    let ((day, width), after) = number(text.get(at..)?)?;
    let after = ["st", "nd", "rd", "th"].iter().find_map(|tail| after.strip_prefix(tail)).unwrap_or(after);
    let ((year, digits), after) = number(after.trim_start_matches([',', ' ']))?;
    let whole = left.is_empty() && width <= 2 && (1..=31).contains(&day) && is_year(year, digits) && digits == 4;
    (whole && text.len() - after.len() - word <= WORDS_MAX).then(|| word..text.len() - after.len())
}

/// What is left behind two more numbers with the same character between, where the three can be a date.
fn in_numbers((first, width): (u32, usize), after: &str, gap: char) -> Option<&str> {
    let ((second, second_width), after) = number(after.strip_prefix(gap)?)?;
    let ((third, third_width), after) = number(after.strip_prefix(gap)?)?;
    if after.starts_with(gap) && after.get(1..).is_some_and(|more| more.starts_with(|c: char| c.is_ascii_digit())) {
        return None;
    }
    let date = if width == 4 {
        is_year(first, 4) && second_width <= 2 && third_width <= 2 && day_of(second, third)
    } else {
        width <= 2
            && second_width <= 2
            && is_year(third, third_width)
            && (day_of(second, first) || day_of(first, second))
    };
    date.then_some(after)
}

/// Year, month and day of East Asia, behind the year.
fn east(text: &str, start: usize, rest: &str, month: char, day: char) -> Option<Range<usize>> {
    let ((m, _), rest) = number(rest)?;
    let ((d, _), rest) = number(rest.strip_prefix(month)?.trim_start_matches(' '))?;
    let rest = rest.strip_prefix(day)?;
    day_of(m, d).then(|| start..text.len() - rest.len())
}

/// A number of up to four digits and how many it has.
fn number(text: &str) -> Option<((u32, usize), &str)> {
    let width = text.bytes().take(5).take_while(u8::is_ascii_digit).count();
    let value = text.get(..width)?.parse().ok()?;
    (1..=4).contains(&width).then(|| Some(((value, width), text.get(width..)?))).flatten()
}

fn is_year(year: u32, width: usize) -> bool {
    (width == 4 && (1900..=2035).contains(&year)) || width == 2
}

/// The month whose name a text begins with, and what is left behind the name.
fn month(text: &str) -> Option<(usize, &str)> {
    let length: usize = text.chars().take(10).take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum();
    let name = text.get(..length)?;
    let first = name.bytes().next()?.to_ascii_lowercase();
    if name.len() < 3 || !(first >= 0x80 || b"adefgjmnos".contains(&first)) {
        return None;
    }
    let name = name.to_lowercase();
    let place = MONTHS.iter().find_map(|months| months.iter().position(|month| name.starts_with(month)))?;
    Some((place + 1, text.get(length..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_digits_and_words_are_read_whole() {
        for date in [
            "1980-03-21",
            "21/03/1980",
            "3/21/80",
            "21.3.1980",
            "21 March 1980",
            "21st of March, 1980",
            "21. März 1980",
            "21 de marzo de 1980",
            "1980年3月21日",
        ] {
            let text = format!("{date}, in");
            assert_eq!(digits(&text, 0).map(|span| &text[span]), Some(date));
        }
        let text = "on March 21, 1980 in";
        assert_eq!(month_first(text, text.find("21").unwrap()).map(|span| &text[span]), Some("March 21, 1980"));
        for none in ["1.2.3", "99/99/1999", "1980-03-21-4", "21 people 1980"] {
            assert_eq!(digits(none, 0), None, "{none}");
        }
    }
}
