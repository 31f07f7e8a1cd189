//! The only place that writes to the terminal.

use anyhow::{Context as _, Result};
use std::io::Write as _;

/// Writes text to standard output. A closed pipe (`| head`) ends the output, not the program.
///
/// # Errors
/// When standard output cannot be written for another reason.
pub(crate) fn say(text: impl std::fmt::Display) -> Result<()> {
    let written = writeln!(std::io::stdout().lock(), "{text}");
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("cannot write the output"),
        _ => Ok(()),
    }
}

/// Writes text to standard output as it is. A closed pipe ends the output, not the program.
///
/// # Errors
/// When standard output cannot be written for another reason.
pub(crate) fn write(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("cannot write the output"),
        _ => Ok(()),
    }
}

/// Standard output, for what is too long to be held.
pub(crate) fn output() -> impl std::io::Write {
    std::io::BufWriter::new(std::io::stdout().lock())
}

/// Writes what the reader of the output must know to standard error.
pub(crate) fn warn(text: impl std::fmt::Display) {
    // There is nowhere left to say that standard error is gone.
    drop(writeln!(std::io::stderr().lock(), "warning: {text}"));
}

/// Writes an error and its causes to standard error.
pub(crate) fn complain(error: &anyhow::Error) {
    // There is nowhere left to say that standard error is gone.
    drop(writeln!(std::io::stderr().lock(), "error: {error:#}"));
}
