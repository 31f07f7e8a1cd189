//! Rules that ask a service while the call is under way: what cannot be done any more by then.

use super::super::Findings;
use crate::document::{GuardrailAction, GuardrailOn, GuardrailRule};
use crate::problem::Path;

/// Whether what a rule does can be done when the text has left.
pub(super) fn check(rule: &GuardrailRule, path: &Path, found: &mut Findings) {
    if !rule.beside {
        return;
    }
    let place = path.member("beside");
    if rule.external.is_none() {
        found.add(place, "has no meaning: the rule asks no service, and nobody waits for it", "remove it");
        return;
    }
    let word = match rule.action {
        GuardrailAction::Block | GuardrailAction::Annotate => None,
        GuardrailAction::Redact => Some("redact"),
        GuardrailAction::Restore => Some("restore"),
        GuardrailAction::RouteTo => Some("route_to"),
    };
    if let Some(word) = word {
        let message = format!("comes too late for `action: {word}`: the text has left by then");
        found.add(place.clone(), message, "write `action: block` or `annotate`, or remove `beside`");
    }
    if rule.on != Some(GuardrailOn::Input) {
        let hint = "write `on: input`, and make a rule of its own for answers";
        found.add(place, "is for requests alone: an answer is asked about before any of it leaves", hint);
    }
}
