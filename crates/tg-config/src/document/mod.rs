//! The one configuration schema: what a file, and later the admin interface, declares.

mod aws;
mod bedrock_guardrail;
mod budget;
mod cache;
mod commitment;
mod counters;
mod delivery;
mod guard_service;
mod guardrail;
mod hedge;
mod iam;
mod identity;
mod limit;
mod listen;
mod pool;
mod pricing;
mod probe;
mod prompt_cache;
mod provider;
mod recording;
mod residency;
mod resilience;
mod retention;
mod route;
mod routing;
mod scope;
mod slow;
mod store;
mod surface;
mod task_routing;
mod telemetry;
mod unreadable;
mod wanted;
mod ways;

pub use aws::{AssumeRole, ChainWord, Credentials, KeyCredentials, ProfileCredentials, SessionPer, partition_of};
pub use bedrock_guardrail::BedrockGuardrail;
pub use budget::{Budget, BudgetWindow, Notify, OnExhausted, Webhook};
pub use cache::{AlikeMode, Cache, CacheAlike, CachePlace, CacheRule, CacheShare, VectorModel};
pub use commitment::Commitment;
pub use counters::{SharedCounters, WhenAway};
pub use delivery::{Drain, DrainCap, OnDisconnect, Streams};
pub use guard_service::{GuardAway, GuardService, GuardServiceKind, MODERATION_MODEL};
pub use guardrail::{
    CheckDigit, CheckName, Entity, Guardrail, GuardrailAction, GuardrailMode, GuardrailOn, GuardrailRule, Harm,
    HarmCategory, RedactAs, RequiredChecks, SystemPrompt, Topic, Words,
};
pub use hedge::Hedge;
pub use iam::{AwsIdentity, AwsRole, CallerIdentity, WebIdentity, sts_url};
pub use identity::{Identity, TagSource, Tags, Team, UnknownProject};
pub use limit::{Limit, LimitMode, LimitOutput, LimitScope, Reserve};
pub use listen::{Admin, Listen, Tls};
pub use pool::{Adaptive, Class, Pool, PoolCover, PoolEach, Priority, Queue};
pub use pricing::{Ceiling, Discount, DiscountRates, DiscountTerms, Pricing, UnknownPrice};
pub use probe::Probe;
pub use prompt_cache::{CachePoints, PromptCache};
pub use provider::{
    AuthScheme, Egress, InferenceProfile, OutputLimitMember, Provider, ProviderKind, Quirks, RequestMetadata, Timeouts,
};
pub use recording::Recording;
pub use residency::Residency;
pub use resilience::{Breaker, Resilience};
pub use retention::Retention;
pub use route::{Model, ModelTarget, OnLoss, OnUnable, Strategy, UnknownModels};
pub use routing::Routing;
pub use scope::CallScope;
pub use slow::Slow;
pub use store::{OnJournalFailure, Revisions, Store, StoreTls, StoreTlsMode};
pub use surface::{Endpoint, MantleProject, OpenaiPath, Surface, SurfaceDialect};
pub use task_routing::{
    AgreementWord, JudgeModel, Mirror, Quality, RoutingMode, RoutingStep, TaskJudge, TaskName, TaskRouting, TeamRouting,
};
pub use telemetry::{GenAiNames, Log, LogFormat, LogLevel, Metrics, Otlp, Telemetry};
pub use unreadable::{Unread, UnreadAnswer, UnreadFile, UnreadImage, Unreadable, UnreadableEach};
pub use wanted::{Wanted, WantedWord};
pub use ways::{DEPTH_MAX, LEAVES_MAX, Leaf, STEPS_MAX};

use crate::grammar::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The configuration of `tallygate serve`.
///
/// Relative paths are taken from the working directory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Document {
    /// Where callers connect: the data plane.
    pub listen: Listen,
    /// The second listener: administration, health and metrics.
    pub admin: Admin,
    /// Where keys, teams and the ledger are kept.
    pub store: Store,
    /// Who serves models. At least one.
    #[schemars(length(max = 256))]
    pub providers: Vec<Provider>,
    /// The names of models that callers may use, and where calls for them go. An exact name wins over patterns;
    /// among patterns the first that matches wins. Empty or absent: the usual patterns of each provider's kind, as
    /// listed in the reference.
    #[schemars(length(max = 4096))]
    pub models: Vec<Model>,
    /// Whose calls must stay where, on every way that they may go. All that are for a call must hold. Absent: anywhere.
    #[schemars(length(max = 1024))]
    pub residency: Vec<Residency>,
    /// How calls are told apart, whatever their routes ask.
    pub routing: Routing,
    /// Whose prompts get points for their provider's prompt cache, where their callers put none: what the first of these says
    /// that is for a call. Absent: nobody's.
    #[schemars(length(max = 128))]
    pub prompt_cache: Vec<PromptCache>,
    /// How calls are priced.
    pub pricing: Pricing,
    /// To whom calls are booked, where a team does not say otherwise.
    pub identity: Identity,
    /// Teams that this file owns: they cannot be changed at run time. Other teams may be made at run time.
    #[schemars(length(max = 4096))]
    pub teams: Vec<Team>,
    /// How many requests and tokens, and how many calls at a time, for whom.
    #[schemars(length(max = 1024))]
    pub limits: Vec<Limit>,
    /// What providers' accounts let through, for which targets, and who waits for it.
    #[schemars(length(max = 256))]
    pub pools: Vec<Pool>,
    /// Whose calls go before others' where a pool is full.
    #[schemars(length(max = 1024))]
    pub priorities: Vec<Priority>,
    /// How much money whose calls may cost.
    #[schemars(length(max = 1024))]
    pub budgets: Vec<Budget>,
    /// What calls may say and be told, for whom: sets of rules, which add up.
    #[schemars(length(max = 128))]
    pub guardrails: Vec<Guardrail>,
    /// Services outside that guardrails ask about texts.
    #[schemars(length(max = 64))]
    pub guards: Vec<GuardService>,
    /// Checks that every call must meet. A configuration in which a team's calls to a model do not is refused, and so is
    /// any call that does not.
    #[serde(skip_serializing_if = "RequiredChecks::is_none")]
    pub required_checks: RequiredChecks,
    /// The key of hashes and tokens that stand in place of what guardrails take out: 32 random characters and more.
    pub redaction_key: Option<SecretRef>,
    /// What is recorded of guarded calls, for trying a changed policy on them. Absent: nothing.
    pub recording: Option<Recording>,
    /// Where many gateways count limits and budgets together: a Redis or Valkey. Absent: each counts in its memory.
    pub counters: Option<SharedCounters>,
    /// Who is told when a share of a budget is spent, or when it is exhausted.
    pub notify: Notify,
    /// Answers that are kept, to be given again.
    pub cache: Cache,
    /// What is done where providers fail.
    pub resilience: Resilience,
    /// How answers are streamed.
    pub streams: Streams,
    /// How the gateway stops.
    pub drain: Drain,
    /// What the gateway tells about itself.
    pub telemetry: Telemetry,
}

impl Document {
    /// The provider of this name.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|p| p.name.as_str() == name)
    }

    /// The entry that decides where a call for `model` goes: the exact name, else the first pattern that matches.
    #[must_use]
    pub fn model(&self, model: &str) -> Option<&Model> {
        let exact = self.models.iter().find(|m| m.name.is_exact() && m.name.as_str() == model);
        exact.or_else(|| self.models.iter().find(|m| m.name.matches(model)))
    }
}
