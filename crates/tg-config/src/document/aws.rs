//! Outgoing AWS identity: whose credentials sign calls to Bedrock.

use crate::grammar::{BaseUrl, Period, SecretRef};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// AWS credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Credentials {
    /// The default chain of the AWS SDKs.
    Chain(ChainWord),
    /// The same, with a stated profile.
    Profile(ProfileCredentials),
    /// Stated keys.
    Keys(KeyCredentials),
}

impl Credentials {
    /// The stated keys, where keys are stated.
    #[must_use]
    pub const fn keys(&self) -> Option<&KeyCredentials> {
        match self {
            Self::Keys(keys) => Some(keys),
            Self::Chain(_) | Self::Profile(_) => None,
        }
    }
}

/// The word for the default chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainWord {
    /// The only one.
    #[default]
    Chain,
}

/// The default chain with a stated profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileCredentials {
    /// A profile of `~/.aws/config` or `~/.aws/credentials`, in the place of `AWS_PROFILE`.
    #[schemars(length(min = 1, max = 128))]
    pub profile: String,
}

/// Stated keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyCredentials {
    /// The access key's id.
    pub access_key_id: SecretRef,
    /// The secret access key.
    pub secret_access_key: SecretRef,
    /// The session token, if the credentials are temporary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<SecretRef>,
}

/// A word, or the members of one of two things: told apart by their members.
pub(super) fn credentials_schema(generator: &mut SchemaGenerator) -> Schema {
    let mut profile = ProfileCredentials::json_schema(generator);
    profile.insert("title".to_owned(), "profile".into());
    let mut keys = KeyCredentials::json_schema(generator);
    keys.insert("title".to_owned(), "keys".into());
    json_schema!({
        "description": "Only `bedrock`: AWS credentials, with which requests are signed. Absent, and no `api_key`: `chain`.",
        "oneOf": [
            {
                "const": "chain",
                "type": "string",
                "description": "Those that the AWS SDKs find: environment, profiles, web identity, containers, instance metadata.",
            },
            profile,
            keys,
        ],
    })
}

/// Sign with sessions of a role, so that the AWS bill shows who called. See `docs/bedrock.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssumeRole {
    /// The role, as in `arn:aws:iam::123456789012:role/tallygate-calls`.
    pub role_arn: String,
    /// What each session stands for.
    #[serde(default)]
    pub per: SessionPer,
    /// The external id that the role's trust policy demands. Not a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// How long a session lasts: 15 minutes to 12 hours, and not longer than the role allows. Credentials that belong to
    /// a role themselves get one hour at most.
    #[serde(default = "hour")]
    pub duration: Period,
    /// Tags of every session, beside `team`, `project`, `environment` and `cost-centre`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 46))]
    pub tags: BTreeMap<String, String>,
    /// Most sessions of projects or keys at a time. Further callers sign with their team's session.
    #[serde(default = "sessions_max")]
    #[schemars(range(min = 1, max = 10_000))]
    pub sessions_max: u32,
    /// Where STS is, instead of the region's own address: a VPC endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sts_url: Option<BaseUrl>,
}

const fn hour() -> Period {
    Period::seconds(3600)
}

const fn sessions_max() -> u32 {
    500
}

/// What each session of a role stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionPer {
    /// A team.
    Team,
    /// A team's project in one environment.
    #[default]
    Project,
    /// A key.
    Key,
}

/// The partition of AWS in which a region is: the second part of ARNs there.
#[must_use]
pub fn partition_of(region: &str) -> &'static str {
    let partitions = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    partitions.into_iter().find(|(start, _)| region.starts_with(start)).map_or("aws", |(_, partition)| partition)
}
