//! The usual patterns of models, for documents that state none.

use crate::document::{Model, ModelTarget, OnLoss, OnUnable, Provider, ProviderKind, Strategy, UnknownModels};
use crate::grammar::Pattern;

const ANTHROPIC: &[&str] = &["claude-*"];
const OPENAI: &[&str] =
    &["gpt-*", "chatgpt-*", "codex-*", "o1*", "o3*", "o4*", "text-embedding-*", "ft:gpt-*", "ft:o4*"];
/// Ids of Bedrock begin with a maker, after an optional geography, or are ARNs.
const BEDROCK: &[&str] = &[
    "ai21.*",
    "amazon.*",
    "anthropic.*",
    "cohere.*",
    "deepseek.*",
    "google.*",
    "luma.*",
    "meta.*",
    "minimax.*",
    "mistral.*",
    "moonshot.*",
    "moonshotai.*",
    "nvidia.*",
    "openai.*",
    "qwen.*",
    "stability.*",
    "twelvelabs.*",
    "writer.*",
    "zai.*",
    "us.*",
    "us-gov.*",
    "eu.*",
    "apac.*",
    "au.*",
    "ca.*",
    "jp.*",
    "global.*",
    "arn:aws*",
];
const OPENAI_COMPATIBLE: &[&str] = &["*"];

/// Each kind's patterns, in the order in which they are tried.
pub(crate) const USUAL: [(ProviderKind, &[&str]); 4] = [
    (ProviderKind::Anthropic, ANTHROPIC),
    (ProviderKind::Openai, OPENAI),
    (ProviderKind::Bedrock, BEDROCK),
    (ProviderKind::OpenaiCompatible, OPENAI_COMPATIBLE),
];

/// For each kind, the patterns of the models that it serves, sent to the first provider of that kind under the name that
/// the caller wrote. `*` comes last, and only with an `openai_compatible` provider.
#[must_use]
pub fn usual_models(providers: &[Provider]) -> Vec<Model> {
    USUAL
        .into_iter()
        .filter_map(|(kind, patterns)| Some((providers.iter().find(|p| p.kind == kind)?, patterns)))
        .flat_map(|(provider, patterns)| {
            patterns.iter().filter_map(|p| p.parse::<Pattern>().ok()).map(|name| Model {
                name,
                targets: vec![ModelTarget::new(provider.name.clone(), None)],
                alias_of: None,
                strategy: Strategy::default(),
                on_unable: OnUnable::default(),
                on_loss: OnLoss::default(),
                unknown_price: None,
                unknown_models: UnknownModels::default(),
                mirror: None,
                hedge: None,
                slow: None,
                task_routing: None,
            })
        })
        .collect()
}
