//! Questions that cost nothing, by which it is known of a provider whether it is there before a call meets it.

use crate::grammar::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A request that each gateway makes again and again: `GET` of a path at the provider's own address. While it fails, all targets of the
/// provider are passed over in favour of others; where there is no other, calls go there all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// What is asked for, as in `/health` or `/v1/models`: from the root of the host of `base_url`, without the path of that. It must
    /// be something that costs nothing.
    #[schemars(length(max = 1024), regex(pattern = r"^/"))]
    pub path: String,
    /// How often; at least `1s`, at most `5m`.
    #[serde(default = "ten_seconds")]
    pub every: Period,
    /// How long an answer may take until its head is there, connection included; no longer than `every`.
    #[serde(default = "two_seconds")]
    pub timeout: Period,
    /// After so many that failed in a row the provider is passed over. One that succeeds ends it.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 100))]
    pub failures: u8,
    /// The status of the answer, when all is well. Absent: any from 200 to 399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 200, max = 599))]
    pub status: Option<u16>,
    /// Whether the provider's `api_key` and `headers` are sent. Off: nobody is told a secret by a probe.
    #[serde(default)]
    pub auth: bool,
}

const fn ten_seconds() -> Period {
    Period::seconds(10)
}

const fn two_seconds() -> Period {
    Period::seconds(2)
}

const fn two() -> u8 {
    2
}
