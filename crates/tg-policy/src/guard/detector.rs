//! One check, compiled, and what it finds in a reading of a text.

use super::set::{self, Check};
use std::borrow::Cow;
use std::cell::OnceCell;
use tg_text::finding::{Finding, Kind};
use tg_text::pii::Pii;
use tg_text::pii::custom::Custom;
use tg_text::rules::{self, Leak, Rules, Schema};
use tg_text::score::topic::Topic;
use tg_text::score::{Harm, Scores};
use tg_text::secrets::Secrets;
use tg_text::view::View;

/// A check.
#[derive(Debug)]
pub(super) enum Detector {
    Pii(Pii),
    Secrets(Secrets),
    Entities(Vec<Custom>),
    /// Words, an expression, canaries.
    Rules(Box<Rules>),
    Injection(f32),
    Indirect(f32),
    Harm([Option<f32>; 7]),
    Topics(Vec<Topic>),
    Characters(usize),
    Schema(Schema),
    /// So many words of the call's own system text.
    SystemPrompt(usize),
    External,
}

/// What a check needs to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sees {
    /// Stretches.
    Stretches,
    /// Blocks of a text, which are scored.
    Blocks,
    /// How long it is.
    Length,
    /// All of it.
    All,
    /// Nothing: others are asked.
    Nothing,
}

/// A text that is being looked at: read once, and scored once.
pub(super) struct Reading<'a> {
    view: View<'a>,
    scores: OnceCell<Scores>,
}

impl<'a> Reading<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { view: View::of(text), scores: OnceCell::new() }
    }

    /// Whether all that is hidden in it was decoded.
    pub(super) fn is_complete(&self) -> bool {
        self.view.is_complete()
    }

    /// Its readings.
    pub(super) const fn view(&self) -> &View<'a> {
        &self.view
    }

    fn scores(&self) -> &Scores {
        self.scores.get_or_init(|| Scores::of(&self.view))
    }
}

/// What is wrong with a check, and how to mend it.
type Flaw = (String, String);

impl Detector {
    /// Compiles the check of the rule of a name.
    pub(super) fn compile(name: &str, check: &Check) -> Result<Self, Vec<Flaw>> {
        let one = |what: String, mend: &str| vec![(what, mend.to_owned())];
        Ok(match check {
            Check::Secrets(None) => Self::Secrets(Secrets::all()),
            Check::Secrets(Some(forms)) => Secrets::of(forms.iter().map(String::as_str))
                .map(Self::Secrets)
                .map_err(|e| one(e.to_string(), "name forms that there are, or write `all`"))?,
            Check::Pii(set::Pii::All) => Self::Pii(Pii::all()),
            Check::Pii(set::Pii::Structured) => Self::Pii(Pii::structured()),
            Check::Pii(set::Pii::Named(entities)) => Pii::of(entities.iter().map(String::as_str))
                .map(Self::Pii)
                .map_err(|e| one(e.to_string(), "name entities that there are, or write `all`"))?,
            Check::Entities(entities) => {
                Self::Entities(all(entities, |entity| Custom::new(entity.clone()), "mend its expression")?)
            }
            Check::Injection(threshold) => Self::Injection(*threshold),
            Check::IndirectInjection(threshold) => Self::Indirect(*threshold),
            Check::Harm(thresholds) => Self::Harm(*thresholds),
            Check::Topics(topics) => Self::Topics(all(
                topics,
                |(name, examples, threshold)| Topic::new(name, examples, *threshold),
                "write examples as a user would",
            )?),
            Check::Words { list, fuzzy } => rules_of(name, rules::Check::Words { words: list.clone(), fuzzy: *fuzzy })?,
            Check::Pattern(pattern) => rules_of(name, rules::Check::Expression(pattern.clone()))?,
            Check::Canaries(texts) => rules_of(name, rules::Check::Canary(texts.clone()))?,
            Check::CharactersMax(most) => Self::Characters(*most),
            Check::JsonSchema(schema) => Self::Schema(Schema::compile(schema)?),
            Check::SystemPrompt { words } => Self::SystemPrompt(*words),
            Check::External { .. } => Self::External,
        })
    }

