//! Who serves models: address, credentials, timeouts, and what may be dialled.

use super::aws::{AssumeRole, Credentials, credentials_schema};
use super::bedrock_guardrail::BedrockGuardrail;
use super::probe::Probe;
use super::surface::{Endpoint, MantleProject, Surface};
use crate::grammar::{BaseUrl, HeaderText, Name, Pattern, Period, SecretRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A provider of models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// How `models` and the ledger name it; unique.
    pub name: Name,
    /// Which protocol and signature it wants.
    pub kind: ProviderKind,
    /// Only `openai_compatible`: a known vendor, which states `base_url` and `quirks` (see the list of presets in
    /// the reference). Members stated here win over the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::presets::preset_names")]
    pub preset: Option<String>,
    /// Only `bedrock`, required there: the AWS region, as in `us-east-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Where it keeps and works on what it is sent, by a name of your own, as in `eu`: what `residency` may demand of calls.
    /// Absent: nobody says, so calls that must stay somewhere do not go there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<Name>,
    /// Where to call instead of the kind's own address. Required for `openai_compatible` without a preset that has one.
    /// For `openai` and `openai_compatible` it includes the version path (`/v1`); for `anthropic` and `bedrock` it
    /// does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<BaseUrl>,
    /// The API key. `bedrock`: a Bedrock API key, instead of `credentials`. Optional only for
    /// `openai_compatible` without a preset, or with one that needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretRef>,
    /// Only `bedrock`: AWS credentials, with which requests are signed. Absent, and no `api_key`: `chain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "credentials_schema")]
    pub credentials: Option<Credentials>,
    /// Only `bedrock`: sign with sessions of a role, so that the AWS bill shows who called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume_role: Option<AssumeRole>,
    /// Only `bedrock`, without `base_url`: call the region's FIPS endpoint.
    #[serde(default)]
    pub fips: bool,
    /// Only `bedrock`: whether each call tells AWS's invocation logs, as request metadata under `tallygate:`, its id and
    /// to whom it is booked. Default: on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_metadata: Option<RequestMetadata>,
    /// Only `bedrock`: application inference profiles, which are named to AWS in the model's place, so that its bill
    /// shows whose calls they were. The project's entry goes before the team's, an exact model before a pattern.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4096))]
    pub inference_profiles: Vec<InferenceProfile>,
    /// Only `bedrock`: folders of S3 in which, or beneath which, callers may have the output of asynchronous invocations
    /// written: `s3://BUCKET` or `s3://BUCKET/PREFIX`, where `{team}` and `{project}` stand for the caller's, each in a
    /// step of its own and `{project}` beneath `{team}`. Absent: there are no asynchronous invocations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub async_output: Vec<String>,
    /// Only `bedrock`: where the control plane is, instead of AWS's own address: it tells which model a profile stands
    /// for and whose an asynchronous invocation is, and makes profiles for `tallygate aws profiles`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_url: Option<BaseUrl>,
    /// Only `bedrock`: models that callers of OpenAI's and Anthropic's dialects reach by Bedrock's own OpenAI- and
    /// Anthropic-compatible APIs. Absent: every call goes by Converse and InvokeModel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub surfaces: Vec<Surface>,
    /// Only `bedrock`: where the mantle endpoint is, instead of AWS's own address (`https://bedrock-mantle.REGION.api.aws`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mantle_url: Option<BaseUrl>,
    /// Only `bedrock`: the projects of the mantle endpoint to which the calls of teams count on AWS's bill. The project's
    /// entry goes before the team's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4096))]
    pub mantle_projects: Vec<MantleProject>,
    /// Only `bedrock`: a guardrail of the account, with which every call of a model is made. Callers cannot name another,
    /// nor narrow what it looks at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrail: Option<BedrockGuardrail>,
    /// Headers added to each request. Credentials must be references.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub headers: BTreeMap<String, HeaderText>,
    /// How long to wait for what.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Which addresses may be dialled.
    #[serde(default)]
    pub egress: Egress,
    /// Not `bedrock`: how it is asked, again and again, whether it is there, so that calls go elsewhere before they meet it away.
    /// Absent: nobody asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// Only `openai_compatible`: in what the server differs from OpenAI.
    #[serde(default)]
    pub quirks: Quirks,
}

