//! `cargo xtask test`: everything in turn, whatever fails before, and at the end what failed, and one line that says how it
//! went.

mod reading;

use crate::prove::{self, Claim, Length};
use crate::shell::command;
use crate::table::Table;
use crate::terminal::{complain, say};
use crate::{checks, setup, tidy};
use anyhow::{Context as _, Result, bail};
use reading::Reader;
use std::fmt::{self, Display};
use std::io::{BufRead as _, BufReader};
use std::time::{Duration, Instant};

/// Letters of a line of a failure that are shown.
const LETTERS_SHOWN: usize = 300;

/// How many things held, and which did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Held.
    pub passed: u64,
    /// Did not.
    pub failures: Vec<Failure>,
}

/// What did not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// Its name.
    pub what: String,
    /// What was seen or said of it, in lines.
    pub said: Vec<String>,
}

impl Failure {
    /// One of which the name says all.
    pub fn named(what: impl Display) -> Self {
        Self { what: what.to_string(), said: Vec::new() }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "- {}", shortened(&self.what))?;
        self.said.iter().try_for_each(|line| write!(f, "\n      {}", shortened(line)))
    }
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LETTERS_SHOWN) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}

impl Tally {
    /// Counts one thing; `what` names it where it does not hold.
    pub fn count(&mut self, held: bool, what: impl Display) {
        if held {
            self.passed += 1;
        } else {
            self.fail(Failure::named(what));
        }
    }

    /// Counts one thing that does not hold.
    pub fn fail(&mut self, failure: Failure) {
        self.failures.push(failure);
    }

    /// How many did not hold.
    pub fn failed(&self) -> usize {
        self.failures.len()
    }

    /// Counts what was counted elsewhere.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
    }

    /// The same, with the step in which they failed before the names.
    fn of(mut self, step: &str) -> Self {
        for failure in &mut self.failures {
            failure.what = format!("{step}: {}", failure.what);
        }
        self
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
        tally.add(times.take(name, || check().map(|()| Tally { passed: 1, ..Tally::default() })));
    }
    tally.add(times.take("tests", tests));
    // What every proof runs, so that none of them is taken to be slow for it.
    tally.add(times.take("the program of the proofs", || prove::build().map(|()| Tally::default())));
    for claim in Claim::ALL {
        let name = format!("proof: {}", claim.name());
        tally.add(times.take(&name, || Ok(prove::tally(claim, Length::Short)?.of(&name))));
    }
    times.show();
    if tally.failed() > 0 {
        say("\nwhat failed:");
        tally.failures.iter().for_each(say);
    }
    say(format_args!("\n{} passed, {} failed", tally.passed, tally.failed()));
    if tally.failed() == 0 { Ok(()) } else { bail!("not everything passed") }
}

/// How long each step took.
#[derive(Debug, Default)]
struct Times(Vec<(String, Duration)>);

impl Times {
    /// Runs a step under its name. One that cannot be run is one thing that failed.
    fn take(&mut self, name: &str, step: impl FnOnce() -> Result<Tally>) -> Tally {
        say(format_args!("\n== {name}"));
        let begun = Instant::now();
        let done = step();
        self.0.push((name.to_owned(), begun.elapsed()));
        done.unwrap_or_else(|error| {
            complain(&error);
            let said = format!("{error:#}").lines().map(str::to_owned).collect();
            Tally { passed: 0, failures: vec![Failure { what: name.to_owned(), said }] }
        })
    }

    fn show(&self) {
        let mut table = Table::new(["step", "seconds"]);
        for (name, took) in &self.0 {
            table.row([name.clone(), took.as_secs().to_string()]);
        }
        say(&table);
    }
}

/// Every cargo test, counted over all test programs.
fn tests() -> Result<Tally> {
    let mut cargo = command("cargo", ["test", "--workspace", "--no-fail-fast", "--quiet"]);
    // One pipe for both, so that what cargo says of a program comes after what the program said.
    let (output, input) = std::io::pipe()?;
    let mut child = cargo.stdout(input.try_clone()?).stderr(input).spawn().context("cannot run cargo test")?;
    // It holds the pipe's other end, too.
    drop(cargo);
    let mut reader = Reader::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if reader.read(&line) {
            say(line);
        }
    }
    let status = child.wait()?;
    let tally = reader.end(status.success(), &status.to_string());
    say(format_args!("{} tests passed, {} failed", tally.passed, tally.failed()));
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::{Failure, Tally, Times};
    use anyhow::anyhow;

    #[test]
    fn failures_are_named_and_shown_with_what_was_said() {
        let mut tally = Tally::default();
        tally.count(true, "this");
        tally.count(false, "that");
        let mut all = Tally::default();
        all.add(tally.of("proof: matrix"));
        assert_eq!((all.passed, all.failed()), (1, 1));
        all.failures[0].said = vec!["a line".to_owned(), "é".repeat(400)];
        let shown = all.failures[0].to_string();
        assert!(shown.starts_with("- proof: matrix: that\n      a line\n      éé"), "{shown}");
        assert!(shown.ends_with("é …") && shown.chars().count() < 400, "{shown}");
    }

    #[test]
    fn a_step_that_cannot_be_run_has_failed_under_its_name() {
        let mut times = Times::default();
        let tally = times.take("clippy", || Err(anyhow!("exit status: 101").context("cargo clippy")));
        let said = vec!["cargo clippy: exit status: 101".to_owned()];
        assert_eq!(tally, Tally { passed: 0, failures: vec![Failure { what: "clippy".to_owned(), said }] });
    }
}
