//! Every metric and attribute name, with its help text and unit: the one list that code and documentation share.

/// What a metric counts or measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows. Exposed with `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution. Exposed as `_bucket`, `_sum` and `_count`.
    Histogram,
}

/// Which generation of OpenTelemetry's GenAI names a metric belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Exposed always.
    Always,
    /// Names that dashboards know: exposed under `old` and `both`.
    Old,
    /// Names of the conventions since autumn 2026: exposed under `new` and `both`.
    New,
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// The name as exposed, without the suffix of its kind.
    pub name: &'static str,
    /// OpenTelemetry's own spelling, where the metric is one of its.
    pub otel: Option<&'static str>,
    /// What it is.
    pub kind: Kind,
    /// The unit of its values.
    pub unit: &'static str,
    /// What it tells.
    pub help: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// When it is exposed.
    pub generation: Generation,
    /// Upper bounds of a histogram's buckets.
    pub buckets: &'static [f64],
}

const fn own(name: &'static str, kind: Kind, unit: &'static str, help: &'static str, labels: Labels) -> Metric {
    Metric { name, otel: None, kind, unit, help, labels, generation: Generation::Always, buckets: &[] }
}

type Labels = &'static [&'static str];

mod budgets;
mod cache;
mod clock;
mod counters;
mod guards;
pub mod label;
mod ledger;
mod pools;
mod revisions;
mod shadows;
mod targets;

pub use budgets::{
    BUDGET_AMOUNT, BUDGET_CROWDED, BUDGET_FULLEST, BUDGET_HELD, BUDGET_NOTICES, BUDGET_OVERDRAWN, BUDGET_REFUSALS,
    BUDGET_SPENT,
};
pub use cache::{CACHE_ANSWERS, CACHE_BYTES, CACHE_CALLS, CACHE_CROWDED_OUT, CACHE_KEPT, CACHE_SAVED};
pub use clock::CLOCK_STEPS;
pub use counters::{
    COUNTERS_AWAY, COUNTERS_AWAY_SECONDS, COUNTERS_CLOCK_SKEW, COUNTERS_FAILED, COUNTERS_LATE, COUNTERS_LOCAL,
    COUNTERS_LOST, COUNTERS_REFUSED, COUNTERS_REPLICAS, COUNTERS_RESTING, COUNTERS_ROUND_TRIPS, COUNTERS_SHADOW,
    COUNTERS_UNKNOWN, COUNTERS_WAITING,
};
pub use guards::{
    GUARD_FAILURES, GUARD_HITS, GUARD_QUESTIONS, GUARD_REMEMBERED, GUARD_SECONDS, GUARD_TIME, GUARDED_CALLS,
    UNGUARDED_CALLS,
};
pub use ledger::{
    CORRECTIONS, JOURNAL_BYTES, JOURNAL_FAILING, JOURNAL_LATE, JOURNAL_OPEN, JOURNAL_UNWRITTEN, LEDGER_DELETED_ROLLUPS,
    LEDGER_DELETED_ROWS, LEDGER_OLDEST, METER_DEFERRED, METER_DROPPED, METER_QUEUE, STORE_BYTES,
};

pub use pools::{POOL_ENTRIES, POOL_IN_FLIGHT, POOL_LIMIT, POOL_REFUSALS, POOL_WAIT, POOL_WAITING};
pub use revisions::{CONFIG_REVISION, CONFIG_REVISION_BLIND, CONFIG_REVISION_REFUSED};
pub use shadows::{COMPARISONS, QUALITY_KEPT, QUALITY_SAMPLES, SHADOW_CALLS, TASK_ROUTING_OFF};
pub use targets::{HEDGES, HEDGES_DENIED, PROBE_UP, PROBES, RETRIES, RETRIES_DENIED, TARGET_BENCHES, TARGETS_BENCHED};

use label as l;

const GEN_AI: Labels = &[l::GEN_AI_OPERATION, l::GEN_AI_PROVIDER, l::GEN_AI_MODEL];
const GEN_AI_ERROR: Labels = &[l::GEN_AI_OPERATION, l::GEN_AI_PROVIDER, l::GEN_AI_MODEL, l::ERROR];
const GEN_AI_MODAL: Labels = &[l::GEN_AI_OPERATION, l::GEN_AI_PROVIDER, l::GEN_AI_MODEL, l::GEN_AI_MODALITY];

