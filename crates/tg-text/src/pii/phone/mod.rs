//! Phone numbers: the numbering plans of all countries as one automaton, and the shapes in which people write them.

mod odd;

use super::cluster::{Atom, Cluster};
use super::cue::{CALL, CueFinder, Cues, HOUSE, VERSION};
use super::entity::Entity;
use super::surroundings::{closes, opens};
use std::ops::Range;

/// The automaton, made from the metadata of Google's libphonenumber by `training/phones/plan.py`.
const PLAN: &[u8] = include_bytes!("phones.bin");
/// Bytes of one state: ten next states and whether a number may end.
const STATE: usize = 22;
/// The most and the least digits of a phone number.
const DIGITS: std::ops::RangeInclusive<usize> = 6..=15;
/// The most digits with `00` before them.
const DIGITS_MAX: usize = 17;
/// The most groups.
const GROUPS_MAX: usize = 7;
/// Calling codes whose national numbers are told without their code where they are written with a leading zero.
const WITH_ZERO: &[&str] = &[
    "44", "33", "49", "61", "81", "31", "32", "41", "43", "39", "34", "46", "353", "64", "27", "91", "55", "86", "82",
    "90",
];

/// Whether digits, the calling code first, are a number that some network may have given out.
fn dialled(digits: impl IntoIterator<Item = u8>) -> bool {
    let word = |at: usize| Some(usize::from(u16::from_le_bytes(*PLAN.get(at..at + 2)?.first_chunk::<2>()?)));
    let mut state = 1;
    for digit in digits {
        match word(2 + state * STATE + usize::from(digit) * 2) {
            Some(next) if next != 0 => state = next,
            _ => return false,
        }
    }
    word(2 + state * STATE + 20) == Some(1)
}

/// One reading of groups as a phone number.
struct Reading {
    digits: [u8; DIGITS_MAX],
    many: usize,
    lengths: [usize; GROUPS_MAX],
    count: usize,
    span: Range<usize>,
    plus: bool,
    /// Whether the first group stands in parentheses.
    enclosed: bool,
    /// Whether dashes, dots or slashes stand between groups.
    joined: bool,
    dotted: bool,
    /// Whether a word right behind it says whose or what phone it is: `555 2671 office`.
    labelled: bool,
    /// Whether it is written as numbers of something else often are, and phones hardly ever: see [`odd::is_odd`].
    odd: bool,
}

impl Reading {
    fn digits(&self) -> &[u8] {
        self.digits.get(..self.many).unwrap_or_default()
    }

    fn groups(&self) -> &[usize] {
        self.lengths.get(..self.count).unwrap_or_default()
    }

    fn take(&mut self, text: &[u8], atom: Atom) {
        for (slot, byte) in
            self.digits.iter_mut().skip(self.many).zip(text.get(atom.start..atom.end).unwrap_or_default())
        {
            *slot = byte.wrapping_sub(b'0').min(9);
        }
        self.many = (self.many + atom.len()).min(DIGITS_MAX);
        if let Some(length) = self.lengths.get_mut(self.count) {
            *length = atom.len();
            self.count += 1;
        }
    }
}

/// The phone numbers of a cluster, with how sure each is.
pub(super) fn find(
    text: &[u8],
    cluster: &Cluster,
    told: Cues,
    cues: &mut CueFinder<'_>,
    mut tell: impl FnMut(Range<usize>, f32),
) {
    let quiet = told & (CALL | Entity::Phone.bit()) == 0;
    let (mut from, mut run_end) = (0, 0);
    while let Some(atom) = cluster.atoms.get(from) {
        let mut next = from + 1;
        if atom.is_digits() {
            if from >= run_end {
                let run = cluster.atoms.iter().skip(from).take_while(|atom| atom.is_digits()).count();
                run_end = from + run;
            }
            let groups = cluster.atoms.get(from..run_end.min(from + GROUPS_MAX)).unwrap_or_default();
            if let Some((span, score, taken)) = longest(text, groups, quiet, cues) {
                tell(span, score);
                next = from + taken;
            }
        }
        from = next;
    }
}

