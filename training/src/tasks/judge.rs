//! How well the classes are told: per source and class, which are taken for which, and how sure a confidence is.

use super::learn::shares;
use super::pile::Row;
use crate::judge::wilson;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use tg_text::task::TaskClass;
use tg_text::task::model::{CLASSES, Model};

/// A row, and what a model says of it.
#[derive(Clone, Copy)]
pub struct Judged<'a> {
    pub row: &'a Row,
    pub logits: [f32; CLASSES],
}

impl Judged<'_> {
    pub fn told(&self) -> TaskClass {
        let mut best = (TaskClass::Chat, f32::NEG_INFINITY);
        for (class, logit) in TaskClass::ALL.into_iter().zip(self.logits) {
            if logit > best.1 {
                best = (class, logit);
            }
        }
        best.0
    }

    fn right(&self) -> bool {
        self.told() == self.row.class
    }
}

/// What a model says of all rows.
pub fn judge<'a>(model: &Model, rows: impl IntoIterator<Item = &'a Row>) -> Vec<Judged<'a>> {
    rows.into_iter().map(|row| Judged { row, logits: model.classes(&row.reading) }).collect()
}

/// What each row counts: all classes the same, and within a class all sources the same.
fn weights(judged: &[Judged<'_>]) -> Vec<f64> {
    let mut counts: BTreeMap<(TaskClass, &str), f64> = BTreeMap::new();
    judged.iter().for_each(|j| *counts.entry((j.row.class, &j.row.source)).or_default() += 1.0);
    let mut sources: BTreeMap<TaskClass, f64> = BTreeMap::new();
    counts.keys().for_each(|(class, _)| *sources.entry(*class).or_default() += 1.0);
    let weight = |j: &Judged<'_>| {
        let count = counts.get(&(j.row.class, j.row.source.as_str())).copied().unwrap_or(1.0);
        1.0 / count / sources.get(&j.row.class).copied().unwrap_or(1.0)
    };
    judged.iter().map(weight).collect()
}

type Confusion = [[f64; CLASSES]; CLASSES];

