//! The guardrail with which all calls of a provider are made: where a request names it.

use super::surfaces::Endpoint;
use crate::road::Road;
use std::sync::Arc;
use tg_kernel::dialect::Dialect;

/// A guardrail of the account, with which every call of a provider's models is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingGuardrail {
    /// Its id or ARN.
    pub id: Arc<str>,
    /// Its version: `DRAFT` or a number.
    pub version: Arc<str>,
}

/// Where a request names its guardrail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardrailPlace {
    /// In Converse's `guardrailConfig`.
    Member,
    /// In InvokeModel's headers, which Bedrock's OpenAI chat takes as well.
    Headers,
}

impl StandingGuardrail {
    /// Where a request by this road names it; `None` where it cannot.
    #[must_use]
    pub fn place(road: Road) -> Option<GuardrailPlace> {
        match (road.dialect, road.surface.map(|surface| surface.endpoint)) {
            (Dialect::BedrockConverse, None) => Some(GuardrailPlace::Member),
            (Dialect::BedrockInvoke, None) | (Dialect::OpenaiChat, Some(Endpoint::Runtime)) => {
                Some(GuardrailPlace::Headers)
            }
            _ => None,
        }
    }

    /// Whether a request's own words name it: by its id, or by an ARN that ends with it.
    #[must_use]
    pub fn is(&self, id: &str, version: &str) -> bool {
        let last = |id: &str| id.rsplit('/').next().map(str::to_owned);
        last(&self.id) == last(id) && *self.version == *version
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::bedrock::Surface;

    #[test]
    fn a_guardrail_is_named_where_bedrock_reads_it_or_not_at_all() {
        let at = |dialect, endpoint| Road::relay(dialect).by(Surface { endpoint, path: "/v1" });
        for (road, place) in [
            (Road::relay(Dialect::BedrockConverse), Some(GuardrailPlace::Member)),
            (Road::transcode(Dialect::BedrockConverse), Some(GuardrailPlace::Member)),
            (Road::rewrap(Dialect::BedrockInvoke), Some(GuardrailPlace::Headers)),
            (at(Dialect::OpenaiChat, Endpoint::Runtime), Some(GuardrailPlace::Headers)),
            (at(Dialect::OpenaiResponses, Endpoint::Runtime), None),
            (at(Dialect::AnthropicMessages, Endpoint::Runtime), None),
            (at(Dialect::OpenaiChat, Endpoint::Mantle), None),
        ] {
            assert_eq!(StandingGuardrail::place(road), place, "{road:?}");
        }
        let standing = StandingGuardrail { id: "gr1".into(), version: "3".into() };
        assert!(standing.is("gr1", "3") && standing.is("arn:aws:bedrock:us-east-1:1:guardrail/gr1", "3"));
        assert!(!standing.is("gr1", "DRAFT") && !standing.is("gr2", "3"));
    }
}
