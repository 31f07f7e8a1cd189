//! Training: gradient steps over windows, the worst window of a text first.

use crate::dice::Dice;
use crate::example::Example;
use std::collections::BTreeMap;
use tg_text::score::block::{Block, INPUTS, LANES};
use tg_text::score::model::{ANY, GRAVITY, HIDDEN, INDIRECT, INJECTION, Model, Net, OUTPUTS, SURPRISES};
use tg_text::score::stream::{self, BUCKETS, Sink};

/// Settings of a training.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub rounds: usize,
    /// Most examples of one source in one round.
    pub source_max: usize,
    /// Step of the n-grams' weights.
    pub gram_step: f32,
    /// Step of the network's weights.
    pub net_step: f32,
    /// How much weights shrink towards nought.
    pub decay: f32,
    /// Share of n-grams that are left out of a step.
    pub dropped: f32,
    /// How much more a harmless text counts than an attack.
    pub harmless: f32,
    /// How far from certain every target is: what keeps the logits of odd texts small.
    pub doubt: f32,
    /// How much the network's weights shrink.
    pub net_decay: f32,
    /// How often a family of inputs is left out of a step.
    pub whim: f32,
    /// What the root of a bucket's squares begins with: rare n-grams learn the less, the larger it is.
    pub rare: f32,
    /// How many prompts with borrowed words are made; `source_max` times four of them count in a round.
    pub borrowed: usize,
    /// How many scraps of prompts are made; `source_max` of them count in a round.
    pub scraps: usize,
    /// How many texts of programs are made; `source_max` of them count in a round.
    pub printed: usize,
}

impl Settings {
    /// Sets one by its name.
    ///
    /// # Errors
    /// When there is none of the name, or the value is no number.
    pub fn set(&mut self, setting: &str) -> anyhow::Result<()> {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        let number: f32 = value.parse()?;
        match name {
            "rounds" => self.rounds = number as usize,
            "source_max" => self.source_max = number as usize,
            "gram_step" => self.gram_step = number,
            "net_step" => self.net_step = number,
            "decay" => self.decay = number,
            "dropped" => self.dropped = number,
            "harmless" => self.harmless = number,
            "doubt" => self.doubt = number,
            "net_decay" => self.net_decay = number,
            "whim" => self.whim = number,
            "rare" => self.rare = number,
            "borrowed" => self.borrowed = number as usize,
            "scraps" => self.scraps = number as usize,
            "printed" => self.printed = number as usize,
            _ => anyhow::bail!("there is no setting `{name}`"),
        }
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rounds: 10,
            source_max: 900,
            gram_step: 0.1,
            net_step: 0.0015,
            decay: 2e-5,
            dropped: 0.4,
            harmless: 1.3,
            doubt: 0.05,
            net_decay: 0.01,
            whim: 0.12,
            rare: 0.01,
            borrowed: 6000,
            scraps: 6000,
            printed: 6000,
        }
    }
}

/// What a window is learnt from.
struct Window {
    block: Block,
    grams: Vec<u32>,
}

#[derive(Default)]
struct Windows {
    open: Vec<u32>,
    before: Option<(Block, Vec<u32>)>,
    all: Vec<Window>,
    whole: Option<Window>,
}

impl Sink for Windows {
    fn grams(&mut self, buckets: &[u32]) {
        self.open.extend_from_slice(buckets);
    }

    fn block(&mut self, block: &Block) {
        let grams = std::mem::take(&mut self.open);
        if let Some((mut window, mut front)) = self.before.replace((block.clone(), grams.clone())) {
            if self.all.is_empty() {
                self.all.push(Window { block: window.clone(), grams: front.clone() });
            }
            self.all.push(Window { block: block.clone(), grams: grams.clone() });
            window.add(block);
            front.extend(&grams);
            self.all.push(Window { block: window, grams: front });
        }
        match &mut self.whole {
            Some(whole) => {
                whole.block.add(block);
                whole.grams.extend(&grams);
            }
            none => *none = Some(Window { block: block.clone(), grams }),
        }
    }
}

/// The windows of a text as the product sees them; the whole, if there is more than one, comes last.
fn windows(text: &str, surprise: &[i8]) -> (Vec<Window>, bool) {
    let folded = tg_text::view::View::of(text);
    let mut sink = Windows::default();
    stream::read(folded.folded().text(), surprise, &mut sink);
    let mut all = sink.all;
    let several = !all.is_empty();
    all.extend(sink.whole);
    (all, several)
}

pub struct Learner {
    settings: Settings,
    surprise: Vec<i8>,
    grams: Vec<[f32; LANES]>,
    gram_squares: Vec<[f32; LANES]>,
    net: Net,
    adam: Adam,
    mean: Mean,
    dice: Dice,
}

