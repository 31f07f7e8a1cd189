//! From declared rules of the cache to compiled ones.

use crate::scope::scope;
use anyhow::Result;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tg_config::document::{self, AlikeMode, CacheAlike, CachePlace, CacheRule, CacheShare, Document};
use tg_config::grammar::{Name, Percent};
use tg_kernel::target::Target;
use tg_policy::cache::alike::{Alike, Mode};
use tg_policy::cache::{Rule, Rules, Share};
use tg_policy::route::steps::Judge;
use tg_proxy::snapshot::Cache;

/// Compiles rules that have been checked.
///
/// # Errors
/// When the configuration cannot be summed up.
pub(crate) fn compile(document: &Document) -> Result<Cache> {
    let document::Cache { bytes_max, answer_bytes_max, rules, .. } = &document.cache;
    let rules = Rules {
        rules: rules.iter().map(|declared| rule(document, declared)).collect(),
        answer_bytes_max: answer_bytes_max.as_usize(),
        revision: revision(document)?,
    };
    Ok(Cache { rules, bytes_max: bytes_max.bytes() })
}

/// Whether answers are where gateways share them.
pub(crate) fn is_shared(document: &Document) -> bool {
    document.cache.place == CachePlace::Counters && document.counters.is_some()
}

/// A sum of all that decides what is answered, by whom: this version, providers, routes and the services that guardrails ask.
/// What guardrails say is in their own version. Secrets are not part of it, only where they are.
fn revision(document: &Document) -> Result<[u8; 32]> {
    let decides =
        (env!("CARGO_PKG_VERSION"), &document.providers, &document.models, &document.guards, &document.residency);
    Ok(Sha256::digest(serde_json::to_vec(&decides)?).into())
}

fn rule(document: &Document, declared: &CacheRule) -> Arc<Rule> {
    Arc::new(Rule {
        name: declared.name.shared(),
        scope: scope(document, &declared.scope),
        ttl: declared.ttl.get(),
        share: match declared.share {
            CacheShare::Team => Share::Team,
            CacheShare::Project => Share::Project,
            CacheShare::Key => Share::Key,
        },
        only_determined: declared.only_deterministic,
        alike: declared.alike.as_ref().map(alike),
    })
}

fn alike(declared: &CacheAlike) -> Alike {
    let target = |provider: &Name, model: &str| Target { provider: provider.shared(), model: model.into() };
    let judge = declared.judge.as_ref().map_or(Judge::Agreement, |judge| Judge::Model {
        target: target(&judge.provider, &judge.model),
        booked_to: judge.booked_to.as_ref().map(Name::shared),
    });
    Alike {
        target: target(&declared.model.provider, &declared.model.model),
        mode: match declared.mode {
            AlikeMode::Observe => Mode::Observe,
            AlikeMode::Enforce => Mode::Enforce,
        },
        threshold: declared.threshold.map(Percent::millionths),
        entries_max: usize::try_from(declared.entries_max).unwrap_or(usize::MAX),
        timeout: declared.timeout.get(),
        judge,
    }
}

#[cfg(test)]
mod tests {
    use super::compile;
    use tg_config::load::from_text;

    const BASE: &str = "providers: [{name: a, kind: anthropic, api_key: env:K}]\n";

    #[test]
    fn what_decides_an_answer_makes_another_revision_and_nothing_else_does() {
        let of = |text: &str| compile(&from_text("test", text).unwrap()).unwrap().rules.revision;
        let with = |more: &str| of(&format!("{BASE}{more}"));
        let usual = of(BASE);
        for same in
            ["limits: [{name: l, requests: 1/m}]", "teams: [{name: red}]", "cache: {rules: [{name: r, ttl: 1h}]}"]
        {
            assert_eq!(with(same), usual, "{same}");
        }
        let route = "models: [{name: fast, targets: [{provider: a, model: claude-haiku-4-5}]}]";
        let other = route.replace("haiku-4-5", "opus-4-5");
        let provider = BASE.replace("env:K", "env:K, base_url: 'https://b.example'");
        let all = [usual, with(route), with(&other), of(&provider)];
        for (number, one) in all.iter().enumerate() {
            assert!(!all[..number].contains(one), "{number}");
        }
    }
}
