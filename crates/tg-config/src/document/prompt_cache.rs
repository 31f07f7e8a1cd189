//! Whose prompts get points for their provider's prompt cache.

use super::CallScope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether the prompts of some calls get points for their provider's prompt cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromptCache {
    /// For which calls. Absent: for all.
    #[serde(default, rename = "for")]
    pub scope: CallScope,
    /// Whether points are put.
    pub points: CachePoints,
}

/// Whether points are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CachePoints {
    /// None.
    Off,
    /// After the tools, the instructions and the last turn that stays, where the same was sent within the last five minutes by
    /// the same team, for models of Claude and Nova, and only where reading it once more pays for writing it.
    Auto,
}
