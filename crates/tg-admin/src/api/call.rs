//! Finished calls as they travel, and how a list of them is asked for.

use super::report::{check_filters, window};
use super::time::quoted;
use super::{Amount, Decided, Guarded, Time, Usage};
use crate::query::{Parameters, read_filters};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::principal;
use tg_kernel::rates::{RateSheet, UnitKind};
use tg_kernel::record::{self, Record};
use tg_store::ledger::{CallFilter, Filter};

/// How many calls are listed where nothing is said.
const LIMIT_DEFAULT: usize = 100;
/// How many calls one answer lists at most.
const LIMIT_MAX: usize = 1000;

/// Which calls to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// How many at most.
    pub limit: usize,
    /// From when on they arrived, inclusive; see [`super::time::past`].
    pub since: Option<String>,
    /// Until when they arrived, exclusive; see [`super::time::past`].
    pub until: Option<String>,
    /// Only calls before this one: where the previous page ended.
    pub before: Option<CallId>,
    /// All must hold.
    pub filters: Vec<Filter>,
}

impl Calls {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn from_query(query: &str) -> Result<Self, Vec<String>> {
        let mut parameters = Parameters::read(query, &["limit", "since", "until", "before", "filter"]);
        let limit = parameters.parsed("limit", |text| match text.parse() {
            Ok(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
            _ => Err(format!("{} is not a number from 1 to {LIMIT_MAX}", quoted(text))),
        });
        let before = parameters.parsed("before", |text| {
            CallId::parse(text).ok_or_else(|| format!("{} is not a request id", quoted(text)))
        });
        let calls = Self {
            limit: limit.unwrap_or(LIMIT_DEFAULT),
            since: parameters.one("since"),
            until: parameters.one("until"),
            before,
            filters: read_filters(&mut parameters),
        };
        parameters.finish(calls)
    }

    /// As the store takes it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn resolve(&self, now: Timestamp) -> Result<CallFilter, Vec<String>> {
        let mut problems = Vec::new();
        let (since, until) = window(self.since.as_deref(), self.until.as_deref(), now, &mut problems);
        check_filters(&self.filters, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(CallFilter { since, until, before: self.before, filters: self.filters.clone(), ..CallFilter::default() })
    }
}

/// Some calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallPage {
    /// The latest first.
    pub calls: Vec<Call>,
    /// What to send as `before` for the next page; null where there is none.
    pub next: Option<String>,
}

/// One finished call: a row of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Call {
    /// The request id, as in the answer's headers.
    pub request_id: String,
    /// When it arrived.
    pub started_at: Time,
    /// To whom it is booked.
    pub attribution: Attribution,
    /// What was asked.
    pub asked: Asked,
    /// Who served it, as the last that was tried; null where no provider was reached.
    pub served: Option<Served>,
    /// The tries before that one, in their order.
    #[serde(default)]
    pub earlier: Vec<Attempt>,
    /// How it ended: `ok`, `refused`, `provider_error`, `truncated`, `client_gone` or `interrupted`.
    pub ending: String,
    /// The HTTP status sent to the caller (499 where the caller left before one was sent).
    pub status: u16,
    /// The fault's code, where there was one.
    pub fault: Option<String>,
    /// The counts.
    pub usage: Usage,
    /// How far to trust the counts: `none`, `reported` or `estimated`.
    pub usage_source: String,
    /// What it cost, without what earlier tries may have cost, as it was booked.
    pub cost: Cost,
    /// What was corrected since, over all tries: to be added to the cost.
    #[serde(default)]
    pub corrections: Vec<Correction>,
    /// What the target's dialect could not express.
    pub losses: Vec<String>,
    /// What content checks did; null where none ran.
    #[serde(default)]
    pub guarded: Option<Guarded>,
    /// What the gateway itself decided; null where that was nothing.
    #[serde(default)]
    pub decided: Option<Decided>,
    /// How long things took.
    pub timing: Timing,
}

/// What re-rating adds to the cost of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Correction {
    /// When it was made.
    pub made_at: Time,
    /// `price_changed`, or `price_known` where there was no price before.
    pub reason: String,
    /// The price before; null where there was none.
    pub old_price: Option<String>,
    /// The price now.
    pub new_price: Option<String>,
    /// What is charged more (or less).
    pub delta: Amount,
    /// How much more (or less) it would have cost at list price.
    pub list_delta: Amount,
    /// Whether the cost of the whole call is known now: `priced`, `ceiling` or `unpriced`.
    pub pricing: String,
}

/// A try that failed before another target was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// Who was asked.
    pub served: Served,
    /// The fault's code.
    pub fault: String,
    /// What it may have used, estimated; nothing where it cannot be billed.
    pub usage: Usage,
    /// What that may have cost.
    pub cost: Cost,
}

/// To whom a call is booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attribution {
    /// Public id of the key; null where no caller was identified.
    pub key_id: Option<String>,
    /// The team; null where no caller was identified.
    pub team: Option<String>,
    /// The project.
    pub project: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// Free tags.
    pub tags: Vec<String>,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// The caller's dialect.
    pub dialect: String,
    /// The operation.
    pub operation: String,
    /// The model that the caller named.
    pub model: String,
    /// Whether a stream was asked for.
    pub stream: bool,
}

