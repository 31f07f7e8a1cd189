//! For which calls something is, compiled: one way for budgets, guardrails, caches and priorities.

use tg_config::document::CallScope;
use tg_config::grammar::Pattern;
use tg_policy::admit::Scope;

/// Compiles a scope that has been checked.
pub(crate) fn scope(declared: &CallScope) -> Scope {
    let text = |pattern: &Option<Pattern>| pattern.as_ref().map(|pattern| pattern.as_str().to_owned());
    Scope {
        team: text(&declared.team),
        project: text(&declared.project),
        environment: text(&declared.environment),
        key: text(&declared.key),
        model: text(&declared.model),
        provider: None,
        tag: text(&declared.tag),
    }
}
