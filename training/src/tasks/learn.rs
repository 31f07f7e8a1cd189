//! Learns the classes: one step after another down the slope, for n-grams and network together.

use super::pile::Row;
use super::written::SOURCE;
use crate::dice::Dice;
use anyhow::{Context as _, Result};
use std::borrow::Cow;
use std::collections::BTreeMap;
use tg_text::task::form::HARD;
use tg_text::task::model::{CLASSES, HIDDEN, Model, Net};
use tg_text::task::read::{BUCKETS, INPUTS};

/// Settings of the training.
#[derive(Clone, Debug)]
pub struct Settings {
    rounds: f32,
    rate: f32,
    gram_rate: f32,
    /// How often a row is seen without its n-grams, so that the network can stand alone.
    without: f32,
    /// How often one n-gram is not seen.
    lost: f32,
    /// How often the words between the ends are not seen.
    ends_only: f32,
    smooth: f32,
    decay: f32,
    /// How much a family of our own counts beside a collected source.
    own: f32,
    /// How much those of our own that were written one by one count beside a collected source.
    written: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rounds: 6.0,
            rate: 0.03,
            gram_rate: 0.08,
            without: 0.3,
            lost: 0.2,
            ends_only: 0.3,
            smooth: 0.08,
            decay: 1e-5,
            own: 10.0,
            written: 8.0,
        }
    }
}

impl Settings {
    /// The default, but for what is set as `name=value`.
    pub fn read(set: &[String]) -> Result<Self> {
        let mut settings = Self::default();
        for setting in set {
            let (name, value) = setting.split_once('=').with_context(|| format!("`{setting}` is no name=value"))?;
            let slot = match name {
                "rounds" => &mut settings.rounds,
                "rate" => &mut settings.rate,
                "gram_rate" => &mut settings.gram_rate,
                "without" => &mut settings.without,
                "lost" => &mut settings.lost,
                "ends_only" => &mut settings.ends_only,
                "smooth" => &mut settings.smooth,
                "decay" => &mut settings.decay,
                "own" => &mut settings.own,
                "written" => &mut settings.written,
                _ => anyhow::bail!("no setting `{name}`"),
            };
            *slot = value.parse().with_context(|| setting.clone())?;
        }
        Ok(settings)
    }
}

/// Weights with the sums of their squared slopes, which slow each of them down.
struct Slow<T> {
    weights: Vec<T>,
    squares: Vec<T>,
}

impl<const N: usize> Slow<[f32; N]> {
    fn new(count: usize) -> Self {
        Self { weights: vec![[0.0; N]; count], squares: vec![[1e-3; N]; count] }
    }

    fn step(&mut self, row: usize, slopes: &[f32; N], scale: f32, rate: f32, decay: f32) {
        let all = self.weights[row].iter_mut().zip(&mut self.squares[row]).zip(slopes);
        for ((weight, square), slope) in all {
            let slope = slope * scale + decay * *weight;
            *square += slope * slope;
            *weight -= rate * slope / square.sqrt();
        }
    }
}

pub struct Learner {
    grams: Slow<[f32; CLASSES]>,
    inner: Slow<[f32; HIDDEN]>,
    inner_bias: Slow<[f32; HIDDEN]>,
    outer: Slow<[f32; CLASSES]>,
    direct: Slow<[f32; CLASSES]>,
    bias: Slow<[f32; CLASSES]>,
    dice: Dice,
}

/// The n-grams of a row that are seen this time, in two groups, and what one of each counts.
type Seen = [(Vec<u16>, f32); 2];

