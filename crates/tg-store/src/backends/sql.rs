//! What statements of every engine have in common: names of columns, and what a dimension is.

use crate::ledger::Dimension;
use crate::rollup::{BOOKED, SUM_COLUMNS};

/// What a dimension is in SQL, over a call or a series. `tag.value` needs the tags joined in, `hour` is that of the call
/// or sum.
pub(super) const fn expression(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Team => "nullif(team, '')",
        Dimension::Project => "project",
        Dimension::Environment => "environment",
        Dimension::Model => "coalesce(model, asked_model)",
        Dimension::Profile => "profile",
        Dimension::Key => "nullif(key_id, '')",
        Dimension::Provider => "provider",
        Dimension::AwsSession => "session",
        Dimension::Dialect => "dialect",
        Dimension::Ending => "ending",
        Dimension::Tag => "tag.value",
        Dimension::Day => "hour / 24",
        Dimension::Hour => "hour",
    }
}

/// What the groups need of a call or a series; `hour` says when that was.
pub(super) fn columns(by: &[Dimension], hour: &str) -> String {
    let mut columns = vec![format!("{hour} AS hour")];
    for (number, dimension) in by.iter().enumerate() {
        match dimension {
            Dimension::Tag => columns.push("tags".to_owned()),
            Dimension::Day | Dimension::Hour => {}
            other => columns.push(format!("{} AS by_{number}", expression(*other))),
        }
    }
    columns.join(", ")
}

/// The column of the dimension with this number in a statement that groups what [`columns`] names.
pub(super) fn grouped(number: usize, dimension: Dimension) -> String {
    match dimension {
        Dimension::Tag | Dimension::Day | Dimension::Hour => format!(", {}", expression(dimension)),
        _ => format!(", by_{number}"),
    }
}

/// The columns of the sums; those of corrections read zero where none are added.
pub(super) fn sum_columns(is_corrected: bool) -> String {
    let (booked, corrections) = SUM_COLUMNS.split_at(BOOKED);
    let correction = |name: &&str| if is_corrected { (*name).to_owned() } else { format!("0 AS {name}") };
    let booked = booked.iter().map(|name| (*name).to_owned());
    booked.chain(corrections.iter().map(correction)).collect::<Vec<_>>().join(", ")
}

/// A table of whole numbers within a statement.
pub(super) fn values(head: &str, rows: impl Iterator<Item = String>) -> String {
    format!("{head} AS (VALUES {})", rows.collect::<Vec<_>>().join(", "))
}
