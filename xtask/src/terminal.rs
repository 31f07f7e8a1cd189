//! The only place that writes to the terminal.

use std::fmt::Display;
use std::io::Write as _;

/// Writes a line to standard output. Nothing is left to try when the terminal is gone.
pub fn say(text: impl Display) {
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}

/// Writes an error and its causes to standard error.
pub fn complain(error: &anyhow::Error) {
    drop(writeln!(std::io::stderr().lock(), "xtask: {error:#}"));
}
