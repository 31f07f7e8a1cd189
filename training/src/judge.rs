//! How well a model does: thresholds on one pool of ordinary prompts, false alarms on another, recall per source.

use crate::example::{Example, Use};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tg_text::score::model::{ANY, Blend, INDIRECT, INJECTION, Model, OUTPUTS};
use tg_text::view::View;

/// A text's highest logit per output.
pub type Logits = [f32; OUTPUTS];

/// What is judged: an example's place and what the model says of it.
pub struct Judged<'a> {
    pub example: &'a Example,
    pub logits: Logits,
}

/// The logits of all examples.
pub fn judge<'a>(model: &Model, examples: impl IntoIterator<Item = &'a Example>) -> Vec<Judged<'a>> {
    let one = |example: &'a Example| Judged { example, logits: logits(model, &example.text) };
    examples.into_iter().map(one).collect()
}

/// A text's highest logit per output over all windows, what was hidden in it included.
pub fn logits(model: &Model, text: &str) -> Logits {
    let view = View::of(text);
    let mut worst = [f32::NEG_INFINITY; OUTPUTS];
    let mut any = Blend::default();
    let mut see = |_, logits: &Logits| {
        any.add(logits[ANY]);
        worst.iter_mut().zip(logits).for_each(|(w, l)| *w = w.max(*l));
    };
    model.windows(view.folded().text(), &mut see);
    view.hidden().iter().for_each(|hidden| model.windows(&hidden.text, &mut see));
    worst[ANY] = any.logit();
    worst
}

/// The values that one in a hundred and one in a thousand exceed.
pub fn marks(mut values: Vec<f32>) -> [f32; 2] {
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    let at = |share: f32| values.get((values.len() as f32 * share) as usize).copied().unwrap_or(0.0);
    [at(0.01), at(0.001)]
}

/// A share with the Wilson interval at 95 %.
pub fn wilson(hits: f64, of: usize) -> String {
    if of == 0 {
        return "–".to_owned();
    }
    let (share, low, high) = interval(hits, of);
    format!("{share:.3} [{low:.3}, {high:.3}]")
}

/// A share of at least one, and where its Wilson interval at 95 % begins and ends.
pub fn interval(hits: f64, of: usize) -> (f64, f64, f64) {
    let (n, p, z) = (of as f64, hits / of as f64, 1.96_f64);
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    (p, (middle - half).max(0.0), (middle + half).min(1.0))
}

/// The share of pairs that stand in the right order.
pub fn auc(good: &[f32], bad: &[f32]) -> f64 {
    let mut all: Vec<(f32, bool)> = good.iter().map(|v| (*v, false)).chain(bad.iter().map(|v| (*v, true))).collect();
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut right) = (0_u64, 0_u64);
    for (_, is_bad) in &all {
        if *is_bad { right += below } else { below += 1 }
    }
    right as f64 / (good.len() as f64 * bad.len() as f64).max(1.0)
}

/// One row of the table of results.
#[derive(Clone, Debug)]
pub struct Row {
    pub head: &'static str,
    pub source: String,
    pub used: Use,
    pub count: usize,
    /// How many exceed the thresholds of 1 % and of 0.1 %, a mean over two of each.
    pub above: [f64; 2],
    pub auc: Option<f64>,
}

const HEADS: [(&str, usize, &[Use]); 3] = [
    ("injection", INJECTION, &[Use::Ordinary, Use::Document, Use::TriggerWords, Use::Sensitive, Use::Attack]),
    ("indirect", INDIRECT, &[Use::Document, Use::Planted]),
    (
        "harm",
        ANY,
        &[
            Use::Ordinary,
            Use::Document,
            Use::TriggerWords,
            Use::Sensitive,
            Use::HarmRequest,
            Use::HarmText,
            Use::SafeText,
        ],
    ),
];

