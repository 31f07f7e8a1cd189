//! What a call may use, before anybody has counted: bytes of text by what calls of the model needed so far.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tg_kernel::usage::Usage;

/// Bytes of a request for one token, before anything was learned: a little less than English has, so that the first calls
/// reserve a little too much.
const BYTES_PER_TOKEN: f64 = 3.0;

/// Tokens for a picture or a document, before anything was learned.
const MEDIA_TOKENS: u64 = 1_600;

/// Output tokens of a call, before anything was learned.
const OUTPUT_TOKENS: u64 = 1_000;

/// Most output that a call is taken to want where neither it nor the catalogue names a bound.
const OUTPUT_TOKENS_MAX: u64 = 32_000;

/// How much one call moves what was learned.
const PACE: f64 = 0.05;

/// The share of calls for whose output the usual reservation is enough.
const USUAL_SHARE: f64 = 0.9;

/// Calls after which half of what was learned of output is forgotten.
const MEMORY: u32 = 1_000;

/// Most models of which something is remembered; the others are estimated as if nothing were known.
const MODELS_MAX: usize = 4_096;

/// What there is of a request to be read by a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Bytes that may be text.
    pub text_bytes: u64,
    /// Pictures and documents.
    pub media: u64,
}

/// What a call may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Input tokens.
    pub input: u64,
    /// Output tokens that a call of the model usually does not exceed.
    pub output_usual: u64,
    /// Output tokens that the call allows.
    pub output_most: u64,
}

/// What was learned of each model. One for each process.
#[derive(Debug, Default)]
pub struct Lessons(Mutex<HashMap<Arc<str>, Lesson>>);

impl Lessons {
    /// What a call for `model` may use. `output_max` is the call's own bound, or the model's.
    #[must_use]
    pub fn estimate(&self, model: &str, weight: Weight, output_max: Option<u64>) -> Estimate {
        let lessons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Lesson::default();
        let lesson = lessons.get(model).unwrap_or(&fresh);
        let output_most = output_max.unwrap_or(OUTPUT_TOKENS_MAX);
        Estimate { input: lesson.input(weight), output_usual: lesson.output.usual().min(output_most), output_most }
    }

    /// Learns from a call whose counts its provider reported.
    pub fn learn(&self, model: &Arc<str>, weight: Weight, usage: &Usage) {
        let mut lessons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !lessons.contains_key(model) && lessons.len() >= MODELS_MAX {
            return;
        }
        let lesson = lessons.entry(Arc::clone(model)).or_default();
        // Pictures would spoil what is learned of text.
        if weight.media == 0 && usage.total_input_tokens() > 0 {
            let seen = weight.text_bytes as f64 / usage.total_input_tokens() as f64;
            lesson.bytes_per_token += PACE * (seen.clamp(0.5, 64.0) - lesson.bytes_per_token);
        }
        lesson.output.see(usage.output_tokens);
    }
}

#[derive(Debug)]
struct Lesson {
    bytes_per_token: f64,
    output: Outputs,
}

impl Default for Lesson {
    fn default() -> Self {
        Self { bytes_per_token: BYTES_PER_TOKEN, output: Outputs::default() }
    }
}

impl Lesson {
    #[expect(clippy::cast_sign_loss, reason = "bytes are not negative")]
    fn input(&self, weight: Weight) -> u64 {
        let text = (weight.text_bytes as f64 / self.bytes_per_token).ceil() as u64;
        text.saturating_add(weight.media.saturating_mul(MEDIA_TOKENS))
    }
}

/// How long answers were: counts of doubling lengths, each in four steps, of which the old ones fade.
#[derive(Debug)]
struct Outputs {
    counts: [u32; Self::STEPS],
    seen: u32,
}

impl Default for Outputs {
    fn default() -> Self {
        Self { counts: [0; Self::STEPS], seen: 0 }
    }
}

impl Outputs {
    const STEPS: usize = 4 * 24;

    fn see(&mut self, tokens: u64) {
        let step = (0..Self::STEPS).find(|step| Self::upper(*step) >= tokens).unwrap_or(Self::STEPS - 1);
        self.counts[step] = self.counts[step].saturating_add(1);
        self.seen += 1;
        if self.seen >= MEMORY {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.seen = self.counts.iter().sum();
        }
    }

    /// The upper end of a step: 1, 1.25, 1.5, 1.75, 2, 2.5, …
    fn upper(step: usize) -> u64 {
        let (doubling, quarter) = (step / 4, step % 4);
        ((4 + quarter as u64) << doubling).div_ceil(4)
    }

    #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "a share of a count")]
    fn usual(&self) -> u64 {
        if self.seen == 0 {
            return OUTPUT_TOKENS;
        }
        let wanted = (f64::from(self.seen) * USUAL_SHARE).ceil() as u32;
        let mut counted = 0;
        for (step, count) in self.counts.iter().enumerate() {
            counted += count;
            if counted >= wanted {
                return Self::upper(step);
            }
        }
        OUTPUT_TOKENS
    }
}

#[cfg(test)]
mod tests {
    use super::{Lessons, OUTPUT_TOKENS, Outputs, Weight};
    use std::sync::Arc;
    use tg_kernel::usage::Usage;

    fn text(bytes: u64) -> Weight {
        Weight { text_bytes: bytes, media: 0 }
    }

    #[test]
    fn before_anything_is_learned_a_little_too_much_is_reserved() {
        let estimate = Lessons::default().estimate("m", Weight { text_bytes: 301, media: 2 }, Some(50));
        assert_eq!((estimate.input, estimate.output_usual, estimate.output_most), (3_301, 50, 50));
        assert_eq!(Lessons::default().estimate("m", text(0), None).output_usual, OUTPUT_TOKENS);
    }

    #[test]
    fn what_calls_needed_is_learned_for_each_model() {
        let lessons = Lessons::default();
        let model: Arc<str> = "m".into();
        for call in 0..400 {
            let output_tokens = if call % 20 == 0 { 4_000 } else { 100 };
            lessons.learn(&model, text(2_000), &Usage { input_tokens: 1_000, output_tokens, ..Usage::default() });
        }
        let estimate = lessons.estimate("m", text(2_000), Some(8_000));
        assert!((990..=1_010).contains(&estimate.input), "{estimate:?}");
        assert!((100..=128).contains(&estimate.output_usual), "nineteen of twenty: {estimate:?}");
        assert_eq!(estimate.output_most, 8_000);
        assert_eq!(lessons.estimate("other", text(300), None).input, 100);
    }

    #[test]
    fn pictures_do_not_spoil_what_is_learned_of_text() {
        let lessons = Lessons::default();
        let weight = Weight { text_bytes: 100, media: 1 };
        lessons.learn(&"m".into(), weight, &Usage { input_tokens: 100_000, ..Usage::default() });
        assert_eq!(lessons.estimate("m", text(300), None).input, 100);
    }

    #[test]
    fn the_usual_length_follows_what_came_lately() {
        let mut outputs = Outputs::default();
        (0..3_000).for_each(|_| outputs.see(10));
        assert_eq!(outputs.usual(), 10);
        (0..9_000).for_each(|_| outputs.see(5_000));
        assert_eq!(outputs.usual(), 5_120);
        outputs.see(u64::MAX);
        assert_eq!(Outputs::upper(0), 1);
    }
}
