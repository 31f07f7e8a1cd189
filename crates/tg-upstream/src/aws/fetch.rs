//! The two places where credentials come from: the AWS SDK's chain on this machine, and STS.

use super::slot::{Fetch, Fetched, Reason, Slot};
use super::{Role, Settings};
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_sdk_sts::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sts::operation::assume_role::{AssumeRoleError, AssumeRoleOutput};
use aws_sdk_sts::types::Tag;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::runtime::Handle;

/// Most characters of a reason.
const REASON_CHARS_MAX: usize = 400;

/// How the AWS SDK reaches STS and the places on this machine. Trusts whom the machine trusts.
pub(super) fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// The AWS SDK's own search: environment, profiles, web identity, containers, instance metadata. Each fetch searches
/// anew, so that changed files are seen.
pub(super) struct Chain {
    pub(super) profile: Option<String>,
    pub(super) region: Arc<str>,
    pub(super) fips: bool,
    pub(super) http: SharedHttpClient,
}

impl Fetch for Chain {
    fn fetch(&self) -> Pin<Box<dyn Future<Output = Fetched> + Send + '_>> {
        Box::pin(async {
            let region = Region::new(self.region.to_string());
            let places = ProviderConfig::without_region()
                .with_region(Some(region.clone()))
                .with_behavior_version(Some(BehaviorVersion::latest()))
                .with_use_fips(self.fips.then_some(true))
                .with_http_client(self.http.clone());
            let mut chain = DefaultCredentialsChain::builder().configure(places).region(region);
            if let Some(profile) = &self.profile {
                chain = chain.profile_name(profile);
            }
            let chain = chain.build().await;
            chain.provide_credentials().await.map_err(|error| not_found(&error))
        })
    }

    fn what(&self) -> &str {
        "the default credential chain"
    }
}

/// What the search says of its failure. Other programs' words are left out: they may hold what they should not show.
fn not_found(error: &CredentialsError) -> Reason {
    let words = words(error);
    if words.iter().any(|text| text.contains("external process")) {
        return "the program named by the profile's `credential_process` failed".into();
    }
    shortened(&words.join(": "))
}

/// What an error and those beneath it say.
fn words(error: &(dyn Error + 'static)) -> Vec<String> {
    let all = std::iter::successors(Some(error), |error: &&'_ (dyn Error + 'static)| (**error).source());
    all.map(ToString::to_string).collect()
}

fn shortened(text: &str) -> Reason {
    text.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect::<String>().into()
}

/// Whose credentials assume a role.
#[derive(Clone)]
pub(super) enum Base {
    Keys(Credentials),
    Slot(Arc<Slot>),
}

/// A session of a role.
pub(super) struct Session {
    pub(super) base: Base,
    pub(super) role: Role,
    pub(super) settings: Settings,
    pub(super) name: Arc<str>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) http: SharedHttpClient,
}

impl Session {
    async fn assume(&self) -> Fetched {
        let base = match &self.base {
            Base::Keys(keys) => keys.clone(),
            Base::Slot(slot) => slot.credentials(&Handle::current()).await?,
        };
        let mut config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.settings.region.to_string()))
            // A stated address is the whole of the matter: the SDK refuses both.
            .use_fips(self.settings.fips && self.role.sts_url.is_none())
            .credentials_provider(base)
            .http_client(self.http.clone());
        config.set_endpoint_url(self.role.sts_url.clone());
        let tags = self.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
        let tags = tags.collect::<Result<Vec<_>, _>>().map_err(|error| shortened(&error.to_string()))?;
        let seconds = i32::try_from(self.role.duration.as_secs()).unwrap_or(i32::MAX);
        let answer = aws_sdk_sts::Client::from_conf(config.build())
            .assume_role()
            .role_arn(&self.role.arn)
            .role_session_name(&*self.name)
            .duration_seconds(seconds)
            .set_external_id(self.role.external_id.clone())
            .set_tags(Some(tags))
            .send()
            .await;
        answer.map_err(|error| refused(&error)).and_then(|answer| credentials(&answer))
    }
}

impl Fetch for Session {
    fn fetch(&self) -> Pin<Box<dyn Future<Output = Fetched> + Send + '_>> {
        Box::pin(self.assume())
    }

    fn what(&self) -> &str {
        &self.name
    }
}

fn credentials(answer: &AssumeRoleOutput) -> Fetched {
    let found = answer.credentials().ok_or_else(|| Reason::from("STS answered without credentials"))?;
    let end = SystemTime::try_from(*found.expiration()).map_err(|_| Reason::from("STS answered without an end"))?;
    Ok(Credentials::new(
        found.access_key_id(),
        found.secret_access_key(),
        Some(found.session_token().to_owned()),
        Some(end),
        "sts",
    ))
}

/// What STS says. Of a refusal for lack of permission all of it; else its code alone, as the words for a wrong signature
/// repeat the session's token.
fn refused<R: fmt::Debug + 'static>(error: &SdkError<AssumeRoleError, R>) -> Reason {
    match error.as_service_error().map(|refusal| (refusal.code(), refusal.message())) {
        Some((Some("AccessDenied"), Some(message))) => shortened(&format!("STS answered AccessDenied: {message}")),
        Some((code, _)) => shortened(&format!("STS answered {}", code.unwrap_or("an error without a code"))),
        None => shortened(&format!("STS: {}", words(error).join(": "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sts::error::ErrorMetadata;

    fn answered(code: &str, message: &str) -> String {
        let said = ErrorMetadata::builder().code(code).message(message).build();
        refused(&SdkError::service_error(AssumeRoleError::generic(said), ())).to_string()
    }

    #[test]
    fn of_a_refusal_what_may_hold_a_token_is_left_out() {
        let canonical = "The Canonical String for this request should have been 'x-amz-security-token:hunter2'";
        assert_eq!(answered("SignatureDoesNotMatch", canonical), "STS answered SignatureDoesNotMatch");
        let denied = "User: arn:aws:iam::1:user/x is not authorized to perform: sts:TagSession on resource: y";
        assert_eq!(answered("AccessDenied", denied), format!("STS answered AccessDenied: {denied}"));
        assert!(answered("AccessDenied", &"x".repeat(9000)).len() <= REASON_CHARS_MAX);
    }

    #[test]
    fn of_a_failed_search_other_programs_words_are_left_out() {
        let program = CredentialsError::provider_error("Error retrieving credentials: external process: hunter2");
        assert!(!not_found(&program).contains("hunter2"));
        let nothing = not_found(&CredentialsError::not_loaded("no providers in chain provided credentials"));
        assert!(nothing.contains("no providers in chain"), "{nothing}");
    }
}
