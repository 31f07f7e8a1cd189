//! Answers that are kept to be given again: what is kept of one, and where.
//!
//! In this process's memory ([`Memory`]), or where replicas share them ([`crate::shared::AnswersLink`]). Both are bounded, and
//! both forget: nothing rests on an answer being there.

mod kept;
#[cfg(test)]
pub(crate) use kept::tests;
mod memory;

pub use kept::{Kept, Origin};
pub use memory::{Held, Memory};
