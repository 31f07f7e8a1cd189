//! What is counted in a stretch of text, and what the model is given of it.

use super::classes::CLASSES;
use super::words::DIM;
use crate::span::Span;

/// Bytes of a block. A window is two blocks, and begins with each block: 512 bytes, half of them shared with the next.
pub const BLOCK: usize = 256;
/// Weights that each n-gram has.
pub const LANES: usize = 8;
/// How many kinds of marks are counted apart.
pub const MARKS: usize = 12;
/// Other measures: see [`Block::inputs`].
const MEASURES: usize = 17;
/// The largest input.
const FAR: f32 = 4.0;
/// Numbers that the model is given.
pub const INPUTS: usize = LANES + DIM + CLASSES + MARKS + MEASURES;

/// Counts over a stretch of text.
#[derive(Clone, Debug)]
pub struct Block {
    /// Where it lies in the text that was read.
    pub span: Span,
    /// Sums of the known words' vectors.
    pub meaning: [i32; DIM],
    /// How many words of each class.
    pub classes: [u16; CLASSES],
    /// How many marks of each kind.
    pub marks: [u16; MARKS],
    /// Characters, runs of spaces as one.
    pub chars: u32,
    /// Characters beyond ASCII.
    pub foreign: u32,
    /// n-grams.
    pub grams: u32,
    /// Words.
    pub words: u32,
    /// Words that have a vector.
    pub known: u32,
    /// Words that end in a digit.
    pub numbers: u32,
    /// Line ends.
    pub lines: u32,
    /// The longest run of one character, less one.
    pub repeats: u32,
    /// Sum of how much each character surprises.
    pub surprise: i32,
    /// The same, leaking away over about thirty characters: where it stands now, and its highest.
    pub leak: i32,
    /// See `leak`.
    pub strangest: i32,
    /// Sum of what the words say of coarse speech.
    pub coarse: i32,
    /// The coarsest word.
    pub coarsest: i32,
    /// Words that are plainly coarse.
    pub rude: u32,
}

/// From which number on a word is plainly coarse.
pub const RUDE: i32 = 24;

impl Default for Block {
    fn default() -> Self {
        Self {
            span: Span::new(0, 0),
            meaning: [0; DIM],
            classes: [0; CLASSES],
            marks: [0; MARKS],
            chars: 0,
            foreign: 0,
            grams: 0,
            words: 0,
            known: 0,
            numbers: 0,
            lines: 0,
            repeats: 0,
            surprise: 0,
            leak: 0,
            strangest: 0,
            coarse: 0,
            coarsest: 0,
            rude: 0,
        }
    }
}

impl Block {
    /// Both as one stretch.
    pub fn add(&mut self, next: &Self) {
        self.span = Span::new(self.span.start.min(next.span.start), self.span.end.max(next.span.end));
        self.meaning.iter_mut().zip(next.meaning).for_each(|(a, b)| *a = a.saturating_add(b));
        self.classes.iter_mut().zip(next.classes).for_each(|(a, b)| *a = a.saturating_add(b));
        self.marks.iter_mut().zip(next.marks).for_each(|(a, b)| *a = a.saturating_add(b));
        self.chars = self.chars.saturating_add(next.chars);
        self.foreign = self.foreign.saturating_add(next.foreign);
        self.grams = self.grams.saturating_add(next.grams);
        self.words = self.words.saturating_add(next.words);
        self.known = self.known.saturating_add(next.known);
        self.numbers = self.numbers.saturating_add(next.numbers);
        self.lines = self.lines.saturating_add(next.lines);
        self.repeats = self.repeats.max(next.repeats);
        self.surprise = self.surprise.saturating_add(next.surprise);
        self.strangest = self.strangest.max(next.strangest);
        self.coarse = self.coarse.saturating_add(next.coarse);
        self.coarsest = self.coarsest.max(next.coarsest);
        self.rude = self.rude.saturating_add(next.rude);
    }

    /// Whether it is a single word that is known and not coarse. Whatever texts such a word is common in, it says nothing harmful by
    /// itself: names and values of arguments are such words.
    #[must_use]
    pub fn is_a_plain_word(&self) -> bool {
        self.words == 1 && self.known == 1 && self.rude == 0
    }

    /// What the model is given: the sums of the n-grams' weights (in their own unit, over the root of how many there
    /// are), the mean of the words' vectors, and the counts, each in a range of a few units.
    #[must_use]
    pub fn inputs(&self, grams: [f32; LANES]) -> [f32; INPUTS] {
        let mut inputs = [0.0; INPUTS];
        let (lanes, rest) = inputs.split_at_mut(LANES);
        let (meaning, rest) = rest.split_at_mut(DIM);
        let (classes, rest) = rest.split_at_mut(CLASSES);
        let (marks, measures) = rest.split_at_mut(MARKS);
        let root = (self.grams.max(1) as f32).sqrt();
        lanes.iter_mut().zip(grams).for_each(|(slot, sum)| *slot = sum / root);
        // A vector's number is an i8: a mean of 16 is much.
        let known = 16.0 * self.known.max(1) as f32;
        meaning.iter_mut().zip(&self.meaning).for_each(|(slot, sum)| *slot = *sum as f32 / known);
        let words = self.words.max(8) as f32;
        let root = words.sqrt();
        classes.iter_mut().zip(&self.classes).for_each(|(slot, count)| *slot = f32::from(*count) * 6.0 / root);
        let chars = self.chars.max(16) as f32;
        marks.iter_mut().zip(&self.marks).for_each(|(slot, count)| *slot = (f32::from(*count) * 40.0 / chars).min(6.0));
        measures.copy_from_slice(&self.measures(chars, words));
        // What is far out of the ordinary must not outvote all else.
        inputs.map(|input| input.clamp(-FAR, FAR))
    }

    fn measures(&self, chars: f32, words: f32) -> [f32; MEASURES] {
        let share = |count: u32, of: f32| count as f32 / of;
        let strange = self.strangest as f32 / 512.0;
        let mean = self.surprise as f32 / (32.0 * chars);
        let length = (chars / 64.0).ln_1p();
        let known = share(self.known, words);
        let foreign = share(self.foreign, chars);
        [
            length,
            (words / 8.0).ln_1p(),
            known,
            foreign,
            share(self.numbers, words) * 4.0,
            share(self.lines, chars) * 20.0,
            (self.repeats as f32).ln_1p() / 2.0,
            mean,
            strange,
            (strange - 1.2).max(0.0) * 4.0,
            (mean - 1.0).max(0.0) * 4.0,
            chars / (words * 6.0),
            if foreign > 0.3 { 1.0 } else { 0.0 },
            if chars < 40.0 { 1.0 } else { 0.0 },
            self.coarse as f32 / (12.0 * words.sqrt()),
            self.coarsest as f32 / 32.0,
            self.rude as f32 * 3.0 / words.sqrt(),
        ]
    }
}
