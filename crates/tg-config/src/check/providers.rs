//! Providers: what each kind requires and what it has no use for.

use super::{Findings, aws, egress, headers};
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
            ProviderKind::Bedrock => aws::check(provider, &path, found),
            ProviderKind::OpenaiCompatible => compatible(provider, &path, found),
            ProviderKind::Anthropic | ProviderKind::Openai => {
                if provider.api_key.is_none() {
                    key_missing(&path, found);
                }
            }
        }
        if let Some(url) = provider.effective_base_url() {
            egress::check(provider, &url, &path.member("base_url"), found);
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
        ("assume_role", provider.assume_role.is_some(), ProviderKind::Bedrock),
        ("fips", provider.fips, ProviderKind::Bedrock),
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
