//! What a proof has seen: a table of statements, each of which holds or does not.

use crate::suite::Tally;
use crate::table::Table;
use crate::terminal::say;
use std::fmt::Display;

/// Exceptions from a statement that are shown at once.
const EXCEPTIONS_SHOWN: usize = 10;

/// Those that are shown again at the end of everything.
const EXCEPTIONS_KEPT: usize = 3;

/// Statements and what was seen of them.
#[derive(Debug)]
pub struct Findings {
    table: Table,
    tally: Tally,
}

impl Findings {
    /// No statement yet.
    pub fn new() -> Self {
        Self { table: Table::new(["what is claimed", "what was seen", "holds"]), tally: Tally::default() }
    }

    /// Notes a statement.
    pub fn note(&mut self, claim: impl Display, seen: impl Display, holds: bool) {
        self.tally.count(holds, format_args!("{claim}: {seen}"));
        self.table.row([claim.to_string(), seen.to_string(), if holds { "yes" } else { "NO" }.to_owned()]);
    }

    /// Notes a figure that is no statement: its goal is for what is delivered, which `cargo xtask bench` measures.
    pub fn tell(&mut self, figure: impl Display, seen: impl Display) {
        self.table.row([figure.to_string(), seen.to_string(), String::new()]);
    }

    /// Notes that a list of exceptions is empty; shows the first ones if it is not.
    pub fn none(&mut self, claim: impl Display, all: usize, exceptions: &[String]) {
        let held = all - exceptions.len().min(all);
        let holds = exceptions.is_empty() && all > 0;
        self.note(claim, format_args!("{held} of {all}"), holds);
        if let Some(failure) = self.tally.failures.last_mut().filter(|_| !holds) {
            failure.said = exceptions.iter().take(EXCEPTIONS_KEPT).cloned().collect();
        }
        for exception in exceptions.iter().take(EXCEPTIONS_SHOWN) {
            say(format_args!("  {exception}"));
        }
    }

    /// Shows the table, and counts.
    pub fn show(&self) -> Tally {
        say(&self.table);
        self.tally.clone()
    }
}
