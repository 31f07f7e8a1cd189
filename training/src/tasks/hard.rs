//! Learns how likely it is that only a strong model gets a call right, and what routing by that would have saved.

use super::own::reading;
use super::pile::lines;
use crate::dice::Dice;
use anyhow::Result;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use tg_text::task::form::HARD;
use tg_text::task::read::FORM_FROM;

/// Numbers that the difficulty is told by.
const NUMBERS: usize = HARD.len();
/// What was learnt: weights of the numbers and a bias, as a logit.
type Weights = ([f64; NUMBERS], f64);

/// A question, and which of two models answered it rightly.
#[derive(Clone, Debug)]
pub struct Route {
    subject: String,
    form: [f64; NUMBERS],
    weak: bool,
    strong: bool,
}

impl Route {
    fn gain(&self) -> f64 {
        f64::from(u8::from(self.strong)) - f64::from(u8::from(self.weak))
    }
}

/// A subject counts for no more rows than this.
const SUBJECT_MAX: f64 = 120.0;
/// The share of the strong model's quality that is to be kept.
const KEPT: f64 = 0.95;
/// How often subjects are parted anew into those that are learnt from and those that are judged.
const SPLITS: usize = 200;
/// One in so many subjects is judged.
const JUDGED: usize = 3;

/// The questions whose outcomes were recorded: RouteLLM's of MMLU, Mixtral-8x7B beside GPT-4-1106.
pub fn read(data: &Path) -> Result<Vec<Route>> {
    let mut routes = Vec::new();
    lines(data, "route_mmlu", |row| {
        let said = |key: &str| row.get(key).and_then(Value::as_bool);
        let reading = reading(&[row.get("text")?.as_str()?.to_owned()]);
        let form = HARD.map(|at| f64::from(reading.inputs.get(FORM_FROM + at).copied().unwrap_or_default()));
        let subject = row.get("category")?.as_str()?.to_owned();
        routes.push(Route { subject, form, weak: said("weak_correct")?, strong: said("strong_correct")? });
        Some(())
    })?;
    Ok(routes)
}

/// What each route counts.
fn worths(routes: &[&Route]) -> Vec<f64> {
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    routes.iter().for_each(|route| *counts.entry(&route.subject).or_default() += 1.0);
    let worth = |route: &&Route| (SUBJECT_MAX / counts.get(route.subject.as_str()).copied().unwrap_or(1.0)).min(1.0);
    routes.iter().map(worth).collect()
}

/// Weights and bias: a straight line through what the strong model gains, and a logistic curve over that line for "the
/// strong model alone is right". The order of calls, which is what routing needs, comes from the gain.
pub fn learn(routes: &[&Route]) -> ([f32; NUMBERS], f32) {
    let (weights, bias) = fit(routes);
    (weights.map(|weight| weight as f32), bias as f32)
}

fn fit(routes: &[&Route]) -> Weights {
    let worths = worths(routes);
    let line = line(routes, &worths);
    let score = |route: &Route| -> f64 { route.form.iter().zip(line).map(|(input, weight)| input * weight).sum() };
    // Two unknowns, by Newton's method.
    let (mut steep, mut bias) = (1.0, -1.0);
    for _ in 0..30 {
        let (mut slope, mut curve) = ([0.0; 2], [[1e-9, 0.0], [0.0, 1e-9]]);
        for (route, worth) in routes.iter().zip(&worths) {
            let inputs = [score(route), 1.0];
            let likely = 1.0 / (1.0 + (-steep * inputs[0] - bias).exp());
            let wanted = f64::from(u8::from(route.strong && !route.weak));
            for (at, input) in inputs.iter().enumerate() {
                slope[at] += worth * (likely - wanted) * input;
                curve[at].iter_mut().zip(inputs).for_each(|(c, o)| *c += worth * likely * (1.0 - likely) * input * o);
            }
        }
        let step = solve(curve, slope);
        (steep, bias) = (steep - step[0], bias - step[1]);
    }
    // Never upside down: where the curve would fall, the line alone says which is harder.
    (line.map(|weight| weight * steep.max(0.1)), bias)
}

