//! A proof of the own IAM identity, for a gateway: a presigned `GetCallerIdentity`, as `tallygate aws token` prints it.

use super::fetch::{Chain, http_client};
use super::slot::Fetch as _;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4::SigningParams;
use std::error::Error;
use std::time::Duration;
use tg_kernel::clock::Timestamp;
use tg_kernel::secret::Secret;

/// For how long STS honours a presigned request.
const LIVES_FOR: Duration = Duration::from_secs(15 * 60);

/// For which gateway a proof is made, and by whom.
#[derive(Clone, Debug)]
pub struct OwnToken<'a> {
    /// The gateway's name: its `identity.aws.caller_identity.server_id`.
    pub server_id: &'a str,
    /// The region whose STS shall be asked.
    pub region: &'a str,
    /// Where that STS is: scheme, host and port.
    pub sts: &'a str,
    /// A profile, in the place of `AWS_PROFILE`.
    pub profile: Option<&'a str>,
}

/// Why there is no proof. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The AWS SDKs find no credentials on this machine.
    #[error("there are no AWS credentials to sign with: {0}")]
    NoCredentials(String),
    /// What was given cannot be part of a request.
    #[error("the request cannot be signed: {0}")]
    Unsignable(#[source] Box<dyn Error + Send + Sync>),
}

impl OwnToken<'_> {
    /// The presigned URL, made with the credentials that the AWS SDKs find on this machine. It is a secret while it lives.
    ///
    /// # Errors
    /// When there are no credentials, or the server id is no value of a header.
    pub async fn presigned(&self, now: Timestamp) -> Result<Secret, TokenError> {
        let chain = Chain {
            profile: self.profile.map(str::to_owned),
            region: self.region.into(),
            fips: false,
            http: http_client(),
        };
        let found = chain.fetch().await.map_err(|reason| TokenError::NoCredentials(reason.to_string()))?;
        self.sign(&found, now).map_err(TokenError::Unsignable)
    }

    fn sign(&self, credentials: &Credentials, now: Timestamp) -> Result<Secret, Box<dyn Error + Send + Sync>> {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Double;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Enabled;
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(LIVES_FOR);
        let identity = credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name("sts")
            .time(now.system_time())
            .settings(settings)
            .build()?
            .into();
        let url = format!("{}/?Action=GetCallerIdentity&Version=2011-06-15", self.sts.trim_end_matches('/'));
        let headers = [("x-tallygate-server-id", self.server_id)];
        let request = SignableRequest::new("GET", &url, headers.into_iter(), SignableBody::Bytes(&[]))?;
        let (instructions, _signature) = sign(request, &params)?.into_parts();
        let (_headers, query) = instructions.into_parts();
        let encoded = |text: &str| crate::providers::base::segment(text);
        let query: String = query.iter().map(|(name, value)| format!("&{name}={}", encoded(value))).collect();
        Ok(Secret::new(url + &query))
    }
}