fn confusion(judged: &[Judged<'_>], weights: &[f64]) -> Confusion {
    let mut all = [[0.0; CLASSES]; CLASSES];
    for (j, weight) in judged.iter().zip(weights) {
        all[j.row.class as usize][j.told() as usize] += weight;
    }
    all
}

/// Precision, recall and F1 of a class.
fn of_class(confusion: &Confusion, class: usize) -> [f64; 3] {
    let right = confusion[class][class];
    let there: f64 = confusion[class].iter().sum();
    let told: f64 = confusion.iter().map(|row| row[class]).sum();
    let (precision, recall) = (right / told.max(1e-9), right / there.max(1e-9));
    [precision, recall, 2.0 * precision * recall / (precision + recall).max(1e-9)]
}

fn mean_f1(confusion: &Confusion) -> f64 {
    let there: Vec<usize> = (0..CLASSES).filter(|class| confusion[*class].iter().sum::<f64>() > 0.0).collect();
    there.iter().map(|class| of_class(confusion, *class)[2]).sum::<f64>() / there.len().max(1) as f64
}

/// The mean of the classes' F1, sources counting the same.
pub fn macro_f1(judged: &[Judged<'_>]) -> f64 {
    mean_f1(&confusion(judged, &weights(judged)))
}

/// What logits must be divided by for confidences to be as often right as they say.
pub fn temperature(judged: &[Judged<'_>]) -> f32 {
    let weights = weights(judged);
    let loss = |by: f32| -> f64 {
        let of = |j: &Judged<'_>| -f64::from(shares(&j.logits.map(|l| l / by))[j.row.class as usize].max(1e-6)).ln();
        judged.iter().zip(&weights).map(|(j, weight)| of(j) * weight).sum()
    };
    let candidates = (4..60).map(|step| step as f32 * 0.1);
    candidates.min_by(|a, b| loss(*a).total_cmp(&loss(*b))).unwrap_or(1.0)
}

/// Fewest texts of a class for a source to be more than an anecdote.
const STURDY: usize = 50;

/// The mean F1 without sources that hold but a few texts of a class.
fn sturdy_f1(judged: &[Judged<'_>]) -> f64 {
    let mut counts: BTreeMap<(TaskClass, &str), usize> = BTreeMap::new();
    judged.iter().for_each(|j| *counts.entry((j.row.class, &j.row.source)).or_default() += 1);
    let fits = |j: &&Judged<'_>| counts.get(&(j.row.class, j.row.source.as_str())).is_some_and(|n| *n >= STURDY);
    let kept: Vec<Judged<'_>> = judged.iter().filter(fits).copied().collect();
    macro_f1(&kept)
}

/// The tables: per class, per source and class, confusion, confidence.
pub fn table(judged: &[Judged<'_>]) -> String {
    let weights = weights(judged);
    let balanced = confusion(judged, &weights);
    let plain = confusion(judged, &vec![1.0; judged.len()]);
    let right = judged.iter().filter(|j| j.right()).count();
    let mut out = format!(
        "Macro-F1 over {} classes: {:.3} with all sources of a class counting the same, {:.3} of these with \
         {STURDY} texts of a class at least, {:.3} with all texts counting the same; {} of {} texts told rightly.\n\n| class | sources | n | precision | recall | F1 |\n|---|---|---|---|---|---|\n",
        judged.iter().map(|j| j.row.class).collect::<BTreeSet<_>>().len(),
        mean_f1(&balanced),
        sturdy_f1(judged),
        mean_f1(&plain),
        wilson(right as f64, judged.len()),
        judged.len()
    );
    for class in TaskClass::ALL {
        let of: Vec<_> = judged.iter().filter(|j| j.row.class == class).collect();
        let sources: BTreeSet<&str> = of.iter().map(|j| j.row.source.as_str()).collect();
        let [precision, recall, f1] = of_class(&balanced, class as usize);
        let (name, sources, n) = (class.as_str(), sources.len(), of.len());
        let _ = writeln!(out, "| {name} | {sources} | {n} | {precision:.3} | {recall:.3} | {f1:.3} |");
    }
    out.push_str(&by_source(judged));
    out.push_str(&taken_for(&balanced));
    out.push_str(&confidences(judged));
    out
}

fn by_source(judged: &[Judged<'_>]) -> String {
    let mut groups: BTreeMap<(&str, TaskClass), Vec<&Judged<'_>>> = BTreeMap::new();
    judged.iter().for_each(|j| groups.entry((&j.row.source, j.row.class)).or_default().push(j));
    let mut out =
        String::from("\n| held-out source | class | n | told rightly | mostly taken for |\n|---|---|---|---|---|\n");
    for ((source, class), of) in groups {
        let right = of.iter().filter(|j| j.right()).count();
        let mut wrong: BTreeMap<TaskClass, usize> = BTreeMap::new();
        of.iter().filter(|j| !j.right()).for_each(|j| *wrong.entry(j.told()).or_default() += 1);
        let most = wrong.iter().max_by_key(|(_, count)| **count);
        let most = most.map(|(told, count)| format!("{} ({count})", told.as_str())).unwrap_or_default();
        let share = wilson(right as f64, of.len());
        let _ = writeln!(out, "| {source} | {} | {} | {share} | {most} |", class.as_str(), of.len());
    }
    out
}

/// Rows: what it is; columns: what it is told to be; in hundredths of the row.
fn taken_for(confusion: &Confusion) -> String {
    let mut out = String::from("\n| is \\ told (%) |");
    TaskClass::ALL.iter().for_each(|class| out += &format!(" {} |", class.as_str()));
    out += &format!("\n|---|{}\n", "---|".repeat(CLASSES));
    for class in TaskClass::ALL {
        let row = &confusion[class as usize];
        let sum = row.iter().sum::<f64>().max(1e-9);
        out += &format!("| {} |", class.as_str());
        row.iter().for_each(|share| out += &format!(" {:.0} |", share / sum * 100.0));
        out.push('\n');
    }
    out
}

/// How often is right what is told with which confidence, at the temperature of these rows.
fn confidences(judged: &[Judged<'_>]) -> String {
    let by = temperature(judged);
    let sure = |j: &Judged<'_>| shares(&j.logits.map(|l| l / by)).into_iter().fold(0.0_f32, f32::max);
    let mut out = String::from("\n| confidence | share of texts | told rightly |\n|---|---|---|\n");
    for (from, to) in [(0.0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.85), (0.85, 0.95), (0.95, 1.01)] {
        let of: Vec<_> = judged.iter().filter(|j| (from..to).contains(&sure(j))).collect();
        let right = of.iter().filter(|j| j.right()).count();
        let share = of.len() as f64 / judged.len().max(1) as f64;
        let to = to.min(1.0);
        let _ = writeln!(out, "| {from} to {to} | {share:.3} | {} |", wilson(right as f64, of.len()));
    }
    out
}

/// Texts that were told wrongly, a few of each source and class.
pub fn errors(judged: &[Judged<'_>]) -> String {
    let mut out = String::new();
    let mut counts: BTreeMap<(&str, TaskClass, TaskClass), usize> = BTreeMap::new();
    for j in judged.iter().filter(|j| !j.right()) {
        let count = counts.entry((&j.row.source, j.row.class, j.told())).or_default();
        *count += 1;
        if *count <= 4 {
            let text = j.row.parts.join(" §§ ");
            let chars: Vec<char> = text.chars().collect();
            let front: String = chars.iter().take(110).collect();
            let back: String = chars.iter().skip(chars.len().saturating_sub(110).max(110)).collect();
            let (source, is, told) = (&j.row.source, j.row.class.as_str(), j.told().as_str());
            out += &format!("{source} {is} -> {told}: {front:?} … {back:?}\n");
        }
    }
    out
}
