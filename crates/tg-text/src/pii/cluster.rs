//! Groups of letters and digits that belong together (`DE89 3704 0044`, `(415) 555-2671`), and the numbers one can read
//! in them.

use super::surroundings as place;

/// The most groups one number is written in.
pub(super) const GROUPS_MAX: usize = 9;
/// The most letters and digits of one number.
pub(super) const CHARS_MAX: usize = 34;
/// The most characters between two groups.
const GAP_MAX: usize = 3;
/// The most groups that are read as one cluster; what is longer is read as several, which overlap.
const ATOMS_MAX: usize = 64;

/// One run of ASCII letters and digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Atom {
    pub start: usize,
    pub end: usize,
    /// How many of its characters are digits.
    pub digits: usize,
}

impl Atom {
    pub(super) fn len(self) -> usize {
        self.end - self.start
    }

    pub(super) fn is_digits(self) -> bool {
        self.digits == self.len()
    }
}

/// Atoms with little between them.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    pub atoms: Vec<Atom>,
    /// How many digits are in it.
    pub digits: usize,
}

impl Cluster {
    /// Reads the cluster around a digit at `at`, but nothing before `from`. What was read before is forgotten.
    pub(super) fn read(&mut self, text: &[u8], from: usize, at: usize) {
        self.atoms.clear();
        self.digits = 0;
        let first = atom_around(text, from, at);
        if let Some(letters) = letters_before(text, from, first.start) {
            self.atoms.push(letters);
        }
        self.atoms.push(first);
        self.digits += first.digits;
        let mut end = first.end;
        while self.atoms.len() < ATOMS_MAX {
            let Some(next) = next_atom(text, end) else { break };
            self.atoms.push(next);
            self.digits += next.digits;
            end = next.end;
        }
        // Letters at the end belong to what follows.
        while self.atoms.last().is_some_and(|atom| atom.digits == 0 && atom.len() > 2) {
            self.atoms.pop();
        }
    }

    /// Where its first group with digits begins.
    pub(super) fn first_digits(&self) -> usize {
        self.atoms.iter().find(|atom| atom.digits > 0).map_or(0, |atom| atom.start)
    }

    /// Where the next cluster may begin. The last groups of one that was cut for its length are read again.
    pub(super) fn next_from(&self) -> usize {
        let atom =
            if self.atoms.len() == ATOMS_MAX { self.atoms.get(ATOMS_MAX - GROUPS_MAX - 1) } else { self.atoms.last() };
        atom.map_or(0, |atom| atom.end)
    }
}

/// The atom that a digit is in. A long one is read in linear time: `from` is behind what was read before.
fn atom_around(text: &[u8], from: usize, at: usize) -> Atom {
    let before = text.get(from..at).unwrap_or_default().iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
    let start = at - before;
    // The letter of `\n`, where a text was escaped more often than it was read; the `B` that begins a track.
    let skipped = start < at && (place::is_escape(text, start + 1) || place::begins_track(text, start + 1));
    atom_from(text, start + usize::from(skipped))
}

fn atom_from(text: &[u8], start: usize) -> Atom {
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let length = before_extension(rest.get(..length).unwrap_or_default()).unwrap_or(length);
    let digits = rest.iter().take(length).filter(|b| b.is_ascii_digit()).count();
    Atom { start, end: start + length, digits }
}

/// Where a phone number ends before its extension: `2851x818`.
fn before_extension(word: &[u8]) -> Option<usize> {
    let number = word.iter().take(16).take_while(|b| b.is_ascii_digit()).count();
    let extension = word.get(number + 1..)?;
    let marked = matches!(word.get(number), Some(b'x' | b'X')) && number >= 3;
    (marked && (1..=6).contains(&extension.len()) && extension.iter().all(u8::is_ascii_digit)).then_some(number)
}

/// A few capitals right before a number: `AB 12 34 56 C`, `CHE-123.456.789`.
fn letters_before(text: &[u8], from: usize, start: usize) -> Option<Atom> {
    let gap = start.checked_sub(1)?;
    if gap <= from || !matches!(text.get(gap), Some(b' ' | b'-' | b'.')) {
        return None;
    }
    let letters = text.get(from..gap)?.iter().rev().take_while(|b| b.is_ascii_uppercase()).take(5).count();
    let first = gap - letters;
    let stands_alone = first == from
        || text.get(first.wrapping_sub(1)).is_none_or(|b| !place::is_word(*b))
        || place::is_escape(text, first);
    ((1..=4).contains(&letters) && stands_alone).then_some(Atom { start: first, end: gap, digits: 0 })
}

/// The next group, where little stands between.
fn next_atom(text: &[u8], end: usize) -> Option<Atom> {
    let rest = text.get(end..)?;
    let gap = rest.iter().take(GAP_MAX + 1).take_while(|b| is_gap(**b)).count();
    if gap == 0 || gap > GAP_MAX {
        return None;
    }
    let first = rest.get(gap).copied()?;
    if first.is_ascii_digit() {
        return Some(atom_from(text, end + gap));
    }
    if !first.is_ascii_alphabetic() {
        return None;
    }
    // Letters alone belong to a number only where they are few and capital, or look like part of one.
    let length = rest.get(gap..)?.iter().take(CHARS_MAX + 1).take_while(|b| b.is_ascii_alphanumeric()).count();
    let atom = Atom { start: end + gap, end: end + gap + length, digits: 0 };
    let chars = text.get(atom.start..atom.end)?;
    let digits = chars.iter().filter(|b| b.is_ascii_digit()).count();
    let fits = digits > 0 || (length <= 4 && chars.iter().all(u8::is_ascii_uppercase)) || length == 1;
    (fits && length <= CHARS_MAX).then_some(Atom { digits, ..atom })
}

fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')')
}

/// What stands between two groups: one character, or several of which not all are blanks.
pub(super) const SEVERAL: u8 = b'*';
/// Several blanks, as in columns.
pub(super) const BLANKS: u8 = b'\t';

/// One reading of neighbouring groups as a number.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    chars: [u8; CHARS_MAX],
    values: [u8; CHARS_MAX],
    length: usize,
    groups: [u8; GROUPS_MAX],
    gaps: [u8; GROUPS_MAX],
    count: usize,
    pub digits: usize,
    pub start: usize,
    pub end: usize,
    /// Nothing like a part of the same number stands before or behind.
    pub alone: bool,
    /// It stands where numbers are parts of names and paths: more has to speak for it.
    pub tight: bool,
}

impl Candidate {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        let (chars, values) = ([0; CHARS_MAX], [0; CHARS_MAX]);
        let (groups, gaps) = ([0; GROUPS_MAX], [0; GROUPS_MAX]);
        Self {
            chars,
            values,
            length: 0,
            groups,
            gaps,
            count: 0,
            digits: 0,
            start: 0,
            end: 0,
            alone: true,
            tight: false,
        }
    }

    /// Begins anew with a group.
    pub(super) fn begin(&mut self, text: &[u8], atom: Atom) -> bool {
        (self.length, self.count, self.digits) = (0, 0, 0);
        self.start = atom.start;
        self.push(text, atom)
    }

    /// Takes the next group in; false where it is too much.
    pub(super) fn push(&mut self, text: &[u8], atom: Atom) -> bool {
        let Some(new) = text.get(atom.start..atom.end) else { return false };
        let Some(room) = self.chars.get_mut(self.length..self.length + new.len()) else { return false };
        if self.count == GROUPS_MAX {
            return false;
        }
        let values = self.values.iter_mut().skip(self.length);
        for ((slot, value), byte) in room.iter_mut().zip(values).zip(new) {
            *slot = byte.to_ascii_uppercase();
            *value = byte.wrapping_sub(b'0').min(10);
        }
        if let Some(last) = self.count.checked_sub(1)
            && let Some(gap) = self.gaps.get_mut(last)
        {
            *gap = match text.get(self.end..atom.start) {
                Some([one]) => *one,
                Some(several) if several.iter().all(|b| *b == b' ') => BLANKS,
                _ => SEVERAL,
            };
        }
        if let Some(group) = self.groups.get_mut(self.count) {
            *group = u8::try_from(new.len()).unwrap_or(u8::MAX);
        }
        self.length += new.len();
        self.count += 1;
        self.digits += atom.digits;
        self.end = atom.end;
        true
    }

    /// Letters (upper case) and digits without what stands between.
    pub(super) fn chars(&self) -> &[u8] {
        self.chars.get(..self.length).unwrap_or_default()
    }

    /// The values of its digits; letters are 10.
    pub(super) fn values(&self) -> &[u8] {
        self.values.get(..self.length).unwrap_or_default()
    }

    pub(super) fn all_digits(&self) -> bool {
        self.digits == self.length
    }

    /// How long each group is.
    pub(super) fn groups(&self) -> &[u8] {
        self.groups.get(..self.count).unwrap_or_default()
    }

    /// What stands between the groups.
    pub(super) fn gaps(&self) -> &[u8] {
        self.gaps.get(..self.count.saturating_sub(1)).unwrap_or_default()
    }

    /// Whether it is written in these groups with these characters between.
    pub(super) fn is_shape(&self, groups: &[u8], gaps: &[u8]) -> bool {
        self.groups() == groups && self.gaps() == gaps
    }

    /// Whether all of it is the same digit.
    pub(super) fn is_monotone(&self) -> bool {
        super::check::monotone(self.values())
    }

    /// Whether it is one group, or several with the same character between.
    pub(super) fn even(&self) -> bool {
        let gaps = self.gaps();
        gaps.first().is_none_or(|first| *first != SEVERAL && gaps.iter().all(|gap| gap == first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atoms(text: &str) -> Vec<&str> {
        let mut cluster = Cluster::default();
        let at = text.bytes().position(|b| b.is_ascii_digit()).unwrap();
        cluster.read(text.as_bytes(), 0, at);
        cluster.atoms.iter().map(|atom| &text[atom.start..atom.end]).collect()
    }

    #[test]
    fn groups_that_belong_together_are_read_together() {
        assert_eq!(atoms("call (415) 555-2671 now"), ["415", "555", "2671"]);
        assert_eq!(atoms("my IBAN is GB82 WEST 1234 5698 7654 32."), ["GB82", "WEST", "1234", "5698", "7654", "32"]);
        assert_eq!(atoms("NI: AB 12 34 56 C, please"), ["AB", "12", "34", "56", "C"]);
        assert_eq!(atoms("in 1999 we were"), ["1999"]);
        assert_eq!(atoms("x_12 3"), ["12", "3"]);
        assert_eq!(atoms("x\\nAB123 and"), ["AB123"]);
    }

    #[test]
    fn a_long_row_of_groups_is_read_in_steps() {
        let text = "12 ".repeat(100);
        let mut cluster = Cluster::default();
        cluster.read(text.as_bytes(), 0, 0);
        assert_eq!(cluster.atoms.len(), ATOMS_MAX);
        assert!(cluster.next_from() < 3 * ATOMS_MAX);
        assert!(cluster.next_from() > 0);
    }
}
