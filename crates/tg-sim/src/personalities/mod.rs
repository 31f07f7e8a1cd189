//! The four providers that are played, and what differs between them at the door.

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
        Personality::Bedrock => bedrock::authenticate(received, shared),
        Personality::Anthropic => anthropic::authenticate(received, &shared.options),
        Personality::Openai | Personality::Compatible => openai::authenticate(received, &shared.options),
    }
}

pub(crate) fn answer(personality: Personality, received: &Received, shared: &Shared) -> Result<Outcome, Refusal> {
    match personality {
        Personality::Bedrock => bedrock::answer(received, shared),
        Personality::Anthropic => anthropic::answer(received),
        Personality::Openai => openai::answer(received, Vendor::Openai),
        Personality::Compatible => openai::answer(received, Vendor::Compatible),
    }
}

/// A refusal's body.
pub(crate) fn error(personality: Personality, refusal: &Refusal, number: u64) -> Value {
    match personality {
        Personality::Bedrock => bedrock::error(refusal),
        Personality::Anthropic => anthropic::error(refusal, number),
        Personality::Openai | Personality::Compatible => openai::error(refusal),
    }
}

/// Headers that only refusals have.
pub(crate) fn error_headers(personality: Personality, refusal: &Refusal) -> Vec<(&'static str, String)> {
    match personality {
        Personality::Bedrock => vec![("x-amzn-errortype", bedrock::error_type(refusal))],
        _ => Vec::new(),
    }
}

/// Headers of every answer.
pub(crate) fn headers(personality: Personality, number: u64) -> Vec<(&'static str, String)> {
    match personality {
        Personality::Bedrock => vec![("x-amzn-requestid", format!("00000000-0000-4000-8000-{number:012x}"))],
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
