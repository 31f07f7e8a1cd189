//! The task of a call, by its class, and how difficult it is: from facts first, then from its text.
//!
//! What a call asks is told by its first and last sentences more than by what lies between; both are read in one pass over
//! the folded reading that other checks have made already. How the weights came about, and how well they do on sources
//! that they were not trained on, stands in `training/`.

pub mod edges;
mod facts;
pub mod form;
mod lists;
pub mod model;
pub mod read;

pub use facts::Facts;

use crate::view::View;
use model::CLASSES;
use read::{READ_MAX, Reading};

/// What a call wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskClass {
    /// One of a few answers: a label, yes or no, a rating.
    Classification,
    /// Stretches of a text, or values out of it.
    Extraction,
    /// A shorter text that says the same.
    Summarisation,
    /// The same in another language.
    Translation,
    /// The same in other words, or without mistakes.
    Rewriting,
    /// A short answer from what the model knows.
    ShortQuestion,
    /// An answer out of a text that is given.
    QuestionOnContext,
    /// Talk, advice and ideas.
    Chat,
    /// Programs: to write, mend or explain.
    Code,
    /// Calculation, proof, logic.
    MathematicsAndReasoning,
    /// A text of its own: a story, a letter, an article.
    LongWriting,
    /// Something to be done with tools.
    Agentic,
}

impl TaskClass {
    /// All, in the order of the model's lanes.
    pub const ALL: [Self; 12] = [
        Self::Classification,
        Self::Extraction,
        Self::Summarisation,
        Self::Translation,
        Self::Rewriting,
        Self::ShortQuestion,
        Self::QuestionOnContext,
        Self::Chat,
        Self::Code,
        Self::MathematicsAndReasoning,
        Self::LongWriting,
        Self::Agentic,
    ];

    /// Its name in configuration, records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Extraction => "extraction",
            Self::Summarisation => "summarisation",
            Self::Translation => "translation",
            Self::Rewriting => "rewriting",
            Self::ShortQuestion => "short_question",
            Self::QuestionOnContext => "question_on_context",
            Self::Chat => "chat",
            Self::Code => "code",
            Self::MathematicsAndReasoning => "mathematics_and_reasoning",
            Self::LongWriting => "long_writing",
            Self::Agentic => "agentic",
        }
    }

    /// The class of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }
}

/// What a call asks, and how hard it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    /// The likeliest class.
    pub class: TaskClass,
    /// How likely it is, from 0 to 1. Nothing was read: that of the commonest guess.
    pub confidence: f32,
    /// How likely it is that only a strong model gets it right, from 0 (easy) to 1.
    pub difficulty: f32,
}

/// The task of a call, from the reading of its last turn that checks have made.
#[must_use]
pub fn task(view: &View<'_>, facts: &Facts) -> Task {
    task_with(None, view, facts)
}

/// The same, where the application's instructions were read too: there the task often stands.
#[must_use]
pub fn task_with(system: Option<&View<'_>>, view: &View<'_>, facts: &Facts) -> Task {
    let last = view.folded().text();
    match system {
        Some(system) => judge(&read::read(&[system.folded().text(), last]), facts, 1.0),
        None => judge(&read::read(&[last]), facts, facts.known()),
    }
}

/// The same, of a text that nobody has read yet. Of a long one only its ends are, so that reading it costs no more than
/// those; where they are cut, it may differ a little from what [`task`] reads.
#[must_use]
pub fn task_of(text: &str, facts: &Facts) -> Task {
    judge(&reading_of(text), facts, facts.known())
}

/// What is read of a text that nobody has read yet.
#[must_use]
pub fn reading_of(text: &str) -> Reading {
    if text.len() <= 2 * READ_MAX {
        return read::read(&[View::open_only(text).folded().text()]);
    }
    let front = text.get(..edges::boundary(text, READ_MAX)).unwrap_or_default();
    let back = text.get(edges::boundary(text, text.len() - READ_MAX)..).unwrap_or_default();
    read::read(&[View::open_only(front).folded().text(), View::open_only(back).folded().text()])
}

/// Weighs what was read with the facts; `known` is how much of what the call says was read.
fn judge(reading: &Reading, facts: &Facts, known: f32) -> Task {
    let learnt = model::model();
    let difficulty = learnt.difficulty(reading);
    if let Some(class) = facts.certain() {
        return Task { class, confidence: 1.0, difficulty };
    }
    let mut logits = learnt.classes(reading);
    logits.iter_mut().zip(facts.leanings()).for_each(|(logit, leaning)| *logit = *logit * known + leaning);
    let (class, confidence) = likeliest(&logits);
    Task { class, confidence, difficulty }
}

/// The class with the highest logit, and its share.
fn likeliest(logits: &[f32; CLASSES]) -> (TaskClass, f32) {
    let mut best = (TaskClass::Chat, f32::NEG_INFINITY);
    for (class, logit) in TaskClass::ALL.into_iter().zip(logits) {
        if *logit > best.1 {
            best = (class, *logit);
        }
    }
    let sum: f32 = logits.iter().map(|logit| (logit - best.1).exp()).sum();
    (best.0, 1.0 / sum.max(1.0))
}

/// Reads the tables that the first call would have to wait for.
pub fn warm() {
    crate::view::warm();
    let _ = task_of("what is this?", &Facts::default());
}

#[cfg(test)]
mod tests;