/// Given by OpenTelemetry for token counts: powers of four.
const TOKEN_BUCKETS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// Given by OpenTelemetry for durations.
const SECOND_BUCKETS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// Given by OpenTelemetry for the wait for the first token.
const FIRST_TOKEN_BUCKETS: &[f64] =
    &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// From a call without any work to one that waited for a store.
const OVERHEAD_BUCKETS: &[f64] =
    &[5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 50_000.0, 100_000.0];

const fn otel(name: &'static str, otel: &'static str, generation: Generation, base: Metric) -> Metric {
    Metric { name, otel: Some(otel), generation, ..base }
}

const fn seconds(help: &'static str, labels: Labels, buckets: &'static [f64]) -> Metric {
    Metric { buckets, ..own("", Kind::Histogram, "seconds", help, labels) }
}

const fn tokens(kind: Kind, help: &'static str, labels: Labels, buckets: &'static [f64]) -> Metric {
    Metric { buckets, ..own("", kind, "tokens", help, labels) }
}

/// Tokens per call and direction, under the old name.
pub const TOKEN_USAGE: Metric = otel(
    "gen_ai_client_token_usage",
    "gen_ai.client.token.usage",
    Generation::Old,
    tokens(
        Kind::Histogram,
        "Tokens of one call, by direction; input counts cached tokens too",
        &[l::GEN_AI_OPERATION, l::GEN_AI_PROVIDER, l::GEN_AI_MODEL, l::GEN_AI_TOKEN_TYPE],
        TOKEN_BUCKETS,
    ),
);
/// Duration of a call, under the old name.
pub const OPERATION_DURATION: Metric = otel(
    "gen_ai_client_operation_duration_seconds",
    "gen_ai.client.operation.duration",
    Generation::Old,
    seconds("Duration of calls that reached a provider", GEN_AI_ERROR, SECOND_BUCKETS),
);
/// Duration of a call, under the new name.
pub const INFERENCE_DURATION: Metric = otel(
    "gen_ai_client_inference_duration_seconds",
    "gen_ai.client.inference.duration",
    Generation::New,
    seconds("Duration of calls that reached a provider", GEN_AI_ERROR, SECOND_BUCKETS),
);
/// Wait for the first piece of the answer, under the new name.
pub const TIME_TO_FIRST_CHUNK: Metric = otel(
    "gen_ai_client_inference_time_to_first_chunk_seconds",
    "gen_ai.client.inference.time_to_first_chunk",
    Generation::New,
    seconds("Time from a call's head to the first byte of its answer's body", GEN_AI, FIRST_TOKEN_BUCKETS),
);
/// Input tokens per call, under the new name.
pub const INPUT_PER_CALL: Metric = otel(
    "gen_ai_client_inference_operation_input_tokens",
    "gen_ai.client.inference.operation.input_tokens",
    Generation::New,
    tokens(Kind::Histogram, "Input tokens of one call, cached ones too", GEN_AI, TOKEN_BUCKETS),
);
/// Output tokens per call, under the new name.
pub const OUTPUT_PER_CALL: Metric = otel(
    "gen_ai_client_inference_operation_output_tokens",
    "gen_ai.client.inference.operation.output_tokens",
    Generation::New,
    tokens(Kind::Histogram, "Output tokens of one call, reasoning too", GEN_AI, TOKEN_BUCKETS),
);
/// Input tokens, under the new name.
pub const USAGE_INPUT: Metric = otel(
    "gen_ai_client_inference_usage_input_tokens",
    "gen_ai.client.inference.usage.input_tokens",
    Generation::New,
    tokens(Kind::Counter, "Input tokens, cached ones too", GEN_AI_MODAL, &[]),
);
/// Output tokens, under the new name.
pub const USAGE_OUTPUT: Metric = otel(
    "gen_ai_client_inference_usage_output_tokens",
    "gen_ai.client.inference.usage.output_tokens",
    Generation::New,
    tokens(Kind::Counter, "Output tokens, reasoning too", GEN_AI_MODAL, &[]),
);
/// Input tokens read from a cache, under the new name.
pub const USAGE_CACHE_READ: Metric = otel(
    "gen_ai_client_inference_usage_cache_read_input_tokens",
    "gen_ai.client.inference.usage.cache_read.input_tokens",
    Generation::New,
    tokens(Kind::Counter, "Input tokens read from a prompt cache", GEN_AI_MODAL, &[]),
);
/// Input tokens written to a cache, under the new name.
pub const USAGE_CACHE_WRITE: Metric = otel(
    "gen_ai_client_inference_usage_cache_write_input_tokens",
    "gen_ai.client.inference.usage.cache_write.input_tokens",
    Generation::New,
    tokens(Kind::Counter, "Input tokens written to a prompt cache", GEN_AI_MODAL, &[]),
);
/// Reasoning tokens, under the new name.
pub const USAGE_REASONING: Metric = otel(
    "gen_ai_client_inference_usage_reasoning_output_tokens",
    "gen_ai.client.inference.usage.reasoning.output_tokens",
    Generation::New,
    tokens(Kind::Counter, "Output tokens that were reasoning", GEN_AI_MODAL, &[]),
);
/// Duration of a call as its caller sees it.
pub const REQUEST_DURATION: Metric = otel(
    "gen_ai_server_request_duration_seconds",
    "gen_ai.server.request.duration",
    Generation::Always,
    seconds("Duration of every call as its caller sees it, refused ones too", GEN_AI_ERROR, SECOND_BUCKETS),
);
/// Wait for the first token as the caller sees it.
pub const TIME_TO_FIRST_TOKEN: Metric = otel(
    "gen_ai_server_time_to_first_token_seconds",
    "gen_ai.server.time_to_first_token",
    Generation::Always,
    seconds("Time from a call's head to the first byte of its answer's body", GEN_AI, FIRST_TOKEN_BUCKETS),
);
/// Finished calls.
pub const CALLS: Metric = own(
    "tallygate_calls",
    Kind::Counter,
    "calls",
    "Finished calls, by how they ended",
    &[l::ENDING, l::DIALECT, l::OPERATION, l::PROVIDER, l::MODEL, l::ERROR],
);
/// What the gateway itself adds.
pub const OVERHEAD: Metric = Metric {
    buckets: OVERHEAD_BUCKETS,
    ..own(
        "tallygate_overhead_microseconds",
        Kind::Histogram,
        "microseconds",
        "The gateway's own share of a call before it was sent on",
        &[l::DIALECT],
    )
};
/// Money.
pub const SPEND: Metric = own(
    "tallygate_spend_usd",
    Kind::Counter,
    "US dollars",
    "Cost of finished calls; the ledger holds the exact sums",
    &[l::TEAM, l::PROVIDER, l::MODEL],
);
/// Tokens by kind.
pub const TOKENS: Metric = own(
    "tallygate_tokens",
    Kind::Counter,
    "tokens",
    "Tokens of finished calls; kinds do not overlap, except that reasoning is a part of output",
    &[l::KIND, l::TEAM, l::PROVIDER, l::MODEL],
);
/// Calls whose cost is not known.
pub const UNPRICED: Metric = own(
    "tallygate_unpriced_calls",
    Kind::Counter,
    "calls",
    "Calls without a price in the catalogue, let through by policy: their spend is not known",
    &[l::PROVIDER, l::MODEL],
);
/// What translation left out.
pub const LOSSES: Metric = own(
    "tallygate_translation_losses",
    Kind::Counter,
    "members",
    "Members of requests that the provider's dialect could not express",
    &[l::DIALECT, l::PROVIDER_DIALECT],
);
/// What points for prompt caches came to.
pub const PROMPT_CACHE: Metric = own(
    "tallygate_prompt_cache_usd",
    Kind::Counter,
    "US dollars",
    "Of calls into which the gateway put points for a prompt cache: what reading it saved beside plain input, and what was paid more where writing it outweighed that",
    &[l::PROVIDER, l::MODEL, l::KIND],
);
/// Reasons that this version does not know.
pub const UNKNOWN_STOPS: Metric = own(
    "tallygate_unknown_stop_reasons",
    Kind::Counter,
    "calls",
    "Answers that ended for a reason that this version does not know",
    &[l::PROVIDER],
);
/// Calls that were sent to a provider and have been settled, of those sent.
pub const CAPTURE_RATE: Metric = own(
    "tallygate_capture_rate",
    Kind::Gauge,
    "ratio",
    "Calls settled divided by calls sent to a provider since start; below 1 while calls are in flight",
    &[],
);
/// Calls that limits could not count apart.
pub const LIMIT_CROWDED: Metric = own(
    "tallygate_limit_crowded",
    Kind::Counter,
    "",
    "Calls that a limit counted together with those of other keys, tags, …, as there were too many to count each apart",
    &[l::LIMIT],
);
/// Calls that limits refused.
pub const LIMIT_REFUSALS: Metric = own(
    "tallygate_limit_refusals",
    Kind::Counter,
    "",
    "Calls for which a limit had no room: refused, or under `mode: observe` let pass all the same",
    &[l::LIMIT],
);
/// Calls sent to a provider.
pub const CALLS_SENT: Metric =
    own("tallygate_calls_sent", Kind::Counter, "calls", "Calls sent to a provider since start", &[]);