/// The results on what was held out. The thresholds come from one half of the texts of the pool, and what is ordinary is
/// measured on the other half; then the halves change places. Of all else, what both say is the mean.
pub fn rows(judged: &[Judged<'_>]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (head, output, uses) in HEADS {
        let pool = if output == INDIRECT { Use::Document } else { Use::Ordinary };
        let of_pool = |j: &&Judged<'_>| j.example.used == pool;
        let ordinary: Vec<f32> = judged.iter().filter(of_pool).map(|j| j.logits[output]).collect();
        if ordinary.is_empty() {
            continue;
        }
        let half = |half: usize| judged.iter().filter(of_pool).skip(half).step_by(2);
        let halves = [0, 1].map(|at| marks(half(at).map(|j| j.logits[output]).collect()));
        let others = judged.iter().filter(|j| uses.contains(&j.example.used) && j.example.used != pool);
        let mut groups: BTreeMap<(Use, &str), Group> = BTreeMap::new();
        let told = [(0, &halves[1..]), (1, &halves[..1])].map(|(at, by)| half(at).map(move |j| (j, by)));
        let all = told.into_iter().flatten().chain(others.map(|j| (j, &halves[..])));
        for (j, by) in all {
            groups.entry((j.example.used, j.example.group())).or_default().add(j.logits[output], by);
        }
        for ((used, source), group) in &groups {
            let safe = groups.get(&(Use::SafeText, *source)).filter(|_| *used == Use::HarmText);
            let beside = safe.map_or(&ordinary, |safe| &safe.values);
            let bad = matches!(used, Use::Attack | Use::Planted | Use::HarmRequest | Use::HarmText);
            rows.push(Row {
                head,
                source: (*source).to_owned(),
                used: *used,
                count: group.values.len(),
                above: group.above,
                auc: bad.then(|| auc(beside, &group.values)),
            });
        }
    }
    rows
}

/// The texts of a source that are used alike.
#[derive(Default)]
struct Group {
    values: Vec<f32>,
    above: [f64; 2],
}

impl Group {
    /// Adds a text, and which thresholds it exceeds: a part of one for each of several that it does.
    fn add(&mut self, value: f32, by: &[[f32; 2]]) {
        self.values.push(value);
        for marks in by {
            let above = self.above.iter_mut().zip(marks).filter(|(_, mark)| value > **mark);
            above.for_each(|(above, _)| *above += 1.0 / by.len() as f64);
        }
    }
}

/// Rows of one source as one: what was written one by one lies in several folds. Areas are weighed by how many texts there are.
fn joined(rows: &[Row]) -> Vec<Row> {
    let mut all: Vec<Row> = Vec::new();
    for row in rows {
        let same = |one: &&mut Row| (one.head, one.used, &one.source) == (row.head, row.used, &row.source);
        let Some(one) = all.iter_mut().find(same) else {
            all.push(row.clone());
            continue;
        };
        let (before, more) = (one.count as f64, row.count as f64);
        one.auc = one.auc.zip(row.auc).map(|(a, b)| (a * before + b * more) / (before + more));
        one.count += row.count;
        one.above.iter_mut().zip(row.above).for_each(|(one, more)| *one += more);
    }
    all
}

/// The table as text.
pub fn table(rows: &[Row]) -> String {
    let mut out = String::from(
        "| head | use | source | n | above the 1 % threshold | above the 0.1 % threshold | AUC |\n|---|---|---|---|---|---|---|\n",
    );
    let mut rows = joined(rows);
    rows.sort_by(|a, b| (a.head, a.used, &a.source).cmp(&(b.head, b.used, &b.source)));
    for row in &rows {
        let auc = row.auc.map(|a| format!("{a:.3}")).unwrap_or_default();
        let [one, tenth] = row.above.map(|hits| wilson(hits, row.count));
        let Row { head, used, source, count, .. } = row;
        let _ = writeln!(out, "| {head} | {used:?} | {source} | {count} | {one} | {tenth} | {auc} |");
    }
    out.push_str(&means(&rows));
    out
}

/// Who made the texts of a source.
pub fn whose(source: &str) -> &'static str {
    match source.split_once(':') {
        Some(("own", _)) => "own families",
        Some(("written", _)) => "written",
        _ => "collected",
    }
}

/// Means over sources: what is collected, and what is our own.
fn means(rows: &[Row]) -> String {
    let mut groups: BTreeMap<(&str, Use, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        groups.entry((row.head, row.used, whose(&row.source))).or_default().push(row);
    }
    let mut out = String::from(
        "\n| head | use | sources | how many | mean at 1 % | mean at 0.1 % | mean AUC |\n|---|---|---|---|---|---|---|\n",
    );
    for ((head, used, whose), rows) in groups {
        let mean = |of: &dyn Fn(&Row) -> f64| rows.iter().map(|r| of(r)).sum::<f64>() / rows.len() as f64;
        let [one, tenth] = [0, 1].map(|mark| mean(&|r: &Row| r.above[mark] / r.count as f64));
        let auc = mean(&|r| r.auc.unwrap_or(f64::NAN));
        let _ = writeln!(out, "| {head} | {used:?} | {whose} | {} | {one:.3} | {tenth:.3} | {auc:.3} |", rows.len());
    }
    out
}
