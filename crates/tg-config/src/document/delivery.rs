//! How answers are streamed and how the gateway stops.

use crate::grammar::{Keepalive, Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How answers are streamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Streams {
    /// How often a comment keeps an SSE stream open before its first token, or `off`.
    pub keepalive: Keepalive,
    /// What becomes of a call whose caller has gone.
    pub on_disconnect: OnDisconnect,
}

impl Default for Streams {
    fn default() -> Self {
        Self { keepalive: Keepalive::Every(Period::seconds(15)), on_disconnect: OnDisconnect::Cancel }
    }
}

/// What becomes of a call whose caller has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDisconnect {
    /// Cancel it at the provider; what it used so far is estimated where the provider has not said.
    #[default]
    Cancel,
    /// Read the rest of the answer, up to a cap, so that the provider's own count is booked.
    Drain(DrainCap),
}

/// How much of an abandoned answer is read; then it is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DrainCap {
    /// For this long.
    pub time_max: Period,
    /// This many bytes.
    pub bytes_max: Size,
}

impl Default for DrainCap {
    fn default() -> Self {
        Self { time_max: Period::seconds(30), bytes_max: Size::mebibytes(8) }
    }
}

/// How the gateway stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Drain {
    /// How long calls that are under way may go on after SIGTERM; then they are cut off with their dialect's error.
    pub time_max: Period,
}

impl Default for Drain {
    fn default() -> Self {
        // What Kubernetes grants a pod before it kills it.
        Self { time_max: Period::seconds(30) }
    }
}
