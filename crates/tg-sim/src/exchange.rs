//! One request as it came, and what a personality makes of it.

use crate::ask::Ask;
use crate::books::Operation;
use crate::counts::Counts;
use crate::play::Wire;
use crate::refusal::Refusal;
use bytes::Bytes;
use http::request::Parts;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// A request with its whole body.
pub(crate) struct Received {
    pub parts: Parts,
    pub body: Bytes,
    operation: Cell<Option<Operation>>,
    model: RefCell<String>,
}

impl Received {
    pub(crate) fn new(parts: Parts, body: Bytes) -> Self {
        Self { parts, body, operation: Cell::new(None), model: RefCell::new(String::new()) }
    }

    pub(crate) fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    pub(crate) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// A header's value; empty if it is absent or no text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        self.header("authorization").strip_prefix("Bearer ")
    }

    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        let body: Value = serde_json::from_slice(&self.body)
            .map_err(|error| Refusal::new(400, format!("We could not parse the JSON body of your request: {error}")))?;
        if body.is_object() { Ok(body) } else { Err(Refusal::new(400, "the request body must be a JSON object")) }
    }

    pub(crate) fn content_type_is_json(&self) -> Result<(), Refusal> {
        if self.header("content-type").starts_with("application/json") {
            return Ok(());
        }
        Err(Refusal::new(415, "Content-Type must be application/json"))
    }

    /// Remembers for the books what was asked for, even if it is refused afterwards.
    pub(crate) fn note(&self, operation: Operation) {
        self.operation.set(Some(operation));
    }

    pub(crate) fn note_model(&self, model: &str) {
        model.clone_into(&mut self.model.borrow_mut());
    }

    pub(crate) fn operation(&self) -> Operation {
        self.operation.get().unwrap_or(Operation::Unknown)
    }

    pub(crate) fn model(&self) -> String {
        self.model.borrow().clone()
    }
}

/// What a request comes to.
pub(crate) enum Outcome {
    /// A finished answer.
    Done {
        status: u16,
        model: String,
        counts: Counts,
        body: Value,
        /// Headers beside the personality's usual ones.
        headers: Vec<(&'static str, String)>,
        /// How long it takes.
        delay: Duration,
    },
    /// A chat to be answered.
    Chat(Box<Ask>, Box<dyn Wire>),
}

impl Outcome {
    /// An answer that costs nothing.
    pub(crate) fn done(model: String, body: Value) -> Self {
        Self::Done { status: 200, model, counts: Counts::default(), body, headers: Vec::new(), delay: Duration::ZERO }
    }
}
