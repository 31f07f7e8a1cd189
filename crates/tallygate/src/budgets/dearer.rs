//! Downgrades to a model that costs more than the one that it is to stand in for.

use std::sync::Arc;
use tg_catalog::{Rates, Row};
use tg_config::document::{Budget, Document, OnExhausted};
use tg_config::grammar::Pattern;
use tg_kernel::clock::Timestamp;
use tg_kernel::usage::ServiceTier;
use tg_proxy::snapshot::Snapshot;

/// One note for each budget that downgrades so, as far as the prices of both models are known.
pub(super) fn notes(document: &Document, snapshot: &Snapshot) -> Vec<String> {
    document.budgets.iter().filter_map(|budget| note(document, snapshot, budget)).collect()
}

fn note(document: &Document, snapshot: &Snapshot, budget: &Budget) -> Option<String> {
    let OnExhausted::Downgrade(stands_in) = &budget.on_exhausted else { return None };
    let rows = rows(document, snapshot, stands_in.as_str())?;
    let is_dearer = |name: &&str| self::rows(document, snapshot, name).is_some_and(|others| dearer(&rows, &others));
    let cheaper: Vec<String> =
        bounded(document, budget).into_iter().filter(is_dearer).map(|name| format!("'{name}'")).collect();
    (!cheaper.is_empty()).then(|| {
        format!(
            "budgets: '{}' downgrades to '{stands_in}', which by its list price is dearer than {}; name a cheaper model",
            budget.name,
            cheaper.join(", ")
        )
    })
}

/// The models by name whose calls a budget is for.
fn bounded<'a>(document: &'a Document, budget: &'a Budget) -> Vec<&'a str> {
    let scope = budget.scope.model.as_ref();
    if let Some(one) = scope.filter(|scope| scope.is_exact()) {
        return vec![one.as_str()];
    }
    let is_meant = |name: &&Pattern| name.is_exact() && scope.is_none_or(|scope| scope.matches(name.as_str()));
    document.models.iter().map(|model| &model.name).filter(is_meant).map(Pattern::as_str).collect()
}

/// The prices of all targets that calls for a name may go to; `None` where one is not known.
fn rows(document: &Document, snapshot: &Snapshot, name: &str) -> Option<Vec<Arc<Row>>> {
    let (entry, alias) = document.unaliased(document.model(name)?).ok()?;
    let row = |leaf: &tg_config::document::Leaf<'_>| {
        let price = &snapshot.upstreams.get(leaf.provider.as_str())?.price;
        price.find(&snapshot.catalogue, leaf.model.unwrap_or(name), Timestamp::from_micros(i64::MAX))
    };
    document.leaves(entry, alias).iter().map(row).collect()
}

/// Whether a call costs more at each of these than at any of those, however much of it is input.
fn dearer(these: &[Arc<Row>], those: &[Arc<Row>]) -> bool {
    let rates = |row: &Arc<Row>| row.rates(ServiceTier::Default, 0).rates;
    let costs_more = |one: Rates, other: Rates| {
        one.input >= other.input && one.output >= other.output && (one.input, one.output) != (other.input, other.output)
    };
    !those.is_empty() && these.iter().all(|one| those.iter().all(|other| costs_more(rates(one), rates(other))))
}

#[cfg(test)]
mod tests {
    use crate::compile::snapshot;
    use tg_config::load::from_text;
    use tg_config::secrets::Secrets;

    fn notes(text: &str) -> Vec<String> {
        let document = from_text("test", text).unwrap();
        let compiled = snapshot(&document, &Secrets::standing_in(&document)).unwrap();
        compiled.notes.into_iter().filter(|note| note.contains("downgrades")).collect()
    }

    const FILE: &str = "
providers: [{ name: a, kind: anthropic, api_key: env:K }, { name: o, kind: openai, api_key: env:K }]
models:
  - { name: large, targets: [{ provider: a, model: claude-opus-4-5 }] }
  - { name: small, targets: [{ provider: a, model: claude-haiku-4-5 }] }
  - { name: little, alias_of: small }
  - { name: either, targets: [{ provider: a, model: claude-haiku-4-5 }, { provider: a, model: claude-opus-4-5 }] }
  - { name: strange, targets: [{ provider: o, model: nobody-knows-it }], unknown_models: allow }
";

    #[test]
    fn a_downgrade_to_a_dearer_model_does_not_pass_in_silence() {
        let tail = "which by its list price is dearer than";
        for (scope, stands_in, cheaper) in [
            ("for: { model: small },", "large", Some("'small'")),
            ("for: { model: little },", "large", Some("'little'")),
            ("", "large", Some("'small', 'little'")),
            ("for: { model: 's*' },", "large", Some("'small'")),
            ("for: { model: large },", "small", None),
            ("for: { model: little },", "small", None),
            ("for: { model: either },", "large", None),
            ("for: { model: small },", "either", None),
            ("for: { model: strange },", "large", None),
            ("for: { model: small },", "strange", None),
        ] {
            let budget = format!("{{ name: b, amount: 1 USD, {scope} on_exhausted: {{ downgrade: {stands_in} }} }}");
            let wanted = cheaper.map(|cheaper| {
                format!("budgets: 'b' downgrades to '{stands_in}', {tail} {cheaper}; name a cheaper model")
            });
            assert_eq!(notes(&format!("{FILE}budgets: [{budget}]\n")), Vec::from_iter(wanted), "{scope} {stands_in}");
        }
        // Without `models`, names go to providers as they are written.
        let usual = "providers: [{ name: a, kind: anthropic, api_key: env:K }]\nbudgets: [{ name: b, amount: 1 USD, \
                     for: { model: claude-haiku-4-5 }, on_exhausted: { downgrade: claude-opus-4-5 } }]\n";
        assert_eq!(notes(usual).len(), 1);
    }
}
