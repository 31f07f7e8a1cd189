//! What routing saves on a workload of which one half is simple tasks: classes told on held-out sources, and outcomes that
//! were recorded.

use super::hard::{Route, needed};
use super::judge::Judged;
use crate::dice::Dice;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tg_text::task::TaskClass;

/// Tasks that any model does about as well: what a weak one is given by their kind alone.
const SIMPLE: [TaskClass; 2] = [TaskClass::Classification, TaskClass::Extraction];

/// The part of the strong model's quality that all calls together keep.
const KEPT: f64 = 0.95;

/// What a weak model costs of a strong one's price: Claude Haiku 4.5 beside Opus 4.5, and Mixtral-8x7B beside GPT-4-1106, at
/// the prices when the outcomes were recorded.
const COSTS: [(&str, f64); 2] =
    [("a fifth (Haiku 4.5 beside Opus 4.5)", 0.2), ("a twentieth (Mixtral-8x7B beside GPT-4-1106)", 0.05)];

/// Of the texts of simple tasks, all classes and within each all sources alike, the share that is told as one.
fn told_simple(judged: &[Judged<'_>]) -> f64 {
    let mut sources: BTreeMap<(TaskClass, &str), (f64, f64)> = BTreeMap::new();
    for one in judged.iter().filter(|one| SIMPLE.contains(&one.row.class)) {
        let (told, all) = sources.entry((one.row.class, &one.row.source)).or_default();
        *told += f64::from(u8::from(SIMPLE.contains(&one.told())));
        *all += 1.0;
    }
    let of_class = |class: TaskClass| {
        let shares = sources.iter().filter(|((of, _), _)| *of == class).map(|(_, (told, all))| told / all);
        let shares: Vec<f64> = shares.collect();
        shares.iter().sum::<f64>() / shares.len().max(1) as f64
    };
    SIMPLE.into_iter().map(of_class).sum::<f64>() / SIMPLE.len() as f64
}

/// The table, with what it takes for granted.
pub fn table(judged: &[Judged<'_>], routes: &[Route], dice: &mut Dice) -> String {
    let told = told_simple(judged);
    // Half of the calls lose nothing, so the other half may lose twice as much.
    let kept = 1.0 - 2.0 * (1.0 - KEPT);
    let (strong, low, high) = needed(routes, kept, dice);
    let weak = 0.5 * told + 0.5 * (1.0 - strong);
    let mut out = format!(
        "\nA workload of which one half is simple (classification and extraction), routed by kind of task, and the other half \
         questions, routed by difficulty; {:.0} % of the strong model's quality is kept. Of the simple half {told:.3} is told as \
         simple, on sources that were held out; the rest goes to the strong model. Of the questions {strong:.3} [{low:.3}, \
         {high:.3}] go there, on subjects that were held out, so that {:.0} % of its quality on them is kept. Taken for granted, as \
         no outcomes of such tasks are public: the weak model does the simple half as well, and all calls have as many tokens.\n\n\
         | the weak model costs | calls that it gets | cost saved |\n|---|---|---|\n",
        KEPT * 100.0,
        kept * 100.0,
    );
    for (name, cost) in COSTS {
        let _ = writeln!(out, "| {name} | {weak:.3} | {:.3} |", weak * (1.0 - cost));
    }
    out
}
