//! Routes among the targets of routes: that they are there, lead round in no circle, and not too deep.

use super::super::Findings;
use crate::document::{DEPTH_MAX, Document, LEAVES_MAX, Model, ModelTarget, STEPS_MAX};
use crate::nearest::propose;
use crate::problem::{Path, Problem};

pub(super) fn check(document: &Document, found: &mut Findings) {
    let list = Path::root().member("models");
    let mut goes_round = false;
    for (number, model) in document.models.iter().enumerate() {
        for (index, target) in model.targets.iter().enumerate() {
            let path = list.element(number).member("targets").element(index);
            goes_round |= !entry(document, (model, target), &path, found);
        }
    }
    // Of what goes round nobody can say how deep it is.
    if !goes_round {
        for (number, model) in document.models.iter().enumerate() {
            size(document, model, &list.element(number).member("targets"), found);
        }
    }
}

/// One target: a model of a provider, or a route that does not lead back. Whether it ends somewhere.
fn entry(document: &Document, (model, target): (&Model, &ModelTarget), path: &Path, found: &mut Findings) -> bool {
    let Some(route) = target.route.as_deref() else {
        if target.provider.is_none() {
            let hint = "add `provider`, with `model` where callers do not write it, or `route` with a name of `models`";
            found.add(path.clone(), "names neither a `provider` nor a `route`", hint);
        }
        return true;
    };
    for (member, is_said) in [("provider", target.provider.is_some()), ("model", target.model.is_some())] {
        if is_said {
            found.add(path.member(member), "stands beside `route`, which has its own targets", "remove one of them");
        }
    }
    let path = path.member("route");
    if !model.name.is_exact() {
        found.add(path, "stands in the entry of a pattern", "give each name an entry of its own");
        return true;
    }
    let rests_on = || vec![Path::root().member("models")];
    let Some(next) = document.model(route) else {
        let hint = propose(route, document.models.iter().map(|m| m.name.as_str()));
        let message = format!("no entry of `models` serves `{route}`");
        found.add_resting_on(rests_on(), Problem::new(path, message, hint));
        return true;
    };
    let is_here = |name: &str| document.model(name).is_some_and(|entry| entry.name == model.name);
    if is_here(route) || document.names_behind(next).any(is_here) {
        let hint = "let one of them have only targets of providers";
        found.add_resting_on(rests_on(), Problem::new(path, format!("`{route}` leads back here"), hint));
        return false;
    }
    // Where an alias of it leads is said there.
    document.unaliased(next).is_ok()
}

/// How deep, and how many.
fn size(document: &Document, model: &Model, path: &Path, found: &mut Findings) {
    let rests_on = || vec![Path::root().member("models")];
    if model.routes().next().is_none() {
        return;
    }
    let count = document.leaves(model, None).len();
    if count > LEAVES_MAX {
        let message = format!("are more than {LEAVES_MAX}, with those of the routes among them");
        let hint = format!("keep to {LEAVES_MAX}");
        found.add_resting_on(rests_on(), Problem::new(path.clone(), message, hint));
    } else if is_deeper(document, model, DEPTH_MAX, &mut STEPS_MAX.clone()) {
        let message = format!("go through more than {DEPTH_MAX} routes, this one among them");
        let hint = "name the targets of an inner one here";
        found.add_resting_on(rests_on(), Problem::new(path.clone(), message, hint));
    }
}

/// Whether a way from here goes through more entries than so many, this one among them. Where that takes more than `STEPS_MAX`
/// steps, it does.
fn is_deeper(document: &Document, model: &Model, most: usize, steps: &mut usize) -> bool {
    let (Some(left), Some(_)) = (most.checked_sub(1), steps.checked_sub(1)) else { return true };
    *steps -= 1;
    let mut next = model.routes().filter_map(|route| document.route(route));
    next.any(|(entry, _)| is_deeper(document, entry, left, steps))
}
