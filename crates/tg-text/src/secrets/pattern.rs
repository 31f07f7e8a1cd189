//! Patterns of credentials: literals and runs of characters of a class, read greedily in one pass and never back.
//!
//! Much less than regular expressions, so that hundreds cost nothing to compile and a match costs its length: literal
//! text, alternatives of literals `(a|b)`, a class with a count `[A-Z0-9]{16}`, `{16,}`, `{16,20}`, `?`. Classes have
//! short names: `\d` digits, `\x` hexadecimal in lower case, `\X` in either, `\a` letters and digits, `\w` these and `_`,
//! `\j` these and `_-`, `\B` base64, `\U` capitals and digits, `\l` small letters and digits.

/// Most bytes of a run without an upper bound.
const RUN_MAX: usize = 4096;

/// Most underscores that are passed over behind a value: `__AKIA…__`.
const JOINS_MAX: usize = 4;

/// Fewest bytes of a literal by which a value is known within a name.
const BEGINNING_MIN: usize = 3;

/// A set of ASCII characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Class(u128);

impl Class {
    pub(super) fn has(self, byte: u8) -> bool {
        byte < 128 && self.0 >> byte & 1 == 1
    }

    fn add(&mut self, from: u8, to: u8) {
        for byte in from..=to.min(127) {
            self.0 |= 1 << byte;
        }
    }

    /// The class of a short name.
    fn named(name: u8) -> Option<Self> {
        let spec: &[u8] = match name {
            b'd' => b"09",
            b'x' => b"09af",
            b'X' => b"09afAF",
            b'a' => b"09azAZ",
            b'w' => b"09azAZ__",
            b'j' => b"09azAZ__--",
            b'B' => b"09azAZ++//",
            b'U' => b"09AZ",
            b'l' => b"09az",
            _ => return None,
        };
        let mut class = Self::default();
        for pair in spec.chunks_exact(2) {
            if let [from, to] = pair {
                class.add(*from, *to);
            }
        }
        Some(class)
    }

    #[cfg(test)]
    pub(super) fn members(self) -> Vec<u8> {
        (0..128).filter(|byte| self.has(*byte)).collect()
    }
}

/// One part of a pattern.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// One of some literals, the first that fits.
    Text(Vec<String>),
    /// As many characters of a class as there are, within bounds.
    Run(Class, usize, usize),
}

/// A compiled pattern.
#[derive(Clone, Debug, Default)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
    /// The class that the last run has: a character of it right behind the match, or before it, makes it another word.
    tail: Class,
}

impl Pattern {
    /// Compiles a pattern of a table. What the table's test would refuse is read as literal text.
    pub(super) fn new(pattern: &str) -> Self {
        let mut reader = Reader { rest: pattern.bytes().collect(), at: 0 };
        let mut pieces: Vec<Piece> = Vec::new();
        let mut text = String::new();
        while let Some(byte) = reader.next() {
            let class = match byte {
                b'[' => Some(reader.class()),
                b'\\' => {
                    let name = reader.next().unwrap_or(b'\\');
                    let class = Class::named(name);
                    if class.is_none() {
                        text.push(char::from(name));
                    }
                    class
                }
                _ => None,
            };
            if class.is_none() && !matches!(byte, b'(' | b'\\') {
                text.push(char::from(byte));
                continue;
            }
            if (class.is_some() || byte == b'(') && !text.is_empty() {
                pieces.push(Piece::Text(vec![std::mem::take(&mut text)]));
            }
            if let Some(class) = class {
                let (min, max) = reader.count();
                pieces.push(Piece::Run(class, min, max));
            } else if byte == b'(' {
                pieces.push(Piece::Text(reader.alternatives()));
            }
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(vec![text]));
        }
        let tail = pieces.iter().rev().find_map(|piece| match piece {
            Piece::Run(class, _, max) if *max > 2 => Some(*class),
            _ => None,
        });
        Self { pieces, tail: tail.unwrap_or_default() }
    }

    /// Where a match that begins at an offset ends, and whether it stands alone: no letter or digit on either side, nor what
    /// its last run could have gone on with. An underscore or a dash joins words, and makes no other value of what it is joined
    /// to: `_AKIA…_`, `backup_AKIA…`, `AKIA…_old`, `-xoxb-…`.
    pub(super) fn at(&self, bytes: &[u8], start: usize) -> Option<usize> {
        if !self.opens(bytes, start) {
            return None;
        }
        let end = self.run(bytes, start)?;
        self.closes(bytes, end).then_some(end)
    }

    fn closes(&self, bytes: &[u8], end: usize) -> bool {
        let rest = bytes.get(end..).unwrap_or_default();
        let joins = rest.iter().take(JOINS_MAX).take_while(|byte| **byte == b'_').count();
        // Behind underscores that its last run could have gone on with, nothing of it may stand.
        let next = rest.get(if self.tail.has(b'_') { joins } else { 0 }).copied().unwrap_or(b' ');
        !next.is_ascii_alphanumeric() && !self.tail.has(next)
    }

    fn run(&self, bytes: &[u8], start: usize) -> Option<usize> {
        let mut at = start;
        for piece in &self.pieces {
            match piece {
                Piece::Text(all) => {
                    let rest = bytes.get(at..)?;
                    at += all.iter().find(|text| rest.starts_with(text.as_bytes()))?.len();
                }
                Piece::Run(class, min, max) => {
                    let rest = bytes.get(at..)?;
                    let length = rest.iter().take(*max).take_while(|byte| class.has(**byte)).count();
                    if length < *min {
                        return None;
                    }
                    at += length;
                }
            }
        }
        Some(at)
    }

    fn opens(&self, bytes: &[u8], start: usize) -> bool {
        let Some(before) = start.checked_sub(1).and_then(|at| bytes.get(at)).copied() else { return true };
        if before == b'_' || before == b'-' && self.tail.has(before) {
            return self.says_what_it_is();
        }
        let joined = before.is_ascii_alphanumeric() || (before != b'=' && self.tail.has(before));
        !joined || escaped(bytes, start)
    }

    /// Whether it begins with enough of a literal to be told from the rest of a name.
    fn says_what_it_is(&self) -> bool {
        matches!(self.pieces.first(), Some(Piece::Text(all)) if shortest(all) >= BEGINNING_MIN)
    }

    /// The literals to look for, one of which is in each match, and how far behind its start they stand. Neighbouring
    /// literals are looked for together.
    pub(super) fn keys(&self) -> Option<(Vec<String>, usize)> {
        let mut best: Option<(Vec<String>, usize)> = None;
        let (mut group, mut from, mut at) = (vec![String::new()], 0, 0);
        for piece in &self.pieces {
            match piece {
                Piece::Text(all) => {
                    group = group.iter().flat_map(|head| all.iter().map(move |tail| format!("{head}{tail}"))).collect();
                    if best.as_ref().is_none_or(|(known, _)| shortest(known) < shortest(&group)) {
                        best = Some((group.clone(), from));
                    }
                    at = from + shortest(&group);
                }
                Piece::Run(_, min, max) => {
                    if min != max || group.iter().any(|text| text.len() != shortest(&group)) {
                        break;
                    }
                    at += min;
                    (group, from) = (vec![String::new()], at);
                }
            }
        }
        best.filter(|(known, _)| shortest(known) >= 2)
    }

    #[cfg(test)]
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
}

