//! What a cache by likeness would have done with a call, where it only watches.

use crate::units::Money;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Of one call that was answered anew: whether the answer to a like question was there, and whether it would have done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alike {
    /// The rule of the cache.
    pub rule: Arc<str>,
    /// How like the likest question was whose answer is kept, in millionths; `None`: there was none that is like it at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likeness: Option<u32>,
    /// Whether its answer would have done as well as the fresh one; `None`: nobody has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<bool>,
    /// What the call cost that would not have been made.
    pub saves: Money,
}
