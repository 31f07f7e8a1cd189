//! A JSON text as a flat list of its values: what each is and where it stands, so that one can be found and replaced in place.

use crate::scan::{Members, string_end, unescape};
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::ops::Range;

#[cfg(test)]
mod tests;

/// The values of a JSON text in their order, objects and arrays before what is in them.
#[derive(Clone, Debug)]
pub struct Tape<'a> {
    text: &'a [u8],
    cells: Vec<Cell>,
}

/// One value, or the key of a member.
#[derive(Clone, Copy, Debug)]
struct Cell {
    kind: Kind,
    start: usize,
    end: usize,
    /// The cell after all that is in this value.
    next: usize,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An object: a key and a value for each member.
    Object,
    /// An array.
    Array,
    /// The key of a member, with its quotes.
    Key,
    /// A string, with its quotes.
    String,
    /// A number.
    Number,
    /// `true`, `false` or `null`.
    Word,
}

impl<'a> Tape<'a> {
    /// The values of a body that was checked.
    #[must_use]
    pub fn of(members: &Members<'a>) -> Self {
        Self::lay(members.body())
    }

    /// The values of any JSON text, which is checked first. `None` where it is none, or is nested deeper than 128 levels.
    #[must_use]
    pub fn read(text: &'a [u8]) -> Option<Self> {
        serde_json::from_slice::<IgnoredAny>(text).ok()?;
        // The pass above skips strings without a look at their bytes.
        std::str::from_utf8(text).ok().map(|text| Self::lay(text.as_bytes()))
    }

    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> Node<'_, 'a> {
        Node { tape: self, index: 0 }
    }

    fn lay(text: &'a [u8]) -> Self {
        let mut cells: Vec<Cell> = Vec::with_capacity(text.len() / 24 + 4);
        let mut open: Vec<usize> = Vec::with_capacity(16);
        let (mut at, mut wants_key) = (0, false);
        while let Some(&byte) = text.get(at) {
            let start = at;
            at += 1;
            let kind = match byte {
                b'{' => Kind::Object,
                b'[' => Kind::Array,
                b'"' => {
                    at = string_end(text, start);
                    if wants_key { Kind::Key } else { Kind::String }
                }
                b'}' | b']' => {
                    let next = cells.len();
                    if let Some(cell) = open.pop().and_then(|index| cells.get_mut(index)) {
                        (cell.end, cell.next) = (at, next);
                    }
                    wants_key = false;
                    continue;
                }
                b',' => {
                    let within = open.last().and_then(|index| cells.get(*index));
                    wants_key = within.is_some_and(|cell| cell.kind == Kind::Object);
                    continue;
                }
                b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                    at += scalar_len(text.get(at..).unwrap_or_default());
                    if matches!(byte, b't' | b'f' | b'n') { Kind::Word } else { Kind::Number }
                }
                _ => continue,
            };
            let index = cells.len();
            cells.push(Cell { kind, start, end: at, next: index + 1 });
            if matches!(kind, Kind::Object | Kind::Array) {
                open.push(index);
            }
            wants_key = kind == Kind::Object;
        }
        Self { text, cells }
    }
}

/// How far a number or a word goes on.
fn scalar_len(rest: &[u8]) -> usize {
    rest.iter().position(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'E' | b'.' | b'+' | b'-')).unwrap_or(rest.len())
}

/// A value on a tape.
#[derive(Clone, Copy, Debug)]
pub struct Node<'t, 'a> {
    tape: &'t Tape<'a>,
    index: usize,
}

impl<'t, 'a> Node<'t, 'a> {
    /// What it is. An empty text has a `null` for a root.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.cell().map_or(Kind::Word, |cell| cell.kind)
    }

    /// Where it stands in the text, with the quotes of a string.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.cell().map_or(0..0, |cell| cell.start..cell.end)
    }

    /// Its JSON.
    #[must_use]
    pub fn raw(self) -> &'a [u8] {
        self.tape.text.get(self.range()).unwrap_or_default()
    }

    /// What a string or a key says; of a number its digits; empty for anything else.
    #[must_use]
    pub fn text(self) -> Cow<'a, str> {
        match self.kind() {
            Kind::String | Kind::Key => {
                let inner = self.raw().get(1..self.raw().len().saturating_sub(1));
                unescape(inner.unwrap_or_default())
            }
            Kind::Number => String::from_utf8_lossy(self.raw()),
            Kind::Object | Kind::Array | Kind::Word => Cow::Borrowed(""),
        }
    }

    /// Whether it is a string that says this.
    #[must_use]
    pub fn says(self, text: &str) -> bool {
        self.kind() == Kind::String && self.text() == text
    }

    /// The members of an object: keys and values; nothing of anything else.
    pub fn members(self) -> impl Iterator<Item = (Node<'t, 'a>, Node<'t, 'a>)> {
        let mut children = self.children(Kind::Object);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    /// What is in an array; nothing of anything else.
    pub fn items(self) -> impl Iterator<Item = Node<'t, 'a>> {
        self.children(Kind::Array)
    }

    /// The value of a member of an object; the last one where it has several of the name, as most readers take it.
    #[must_use]
    pub fn member(self, name: &str) -> Option<Node<'t, 'a>> {
        self.members().filter(|(key, _)| key.text() == name).map(|(_, value)| value).last()
    }

    fn children(self, of: Kind) -> Children<'t, 'a> {
        match self.cell() {
            Some(cell) if cell.kind == of => Children { tape: self.tape, at: self.index + 1, end: cell.next },
            _ => Children { tape: self.tape, at: 0, end: 0 },
        }
    }

    fn cell(self) -> Option<&'t Cell> {
        self.tape.cells.get(self.index)
    }
}

struct Children<'t, 'a> {
    tape: &'t Tape<'a>,
    at: usize,
    end: usize,
}

impl<'t, 'a> Iterator for Children<'t, 'a> {
    type Item = Node<'t, 'a>;

    fn next(&mut self) -> Option<Node<'t, 'a>> {
        if self.at >= self.end {
            return None;
        }
        let node = Node { tape: self.tape, index: self.at };
        self.at = self.tape.cells.get(self.at).map_or(self.end, |cell| cell.next);
        Some(node)
    }
}
