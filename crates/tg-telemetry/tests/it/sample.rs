//! Records to tell about.

use tg_kernel::clock::Timestamp;
use tg_kernel::decided::{CachePoints, Decided};
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::guarded::{Action, Guarded, Hit, Verdict, Way};
use tg_kernel::ids::CallId;
use tg_kernel::passage::Channel;
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Cost, Ending, Pricing, Record, Served, Timing};
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};

/// A streamed call from an OpenAI caller to a Bedrock model, with every field filled.
pub fn served() -> Record {
    Record {
        id: CallId::from_bytes([7; 16]),
        started_at: Timestamp::from_seconds(1_700_000_000),
        attribution: Attribution {
            key_id: "key_1".into(),
            team: "search".into(),
            project: Some("ranking".into()),
            environment: Some("prod".into()),
            tags: vec!["a=b".into()],
        },
        asked: Asked { dialect: Dialect::OpenaiChat, operation: Operation::Chat, model: "claude".into(), stream: true },
        served: Some(Served {
            provider: "aws-eu".into(),
            model: "anthropic.claude".into(),
            profile: None,
            dialect: Dialect::BedrockConverse,
            request_id: Some("upstream-1".into()),
            session: Some("tg-search.ranking".into()),
            tier: ServiceTier::Default,
            attempts: 2,
            stop: Some("end_turn".into()),
        }),
        ending: Ending::Ok,
        status: 200,
        fault: None,
        usage: Usage {
            input_tokens: 100,
            cache_read_tokens: 20,
            cache_write_5m_tokens: 3,
            cache_write_1h_tokens: 4,
            output_tokens: 50,
            reasoning_tokens: 10,
            audio_input_tokens: 5,
            audio_output_tokens: 6,
            images: 1,
        },
        usage_source: UsageSource::Reported,
        cost: Cost::at_list(Money::from_nanos(1_250_000), Pricing::Priced, "2026/x"),
        losses: vec!["seed".into(), "logprobs".into()],
        guarded: Some(Box::new(guarded())),
        decided: Some(Box::new(Decided {
            prompt_cache: Some(CachePoints { points: 2, saved: Money::from_nanos(5_000_000) }),
            ..Decided::default()
        })),
        earlier: Vec::new(),
        timing: Timing { total_us: 1_500_000, first_token_us: Some(300_000), overhead_us: 42 },
    }
}

/// The checks took two addresses out of a document.
fn guarded() -> Guarded {
    let (set, rule, check, found) = ("house".into(), "mail".into(), "pii".into(), "email".into());
    let (channel, way, action) = (Channel::Document, Way::Input, Action::Redacted);
    let hits = vec![Hit { set, rule, check, found, channel, way, action, count: 2 }];
    Guarded {
        sets: vec!["house".into()],
        version: "1f".into(),
        verdict: Verdict::Changed,
        micros: 40,
        hits,
        ..Guarded::default()
    }
}

/// A call that policy refused.
pub fn refused() -> Record {
    Record {
        served: None,
        ending: Ending::Refused,
        status: 401,
        fault: Some("key_unknown".into()),
        attribution: Attribution::default(),
        usage: Usage::default(),
        usage_source: UsageSource::None,
        cost: Cost::default(),
        losses: Vec::new(),
        guarded: None,
        decided: None,
        earlier: Vec::new(),
        timing: Timing { total_us: 900, first_token_us: None, overhead_us: 9 },
        ..served()
    }
}
