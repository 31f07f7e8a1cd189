//! One pass over a JSON body: checks all of it, and finds its top-level members.

use crate::walk;
use std::borrow::Cow;
use std::ops::Range;
use tg_kernel::fault::Fault;

mod pass;
#[cfg(test)]
mod tests;

pub(crate) use pass::{string_end, unescape};

/// The deepest nesting that a body may have. Real requests stay under 30; recursion elsewhere is safe at this depth.
pub const DEPTH_MAX: usize = 120;

/// A body that is one JSON object, checked whole: syntax, UTF-8, nesting depth, no member twice in any object.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    body: &'a [u8],
    members: Vec<Member<'a>>,
}

/// One top-level member: where its key (with quotes) and its value stand in the body.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) key: Range<usize>,
    pub(crate) value: Range<usize>,
}

impl<'a> Members<'a> {
    /// Checks `body` and finds its top-level members.
    ///
    /// # Errors
    /// `Class::Malformed` saying what is wrong and at which byte.
    pub fn scan(body: &'a [u8]) -> Result<Self, Fault> {
        pass::check(body).map(|members| Self { body, members })
    }

    /// The members of an object that stands in a body already checked; `raw` starts with `{`.
    fn within(raw: &'a [u8]) -> Self {
        Self { body: raw, members: pass::find(raw) }
    }

    /// The bytes that were scanned.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The members in their order.
    pub(crate) fn list(&self) -> &[Member<'a>] {
        &self.members
    }

    /// The names of the members, in their order, unescaped.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|m| &*m.name)
    }

    /// The members in their order: name and JSON text of the value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a [u8])> {
        self.members.iter().map(|m| (&*m.name, self.slice(&m.value)))
    }

    /// The JSON text of a member's value, without surrounding white space.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.members.iter().find(|m| m.name == name).map(|m| self.slice(&m.value))
    }

    /// Whether a member is there and `null`.
    #[must_use]
    pub fn is_null(&self, name: &str) -> bool {
        self.get(name) == Some(b"null")
    }

    /// A string member, unescaped; `null` counts as absent.
    ///
    /// # Errors
    /// `Class::Malformed` when it is something else.
    pub fn string(&self, name: &str) -> Result<Option<Cow<'a, str>>, Fault> {
        let Some(raw) = self.present(name) else { return Ok(None) };
        match raw {
            [b'"', inner @ .., b'"'] => Ok(Some(pass::unescape(inner))),
            other => Err(wrong(name, "a string", other)),
        }
    }

    /// A truth value; `null` counts as absent.
    ///
    /// # Errors
    /// `Class::Malformed` when it is something else.
    pub fn bool(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.present(name) {
            None => Ok(None),
            Some(b"true") => Ok(Some(true)),
            Some(b"false") => Ok(Some(false)),
            Some(other) => Err(wrong(name, "true or false", other)),
        }
    }

    /// A whole number that is not negative (`2` and `2.0` alike); `null` counts as absent.
    ///
    /// # Errors
    /// `Class::Malformed` when it is something else.
    pub fn u64(&self, name: &str) -> Result<Option<u64>, Fault> {
        let Some(raw) = self.present(name) else { return Ok(None) };
        let number = serde_json::from_slice(raw).ok().and_then(|value| walk::whole(&value));
        number.map(Some).ok_or_else(|| wrong(name, "a whole number that is not negative", raw))
    }

    /// The members of an object member; `null` counts as absent.
    ///
    /// # Errors
    /// `Class::Malformed` when it is something else.
    pub fn object(&self, name: &str) -> Result<Option<Members<'a>>, Fault> {
        match self.present(name) {
            None => Ok(None),
            Some(raw @ [b'{', ..]) => Ok(Some(Members::within(raw))),
            Some(other) => Err(wrong(name, "an object", other)),
        }
    }

    fn present(&self, name: &str) -> Option<&'a [u8]> {
        self.get(name).filter(|raw| *raw != b"null")
    }

    fn slice(&self, range: &Range<usize>) -> &'a [u8] {
        self.body.get(range.clone()).unwrap_or_default()
    }
}

fn wrong(name: &str, expected: &str, raw: &[u8]) -> Fault {
    let found = match raw.first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    };
    walk::wrong_kind(name, expected, found)
}
