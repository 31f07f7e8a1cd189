//! A report as CSV (RFC 4180): one heading line, one line per group, CRLF between lines.

use tg_admin::api::{Figures, Report};

const FIGURES: [&str; 22] = [
    "calls",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "images",
    "cost_usd",
    "cost_nanos",
    "list_cost_usd",
    "list_cost_nanos",
    "estimated_calls",
    "estimated_cost_usd",
    "unattributed_calls",
    "unattributed_cost_usd",
    "unpriced_calls",
    "ceiling_calls",
    "corrected_calls",
    "corrections_usd",
];

/// The rows, or the totals where nothing is grouped. The last line has its CR but not its LF, which whoever prints it
/// adds.
pub(super) fn write(report: &Report) -> String {
    let dimensions: Vec<&str> = report.by.iter().map(|dimension| dimension.as_str()).collect();
    let headings = dimensions.iter().chain(&FIGURES).map(|name| (*name).to_owned());
    let mut lines = vec![line(headings)];
    for row in &report.rows {
        let group = dimensions.iter().map(|name| text(row.group.get(*name).and_then(Option::as_deref)));
        lines.push(line(group.chain(figures(&row.figures))));
    }
    if dimensions.is_empty() {
        lines.push(line(figures(&report.totals)));
    }
    lines.join("\n")
}

pub(super) fn line(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.collect();
    cells.join(",") + "\r"
}

/// A text as a cell. Spreadsheets take what begins with these characters for a formula, and callers name models and
/// tags, so such a text is marked as text first.
pub(super) fn text(value: Option<&str>) -> String {
    let value = value.unwrap_or_default();
    let marked =
        if value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{value}") } else { value.to_owned() };
    if marked.contains([',', '"', '\r', '\n']) { format!("\"{}\"", marked.replace('"', "\"\"")) } else { marked }
}

fn figures(figures: &Figures) -> impl Iterator<Item = String> {
    let usage = &figures.usage;
    [
        figures.calls.to_string(),
        usage.input_tokens.to_string(),
        usage.cache_read_tokens.to_string(),
        usage.cache_write_5m_tokens.to_string(),
        usage.cache_write_1h_tokens.to_string(),
        usage.output_tokens.to_string(),
        usage.reasoning_tokens.to_string(),
        usage.audio_input_tokens.to_string(),
        usage.audio_output_tokens.to_string(),
        usage.images.to_string(),
        figures.cost.usd.clone(),
        figures.cost.nanos.to_string(),
        figures.list_cost.usd.clone(),
        figures.list_cost.nanos.to_string(),
        figures.estimated.calls.to_string(),
        figures.estimated.cost.usd.clone(),
        figures.unattributed.calls.to_string(),
        figures.unattributed.cost.usd.clone(),
        figures.unpriced_calls.to_string(),
        figures.ceiling_calls.to_string(),
        figures.corrected_calls.to_string(),
        figures.corrections.usd.clone(),
    ]
    .into_iter()
}
