//! The five endpoints that are played, and what differs between them at the door.

pub(crate) mod anthropic;
pub(crate) mod bedrock;
pub(crate) mod claude;
pub(crate) mod openai;

use crate::books::Personality;
use crate::exchange::{Outcome, Received};
use crate::refusal::Refusal;
use crate::server::Shared;
use openai::Vendor;
use serde_json::Value;

pub(crate) fn authenticate(personality: Personality, received: &Received, shared: &Shared) -> Result<(), Refusal> {
    match personality {
        Personality::Bedrock => bedrock::authenticate(received, shared, "bedrock"),
        Personality::Mantle => bedrock::surfaces::authenticate(received, shared),
        Personality::Anthropic => anthropic::authenticate(received, &shared.options),
        Personality::Openai | Personality::Compatible => openai::authenticate(received, &shared.options),
    }
}

pub(crate) fn answer(personality: Personality, received: &Received, shared: &Shared) -> Result<Outcome, Refusal> {
    match personality {
        Personality::Bedrock => bedrock::answer(received, shared),
        Personality::Mantle => bedrock::surfaces::mantle(received),
        Personality::Anthropic => anthropic::answer(received),
        Personality::Openai => openai::answer(received, Vendor::Openai),
        Personality::Compatible => openai::answer(received, Vendor::Compatible),
    }
}

/// In whose shape an endpoint refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    Aws,
    Anthropic,
    Openai,
}

/// In whose shape a request to `path` is refused.
pub(crate) fn voice(personality: Personality, path: &str) -> Voice {
    match personality {
        Personality::Anthropic => Voice::Anthropic,
        Personality::Openai | Personality::Compatible => Voice::Openai,
        Personality::Bedrock | Personality::Mantle if path.starts_with("/anthropic/") => Voice::Anthropic,
        Personality::Bedrock if !path.starts_with("/openai/") => Voice::Aws,
        Personality::Bedrock | Personality::Mantle => Voice::Openai,
    }
}

impl Voice {
    /// A refusal's body.
    pub(crate) fn error(self, refusal: &Refusal, number: u64) -> Value {
        match self {
            Self::Aws => bedrock::error(refusal),
            Self::Anthropic => anthropic::error(refusal, number),
            Self::Openai => openai::error(refusal),
        }
    }

    /// Headers that only refusals have.
    pub(crate) fn error_headers(self, refusal: &Refusal) -> Vec<(&'static str, String)> {
        match self {
            Self::Aws => vec![("x-amzn-errortype", bedrock::error_type(refusal))],
            Self::Anthropic | Self::Openai => Vec::new(),
        }
    }
}

/// Headers of every answer.
pub(crate) fn headers(personality: Personality, number: u64) -> Vec<(&'static str, String)> {
    match personality {
        Personality::Bedrock | Personality::Mantle => {
            vec![("x-amzn-requestid", format!("00000000-0000-4000-8000-{number:012x}"))]
        }
        Personality::Anthropic => vec![
            ("request-id", anthropic::request_id(number)),
            ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000".to_owned()),
            ("anthropic-ratelimit-requests-limit", "100000".to_owned()),
            ("anthropic-ratelimit-requests-remaining", "99999".to_owned()),
            ("anthropic-ratelimit-requests-reset", "2030-01-01T00:00:00Z".to_owned()),
        ],
        Personality::Openai => vec![
            ("x-request-id", format!("req_{number:032x}")),
            ("openai-processing-ms", "5".to_owned()),
            ("openai-organization", "org-simulated".to_owned()),
            ("openai-version", "2020-10-01".to_owned()),
            ("x-ratelimit-limit-requests", "100000".to_owned()),
            ("x-ratelimit-remaining-requests", "99999".to_owned()),
            ("x-ratelimit-reset-requests", "12ms".to_owned()),
        ],
        Personality::Compatible => Vec::new(),
    }
}
