//! What a text contains: personal data, secrets, attacks, harm. Pure functions over text: no I/O, no clock, no state.
//!
//! A text is read once into a [`view::View`] (layers without the tricks that hide words, each with the way back to the
//! original bytes); detectors read the view and tell [`finding::Finding`]s, whose spans are bytes of the original.

pub mod engine;
pub mod finding;
pub mod layer;
#[cfg(test)]
mod long_words;
pub mod lookup;
mod net;
pub mod pii;
pub mod placeholders;
#[cfg(test)]
mod punctuation;
pub mod redact;
pub mod restore;
pub mod rules;
pub mod score;
pub mod secrets;
pub mod span;
pub mod task;
pub mod view;
