//! The headers that the gateway adds to every answer.

use crate::settle::Standings;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::Family;
use tg_kernel::ids::CallId;
use tg_kernel::record::{Cost, Pricing, Record};
use tg_kernel::reuse::Outcome;
use tg_policy::admit::{Measure, Standing};

/// The call's id in ledger, log and trace.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-tallygate-request-id");
/// The provider that served the call.
pub const PROVIDER: HeaderName = HeaderName::from_static("x-tallygate-provider");
/// The model as sent to the provider.
pub const MODEL: HeaderName = HeaderName::from_static("x-tallygate-model");
/// Tries made.
pub const ATTEMPTS: HeaderName = HeaderName::from_static("x-tallygate-attempts");
/// The gateway's own share of the time before the call left, in microseconds.
pub const OVERHEAD: HeaderName = HeaderName::from_static("x-tallygate-overhead-us");
/// What kind of task the call was taken for, where that was found: `classification; difficulty=12`, in percent.
pub const TASK: HeaderName = HeaderName::from_static("x-tallygate-task");
/// The cost in US dollars. On streams a trailer, for callers that send `te: trailers`.
pub const COST: HeaderName = HeaderName::from_static("x-tallygate-cost-usd");
/// The code of a fault, also for dialects whose bodies have no place for one.
pub const ERROR_CODE: HeaderName = HeaderName::from_static("x-tallygate-error-code");
/// What the target's dialect could not express; comma-separated.
pub const LOSSES: HeaderName = HeaderName::from_static("x-tallygate-losses");

/// The bound on output to which the request was lowered, as its limits had no room for more: `output_tokens=N`.
pub const CLAMPED: HeaderName = HeaderName::from_static("x-tallygate-clamped");

/// That the call went to a cheaper model: `budget=NAME`.
pub const DOWNGRADED: HeaderName = HeaderName::from_static("x-tallygate-downgraded");

/// That the counts which replicas share were away, and by what the call was decided instead: `local`, `shadow`.
pub const COUNTERS: HeaderName = HeaderName::from_static("x-tallygate-counters");

/// How long the call waited for a place in a pool, in whole milliseconds; absent where it did not. On streams that began
/// before their provider, the ledger alone has it.
pub const QUEUED: HeaderName = HeaderName::from_static("x-tallygate-queued-ms");

/// That a cheaper model would do for the call: `model=PROVIDER/MODEL; task=…; saving_usd=…`.
pub const ADVICE: HeaderName = HeaderName::from_static("x-tallygate-advice");

/// The rules of guardrails that did something to the call or its answer, as `SET/RULE`; comma-separated. On streams those
/// of the request, as the answer is yet to come.
pub const GUARDRAIL: HeaderName = HeaderName::from_static("x-tallygate-guardrail");

/// What the cache of answers did: `hit`, `miss`, `refresh`, `off`, `unfit`, `away`. Absent where no rule is for the call.
pub const CACHE: HeaderName = tg_policy::cache::HEADER;

/// What the answer would have cost, in US dollars, had it not been kept.
pub const SAVED: HeaderName = HeaderName::from_static("x-tallygate-saved-usd");
/// How like the question was whose answer was given again.
pub const LIKENESS: HeaderName = HeaderName::from_static("x-tallygate-likeness");

/// Longest value of a header that lists losses or rules, in bytes; the ledger has them all.
const LIST_BYTES_MAX: usize = 1024;

/// Adds the call's id, also under the name that the family's SDKs read, unless the provider's own is there.
pub(crate) fn put_id(headers: &mut HeaderMap, family: Family, id: CallId) {
    let name = match family {
        Family::Openai => HeaderName::from_static("x-request-id"),
        Family::Anthropic => HeaderName::from_static("request-id"),
        Family::Bedrock => HeaderName::from_static("x-amzn-requestid"),
    };
    let value = text(id.to_string());
    headers.entry(name).or_insert_with(|| value.clone());
    headers.insert(REQUEST_ID, value);
}

/// Adds what is known of who serves the call.
pub(crate) fn put_served(headers: &mut HeaderMap, served: &tg_kernel::record::Served, overhead_us: u64) {
    headers.insert(PROVIDER, shared(&served.provider));
    headers.insert(MODEL, shared(&served.model));
    headers.insert(ATTEMPTS, HeaderValue::from(served.attempts));
    headers.insert(OVERHEAD, HeaderValue::from(overhead_us));
}

/// Adds what kind of task the call was taken for, where that was found.
pub(crate) fn put_task(headers: &mut HeaderMap, record: &Record) {
    if let Some(task) = record.decided.as_deref().and_then(|decided| decided.task.as_ref()) {
        headers.insert(TASK, text(format!("{}; difficulty={}", task.class, task.difficulty)));
    }
}

/// Adds the cost; a call without a known price does not look as if it were free.
pub(crate) fn put_cost(headers: &mut HeaderMap, cost: &Cost) {
    headers.insert(COST, dollars(cost));
}

fn dollars(cost: &Cost) -> HeaderValue {
    match cost.pricing {
        Pricing::Unpriced => HeaderValue::from_static("unknown"),
        _ => text(cost.amount.to_string()),
    }
}

/// Adds what the cache did.
pub(crate) fn put_cache(headers: &mut HeaderMap, outcome: Option<Outcome>) {
    if let Some(outcome) = outcome {
        headers.insert(CACHE, HeaderValue::from_static(outcome.as_str()));
    }
}

/// Adds how like the question was that was answered before, from 0 to 1.
pub(crate) fn put_likeness(headers: &mut HeaderMap, millionths: u32) {
    headers.insert(LIKENESS, text(format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)));
}