/// The longest number that begins with the first of some groups of digits.
fn longest(text: &[u8], groups: &[Atom], quiet: bool, cues: &mut CueFinder<'_>) -> Option<(Range<usize>, f32, usize)> {
    // Without a word for phones it must begin with a plus or a nought, be written as in America, or have its word behind.
    let first = *groups.first()?;
    let before = text.get(first.start.saturating_sub(3)..first.start).unwrap_or_default();
    let bare = quiet && text.get(first.start) != Some(&b'0') && !before.contains(&b'+');
    let mut near: Option<Cues> = None;
    let mut judged = |count: usize| {
        let reading = read(text, groups.get(..count)?)?;
        let cues = *near.get_or_insert_with(|| cues.near(reading.span.start, reading.span.end));
        judge(&reading, cues).map(|score| (reading.span, score, count))
    };
    if !bare {
        return (1..=groups.len()).rev().find_map(judged);
    }
    // A word stands behind the last of the groups only: behind the others there are digits.
    let labelled = groups
        .last()
        .filter(|last| goes_on(text, last.end) && is_labelled(text, extension(text, last.end)))
        .map(|_| groups.len());
    let american = american_groups(groups).filter(|count| labelled != Some(*count));
    labelled.and_then(&mut judged).or_else(|| american.and_then(&mut judged))
}

/// Reads groups as one number where their size and their places allow it.
fn read(text: &[u8], atoms: &[Atom]) -> Option<Reading> {
    let (first, last) = (atoms.first()?, atoms.last()?);
    let count: usize = atoms.iter().map(|atom| atom.len()).sum();
    // Groups of one digit are rare in a number; two more digits are those of `00`.
    if !(*DIGITS.start()..=DIGITS_MAX).contains(&count) || count + 2 < 2 * atoms.len() {
        return None;
    }
    let before = |back: usize| first.start.checked_sub(back).and_then(|at| text.get(at)).copied();
    let plus = before(1) == Some(b'+') || (before(1) == Some(b'(') && before(2) == Some(b'+'));
    let enclosed = before(1) == Some(b'(') || (plus && before(2) == Some(b'('));
    let start = first.start - usize::from(plus) - usize::from(enclosed);
    let end = extension(text, last.end);
    // A parenthesis with a plus in it begins nothing else, whatever it stands behind.
    let is_parted = enclosed && plus || opens(text, start);
    if !is_parted || !ends(text, end) || before(usize::from(plus) + 1) == Some(b'#') {
        return None;
    }
    let marks = Marks::between(text, atoms);
    if marks.odd || marks.kinds() > 2 || !plus && odd::is_time(text, atoms, start, end) {
        return None;
    }
    let mut reading = Reading {
        digits: [0; DIGITS_MAX],
        many: 0,
        lengths: [0; GROUPS_MAX],
        count: 0,
        span: start..end,
        plus,
        enclosed: enclosed || marks.closing,
        joined: marks.kinds() > 0,
        dotted: marks.dot,
        labelled: is_labelled(text, end),
        odd: odd::is_odd(text, atoms, start, end),
    };
    atoms.iter().for_each(|atom| reading.take(text, *atom));
    Some(reading)
}

/// What stands between groups.
#[derive(Default)]
struct Marks {
    dash: bool,
    dot: bool,
    slash: bool,
    closing: bool,
    /// Two of them in a row, as no number has them.
    odd: bool,
}

impl Marks {
    fn between(text: &[u8], atoms: &[Atom]) -> Self {
        let mut marks = Self::default();
        for pair in atoms.windows(2) {
            let [left, right] = pair else { continue };
            let mut last = b' ';
            for byte in text.get(left.end..right.start).unwrap_or_default() {
                match byte {
                    b'-' => marks.dash = true,
                    b'.' => marks.dot = true,
                    b'/' => marks.slash = true,
                    b')' => marks.closing = true,
                    _ => {}
                }
                marks.odd |= matches!((last, byte), (b'.', b'.' | b'/') | (b'-', b'-') | (b'/', b'/'));
                last = *byte;
            }
        }
        marks
    }