/// The straight line of least squares, without its constant.
fn line(routes: &[&Route], worths: &[f64]) -> [f64; NUMBERS] {
    let all: f64 = worths.iter().sum::<f64>().max(1.0);
    let mean = |of: &dyn Fn(&Route) -> f64| routes.iter().zip(worths).map(|(r, w)| w * of(r)).sum::<f64>() / all;
    let middle: [f64; NUMBERS] = std::array::from_fn(|at| mean(&|route| route.form[at]));
    let gain = mean(&Route::gain);
    let mut matrix = [[0.0; NUMBERS]; NUMBERS];
    let mut right = [0.0; NUMBERS];
    for (route, worth) in routes.iter().zip(worths) {
        let off: [f64; NUMBERS] = std::array::from_fn(|at| route.form[at] - middle[at]);
        for at in 0..NUMBERS {
            right[at] += worth * off[at] * (route.gain() - gain);
            matrix[at].iter_mut().zip(off).for_each(|(m, other)| *m += worth * off[at] * other);
        }
    }
    (0..NUMBERS).for_each(|at| matrix[at][at] += 1.0);
    solve(matrix, right)
}

/// Solves a system of equations whose matrix is positive definite.
fn solve<const N: usize>(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> [f64; N] {
    for at in 0..N {
        let (pivot, value) = (matrix[at], right[at]);
        for below in at + 1..N {
            let share = matrix[below][at] / pivot[at];
            matrix[below].iter_mut().zip(pivot).for_each(|(m, p)| *m -= share * p);
            right[below] -= share * value;
        }
    }
    for at in (0..N).rev() {
        let known: f64 = (at + 1..N).map(|other| matrix[at][other] * right[other]).sum();
        right[at] = (right[at] - known) / matrix[at][at];
    }
    right
}

/// Quality against the share of calls that the strong model gets, hardest first: every share in hundredths.
#[derive(Clone, Debug)]
struct Curve {
    qualities: Vec<f64>,
    weak: f64,
    strong: f64,
    /// The least share that keeps enough of the strong model's quality.
    needed: f64,
}

fn curve(routes: &[&Route], (weights, _): &Weights) -> Curve {
    let score = |route: &Route| -> f64 { route.form.iter().zip(weights).map(|(input, weight)| input * weight).sum() };
    let mut sorted: Vec<(f64, &Route)> = routes.iter().map(|route| (score(route), *route)).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let count = sorted.len().max(1) as f64;
    let share = |of: &dyn Fn(&Route) -> bool| sorted.iter().filter(|(_, r)| of(r)).count() as f64 / count;
    let (weak, strong) = (share(&|r| r.weak), share(&|r| r.strong));
    let mut all = vec![weak];
    for (_, route) in &sorted {
        all.push(all.last().copied().unwrap_or_default() + route.gain() / count);
    }
    let needed = all.iter().position(|q| *q >= KEPT * strong).map_or(1.0, |at| at as f64 / count);
    let qualities = (0..=100).filter_map(|share| all.get((share * (all.len() - 1)) / 100).copied()).collect();
    Curve { qualities, weak, strong, needed }
}

impl Curve {
    /// The area between the curve and the weak model, over that of always having the strong model's gain: 0.5 is chance.
    fn area(&self) -> f64 {
        let mean = self.qualities.iter().sum::<f64>() / self.qualities.len().max(1) as f64;
        (mean - self.weak) / (self.strong - self.weak)
    }

    /// What chance would need.
    fn chance(&self) -> f64 {
        ((KEPT * self.strong - self.weak) / (self.strong - self.weak)).clamp(0.0, 1.0)
    }
}

/// Curves of subjects that the weights have not seen, of many ways to part the subjects.
fn held_out(routes: &[&Route], dice: &mut Dice) -> Vec<Curve> {
    let mut subjects: Vec<&str> =
        routes.iter().map(|route| route.subject.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let judged = subjects.len() / JUDGED;
    let mut curves = Vec::new();
    for _ in 0..SPLITS {
        dice.shuffle(&mut subjects);
        let unseen = subjects.get(..judged).unwrap_or_default();
        let (judged, learnt): (Vec<&Route>, Vec<&Route>) =
            routes.iter().partition(|route| unseen.contains(&route.subject.as_str()));
        curves.push(curve(&judged, &fit(&learnt)));
    }
    curves
}

/// The least share of calls to the strong model that keeps so much of its quality: the mean over subjects that were held out,
/// and the middle 95 %.
pub fn needed(routes: &[Route], kept: f64, dice: &mut Dice) -> (f64, f64, f64) {
    let curves = held_out(&routes.iter().collect::<Vec<_>>(), dice);
    mean(&curves, &|curve| {
        let at = curve.qualities.iter().position(|quality| *quality >= kept * curve.strong);
        at.unwrap_or(100) as f64 / 100.0
    })
}

/// The mean of something over curves, and its middle 95 %.
fn mean(curves: &[Curve], of: &dyn Fn(&Curve) -> f64) -> (f64, f64, f64) {
    let mut values: Vec<f64> = curves.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get((share * values.len() as f64) as usize).copied().unwrap_or_default();
    (values.iter().sum::<f64>() / values.len().max(1) as f64, at(0.025), at(0.975))
}

/// What routing by the difficulty would have needed and kept, on subjects that were held out.
pub fn table(routes: &[Route], dice: &mut Dice) -> String {
    let but = |names: &[&str]| -> Vec<&Route> {
        routes.iter().filter(|route| !names.contains(&route.subject.as_str())).collect()
    };
    let odd = ["mmlu_high_school_mathematics"];
    let long = ["mmlu_moral_scenarios", "mmlu_professional_law"];
    let groups = [
        ("MMLU, 40 subjects", but(&[])),
        ("without `high_school_mathematics`, where the strong model is recorded with 0 of 100", but(&odd)),
        ("without `moral_scenarios` and `professional_law`, long ones and a fifth of all", but(&long)),
    ];
    let mut out = format!(
        "\n{SPLITS} times a third of the subjects was held out; means, and the middle 95 % of them.\n\n| recorded outcomes | \
         n | strong calls for {:.0} % of the strong model's quality | by chance | spared beside chance | area (chance 0.5) \
         |\n|---|---|---|---|---|---|\n",
        KEPT * 100.0
    );
    let mut quality = String::from("\n| share of calls to the strong model |");
    (0..=10).for_each(|tenth| quality += &format!(" {:.1} |", f64::from(tenth) / 10.0));
    quality += &format!("\n{}\n", "|---".repeat(12) + "|");
    for (name, routes) in groups {
        let curves = held_out(&routes, dice);
        let (needed, low, high) = mean(&curves, &|curve| curve.needed);
        let (spared, least, most) = mean(&curves, &|curve| curve.chance() - curve.needed);
        let ((chance, ..), (area, thin, wide)) = (mean(&curves, &Curve::chance), mean(&curves, &Curve::area));
        let n = routes.len();
        let _ = writeln!(
            out,
            "| {name} | {n} | {needed:.3} [{low:.3}, {high:.3}] | {chance:.3} | {spared:.3} [{least:.3}, {most:.3}] | \
             {area:.3} [{thin:.3}, {wide:.3}] |"
        );
        quality += &format!("| right, {name} |");
        for share in (0..=100).step_by(10) {
            let at = |curve: &Curve| curve.qualities.get(share).copied().unwrap_or_default();
            quality += &format!(" {:.3} |", mean(&curves, &at).0);
        }
        quality.push('\n');
    }
    out + &quality
}
