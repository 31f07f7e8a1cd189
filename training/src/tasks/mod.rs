//! Learns the tasks of calls and their difficulty, and says how well both are told on sources that were held out.

mod hard;
mod judge;
mod learn;
mod mixed;
mod own;
mod pile;
mod written;

use crate::dice::Dice;
use anyhow::{Context as _, Result};
use judge::Judged;
use learn::{Learner, Settings};
use pile::{FOLDS, Row};
use std::fmt::Write as _;
use std::path::Path;
use tg_text::task::model::Model;

/// What stands before the results in the card.
const MARK: &str = "<!-- results: written by `training eval-tasks --cards` -->\n";

/// All rows: what was collected, and our own.
fn rows(data: &Path) -> Result<Vec<Row>> {
    let mut rows = pile::read(data)?;
    rows.extend(own::rows(data)?);
    rows.extend(written::rows()?);
    Ok(rows)
}

fn learn(rows: &[&Row], settings: &Settings, seed: u64) -> Model {
    let mut learner = Learner::new(seed);
    learner.learn(rows, settings);
    learner.finish()
}

/// Learns from everything and writes the weights.
pub fn train(data: &Path, set: &[String], out: &Path, cards: bool) -> Result<()> {
    let settings = Settings::read(set)?;
    let rows = rows(data)?;
    let judged = held_out(&rows, &settings);
    let mut model = learn(&rows.iter().collect::<Vec<_>>(), &settings, 1);
    let collected: Vec<_> = judged.iter().copied().filter(|j| j.row.source != written::SOURCE).collect();
    model.temperature = judge::temperature(&collected);
    let routes = hard::read(data)?;
    (model.hard, model.hard_bias) = hard::learn(&routes.iter().collect::<Vec<_>>());
    std::fs::write(out, model.write()).with_context(|| format!("cannot write {}", out.display()))?;
    let report = report(&rows, &judged, &routes, &settings);
    if cards {
        write_card(&report)?;
    }
    crate::say(&format!("{report}\nwrote {}; temperature {:.3}\n", out.display(), model.temperature))
}

/// Holds out each group of sources in turn, and prints what is told of it.
pub fn eval(data: &Path, set: &[String], cards: bool, errors: bool) -> Result<()> {
    let settings = Settings::read(set)?;
    let rows = rows(data)?;
    let judged = held_out(&rows, &settings);
    if errors {
        crate::say(&judge::errors(&judged))?;
    }
    let report = report(&rows, &judged, &hard::read(data)?, &settings);
    if cards {
        write_card(&report)?;
    }
    crate::say(&report)
}

/// Prints our own texts of one family.
pub fn texts(data: &Path, family: &str) -> Result<()> {
    for row in own::rows(data)?.iter().filter(|row| row.source.contains(family)) {
        crate::say(&format!("[{}] {:?}\n", row.source, row.parts))?;
    }
    Ok(())
}

/// Every collected row, judged by a model that has not seen its source nor one of the same origin.
fn held_out<'a>(rows: &'a [Row], settings: &Settings) -> Vec<Judged<'a>> {
    let folds: Vec<usize> = (0..FOLDS).collect();
    let mut judged = Vec::new();
    for pair in folds.chunks(2) {
        let results = std::thread::scope(|scope| {
            let run = |fold: usize| {
                scope.spawn(move || {
                    let others: Vec<&Row> = rows.iter().filter(|row| row.fold != Some(fold)).collect();
                    let model = learn(&others, settings, fold as u64 + 10);
                    judge::judge(&model, rows.iter().filter(|row| row.fold == Some(fold)))
                })
            };
            let threads: Vec<_> = pair.iter().map(|fold| run(*fold)).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect::<Vec<_>>()
        });
        judged.extend(results.into_iter().flatten());
    }
    judged
}

fn report(rows: &[Row], judged: &[Judged<'_>], routes: &[hard::Route], settings: &Settings) -> String {
    let (written, judged): (Vec<_>, Vec<_>) = judged.iter().copied().partition(|j| j.row.source == written::SOURCE);
    let mut out = judge::table(&judged);
    let _ = writeln!(
        out,
        "\nOf {} calls that we wrote one by one, judged by models that have seen none of their kin: macro-F1 {:.3}.",
        written.len(),
        judge::macro_f1(&written)
    );
    let (own, collected): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| row.fold.is_none() || row.source == written::SOURCE);
    let alone = judge::judge(&learn(&own, settings, 2), collected.iter().copied());
    let without = judge::judge(&learn(&collected, settings, 3), own.iter().copied());
    let _ = writeln!(
        out,
        "\nLearnt from our own texts alone, judged on all that was collected: macro-F1 {:.3}. Learnt from what was \
         collected alone, judged on our own texts: {:.3}.",
        judge::macro_f1(&alone),
        judge::macro_f1(&without)
    );
    out.push_str(&hard::table(routes, &mut Dice::new(7)));
    out.push_str(&mixed::table(&judged, routes, &mut Dice::new(8)));
    out
}

fn write_card(report: &str) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cards/task.md");
    let card = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (front, _) = card.split_once(MARK).with_context(|| format!("{} has no mark", path.display()))?;
    std::fs::write(&path, format!("{front}{MARK}\n{report}")).with_context(|| path.display().to_string())
}