impl Learner {
    pub fn new(settings: Settings, surprise: Vec<i8>, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut net = Net::blank();
        for row in &mut net.inner {
            row.iter_mut().for_each(|w| *w = (dice.share() - 0.5) * 0.3);
        }
        for row in &mut net.outer {
            row.iter_mut().for_each(|w| *w = (dice.share() - 0.5) * 0.3);
        }
        // Each lane begins as the voice of one output, categories that lie near share one.
        let lanes: [&[usize]; LANES] = [&[INJECTION], &[INDIRECT], &[ANY], &[2, 3], &[4, 8], &[5], &[6], &[7]];
        for (row, outputs) in net.direct.iter_mut().zip(lanes) {
            outputs.iter().for_each(|output| row[*output] = 1.0);
        }
        net.bias = [-1.5; OUTPUTS];
        net.bias[GRAVITY] = 0.0;
        let (grams, gram_squares) = (vec![[0.0; LANES]; BUCKETS], vec![[0.0; LANES]; BUCKETS]);
        let (adam, mean) = (Adam::new(settings.net_decay), Mean::new());
        Self { settings, surprise, grams, gram_squares, net, adam, mean, dice }
    }

    /// Learns from all examples, round by round.
    pub fn learn(&mut self, examples: &[Example]) {
        let mut sources: BTreeMap<&str, Vec<&Example>> = BTreeMap::new();
        examples.iter().for_each(|e| sources.entry(e.group()).or_default().push(e));
        for round in 0..self.settings.rounds {
            let mut order = Vec::new();
            for (source, all) in &mut sources {
                self.dice.shuffle(all);
                let much = *source == "borrowed" || source.starts_with("written:");
                let most = self.settings.source_max * if much { 4 } else { 1 };
                order.extend(all.iter().take(most).copied());
            }
            self.dice.shuffle(&mut order);
            let fade = 1.0 - 0.8 * round as f32 / self.settings.rounds.max(1) as f32;
            for (at, example) in order.iter().enumerate() {
                self.example(example, fade, round);
                let part = (order.len() / MEANS_IN_A_ROUND).max(1);
                if 2 * round >= self.settings.rounds && (at + 1) % part == 0 {
                    self.mean.add(&mut self.net, &self.grams);
                }
            }
        }
        self.mean.take(&mut self.net, &mut self.grams);
    }

    fn example(&mut self, example: &Example, fade: f32, round: usize) {
        let (all, several) = windows(&example.text, &self.surprise);
        let Some(last) = all.len().checked_sub(1) else { return };
        let mut chosen = Vec::new();
        if several {
            let good = example.targets.iter().all(|t| t.is_nan() || *t <= 0.0);
            let worst = if round == 0 { self.dice.below(last + 1) } else { self.worst(&all, example, good) };
            chosen.push(worst);
            if good {
                chosen.push(self.dice.below(last + 1));
            }
            if !example.planted {
                chosen.push(last);
            }
            chosen.sort_unstable();
            chosen.dedup();
        } else {
            chosen.push(last);
        }
        for at in chosen {
            self.step(&all[at], &example.targets, fade);
        }
    }

    /// Which window speaks loudest for what the text is said to be; in a harmless text, for anything.
    fn worst(&self, all: &[Window], example: &Example, good: bool) -> usize {
        let counts = |output: usize| {
            let target = example.targets[output];
            output != GRAVITY && !target.is_nan() && (good || target > 0.0)
        };
        let loudest = |window: &Window| {
            let inputs = window.block.inputs(self.sums(window, None));
            let outputs = self.net.outputs(&inputs, &self.net.inner(&inputs));
            (0..OUTPUTS).filter(|o| counts(*o)).map(|o| outputs[o]).fold(f32::NEG_INFINITY, f32::max)
        };
        let mut best = (0, f32::NEG_INFINITY);
        for (at, window) in all.iter().enumerate() {
            let loud = loudest(window);
            if loud > best.1 {
                best = (at, loud);
            }
        }
        best.0
    }

    fn sums(&self, window: &Window, dropped: Option<u64>) -> [f32; LANES] {
        let mut sums = [0.0; LANES];
        let mut kept = 0_u32;
        for gram in window.grams.iter().filter(|g| keeps(**g, dropped, self.settings.dropped)) {
            kept += 1;
            sums.iter_mut().zip(self.grams[*gram as usize]).for_each(|(s, w)| *s += w);
        }
        let scale = window.grams.len() as f32 / kept.max(1) as f32;
        sums.map(|s| if dropped.is_some() { s * scale } else { s })
    }

