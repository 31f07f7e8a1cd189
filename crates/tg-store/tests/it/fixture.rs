//! Calls for tests to change.

use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Attempt, Cost, Ending, Pricing, Record, Served, Timing};
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};
use tg_store::OpenEntry;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + seconds)
}

pub(crate) fn text(s: &str) -> Option<Arc<str>> {
    Some(Arc::from(s))
}

/// A call that went well; tests change what they care about.
pub(crate) fn record() -> Record {
    Record {
        id: CallId::fresh(),
        started_at: at(0),
        attribution: Attribution {
            key_id: "Kq3x9ZbV1mWc".into(),
            team: "search".into(),
            project: text("ranking"),
            environment: text("production"),
            tags: Vec::new(),
        },
        asked: Asked {
            dialect: Dialect::OpenaiChat,
            operation: Operation::Chat,
            model: "claude-sonnet-4-5".into(),
            stream: true,
        },
        served: Some(served()),
        ending: Ending::Ok,
        status: 200,
        fault: None,
        usage: Usage { input_tokens: 1000, output_tokens: 200, reasoning_tokens: 50, ..Usage::default() },
        usage_source: UsageSource::Reported,
        cost: Cost {
            amount: Money::from_nanos(6_000_001),
            list: Money::from_nanos(7_000_001),
            pricing: Pricing::Priced,
            price: "2026-11-23/anthropic.claude-sonnet-4-5/eu".into(),
            rates: Some(r#"{"input":[3500000,3000000],"output":15000000}"#.into()),
        },
        losses: Vec::new(),
        guarded: None,
        decided: None,
        earlier: Vec::new(),
        timing: Timing { total_us: 1_200_000, first_token_us: Some(300_000), overhead_us: 90 },
    }
}

/// An application inference profile.
pub(crate) const PROFILE: &str = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123def456";

fn served() -> Served {
    Served {
        provider: "bedrock-eu".into(),
        model: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0".into(),
        profile: Some(PROFILE.into()),
        dialect: Dialect::BedrockConverse,
        request_id: Some("0f6b3a52-51b5-4c0e-9c1e-6d2f0a4d1f11".to_owned()),
        session: Some("tg-search.ranking".into()),
        tier: ServiceTier::Default,
        attempts: 1,
        stop: Some("end_turn".to_owned()),
    }
}

/// The opening of the call that this record ends.
pub(crate) fn opening(record: &Record) -> OpenEntry {
    OpenEntry {
        id: record.id,
        started_at: record.started_at,
        attribution: record.attribution.clone(),
        asked: record.asked.clone(),
        provider: "bedrock-eu".into(),
        model: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0".into(),
        profile: Some(PROFILE.into()),
        dialect: Dialect::BedrockConverse,
        tier: ServiceTier::Default,
        session: Some("tg-search.ranking".into()),
        estimated: Usage { input_tokens: 990, ..Usage::default() },
        earlier: vec![attempt(0, Pricing::Nothing)],
        decided: None,
    }
}

/// A try that failed, and may have cost this much.
pub(crate) fn attempt(nanos: i64, pricing: Pricing) -> Attempt {
    Attempt {
        served: Served { provider: "openai".into(), model: "gpt-5-mini".into(), profile: None, stop: None, ..served() },
        fault: "first_byte_timeout".to_owned(),
        usage: Usage { input_tokens: 990, ..Usage::default() },
        cost: Cost::at_list(Money::from_nanos(nanos), pricing, "2026-11-23/openai/gpt-5-mini"),
    }
}
