//! The compiled configuration: immutable, swapped whole. A call keeps the one with which it started.

pub use crate::guarding::outside::Outside;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tg_catalog::{Catalogue, Terms};
use tg_kernel::principal::Attribution;
use tg_net::egress::EgressPolicy;
use tg_policy::guard::Guards;
use tg_policy::iam::Trust;
use tg_policy::route::{CacheRules, Routes};
use tg_upstream::provider::Upstream;

/// Everything about a call that the configuration decides.
pub struct Snapshot {
    /// The providers, by name.
    pub upstreams: HashMap<Arc<str>, Arc<Upstream>>,
    /// Where calls go.
    pub routes: Routes,
    /// Of how many chats in a million the kind of task is found though no condition asks for it.
    pub looks_at_millionths: u32,
    /// Whose prompts get points for their provider's cache.
    pub prompt_cache: CacheRules,
    /// What calls may say and be told.
    pub guards: Arc<Guards>,
    /// Services outside that they ask.
    pub outside: Outside,
    /// How much callers may do.
    pub limits: tg_policy::admit::Limits,
    /// What providers' accounts let through.
    pub pools: tg_policy::pool::Quotas,
    /// Whose calls go before others' where that is all taken.
    pub priorities: tg_policy::pool::Priorities,
    /// How much their calls may cost. In force are those that the purses have taken over.
    pub budgets: Arc<tg_policy::admit::budget::Budgets>,
    /// Which answers are kept, to be given again.
    pub cache: Cache,
    /// Prices and limits of models.
    pub catalogue: Arc<Catalogue>,
    /// What was negotiated on those prices.
    pub terms: Arc<Terms>,
    /// What calls without a known price are charged under `unknown_price: ceiling`.
    pub ceiling: Ceiling,
    /// Bounds on requests.
    pub bounds: Bounds,
    /// What is done where providers fail.
    pub resilience: Resilience,
    /// How streams are kept and ended.
    pub streams: Streams,
    /// Whose IAM identities are taken in a key's place.
    pub trust: Arc<Trust>,
    /// What may be dialled to find out about them.
    pub witnesses: EgressPolicy,
}

impl Snapshot {
    /// Whether an inference profile is declared, at whichever provider, but only for others than whom a call is booked to.
    pub(crate) fn is_anothers_profile(&self, booked: &Attribution, arn: &str) -> bool {
        let mut declaring = self.upstreams.values().filter_map(|upstream| upstream.provider.profiles());
        let mut declared = false;
        let is_theirs = declaring.any(|profiles| {
            declared |= profiles.declares(arn);
            profiles.declares_for(booked, arn)
        });
        declared && !is_theirs
    }
}

/// Which answers are kept, and how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// For which calls, and how.
    pub rules: tg_policy::cache::Rules,
    /// Most bytes of all together.
    pub bytes_max: u64,
}

/// Rates for models without a price, in micro-dollars per million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// For input of every kind.
    pub input_rate: u64,
    /// For output of every kind.
    pub output_rate: u64,
}

/// Bounds on requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most bytes of a request's body.
    pub body_bytes_max: usize,
    /// Longest silence between two pieces of a request's body.
    pub body_idle: Duration,
    /// Longest time for the whole of it.
    pub body_whole: Duration,
}

/// What is done where providers fail, before the first byte of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resilience {
    /// When a target is passed over; `None`: never.
    pub breaker: Option<tg_policy::health::Settings>,
    /// How many more times the targets of a call are tried.
    pub retries: u32,
    /// Of all calls, how many millionths may be tried so again.
    pub retry_millionths: u32,
    /// How long is waited before, at first and at most.
    pub backoff: (Duration, Duration),
    /// How long after a call's arrival its answer must have begun.
    pub deadline: Option<Duration>,
}

/// How streams are kept and ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    /// Send a comment this often before the first token; `None`: never.
    pub keepalive: Option<Duration>,
    /// What happens upstream when the caller leaves.
    pub on_disconnect: OnDisconnect,
}

/// What happens upstream when the caller leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDisconnect {
    /// The upstream call is cancelled at once; the rest is estimated.
    Cancel,
    /// The rest is read and dropped, so that the counts are exact, within a cap.
    Drain {
        /// For at most this long.
        time_max: Duration,
        /// And at most this many bytes.
        bytes_max: u64,
    },
}