fn shortest(all: &[String]) -> usize {
    all.iter().map(String::len).min().unwrap_or(0)
}

/// Whether what stands before an offset only looks like a letter: the end of `\n` or of `%3D`.
fn escaped(bytes: &[u8], start: usize) -> bool {
    match bytes.get(start.saturating_sub(3)..start) {
        Some([.., b'\\', b'n' | b'r' | b't']) => true,
        Some([b'%', first, second]) => first.is_ascii_hexdigit() && second.is_ascii_hexdigit(),
        _ => false,
    }
}

struct Reader {
    rest: Vec<u8>,
    at: usize,
}

impl Reader {
    fn next(&mut self) -> Option<u8> {
        let byte = self.rest.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn until(&mut self, end: u8) -> String {
        let mut text = String::new();
        while let Some(byte) = self.next().filter(|byte| *byte != end) {
            text.push(char::from(byte));
        }
        text
    }

    fn class(&mut self) -> Class {
        let spec = self.until(b']');
        let spec = spec.as_bytes();
        let mut class = Class::default();
        let mut at = 0;
        while let Some(byte) = spec.get(at).copied() {
            at += 1;
            if byte == b'\\' {
                let name = spec.get(at).copied().unwrap_or(b'\\');
                at += 1;
                match Class::named(name) {
                    Some(named) => class.0 |= named.0,
                    None => class.add(name, name),
                }
            } else if let (Some(b'-'), Some(to)) = (spec.get(at), spec.get(at + 1)) {
                class.add(byte, *to);
                at += 2;
            } else {
                class.add(byte, byte);
            }
        }
        class
    }

    fn count(&mut self) -> (usize, usize) {
        match self.rest.get(self.at) {
            Some(b'?') => {
                self.at += 1;
                (0, 1)
            }
            Some(b'{') => {
                self.at += 1;
                let spec = self.until(b'}');
                let (min, max) = spec.split_once(',').unwrap_or((&spec, &spec));
                (min.parse().unwrap_or(1), max.parse().unwrap_or(RUN_MAX))
            }
            _ => (1, 1),
        }
    }

    fn alternatives(&mut self) -> Vec<String> {
        self.until(b')').split('|').map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_what_it_says_and_stands_alone() {
        let pattern = Pattern::new("ab(c|dd)_[\\x-]{3,4}\\.[x]?");
        let end = |text: &str| pattern.at(text.as_bytes(), 0);
        assert_eq!(end("abc_0f-.x"), Some(9));
        assert_eq!(end("abdd_0f-1.x!"), Some(11));
        assert_eq!(end("abc_0f-1.xy"), None);
        assert_eq!(end("abc_0f"), None);
        assert_eq!(end("abe_0f0.x"), None);
        assert_eq!(Pattern::new("tok_\\a{4}").at(b"xtok_abcd", 1), None);
        assert_eq!(Pattern::new("tok_\\a{4}").at(b"\\ntok_abcd", 2), Some(10));
        assert_eq!(Pattern::new("tok_\\a{4}").at(b"tok_abcde", 0), None);
        assert_eq!(Pattern::new("tok_\\a{4,}").at(b"tok_abcde", 0), Some(9));
    }

    #[test]
    fn the_longest_literal_at_a_known_place_is_looked_for() {
        assert_eq!(Pattern::new("\\a{3}\\dQ~\\a{31,34}").keys(), Some((vec!["Q~".to_owned()], 4)));
        assert_eq!(Pattern::new("gh(p|o)_\\a{36}").keys(), Some((vec!["ghp_".to_owned(), "gho_".to_owned()], 0)));
        assert_eq!(Pattern::new("\\a{3,4}key").keys(), None);
    }
}
