//! Trained scores of a text: attacks on the model's instructions, and harmful content.
//!
//! One pass reads n-grams, word vectors and cues; blocks of 256 bytes, windows of two blocks, and the text as a whole are
//! judged by one small network; a score is that of the worst window. How the weights came about, and how well they do on
//! sources that they were not trained on, stands in `training/`.

pub mod block;
pub(crate) mod chars;
pub mod classes;
mod coarse;
mod code;
mod lexicon;
pub mod model;
pub mod stream;
pub mod topic;
pub mod words;

use crate::finding::{Finding, Kind};
use crate::span::Span;
use crate::view::View;
use std::borrow::Cow;

/// A category of harmful content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Harm {
    /// Contempt for people for what they are.
    Hate,
    /// Abuse, insults and threats against a person.
    Harassment,
    /// Sexual content.
    Sexual,
    /// Violence, its praise and its planning.
    Violence,
    /// Suicide and self-harm.
    SelfHarm,
    /// Crime, fraud, weapons, drugs, attacks on computers.
    Crime,
    /// Sexual or other abuse of children.
    ChildSafety,
}

impl Harm {
    /// All, in the order of [`Scores::harm`].
    pub const ALL: [Self; 7] =
        [Self::Hate, Self::Harassment, Self::Sexual, Self::Violence, Self::SelfHarm, Self::Crime, Self::ChildSafety];

    /// Its name in policies and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hate => "hate",
            Self::Harassment => "harassment",
            Self::Sexual => "sexual",
            Self::Violence => "violence",
            Self::SelfHarm => "self_harm",
            Self::Crime => "crime",
            Self::ChildSafety => "child_safety",
        }
    }
}

/// How grave harmful content is, as far as a small model can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Coarse or unpleasant.
    Low,
    /// Abusive, explicit, hateful.
    Medium,
    /// Asks for, threatens or plans serious harm.
    High,
}

/// One score and the stretch of the original that has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// From 0 to 1; 0.5 is exceeded by 1 % of ordinary texts, 0.9 by 0.1 %.
    pub value: f32,
    /// The window that is worst.
    pub span: Span,
}

/// All scores of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// An attack in what a user says.
    pub injection: Score,
    /// An instruction to the assistant in a document or in the result of a tool.
    pub indirect: Score,
    /// Harm by category, in the order of [`Harm::ALL`]. The highest is the score of any harm.
    pub harm: [Score; 7],
    /// How grave the worst of the harm is.
    pub severity: Severity,
}

/// From which scores on something is found; none: not looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Thresholds {
    /// Attacks in what a user says.
    pub injection: Option<f32>,
    /// Instructions in documents and results of tools.
    pub indirect: Option<f32>,
    /// Harm by category, in the order of [`Harm::ALL`].
    pub harm: [Option<f32>; 7],
}

/// The worst window so far, per output.
struct Worst {
    logits: [f32; model::OUTPUTS],
    spans: [Span; model::OUTPUTS],
    /// All outputs of the window with the most harm.
    harmful: [f32; model::OUTPUTS],
    /// Any harm, over all windows.
    any: model::Blend,
}

impl Worst {
    fn see(&mut self, span: Span, logits: &[f32; model::OUTPUTS]) {
        self.any.add(logits[model::ANY]);
        if logits[model::ANY] > self.logits[model::ANY] {
            self.harmful = *logits;
        }
        let all = self.logits.iter_mut().zip(&mut self.spans).zip(logits);
        for ((worst, at), logit) in all {
            if logit > worst {
                (*worst, *at) = (*logit, span);
            }
        }
    }
}

impl Scores {
    /// Scores a text, and what was hidden in it.
    #[must_use]
    pub fn of(view: &View<'_>) -> Self {
        let learnt = model::model();
        let nowhere = Span::new(0, 0);
        let mut worst = Worst {
            logits: [f32::NEG_INFINITY; model::OUTPUTS],
            spans: [nowhere; model::OUTPUTS],
            harmful: [f32::NEG_INFINITY; model::OUTPUTS],
            any: model::Blend::default(),
        };
        let folded = view.folded();
        learnt.windows(folded.text(), |span, logits| worst.see(span, logits));
        worst.spans = worst.spans.map(|span| folded.origin(whole(folded.text(), span)));
        for hidden in view.hidden() {
            learnt.windows(&hidden.text, |_, logits| worst.see(hidden.origin, logits));
        }
        worst.logits[model::ANY] = worst.any.logit();
        let score = |output: usize| Score {
            value: learnt.score(output, worst.logits.get(output).copied().unwrap_or(f32::NEG_INFINITY)),
            span: worst.spans.get(output).copied().unwrap_or(nowhere),
        };
        Self {
            injection: score(model::INJECTION),
            indirect: score(model::INDIRECT),
            harm: harm(learnt, &worst, score(model::ANY)),
            severity: severity(worst.harmful[model::GRAVITY]),
        }
    }

    /// The highest score of harm, and its category.
    #[must_use]
    pub fn worst_harm(&self) -> (Harm, Score) {
        let mut worst = (Harm::Hate, self.harm[0]);
        for found in Harm::ALL.into_iter().zip(self.harm) {
            if found.1.value > worst.1.value {
                worst = found;
            }
        }
        worst
    }
}

/// Spreads the score of any harm over the categories by what each has of it in the worst window.
fn harm(learnt: &model::Model, worst: &Worst, any: Score) -> [Score; 7] {
    let shares: [f32; 7] = std::array::from_fn(|category| {
        let output = model::HARM + category;
        let logit = worst.harmful.get(output).copied().unwrap_or(f32::NEG_INFINITY);
        let [one, _] = learnt.marks.get(output).copied().unwrap_or_default();
        1.0 / (1.0 + (one - logit).exp())
    });
    let most = shares.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    shares.map(|share| Score { value: any.value * share / most, span: any.span })
}

fn severity(logit: f32) -> Severity {
    match logit {
        _ if logit > 0.8 => Severity::High,
        _ if logit > -0.8 => Severity::Medium,
        _ => Severity::Low,
    }
}

/// A window's ends, which are those of characters already, kept within the text.
fn whole(text: &str, span: Span) -> Span {
    Span::new(span.start.min(text.len()), span.end.min(text.len()))
}

/// What of a text exceeds the thresholds.
#[must_use]
pub fn find(view: &View<'_>, thresholds: &Thresholds) -> Vec<Finding> {
    let scores = Scores::of(view);
    let mut found = Vec::new();
    let mut check = |kind, rule: &'static str, score: Score, threshold: Option<f32>| {
        if threshold.is_some_and(|threshold| score.value >= threshold) {
            found.push(Finding { kind, rule: Cow::Borrowed(rule), span: score.span, score: score.value });
        }
    };
    check(Kind::Injection, "injection", scores.injection, thresholds.injection);
    check(Kind::Injection, "indirect_injection", scores.indirect, thresholds.indirect);
    for ((harm, score), threshold) in Harm::ALL.into_iter().zip(scores.harm).zip(thresholds.harm) {
        check(Kind::Harm, harm.name(), score, threshold);
    }
    found.sort_by_key(|finding| finding.span);
    found
}

#[cfg(test)]
mod plainly;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod probes;
