//! For which calls something is, compiled: one way for budgets, guardrails, limits, caches and priorities.

use tg_config::document::{CallScope, Document, LimitScope};
use tg_config::grammar::Pattern;
use tg_policy::admit::Scope;

/// Compiles a scope of a document that has been checked. What is for a model is for calls by its other names, too, and for
/// those that may come to its targets by way of another route: neither leads round anything.
pub(crate) fn scope(document: &Document, declared: &CallScope) -> Scope {
    Scope {
        team: text(declared.team.as_ref()),
        project: text(declared.project.as_ref()),
        environment: text(declared.environment.as_ref()),
        key: text(declared.key.as_ref()),
        model: text(declared.model.as_ref()),
        aliases: aliases(document, declared.model.as_ref()),
        provider: None,
        tag: text(declared.tag.as_ref()),
    }
}

/// The same for a limit, which may be for providers.
pub(crate) fn scope_of_limit(document: &Document, declared: &LimitScope) -> Scope {
    Scope {
        team: text(declared.team.as_ref()),
        project: text(declared.project.as_ref()),
        environment: text(declared.environment.as_ref()),
        key: text(declared.key.as_ref()),
        model: text(declared.model.as_ref()),
        aliases: aliases(document, declared.model.as_ref()),
        provider: text(declared.provider.as_ref()),
        tag: text(declared.tag.as_ref()),
    }
}

fn text(pattern: Option<&Pattern>) -> Option<String> {
    pattern.map(|pattern| pattern.as_str().to_owned())
}

/// The names that stand for one that this pattern has in it, by however many others, or have it among their targets, and are
/// not in it themselves. Sorted: the order in which models are declared changes no budget.
fn aliases(document: &Document, pattern: Option<&Pattern>) -> Vec<String> {
    let Some(pattern) = pattern else { return Vec::new() };
    let leads_there = |model: &&tg_config::document::Model| {
        !pattern.matches(model.name.as_str()) && document.names_behind(model).any(|name| pattern.matches(name))
    };
    let mut names: Vec<String> =
        document.models.iter().filter(leads_there).map(|model| model.name.as_str().to_owned()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::aliases;
    use tg_config::load::from_text;

    #[test]
    fn a_scope_of_a_model_has_every_name_that_comes_to_it() {
        let document = from_text(
            "test",
            "providers: [{ name: a, kind: anthropic, api_key: 'env:K' }]\nmodels:\n\
             - { name: smart, targets: [{ provider: a, model: m }] }\n- { name: smart-v2, alias_of: smart }\n\
             - { name: best, alias_of: smart-v2 }\n- { name: 'claude-*', targets: [{ provider: a }] }\n\
             - { name: mine, alias_of: claude-x }\n- { name: other, targets: [{ provider: a, model: n }] }\n\
             - { name: pool, targets: [{ route: best }, { provider: a, model: n }] }\n\
             - { name: wide, targets: [{ route: pool }, { route: claude-y }] }\n- { name: widest, alias_of: wide }\n",
        )
        .unwrap();
        for (pattern, expected) in [
            ("smart", &["best", "pool", "smart-v2", "wide", "widest"][..]),
            ("smart-v2", &["best", "pool", "wide", "widest"]),
            ("smart*", &["best", "pool", "wide", "widest"]),
            ("claude-*", &["mine", "wide", "widest"]),
            ("wide", &["widest"]),
            ("other", &[]),
            ("*", &[]),
        ] {
            assert_eq!(aliases(&document, Some(&pattern.parse().unwrap())), expected, "{pattern}");
        }
        assert!(aliases(&document, None).is_empty());
    }
}
