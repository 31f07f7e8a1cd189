//! Sets that have services asked about pictures: whether any of these sees them.

use super::super::Findings;
use crate::document::{Document, Guardrail, Unreadable};
use crate::problem::{Path, Problem};

/// Whether a rule in force for requests asks a service that sees pictures.
pub(super) fn check(document: &Document, set: &Guardrail, path: &Path, found: &mut Findings) {
    if !set.unreadable.is_some_and(Unreadable::asks_about_images) {
        return;
    }
    let in_force = set.rules.iter().filter(|rule| rule.is_in_force_on_input());
    let named: Vec<_> = in_force.filter_map(|rule| rule.external.as_ref()).collect();
    let services: Vec<_> = named.iter().map(|name| document.guards.iter().find(|guard| guard.name == **name)).collect();
    // What is named and not there is told where it is named.
    if services.iter().any(|service| service.is_none_or(|service| service.sees_images())) {
        return;
    }
    let message = if named.is_empty() {
        "asks nobody: no rule that is in force for requests asks a service (`external`)"
    } else {
        "asks nobody: no service that the rules in force for requests ask sees pictures"
    };
    let hint = "add a rule with `external` and a guard of the kind `bedrock_guardrail`, or of the kind `moderation` with an \
                omni-moderation model; or write `image: block`";
    let problem = Problem::new(path.member("unreadable").member("image"), message, hint);
    found.add_resting_on(vec![path.member("rules"), Path::root().member("guards")], problem);
}
