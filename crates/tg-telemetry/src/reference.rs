//! The generated reference of metric and attribute names: `docs/metrics.md`.

use crate::names::{ATTRIBUTES, Generation, Kind, METRICS, Metric};
use std::fmt::Write as _;

/// The text of `docs/metrics.md`.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    text.push_str(
        "\n## Metrics\n\n| name | kind | unit | labels | exposed under | meaning |\n|---|---|---|---|---|---|\n",
    );
    for metric in METRICS {
        row(&mut text, metric);
    }
    text.push_str("\n## Buckets\n\n");
    for metric in METRICS.iter().filter(|m| !m.buckets.is_empty()) {
        let bounds: Vec<String> = metric.buckets.iter().map(f64::to_string).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "- `{}`: {}", metric.name, bounds.join(", "));
    }
    text.push_str("\n## Span attributes\n\n| key | meaning |\n|---|---|\n");
    for attribute in ATTRIBUTES {
        let _ = writeln!(text, "| `{}` | {} |", attribute.key, attribute.help);
    }
    text
}

const INTRODUCTION: &str = "\
# Metrics and traces

This page is generated from `crates/tg-telemetry/src/names.rs`; change it there and run the crate's tests with \
`UPDATE_DOCS=1`.

Metrics are served in the OpenMetrics text format on the admin listener. Names beginning with `gen_ai_` follow the \
OpenTelemetry GenAI conventions, whose names changed in 2026: the setting `old`, `new` or `both` chooses the generation. \
Label values are bounded: models outside of configuration and catalogue, and teams past the limit, appear as `other`; \
keys are never labels. Each call makes one span of kind client, named `{operation} {model}`.
";

fn row(text: &mut String, metric: &Metric) {
    let (suffix, kind) = match metric.kind {
        Kind::Counter => ("_total", "counter"),
        Kind::Gauge => ("", "gauge"),
        Kind::Histogram => ("", "histogram"),
    };
    let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
    let generation = match metric.generation {
        Generation::Always => "always",
        Generation::Old => "`old`, `both`",
        Generation::New => "`new`, `both`",
    };
    let otel = metric.otel.map(|name| format!(" (OpenTelemetry `{name}`)")).unwrap_or_default();
    let (name, unit, help, labels) = (metric.name, metric.unit, metric.help, labels.join(", "));
    let _ = writeln!(text, "| `{name}{suffix}` | {kind} | {unit} | {labels} | {generation} | {help}{otel} |");
}
