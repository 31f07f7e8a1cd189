//! The trained model: n-gram weights of eight lanes and a small network over all inputs.

use super::block::{Block, INPUTS, LANES};
use super::stream::{BUCKETS, Sink};
use crate::net::Cursor;
use crate::span::Span;
use std::sync::OnceLock;

/// Inner nodes of the network.
pub const HIDDEN: usize = 24;
/// What the network tells: see the constants of this module.
pub const OUTPUTS: usize = 11;
/// An attack by the user.
pub const INJECTION: usize = 0;
/// An instruction to the assistant in a text that should hold none.
pub const INDIRECT: usize = 1;
/// The first of the seven categories of harm, in the order of [`super::Harm`].
pub const HARM: usize = 2;
/// Any harm.
pub const ANY: usize = 9;
/// How grave the harm is, where there is any.
pub const GRAVITY: usize = 10;
/// Entries of the character model.
pub const SURPRISES: usize = 1 << 15;

/// The logit of harm that is surely none.
const QUIET: f32 = -4.0;

/// How sharply the loudest windows count in a [`Blend`], as a logit per e-fold.
const SHARPNESS: f32 = 0.45;

/// The logits of any harm of all windows as one: nearly the loudest, but one loud window among many counts for less than
/// many or than one alone, for the worst of many is loud by chance. So a long document raises no more false alarms than a
/// short prompt, and one that is harmful throughout loses nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Blend {
    sum: f64,
    count: f64,
}

impl Blend {
    /// One more window.
    pub fn add(&mut self, logit: f32) {
        self.sum += f64::from((logit / SHARPNESS).clamp(-60.0, 60.0)).exp();
        self.count += 1.0;
    }

    /// The whole; far below nought where there was nothing.
    #[must_use]
    pub fn logit(self) -> f32 {
        if self.count > 0.0 { (self.sum / self.count).ln() as f32 * SHARPNESS } else { f32::NEG_INFINITY }
    }
}

const BYTES: &[u8] = include_bytes!("../../weights/model.bin");
/// What a file of weights begins with.
pub const MAGIC: [u8; 8] = *b"TGSM0001";

/// All that was learnt.
#[derive(Clone, Debug)]
pub struct Model {
    /// What one unit of an n-gram's weight in each lane is worth.
    pub unit: [f32; LANES],
    /// Weights of the n-grams' buckets.
    pub grams: std::borrow::Cow<'static, [[u8; LANES]]>,
    /// How much each symbol surprises after two others, in thirty-seconds of a nat above 2.
    pub surprise: std::borrow::Cow<'static, [i8]>,
    /// The network.
    pub net: Net,
    /// Per output, the logits that 1 % and 0.1 % of ordinary texts exceed.
    pub marks: [[f32; 2]; OUTPUTS],
    /// The network as it is asked.
    laid: OnceLock<Laid>,
}

/// The network laid out for asking: inner nodes and outputs side by side.
type Laid = crate::net::Laid<INPUTS, HIDDEN, OUTPUTS, 40, 24>;

/// The network over the inputs.
pub type Net = crate::net::Net<INPUTS, HIDDEN, OUTPUTS>;

/// The embedded model.
pub fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| Model::read(BYTES))
}

impl Model {
    /// What was learnt, from its parts.
    #[must_use]
    pub fn new(
        unit: [f32; LANES],
        grams: std::borrow::Cow<'static, [[u8; LANES]]>,
        surprise: std::borrow::Cow<'static, [i8]>,
        net: Net,
        marks: [[f32; 2]; OUTPUTS],
    ) -> Self {
        Self { unit, grams, surprise, net, marks, laid: OnceLock::new() }
    }

    /// Reads embedded weights. What is missing is nought; a test keeps the embedded file whole.
    fn read(bytes: &'static [u8]) -> Self {
        let mut cursor = Cursor(bytes.strip_prefix(&MAGIC).unwrap_or_default());
        let unit = cursor.floats();
        let net = Net::read(&mut cursor);
        let marks = std::array::from_fn(|_| cursor.floats());
        let surprise = cursor.bytes(SURPRISES).iter().map(|b| b.cast_signed()).collect();
        let grams = cursor.bytes(BUCKETS * LANES).as_chunks().0.into();
        Self::new(unit, grams, surprise, net, marks)
    }

    /// The weights as a file.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut put = |floats: &[f32]| floats.iter().for_each(|f| bytes.extend(f.to_le_bytes()));
        put(&self.unit);
        self.net.parts().for_each(&mut put);
        put(self.marks.as_flattened());
        bytes.extend(self.surprise.iter().map(|s| s.cast_unsigned()));
        bytes.extend(self.grams.as_flattened());
        bytes
    }

    /// A logit as a score: 0.5 where 1 % of ordinary texts stand above, 0.9 where 0.1 % do.
    #[must_use]
    pub fn score(&self, output: usize, logit: f32) -> f32 {
        let [one, tenth] = self.marks.get(output).copied().unwrap_or_default();
        let steep = 9.0_f32.ln() / (tenth - one).max(0.05);
        1.0 / (1.0 + (-(logit - one) * steep).exp())
    }

    /// Reads a folded text: the logits of each of its windows, and of the whole as one, each told to `seen`.
    pub fn windows(&self, text: &str, seen: impl FnMut(Span, &[f32; OUTPUTS])) {
        let mut pool = Pool::new(self, seen);
        super::stream::read(text, &self.surprise, &mut pool);
        pool.finish();
    }
}

