//! The first key: made where a store has none, so that a new gateway can be tried at once.

use crate::gateway::Gateway;
use crate::paste::{Reach, word};
use crate::source::Loaded;
use anyhow::Result;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};
use tg_catalog::ModelKind;
use tg_config::document::{Provider, ProviderKind};
use tg_kernel::clock::Timestamp;
use tg_store::directory::Grant;
use tg_store::key::NewKey;
use tg_store::team::{TeamPolicy, TeamState};

/// The team of the first key, where the configuration declares none.
const TEAM: &str = "default";

/// What stands for a model where none is known by name.
const NAMELESS: &str = "YOUR-MODEL";

/// Makes a key if there is none and no team is declared by the file; answers what to paste. `None` if there are keys.
/// A team that somebody switched off stays off: then it answers how to get to a key.
///
/// # Errors
/// When the store cannot be written.
pub fn issue(gateway: &Gateway, loaded: &Loaded, reach: &Reach) -> Result<Option<String>> {
    let directory = &gateway.living.directory;
    let now = gateway.living.clock.now();
    if !directory.keys().is_empty() || !loaded.teams.is_empty() {
        return Ok(None);
    }
    match directory.team(TEAM).map(|team| team.state) {
        None => drop(directory.create_team(TEAM, TeamPolicy::default(), now)?),
        Some(TeamState::Active) => {}
        Some(state) => return Ok(Some(no_key(state, gateway.store.place()))),
    }
    let new = NewKey { team: TEAM.to_owned(), label: "first key".to_owned(), ..NewKey::default() };
    let issued = directory.issue(&new, now)?;
    let grant = directory.find(issued.secret.expose(), IpAddr::V4(Ipv4Addr::LOCALHOST), now)?;
    let (kind, model) = model(loaded, &grant, now);
    let hint = if model == NAMELESS { format!(", with a model of yours for {NAMELESS}") } else { String::new() };
    Ok(Some(format!(
        "The first key, shown this once (team '{TEAM}'):\n\n  export TALLYGATE_KEY={}\n\nTry it{hint}:\n\n{}\n",
        issued.secret.expose(),
        curl(reach, kind, &model)
    )))
}

/// What to do where the team of the first key is switched off.
fn no_key(state: TeamState, store: &str) -> String {
    let verb = if state == TeamState::Undeclared { "adopt" } else { "enable" };
    let (state, store) = (state.as_str(), word(store));
    format!(
        "There is no key yet, and team '{TEAM}', which would own the first, is {state}. To make one:\n\n  \
         tallygate teams {verb} {TEAM} --store {store}\n  tallygate keys create --team {TEAM} --store {store}\n"
    )
}

/// A model that the key reaches, and whose words to ask it in: a vendor's small one, else one that a route names.
fn model(loaded: &Loaded, grant: &Grant, now: Timestamp) -> (ProviderKind, String) {
    let (routes, principal, policy) = (&loaded.snapshot.routes, &grant.principal, &grant.team.policy);
    let usual = loaded.document.providers.iter().filter_map(usual);
    let mut usual = usual.filter(|(_, model)| routes.serves(model, principal, policy));
    let mut named = routes.names(principal, policy).into_iter().filter(|model| chats(model, loaded, grant, now));
    usual
        .next()
        .or_else(|| Some((ProviderKind::OpenaiCompatible, named.next()?.to_owned())))
        .unwrap_or_else(|| (ProviderKind::OpenaiCompatible, NAMELESS.to_owned()))
}

/// A small model that the vendor is known to have.
fn usual(provider: &Provider) -> Option<(ProviderKind, String)> {
    let model = match provider.kind {
        ProviderKind::Anthropic => "claude-haiku-4-5".to_owned(),
        ProviderKind::Openai => "gpt-5-mini".to_owned(),
        ProviderKind::Bedrock => {
            format!("{}.anthropic.claude-haiku-4-5-20251001-v1:0", geography(provider.region.as_deref()?))
        }
        ProviderKind::OpenaiCompatible => return None,
    };
    Some((provider.kind, model))
}

/// The inference profile that a region has.
fn geography(region: &str) -> &'static str {
    let begins = |geography: &&&str| region.strip_prefix(**geography).is_some_and(|rest| rest.starts_with('-'));
    ["us-gov", "us", "eu"].iter().find(begins).unwrap_or(&"global")
}

/// Whether a named model holds conversations, as far as the catalogue knows it.
fn chats(model: &str, loaded: &Loaded, grant: &Grant, now: Timestamp) -> bool {
    let snapshot = &loaded.snapshot;
    let Ok(plan) = snapshot.routes.choose(model, &grant.principal, &grant.team.policy) else { return false };
    let row = plan.targets.first().and_then(|target| {
        snapshot.upstreams.get(&target.provider)?.price.find(&snapshot.catalogue, &target.model, now)
    });
    row.is_none_or(|row| row.kind() == ModelKind::Chat)
}

/// A call for the model, in the words of the vendor.
fn curl(reach: &Reach, kind: ProviderKind, model: &str) -> String {
    const SAY: &str = "Say hello in five words.";
    let bearer = "\"authorization: Bearer $TALLYGATE_KEY\"";
    let (path, headers, body) = match kind {
        ProviderKind::Bedrock => (
            format!("/model/{model}/converse"),
            bearer.to_owned(),
            json!({"messages": [{"role": "user", "content": [{"text": SAY}]}]}),
        ),
        ProviderKind::Anthropic => (
            "/v1/messages".to_owned(),
            "\"x-api-key: $TALLYGATE_KEY\" -H 'anthropic-version: 2023-06-01'".to_owned(),
            json!({"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": SAY}]}),
        ),
        ProviderKind::Openai | ProviderKind::OpenaiCompatible => (
            "/v1/chat/completions".to_owned(),
            bearer.to_owned(),
            json!({"model": model, "messages": [{"role": "user", "content": SAY}]}),
        ),
    };
    let (base, options, body) = (&reach.base, reach.curl_options(), word(&body.to_string()));
    format!("  curl{options} {base}{path} \\\n    -H {headers} \\\n    -d {body}")
}

#[cfg(test)]
mod tests {
    use super::geography;

    #[test]
    fn a_region_has_a_profile() {
        for (region, profile) in [
            ("us-east-1", "us"),
            ("us-gov-west-1", "us-gov"),
            ("eu-central-1", "eu"),
            ("ap-southeast-2", "global"),
            ("ca-central-1", "global"),
        ] {
            assert_eq!(geography(region), profile);
        }
    }
}