    fn step(&mut self, window: &Window, targets: &[f32; OUTPUTS], fade: f32) {
        let dropped = self.dice.next();
        let mut inputs = window.block.inputs(self.sums(window, Some(dropped)));
        // Now and then each family of inputs has to do without the others.
        let whim = self.dice.share();
        let often = self.settings.whim;
        if whim < often {
            inputs[..LANES].fill(0.0);
        } else if whim < 2.0 * often {
            inputs[LANES..LANES + 64].fill(0.0);
        } else if whim < 3.0 * often {
            inputs[LANES + 64..].fill(0.0);
        }
        let mut inner = self.net.inner(&inputs);
        let seed = self.dice.next();
        inner.iter_mut().enumerate().filter(|(at, _)| (seed >> at) & 7 == 0).for_each(|(_, node)| *node = 0.0);
        let outputs = self.net.outputs(&inputs, &inner);
        let mut errors = [0.0; OUTPUTS];
        for (at, error) in errors.iter_mut().enumerate() {
            let target = targets[at];
            if target.is_nan() {
                continue;
            }
            *error = if at == GRAVITY {
                0.2 * (outputs[at] - target)
            } else {
                let weight = if target < 0.5 { self.settings.harmless } else { 1.0 };
                let target = target.clamp(self.settings.doubt, 1.0 - self.settings.doubt);
                weight * (1.0 / (1.0 + (-outputs[at]).exp()) - target)
            };
        }
        if errors.iter().all(|e| e.abs() < 1e-3) {
            return;
        }
        if whim >= often {
            self.gram_step(window, &errors, &inner, dropped, fade);
        }
        self.adam.step(&mut self.net, &inputs, &inner, &errors, self.settings.net_step * fade);
    }

    fn gram_step(&mut self, window: &Window, errors: &[f32; OUTPUTS], inner: &[f32; HIDDEN], dropped: u64, fade: f32) {
        let mut back = [0.0; LANES];
        for (lane, back) in back.iter_mut().enumerate() {
            *back = self.net.direct[lane].iter().zip(errors).map(|(w, e)| w * e).sum();
            for node in (0..HIDDEN).filter(|node| inner[*node] > 0.0) {
                let upstream: f32 = self.net.outer[node].iter().zip(errors).map(|(w, e)| w * e).sum();
                *back += self.net.inner[lane][node] * upstream;
            }
        }
        let root = (window.grams.len().max(1) as f32).sqrt();
        let back = back.map(|b| b / root);
        let (step, decay) = (self.settings.gram_step * fade, self.settings.decay);
        for gram in window.grams.iter().filter(|g| keeps(**g, Some(dropped), self.settings.dropped)) {
            let (row, squares) = (&mut self.grams[*gram as usize], &mut self.gram_squares[*gram as usize]);
            for lane in 0..LANES {
                let slope = back[lane] + decay * row[lane];
                squares[lane] += slope * slope;
                row[lane] -= step * slope / (squares[lane].sqrt() + self.settings.rare);
            }
        }
    }

    /// What was learnt, in eight bits a weight; the marks are still nought.
    pub fn finish(&self) -> Model {
        let mut unit = [0.0; LANES];
        for (lane, unit) in unit.iter_mut().enumerate() {
            let mut sizes: Vec<f32> = self.grams.iter().map(|row| row[lane].abs()).filter(|w| *w > 0.0).collect();
            sizes.sort_unstable_by(f32::total_cmp);
            *unit = sizes.get(sizes.len() * 9995 / 10000).copied().unwrap_or(1.0).max(1e-6) / 127.0;
        }
        let bytes = |row: &[f32; LANES]| {
            std::array::from_fn(|lane| ((row[lane] / unit[lane]).round().clamp(-127.0, 127.0) as i8).cast_unsigned())
        };
        let grams = self.grams.iter().map(bytes).collect();
        let marks = [[0.0, 1.0]; OUTPUTS];
        Model::new(unit, grams, self.surprise.clone().into(), self.net.clone(), marks)
    }
}

fn keeps(gram: u32, dropped: Option<u64>, share: f32) -> bool {
    dropped.is_none_or(|seed| {
        let mixed = (u64::from(gram) ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 40) as f32 >= share * (1_u64 << 24) as f32
    })
}

/// How much each symbol surprises after two others, learnt from harmless texts.
pub fn surprise(examples: &[Example]) -> Vec<i8> {
    struct Symbols(Vec<u32>);
    impl Sink for Symbols {
        fn grams(&mut self, _: &[u32]) {}
        fn block(&mut self, _: &Block) {}
    }
    let mut counts = Symbols(vec![0; SURPRISES]);
    for example in examples.iter().filter(|e| e.targets[INJECTION] == 0.0) {
        stream::symbols(&example.text, |at| counts.0[at] += 1);
    }
    let mut surprise = vec![0; SURPRISES];
    for (row, out) in counts.0.chunks(32).zip(surprise.chunks_mut(32)) {
        let total: u32 = row.iter().sum();
        for (count, out) in row.iter().zip(out) {
            let nats = -((*count as f32 + 0.2) / (total as f32 + 6.4)).ln();
            *out = ((nats - 2.0) * 32.0).clamp(-127.0, 127.0) as i8;
        }
    }
    surprise
}

