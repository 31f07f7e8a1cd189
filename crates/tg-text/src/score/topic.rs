//! Denied topics: how near a text is to examples, by what its words mean.

use super::stream::WordHash;
use super::words::{self, DIM};
use crate::finding::{Finding, Kind};
use crate::span::Span;
use crate::view::View;
use std::borrow::Cow;

/// Most examples of one topic.
pub const EXAMPLES_MAX: usize = 64;
/// Words of a window; the next begins half of it later.
const WINDOW: usize = 40;
/// Fewest words with a meaning that can be judged at all.
const WORDS_MIN: u32 = 2;

/// A topic that is told by examples.
#[derive(Clone, Debug)]
pub struct Topic {
    name: String,
    examples: Vec<[f32; DIM]>,
    threshold: f32,
}

/// Why a topic cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// There must be one example at least.
    #[error("topic `{0}` has no examples; give at least one sentence that belongs to it")]
    Empty(String),
    /// Each example is compared with each window.
    #[error("topic `{0}` has more than {EXAMPLES_MAX} examples")]
    TooMany(String),
    /// Vectors are known for English words.
    #[error("example {1} of topic `{0}` has fewer than two words that the embedded table knows (English only): `{2}`")]
    Unknown(String, usize, String),
    /// A cosine.
    #[error("threshold of topic `{0}` must lie above 0 and at most at 1; 0.6 is a good start")]
    Threshold(String),
}

impl Topic {
    /// A topic by examples: whole sentences that belong to it, in English. `threshold` is the cosine from which on a
    /// text counts as near an example: 0.6 finds paraphrases, 0.8 nearly the same words.
    ///
    /// # Errors
    /// When an example says nothing that the table knows, and when a number is out of bounds.
    pub fn new(name: &str, examples: &[String], threshold: f32) -> Result<Self, TopicError> {
        if examples.is_empty() {
            return Err(TopicError::Empty(name.to_owned()));
        }
        if examples.len() > EXAMPLES_MAX {
            return Err(TopicError::TooMany(name.to_owned()));
        }
        if !(threshold > 0.0 && threshold <= 1.0) {
            return Err(TopicError::Threshold(name.to_owned()));
        }
        let vector = |(index, example): (usize, &String)| {
            let unknown = || TopicError::Unknown(name.to_owned(), index + 1, example.clone());
            let mut sum = Sum::default();
            each_word(View::of(example).folded().text(), |row, _| sum.add(row, 1));
            sum.unit().ok_or_else(unknown)
        };
        let examples = examples.iter().enumerate().map(vector).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), examples, threshold })
    }

    /// How near the nearest stretch of the text is to an example: a cosine, and the stretch. Windows of forty words
    /// that overlap by half, and what was hidden as texts of their own.
    #[must_use]
    pub fn nearest(&self, view: &View<'_>) -> Option<(f32, Span)> {
        let folded = view.folded();
        let mut best = self.nearest_in(folded.text()).map(|(near, span)| (near, folded.origin(span)));
        for hidden in view.hidden() {
            if let Some((near, _)) = self.nearest_in(&hidden.text)
                && best.is_none_or(|(best, _)| near > best)
            {
                best = Some((near, hidden.origin));
            }
        }
        best
    }

    /// Tells the topic if the text is near it.
    pub fn find(&self, view: &View<'_>, found: &mut Vec<Finding>) {
        if let Some((score, span)) = self.nearest(view)
            && score >= self.threshold
        {
            found.push(Finding { kind: Kind::Topic, rule: Cow::Owned(self.name.clone()), span, score });
        }
    }

    fn nearest_in(&self, text: &str) -> Option<(f32, Span)> {
        let mut halves: [Sum; 2] = Default::default();
        let mut best: Option<(f32, Span)> = None;
        let mut weigh = |halves: &[Sum; 2]| {
            let mut window = halves[0].clone();
            window.join(&halves[1]);
            if let Some(near) = window.unit().map(|unit| self.cosine(&unit))
                && best.is_none_or(|(best, _)| near > best)
            {
                best = Some((near, window.span));
            }
        };
        each_word(text, |row, span| {
            if halves[1].words as usize == WINDOW / 2 {
                weigh(&halves);
                halves[0] = std::mem::take(&mut halves[1]);
            }
            halves[1].add(row, 1);
            halves[1].stretch(span);
        });
        weigh(&halves);
        best
    }

    fn cosine(&self, unit: &[f32; DIM]) -> f32 {
        let dot = |example: &[f32; DIM]| example.iter().zip(unit).map(|(a, b)| a * b).sum::<f32>();
        self.examples.iter().map(dot).fold(-1.0, f32::max)
    }
}

