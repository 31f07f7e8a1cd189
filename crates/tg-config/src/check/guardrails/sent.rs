//! Rules that send calls to another model: which, and whether it is there.

use super::super::Findings;
use super::super::served::Served;
use crate::document::{CheckName, GuardrailAction, GuardrailRule};
use crate::problem::{Path, Problem};

/// Whether the model is named where it is needed, and served.
pub(super) fn check(served: &Served, rule: &GuardrailRule, path: &Path, found: &mut Findings) {
    let place = path.member("model");
    match (&rule.model, rule.action == GuardrailAction::RouteTo) {
        (None, false) => {}
        (Some(_), false) => {
            found.add(place, "has no meaning: the rule sends calls nowhere", "remove it, or write `action: route_to`");
        }
        (None, true) => {
            let hint = "add `model: NAME` with a name in `models`";
            let problem = Problem::new(place.clone(), "is missing: to which model do calls go?", hint);
            found.add_resting_on(vec![place], problem);
        }
        (Some(model), true) if !model.is_exact() => {
            found.add(place, format!("`{model}` is a pattern"), "write the name of one model");
        }
        (Some(model), true) => {
            served.check(model, place, "add the model, or mend the name", found);
        }
    }
    let is_of_input = |check: &CheckName| check.is_of_input();
    if rule.action == GuardrailAction::RouteTo && !rule.checks().iter().any(is_of_input) {
        let message = "comes too late for what is found on the way to the caller";
        found.add(path.member("action"), message, "write `block` or `redact`");
    }
}
