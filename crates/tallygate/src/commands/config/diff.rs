//! What differs between two texts, line by line, in the form that `diff -u` made usual.

use std::fmt::Write as _;

/// Equal lines around each difference.
const CONTEXT: usize = 3;

/// Most pairs of lines that are compared; beyond it, what lies between the first and the last difference is shown as
/// replaced.
const PAIRS_MAX: usize = 4_000_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line<'a> {
    Both(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// The differences, each text under its name; says so where there are none.
pub(super) fn unified((old_name, old): (&str, &str), (new_name, new): (&str, &str)) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let lines = compared(&old, &new);
    let mut shown = format!("--- {old_name}\n+++ {new_name}");
    let changed: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| !matches!(line, Line::Both(_))).map(|(at, _)| at).collect();
    let mut rest = changed.as_slice();
    if rest.is_empty() {
        return format!("{old_name} and {new_name} have the same lines");
    }
    while let Some(first) = rest.first() {
        // Differences whose surroundings touch are shown together.
        let apart = |pair: &[usize]| matches!(pair, [one, next] if next - one > 2 * CONTEXT + 1);
        let count = rest.windows(2).position(apart).map_or(rest.len(), |at| at + 1);
        let last = rest.get(count - 1).unwrap_or(first);
        let (from, to) = (first.saturating_sub(CONTEXT), (last + CONTEXT + 1).min(lines.len()));
        hunk(&mut shown, &lines, from, to);
        rest = rest.get(count..).unwrap_or_default();
    }
    shown
}

fn hunk(shown: &mut String, lines: &[Line<'_>], from: usize, to: usize) {
    // Lines of one text: all but those of the other alone.
    let of_old = |lines: &[Line<'_>]| lines.iter().filter(|line| !matches!(line, Line::New(_))).count();
    let of_new = |lines: &[Line<'_>]| lines.iter().filter(|line| !matches!(line, Line::Old(_))).count();
    let (before, within) = (lines.get(..from).unwrap_or_default(), lines.get(from..to).unwrap_or_default());
    let (old, new) = (of_old(before) + 1, of_new(before) + 1);
    // Writing to a string cannot fail.
    let _ = write!(shown, "\n@@ -{old},{} +{new},{} @@", of_old(within), of_new(within));
    for line in within {
        let (mark, text) = match line {
            Line::Both(text) => (' ', text),
            Line::Old(text) => ('-', text),
            Line::New(text) => ('+', text),
        };
        let _ = write!(shown, "\n{mark}{}", crate::commands::table::printable(text));
    }
}

/// All lines of both, in order: the longest common subsequence once.
fn compared<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_mid, end) = old_rest.split_at(old_rest.len() - tail);
    let new_mid = new_rest.get(..new_rest.len() - tail).unwrap_or_default();
    let mut lines: Vec<Line<'a>> = old.iter().take(head).map(|line| Line::Both(line)).collect();
    if old_mid.len().saturating_mul(new_mid.len()) > PAIRS_MAX {
        lines.extend(old_mid.iter().map(|line| Line::Old(line)));
        lines.extend(new_mid.iter().map(|line| Line::New(line)));
    } else {
        middle(old_mid, new_mid, &mut lines);
    }
    lines.extend(end.iter().map(|line| Line::Both(line)));
    lines
}

fn middle<'a>(old: &[&'a str], new: &[&'a str], lines: &mut Vec<Line<'a>>) {
    // `common(i, j)`: how many lines the rest of the old from `i` and of the new from `j` on have in common.
    let width = new.len() + 1;
    let mut table = vec![0_u32; (old.len() + 1) * width];
    let at = |table: &[u32], i: usize, j: usize| table.get(i * width + j).copied().unwrap_or(0);
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let here =
                if a == b { at(&table, i + 1, j + 1) + 1 } else { at(&table, i + 1, j).max(at(&table, i, j + 1)) };
            if let Some(cell) = table.get_mut(i * width + j) {
                *cell = here;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    loop {
        match (old.get(i), new.get(j)) {
            (Some(a), Some(b)) if a == b => {
                lines.push(Line::Both(a));
                (i, j) = (i + 1, j + 1);
            }
            (Some(a), b) if b.is_none() || at(&table, i + 1, j) >= at(&table, i, j + 1) => {
                lines.push(Line::Old(a));
                i += 1;
            }
            (_, Some(b)) => {
                lines.push(Line::New(b));
                j += 1;
            }
            _ => return,
        }
    }
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
