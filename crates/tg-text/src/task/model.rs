//! The trained model of tasks: weights of n-grams with one lane a class, and a small network over all inputs.

use super::TaskClass;
use super::form::HARD;
use super::read::{BUCKETS, FORM_FROM, INPUTS, Reading};
use crate::net::Cursor;
use std::borrow::Cow;
use std::sync::OnceLock;

/// Classes of tasks.
pub const CLASSES: usize = TaskClass::ALL.len();
/// Inner nodes of the network.
pub const HIDDEN: usize = 32;

const BYTES: &[u8] = include_bytes!("../../weights/task.bin");
/// What a file of weights begins with.
pub const MAGIC: [u8; 8] = *b"TGTK0001";

/// All that was learnt.
#[derive(Clone, Debug)]
pub struct Model {
    /// What one unit of an n-gram's weight in each lane is worth.
    pub unit: [f32; CLASSES],
    /// Weights of the n-grams' buckets.
    pub grams: Cow<'static, [[u8; CLASSES]]>,
    /// The network.
    pub net: Net,
    /// What logits are divided by, so that a confidence is as often right as it says.
    pub temperature: f32,
    /// Weights for the difficulty of the numbers of the form that tell it, as a logit.
    pub hard: [f32; HARD.len()],
    /// Of the difficulty.
    pub hard_bias: f32,
}

/// The network over the inputs.
pub type Net = crate::net::Net<INPUTS, HIDDEN, CLASSES>;

/// The embedded model.
pub fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| Model::read(BYTES))
}

impl Model {
    /// Reads embedded weights. What is missing is nought; a test keeps the embedded file whole.
    fn read(bytes: &'static [u8]) -> Self {
        let mut cursor = Cursor(bytes.strip_prefix(&MAGIC).unwrap_or_default());
        let unit = cursor.floats();
        let net = Net::read(&mut cursor);
        let (temperature, hard, hard_bias) = (cursor.float(), cursor.floats(), cursor.float());
        let grams = cursor.bytes(BUCKETS * CLASSES).as_chunks().0.into();
        Self { unit, grams, net, temperature, hard, hard_bias }
    }

    /// The weights as a file.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut put = |floats: &[f32]| floats.iter().for_each(|f| bytes.extend(f.to_le_bytes()));
        put(&self.unit);
        self.net.parts().for_each(&mut put);
        put(&[self.temperature]);
        put(&self.hard);
        put(&[self.hard_bias]);
        bytes.extend(self.grams.as_flattened());
        bytes
    }

    /// The classes of what was read, as logits.
    #[must_use]
    pub fn classes(&self, reading: &Reading) -> [f32; CLASSES] {
        let inner = self.net.inner(&reading.inputs);
        let mut logits = self.net.outputs(&reading.inputs, &inner);
        for buckets in [&reading.ends, &reading.body] {
            let sums = self.sums(buckets);
            let root = (buckets.len().max(1) as f32).sqrt();
            for ((logit, sum), unit) in logits.iter_mut().zip(sums).zip(self.unit) {
                *logit += sum as f32 * unit / root;
            }
        }
        logits.map(|logit| logit / self.temperature.max(0.05))
    }

    fn sums(&self, buckets: &[u16]) -> [i32; CLASSES] {
        let mut sums = [0; CLASSES];
        for row in buckets.iter().filter_map(|bucket| self.grams.get(usize::from(*bucket))) {
            sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += i32::from(weight.cast_signed()));
        }
        sums
    }

    /// How likely it is that a strong model alone gets it right.
    #[must_use]
    pub fn difficulty(&self, reading: &Reading) -> f32 {
        let form = HARD.map(|at| reading.inputs.get(FORM_FROM + at).copied().unwrap_or_default());
        let logit: f32 = form.iter().zip(self.hard).map(|(input, weight)| input * weight).sum();
        1.0 / (1.0 + (-logit - self.hard_bias).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_weights_are_whole_and_small() {
        let model = model();
        assert_eq!(BYTES.len(), model.write().len());
        assert!(model.write() == BYTES, "what is read is what stands there");
        assert!(BYTES.len() <= 1 << 20, "{}", BYTES.len());
        assert!(model.unit.iter().all(|unit| *unit > 0.0) && model.temperature > 0.05);
    }
}
