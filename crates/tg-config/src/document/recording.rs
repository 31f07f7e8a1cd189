//! What is recorded of guarded calls.

use crate::grammar::{Age, Ratio, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Calls to which guardrails apply, written down without the values that checks find in them, so that a changed policy can
/// be tried on them (`tallygate guard replay`). What they say beside is readable in the files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// The folder of the files, one for each day (UTC) and process; made when it is not there. Read at the start only.
    pub folder: PathBuf,
    /// Which share of the calls in which no rule found anything. Those in which one did are all recorded.
    #[serde(default = "share")]
    pub share: Ratio,
    /// Most bytes of a day's file. When it is full, nothing more of that day is recorded.
    #[serde(default = "day_size_max")]
    pub day_size_max: Size,
    /// How long files are kept.
    #[serde(default = "keep")]
    pub keep: Age,
}

const fn share() -> Ratio {
    Ratio::NONE
}

const fn day_size_max() -> Size {
    Size::mebibytes(256)
}

const fn keep() -> Age {
    Age::of_days(14)
}
