//! Rules that have streamed answers judged piece by piece: whether there is an answer, and whether a piece is one question.

use super::super::Findings;
use super::is_only_asked;
use crate::document::{Document, GuardrailAction, GuardrailOn, GuardrailRule};
use crate::problem::{Path, Problem};

/// Whether what a rule says of pieces can be done.
pub(super) fn check(document: &Document, rule: &GuardrailRule, path: &Path, found: &mut Findings) {
    let Some(pieces) = rule.pieces else { return };
    let place = path.member("pieces");
    let Some(service) = &rule.external else {
        let hint = "remove it: what the gateway's own checks let go leaves at once";
        found.add(place, "has no meaning: the rule asks no service", hint);
        return;
    };
    if !matches!(rule.action, GuardrailAction::Block | GuardrailAction::Redact) {
        let hint = "remove it, or write `action: block` or `redact`";
        found.add(place, "has no meaning: the rule keeps nothing of an answer back", hint);
        return;
    }
    if rule.on == Some(GuardrailOn::Input) {
        found.add(place, "is for answers alone", "remove it, or write `on: output` or `on: both`");
        return;
    }
    if rule.channels.as_ref().is_some_and(|channels| channels.iter().all(is_only_asked)) {
        let hint = "remove it, or add `assistant`, `reasoning` or `tool_arguments` to `channels`";
        found.add(place, "has no meaning: `channels` names nothing that a model says", hint);
        return;
    }
    // What is not named rightly is told where it is named.
    let Some(guard) = document.guards.iter().find(|guard| guard.name == *service) else { return };
    // A piece is asked about with some of what came before, and goes to the end of what its provider sent at once.
    let most = guard.characters_max / 2;
    if pieces > most {
        let message = format!("is too much for one question to `{service}`, with what came before it");
        let hint = format!("write at most {most}, half of `characters_max` of `{service}`, or raise that");
        let problem = Problem::new(place, message, hint);
        found.add_resting_on(vec![Path::root().member("guards")], problem);
    }
}
