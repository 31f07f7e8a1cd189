//! What `cargo test` writes, read as it comes: how many tests passed, and which failed, with the end of what they said.

use super::{Failure, Tally};
use std::collections::{BTreeMap, VecDeque};

/// Lines of a failure that are kept: its last ones.
const LINES_KEPT: usize = 15;

/// Where in the output of a test program a line stands.
#[derive(Debug, Default, PartialEq, Eq)]
enum Section {
    /// Anywhere else.
    #[default]
    Elsewhere,
    /// In what a failed test of this name said.
    Said(String),
    /// In the list of those that failed.
    Names,
    /// Before the reason for which cargo takes a program to have failed.
    Causes,
}

/// A reader of both outputs of `cargo test --quiet`, line by line.
#[derive(Debug, Default)]
pub struct Reader {
    tally: Tally,
    section: Section,
    /// What the failed tests of the program under way said.
    said: BTreeMap<String, Lines>,
    /// The lists of names of the program under way.
    names: Vec<String>,
    /// How many of the failures belong to programs that cargo has named.
    placed: usize,
    /// The last lines of all.
    last: Lines,
}

impl Reader {
    /// Takes a line. Answers whether it is worth showing.
    pub fn read(&mut self, line: &str) -> bool {
        self.last.push(line);
        if let Some([passed, failed]) = read_result(line) {
            self.close(passed, failed);
            return false;
        }
        if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            self.section = Section::Said(name.to_owned());
        } else if line == "failures:" {
            self.section = Section::Names;
        } else if let Some(program) = failed_program(line) {
            self.place(program);
        } else {
            self.keep(line);
        }
        !line.is_empty() && !line.starts_with("running ")
    }

    /// What was read, when cargo has ended.
    pub fn end(mut self, is_success: bool, status: &str) -> Tally {
        if !is_success && self.tally.failures.is_empty() {
            self.tally.fail(Failure { what: format!("cargo test: {status}"), said: self.last.into() });
        }
        self.tally
    }

    fn keep(&mut self, line: &str) {
        match &self.section {
            Section::Elsewhere => {}
            Section::Said(name) => self.said.entry(name.clone()).or_default().push(line),
            Section::Names => self.names.extend(line.strip_prefix("    ").map(str::to_owned)),
            Section::Causes if line.starts_with("  ") => {
                self.section = Section::Elsewhere;
                if let Some(failure) = self.tally.failures.last_mut() {
                    failure.said.push(line.trim().to_owned());
                }
            }
            Section::Causes => {}
        }
    }

    /// A program has said its result.
    fn close(&mut self, passed: u64, failed: u64) {
        self.section = Section::Elsewhere;
        self.tally.passed += passed;
        let failed = usize::try_from(failed).unwrap_or(usize::MAX);
        let mut names = std::mem::take(&mut self.names);
        // The list is the last thing that is said: what came before it in its form was said by a test.
        names.drain(..names.len().saturating_sub(failed));
        let mut said = std::mem::take(&mut self.said);
        for number in 0..failed {
            let name = names.get(number);
            let said = name.and_then(|name| said.remove(name)).unwrap_or_default();
            let what = name.map_or("a test whose name was not said", String::as_str);
            self.tally.fail(Failure { what: format!("test {what}"), said: said.into() });
        }
    }

    /// Cargo has said which program the failures since the last one belong to.
    fn place(&mut self, program: &str) {
        (self.section, self.names) = (Section::Elsewhere, Vec::new());
        self.said.clear();
        if self.placed == self.tally.failures.len() {
            self.tally.fail(Failure::named("a test program ended without a result"));
            self.section = Section::Causes;
        }
        for failure in self.tally.failures.iter_mut().skip(self.placed) {
            failure.what += &format!(" ({program})");
        }
        self.placed = self.tally.failures.len();
    }
}

/// The last lines of a text, without those that say nothing.
#[derive(Debug, Default)]
struct Lines(VecDeque<String>);

impl Lines {
    fn push(&mut self, line: &str) {
        if line.trim().is_empty() || line.starts_with("note: run with `RUST_BACKTRACE=1`") {
            return;
        }
        if self.0.len() == LINES_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(line.to_owned());
    }
}

impl From<Lines> for Vec<String> {
    fn from(lines: Lines) -> Self {
        lines.0.into()
    }
}

/// Reads `error: test failed, to rerun pass `-p tg-text --lib``, and the same of documentation's tests.
fn failed_program(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("error: ")?;
    rest.split_once("test failed, to rerun pass `")?.1.strip_suffix('`')
}

