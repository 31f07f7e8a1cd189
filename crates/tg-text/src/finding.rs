//! What was found in a text, and where.

use crate::span::Span;
use std::borrow::Cow;

/// One thing that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Which rule found it: `iban`, `github-pat`, the name of a rule of the configuration. For people and for policies.
    pub rule: Cow<'static, str>,
    /// Where, in bytes of the original.
    pub span: Span,
    /// How sure it is, from 0 to 1. One: a check digit or a fixed form that nothing else has.
    pub score: f32,
}

/// What kinds of things can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Data about a person; the rule names the entity (`email`, `iban`).
    Pii,
    /// A credential; the rule names its form.
    Secret,
    /// An attempt to take over the model's instructions.
    Injection,
    /// Harmful content; the rule names the category.
    Harm,
    /// A topic that was denied.
    Topic,
    /// A word, an expression, a length, a schema or a canary of a rule of the configuration.
    Custom,
}