type Sums = [i32; LANES];

/// How many rows of weights are fetched and added at a time.
const SOME: usize = 128;

struct Pool<'a, F> {
    model: &'a Model,
    net: &'a Laid,
    sums: Sums,
    before: Option<(Block, Sums)>,
    whole: Option<(Block, Sums)>,
    windows: usize,
    seen: F,
}

impl<'a, F: FnMut(Span, &[f32; OUTPUTS])> Pool<'a, F> {
    fn new(model: &'a Model, seen: F) -> Self {
        let net = model.laid.get_or_init(|| Laid::new(&model.net));
        Self { model, net, sums: [0; LANES], before: None, whole: None, windows: 0, seen }
    }

    fn judge(&mut self, block: &Block, sums: Sums) {
        let grams = std::array::from_fn(|lane| {
            self.model.unit.get(lane).copied().unwrap_or(0.0) * sums.get(lane).copied().unwrap_or(0) as f32
        });
        let inputs = block.inputs(grams);
        let mut logits = self.net.outputs(&inputs);
        if block.is_a_plain_word() {
            logits.iter_mut().take(ANY + 1).skip(HARM).for_each(|logit| *logit = logit.min(QUIET));
        }
        (self.seen)(block.span, &logits);
        self.windows += 1;
    }

    fn finish(&mut self) {
        if self.windows == 0
            && let Some((block, sums)) = self.before.take()
        {
            self.judge(&block, sums);
        }
        if self.windows > 1
            && let Some((block, sums)) = self.whole.take()
        {
            self.judge(&block, sums);
        }
    }
}

fn both((block, sums): &mut (Block, Sums), next: &Block, more: Sums) {
    block.add(next);
    sums.iter_mut().zip(more).for_each(|(a, b)| *a = a.saturating_add(b));
}

impl<F: FnMut(Span, &[f32; OUTPUTS])> Sink for Pool<'_, F> {
    fn grams(&mut self, buckets: &[u32]) {
        // Each lane in 16 bits of two numbers, as much above nought as a weight can be below; so many fit.
        const LANE: u64 = 0x00ff_00ff_00ff_00ff;
        // As many as there are buckets: no place has to be checked.
        let Some(grams) = self.model.grams.first_chunk::<BUCKETS>() else { return };
        let mut rows = [0; SOME];
        for some in buckets.chunks(SOME) {
            // The weights are fetched first, many at a time, and added in a loop of which the compiler makes wide instructions.
            for (row, bucket) in rows.iter_mut().zip(some) {
                *row = grams.get(*bucket as usize % BUCKETS).map_or(0, |row| u64::from_le_bytes(*row));
            }
            let (mut even, mut odd) = (0_u64, 0_u64);
            for row in rows.iter().take(some.len()) {
                let row = row ^ 0x8080_8080_8080_8080;
                even = even.wrapping_add(row & LANE);
                odd = odd.wrapping_add(row >> 8 & LANE);
            }
            let nought = 128 * some.len() as i32;
            for (lane, sum) in self.sums.iter_mut().enumerate() {
                let all = if lane % 2 == 0 { even } else { odd };
                *sum += i32::from((all >> (lane / 2 * 16)) as u16) - nought;
            }
        }
    }

    fn block(&mut self, block: &Block) {
        let sums = std::mem::take(&mut self.sums);
        // Each half on its own too: a short attack must not be averaged away.
        let half = self.before.replace((block.clone(), sums));
        if let Some(mut window) = half {
            if self.windows == 0 {
                self.judge(&window.0, window.1);
            }
            self.judge(block, sums);
            both(&mut window, block, sums);
            self.judge(&window.0, window.1);
        }
        match &mut self.whole {
            Some(whole) => both(whole, block, sums),
            none => *none = Some((block.clone(), sums)),
        }
    }
}

/// The sums of the weights of each block of a folded text.
#[cfg(test)]
pub(super) fn sums(text: &str) -> Vec<[i32; LANES]> {
    struct Blocks<F>(Pool<'static, F>, Vec<Sums>);
    impl<F: FnMut(Span, &[f32; OUTPUTS])> Sink for Blocks<F> {
        fn grams(&mut self, buckets: &[u32]) {
            self.0.grams(buckets);
        }

        fn block(&mut self, _: &Block) {
            self.1.push(std::mem::take(&mut self.0.sums));
        }
    }
    let pool = Pool::new(model(), |_: Span, _: &[f32; OUTPUTS]| {});
    let mut blocks = Blocks(pool, Vec::new());
    super::stream::read(text, &model().surprise, &mut blocks);
    blocks.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_weights_are_whole() {
        let model = model();
        assert_eq!(BYTES.len(), model.write().len());
        assert!(model.write() == BYTES, "what is read is what stands there");
        assert!(model.unit.iter().all(|unit| *unit > 0.0));
        assert!(model.marks.iter().all(|[one, tenth]| one < tenth));
    }
}
