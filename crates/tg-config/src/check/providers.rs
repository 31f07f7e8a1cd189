//! Providers: what each kind requires and what it has no use for.

use super::{Findings, aws, bedrock_guardrail, egress, headers, surfaces};
use crate::document::{Document, InferenceProfile, Provider, ProviderKind, Quirks};
use crate::grammar::Name;
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
            ProviderKind::Bedrock => {
                aws::check(provider, &path, found);
                inference_profiles(provider, &path, found);
                surfaces::check(provider, &path, found);
                bedrock_guardrail::check(provider, &path, found);
            }
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
        if let Some(url) = &provider.control_url {
            egress::check(provider, url, &path.member("control_url"), found);
        }
        if let Some(url) = &provider.mantle_url {
            egress::check(provider, url, &path.member("mantle_url"), found);
        }
        headers::check(&provider.headers, &path.member("headers"), found);
    }
}

/// The provider that a member `provider` of this path names is there.
pub(super) fn is_there(document: &Document, name: &Name, path: &Path, found: &mut Findings) {
    if document.provider(name.as_str()).is_none() {
        let hint = propose(name.as_str(), document.providers.iter().map(|p| p.name.as_str()));
        let problem = Problem::new(path.member("provider"), format!("there is no provider `{name}`"), hint);
        found.add_resting_on(vec![Path::root().member("providers")], problem);
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
        ("request_metadata", provider.request_metadata.is_some(), ProviderKind::Bedrock),
        ("inference_profiles", !provider.inference_profiles.is_empty(), ProviderKind::Bedrock),
        ("async_output", !provider.async_output.is_empty(), ProviderKind::Bedrock),
        ("control_url", provider.control_url.is_some(), ProviderKind::Bedrock),
        ("guardrail", provider.guardrail.is_some(), ProviderKind::Bedrock),
        ("surfaces", !provider.surfaces.is_empty(), ProviderKind::Bedrock),
        ("mantle_url", provider.mantle_url.is_some(), ProviderKind::Bedrock),
        ("mantle_projects", !provider.mantle_projects.is_empty(), ProviderKind::Bedrock),
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

fn inference_profiles(provider: &Provider, path: &Path, found: &mut Findings) {
    let list = path.member("inference_profiles");
    let entries = &provider.inference_profiles;
    for (number, entry) in entries.iter().enumerate() {
        let path = list.element(number);
        let same = |other: &InferenceProfile| {
            (&other.model, &other.team, &other.project) == (&entry.model, &entry.team, &entry.project)
        };
        if entries.iter().take(number).any(same) {
            found.add(path.clone(), "is for the same calls as an earlier entry", "remove one of the two");
        }
        match &entry.arn {
            None if !entry.model.is_exact() => {
                found.add(path.member("model"), "is a pattern, and there is no `arn`", "name one model, or add `arn`");
            }
            Some(arn) if !is_profile(arn, provider.region.as_deref()) => {
                let message = "is not the ARN of an application inference profile in the provider's region";
                let hint = "write it as in `arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc`";
                found.add_resting_on(vec![path.member("region")], Problem::new(path.member("arn"), message, hint));
            }
            _ => {}
        }
    }
}

fn is_profile(arn: &str, region: Option<&str>) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "bedrock", place, account, resource] = parts[..] else { return false };
    let id = resource.strip_prefix("application-inference-profile/").unwrap_or_default();
    partition.starts_with("aws")
        && region.is_none_or(|region| region == place)
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && !id.is_empty()
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-:.".contains(&b))
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
