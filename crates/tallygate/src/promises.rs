//! Whether routes can do what they promise: models that are there, that talk where talk is wanted, and that are able to do
//! what their conditions ask for.

use std::sync::Arc;
use tg_catalog::{ModelKind, Row};
use tg_config::document::{Document, Leaf, Model, ModelTarget, ProviderKind, TaskJudge, UnknownModels};
use tg_config::grammar::Name;
use tg_config::nearest;
use tg_expr::Condition;
use tg_kernel::clock::Timestamp;
use tg_proxy::choose::{Lack, lack};
use tg_proxy::snapshot::Snapshot;

/// Parts of the names of Bedrock's models that are not sold by tokens, or do not talk by calls: the catalogue has no prices
/// for them, and is meant to have none.
const NOT_BY_TOKENS: [&str; 8] =
    ["nova-reel", "nova-canvas", "sonic-v", "titan-image", "stability.", "twelvelabs.", "luma.", "rerank"];

/// Holds the routes of a document that has been compiled against the catalogue.
///
/// # Errors
/// Every promise that cannot be kept, with its place and how to mend it.
pub(crate) fn keep(document: &Document, snapshot: &Snapshot) -> anyhow::Result<()> {
    let mut broken = Vec::new();
    for (place, route) in routes(document, snapshot) {
        route.names(&place, &mut broken);
        route.conditions(&place, &mut broken);
    }
    anyhow::ensure!(broken.is_empty(), broken.join("\n"));
    Ok(())
}

/// What the writer of routes may not expect: targets of which some talk and some make vectors, and models without a price.
pub(crate) fn notes(document: &Document, snapshot: &Snapshot) -> Vec<String> {
    let mut notes = Vec::new();
    for (place, route) in routes(document, snapshot) {
        notes.extend(route.mixed(&place));
        route.strangers(&place, &mut notes);
    }
    notes
}

/// The routes that are no aliases, with their places.
fn routes<'a>(document: &'a Document, snapshot: &'a Snapshot) -> impl Iterator<Item = (String, Route<'a>)> {
    let own = document.models.iter().enumerate().filter(|(_, model)| model.alias_of.is_none());
    own.map(move |(number, model)| (format!("models[{number}]"), Route { document, snapshot, model }))
}

struct Route<'a> {
    document: &'a Document,
    snapshot: &'a Snapshot,
    model: &'a Model,
}

/// A model that a route names: where, of whom, and whether it must talk.
struct Named<'a> {
    place: String,
    provider: &'a Name,
    id: &'a str,
    must_talk: bool,
}