/// Reads `test result: ok. 12 passed; 0 failed; …`: how many passed, how many failed.
fn read_result(line: &str) -> Option<[u64; 2]> {
    let figures = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let figure = |word: &str| {
        let part = figures.split("; ").find(|part| part.ends_with(word))?;
        part.split(' ').next()?.parse().ok()
    };
    Some([figure(" passed")?, figure(" failed")?])
}

#[cfg(test)]
mod tests {
    use super::{LINES_KEPT, Reader, read_result};
    use crate::suite::Tally;

    fn read(text: &str) -> Tally {
        let mut reader = Reader::default();
        for line in text.lines() {
            reader.read(line);
        }
        reader.end(false, "exit status: 101")
    }

    fn names(tally: &Tally) -> Vec<&str> {
        tally.failures.iter().map(|failure| failure.what.as_str()).collect()
    }

    #[test]
    fn result_lines_are_read() {
        let line = "test result: FAILED. 31 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.31s";
        assert_eq!(read_result(line), Some([31, 2]));
        assert_eq!(read_result("running 31 tests"), None);
    }

    const TWO: &str = "\
running 3 tests
.tests::one --- FAILED
tests::two --- FAILED

failures:

---- tests::one stdout ----

thread 'tests::one' (7) panicked at crates/a/src/lib.rs:5:9:
assertion `left == right` failed
  left: 1
 right: 2
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace

---- tests::two stdout ----
failures:
    not::a::test

thread 'tests::two' (8) panicked at crates/a/src/lib.rs:9:9:
gone

failures:
    tests::one
    tests::two

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s

error: test failed, to rerun pass `-p a --lib`
running 1 test
.
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

error: 1 target failed:
    `-p a --lib`
";

    #[test]
    fn failed_tests_are_named_with_their_program_and_what_they_said() {
        let tally = read(TWO);
        assert_eq!((tally.passed, tally.failed()), (2, 2));
        assert_eq!(names(&tally), ["test tests::one (-p a --lib)", "test tests::two (-p a --lib)"]);
        let said = &tally.failures[0].said;
        assert_eq!(said.first().unwrap(), "thread 'tests::one' (7) panicked at crates/a/src/lib.rs:5:9:");
        assert_eq!(said.last().unwrap(), " right: 2");
    }

    #[test]
    fn tests_of_documentation_are_named() {
        let text = "---- src/lib.rs - sum (line 3) stdout ----\nerror[E0308]: mismatched types\n\nfailures:\n    \
                    src/lib.rs - sum (line 3)\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored\n\
                    error: doctest failed, to rerun pass `-p a --doc`\n";
        let tally = read(text);
        assert_eq!(names(&tally), ["test src/lib.rs - sum (line 3) (-p a --doc)"]);
        assert_eq!(tally.failures[0].said, ["error[E0308]: mismatched types"]);
    }

    #[test]
    fn a_program_that_dies_is_a_failure_of_its_own() {
        let text = "running 2 tests\nthread 'x' has overflowed its stack\nerror: test failed, to rerun pass `-p b --test it`\n\
                    \nCaused by:\n  process didn't exit successfully: `/t/it --quiet` (signal: 6, SIGABRT)\n\
                    running 1 test\n.\ntest result: ok. 1 passed; 0 failed; 0 ignored\n";
        let tally = read(text);
        assert_eq!((tally.passed, tally.failed()), (1, 1));
        assert_eq!(names(&tally), ["a test program ended without a result (-p b --test it)"]);
        assert_eq!(tally.failures[0].said, ["process didn't exit successfully: `/t/it --quiet` (signal: 6, SIGABRT)"]);
    }

    #[test]
    fn what_does_not_compile_is_said() {
        let tally = read("error[E0425]: cannot find value `x`\nerror: could not compile `a` (lib) due to 1 error\n");
        assert_eq!(names(&tally), ["cargo test: exit status: 101"]);
        assert_eq!(tally.failures[0].said.last().unwrap(), "error: could not compile `a` (lib) due to 1 error");
    }

    #[test]
    fn long_stories_keep_their_end() {
        let lines: String = (0..100).map(|number| format!("line {number}\n")).collect();
        let text = format!(
            "---- t stdout ----\n{lines}\nfailures:\n    t\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored\n"
        );
        let tally = read(&text);
        assert_eq!(tally.failures[0].said.len(), LINES_KEPT);
        assert_eq!(tally.failures[0].said.last().unwrap(), "line 99");
    }

    #[test]
    fn nothing_failed_where_cargo_says_so() {
        let mut reader = Reader::default();
        reader.read("test result: ok. 3 passed; 0 failed; 0 ignored");
        let tally = reader.end(true, "exit status: 0");
        assert_eq!((tally.passed, tally.failed()), (3, 0));
    }
}
