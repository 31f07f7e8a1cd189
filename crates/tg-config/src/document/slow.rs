//! Which targets of a route are tried last for being slow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a target is slow: by the median of its last answers within five minutes (streams until their first word, and others until
/// they are whole, each by themselves) beside those of the other targets of the call. It is tried after them for
/// `resilience.breaker.rest`, and then one call looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// It takes so many times as long,
    #[schemars(range(min = 2, max = 100))]
    pub times: u8,
    /// where of it and of another at least so many answers were seen. Default: 20.
    #[serde(default = "twenty")]
    #[schemars(range(min = 5, max = 50))]
    pub calls_min: u8,
}

const fn twenty() -> u8 {
    20
}
