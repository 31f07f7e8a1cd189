//! What a call may use, before anybody has counted: bytes of text by what calls of the model needed so far.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tg_kernel::peek::{MEDIA_TOKENS, Weight};
use tg_kernel::usage::Usage;

/// Bytes of a request for one token, before anything was learned: a little less than English has, so that the first calls
/// reserve a little too much.
const BYTES_PER_TOKEN: f64 = 3.0;

/// What a ratio that is learned from may be: other texts are none that models are asked about.
const BYTES_PER_TOKEN_SEEN: std::ops::RangeInclusive<f64> = 1.0..=8.0;

/// Requests smaller than this teach nothing of text: most of them is JSON.
const TEXT_BYTES_MIN: u64 = 400;

/// The least share of input that is taken not to come from a prompt cache: caches end.
const FRESH_MIN: f64 = 0.05;

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

/// Most pairs of team and model of which something is remembered; the others are estimated as if nothing were known.
const MODELS_MAX: usize = 16_384;

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

impl Estimate {
    /// The same, with so many times the output: of a call that wants several answers.
    #[must_use]
    pub fn times(self, answers: u64) -> Self {
        let [output_usual, output_most] =
            [self.output_usual, self.output_most].map(|tokens| tokens.saturating_mul(answers));
        Self { output_usual, output_most, ..self }
    }

    /// The same, with at least one token of each kind.
    #[must_use]
    pub fn at_least_one(self) -> Self {
        let Self { input, output_usual, output_most } = self;
        Self { input: input.max(1), output_usual: output_usual.max(1), output_most: output_most.max(1) }
    }
}

/// What was learned of each team's calls for each model, so that no team's odd calls change what is reserved for
/// another's. One for each process.
#[derive(Debug, Default)]
pub struct Lessons(Mutex<Learned>);

#[derive(Debug, Default)]
struct Learned {
    teams: HashMap<Arc<str>, HashMap<Arc<str>, Lesson>>,
    count: usize,
}

impl Lessons {
    /// What a team's call for `model` may use. `output_max` is the call's own bound, or the model's.
    #[must_use]
    pub fn estimate(&self, team: &str, model: &str, weight: Weight, output_max: Option<u64>) -> Estimate {
        let learned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Lesson::default();
        let lesson = learned.teams.get(team).and_then(|models| models.get(model)).unwrap_or(&fresh);
        let output_most = output_max.unwrap_or(OUTPUT_TOKENS_MAX);
        Estimate { input: lesson.input(weight), output_usual: lesson.output.usual().min(output_most), output_most }
    }

    /// Learns from a call whose counts its provider reported.
    pub fn learn(&self, team: &Arc<str>, model: &Arc<str>, weight: Weight, usage: &Usage) {
        let mut learned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Learned { teams, count } = &mut *learned;
        let models = teams.entry(Arc::clone(team)).or_default();
        if !models.contains_key(model) {
            if *count >= MODELS_MAX {
                return;
            }
            *count += 1;
        }
        models.entry(Arc::clone(model)).or_default().learn(weight, usage);
    }
}

#[derive(Debug)]
struct Lesson {
    bytes_per_token: f64,
    /// The share of input tokens that is not read from a prompt cache.
    fresh: f64,
    output: Outputs,
}

impl Default for Lesson {
    fn default() -> Self {
        Self { bytes_per_token: BYTES_PER_TOKEN, fresh: 1.0, output: Outputs::default() }
    }
}

impl Lesson {
    #[expect(clippy::cast_sign_loss, reason = "bytes are not negative")]
    fn input(&self, weight: Weight) -> u64 {
        let text = weight.text_bytes as f64 / self.bytes_per_token;
        let all = text + weight.media as f64 * MEDIA_TOKENS as f64;
        (all * self.fresh).ceil() as u64
    }

    fn learn(&mut self, weight: Weight, usage: &Usage) {
        self.output.see(usage.output_tokens);
        let all = usage.total_input_tokens();
        // Pictures would spoil what is learned of text, and so would calls whose input stands elsewhere: in a file, behind
        // a URL, with the provider.
        let seen = weight.text_bytes as f64 / all as f64;
        if weight.media == 0 && weight.text_bytes >= TEXT_BYTES_MIN && BYTES_PER_TOKEN_SEEN.contains(&seen) {
            self.bytes_per_token += PACE * (seen - self.bytes_per_token);
        }
        if all > 0 {
            let fresh = 1.0 - usage.cache_read_tokens as f64 / all as f64;
            self.fresh += PACE * (fresh.max(FRESH_MIN) - self.fresh);
        }
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
    use super::{Lessons, OUTPUT_TOKENS, Outputs};
    use std::sync::Arc;
    use tg_kernel::peek::Weight;
    use tg_kernel::usage::Usage;

    fn text(text_bytes: u64) -> Weight {
        Weight { text_bytes, media: 0 }
    }

    /// What is reserved for 3000 bytes after a team's calls have taught so.
    fn after(calls: impl IntoIterator<Item = (Weight, Usage)>) -> u64 {
        let lessons = Lessons::default();
        let (team, model): (Arc<str>, Arc<str>) = ("red".into(), "m".into());
        for (weight, usage) in calls {
            lessons.learn(&team, &model, weight, &usage);
        }
        lessons.estimate("red", "m", text(3_000), None).input
    }

    #[test]
    fn before_anything_is_learned_a_little_too_much_is_reserved() {
        let lessons = Lessons::default();
        let estimate = lessons.estimate("red", "m", Weight { text_bytes: 301, media: 2 }, Some(50));
        assert_eq!((estimate.input, estimate.output_usual, estimate.output_most), (3_301, 50, 50));
        assert_eq!(lessons.estimate("red", "m", text(0), None).output_usual, OUTPUT_TOKENS);
    }

    #[test]
    fn what_calls_needed_is_learned_for_each_model_of_each_team() {
        let lessons = Lessons::default();
        let (team, model): (Arc<str>, Arc<str>) = ("red".into(), "m".into());
        for call in 0..400 {
            let output_tokens = if call % 20 == 0 { 4_000 } else { 100 };
            let usage = Usage { input_tokens: 1_000, output_tokens, ..Usage::default() };
            lessons.learn(&team, &model, text(2_000), &usage);
        }
        let estimate = lessons.estimate("red", "m", text(2_000), Some(8_000));
        assert!((990..=1_010).contains(&estimate.input), "{estimate:?}");
        assert!((100..=128).contains(&estimate.output_usual), "nineteen of twenty: {estimate:?}");
        assert_eq!(estimate.output_most, 8_000);
        for (team, model) in [("red", "other"), ("blue", "m")] {
            assert_eq!(lessons.estimate(team, model, text(300), None).input, 100, "{team} {model}");
        }
    }

    #[test]
    fn calls_that_say_nothing_of_text_teach_nothing_of_it() {
        let input = |input_tokens| Usage { input_tokens, ..Usage::default() };
        for (what, weight, usage) in [
            ("a picture", Weight { text_bytes: 3_000, media: 1 }, input(100_000)),
            ("a picture by its address", text(3_000), input(100_000)),
            ("blanks", text(1_000_000), input(10)),
            ("a few words", text(100), input(60)),
        ] {
            assert_eq!(after(vec![(weight, usage); 200]), 1_000, "{what}");
        }
    }

    #[test]
    fn what_comes_from_a_prompt_cache_is_not_reserved() {
        let cached = Usage { input_tokens: 100, cache_read_tokens: 900, ..Usage::default() };
        let reserved = after(vec![(text(3_000), cached); 200]);
        assert!((95..=110).contains(&reserved), "{reserved}");
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