/// Calls in flight.
pub const IN_FLIGHT: Metric =
    own("tallygate_calls_in_flight", Kind::Gauge, "calls", "Calls that have begun and not ended", &[]);
/// Connections from callers.
pub const CONNECTIONS: Metric =
    own("tallygate_connections_open", Kind::Gauge, "connections", "Open connections from callers", &[]);
/// Spans delivered.
pub const SPANS_EXPORTED: Metric =
    own("tallygate_spans_exported", Kind::Counter, "spans", "Spans that the trace collector accepted", &[]);
/// Spans lost.
pub const SPANS_DROPPED: Metric = own(
    "tallygate_spans_dropped",
    Kind::Counter,
    "spans",
    "Spans dropped because the queue was full or the collector did not take them",
    &[],
);

/// Every metric, in the order of the documentation.
pub const METRICS: &[Metric] = &[
    CALLS,
    OVERHEAD,
    SPEND,
    TOKENS,
    UNPRICED,
    LOSSES,
    PROMPT_CACHE,
    UNKNOWN_STOPS,
    GUARDED_CALLS,
    GUARD_HITS,
    GUARD_TIME,
    UNGUARDED_CALLS,
    GUARD_QUESTIONS,
    GUARD_REMEMBERED,
    GUARD_SECONDS,
    GUARD_FAILURES,
    CAPTURE_RATE,
    CALLS_SENT,
    LIMIT_REFUSALS,
    LIMIT_CROWDED,
    BUDGET_AMOUNT,
    BUDGET_SPENT,
    BUDGET_HELD,
    BUDGET_FULLEST,
    BUDGET_OVERDRAWN,
    BUDGET_REFUSALS,
    BUDGET_NOTICES,
    BUDGET_CROWDED,
    CACHE_CALLS,
    CACHE_SAVED,
    CACHE_KEPT,
    CACHE_CROWDED_OUT,
    CACHE_ANSWERS,
    CACHE_BYTES,
    TARGETS_BENCHED,
    TARGET_BENCHES,
    PROBE_UP,
    PROBES,
    RETRIES,
    RETRIES_DENIED,
    HEDGES,
    HEDGES_DENIED,
    POOL_LIMIT,
    POOL_IN_FLIGHT,
    POOL_WAITING,
    POOL_ENTRIES,
    POOL_REFUSALS,
    POOL_WAIT,
    SHADOW_CALLS,
    COMPARISONS,
    QUALITY_KEPT,
    QUALITY_SAMPLES,
    TASK_ROUTING_OFF,
    COUNTERS_AWAY,
    COUNTERS_AWAY_SECONDS,
    COUNTERS_ROUND_TRIPS,
    COUNTERS_LATE,
    COUNTERS_FAILED,
    COUNTERS_RESTING,
    COUNTERS_LOCAL,
    COUNTERS_SHADOW,
    COUNTERS_REFUSED,
    COUNTERS_UNKNOWN,
    COUNTERS_WAITING,
    COUNTERS_LOST,
    COUNTERS_REPLICAS,
    COUNTERS_CLOCK_SKEW,
    CLOCK_STEPS,
    IN_FLIGHT,
    CONNECTIONS,
    METER_QUEUE,
    METER_DEFERRED,
    METER_DROPPED,
    JOURNAL_OPEN,
    JOURNAL_BYTES,
    STORE_BYTES,
    LEDGER_OLDEST,
    LEDGER_DELETED_ROWS,
    LEDGER_DELETED_ROLLUPS,
    CORRECTIONS,
    JOURNAL_LATE,
    JOURNAL_UNWRITTEN,
    JOURNAL_FAILING,
    CONFIG_REVISION,
    CONFIG_REVISION_REFUSED,
    CONFIG_REVISION_BLIND,
    SPANS_EXPORTED,
    SPANS_DROPPED,
    REQUEST_DURATION,
    TIME_TO_FIRST_TOKEN,
    TOKEN_USAGE,
    OPERATION_DURATION,
    INFERENCE_DURATION,
    TIME_TO_FIRST_CHUNK,
    INPUT_PER_CALL,
    OUTPUT_PER_CALL,
    USAGE_INPUT,
    USAGE_OUTPUT,
    USAGE_CACHE_READ,
    USAGE_CACHE_WRITE,
    USAGE_REASONING,
];

