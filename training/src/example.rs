//! A text with what is known of it.

use anyhow::{Context as _, Result};
use tg_text::score::model::{ANY, GRAVITY, HARM, INDIRECT, INJECTION, OUTPUTS};

/// What a text is used for when results are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Use {
    /// A prompt as people write them: sets the thresholds.
    Ordinary,
    /// Harmless, but with the words of attacks.
    TriggerWords,
    /// Harmless, but about grave matters.
    Sensitive,
    /// An attack.
    Attack,
    /// A document that holds an instruction to the assistant.
    Planted,
    /// A document without.
    Document,
    /// A request for something plainly harmful.
    HarmRequest,
    /// Text that is harmful itself.
    HarmText,
    /// Text of the same sort that is not.
    SafeText,
}

#[derive(Clone, Debug)]
pub struct Example {
    pub text: String,
    /// The source, or the family of our own texts; behind a slash the kin, of texts that were written one by one.
    pub source: String,
    pub used: Use,
    /// Per output: 0 or 1, or NaN where it is not known. The gravity is a logit.
    pub targets: [f32; OUTPUTS],
    /// Whether what counts is one stretch of a longer text.
    pub planted: bool,
}

impl Example {
    /// What the text is counted under: the source without the kin.
    pub fn group(&self) -> &str {
        self.source.split('/').next().unwrap_or_default()
    }
}

pub const UNKNOWN: [f32; OUTPUTS] = [f32::NAN; OUTPUTS];

/// Targets of a text that is harmless in every respect. Whether it would be an instruction in a document is left open:
/// prompts are instructions.
pub fn harmless() -> [f32; OUTPUTS] {
    let mut targets = [0.0; OUTPUTS];
    targets[INDIRECT] = f32::NAN;
    targets[GRAVITY] = f32::NAN;
    targets
}

/// An attack; whether what it wants is harmful is not known.
pub fn attack() -> [f32; OUTPUTS] {
    let mut targets = UNKNOWN;
    targets[INJECTION] = 1.0;
    targets[INDIRECT] = 1.0;
    targets
}

/// Harm of a category (0 to 6, or none that is known) and a gravity. Whether it is an attack too is not known.
pub fn harm(category: Option<usize>, gravity: f32) -> [f32; OUTPUTS] {
    let mut targets = UNKNOWN;
    targets[ANY] = 1.0;
    targets[GRAVITY] = gravity;
    if let Some(category) = category {
        (HARM..HARM + 7).for_each(|at| targets[at] = 0.0);
        targets[HARM + category] = 1.0;
        // Contempt for a group and abuse of a person, sexual matters and those about children, violence and crime lie
        // too near for one to speak against the other.
        let near: &[usize] = match category {
            0 => &[1],
            1 => &[0],
            2 => &[6],
            3 => &[5, 1],
            5 => &[3],
            6 => &[2, 5],
            _ => &[],
        };
        near.iter().for_each(|at| targets[HARM + at] = f32::NAN);
    }
    targets
}

/// Not harmful; whether an attack is not known.
pub fn safe() -> [f32; OUTPUTS] {
    let mut targets = [0.0; OUTPUTS];
    (targets[INJECTION], targets[INDIRECT], targets[GRAVITY]) = (f32::NAN, f32::NAN, f32::NAN);
    targets
}

/// The place of a category of harm, by its name.
pub fn number(category: &str) -> Result<usize> {
    let names = ["hate", "harassment", "sexual", "violence", "self_harm", "crime", "child_safety"];
    names.iter().position(|n| *n == category).with_context(|| format!("what is the category `{category}`?"))
}
