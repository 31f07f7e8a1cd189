//! Bedrock's OpenAI- and Anthropic-compatible surfaces: which models are called by them, and under which project.

use crate::grammar::{Name, Pattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Models that are called by one of Bedrock's compatible surfaces, by callers of the same dialect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// The models' ids as targets name them, or patterns.
    #[schemars(length(max = 256))]
    pub models: Vec<Pattern>,
    /// The dialects in which they are called there. For each model and dialect the first entry that fits counts.
    #[schemars(length(max = 3))]
    pub dialects: Vec<SurfaceDialect>,
    /// The endpoint.
    #[serde(default)]
    pub endpoint: Endpoint,
    /// Only `mantle`: the path of OpenAI's APIs there, which depends on the model. Default: `/openai/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<OpenaiPath>,
    /// The models cannot be called by Converse and InvokeModel: calls in other dialects are translated to the first of
    /// `dialects`.
    #[serde(default)]
    pub only: bool,
}

/// A dialect that Bedrock's surfaces speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SurfaceDialect {
    /// OpenAI Chat Completions.
    OpenaiChat,
    /// OpenAI Responses.
    OpenaiResponses,
    /// Anthropic Messages.
    AnthropicMessages,
}

impl SurfaceDialect {
    /// The name in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai_chat",
            Self::OpenaiResponses => "openai_responses",
            Self::AnthropicMessages => "anthropic_messages",
        }
    }
}

/// An endpoint of Bedrock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `bedrock-runtime`.
    #[default]
    Runtime,
    /// `bedrock-mantle`.
    Mantle,
}

/// The path of OpenAI's APIs at the mantle endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum OpenaiPath {
    /// GPT-5 and later, Gemma 4.
    #[default]
    #[serde(rename = "/openai/v1")]
    OpenaiV1,
    /// Other models, gpt-oss among them.
    #[serde(rename = "/v1")]
    V1,
}

impl OpenaiPath {
    /// As it stands in addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenaiV1 => "/openai/v1",
            Self::V1 => "/v1",
        }
    }
}

/// A project of the mantle endpoint that is named in a team's calls to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MantleProject {
    /// In whose calls it is named.
    pub team: Name,
    /// Only in calls of this project of the team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Name>,
    /// Its id, as in `proj_abc123`.
    pub id: String,
}
