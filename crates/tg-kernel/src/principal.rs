//! Who calls, on whose account.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The caller, as authentication established it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Public id of the key (never the key).
    pub key_id: Arc<str>,
    /// The team that owns the key.
    pub team: Arc<str>,
    /// The project that the key is bound to, if it is.
    pub project: Option<Arc<str>>,
    /// The environment that the key is bound to, if it is.
    pub environment: Option<Arc<str>>,
    /// Patterns of the models that the key may use; empty means all. See `tg-policy`.
    pub models: Arc<[String]>,
}

/// To whom a call is booked. Part of a ledger row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attribution {
    /// Public id of the key; empty when no caller was identified.
    pub key_id: Arc<str>,
    /// The team; empty when no caller was identified.
    pub team: Arc<str>,
    /// The project, from the key, the call, or the team's stated default.
    pub project: Option<Arc<str>>,
    /// The environment, from the key.
    pub environment: Option<Arc<str>>,
    /// Free tags that the team's policy allows, as `key` or `key=value`; sorted, no doubles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}
