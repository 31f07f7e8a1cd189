//! The page of complaints: each has a test or a proof that answers it, and every test that is named exists.

use crate::prove::Claim;
use crate::shell::root;
use anyhow::{Context as _, Result};
use std::fs;
use std::ops::RangeInclusive;

/// The page.
const PAGE: &str = "docs/complaints.md";

/// The complaints that it answers, by their numbers.
const NUMBERS: [RangeInclusive<u32>; 3] = [1..=13, 17..=17, 22..=24];

/// Looks for complaints without a test, and for tests that are named and not there.
///
/// # Errors
/// When the page cannot be read.
pub fn check(found: &mut Vec<String>) -> Result<()> {
    let page = fs::read_to_string(root().join(PAGE)).context(PAGE)?;
    found.extend(flaws(&page, |path| fs::read_to_string(root().join("crates").join(path)).ok()));
    Ok(())
}

/// What is wrong with a page, where sources are read like this.
fn flaws(page: &str, source: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut flaws = Vec::new();
    for number in NUMBERS.into_iter().flatten() {
        let begin = format!("| {number} |");
        let Some(row) = page.lines().find(|line| line.starts_with(&begin)) else {
            flaws.push(format!("{PAGE}: complaint {number} is missing"));
            continue;
        };
        let named: Vec<(&str, &str)> = row.split('`').filter_map(|word| word.split_once(".rs::")).collect();
        if named.is_empty() {
            flaws.push(format!("{PAGE}: complaint {number} is answered by no test"));
        }
        for (path, name) in named {
            let (path, head) = (format!("{path}.rs"), format!("fn {name}("));
            if !source(&path).is_some_and(|text| text.contains(&head)) {
                flaws.push(format!("{PAGE}: complaint {number} names `{name}`, which crates/{path} does not have"));
            }
        }
        let proofs = row.split('`').filter_map(|word| word.strip_prefix("cargo xtask prove "));
        for proof in proofs.filter(|proof| Claim::ALL.iter().all(|claim| claim.name() != *proof)) {
            flaws.push(format!("{PAGE}: complaint {number} names the proof `{proof}`, which there is not"));
        }
    }
    flaws
}

#[cfg(test)]
mod tests {
    use super::{NUMBERS, flaws};
    use std::fmt::Write as _;

    #[test]
    fn a_page_that_names_what_is_not_there_is_told() {
        let mut page = String::new();
        for number in NUMBERS.into_iter().flatten() {
            let _ = writeln!(page, "| {number} | a | b | `tg-x/tests/a.rs::it_holds`, `cargo xtask prove kill` |");
        }
        let source = |path: &str| (path == "tg-x/tests/a.rs").then(|| "fn it_holds() {".to_owned());
        assert_eq!(flaws(&page, source), [""; 0]);
        let broken = page.replacen("it_holds", "it_held", 1).replacen("| 7 |", "| 70 |", 1);
        let broken = broken.replacen("| 24 | a | b | `tg-x/tests/a.rs::it_holds`", "| 24 | a | b |", 1);
        let broken = broken.replacen("prove kill` |\n| 3", "prove hope` |\n| 3", 1);
        let told = flaws(&broken, source);
        for (told, words) in told.iter().zip(["`it_held`", "`hope`", "7 is missing", "24 is answered by no test"]) {
            assert!(told.contains(words), "{told}");
        }
        assert_eq!(told.len(), 4, "{told:?}");
    }
}
