//! What is done where providers fail: who is left in peace for a while, and how often a call is sent again.

use crate::grammar::{Percent, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is done where providers fail, before the first byte of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resilience {
    /// When a target is passed over for a while in favour of others. With one target alone, or where all are passed over,
    /// calls go out all the same.
    pub breaker: Breaker,
    /// How many more times the targets of a call are tried, all in turn, after all of them have failed in a way that may
    /// pass. The official clients try twice again by themselves, so 0 if nothing is said.
    #[schemars(range(max = 5))]
    pub retries: u8,
    /// Of all calls, how many may be tried so again: beyond that a failure is told at once, so that trouble is not
    /// multiplied. One each second may be in any case.
    pub retry_share: Percent,
    /// How long is waited before the targets are tried again; doubled each time, and about half of it at random. What a
    /// provider asks for in `retry-after` counts if it is longer.
    pub backoff: Period,
    /// Longest wait before they are tried again. A provider that asks for more is not waited for.
    pub backoff_max: Period,
    /// How long after a call's arrival its answer must have begun, all tries together: no try is begun later, and none is
    /// waited for longer. Absent: each try has its provider's `timeouts.first_byte`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Period>,
}

impl Default for Resilience {
    fn default() -> Self {
        Self {
            breaker: Breaker::default(),
            retries: 0,
            retry_share: Percent::of_hundred(10),
            backoff: Period::millis(100),
            backoff_max: Period::seconds(2),
            deadline: None,
        }
    }
}

/// When a target (one model of one provider) is passed over for a while. A wrong request counts against nobody, a refused
/// credential benches its provider for 30 seconds, a `429` its target for as long as it says (at most a minute), and a model
/// that its provider does not have (any more) for five minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    /// Whether targets are passed over at all.
    pub enabled: bool,
    /// After so many failures in a row.
    #[schemars(range(min = 1, max = 1000))]
    pub failures: u16,
    /// Or where so much of the calls of the last ten seconds failed,
    pub error_share: Percent,
    /// if these were at least so many.
    #[schemars(range(min = 1, max = 100_000))]
    pub calls_min: u32,
    /// How long, before one call looks whether it works again. Doubled each time that it does not.
    pub rest: Period,
    /// Longest rest.
    pub rest_max: Period,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            enabled: true,
            failures: 5,
            error_share: Percent::of_hundred(50),
            calls_min: 20,
            rest: Period::seconds(1),
            rest_max: Period::seconds(60),
        }
    }
}
