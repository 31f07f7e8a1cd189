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

/// A network laid out for asking: what an input gives to the inner nodes and to the outputs stands side by side, so that one
/// pass over the inputs reads both. `LANES` is no less than the inner nodes and the outputs together, `OUT` no less than the
/// outputs; both are multiples of eight from 24 on, of which the compiler makes wide instructions. The sums are those of
/// [`Net::inner`] and [`Net::outputs`], in the same order.
#[derive(Clone, Debug)]
pub(crate) struct Laid<
    const INPUTS: usize,
    const HIDDEN: usize,
    const OUTPUTS: usize,
    const LANES: usize,
    const OUT: usize,
> {
    bias: Row<LANES>,
    inputs: Box<[Row<LANES>; INPUTS]>,
    nodes: [Row<OUT>; HIDDEN],
}

/// Numbers where wide instructions find them.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
struct Row<const N: usize>([f32; N]);

impl<const N: usize> Row<N> {
    fn of<'a>(numbers: impl IntoIterator<Item = &'a f32>) -> Self {
        let mut row = [0.0; N];
        row.iter_mut().zip(numbers).for_each(|(slot, number)| *slot = *number);
        Self(row)
    }
}

impl<const INPUTS: usize, const HIDDEN: usize, const OUTPUTS: usize, const LANES: usize, const OUT: usize>
    Laid<INPUTS, HIDDEN, OUTPUTS, LANES, OUT>
{
    /// Lays a network out.
    pub(crate) fn new(net: &Net<INPUTS, HIDDEN, OUTPUTS>) -> Self {
        const { assert!(LANES >= HIDDEN + OUTPUTS && OUT >= OUTPUTS && INPUTS < 256 && HIDDEN < 256) };
        let mut inputs = Box::new([Row::of([]); INPUTS]);
        for (slot, (inner, direct)) in inputs.iter_mut().zip(net.inner.iter().zip(&net.direct)) {
            *slot = Row::of(inner.iter().chain(direct));
        }
        let mut nodes = [Row::of([]); HIDDEN];
        nodes.iter_mut().zip(&net.outer).for_each(|(slot, outer)| *slot = Row::of(outer));
        Self { bias: Row::of(net.inner_bias.iter().chain(&net.bias)), inputs, nodes }
    }

    /// The outputs for these inputs, as logits.
    pub(crate) fn outputs(&self, inputs: &[f32; INPUTS]) -> [f32; OUTPUTS] {
        let all = sums(&self.bias, inputs, &self.inputs);
        let (inner, direct) = all.0.split_at(HIDDEN);
        let mut nodes = [0.0; HIDDEN];
        nodes.iter_mut().zip(inner).for_each(|(node, sum)| *node = sum.max(0.0));
        let outputs = sums(&Row::of(direct.iter().take(OUTPUTS)), &nodes, &self.nodes);
        std::array::from_fn(|output| outputs.0.get(output).copied().unwrap_or_default())
    }
}

/// Sums that begin with some numbers, and to which weights times others are added, but for those that are nought and add
/// nothing.
#[inline(never)]
fn sums<const N: usize, const LANES: usize>(
    from: &Row<LANES>,
    numbers: &[f32; N],
    rows: &[Row<LANES>; N],
) -> Row<LANES> {
    // Which are nought is as good as chance: written down first, no branch has to guess it.
    let mut heard = [0_u8; 256];
    let mut count = 0_u8;
    for (at, number) in (0_u8..).zip(numbers) {
        if let Some(slot) = heard.get_mut(usize::from(count)) {
            *slot = at;
        }
        // But for the sign, which nought may have.
        count += u8::from(number.to_bits() << 1 != 0);
    }
    let mut sums = [0.0; LANES];
    sums.iter_mut().zip(&from.0).for_each(|(sum, number)| *sum = *number);
    for at in heard.iter().take(usize::from(count)) {
        let (Some(number), Some(row)) = (numbers.get(usize::from(*at)), rows.get(usize::from(*at))) else { break };
        sums.iter_mut().zip(&row.0).for_each(|(sum, weight)| *sum += number * weight);
    }
    Row(sums)
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