/// Who served a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Served {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The model's id as sent to the provider; where a profile was named in its place, the model behind that, if known.
    pub model: String,
    /// The ARN of the application inference profile that was named to the provider in the model's place, or the id of the
    /// project of Bedrock's mantle endpoint to which the call counts: what AWS's bill groups it by.
    pub profile: Option<String>,
    /// The dialect spoken to it.
    pub dialect: String,
    /// The provider's request id.
    pub request_id: Option<String>,
    /// The name of the AWS role's session that signed, as it stands on the AWS bill; null where no role was assumed.
    pub aws_session: Option<String>,
    /// The service tier.
    pub tier: String,
    /// Tries made.
    pub attempts: u16,
    /// Why the answer ended, where the provider said.
    pub stop: Option<String>,
}

/// What a call cost, and by which price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// The amount.
    #[serde(flatten)]
    pub amount: Amount,
    /// What it would have been at list price.
    pub list: Amount,
    /// Whether it could be computed: `nothing`, `priced`, `ceiling` or `unpriced`.
    pub pricing: String,
    /// Version of the price catalogue and the row that priced it; null where none did.
    pub price: Option<String>,
    /// The price of one unit of each kind. Null where there were no prices, and in rows from before they were kept.
    pub rates: Option<BTreeMap<String, UnitPrice>>,
}

/// The price of one unit, in pico-dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnitPrice {
    /// As the catalogue has it.
    pub list: u64,
    /// As it is charged.
    pub contracted: u64,
}

/// How long things took, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Timing {
    /// From the request's head to the end of the answer.
    pub total_us: u64,
    /// From the request's head to the first byte of the answer's body.
    pub first_token_us: Option<u64>,
    /// The gateway's own share before the call left.
    pub overhead_us: u64,
}

fn known(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl From<&Record> for Call {
    fn from(record: &Record) -> Self {
        Self {
            request_id: record.id.to_string(),
            started_at: record.started_at.into(),
            attribution: Attribution::from(&record.attribution),
            asked: Asked {
                dialect: record.asked.dialect.as_str().to_owned(),
                operation: record.asked.operation.as_str().to_owned(),
                model: record.asked.model.to_string(),
                stream: record.asked.stream,
            },
            served: record.served.as_ref().map(Served::from),
            earlier: record.earlier.iter().map(Attempt::from).collect(),
            ending: record.ending.as_str().to_owned(),
            status: record.status,
            fault: record.fault.clone(),
            usage: record.usage.into(),
            usage_source: record.usage_source.as_str().to_owned(),
            cost: Cost::from(&record.cost),
            corrections: Vec::new(),
            losses: record.losses.clone(),
            guarded: record.guarded.as_deref().map(Guarded::from),
            decided: record.decided.as_deref().map(Decided::from),
            timing: Timing {
                total_us: record.timing.total_us,
                first_token_us: record.timing.first_token_us,
                overhead_us: record.timing.overhead_us,
            },
        }
    }
}

impl From<&tg_store::Correction> for Correction {
    fn from(correction: &tg_store::Correction) -> Self {
        Self {
            made_at: correction.made_at.into(),
            reason: correction.reason.as_str().to_owned(),
            old_price: known(&correction.old_price),
            new_price: known(&correction.new_price),
            delta: correction.delta.into(),
            list_delta: correction.list_delta.into(),
            pricing: correction.pricing.as_str().to_owned(),
        }
    }
}

impl From<&principal::Attribution> for Attribution {
    fn from(booked: &principal::Attribution) -> Self {
        Self {
            key_id: known(&booked.key_id),
            team: known(&booked.team),
            project: booked.project.as_deref().map(str::to_owned),
            environment: booked.environment.as_deref().map(str::to_owned),
            tags: booked.tags.clone(),
        }
    }
}

impl From<&record::Attempt> for Attempt {
    fn from(attempt: &record::Attempt) -> Self {
        Self {
            served: Served::from(&attempt.served),
            fault: attempt.fault.clone(),
            usage: attempt.usage.into(),
            cost: Cost::from(&attempt.cost),
        }
    }
}

impl From<&record::Cost> for Cost {
    fn from(cost: &record::Cost) -> Self {
        let sheet = cost.rates.as_deref().and_then(RateSheet::parse);
        let price = |sheet: &RateSheet, kind: UnitKind| {
            let price = sheet.get(kind)?;
            Some((kind.as_str().to_owned(), UnitPrice { list: price.list, contracted: price.contracted }))
        };
        Self {
            amount: cost.amount.into(),
            list: cost.list.into(),
            pricing: cost.pricing.as_str().to_owned(),
            price: known(&cost.price),
            rates: sheet.map(|sheet| UnitKind::ALL.into_iter().filter_map(|kind| price(&sheet, kind)).collect()),
        }
    }
}

impl From<&record::Served> for Served {
    fn from(served: &record::Served) -> Self {
        Self {
            provider: served.provider.to_string(),
            model: served.model.to_string(),
            profile: served.profile.as_deref().map(str::to_owned),
            dialect: served.dialect.as_str().to_owned(),
            request_id: served.request_id.clone(),
            aws_session: served.session.as_deref().map(str::to_owned),
            tier: served.tier.as_str().to_owned(),
            attempts: served.attempts,
            stop: served.stop.clone(),
        }
    }
}
