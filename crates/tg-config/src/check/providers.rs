//! Providers: what each kind requires and what it has no use for.

use super::{Findings, egress, headers};
use crate::document::{Document, Provider, ProviderKind, Quirks};
use crate::nearest::propose;
use crate::presets::{PRESETS, preset};
use crate::problem::{Path, Problem};

pub(super) fn check(document: &Document, found: &mut Findings) {
    let list = Path::root().member("providers");
    if document.providers.is_empty() {
        let hint = "add one, as in `providers: [{name: anthropic, kind: anthropic, api_key: env:ANTHROPIC_API_KEY}]`";
        found.add_resting_on(vec![list.clone()], Problem::new(list.clone(), "there is no provider", hint));
    }
    let names = document.providers.iter().enumerate();
    found.add_repeated(names.map(|(number, p)| (list.element(number).member("name"), p.name.as_str())));
    for (number, provider) in document.providers.iter().enumerate() {
        let path = list.element(number);
        surplus(provider, &path, found);
        match provider.kind {
            ProviderKind::Bedrock => bedrock(provider, &path, found),
            ProviderKind::OpenaiCompatible => compatible(provider, &path, found),
            ProviderKind::Anthropic | ProviderKind::Openai => {
                if provider.api_key.is_none() {
                    key_missing(&path, found);
                }
            }
        }
        if let Some(url) = provider.effective_base_url() {
            egress::check(provider, &url, &path, found);
        }
        headers::check(&provider.headers, &path.member("headers"), found);
    }
}

fn key_missing(path: &Path, found: &mut Findings) {
    found.add(path.member("api_key"), "is missing", "add a reference, as in `api_key: env:NAME`");
}

/// Members of another kind would do nothing, and their writer expects otherwise.
fn surplus(provider: &Provider, path: &Path, found: &mut Findings) {
    let stated = [
        ("region", provider.region.is_some(), ProviderKind::Bedrock),
        ("credentials", provider.credentials.is_some(), ProviderKind::Bedrock),
        ("preset", provider.preset.is_some(), ProviderKind::OpenaiCompatible),
        ("quirks", provider.quirks != Quirks::default(), ProviderKind::OpenaiCompatible),
    ];
    for (member, stated, kind) in stated {
        if stated && provider.kind != kind {
            let message = format!("has no meaning for the kind `{}`", provider.kind.as_str());
            let hint = format!("remove it, or write `kind: {}`", kind.as_str());
            found.add_resting_on(vec![path.member("kind")], Problem::new(path.member(member), message, hint));
        }
    }
}

fn bedrock(provider: &Provider, path: &Path, found: &mut Findings) {
    match &provider.region {
        None => found.add(path.member("region"), "is missing", "add it, as in `region: us-east-1`"),
        Some(region) if !is_region(region) => {
            found.add(path.member("region"), "is not a region of AWS", "write it as in `us-east-1`");
        }
        Some(_) => {}
    }
    match (&provider.api_key, &provider.credentials) {
        (None, None) => found.add_resting_on(
            vec![path.member("api_key")],
            Problem::new(
                path.member("credentials"),
                "is missing, and so is `api_key`",
                "add `credentials: {access_key_id: env:AWS_ACCESS_KEY_ID, secret_access_key: env:AWS_SECRET_ACCESS_KEY}`",
            ),
        ),
        (Some(_), Some(_)) => {
            found.add(path.member("api_key"), "stands beside `credentials`", "keep one of the two");
        }
        _ => {}
    }
}

// The region becomes part of a host name.
fn is_region(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    let (letters, number) = parts.split_at(parts.len().saturating_sub(1));
    region.len() <= 32
        && letters.len() >= 2
        && letters.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()))
        && number.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn compatible(provider: &Provider, path: &Path, found: &mut Findings) {
    let known = provider.preset.as_deref().map(|name| (name, preset(name)));
    if let Some((name, None)) = known {
        let hint = propose(name, PRESETS.iter().map(|p| p.name));
        found.add(path.member("preset"), "is not a known preset", hint);
        return;
    }
    if provider.effective_base_url().is_none() {
        let hint = "add it with its version path, as in `base_url: http://127.0.0.1:9000/v1`";
        found.add_resting_on(vec![path.member("preset")], Problem::new(path.member("base_url"), "is missing", hint));
    }
    // A server of one's own at the preset's protocol may have no keys.
    if known.is_some_and(|(_, p)| p.is_some_and(|p| p.key_required)) && provider.api_key.is_none() {
        key_missing(path, found);
    }
}
