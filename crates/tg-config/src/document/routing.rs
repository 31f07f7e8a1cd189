//! How calls are told apart, whatever their routes ask.

use crate::grammar::{Percent, Sample, TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How calls are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Routing {
    /// Of which part of all chats the kind of task is found though no condition asks for it: for the ledger, and for
    /// `tallygate advise`. It costs less than 20 microseconds for a prompt of 1 KB.
    pub classify: Sample,
    /// By which clock `hour` and `weekday` in conditions go, as in `Europe/Berlin`. Absent: UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZone>,
}

impl Default for Routing {
    fn default() -> Self {
        Self { classify: Sample::Of(Percent::of_hundred(10)), time_zone: None }
    }
}
