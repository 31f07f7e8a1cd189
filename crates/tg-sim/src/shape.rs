//! Strict reading of JSON: every node knows its path, so a refusal can say what is wrong and where.

use serde_json::{Map, Value};

/// Members whose name begins so are accepted everywhere and ignored: tests use them to see that unknown fields survive.
pub(crate) const FREE_PREFIX: &str = "x_";

/// Why a node is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlawKind {
    /// A required member is absent.
    Missing,
    /// A member that this API does not know.
    Unknown,
    /// Anything else.
    Invalid,
}

/// What is wrong with a request body, before it is phrased as one provider would.
#[derive(Clone, Debug)]
pub(crate) struct Flaw {
    /// Where, such as `messages.0.content`.
    pub path: String,
    /// In which way.
    pub kind: FlawKind,
    /// What is wrong, for people.
    pub message: String,
}

/// A JSON value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub value: &'a Value,
    pub path: String,
}

impl<'a> Node<'a> {
    pub(crate) fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    pub(crate) fn flaw(&self, message: impl Into<String>) -> Flaw {
        Flaw { path: self.path.clone(), kind: FlawKind::Invalid, message: message.into() }
    }

    fn below(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The member, unless it is absent or null.
    pub(crate) fn get(&self, name: &str) -> Option<Node<'a>> {
        match self.value.get(name) {
            None | Some(Value::Null) => None,
            Some(value) => Some(Node { value, path: self.below(name) }),
        }
    }

    /// The member, which must be there.
    pub(crate) fn need(&self, name: &str) -> Result<Node<'a>, Flaw> {
        self.get(name).ok_or_else(|| Flaw {
            path: self.below(name),
            kind: FlawKind::Missing,
            message: "Field required".to_owned(),
        })
    }

    pub(crate) fn object(&self) -> Result<&'a Map<String, Value>, Flaw> {
        self.value.as_object().ok_or_else(|| self.flaw("Input should be an object"))
    }

    /// Refuses members other than these (and the free ones).
    pub(crate) fn only(&self, names: &[&str]) -> Result<(), Flaw> {
        for name in self.object()?.keys() {
            if !names.contains(&name.as_str()) && !name.starts_with(FREE_PREFIX) {
                return Err(Flaw {
                    path: self.below(name),
                    kind: FlawKind::Unknown,
                    message: "Extra inputs are not permitted".to_owned(),
                });
            }
        }
        Ok(())
    }

    pub(crate) fn items(&self) -> Result<Vec<Node<'a>>, Flaw> {
        let list = self.value.as_array().ok_or_else(|| self.flaw("Input should be a list"))?;
        Ok(list.iter().enumerate().map(|(i, value)| Node { value, path: self.below(&i.to_string()) }).collect())
    }

    pub(crate) fn text(&self) -> Result<&'a str, Flaw> {
        self.value.as_str().ok_or_else(|| self.flaw("Input should be a string"))
    }

    pub(crate) fn whole(&self) -> Result<u64, Flaw> {
        self.value.as_u64().ok_or_else(|| self.flaw("Input should be a whole number that is not negative"))
    }

    pub(crate) fn flag(&self) -> Result<bool, Flaw> {
        self.value.as_bool().ok_or_else(|| self.flaw("Input should be a boolean"))
    }

    pub(crate) fn number_within(&self, low: f64, high: f64) -> Result<f64, Flaw> {
        let number = self.value.as_f64().ok_or_else(|| self.flaw("Input should be a number"))?;
        if number < low || number > high {
            return Err(self.flaw(format!("Input should be between {low} and {high}, not {number}")));
        }
        Ok(number)
    }

    pub(crate) fn one_of(&self, words: &[&str]) -> Result<&'a str, Flaw> {
        let word = self.text()?;
        if words.contains(&word) {
            return Ok(word);
        }
        Err(self.flaw(format!("Input should be one of {}, not {word:?}", words.join(", "))))
    }

    /// Text of these characters, of a length within the range.
    pub(crate) fn named(&self, longest: usize, also: &str) -> Result<&'a str, Flaw> {
        let name = self.text()?;
        let legal = name.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c));
        if name.is_empty() || name.len() > longest || !legal {
            return Err(self.flaw(format!("Value {name:?} must be 1..{longest} letters, digits or any of {also:?}")));
        }
        Ok(name)
    }
}

/// The only member of a union such as `{"text": …}`.
pub(crate) fn sole_member<'a>(node: &Node<'a>) -> Result<(&'a str, Node<'a>), Flaw> {
    let mut members = node.object()?.iter().filter(|(_, value)| !value.is_null());
    match (members.next(), members.next()) {
        (Some((name, value)), None) => Ok((name.as_str(), Node { value, path: node.below(name) })),
        (None, _) => Err(node.flaw("a block must have exactly one member; it has none")),
        _ => Err(node.flaw("a block must have exactly one member; it has several")),
    }
}
