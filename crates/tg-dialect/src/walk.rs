//! Taking a JSON value apart by hand, with errors that name the member at fault (`messages.2.content.0.type`).
//!
//! Members leave an object as they are read; what remains is what this version has no word for.

use serde_json::{Map, Value};
use tg_kernel::fault::Fault;

/// An object that is being taken apart.
#[derive(Debug)]
pub struct Fields {
    path: String,
    map: Map<String, Value>,
}

impl Fields {
    /// Starts on `value`, which stands at `path` (empty for the body itself).
    ///
    /// # Errors
    /// `Class::Malformed` when it is not an object.
    pub fn new(path: impl Into<String>, value: Value) -> Result<Self, Fault> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { path, map }),
            other => Err(wrong(&path, "an object", &other)),
        }
    }

    /// Parses a whole body.
    ///
    /// # Errors
    /// `Class::Malformed` when it is not JSON or not an object.
    pub fn body(body: &[u8]) -> Result<Self, Fault> {
        let value = serde_json::from_slice(body)
            .map_err(|e| Fault::malformed(format!("The request body is not valid JSON: {e}")))?;
        Self::new("", value)
    }

    /// Where the object stands.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path of a member.
    #[must_use]
    pub fn path_of(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// Takes a member; `null` counts as absent.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.map.shift_remove(name).filter(|v| !v.is_null())
    }

    /// Whether a member is there and not `null`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|v| !v.is_null())
    }

    /// Takes a string.
    ///
    /// # Errors
    /// `Class::Malformed` when it is something else.
    pub fn string(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(&self.path_of(name), "a string", &other)),
        }
    }

    /// Takes a string that must be there.
    ///
    /// # Errors
    /// `Class::Malformed` when it is absent or something else.
    pub fn required_string(&mut self, name: &str) -> Result<String, Fault> {
        self.string(name)?.ok_or_else(|| self.missing(name))
    }

    /// Takes a whole number that is not negative (`2` and `2.0` alike).
    ///
    /// # Errors
    /// `Class::Malformed` when it is something else.
    pub fn u64(&mut self, name: &str) -> Result<Option<u64>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match whole(&value) {
                Some(number) => Ok(Some(number)),
                None => Err(wrong(&self.path_of(name), "a whole number that is not negative", &value)),
            },
        }
    }

    /// Takes a number.
    ///
    /// # Errors
    /// `Class::Malformed` when it is something else.
    pub fn f64(&mut self, name: &str) -> Result<Option<f64>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) => Ok(Some(number)),
                None => Err(wrong(&self.path_of(name), "a number", &value)),
            },
        }
    }

    /// Takes a truth value.
    ///
    /// # Errors
    /// `Class::Malformed` when it is something else.
    pub fn bool(&mut self, name: &str) -> Result<Option<bool>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(truth)),
            Some(other) => Err(wrong(&self.path_of(name), "true or false", &other)),
        }
    }

    /// Takes an array; absent is empty.
    ///
    /// # Errors
    /// `Class::Malformed` when it is something else.
    pub fn array(&mut self, name: &str) -> Result<Vec<Value>, Fault> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(wrong(&self.path_of(name), "an array", &other)),
        }
    }

    /// Takes an object.
    ///
    /// # Errors
    /// `Class::Malformed` when it is something else.
    pub fn object(&mut self, name: &str) -> Result<Option<Self>, Fault> {
        let path = self.path_of(name);
        self.take(name).map(|value| Self::new(path, value)).transpose()
    }

    /// The error for a member that must be there and is not.
    #[must_use]
    pub fn missing(&self, name: &str) -> Fault {
        let path = self.path_of(name);
        Fault::malformed_at(path.clone(), format!("Missing required parameter: '{path}'."))
    }

    /// The error for a member whose value is of the right type but not allowed.
    #[must_use]
    pub fn invalid(&self, name: &str, why: impl std::fmt::Display) -> Fault {
        invalid(&self.path_of(name), why)
    }

    /// What was not taken, in order, without `null`s.
    #[must_use]
    pub fn rest(self) -> Vec<(String, Value)> {
        self.map.into_iter().filter(|(_, v)| !v.is_null()).collect()
    }
}

/// The path of item `name` (a member or an index) under `path`.
#[must_use]
pub fn join(path: &str, name: impl std::fmt::Display) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }
}

/// The error for a value at `path` that is of the right type but not allowed.
#[must_use]
pub fn invalid(path: &str, why: impl std::fmt::Display) -> Fault {
    Fault::malformed_at(path, format!("Invalid value for '{path}': {why}."))
}

/// The error for a value of the wrong type.
#[must_use]
pub fn wrong(path: &str, expected: &str, found: &Value) -> Fault {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    wrong_kind(path, expected, found)
}

/// The error for a value of the wrong type, whose own type is already in words.
#[must_use]
pub fn wrong_kind(path: &str, expected: &str, found: &str) -> Fault {
    let shown = if path.is_empty() { "the request body".to_owned() } else { format!("'{path}'") };
    Fault::malformed_at(path, format!("Invalid type for {shown}: expected {expected}, but got {found} instead."))
}

/// The number, where it is whole and not negative.
pub fn whole(value: &Value) -> Option<u64> {
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let number = value.as_f64()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked on this line")]
    (number >= 0.0 && number.fract() == 0.0 && number < 9_007_199_254_740_992.0).then_some(number as u64)
}