/// How often in a round of the second half the weights are added to the mean.
const MEANS_IN_A_ROUND: usize = 4;

/// What the weights were on average in the second half of a training: what the last few examples shook is settled in it.
struct Mean {
    net: Net,
    grams: Vec<[f32; LANES]>,
    count: f32,
}

impl Mean {
    fn new() -> Self {
        Self { net: Net::blank(), grams: vec![[0.0; LANES]; BUCKETS], count: 0.0 }
    }

    fn add(&mut self, net: &mut Net, grams: &[[f32; LANES]]) {
        self.count += 1.0;
        for (sums, weights) in parts_of(&mut self.net, net) {
            sums.iter_mut().zip(weights).for_each(|(s, w)| *s += *w);
        }
        self.grams.as_flattened_mut().iter_mut().zip(grams.as_flattened()).for_each(|(s, w)| *s += w);
    }

    /// Puts the mean in the place of the weights, if there is one.
    fn take(&self, net: &mut Net, grams: &mut [[f32; LANES]]) {
        if self.count == 0.0 {
            return;
        }
        *net = self.net.clone();
        parts(net).into_iter().flatten().for_each(|w| *w /= self.count);
        grams.as_flattened_mut().iter_mut().zip(self.grams.as_flattened()).for_each(|(w, s)| *w = s / self.count);
    }
}

/// Adam over the network, a few examples at a time.
struct Adam {
    slopes: Net,
    first: Net,
    second: Net,
    steps: i32,
    waiting: usize,
    decay: f32,
}

impl Adam {
    fn new(decay: f32) -> Self {
        Self { slopes: Net::blank(), first: Net::blank(), second: Net::blank(), steps: 0, waiting: 0, decay }
    }
}

const BATCH: usize = 16;

impl Adam {
    fn step(
        &mut self,
        net: &mut Net,
        inputs: &[f32; INPUTS],
        inner: &[f32; HIDDEN],
        errors: &[f32; OUTPUTS],
        step: f32,
    ) {
        let mut back = [0.0; HIDDEN];
        for (node, held) in inner.iter().enumerate() {
            if *held > 0.0 {
                back[node] = net.outer[node].iter().zip(errors).map(|(w, e)| w * e).sum();
                self.slopes.outer[node].iter_mut().zip(errors).for_each(|(s, e)| *s += held * e);
            }
        }
        for (at, input) in inputs.iter().enumerate().filter(|(_, input)| **input != 0.0) {
            self.slopes.inner[at].iter_mut().zip(back).for_each(|(s, b)| *s += input * b);
            self.slopes.direct[at].iter_mut().zip(errors).for_each(|(s, e)| *s += input * e);
        }
        self.slopes.inner_bias.iter_mut().zip(back).for_each(|(s, b)| *s += b);
        self.slopes.bias.iter_mut().zip(errors).for_each(|(s, e)| *s += e);
        self.waiting += 1;
        if self.waiting == BATCH {
            self.waiting = 0;
            self.steps += 1;
            self.apply(net, step);
        }
    }

    fn apply(&mut self, net: &mut Net, step: f32) {
        let warm = |beta: f32| 1.0 - beta.powi(self.steps);
        let (warm1, warm2) = (warm(0.9), warm(0.999));
        let parts = parts(net).into_iter().zip(parts(&mut self.slopes));
        let parts = parts.zip(parts_of(&mut self.first, &mut self.second));
        for ((weights, slopes), (first, second)) in parts {
            for at in 0..weights.len() {
                let slope = slopes[at] / BATCH as f32;
                slopes[at] = 0.0;
                first[at] = 0.9 * first[at] + 0.1 * slope;
                second[at] = 0.999 * second[at] + 0.001 * slope * slope;
                weights[at] -=
                    step * ((first[at] / warm1) / ((second[at] / warm2).sqrt() + 1e-8) + self.decay * weights[at]);
            }
        }
    }
}

fn parts(net: &mut Net) -> [&mut [f32]; 5] {
    [
        net.inner.as_flattened_mut(),
        &mut net.inner_bias,
        net.outer.as_flattened_mut(),
        net.direct.as_flattened_mut(),
        &mut net.bias,
    ]
}

fn parts_of<'a>(one: &'a mut Net, two: &'a mut Net) -> impl Iterator<Item = (&'a mut [f32], &'a mut [f32])> {
    parts(one).into_iter().zip(parts(two))
}
