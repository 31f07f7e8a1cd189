//! Callers known by their own IAM role.

use crate::grammar::{BaseUrl, Name, Network, Pattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Callers known by their own IAM role, in a key's place. See `docs/identity.md`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AwsIdentity {
    /// Which team a role belongs to. The first entry that matches counts; a role without one is refused.
    #[schemars(length(max = 4096))]
    pub roles: Vec<AwsRole>,
    /// Take web-identity tokens (`aws sts get-web-identity-token`). Absent: they are refused.
    pub web_identity: Option<WebIdentity>,
    /// Take presigned `GetCallerIdentity` requests (`tallygate aws token`). Absent: they are refused.
    pub caller_identity: Option<CallerIdentity>,
    /// Allow private addresses for STS and issuers: those of VPC endpoints.
    pub allow_private: bool,
}

/// The team of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsRole {
    /// The ARN of a role or user without its path, as in `arn:aws:iam::123456789012:role/search-batch`. `*` may stand for
    /// the end of a name, or for all of an account's roles and users.
    #[schemars(length(min = 1, max = 256))]
    pub arn: String,
    /// The team, of this file or of the store.
    pub team: Name,
    /// The project to which calls are bound; one of the team's. Absent: as for a key without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Name>,
    /// The environment to which calls are booked; one of the team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Name>,
    /// Models that the role may use, within those of its team. Absent: all of the team's; `[]`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub models: Option<Vec<Pattern>>,
    /// Networks from which the role is accepted, as in `[10.20.0.0/16]`: the address is that of the connection. Absent:
    /// any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub networks: Option<Vec<Network>>,
}

/// Which web-identity tokens are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebIdentity {
    /// The audience for which tokens must be made: this gateway's name, as in `https://tallygate.example`.
    #[schemars(length(min = 1, max = 1000))]
    pub audience: String,
    /// The issuers that are believed: the issuer URLs of AWS accounts, and nobody else's, since an issuer decides whose a
    /// token is. Tokens of others are refused before anything is fetched.
    #[schemars(length(min = 1, max = 64))]
    pub issuers: Vec<BaseUrl>,
}

/// Which presigned `GetCallerIdentity` requests are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerIdentity {
    /// This gateway's name, as in `tallygate.example`. Callers sign it, so that what they send here is of no use elsewhere.
    #[schemars(length(min = 8, max = 128))]
    pub server_id: String,
    /// The regions whose STS may be asked, as in `[us-east-1]`.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub regions: Vec<String>,
    /// Where STS is, instead of the addresses of `regions`: a VPC endpoint. Callers must sign for this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sts_url: Option<BaseUrl>,
}

impl CallerIdentity {
    /// The addresses of STS that may be asked (scheme, host and port), each with the region for which one must sign there;
    /// none where any will do.
    #[must_use]
    pub fn places(&self) -> Vec<(String, Option<String>)> {
        if let Some(url) = &self.sts_url {
            return vec![(url.as_str().to_owned(), None)];
        }
        self.regions.iter().flat_map(|region| addresses(region)).collect()
    }
}

/// The addresses of STS for a region.
fn addresses(region: &str) -> Vec<(String, Option<String>)> {
    let at = |base: String| (base, Some(region.to_owned()));
    let mut all = vec![at(sts_url(region))];
    if region == "us-east-1" {
        // The address without a region, which older SDKs use.
        all.push(at("https://sts.amazonaws.com".to_owned()));
    }
    let has_fips = ["us-east-", "us-west-"].iter().any(|start| region.starts_with(start));
    if has_fips {
        all.push(at(format!("https://sts-fips.{region}.amazonaws.com")));
    }
    all
}

/// The address of STS in a region.
#[must_use]
pub fn sts_url(region: &str) -> String {
    let domain = match super::partition_of(region) {
        "aws-cn" => "amazonaws.com.cn",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        "aws-eusc" => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    format!("https://sts.{region}.{domain}")
}
