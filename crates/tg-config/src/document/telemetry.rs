//! What the gateway tells about itself: traces, metrics, log.

use crate::grammar::{BaseUrl, HeaderText, Ratio};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the gateway tells about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Send traces to an OpenTelemetry collector. Absent: none are sent.
    pub otlp: Option<Otlp>,
    /// How metrics are named.
    pub metrics: Metrics,
    /// How the log is written.
    pub log: Log,
}

/// A collector of traces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// The collector's OTLP/HTTP address, to which `/v1/traces` is added.
    pub endpoint: BaseUrl,
    /// Headers added to each export. Credentials must be references.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub headers: BTreeMap<String, HeaderText>,
    /// The share of calls that are traced, where the caller's own trace context does not decide.
    #[serde(default = "all")]
    pub sample_ratio: Ratio,
}

const fn all() -> Ratio {
    Ratio::ALL
}

/// How metrics are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Which of OpenTelemetry's names for generative AI are used.
    pub gen_ai_names: GenAiNames,
}

/// Which of OpenTelemetry's names for generative AI are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GenAiNames {
    /// Those that most dashboards know.
    Old,
    /// Those of the present convention.
    New,
    /// All of them.
    #[default]
    Both,
}

/// How the log is written. It never holds content or secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// The least weight of a line that is written.
    pub level: LogLevel,
}

/// The form of a line of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object.
    #[default]
    Json,
    /// Text for people.
    Text,
}

/// The weight of a line of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What went wrong.
    Error,
    /// And what may go wrong.
    Warn,
    /// And one line for each call.
    #[default]
    Info,
    /// And the steps of each call.
    Debug,
    /// And everything else.
    Trace,
}
