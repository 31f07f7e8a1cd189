//! How long the ledger is kept.

use crate::grammar::Age;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long the ledger is kept. What is older is deleted in the background, by whole days in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// How long the row of each call is kept, with its tags and the provider's request id. Reports over older calls are
    /// answered from sums by the hour. Absent: for ever.
    pub calls: Option<Age>,
    /// How long the sums are kept; not shorter than `calls`. Absent: for ever.
    pub rollups: Option<Age>,
}