impl Learner {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut inner = Slow::new(INPUTS);
        let mut outer = Slow::new(HIDDEN);
        for weight in inner.weights.iter_mut().flatten() {
            *weight = (dice.share() - 0.5) * 0.2;
        }
        for weight in outer.weights.iter_mut().flatten() {
            *weight = (dice.share() - 0.5) * 0.4;
        }
        let (grams, direct) = (Slow::new(BUCKETS), Slow::new(INPUTS));
        Self { grams, inner, inner_bias: Slow::new(1), outer, direct, bias: Slow::new(1), dice }
    }

    pub fn learn(&mut self, rows: &[&Row], settings: &Settings) {
        let weights = weights(rows, settings);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let rounds = settings.rounds as usize;
        for round in 0..rounds {
            self.dice.shuffle(&mut order);
            let slower = 1.0 - round as f32 / rounds as f32 * 0.8;
            for at in &order {
                self.step(rows[*at], weights[*at], settings, slower);
            }
        }
    }

    fn step(&mut self, row: &Row, weight: f32, settings: &Settings, slower: f32) {
        let seen = self.seen(row, settings);
        let inputs = self.inputs(row, settings);
        let (nodes, mut logits) = self.network(&inputs);
        for (buckets, count) in &seen {
            for bucket in buckets {
                let row = &self.grams.weights[usize::from(*bucket)];
                logits.iter_mut().zip(row).for_each(|(logit, w)| *logit += w * count);
            }
        }
        let mut slopes = shares(&logits);
        let class = row.class as usize;
        for (at, slope) in slopes.iter_mut().enumerate() {
            let wanted = settings.smooth / CLASSES as f32 + if at == class { 1.0 - settings.smooth } else { 0.0 };
            *slope = (*slope - wanted) * weight;
        }
        self.back(&inputs, &nodes, &slopes, settings.rate * slower, settings.decay);
        for (buckets, count) in &seen {
            for bucket in buckets {
                self.grams.step(usize::from(*bucket), &slopes, *count, settings.gram_rate * slower, settings.decay);
            }
        }
    }

    fn seen(&mut self, row: &Row, settings: &Settings) -> Seen {
        let without = self.dice.share() < settings.without;
        let ends_only = self.dice.share() < settings.ends_only;
        let mut keep = |buckets: &[u16], none: bool| {
            let count = 1.0 / (buckets.len().max(1) as f32).sqrt();
            let kept = buckets.iter().filter(|_| !none && self.dice.share() >= settings.lost).copied().collect();
            (kept, count)
        };
        [keep(&row.reading.ends, without), keep(&row.reading.body, without || ends_only)]
    }

    fn inputs(&mut self, row: &Row, settings: &Settings) -> [f32; INPUTS] {
        let mut inputs = row.reading.inputs;
        if self.dice.share() < settings.ends_only {
            let (from, to) = tg_text::task::read::BODY_INPUTS;
            inputs[from..to].fill(0.0);
        }
        inputs
    }

    fn network(&self, inputs: &[f32; INPUTS]) -> ([f32; HIDDEN], [f32; CLASSES]) {
        let mut nodes = self.inner_bias.weights[0];
        for (input, row) in inputs.iter().zip(&self.inner.weights).filter(|(input, _)| **input != 0.0) {
            nodes.iter_mut().zip(row).for_each(|(node, weight)| *node += input * weight);
        }
        let nodes = nodes.map(|node| node.max(0.0));
        let mut logits = self.bias.weights[0];
        for (input, row) in inputs.iter().zip(&self.direct.weights).filter(|(input, _)| **input != 0.0) {
            logits.iter_mut().zip(row).for_each(|(logit, weight)| *logit += input * weight);
        }
        for (node, row) in nodes.iter().zip(&self.outer.weights) {
            logits.iter_mut().zip(row).for_each(|(logit, weight)| *logit += node * weight);
        }
        (nodes, logits)
    }

    fn back(&mut self, inputs: &[f32; INPUTS], nodes: &[f32; HIDDEN], slopes: &[f32; CLASSES], rate: f32, decay: f32) {
        let mut inner = [0.0; HIDDEN];
        for (at, (slope, node)) in inner.iter_mut().zip(nodes).enumerate() {
            if *node > 0.0 {
                *slope = self.outer.weights[at].iter().zip(slopes).map(|(w, s)| w * s).sum();
                self.outer.step(at, slopes, *node, rate, decay);
            }
        }
        for (at, input) in inputs.iter().enumerate().filter(|(_, input)| **input != 0.0) {
            self.inner.step(at, &inner, *input, rate, decay);
            self.direct.step(at, slopes, *input, rate, decay);
        }
        self.inner_bias.step(0, &inner, 1.0, rate, 0.0);
        self.bias.step(0, slopes, 1.0, rate, 0.0);
    }

    /// What was learnt, n-grams in eight bits.
    pub fn finish(self) -> Model {
        let mut unit = [1e-6_f32; CLASSES];
        for row in &self.grams.weights {
            unit.iter_mut().zip(row).for_each(|(unit, weight)| *unit = unit.max(weight.abs() / 127.0));
        }
        let coarse = |row: &[f32; CLASSES]| {
            std::array::from_fn(|lane| ((row[lane] / unit[lane]).round().clamp(-127.0, 127.0) as i8).cast_unsigned())
        };
        let grams: Vec<[u8; CLASSES]> = self.grams.weights.iter().map(coarse).collect();
        let net = Net {
            inner: self.inner.weights,
            inner_bias: self.inner_bias.weights[0],
            outer: self.outer.weights,
            direct: self.direct.weights,
            bias: self.bias.weights[0],
        };
        Model { unit, grams: Cow::Owned(grams), net, temperature: 1.0, hard: [0.0; HARD.len()], hard_bias: 0.0 }
    }
}

/// The shares of the classes.
pub fn shares(logits: &[f32; CLASSES]) -> [f32; CLASSES] {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let raised = logits.map(|logit| (logit - most).exp());
    let sum: f32 = raised.iter().sum();
    raised.map(|share| share / sum)
}

/// Every class counts the same; within it, a source by the root of how many rows it has.
fn weights(rows: &[&Row], settings: &Settings) -> Vec<f32> {
    let key = |row: &Row| (row.class, row.source.clone());
    let mut counts: BTreeMap<(_, String), f32> = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(key(row)).or_default() += 1.0);
    let worth = |(class, source): &(_, String)| {
        let count = counts.get(&(*class, source.clone())).copied().unwrap_or(1.0);
        let factor = match source.as_str() {
            SOURCE => settings.written,
            own if own.starts_with("own:") => settings.own,
            _ => 1.0,
        };
        count.sqrt() * factor
    };
    let mut classes = BTreeMap::new();
    counts.keys().for_each(|key| *classes.entry(key.0).or_insert(0.0) += worth(key));
    let all = rows.len() as f32 / classes.len().max(1) as f32;
    rows.iter()
        .map(|row| {
            let key = key(row);
            let of_class = classes.get(&key.0).copied().unwrap_or(1.0);
            all * worth(&key) / of_class / counts.get(&key).copied().unwrap_or(1.0)
        })
        .collect()
}