    /// Whether another finds the same in every text.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pii(a), Self::Pii(b)) => a == b,
            (Self::Secrets(a), Self::Secrets(b)) => a == b,
            _ => false,
        }
    }

    pub(super) const fn sees(&self) -> Sees {
        match self {
            Self::Pii(_) | Self::Secrets(_) | Self::Entities(_) | Self::Rules(_) | Self::SystemPrompt(_) => {
                Sees::Stretches
            }
            Self::Injection(_) | Self::Indirect(_) | Self::Harm(_) | Self::Topics(_) => Sees::Blocks,
            Self::Characters(_) => Sees::Length,
            Self::Schema(_) => Sees::All,
            Self::External => Sees::Nothing,
        }
    }

    /// Whether a whole text is not what a schema asks for. An answer that says nothing (it calls tools) breaks none: streamed,
    /// it has no text at all.
    pub(super) fn is_broken_by(&self, text: &str) -> bool {
        matches!(self, Self::Schema(schema) if !text.trim().is_empty() && schema.check_text(text).is_err())
    }

    /// Adds what it finds in a reading: what sees stretches or blocks.
    pub(super) fn find(&self, reading: &Reading<'_>, leaks: &[(usize, Leak)], found: &mut Vec<Finding>) {
        let view = &reading.view;
        match self {
            Self::Pii(pii) => pii.find(view, found),
            Self::Secrets(secrets) => secrets.find(view, found),
            Self::Entities(entities) => entities.iter().for_each(|entity| entity.find(view, found)),
            Self::Rules(rules) => rules.find(view, found),
            Self::Topics(topics) => topics.iter().for_each(|topic| topic.find(view, found)),
            Self::Injection(threshold) => {
                let score = reading.scores().injection;
                scored(Kind::Injection, "injection", score, *threshold, found);
            }
            Self::Indirect(threshold) => {
                let score = reading.scores().indirect;
                scored(Kind::Injection, "indirect_injection", score, *threshold, found);
            }
            Self::Harm(thresholds) => {
                for ((harm, score), threshold) in Harm::ALL.into_iter().zip(reading.scores().harm).zip(thresholds) {
                    if let Some(threshold) = threshold {
                        scored(Kind::Harm, harm.name(), score, *threshold, found);
                    }
                }
            }
            Self::SystemPrompt(words) => {
                let leaks = leaks.iter().filter(|(of, _)| of == words);
                let rule = Cow::Borrowed("system_prompt");
                leaks.for_each(|(_, leak)| {
                    leak.find(view, &mut |span| {
                        found.push(Finding { kind: Kind::Custom, rule: rule.clone(), span, score: 1.0 });
                    });
                });
            }
            Self::Characters(_) | Self::Schema(_) | Self::External => {}
        }
    }
}

fn scored(kind: Kind, rule: &'static str, score: tg_text::score::Score, from: f32, found: &mut Vec<Finding>) {
    if score.value >= from {
        found.push(Finding { kind, rule: Cow::Borrowed(rule), span: score.span, score: score.value });
    }
}

fn rules_of(name: &str, check: rules::Check) -> Result<Detector, Vec<Flaw>> {
    let compiled = Rules::compile(&[rules::Rule { name: name.to_owned(), check }]);
    compiled
        .map(|rules| Detector::Rules(Box::new(rules)))
        .map_err(|flaws| flaws.into_iter().map(|flaw| (flaw.what, flaw.mend)).collect())
}

/// All of them, or what is wrong with each.
fn all<D, C, E: std::fmt::Display>(
    declared: &[D],
    compile: impl Fn(&D) -> Result<C, E>,
    mend: &str,
) -> Result<Vec<C>, Vec<Flaw>> {
    let (mut compiled, mut flaws) = (Vec::new(), Vec::new());
    for one in declared {
        match compile(one) {
            Ok(done) => compiled.push(done),
            Err(e) => flaws.push((e.to_string(), mend.to_owned())),
        }
    }
    if flaws.is_empty() { Ok(compiled) } else { Err(flaws) }
}