/// One attribute of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its key.
    pub key: &'static str,
    /// What it tells.
    pub help: &'static str,
}

macro_rules! attributes {
    ($($constant:ident = $key:literal, $help:literal;)*) => {
        /// Keys of span attributes.
        pub mod attribute {
            $(#[doc = $help] pub const $constant: &str = $key;)*
        }
        /// Every attribute of a span, in the order of the documentation.
        pub const ATTRIBUTES: &[Attribute] = &[$(Attribute { key: $key, help: $help }),*];
    };
}

attributes! {
    OPERATION = "gen_ai.operation.name", "The operation.";
    PROVIDER_NAME = "gen_ai.provider.name", "The provider by its OpenTelemetry name (`aws.bedrock`, `anthropic`, …).";
    REQUEST_MODEL = "gen_ai.request.model", "The model as sent to the provider; as asked, where the call was not sent.";
    REQUEST_STREAM = "gen_ai.request.stream", "Whether a stream was asked for.";
    FINISH_REASONS = "gen_ai.response.finish_reasons", "Why the answer ended.";
    FIRST_CHUNK = "gen_ai.response.time_to_first_chunk", "Seconds to the first byte of the answer's body.";
    INPUT_TOKENS = "gen_ai.usage.input_tokens", "Input tokens, cached ones too.";
    OUTPUT_TOKENS = "gen_ai.usage.output_tokens", "Output tokens, reasoning too.";
    CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens", "Input tokens read from a prompt cache.";
    CACHE_WRITE_TOKENS = "gen_ai.usage.cache_write.input_tokens", "Input tokens written to a prompt cache.";
    REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens", "Output tokens that were reasoning.";
    USAGE_COST = "gen_ai.usage.cost", "Cost in US dollars, under the name that other tools use. Absent if not known.";
    ERROR_TYPE = "error.type", "The fault's code.";
    STATUS_CODE = "http.response.status_code", "The status sent to the caller.";
    CALL_ID = "tallygate.call.id", "The call's id, as in the answer's header, the log and the ledger.";
    ENDING = "tallygate.ending", "How the call ended.";
    DIALECT = "tallygate.dialect", "The caller's dialect.";
    PROVIDER = "tallygate.provider", "The provider's name in the configuration.";
    PROVIDER_REQUEST_ID = "tallygate.provider.request_id", "The provider's own id of the request.";
    ATTEMPTS = "tallygate.attempts", "Tries made.";
    TEAM = "tallygate.team", "The team.";
    PROJECT = "tallygate.project", "The project.";
    ENVIRONMENT = "tallygate.environment", "The environment.";
    KEY_ID = "tallygate.key.id", "The public id of the key, never the key.";
    PRICING = "tallygate.pricing", "Whether the cost is known: `nothing`, `priced`, `ceiling`, `unpriced`.";
    USAGE_SOURCE = "tallygate.usage.source", "How far to trust the counts: `none`, `reported`, `estimated`.";
    OVERHEAD_MICROSECONDS = "tallygate.overhead_us", "The gateway's own share before the call was sent, in microseconds.";
    GUARD_VERDICT = "tallygate.guard.verdict", "What content checks came to: `passed`, `changed`, `rerouted`, `blocked`. Absent where none ran.";
    GUARD_HITS = "tallygate.guard.hits", "What they found, as in the log: never the text itself.";
    TRANSLATION_LOSSES = "tallygate.losses", "Members of the request that the provider's dialect could not express.";
}
