//! Whether a call asked for what was asked before, where no rule of the cache of answers is for it.

use serde::{Deserialize, Serialize};

/// What a cache of answers would have done for a call that no rule of it is for. A part of all requests is looked at, chosen by
/// what they ask: of one that is, every repeat is, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Repeat {
    /// One of so many requests is looked at: the call stands for so many.
    pub one_in: u32,
    /// Whether the request says that the same is to be answered each time: what `only_deterministic` asks for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub determined: bool,
    /// How many calls before it have asked the same, as far as is remembered.
    pub times: u32,
    /// How old the answer would have been, in whole seconds, that it would have been given were answers kept for an hour; `None`:
    /// there would have been none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_hour_s: Option<u32>,
    /// The same, were answers kept for a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_day_s: Option<u32>,
}