/// Sum of some words' vectors.
#[derive(Clone, Debug)]
struct Sum {
    vector: [i32; DIM],
    words: u32,
    span: Span,
}

impl Default for Sum {
    fn default() -> Self {
        Self { vector: [0; DIM], words: 0, span: Span::new(0, 0) }
    }
}

impl Sum {
    fn add(&mut self, row: &[u8; DIM], words: u32) {
        self.vector.iter_mut().zip(row).for_each(|(sum, value)| *sum += i32::from(value.cast_signed()));
        self.words += words;
    }

    fn stretch(&mut self, span: Span) {
        let start = if self.span.is_empty() { span.start } else { self.span.start };
        self.span = Span::new(start, span.end);
    }

    fn join(&mut self, next: &Self) {
        self.vector.iter_mut().zip(next.vector).for_each(|(a, b)| *a += b);
        self.words += next.words;
        if !next.span.is_empty() {
            self.stretch(next.span);
        }
    }

    fn unit(&self) -> Option<[f32; DIM]> {
        let length = self.vector.iter().map(|v| (*v as f32).powi(2)).sum::<f32>().sqrt();
        (self.words >= WORDS_MIN && length > 0.0).then(|| self.vector.map(|v| v as f32 / length))
    }
}

fn each_word(text: &str, mut seen: impl FnMut(&'static [u8; DIM], Span)) {
    let table = words::table();
    let mut start = None;
    let mut hash = WordHash::NEW;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if c.is_alphanumeric() {
            start.get_or_insert(at);
            hash.push(c as u32);
        } else if c != '\''
            && let Some(from) = start.take()
        {
            let whole = std::mem::replace(&mut hash, WordHash::NEW).finish();
            if let Some(row) = table.row(WordHash::fingerprint(whole)) {
                seen(row, Span::new(from, at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic() -> Topic {
        let examples = ["Which stocks should I buy?", "Give me advice on investing my savings in shares and funds."];
        Topic::new("investment", &examples.map(str::to_owned), 0.6).unwrap()
    }

    fn found(text: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        topic().find(&View::of(text), &mut found);
        found
    }

    #[test]
    fn paraphrases_are_near_and_other_matters_are_not() {
        assert_eq!(found("Should I put my money into shares or bonds?").len(), 1);
        assert_eq!(found("Tell me which company's stock to purchase").len(), 1);
        assert!(found("How do I bake bread with whole wheat flour?").is_empty());
        assert!(found("Write a Python function that sorts a list").is_empty());
        assert!(found("").is_empty());
    }

    #[test]
    fn a_sentence_inside_a_long_text_is_found_where_it_stands() {
        let filler = "The garden was full of roses and the river ran slowly past the old mill. ".repeat(30);
        let ask = "Give me advice on which stocks and funds to buy with my savings, and how to invest in shares.";
        let text = format!("{filler}{ask} {filler}");
        let found = found(&text);
        assert_eq!(found.len(), 1);
        assert!(found[0].span.overlaps(Span::new(filler.len(), filler.len() + ask.len())));
    }

    #[test]
    fn a_topic_without_meaning_is_refused() {
        let make = |examples: &[&str], threshold| {
            Topic::new("t", &examples.iter().map(|e| (*e).to_owned()).collect::<Vec<_>>(), threshold).map(|_| ())
        };
        assert_eq!(make(&[], 0.6), Err(TopicError::Empty("t".into())));
        assert!(matches!(make(&["Qwxz"], 0.6), Err(TopicError::Unknown(_, 1, _))));
        assert_eq!(make(&["buy stocks now"], 0.0), Err(TopicError::Threshold("t".into())));
        assert!(make(&["buy stocks now"; 65], 0.6).is_err());
    }
}
