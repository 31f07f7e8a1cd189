//! What trained models are made of: a small network, and the reading of embedded weights.

/// A network with one inner layer, and a way past it.
#[derive(Clone, Debug)]
pub struct Net<const INPUTS: usize, const HIDDEN: usize, const OUTPUTS: usize> {
    /// Input to inner nodes: one row an input.
    pub inner: Vec<[f32; HIDDEN]>,
    /// Of the inner nodes.
    pub inner_bias: [f32; HIDDEN],
    /// Inner nodes to outputs: one row an inner node.
    pub outer: Vec<[f32; OUTPUTS]>,
    /// Input to outputs, past the inner nodes: one row an input.
    pub direct: Vec<[f32; OUTPUTS]>,
    /// Of the outputs.
    pub bias: [f32; OUTPUTS],
}

impl<const INPUTS: usize, const HIDDEN: usize, const OUTPUTS: usize> Net<INPUTS, HIDDEN, OUTPUTS> {
    /// All noughts.
    #[must_use]
    pub fn blank() -> Self {
        Self {
            inner: vec![[0.0; HIDDEN]; INPUTS],
            inner_bias: [0.0; HIDDEN],
            outer: vec![[0.0; OUTPUTS]; HIDDEN],
            direct: vec![[0.0; OUTPUTS]; INPUTS],
            bias: [0.0; OUTPUTS],
        }
    }

    /// What the inner nodes hold for these inputs; never negative.
    #[must_use]
    pub fn inner(&self, inputs: &[f32; INPUTS]) -> [f32; HIDDEN] {
        let mut nodes = self.inner_bias;
        for (input, row) in heard(inputs, &self.inner) {
            nodes.iter_mut().zip(row).for_each(|(node, weight)| *node += input * weight);
        }
        nodes.map(|node| node.max(0.0))
    }

    /// The outputs, as logits.
    #[must_use]
    pub fn outputs(&self, inputs: &[f32; INPUTS], inner: &[f32; HIDDEN]) -> [f32; OUTPUTS] {
        let mut outputs = self.bias;
        for (input, row) in heard(inputs, &self.direct) {
            outputs.iter_mut().zip(row).for_each(|(output, weight)| *output += input * weight);
        }
        for (node, row) in heard(inner, &self.outer) {
            outputs.iter_mut().zip(row).for_each(|(output, weight)| *output += node * weight);
        }
        outputs
    }

    /// Takes one as [`Net::parts`] tells it.
    pub(crate) fn read(cursor: &mut Cursor) -> Self {
        Self {
            inner: cursor.rows(INPUTS),
            inner_bias: cursor.floats(),
            outer: cursor.rows(HIDDEN),
            direct: cursor.rows(INPUTS),
            bias: cursor.floats(),
        }
    }

    /// All weights, in the order in which they stand in a file.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &[f32]> {
        [
            self.inner.as_flattened(),
            &self.inner_bias[..],
            self.outer.as_flattened(),
            self.direct.as_flattened(),
            &self.bias[..],
        ]
        .into_iter()
    }
}

/// Numbers and their rows, but for those that are nought and add nothing: of most texts those are many.
fn heard<'a, const N: usize>(
    numbers: &'a [f32],
    rows: &'a [[f32; N]],
) -> impl Iterator<Item = (&'a f32, &'a [f32; N])> {
    numbers.iter().zip(rows).filter(|(number, _)| **number != 0.0)
}

/// Takes what stands at the front of a file of weights. What is missing is nought.
pub(crate) struct Cursor(pub(crate) &'static [u8]);

impl Cursor {
    pub(crate) fn bytes(&mut self, count: usize) -> &'static [u8] {
        let (front, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        front
    }

    pub(crate) fn float(&mut self) -> f32 {
        self.bytes(4).try_into().map_or(0.0, f32::from_le_bytes)
    }

    pub(crate) fn floats<const N: usize>(&mut self) -> [f32; N] {
        std::array::from_fn(|_| self.float())
    }

    fn rows<const N: usize>(&mut self, count: usize) -> Vec<[f32; N]> {
        (0..count).map(|_| self.floats()).collect()
    }
}
