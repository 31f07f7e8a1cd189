//! A running gateway's admin interface, called over HTTP.

use anyhow::{Context as _, Result, anyhow, bail};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tg_admin::ErrorBody;
use tg_config::grammar::BaseUrl;
use tg_kernel::secret::Secret;
use tg_net::body::BodyLimits;
use tg_net::client::{Client, ClientOptions};
use tg_net::egress::EgressPolicy;
use tg_net::resolve::Resolver;
use tg_net::tls::TrustedRoots;
use tokio::runtime::Runtime;

/// A report over a large ledger takes its time.
const ANSWER_MAX: Duration = Duration::from_secs(300);
/// The largest report has 100 000 rows.
const ANSWER_LIMITS: BodyLimits =
    BodyLimits { bytes_max: 256 << 20, idle_timeout: Duration::from_secs(60), whole_timeout: None };

/// A way to one gateway.
pub(in crate::commands) struct Remote {
    base: BaseUrl,
    token: Option<Secret>,
    client: Client,
    runtime: Runtime,
}

/// A text as one segment of a path or one value of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl Remote {
    pub(super) fn new(admin: &str, token: Option<Secret>) -> Result<Self> {
        let base: BaseUrl = admin.parse().map_err(|refused| anyhow!("--admin: {refused}"))?;
        if token.is_some() && !base.is_https() && !base.host().is_loopback() {
            bail!(
                "--admin: the token would travel to {} in the clear; give the admin listener a certificate \
                 (admin.tls) and write https://, or tunnel it to this machine",
                base.as_str()
            );
        }
        let roots = if base.is_https() { crate::process::roots()? } else { TrustedRoots::none() };
        let options = ClientOptions { egress: EgressPolicy::LOCAL, ..ClientOptions::default() };
        let client = Client::new(&options, &roots, &Resolver::new())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { base, token, client, runtime })
    }

    pub(in crate::commands) fn get<T: DeserializeOwned>(&self, path: &[&str], query: &str) -> Result<T> {
        self.ask(Method::GET, &self.address(path, query), Vec::new())
    }

    pub(super) fn post<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T> {
        self.ask(Method::POST, &self.address(path, ""), serde_json::to_vec(body)?)
    }

    pub(super) fn put<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T> {
        self.ask(Method::PUT, &self.address(path, ""), serde_json::to_vec(body)?)
    }

    fn address(&self, path: &[&str], query: &str) -> String {
        let mut address = format!("{}/admin/v1", self.base.as_str());
        for segment in path {
            address.push('/');
            address.push_str(&encoded(segment));
        }
        if !query.is_empty() {
            address.push('?');
            address.push_str(query);
        }
        address
    }

    fn ask<T: DeserializeOwned>(&self, method: Method, address: &str, body: Vec<u8>) -> Result<T> {
        let mut request = Request::builder().method(method).uri(address).header(CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
            let mut value = value.map_err(|_| anyhow!("the token holds characters that no header may have"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(bytes::Bytes::from(body).into())?;
        let (status, bytes) = self
            .runtime
            .block_on(async {
                let sent = tokio::time::timeout(ANSWER_MAX, self.client.send(request)).await;
                let response = sent.context("no answer within five minutes")?.map_err(|error| {
                    anyhow!("it cannot be reached ({error}); is it running, and is this its admin.address?")
                })?;
                let status = response.status();
                Ok::<_, anyhow::Error>((status, tg_net::body::read(response.into_body(), ANSWER_LIMITS).await?))
            })
            .with_context(|| format!("the gateway at {}", self.base.as_str()))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).with_context(|| {
                format!("the gateway at {} answers what this version cannot read", self.base.as_str())
            });
        }
        Err(refusal(status, &bytes, self.base.as_str()))
    }
}

/// The gateway's own words, where it has any.
fn refusal(status: StatusCode, bytes: &[u8], base: &str) -> anyhow::Error {
    let Ok(ErrorBody { error }) = serde_json::from_slice(bytes) else {
        return anyhow!("{base} answers {status}, and not as a gateway's admin interface does; check --admin");
    };
    let hint = match status {
        StatusCode::UNAUTHORIZED => "\n  set TALLYGATE_ADMIN_TOKEN, or name a file by --token-file",
        _ => "",
    };
    let problems: String = match error.problems.as_slice() {
        [] | [_] => String::new(),
        several => several.iter().map(|problem| format!("\n  {problem}")).collect(),
    };
    anyhow!("{}{problems}{hint}", error.message)
}
