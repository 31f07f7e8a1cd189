//! Changing named top-level members of a JSON object and leaving every other byte alone.

use crate::scan::{Member, Members};
use bytes::Bytes;
use tg_kernel::fault::Fault;

#[cfg(test)]
mod tests;

/// Changes to be made to a scanned body. Names are compared unescaped; the last change of a name wins.
#[derive(Clone, Debug)]
pub struct Splice<'m, 'a> {
    members: &'m Members<'a>,
    changes: Vec<(String, Change)>,
}

#[derive(Clone, Debug)]
enum Change {
    /// The new value, as JSON text.
    Set(Vec<u8>),
    Remove,
}

impl<'m, 'a> Splice<'m, 'a> {
    /// No change yet.
    #[must_use]
    pub const fn new(members: &'m Members<'a>) -> Self {
        Self { members, changes: Vec::new() }
    }

    /// Sets a member to `json`, which must be one JSON value. A member that is not there is appended.
    #[must_use]
    pub fn set(mut self, name: &str, json: impl Into<Vec<u8>>) -> Self {
        self.change(name, Change::Set(json.into()));
        self
    }

    /// Takes a member out, if it is there.
    #[must_use]
    pub fn remove(mut self, name: &str) -> Self {
        self.change(name, Change::Remove);
        self
    }

    /// Sets a member of a member (`stream_options.include_usage`), and leaves the rest of that object as it is. Where
    /// the object is absent or `null`, it is made.
    ///
    /// # Errors
    /// `Class::Malformed` when `object` is there and not an object.
    pub fn set_in(self, object: &str, name: &str, json: impl Into<Vec<u8>>) -> Result<Self, Fault> {
        let inner = match self.changes.iter().find(|(n, _)| n == object) {
            Some((_, Change::Set(raw))) => Splice::new(&Members::scan(raw)?).set(name, json).finish(),
            Some((_, Change::Remove)) => fresh(name, &json.into()),
            None => match self.members.object(object)? {
                Some(members) => Splice::new(&members).set(name, json).finish(),
                None => fresh(name, &json.into()),
            },
        };
        Ok(self.set(object, inner))
    }

    /// The body with the changes made. Every byte that no change names is where it was.
    #[must_use]
    pub fn finish(self) -> Bytes {
        let body = self.members.body();
        let list = self.members.list();
        let grown: usize = self.changes.iter().map(|(name, change)| name.len() + change.len() + 8).sum();
        let mut out = Vec::with_capacity(body.len() + grown);
        let (head, tail) = self.edges();
        out.extend_from_slice(body.get(..head).unwrap_or_default());
        let mut kept_any = false;
        let mut owed: &[u8] = b"";
        for (index, member) in list.iter().enumerate() {
            let change = self.changes.iter().find(|(name, _)| *name == member.name).map(|(_, change)| change);
            if matches!(change, Some(Change::Remove)) {
                continue;
            }
            out.extend_from_slice(owed);
            kept_any = true;
            match change {
                Some(Change::Set(json)) => {
                    out.extend_from_slice(body.get(member.key.start..member.value.start).unwrap_or_default());
                    out.extend_from_slice(json);
                }
                _ => out.extend_from_slice(body.get(member.key.start..member.value.end).unwrap_or_default()),
            }
            owed = list.get(index + 1).and_then(|next| body.get(member.value.end..next.key.start)).unwrap_or_default();
        }
        self.append(&mut out, kept_any);
        out.extend_from_slice(body.get(tail..).unwrap_or_default());
        Bytes::from(out)
    }

    /// Where the first member starts and the last one ends; in an empty object, both just after its brace.
    fn edges(&self) -> (usize, usize) {
        let list = self.members.list();
        match (list.first(), list.last()) {
            (Some(first), Some(last)) => (first.key.start, last.value.end),
            _ => {
                let inside = memchr::memchr(b'{', self.members.body()).map_or(0, |at| at + 1);
                (inside, inside)
            }
        }
    }

    fn append(&self, out: &mut Vec<u8>, kept_any: bool) {
        let mut comma = kept_any;
        for (name, change) in &self.changes {
            let Change::Set(json) = change else { continue };
            if self.members.list().iter().any(|m: &Member<'_>| m.name == *name) {
                continue;
            }
            if comma {
                out.push(b',');
            }
            comma = true;
            out.extend_from_slice(&json_string(name));
            out.push(b':');
            out.extend_from_slice(json);
        }
    }

    fn change(&mut self, name: &str, change: Change) {
        match self.changes.iter_mut().find(|(n, _)| n == name) {
            Some((_, earlier)) => *earlier = change,
            None => self.changes.push((name.to_owned(), change)),
        }
    }
}

impl Change {
    fn len(&self) -> usize {
        match self {
            Self::Set(json) => json.len(),
            Self::Remove => 0,
        }
    }
}

/// A text as JSON: quoted and escaped.
#[must_use]
pub fn json_string(text: &str) -> Vec<u8> {
    serde_json::Value::from(text).to_string().into_bytes()
}

fn fresh(name: &str, json: &[u8]) -> Bytes {
    let mut out = vec![b'{'];
    out.extend_from_slice(&json_string(name));
    out.push(b':');
    out.extend_from_slice(json);
    out.push(b'}');
    Bytes::from(out)
}
