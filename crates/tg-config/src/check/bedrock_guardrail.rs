//! Guardrails of Amazon Bedrock: names that AWS would refuse, and calls that could not be made with one.

use super::Findings;
use crate::document::{BedrockGuardrail, Endpoint, Provider, SurfaceDialect};
use crate::problem::{Path, Problem};

/// Checks the names of a guardrail that stands at `path`.
pub(super) fn names(guardrail: &BedrockGuardrail, path: &Path, found: &mut Findings) {
    if !guardrail.has_an_id() {
        let hint = "write it as AWS shows it, as in `abc123def456`, or as its ARN";
        found.add(path.member("id"), "is not the id or ARN of a guardrail", hint);
    }
    if !guardrail.has_a_version() {
        found.add(
            path.member("version"),
            "is not the version of a guardrail",
            "write a number as text, as in `'1'`, or `DRAFT`",
        );
    }
}

/// Checks the guardrail of a provider's calls: what else it is configured for must not go around it.
pub(super) fn check(provider: &Provider, path: &Path, found: &mut Findings) {
    let Some(guardrail) = &provider.guardrail else { return };
    let place = path.member("guardrail");
    names(guardrail, &place, found);
    let hint = "leave one of the two out, or declare another provider without a guardrail for these calls";
    if !provider.async_output.is_empty() {
        let message = "asynchronous invocations (`async_output`) cannot be made with a guardrail";
        found.add_resting_on(vec![path.member("async_output")], Problem::new(place.clone(), message, hint));
    }
    let list = path.member("surfaces");
    for (number, surface) in provider.surfaces.iter().enumerate() {
        let only_chat = surface.dialects.iter().all(|dialect| *dialect == SurfaceDialect::OpenaiChat);
        if surface.endpoint == Endpoint::Mantle || !only_chat {
            let surface = list.element(number);
            let message = format!(
                "calls by {surface} cannot be made with a guardrail: of Bedrock's compatible APIs only `openai_chat` at the \
                 runtime endpoint takes one"
            );
            found.add_resting_on(vec![surface], Problem::new(place.clone(), message, hint));
        }
    }
}
