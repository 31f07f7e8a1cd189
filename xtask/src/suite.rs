//! `cargo xtask test`: everything in turn, whatever fails before, and one line at the end that says how it went.

use crate::prove::{self, Claim, Length};
use crate::shell::command;
use crate::table::Table;
use crate::terminal::{complain, say};
use crate::{checks, setup, tidy};
use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How many things held, and how many did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Held.
    pub passed: u64,
    /// Did not.
    pub failed: u64,
}

impl Tally {
    /// Counts one thing.
    pub fn count(&mut self, held: bool) {
        if held {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    /// Counts what was counted elsewhere.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// A step that holds or does not.
type Check = (&'static str, fn() -> Result<()>);

const CHECKS: [Check; 5] = [
    ("setup", setup::everything),
    ("format", checks::format),
    ("clippy", checks::clippy),
    ("tidy", tidy::run),
    ("dependencies", checks::deny),
];

/// Runs everything.
///
/// # Errors
/// When anything failed; it has been shown by then.
pub fn run() -> Result<()> {
    let (mut tally, mut times) = (Tally::default(), Times::default());
    for (name, check) in CHECKS {
        tally.add(times.take(name, || {
            let done = check();
            let held = done.is_ok();
            if let Err(error) = done {
                complain(&error);
            }
            Tally { passed: held.into(), failed: (!held).into() }
        }));
    }
    tally.add(times.take("tests", || or_one_failure(tests())));
    // What every proof runs, so that none of them is taken to be slow for it.
    tally.add(times.take("the program of the proofs", || or_one_failure(prove::build().map(|()| Tally::default()))));
    for claim in Claim::ALL {
        let name = format!("proof: {}", claim.name());
        tally.add(times.take(&name, || or_one_failure(prove::tally(claim, Length::Short))));
    }
    times.show();
    say(format_args!("\n{} passed, {} failed", tally.passed, tally.failed));
    if tally.failed == 0 { Ok(()) } else { bail!("not everything passed") }
}

/// How long each step took.
#[derive(Debug, Default)]
struct Times(Vec<(String, Duration)>);

impl Times {
    /// Runs a step under its name.
    fn take(&mut self, name: &str, step: impl FnOnce() -> Tally) -> Tally {
        say(format_args!("\n== {name}"));
        let begun = Instant::now();
        let tally = step();
        self.0.push((name.to_owned(), begun.elapsed()));
        tally
    }

    fn show(&self) {
        let mut table = Table::new(["step", "seconds"]);
        for (name, took) in &self.0 {
            table.row([name.clone(), took.as_secs().to_string()]);
        }
        say(&table);
    }
}

fn or_one_failure(tally: Result<Tally>) -> Tally {
    tally.unwrap_or_else(|error| {
        complain(&error);
        Tally { passed: 0, failed: 1 }
    })
}

/// Every cargo test, counted over all test programs.
fn tests() -> Result<Tally> {
    let mut cargo = command("cargo", ["test", "--workspace", "--no-fail-fast", "--quiet"]);
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot run cargo test")?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some(counted) = read_result(&line) {
                tally.add(counted);
            } else if !line.is_empty() && !line.starts_with("running ") {
                say(line);
            }
        }
    }
    let status = child.wait()?;
    if !status.success() && tally.failed == 0 {
        say(format_args!("cargo test: {status}"));
        tally.failed = 1;
    }
    say(format_args!("{} tests passed, {} failed", tally.passed, tally.failed));
    Ok(tally)
}

/// Reads `test result: ok. 12 passed; 0 failed; …`.
fn read_result(line: &str) -> Option<Tally> {
    let figures = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let figure = |word: &str| {
        let part = figures.split("; ").find(|part| part.ends_with(word))?;
        part.split(' ').next()?.parse().ok()
    };
    Some(Tally { passed: figure(" passed")?, failed: figure(" failed")? })
}

#[cfg(test)]
mod tests {
    use super::{Tally, read_result};

    #[test]
    fn result_lines_are_read() {
        let line = "test result: FAILED. 31 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.31s";
        assert_eq!(read_result(line), Some(Tally { passed: 31, failed: 2 }));
        assert_eq!(read_result("running 31 tests"), None);
    }
}
