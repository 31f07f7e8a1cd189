//! Answers to like questions: which calls may be given one, what of their texts must be the same whatever their vectors say, and
//! which question is the likest.
//!
//! Vectors tell what a text is about. They hardly tell "for 2 people" from "for 3", "with sugar" from "without", "from Paris to
//! Rome" from the way back. So all of that is compared as it is written ([`facts`]), and vectors only find other words for the
//! same.

mod facts;
mod index;
mod turn;
mod words;

pub use facts::{facts, placed, same_order};
pub use index::{Entry, Figures, Likenesses, Near};
pub use turn::{Asked, TEXT_BYTES_MAX, asked};

use crate::route::steps::Judge;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::target::Target;

/// What is done where a like question was answered before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing; it is found out behind the calls what would have been.
    #[default]
    Observe,
    /// Its answer is given.
    Enforce,
}

/// How likeness is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// Which model makes vectors.
    pub target: Target,
    /// What is done.
    pub mode: Mode,
    /// How like a question must be, in millionths of a cosine of 1; `None` where it is only watched.
    pub threshold: Option<u32>,
    /// Most questions that are compared with one.
    pub entries_max: usize,
    /// How long a call waits for its vector. Then it goes on as if there were no like question.
    pub timeout: Duration,
    /// Who says whether the answer would have done.
    pub judge: Judge,
}

/// What is compared as one text with itself has this likeness.
pub const SAME: u32 = 1_000_000;

/// Less like than this is not like: it is not even watched.
pub const LEAST: u32 = 800_000;

/// A vector of length 1; `None` for what has no direction, is too long or no vector.
#[must_use]
pub fn unit(vector: &[f32]) -> Option<Arc<[f32]>> {
    let length = vector.iter().map(|part| f64::from(*part) * f64::from(*part)).sum::<f64>().sqrt();
    if vector.is_empty() || vector.len() > index::DIMENSIONS_MAX || !length.is_normal() {
        return None;
    }
    Some(vector.iter().map(|part| (f64::from(*part) / length) as f32).collect())
}

#[cfg(test)]
mod tests;
