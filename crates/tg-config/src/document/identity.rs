//! To whom calls are booked: teams, their projects, environments and tags.

use super::iam::AwsIdentity;
use crate::grammar::{Name, Pattern, SecretRef, TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// To whom calls are booked, where a team does not say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Identity {
    /// The project of calls that name none. Absent: such calls are booked to the team alone.
    pub default_project: Option<Name>,
    /// What to do with a call that names a project which its team does not have.
    pub unknown_project: UnknownProject,
    /// Which tags of callers are booked.
    pub tags: Tags,
    /// What the secrets of access keys (`tallygate keys create --aws`) are encrypted with in the store: 32 bytes in
    /// base64, as `openssl rand -base64 32` makes them. Absent: there are no access keys.
    pub secrets_key: Option<SecretRef>,
    /// Callers known by their own IAM role, in a key's place. Absent: there are none.
    pub aws: Option<AwsIdentity>,
}

/// What to do with a call that names a project which its team does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownProject {
    /// Refuse the call.
    #[default]
    Refuse,
    /// Book it to `default_project`, which must then be stated.
    BookToDefault,
}

/// Which tags of callers are booked. Others are left out of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tags {
    /// Keys of tags that are booked: names, or patterns with `*` first, last or both. `["*"]`: all. `[]`: none.
    #[schemars(length(max = 256))]
    pub allow: Vec<Pattern>,
    /// How many tags of one call are booked. At most 50.
    #[schemars(range(max = 50))]
    pub max: u8,
    /// Where tags are read.
    pub sources: Vec<TagSource>,
}

impl Default for Tags {
    fn default() -> Self {
        Self { allow: vec![Pattern::any()], max: 10, sources: vec![TagSource::Header, TagSource::Body] }
    }
}

/// Where tags are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TagSource {
    /// The headers `X-Tallygate-Tags` and `x-litellm-tags`.
    Header,
    /// The body's `metadata`, or `requestMetadata` of Bedrock.
    Body,
}

/// A team that the file owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// The team's name; unique.
    pub name: Name,
    /// The team's projects. A call may name one of them.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    pub projects: Vec<Name>,
    /// The environments to which keys of the team may be bound.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub environments: Vec<Name>,
    /// The team's cost centre, for the session tags of AWS roles (`assume_role`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub cost_centre: Option<String>,
    /// By which clock the windows of the team's budgets begin, where they do not say otherwise. Absent: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZone>,
    /// Models that the team may use, by the names that callers write. Absent: all; `[]`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub models: Option<Vec<Pattern>>,
    /// The project of calls that name none; one of `projects`. Absent: as `identity` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_project: Option<Name>,
    /// What to do with a call that names another project. Absent: as `identity` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_project: Option<UnknownProject>,
    /// Which tags of callers are booked. Absent: as `identity` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
}
