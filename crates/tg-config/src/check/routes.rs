//! Models and their targets.

mod nested;

use super::{Findings, providers};
use crate::document::{Document, Model, OnLoss, OnUnable, Strategy, UnknownModels};
use crate::nearest::propose;
use crate::problem::{Path, Problem};
use tg_expr::Condition;

/// Greatest weight of a target.
const WEIGHT_MAX: u16 = 10_000;

pub(super) fn check(document: &Document, found: &mut Findings) {
    let list = Path::root().member("models");
    let names = document.models.iter().enumerate();
    found.add_repeated(names.map(|(number, m)| (list.element(number).member("name"), m.name.as_str())));
    nested::check(document, found);
    for (number, model) in document.models.iter().enumerate() {
        let path = list.element(number);
        for (index, target) in model.targets.iter().enumerate() {
            let path = path.member("targets").element(index);
            if let Some(provider) = &target.provider {
                providers::is_there(document, provider, &path, found);
            }
            if model.targets.iter().take(index).any(|earlier| earlier == target) {
                found.add(path.clone(), "is the same as an earlier target", "remove it");
            }
            if let Some(Err(refused)) = target.when.as_deref().map(Condition::compile) {
                found.add(path.member("when"), refused.message, refused.hint);
            }
        }
        way(document, model, &path, found);
        weights(model, &path, found);
        shadowed(document, number, &path, found);
    }
}

/// A name leads to targets, by itself or by another name.
fn way(document: &Document, model: &Model, path: &Path, found: &mut Findings) {
    let Some(alias) = &model.alias_of else {
        if model.targets.is_empty() {
            found.add(path.member("targets"), "is empty", "write 1 to 16 entries, or `alias_of` with another name");
        }
        return;
    };
    let (entry, path) = (path, path.member("alias_of"));
    if !model.targets.is_empty() {
        found.add(path.clone(), "stands beside `targets`", "remove one of them");
    }
    let idle = [
        ("strategy", model.strategy != Strategy::default()),
        ("on_unable", model.on_unable != OnUnable::default()),
        ("on_loss", model.on_loss != OnLoss::default()),
        ("unknown_price", model.unknown_price.is_some()),
        ("unknown_models", model.unknown_models != UnknownModels::default()),
        ("mirror", model.mirror.is_some()),
        ("hedge", model.hedge.is_some()),
        ("slow", model.slow.is_some()),
        ("task_routing", model.task_routing.is_some()),
    ];
    for (name, _) in idle.into_iter().filter(|(_, is_said)| *is_said) {
        let problem = "counts for nothing beside `alias_of`: that name has its own";
        found.add(entry.member(name), problem, "remove it, or give this name `targets`");
    }
    if !model.name.is_exact() {
        found.add(path, "stands beside a pattern", "give each name an entry of its own");
        return;
    }
    let rests_on = vec![Path::root().member("models")];
    match document.unaliased(model) {
        Ok(_) => {}
        Err(name) if document.model(name).is_none() => {
            let hint = propose(name, document.models.iter().map(|m| m.name.as_str()));
            found.add_resting_on(rests_on, Problem::new(path, format!("no entry of `models` serves `{name}`"), hint));
        }
        Err(_) => {
            let problem = Problem::new(path, format!("`{alias}` leads back here"), "let one of them have `targets`");
            found.add_resting_on(rests_on, problem);
        }
    }
}

/// Weights that say something.
fn weights(model: &Model, path: &Path, found: &mut Findings) {
    let path = path.member("targets");
    let weighs = matches!(model.strategy, Strategy::Weighted | Strategy::LeastInFlight);
    for (index, target) in model.targets.iter().enumerate() {
        let path = path.element(index).member("weight");
        if target.weight > WEIGHT_MAX {
            found.add(path, format!("{} is too much", target.weight), format!("write at most {WEIGHT_MAX}"));
        } else if target.weight != 1 && !weighs {
            found.add(path, "counts for nothing in this order", "set `strategy: weighted`, or remove it");
        }
    }
    if weighs && !model.targets.is_empty() && model.targets.iter().all(|target| target.weight == 0) {
        found.add(path, "all weights are 0", "give at least one target a weight");
    }
}

/// The first pattern that matches wins, so a later, narrower one would never be used.
fn shadowed(document: &Document, number: usize, path: &Path, found: &mut Findings) {
    let Some(model) = document.models.get(number).filter(|m| !m.name.is_exact()) else { return };
    let earlier = document.models.iter().take(number);
    if let Some(wider) = earlier.map(|m| &m.name).find(|earlier| **earlier != model.name && earlier.covers(&model.name))
    {
        let message = format!("`{}` is never used: `{wider}` stands before it and matches all of it", model.name);
        found.add(path.member("name"), message, format!("move it before `{wider}`"));
    }
}