/// Adds what it saved.
pub(crate) fn put_saved(headers: &mut HeaderMap, saved: &Cost) {
    headers.insert(SAVED, dollars(saved));
}

/// Adds how the caller's limits stand, in the family's own words: those of the tightest bound of each kind. A provider's
/// headers of the same names speak of the gateway's account, and go.
pub(crate) fn put_standings(headers: &mut HeaderMap, family: Family, standings: &Standings) {
    if let Some(budget) = &standings.downgraded {
        headers.insert(DOWNGRADED, text(format!("budget={budget}")));
    }
    if !standings.queued.is_zero() {
        let millis = u64::try_from(standings.queued.as_millis()).unwrap_or(u64::MAX);
        headers.insert(QUEUED, HeaderValue::from(millis));
    }
    if let Some(instead) = standings.instead {
        headers.insert(COUNTERS, HeaderValue::from_static(instead.as_str()));
    }
    if standings.of.is_empty() {
        return;
    }
    let names: Vec<HeaderName> = headers.keys().filter(|name| speaks_of_limits(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
    let kinds: &[(&str, &[Measure])] = match family {
        Family::Anthropic => &[
            ("requests", &[Measure::Requests]),
            ("tokens", &[Measure::Tokens]),
            ("input-tokens", &[Measure::InputTokens]),
            ("output-tokens", &[Measure::OutputTokens]),
        ],
        Family::Openai | Family::Bedrock => &[
            ("requests", &[Measure::Requests]),
            ("tokens", &[Measure::Tokens, Measure::InputTokens, Measure::OutputTokens]),
        ],
    };
    for (kind, measures) in kinds {
        let of_kind = standings.of.iter().filter(|standing| measures.contains(&standing.measure));
        if let Some(standing) = of_kind.min_by(|one, other| one.cmp_room(other)) {
            put_standing(headers, family, kind, standing, standings.at);
        }
    }
}

fn speaks_of_limits(name: &HeaderName) -> bool {
    ["x-ratelimit-", "anthropic-ratelimit-"].iter().any(|prefix| name.as_str().starts_with(prefix))
}

fn put_standing(headers: &mut HeaderMap, family: Family, kind: &str, standing: &Standing, at: Timestamp) {
    let Standing { limit, remaining, reset, .. } = standing;
    let (prefix, reset) = match family {
        Family::Anthropic => (format!("anthropic-ratelimit-{kind}-"), at.after(*reset).to_string()),
        Family::Openai | Family::Bedrock => ("x-ratelimit-".to_owned(), short(*reset)),
    };
    for (word, value) in [("limit", limit.to_string()), ("remaining", remaining.to_string()), ("reset", reset)] {
        let name = match family {
            Family::Anthropic => format!("{prefix}{word}"),
            Family::Openai | Family::Bedrock => format!("{prefix}{word}-{kind}"),
        };
        if let Ok(name) = HeaderName::try_from(name) {
            headers.insert(name, text(value));
        }
    }
}

/// A span as OpenAI writes it: `12ms`, `7s`, `6m0s`, `1h0m0s`. From a second on rounded up to whole ones.
fn short(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        return format!("{}ms", span.as_micros().div_ceil(1000));
    }
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// Adds the bound to which the output of each answer was lowered, if it was.
pub(crate) fn put_clamped(headers: &mut HeaderMap, output_tokens: Option<u64>) {
    if let Some(output_tokens) = output_tokens {
        headers.insert(CLAMPED, text(format!("output_tokens={output_tokens}")));
    }
}

/// Adds that a cheaper model would do, where callers are told.
pub(crate) fn put_advice(headers: &mut HeaderMap, advice: Option<String>) {
    if let Some(advice) = advice {
        headers.insert(ADVICE, text(advice));
    }
}

/// Adds the code of a fault.
pub(crate) fn put_code(headers: &mut HeaderMap, code: &'static str) {
    headers.insert(ERROR_CODE, HeaderValue::from_static(code));
}

/// Adds the losses, if there are any.
pub(crate) fn put_losses(headers: &mut HeaderMap, losses: &[String]) {
    put_list(headers, LOSSES, losses);
}

/// Adds the rules of guardrails that did something, if there are any.
pub(crate) fn put_guardrail(headers: &mut HeaderMap, rules: &[String]) {
    put_list(headers, GUARDRAIL, rules);
}

fn put_list(headers: &mut HeaderMap, name: HeaderName, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let mut list = items.join(",");
    if list.len() > LIST_BYTES_MAX {
        list.truncate(list.floor_char_boundary(LIST_BYTES_MAX));
        list.push('…');
    }
    headers.insert(name, text(list));
}

/// Sets the content type.
pub(crate) fn put_content_type(headers: &mut HeaderMap, content_type: &'static str) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
}

/// A header value of any text: what no header may hold becomes `?`. Takes the text over without copying it.
pub(crate) fn text(value: String) -> HeaderValue {
    let value = Bytes::from(value);
    HeaderValue::from_maybe_shared(value.clone()).unwrap_or_else(|_| {
        let safe: Vec<u8> =
            value.iter().map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { *byte } else { b'?' }).collect();
        HeaderValue::from_maybe_shared(Bytes::from(safe)).unwrap_or(HeaderValue::from_static("?"))
    })
}

/// A header value of a short text that is shared with others.
fn shared(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| text(value.to_owned()))
}

/// A provider's answer that goes on as it came.
#[derive(Debug, Default)]
pub(crate) struct Verbatim {
    pub(crate) status: http::StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}
