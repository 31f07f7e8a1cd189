//! What was found, in columns.

use super::super::table::{Listing, or_dash, printable};
use super::{Explained, Told};

/// The page.
pub(super) fn write(told: &Told) -> String {
    let mut parts = Vec::new();
    if told.findings.is_empty() {
        parts.push("nothing is found".to_owned());
    } else {
        parts.push(findings(told));
    }
    if let Some(explained) = &told.explained {
        parts.extend(explain(explained));
    }
    parts.join("\n\n")
}

fn findings(told: &Told) -> String {
    let headings: &[&str] = &["kind", "rule", "place", "bytes", "score", "hidden", "why"];
    let shown =
        if told.explained.is_some() { headings } else { headings.split_last().map_or(headings, |(_, rest)| rest) };
    let mut listing = Listing::new(shown);
    for row in &told.findings {
        let cells = [
            row.kind.to_owned(),
            row.rule.clone(),
            format!("{}:{}", row.line, row.column),
            format!("{}-{}", row.start, row.end),
            format!("{:.2}", row.score),
            or_dash(&row.hidden.join(" in ")),
            row.why.clone(),
        ];
        listing.row(cells.into_iter().take(shown.len()));
    }
    listing.finish()
}

fn explain(explained: &Explained) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(plain) = &explained.plain {
        parts.push(format!("Read without invisible characters and in plain forms:\n{}", indented(plain)));
    }
    if let Some(folded) = &explained.folded {
        parts.push(format!("Read for words:\n{}", indented(folded)));
    }
    for piece in &explained.hidden {
        let ways = piece.how.join(", and in it ");
        parts.push(format!("Hidden at {}:{} ({ways}):\n{}", piece.line, piece.column, indented(&piece.says)));
    }
    if !explained.complete {
        parts.push("More is hidden than is read of one text.".to_owned());
    }
    parts
}

pub(super) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {}", printable(line))).collect::<Vec<_>>().join("\n")
}
