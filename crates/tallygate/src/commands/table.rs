//! Text in columns, safe for a terminal: nothing that callers named can move its cursor.

use anyhow::Result;
use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// How to show what is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Aligned columns
    Table,
    /// Everything, for programs
    Json,
}

/// Rows under headings, or names and values.
pub(super) struct Listing(Table);

impl Listing {
    /// Rows under these headings.
    pub(super) fn new(headings: &[&str]) -> Self {
        let mut listing = Self::sheet();
        listing.0.set_header(headings.iter().map(|heading| heading.to_uppercase()));
        listing
    }

    /// Names and values.
    pub(super) fn sheet() -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        Self(table)
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.add_row(cells.into_iter().map(|cell| printable(&cell)));
    }

    /// Sets columns flush right, from this one on: numbers.
    pub(super) fn right_from(&mut self, first: usize) {
        for column in self.0.column_iter_mut().skip(first) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }

    /// The lines, without blanks at their ends.
    pub(super) fn finish(mut self) -> String {
        for column in self.0.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let lines: Vec<String> = self.0.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }
}

/// The text without characters that a terminal obeys.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if is_obeyed(c) { '\u{fffd}' } else { c }).collect()
}

/// Controls, and those that turn the direction of writing around.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text, or a dash where there is none.
pub(super) fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

/// JSON for people and for `jq`.
pub(super) fn pretty(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)?)
}

#[cfg(test)]
mod tests {
    use super::{Listing, printable};

    #[test]
    fn columns_line_up_and_lines_end_clean() {
        let mut listing = Listing::new(&["team", "calls"]);
        listing.row(["söarch".to_owned(), "7".to_owned()]);
        listing.row(["a".to_owned(), "1234".to_owned()]);
        listing.right_from(1);
        assert_eq!(listing.finish(), "TEAM    CALLS\nsöarch      7\na        1234");
    }

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}c");
    }
}
