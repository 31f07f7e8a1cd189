//! From declared targets to those of rules: routes among them become the targets of these, and how they stand together.

use anyhow::{Result, anyhow};
use std::sync::Arc;
use tg_config::document::{DEPTH_MAX, Document, LEAVES_MAX, Model, ModelTarget};
use tg_expr::Condition;
use tg_policy::route::RuleTarget;
use tg_policy::route::nested::{Entry, Nested};

/// The targets of an entry of `models`, `asked` under this name where that is not what callers write; and its entries, if a
/// route is among them.
///
/// # Errors
/// When a condition cannot be read, or a route leads nowhere or round in a circle: the document's check finds that with its place.
pub(super) fn compile(
    document: &Document,
    served: &Model,
    asked: Option<&str>,
) -> Result<(Vec<RuleTarget>, Vec<Entry>)> {
    let mut targets = Vec::new();
    let entries = add(document, (served, asked), &Way::default(), &mut targets)?;
    let has_routes = entries.iter().any(|entry| matches!(entry, Entry::Route(_)));
    Ok((targets, if has_routes { entries } else { Vec::new() }))
}

/// How an inner route is come to.
#[derive(Clone, Default)]
struct Way {
    depth: usize,
    when: Vec<Arc<Condition>>,
    through: Option<Arc<str>>,
}

fn add(
    document: &Document,
    (model, asked): (&Model, Option<&str>),
    way: &Way,
    targets: &mut Vec<RuleTarget>,
) -> Result<Vec<Entry>> {
    let entry = |declared: &ModelTarget| {
        let ModelTarget { provider, model, route, weight, when } = declared;
        let own = when.as_deref().map(Condition::compile).transpose()?.map(Arc::new);
        let when: Vec<Arc<Condition>> = way.when.iter().cloned().chain(own).collect();
        let Some(route) = route.as_deref() else {
            let provider = provider.as_ref().ok_or_else(|| anyhow!("models: a target has no provider"))?.shared();
            let (model, through) = (model.as_deref().or(asked).map(Arc::from), way.through.clone());
            targets.push(RuleTarget { provider, model, weight: u32::from(*weight), when, through });
            return Ok(Entry::Target);
        };
        let found = document.route(route).filter(|_| way.depth < DEPTH_MAX && targets.len() <= LEAVES_MAX);
        let (inner, name) = found.ok_or_else(|| anyhow!("models: the route `{route}` leads nowhere, or too far"))?;
        let way = Way { depth: way.depth + 1, when, through: Some(route.into()) };
        let (strategy, weight) = (super::strategy(inner.strategy), u32::from(*weight));
        let entries = add(document, (inner, Some(name)), &way, targets)?;
        Ok(Entry::Route(Nested { name: route.into(), weight, strategy, entries }))
    };
    model.targets.iter().map(entry).collect()
}