    /// One kind of character between groups, but for parentheses and blanks.
    fn kinds(&self) -> usize {
        usize::from(self.dash) + usize::from(self.dot) + usize::from(self.slash)
    }
}

fn is_labelled(text: &[u8], end: usize) -> bool {
    let Some([b' ' | b'-', word @ ..]) = text.get(end..) else { return false };
    let length = word.iter().take(8).take_while(|b| b.is_ascii_alphabetic()).count();
    let word = word.get(..length).unwrap_or_default();
    ["office", "fax", "mobile", "cell", "home", "work"].iter().any(|label| word.eq_ignore_ascii_case(label.as_bytes()))
}

/// Whether a word or an extension may follow a number: cheap, for most numbers have neither behind them.
fn goes_on(text: &[u8], end: usize) -> bool {
    match text.get(end..end + 2) {
        Some([b'x', _]) => true,
        Some([b' ' | b'-', next]) => next.is_ascii_alphabetic(),
        _ => false,
    }
}

/// Whether a number may end: `-Office` may follow it, `-2671` may not.
fn ends(text: &[u8], end: usize) -> bool {
    let dash = text.get(end) == Some(&b'-') && text.get(end + 1).is_some_and(u8::is_ascii_alphabetic);
    dash || closes(text, end)
}

/// Where a number ends with its extension: `x123`, ` ext. 123`.
fn extension(text: &[u8], end: usize) -> usize {
    if !matches!(text.get(end..end + 2), Some([b'x', _] | [b' ' | b'-', b'x' | b'e' | b'E'])) {
        return end;
    }
    let rest = text.get(end..end + 12).or_else(|| text.get(end..)).unwrap_or_default();
    let mark = [&b"x"[..], b" x", b" ext. ", b" ext ", b" ext.", b" Ext. ", b" Ext ", b"-ext-"]
        .into_iter()
        .find(|mark| rest.starts_with(mark));
    let Some(mark) = mark else { return end };
    let digits = rest.iter().skip(mark.len()).take_while(|b| b.is_ascii_digit()).count();
    if (1..=6).contains(&digits) { end + mark.len() + digits } else { end }
}

/// How sure it is that a reading is a phone number, if it is one.
fn judge(reading: &Reading, cues: Cues) -> Option<f32> {
    let digits = reading.digits();
    let named = reading.labelled || cues & Entity::Phone.bit() != 0;
    let called = named || cues & CALL != 0;
    let groups = reading.groups();
    if !called && reading.odd || !named && odd::is_bound(digits) {
        return None;
    }
    if reading.plus {
        // `+4906-11631` is a place, not a number behind the code of Germany.
        let trunk = groups.get(1) == Some(&1) || digits.get(2) == Some(&0) && groups.first() != Some(&4);
        let valid = dialled(digits.iter().copied()) || (trunk && without_trunk(digits));
        return if valid { Some(1.0) } else { (called && DIGITS.contains(&digits.len())).then_some(0.7) };
    }
    let whole = groups.first().is_some_and(|first| *first > 1) || called;
    if whole && digits.starts_with(&[0, 0]) && dialled(digits.iter().skip(2).copied()) && (groups.len() > 1 || called) {
        return Some(0.9);
    }
    if let Some(score) = american(reading, called) {
        return Some(score);
    }
    if cues & VERSION != 0 && !named {
        return None;
    }
    if groups.len() > 1
        && digits.first() == Some(&0)
        && !reading.dotted
        && !is_date(groups, digits)
        && (called || !odd::is_lone_nought(groups, digits))
        && zero(digits, groups)
    {
        return Some(if called { 0.95 } else { 0.75 });
    }
    if cues & HOUSE != 0 && !named {
        return None;
    }
    let short = digits.len() == 6 && (reading.joined || groups != [2, 2, 2]);
    let shaped = groups.len() > 1 && !short && groups.iter().all(|g| (1..=8).contains(g)) && !is_date(groups, digits);
    let plausible = DIGITS.contains(&digits.len()) && !super::check::monotone(digits);
    if !plausible {
        return None;
    }
    if named && (shaped || (groups.len() == 1 && digits.len() > 6)) {
        return Some(0.7);
    }
    let amount = odd::is_amount(groups, reading.dotted);
    (called && shaped && !amount && digits.len() <= 13 && groups.len() <= 6).then_some(0.6)
}