impl Route<'_> {
    fn row(&self, provider: &Name, id: &str) -> Option<Arc<Row>> {
        let upstream = self.snapshot.upstreams.get(provider.as_str())?;
        upstream.price.find(&self.snapshot.catalogue, id, Timestamp::from_micros(i64::MAX))
    }

    /// The id of a target, where it does not depend on what callers write.
    fn id_of(&self, declared: Option<&'_ str>) -> Option<String> {
        let name = &self.model.name;
        declared.map(str::to_owned).or_else(|| name.is_exact().then(|| name.as_str().to_owned()))
    }

    /// The models that are named beside the targets.
    fn beside(&self, place: &str) -> Vec<Named<'_>> {
        let mut named = Vec::new();
        let mut add = |place: String, provider, id| named.push(Named { place, provider, id, must_talk: true });
        if let Some(mirror) = &self.model.mirror {
            add(format!("{place}.mirror.model"), &mirror.provider, &mirror.model);
        }
        if let Some(routing) = &self.model.task_routing {
            for (number, step) in routing.steps.iter().enumerate() {
                add(format!("{place}.task_routing.steps[{number}].model"), &step.provider, &step.model);
            }
            if let Some(TaskJudge::Model(judge)) = routing.quality.as_ref().map(|quality| &quality.judge) {
                add(format!("{place}.task_routing.quality.judge.model"), &judge.provider, &judge.model);
            }
        }
        named
    }

    /// The row of each target for which one stands: itself, or those of a route.
    fn rows(&self, target: &ModelTarget) -> Vec<Option<Arc<Row>>> {
        let row = |leaf: &Leaf<'_>| self.row(leaf.provider, &self.id_of(leaf.model)?);
        self.document.leaves_of(target).iter().map(row).collect()
    }

    /// The ids of the targets, as [`Route::id_of`].
    fn ids(&self) -> Vec<Option<String>> {
        self.model.targets.iter().map(|target| self.id_of(target.model.as_deref())).collect()
    }

    /// All models that are named, those of the targets by their `ids`.
    fn named<'b>(&'b self, place: &str, ids: &'b [Option<String>]) -> Vec<Named<'b>> {
        let targets = self.model.targets.iter().zip(ids).enumerate().filter_map(|(number, (target, id))| {
            let place = format!("{place}.targets[{number}].model");
            Some(Named { place, provider: target.provider.as_ref()?, id: id.as_deref()?, must_talk: false })
        });
        targets.chain(self.by_route(place)).chain(self.beside(place)).collect()
    }

    /// The models that are named by the names of routes among the targets, where these come to patterns.
    fn by_route(&self, place: &str) -> Vec<Named<'_>> {
        let mut named = Vec::new();
        for (number, target) in self.model.targets.iter().enumerate() {
            let entry = target.route.as_deref().and_then(|route| self.document.route(route));
            let Some((_, id)) = entry.filter(|(entry, _)| {
                // What an exact name leads to is held there.
                !entry.name.is_exact() && entry.unknown_models == UnknownModels::Refuse
            }) else {
                continue;
            };
            for leaf in self.document.leaves_of(target).into_iter().filter(|leaf| leaf.model == Some(id)) {
                let place = format!("{place}.targets[{number}].route");
                named.push(Named { place, provider: leaf.provider, id, must_talk: false });
            }
        }
        named
    }

    /// Every model is one that the catalogue knows, where it knows all of a seller's, and talks where it must.
    fn names(&self, place: &str, broken: &mut Vec<String>) {
        let ids = self.ids();
        for named in self.named(place, &ids) {
            match self.row(named.provider, named.id) {
                Some(row) if named.must_talk && row.kind() != ModelKind::Chat => {
                    let Named { place, id, .. } = named;
                    broken.push(format!("{place}: `{id}` makes vectors, and does not talk; name a model for chats"));
                }
                None if self.knows_all(&named) && !self.may_be_right(&named) => broken.push(self.unknown(&named)),
                _ => {}
            }
        }
    }

    /// The models that the catalogue does not know, and that may be right all the same.
    fn strangers(&self, place: &str, notes: &mut Vec<String>) {
        let ids = self.ids();
        for named in self.named(place, &ids) {
            let is_known = self.row(named.provider, named.id).is_some();
            if !is_known && self.knows_all(&named) && self.may_be_right(&named) {
                let Named { place, provider, id, .. } = named;
                notes.push(format!(
                    "{place}: the catalogue knows no model `{id}` of `{provider}`, nor one with a name like it; if it is \
                     right, add its price to `pricing.overrides`, or write `unknown_models: allow` in this entry of `models`"
                ));
            }
        }
    }

    /// Whether the catalogue is meant to have all such models of who sells this one, and nobody says otherwise: at the
    /// vendor's own address, but what is of one account alone, or is not sold by tokens.
    fn knows_all(&self, named: &Named<'_>) -> bool {
        let is_own = ["arn:", "ft:"].iter().any(|own| named.id.starts_with(own));
        let is_by_tokens = || !NOT_BY_TOKENS.iter().any(|part| named.id.contains(part));
        self.model.unknown_models == UnknownModels::Refuse
            && !is_own
            && self.document.provider(named.provider.as_str()).is_some_and(|provider| {
                let is_vendor = match provider.kind {
                    ProviderKind::Bedrock => is_by_tokens(),
                    ProviderKind::Anthropic | ProviderKind::Openai => true,
                    ProviderKind::OpenaiCompatible => false,
                };
                is_vendor && provider.base_url.is_none() && provider.inference_profiles.is_empty()
            })
    }

    /// Whether an unknown model may be there: Bedrock sells those of so many that only what is like a known name is taken
    /// for a slip.
    fn may_be_right(&self, named: &Named<'_>) -> bool {
        let provider = self.document.provider(named.provider.as_str());
        provider.is_some_and(|provider| provider.kind == ProviderKind::Bedrock) && self.near(named).is_none()
    }

    /// The known model of the same vendor that was probably meant.
    fn near(&self, named: &Named<'_>) -> Option<&str> {
        let vendor = self.snapshot.upstreams.get(named.provider.as_str()).map(|upstream| &*upstream.price.vendor);
        let rows = self.snapshot.catalogue.rows().iter();
        nearest(named.id, rows.filter(|row| Some(row.provider()) == vendor).map(|row| row.id()))
    }

    fn unknown(&self, named: &Named<'_>) -> String {
        let hint = match self.near(named) {
            Some(near) => format!("did you mean `{near}`? If not,"),
            None => "mend the name, or if it is right".to_owned(),
        };
        let Named { place, provider, id, .. } = named;
        format!(
            "{place}: the catalogue knows no model `{id}` of `{provider}`; {hint} add its price to `pricing.overrides`, or \
             write `unknown_models: allow` in this entry of `models`"
        )
    }

    /// Where some targets talk and others make vectors, so that a call of either kind may come to the wrong one.
    fn mixed(&self, place: &str) -> Option<String> {
        let is_kind = |target: &ModelTarget, kind| self.rows(target).iter().flatten().any(|row| row.kind() == kind);
        let targets = &self.model.targets;
        let number = targets.iter().position(|target| is_kind(target, ModelKind::Embedding))?;
        targets.iter().any(|target| is_kind(target, ModelKind::Chat)).then(|| {
            format!("{place}.targets[{number}]: makes vectors, and other targets here talk; give it a name of its own")
        })
    }

    /// No condition is for calls that its target is sure to fail, or for none at all.
    fn conditions(&self, place: &str, broken: &mut Vec<String>) {
        for (number, target) in self.model.targets.iter().enumerate() {
            let Some(condition) = target.when.as_deref().and_then(|text| Condition::compile(text).ok()) else {
                continue;
            };
            let place = format!("{place}.targets[{number}].when");
            let Some(needs) = condition.least() else {
                broken.push(format!("{place}: holds for no call; mend it, or remove the target"));
                continue;
            };
            // What a model of vectors lacks for a chat says nothing of its own calls.
            let sure =
                |row: Option<Arc<Row>>| lack(&*row?, &needs).filter(|lack| lack.is_sure() && *lack != Lack::Kind);
            // Of a route, one target that can is enough.
            let lacks: Option<Vec<Lack>> = self.rows(target).into_iter().map(sure).collect();
            let lack = lacks.and_then(|lacks| lacks.into_iter().next());
            if let Some(lack) = lack {
                broken.push(format!(
                    "{place}: is for calls that the model cannot serve: {lack}; name another model, or state its \
                     abilities in `pricing.overrides`"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::compile;
    use tg_config::load::from_text;
    use tg_config::secrets::Secrets;

    /// What is said of an entry of `models`, or else what is noted; empty where it is taken.
    fn said(models: &str) -> String {
        let text = format!(
            "providers:\n- {{ name: openai, kind: openai, api_key: 'env:K' }}\n\
             - {{ name: own, kind: openai, base_url: 'http://127.0.0.1:9/v1', api_key: 'env:K' }}\n\
             - {{ name: bedrock, kind: bedrock, region: us-east-1, api_key: 'env:K' }}\nmodels:\n{models}"
        );
        let document = from_text("test", &text).unwrap();
        let compiled = compile::snapshot(&document, &Secrets::standing_in(&document));
        let notes = |compiled: compile::Compiled| {
            compiled.notes.into_iter().filter(|note| note.starts_with("models[")).collect::<Vec<_>>().join("\n")
        };
        compiled.map_or_else(|error| format!("{error:#}"), notes)
    }

    #[test]
    fn a_promise_that_cannot_be_kept_is_refused_with_its_place_and_a_mend() {
        for (models, place, told) in [
            (
                "- { name: a, targets: [{ provider: openai, model: gpt-5-minni }] }\n",
                "targets[0].model",
                "`gpt-5-mini`",
            ),
            ("- { name: gpt-55, targets: [{ provider: openai }] }\n", "targets[0].model", "unknown_models: allow"),
            (
                "- { name: a, targets: [{ provider: bedrock, model: 'amazon.nova-light-v1:0' }] }\n",
                "targets[0].model",
                "did you mean `amazon.nova-lite-v1:0`",
            ),
            (
                "- { name: a, targets: [{ provider: openai, model: gpt-5 }], mirror: { provider: openai, \
                 model: text-embedding-3-small, share: 1% } }\n",
                "mirror.model",
                "does not talk",
            ),
            (
                "- { name: a, targets: [{ provider: openai, model: gpt-5 }], task_routing: { steps: [{ provider: openai, \
                 model: text-embedding-3-small, tasks: [chat] }] } }\n",
                "task_routing.steps[0].model",
                "does not talk",
            ),
            (
                "- { name: a, targets: [{ provider: openai, model: gpt-3.5-turbo, when: 'stream && images > 0' }] }\n",
                "targets[0].when",
                "reads no images",
            ),
            (
                "- { name: a, targets: [{ route: b, when: 'images > 0' }, { route: c, when: 'images > 0' }] }\n\
                 - { name: b, targets: [{ provider: openai, model: gpt-5 }, { provider: openai, model: gpt-3.5-turbo }] }\n\
                 - { name: c, targets: [{ provider: openai, model: gpt-3.5-turbo }] }\n",
                "targets[1].when",
                "reads no images",
            ),
            (
                "- { name: a, targets: [{ provider: openai, model: gpt-5, when: 'false' }] }\n",
                "targets[0].when",
                "no call",
            ),
        ] {
            let found = said(models);
            assert!(found.contains(&format!("models[0].{place}")) && found.contains(told), "{models}: {found}");
        }
    }

    #[test]
    fn a_name_by_which_a_route_comes_to_a_pattern_is_a_model() {
        let models = |name: &str, more: &str| {
            format!(
                "- {{ name: a, targets: [{{ route: {name} }}, {{ provider: own, model: m }}] }}\n\
                 - {{ name: 'gpt-*', targets: [{{ provider: openai }}]{more} }}\n"
            )
        };
        let found = said(&models("gpt-5-minni", ""));
        assert!(found.contains("models[0].targets[0].route") && found.contains("did you mean `gpt-5-mini`"), "{found}");
        assert_eq!(said(&models("gpt-5-mini", "")), "");
        assert_eq!(said(&models("gpt-5-minni", ", unknown_models: allow")), "");
    }

    #[test]
    fn a_route_whose_targets_do_not_do_the_same_is_noted() {
        let mixed = "- { name: a, targets: [{ provider: openai, model: gpt-5 }, { provider: openai, \
                     model: text-embedding-3-small }] }\n";
        let noted = said(mixed);
        assert!(noted.starts_with("models[0].targets[1]: makes vectors"), "{noted}");
        let inside = "- { name: a, targets: [{ provider: openai, model: gpt-5 }, { route: vectors }] }\n\
                      - { name: vectors, targets: [{ provider: openai, model: text-embedding-3-small }] }\n";
        assert_eq!(said(inside), noted);
    }

    #[test]
    fn a_model_of_bedrock_that_is_like_none_is_noted_and_taken() {
        let noted = said("- { name: a, targets: [{ provider: bedrock, model: newcomer.first-v1 }] }\n");
        assert!(noted.starts_with("models[0].targets[0].model: the catalogue knows no model"), "{noted}");
        assert!(noted.contains("nor one with a name like it"), "{noted}");
    }

    #[test]
    fn what_may_be_right_is_taken() {
        for models in [
            "- { name: a, targets: [{ provider: openai, model: gpt-5-minni }], unknown_models: allow }\n",
            "- { name: a, targets: [{ provider: own, model: whatever }] }\n",
            "- { name: 'gpt-*', targets: [{ provider: openai }] }\n",
            "- { name: a, targets: [{ provider: openai, model: 'ft:gpt-4o-mini:org::id' }] }\n",
            "- { name: a, targets: [{ provider: bedrock, model: 'eu.amazon.nova-lite-v1:0' }] }\n",
            "- { name: a, targets: [{ provider: bedrock, model: 'amazon.nova-reel-v1:1' }] }\n",
            "- { name: a, targets: [{ provider: bedrock, model: 'cohere.rerank-v3-5:0' }] }\n",
            "- { name: a, targets: [{ provider: bedrock, model: newcomer.first-v1 }], unknown_models: allow }\n",
            "- { name: a, targets: [{ provider: bedrock, model: 'arn:aws:bedrock:us-east-1:123456789012:provisioned-model/x' }] }\n",
            "- { name: a, targets: [{ provider: openai, model: gpt-3.5-turbo, when: \"images > 0 || team == 'x'\" }] }\n",
            "- { name: a, targets: [{ provider: openai, model: text-embedding-3-small }] }\n",
        ] {
            assert_eq!(said(models), "", "{models}");
        }
    }
}