impl Provider {
    /// Whether calls of some models go to Bedrock's mantle endpoint.
    #[must_use]
    pub fn uses_mantle(&self) -> bool {
        self.surfaces.iter().any(|surface| surface.endpoint == Endpoint::Mantle)
    }

    /// Whether calls of a model can only go to Bedrock's mantle endpoint.
    #[must_use]
    pub fn only_on_mantle(&self, model: &str) -> bool {
        let mut fitting = self.surfaces.iter().filter(|surface| surface.models.iter().any(|name| name.matches(model)));
        fitting.clone().any(|surface| surface.only) && fitting.all(|surface| surface.endpoint == Endpoint::Mantle)
    }
}

/// Which protocol and signature a provider wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Amazon Bedrock (runtime).
    Bedrock,
    /// Anthropic.
    Anthropic,
    /// OpenAI.
    Openai,
    /// Any server that speaks OpenAI's protocol.
    OpenaiCompatible,
}

impl ProviderKind {
    /// The name in files, metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bedrock => "bedrock",
            Self::Anthropic => "anthropic",
            Self::Openai => "openai",
            Self::OpenaiCompatible => "openai_compatible",
        }
    }
}

/// An application inference profile of Bedrock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InferenceProfile {
    /// The model's id as a target names it, or a pattern.
    pub model: Pattern,
    /// In whose calls the profile is named.
    pub team: Name,
    /// Only in calls of this project of the team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Name>,
    /// The profile's ARN. Absent: it is yet to be made by `tallygate aws profiles apply`, and until then the model
    /// itself is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
}

/// Whether calls carry request metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestMetadata {
    /// The gateway's own pairs, before those of the caller.
    #[default]
    On,
    /// Only the caller's, as they came.
    Off,
}

/// How long to wait for what. There is no limit on the whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Period,
    /// For the first byte of the answer. Models that think do so before it.
    pub first_byte: Period,
    /// For the next byte of the answer.
    pub idle: Period,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Period::seconds(5),
            // What the official SDKs wait for a plain answer.
            first_byte: Period::seconds(600),
            idle: Period::seconds(300),
        }
    }
}

/// Which addresses may be dialled for a provider. Always refused: link-local addresses (where clouds keep instance
/// metadata), multicast and unspecified ones. Loopback addresses are dialled only if `base_url` or
/// `mantle_url` names one literally (`localhost`, `127.0.0.1`, `[::1]`), and then plain HTTP needs no permission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Egress {
    /// Allow private addresses (10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7).
    pub allow_private: bool,
    /// Allow a `base_url` of `http://`: prompts and credentials then travel unencrypted.
    pub allow_http: bool,
}

/// In what a server differs from OpenAI. Absent members are those of the preset, else of OpenAI's usual followers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quirks {
    /// Whether it serves `/responses`. Default: false.
    pub responses: Option<bool>,
    /// Whether it serves `/embeddings`. Default: true.
    pub embeddings: Option<bool>,
    /// Which member of a chat request limits the output. Default: `max_tokens`.
    pub output_limit_member: Option<OutputLimitMember>,
    /// Where the API key goes. Default: `bearer`.
    pub auth: Option<AuthScheme>,
}

/// Which member of a chat request limits the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputLimitMember {
    /// The older name, which most servers know.
    MaxTokens,
    /// The newer name, which OpenAI's reasoning models require.
    MaxCompletionTokens,
}

impl OutputLimitMember {
    /// The member's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// Where an API key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthScheme {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// `api-key: KEY`.
    ApiKeyHeader,
}
