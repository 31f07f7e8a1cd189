//! Proofs of an IAM identity as the real tools make them, and the gateway to which they are presented.

use crate::speak::{Manner, ask};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tg_kernel::dialect::Dialect;
use tg_sim::{AwsKey, TokenAlgorithm};

pub(crate) const SERVER_ID: &str = "tallygate.example";
pub(crate) const AUDIENCE: &str = "https://tallygate.example";
pub(crate) const GHOST: &str = "{ arn: 'arn:aws:iam::123456789012:role/ghost', team: ghost }";
pub(crate) const SEARCH: &str = "arn:aws:iam::123456789012:role/search-batch";
pub(crate) const ROLES: &str = "\
    { arn: 'arn:aws:iam::123456789012:role/search-*', team: red, project: alpha, environment: prod }, \
    { arn: 'arn:aws:iam::123456789012:role/narrow', team: red, models: [on-openai] }, \
    { arn: 'arn:aws:iam::123456789012:role/shop', team: shop }, \
    { arn: 'arn:aws:iam::123456789012:role/shop-eu', team: shop, project: eu }, \
    { arn: 'arn:aws:iam::123456789012:user/alice', team: red }";

/// All but what RFC 3986 leaves as it is.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(crate) const WEB: &str = "web_identity: { audience: 'https://tallygate.example', issuers: ['OIDC_URL'] }";
pub(crate) const CALLS: &str = "caller_identity: { server_id: tallygate.example, sts_url: 'STS_URL' }";

pub(crate) fn identity(roles: &str) -> String {
    format!("{{ aws: {{ roles: [{roles}], {WEB}, {CALLS} }} }}")
}

pub(crate) fn setup() -> Setup {
    Setup { identity: identity(ROLES), ..Setup::default() }
}

pub(crate) fn world() -> World {
    World::with(setup())
}

/// A session of a role, by STS's account.
pub(crate) fn session(world: &World, role: &str) -> AwsKey {
    world.sim.sts.key_of(&format!("arn:aws:sts::123456789012:assumed-role/{role}/me@example.com"))
}

/// How a request is presigned, and for whom.
pub(crate) struct Presign<'a> {
    pub(crate) key: &'a AwsKey,
    pub(crate) server_id: &'a str,
    pub(crate) action: &'a str,
    pub(crate) at: SystemTime,
    pub(crate) lives: Duration,
}

impl<'a> Presign<'a> {
    pub(crate) fn by(key: &'a AwsKey) -> Self {
        let lives = Duration::from_secs(900);
        Self { key, server_id: SERVER_ID, action: "GetCallerIdentity", at: now(), lives }
    }

    pub(crate) fn url(&self, sts: &str) -> String {
        let AwsKey { access_key_id, secret_access_key, session_token } = self.key.clone();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Double;
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(self.lives);
        let identity = Credentials::from_keys(access_key_id, secret_access_key, session_token).into();
        let params = SigningParams::builder().identity(&identity).region("us-east-1").name("sts");
        let params = params.time(self.at).settings(settings).build().unwrap().into();
        let url = format!("{sts}/?Action={}&Version=2011-06-15", self.action);
        let headers = [("x-tallygate-server-id", self.server_id)];
        let request = SignableRequest::new("GET", &url, headers.into_iter(), SignableBody::Bytes(b"")).unwrap();
        let (_, query) = sign(request, &params).unwrap().into_parts().0.into_parts();
        let encoded = |value: &str| utf8_percent_encode(value, RESERVED).to_string();
        query.iter().fold(url, |url, (name, value)| format!("{url}&{name}={}", encoded(value)))
    }

    pub(crate) fn proof(&self, world: &World) -> String {
        proof_of(&self.url(&world.sim.urls.sts))
    }
}

pub(crate) fn proof_of(url: &str) -> String {
    format!("tg-aws-v1.{}", URL_SAFE_NO_PAD.encode(url))
}

pub(crate) fn proof(world: &World, key: &AwsKey) -> String {
    Presign::by(key).proof(world)
}

#[expect(clippy::disallowed_methods, reason = "a client has a clock of its own")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

pub(crate) fn seconds() -> u64 {
    now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn claims(role: &str) -> Value {
    let second = seconds();
    json!({
        "aud": AUDIENCE, "sub": format!("arn:aws:iam::123456789012:role/teams/{role}"),
        "iat": second, "exp": second + 300, "jti": format!("{role}-{second}"),
        "https://sts.amazonaws.com/": {"aws_account": "123456789012", "org_id": "o-1"},
    })
}

pub(crate) fn token(world: &World, algorithm: TokenAlgorithm, role: &str) -> String {
    world.sim.oidc.mint(algorithm, &claims(role))
}

pub(crate) fn chat(model: &str) -> Call {
    ask(Dialect::OpenaiChat, Manner::Plain, model, "hi")
}

pub(crate) fn call(world: &World, presented: &str) -> Answer {
    chat("on-openai").bearer(presented).send(world.address)
}

/// The code of a refusal, or nothing.
pub(crate) fn code(answer: &Answer) -> String {
    answer.header("x-tallygate-error-code").to_owned()
}
