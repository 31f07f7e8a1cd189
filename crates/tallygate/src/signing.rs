//! From the declared AWS identity of a provider to the one that signs its calls.

use anyhow::{Context as _, Result};
use tg_config::document::{AssumeRole, Credentials, KeyCredentials, Provider, ProviderKind, SessionPer};
use tg_config::secrets::Secrets;
use tg_upstream::aws::{Identity, Per, Role, Settings, Source};

/// The identity with which calls of a provider are signed; none where its kind needs none. Fetches nothing.
///
/// # Errors
/// When a secret is missing.
pub(crate) fn identity(declared: &Provider, secrets: &Secrets) -> Result<Option<Identity>> {
    if declared.kind != ProviderKind::Bedrock {
        return Ok(None);
    }
    Ok(Some(Identity::new(Settings {
        source: source(declared, secrets)?,
        region: declared.region.as_deref().context("it needs a region")?.into(),
        fips: declared.fips,
        role: declared.assume_role.as_ref().map(role),
    })))
}

fn source(declared: &Provider, secrets: &Secrets) -> Result<Source> {
    if let Some(key) = &declared.api_key {
        return Ok(Source::ApiKey(secrets.get(key).context("the api_key is missing")?.clone()));
    }
    match &declared.credentials {
        None | Some(Credentials::Chain(_)) => Ok(Source::Chain { profile: None }),
        Some(Credentials::Profile(stated)) => Ok(Source::Chain { profile: Some(stated.profile.clone()) }),
        Some(Credentials::Keys(keys)) => stated(keys, secrets),
    }
}

fn stated(keys: &KeyCredentials, secrets: &Secrets) -> Result<Source> {
    let secret = |reference| secrets.get(reference).context("a credential is missing");
    let token = keys.session_token.as_ref().map(secret).transpose()?;
    Ok(Source::keys(secret(&keys.access_key_id)?, secret(&keys.secret_access_key)?, token))
}

fn role(declared: &AssumeRole) -> Role {
    Role {
        arn: declared.role_arn.clone(),
        per: match declared.per {
            SessionPer::Team => Per::Team,
            SessionPer::Project => Per::Project,
            SessionPer::Key => Per::Key,
        },
        external_id: declared.external_id.clone(),
        duration: declared.duration.get(),
        tags: declared.tags.clone(),
        sessions_max: usize::try_from(declared.sessions_max).unwrap_or(usize::MAX),
        sts_url: declared.sts_url.as_ref().map(|url| url.as_str().to_owned()),
    }
}
