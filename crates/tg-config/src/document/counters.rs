//! Where many gateways count together.

use crate::grammar::{CountersUrl, Period, SecretRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::path::PathBuf;

/// Where limits and budgets are counted for many gateways together: in a Redis or Valkey. Read at the start only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedCounters {
    /// The server, the Sentinels that know it, or nodes of the cluster.
    pub url: CountersUrl,
    /// The user. Absent: the server's default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's password. Absent: none is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// The user at the Sentinels. Absent: their default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentinel_user: Option<String>,
    /// The password at the Sentinels. Absent: none is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentinel_password: Option<SecretRef>,
    /// A PEM file with the authorities that are trusted. Absent: the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// What keeps all keys together (`{tag}:…`), and apart from those of others. Gateways with the same tag count together.
    #[serde(default = "default_tag")]
    #[schemars(length(min = 1, max = 64))]
    pub tag: String,
    /// How long a call waits for an answer: from 1 ms to 5 s.
    #[serde(default = "default_timeout")]
    pub timeout: Period,
    /// How long a connection may take, TLS and login included: at most 30 s. No call waits for it.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: Period,
    /// How many gateways there are, of which each takes its share while the counters are away. Absent: as many as were
    /// heard of last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<NonZeroU32>,
    /// So many hundredths of each rate a gateway takes ahead of need, to ask less often: at most 25. 0: none. It makes
    /// rates inexact by as much for each gateway; calls at a time and budgets stay exact.
    #[serde(default)]
    #[schemars(range(max = 25))]
    pub lease_percent: u8,
    /// How long a call waits for what is spent of its budgets to be summed, where it was not yet: at most 30 s.
    #[serde(default = "default_sum_timeout")]
    pub sum_timeout: Period,
}

fn default_tag() -> String {
    "tallygate".to_owned()
}

const fn default_timeout() -> Period {
    Period::millis(20)
}

const fn default_connect_timeout() -> Period {
    Period::millis(500)
}

const fn default_sum_timeout() -> Period {
    Period::seconds(2)
}

/// What happens to calls while the counters that many gateways share are away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenAway {
    /// Each gateway lets its share through, which it counts in its memory: what is allowed, divided by the number of
    /// gateways.
    FailOpenLocal,
    /// They are refused with 503.
    FailClosed,
    /// They pass uncounted.
    Shadow,
}
