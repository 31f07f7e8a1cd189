//! What differs between two texts, line by line, in the form that `diff -u` made usual.

use crate::commands::table::printable;
use similar::{ChangeTag, TextDiff};
use std::fmt::Write as _;
use std::time::Duration;

/// Equal lines around each difference.
const CONTEXT: usize = 3;

/// For how long the fewest differences are looked for; beyond it, there may be more than that.
const SEARCH_MAX: Duration = Duration::from_secs(2);

/// The differences, each text under its name; says so where there are none.
pub(super) fn unified((old_name, old): (&str, &str), (new_name, new): (&str, &str)) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let diff = TextDiff::configure().timeout(SEARCH_MAX).diff_slices(&old, &new);
    let hunks = diff.grouped_ops(CONTEXT);
    if hunks.is_empty() {
        return format!("{old_name} and {new_name} have the same lines");
    }
    let mut shown = format!("--- {old_name}\n+++ {new_name}");
    for hunk in hunks {
        let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { continue };
        let (old, new) = (first.old_range().start..last.old_range().end, first.new_range().start..last.new_range().end);
        // Writing to a string cannot fail.
        let _ = write!(shown, "\n@@ -{},{} +{},{} @@", old.start + 1, old.len(), new.start + 1, new.len());
        for change in hunk.iter().flat_map(|op| diff.iter_changes(op)) {
            let mark = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            let _ = write!(shown, "\n{mark}{}", printable(change.value()));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::unified;

    fn diff(old: &str, new: &str) -> String {
        unified(("a", old), ("b", new))
    }

    #[test]
    fn each_difference_stands_among_its_neighbours() {
        let old: Vec<String> = (1..=30).map(|number| number.to_string()).collect();
        let mut new = old.clone();
        new[4] = "five".to_owned();
        new.remove(9);
        new.insert(27, "more".to_owned());
        let (old, new) = (old.join("\n"), new.join("\n"));
        let expected = "--- a\n+++ b\n@@ -2,12 +2,11 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n-10\n 11\n 12\n 13\n\
                        @@ -26,5 +25,6 @@\n 26\n 27\n 28\n+more\n 29\n 30";
        assert_eq!(diff(&old, &new), expected);
    }

    #[test]
    fn nothing_and_all_can_differ() {
        assert_eq!(diff("x\n", "x\n"), "a and b have the same lines");
        assert_eq!(diff("", "x\ny\n"), "--- a\n+++ b\n@@ -1,0 +1,2 @@\n+x\n+y");
        assert_eq!(diff("x\u{1b}[2J", ""), "--- a\n+++ b\n@@ -1,1 +1,0 @@\n-x\u{fffd}[2J");
        let many = |word: &str| (0..3_000).map(|n| format!("{word} {n}\n")).collect::<String>();
        let shown = diff(&many("x"), &many("y"));
        assert_eq!(shown.lines().count(), 3 + 6_000);
    }
}
