//! A guardrail of Amazon Bedrock, as the account has it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A guardrail of Amazon Bedrock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BedrockGuardrail {
    /// Its id, or its ARN.
    #[schemars(length(min = 1, max = 2048))]
    pub id: String,
    /// Its version: a number, or `DRAFT`.
    #[schemars(length(min = 1, max = 8))]
    pub version: String,
}

impl BedrockGuardrail {
    /// Whether AWS takes such an id (botocore's model of the service).
    #[must_use]
    pub fn has_an_id(&self) -> bool {
        let is_id = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let parts: Vec<&str> = self.id.splitn(6, ':').collect();
        match *parts.as_slice() {
            [id] => is_id(id) && id.len() <= 2048,
            ["arn", partition, "bedrock", region, account, resource] => {
                partition.starts_with("aws")
                    && !region.is_empty()
                    && account.len() == 12
                    && account.bytes().all(|byte| byte.is_ascii_digit())
                    && resource.strip_prefix("guardrail/").is_some_and(is_id)
            }
            _ => false,
        }
    }

    /// Whether AWS takes such a version.
    #[must_use]
    pub fn has_a_version(&self) -> bool {
        let digits = (1..=8).contains(&self.version.len()) && self.version.bytes().all(|byte| byte.is_ascii_digit());
        self.version == "DRAFT" || digits && !self.version.starts_with('0')
    }
}
