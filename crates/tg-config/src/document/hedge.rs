//! Second tries beside slow first ones.

use crate::grammar::{Patience, Percent};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A second try beside a first that is slow: at the next target that is well, while the first goes on. Who says something first
/// answers, and the other is given up. Both cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hedge {
    /// How long nothing may have been heard of the first: no word of a stream, or no whole answer. A percentile is that of the
    /// target's last hundred answers of the kind; before there are twenty nothing is hurried.
    pub after: Patience,
    /// Of the calls of this name, how many may have a second try.
    #[serde(default = "share_max")]
    pub share_max: Percent,
}

const fn share_max() -> Percent {
    Percent::of_hundred(5)
}