/// `+44 (0)20 …`: the zero that is dialled only within the country is left out.
fn without_trunk(digits: &[u8]) -> bool {
    (1..=3).any(|code| {
        digits.get(code) == Some(&0) && dialled(digits.iter().take(code).chain(digits.iter().skip(code + 1)).copied())
    })
}

/// `(415) 555-2671`, `415-555-2671`, `1-415-555-2671`, `415.555.2671`.
fn american(reading: &Reading, called: bool) -> Option<f32> {
    let (groups, digits) = (reading.groups(), reading.digits());
    let (shaped, body) = match groups {
        [3, 3, 4] => (true, digits.get(..)?),
        [1, 3, 3, 4] if digits.first() == Some(&1) => (true, digits.get(1..)?),
        [3, 7] if reading.enclosed => (true, digits.get(..)?),
        [3, 3, 3, 4] if digits.starts_with(&[0, 0, 1]) => (true, digits.get(3..)?),
        [10] => (false, digits.get(..)?),
        [11] if digits.first() == Some(&1) => (false, digits.get(1..)?),
        _ => return None,
    };
    let valid = dialled(std::iter::once(1).chain(body.iter().copied()));
    match (shaped, valid) {
        (true, true) if reading.joined || reading.enclosed => Some(0.95),
        (true, true) if called => Some(0.9),
        (true, false) if reading.enclosed && reading.joined => Some(0.75),
        (true, false) if called => Some(0.7),
        (false, true) if called => Some(0.8),
        _ => None,
    }
}

/// How many of the groups are as long as those that [`american`] knows; there are not two ways.
fn american_groups(groups: &[Atom]) -> Option<usize> {
    let length = |at: usize| groups.get(at).map_or(0, |group| group.len());
    match length(0) {
        10 | 11 => Some(1),
        3 if length(1) == 7 => Some(2),
        3 if [length(1), length(2)] == [3, 4] => Some(3),
        1 | 3 if [length(1), length(2), length(3)] == [3, 3, 4] => Some(4),
        _ => None,
    }
}

/// A national number with its zero, in two groups or more, that some of the larger countries could have given out.
fn zero(digits: &[u8], groups: &[usize]) -> bool {
    let first = groups.first().copied().unwrap_or(0);
    let national = digits.get(1..).unwrap_or_default();
    (9..=12).contains(&digits.len())
        && ((2..=6).contains(&first) || first == 1)
        && groups.iter().all(|g| *g <= 8)
        && WITH_ZERO.iter().any(|code| {
            let code = code.bytes().map(|b| b - b'0');
            dialled(code.chain(national.iter().copied()))
        })
}

/// Groups that are a date rather than a number one could call.
fn is_date(groups: &[usize], digits: &[u8]) -> bool {
    match groups {
        // The long form of a US postal code, and years in a row.
        [5, 4] => true,
        [2, 4, 4] => [2, 6].iter().all(|at| matches!(digits.get(*at..at + 2), Some([1, 9] | [2, 0]))),
        [4, 2, 2] | [2, 2, 4] | [1, 2, 4] | [2, 1, 4] | [4, 4] | [4, 2, 2, ..] => {
            matches!(digits.get(..2), Some([1, 9] | [2, 0])) || matches!(digits, [.., 1, 9, _, _] | [.., 2, 0, _, _])
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_knows_networks() {
        let dial = |text: &str| dialled(text.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0'));
        for number in [
            "+1 415 555 2671",
            "+44 20 7946 0958",
            "+49 30 901820",
            "+33 6 12 34 56 78",
            "+91 98765 43210",
            "+86 138 0013 8000",
            "+354 552 1234",
        ] {
            assert!(dial(number), "{number}");
        }
        for number in ["+1 015 555 2671", "+44 20 7946", "+999 1234567", "+33 6 12 34 56", ""] {
            assert!(!dial(number), "{number}");
        }
    }
}
