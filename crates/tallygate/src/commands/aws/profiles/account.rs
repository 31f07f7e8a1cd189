//! An AWS account, as Bedrock's control plane shows it.

use crate::commands::table::printable;
use anyhow::{Context as _, Result, anyhow, bail};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tg_kernel::clock::{Clock as _, SystemClock};
use tg_kernel::fault::Fault;
use tg_net::resolve::Resolver;
use tg_net::tls::TrustedRoots;
use tg_upstream::aws::Wallet;
use tg_upstream::control::{Question, ask, encoded, profile_path};
use tg_upstream::pools::Pools;
use tg_upstream::provider::Upstream;

/// Most pages that are read. AWS's quota is one thousand profiles.
const PAGES_MAX: usize = 1000;

/// The account and Region of one provider.
pub(super) struct Account<'a> {
    upstream: &'a Upstream,
    pools: Pools,
    clock: SystemClock,
    wallet: Wallet,
}

/// An application inference profile that exists.
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) arn: String,
}

impl<'a> Account<'a> {
    pub(super) fn new(upstream: &'a Upstream, roots: TrustedRoots) -> Self {
        let (pools, wallet) = (Pools::new(roots, Resolver::new()), Wallet::new(Arc::new(SystemClock::new())));
        Self { upstream, pools, clock: SystemClock::new(), wallet }
    }

    /// Every application inference profile.
    pub(super) async fn profiles(&self) -> Result<Vec<Profile>> {
        let mut found = Vec::new();
        let mut path = "/inference-profiles?maxResults=1000&type=APPLICATION".to_owned();
        for _ in 0..PAGES_MAX {
            let page = self.done("ListInferenceProfiles", Method::GET, &path, None).await?;
            for summary in page["inferenceProfileSummaries"].as_array().into_iter().flatten() {
                let text = |member: &str| summary[member].as_str().map(str::to_owned);
                let (name, arn) = (text("inferenceProfileName"), text("inferenceProfileArn"));
                found.extend(name.zip(arn).map(|(name, arn)| Profile { name, arn }));
            }
            let Some(token) = page["nextToken"].as_str() else { return Ok(found) };
            path = format!("/inference-profiles?maxResults=1000&nextToken={}&type=APPLICATION", encoded(token));
        }
        bail!("ListInferenceProfiles does not come to an end")
    }

    pub(super) async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>> {
        let body = json!({ "resourceARN": arn });
        let answer = self.done("ListTagsForResource", Method::POST, "/listTagsForResource", Some(body)).await?;
        let list = answer["tags"].as_array().into_iter().flatten();
        Ok(list.filter_map(|tag| Some((tag["key"].as_str()?.to_owned(), tag["value"].as_str()?.to_owned()))).collect())
    }

    pub(super) async fn tag(&self, arn: &str, tags: &BTreeMap<&str, String>) -> Result<()> {
        let body = json!({ "resourceARN": arn, "tags": list_of(tags) });
        self.done("TagResource", Method::POST, "/tagResource", Some(body)).await.map(drop)
    }

    /// What a profile for `model` is a copy of: the system's profile of this id if there is one, else the model itself.
    pub(super) async fn source_of(&self, model: &str) -> Result<String> {
        if model.starts_with("arn:") {
            return Ok(model.to_owned());
        }
        let path = profile_path(model);
        let (status, body) = self.ask(Method::GET, &path, None).await.context("GetInferenceProfile")?;
        if let Some(arn) = body["inferenceProfileArn"].as_str().filter(|_| status.is_success()) {
            return Ok(arn.to_owned());
        }
        if !matches!(status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST) {
            return Err(refused("GetInferenceProfile", status, &body));
        }
        let region = self.upstream.price.region.as_deref().context("the provider has no region")?;
        Ok(format!("arn:{}:bedrock:{region}::foundation-model/{model}", partition(region)))
    }

    /// Makes a profile, and answers its ARN. Done twice with the same token, it is made once.
    pub(super) async fn create(
        &self,
        name: &str,
        source: &str,
        tags: &BTreeMap<&str, String>,
        token: &str,
    ) -> Result<String> {
        let body = json!({
            "inferenceProfileName": name, "modelSource": { "copyFrom": source }, "tags": list_of(tags),
            "clientRequestToken": token,
        });
        let answer = self.done("CreateInferenceProfile", Method::POST, "/inference-profiles", Some(body)).await?;
        let arn = answer["inferenceProfileArn"].as_str().context("CreateInferenceProfile answered no ARN")?;
        Ok(arn.to_owned())
    }

    async fn done(&self, operation: &str, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let (status, body) = self.ask(method, path, body).await.with_context(|| operation.to_owned())?;
        if status.is_success() { Ok(body) } else { Err(refused(operation, status, &body)) }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<(StatusCode, Value)> {
        let question = Question { method, path, body };
        let proof = self.wallet.own_proof(self.upstream.identity.as_ref()).await.map_err(told)?;
        ask(self.upstream, &self.pools, question, &proof, self.clock.now()).await.map_err(told)
    }
}

fn list_of(tags: &BTreeMap<&str, String>) -> Value {
    tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// The operator reads AWS's own words: the account is theirs.
fn refused(operation: &str, status: StatusCode, body: &Value) -> anyhow::Error {
    anyhow!("{operation}: AWS answered {status}: {}", printable(body["message"].as_str().unwrap_or_default()))
}

fn told(fault: Fault) -> anyhow::Error {
    let cause = fault.cause().map(|cause| format!(" ({cause})")).unwrap_or_default();
    anyhow!("{}{cause}", fault.message)
}
