//! A text that comes in pieces, checked in a window before it leaves: the same whatever the pieces are.
//!
//! A text is looked at in stretches whose ends lie at fixed distances from its beginning, however it was cut; a text that
//! is there at once goes the same way. So what leaves depends on nothing but the text and the checks ([`Window::push`] of
//! all of it, and of any pieces of it, give the same), whatever the checks are. What a check finds in a stretch of no more
//! than [`Hold::back`] characters, with no more than [`Hold::context`] before it, never leaves; of longer things, those do
//! not that were seen to be open: words without a space, and what the caller says is open, up to [`Hold::longest`].

use crate::finding::Finding;
use crate::redact::merged;

/// Most characters that are taken in at once.
const PORTION: usize = 4096;

/// How much of a text is held back, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Characters that are held back behind what may leave: the longest of the structured forms, with what may follow them.
    pub back: usize,
    /// Characters that must have come before the window moves on: fewer are smoother and cost more.
    pub step: usize,
    /// Characters before the window that are looked at with it.
    pub context: usize,
    /// Most characters that are held back while something is open.
    pub longest: usize,
}

impl Default for Hold {
    /// The structured forms have 64 characters and fewer; a private key has 3,300.
    fn default() -> Self {
        Self { back: 64, step: 32, context: 128, longest: 4096 }
    }
}

/// What is done with a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// This stands in its place.
    Replace(String),
    /// The text ends before it.
    Block,
}

/// The checks of a window.
pub trait Look {
    /// What is found in a stretch of the text. Depends on nothing but the stretch.
    fn find(&mut self, stretch: &str) -> Vec<Finding>;

    /// Where something begins that is not complete at the end of a stretch, beyond words and findings that reach its end.
    fn open(&mut self, stretch: &str) -> Option<usize>;

    /// What is done with a finding, whose text this is. Called once for each, in their order.
    fn act(&mut self, finding: &Finding, value: &str) -> Act;
}

/// A text on its way.
#[derive(Debug)]
pub struct Window<L> {
    look: L,
    hold: Hold,
    /// From the context on to what came last.
    text: String,
    /// What of it has left.
    left: usize,
    /// What of it was looked at.
    seen: usize,
    /// What was found, and ended the text.
    blocked: Option<Finding>,
}

impl<L: Look> Window<L> {
    /// Begins a text.
    #[must_use]
    pub fn new(look: L, hold: Hold) -> Self {
        Self {
            look,
            hold: Hold { step: hold.step.max(1), ..hold },
            text: String::new(),
            left: 0,
            seen: 0,
            blocked: None,
        }
    }

    /// Takes a piece, and gives what may leave.
    pub fn push(&mut self, piece: &str) -> String {
        let mut out = String::with_capacity(piece.len());
        let mut rest = piece;
        // A long piece in portions: what was let go is cut off the front of what is kept, which must be little.
        while !rest.is_empty() && self.blocked.is_none() {
            let portion = forward(rest, 0, PORTION).unwrap_or(rest.len());
            let (next, later) = rest.split_at_checked(portion).unwrap_or((rest, ""));
            self.text.push_str(next);
            rest = later;
            while self.blocked.is_none()
                && let Some(frontier) = forward(&self.text, self.seen, self.hold.step)
            {
                self.go_on(frontier, false, &mut out);
            }
        }
        out
    }

    /// Ends the text, and gives the rest.
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        if self.blocked.is_none() {
            self.go_on(self.text.len(), true, &mut out);
        }
        out
    }

    /// What ended the text before its end.
    #[must_use]
    pub fn blocked(&self) -> Option<&Finding> {
        self.blocked.as_ref()
    }

    /// The checks, as they are after what was checked.
    pub fn look(&self) -> &L {
        &self.look
    }

    /// Looks at the text up to a place, and lets go what is decided.
    fn go_on(&mut self, frontier: usize, is_end: bool, out: &mut String) {
        self.seen = frontier;
        let limit = if is_end { frontier } else { backward(&self.text, frontier, self.hold.back) };
        if limit <= self.left && !is_end {
            return;
        }
        let stretch = self.text.get(..frontier).unwrap_or_default();
        let findings = merged(&self.look.find(stretch));
        let limit = if is_end { limit } else { decided(&mut self.look, self.hold, stretch, &findings, limit) };
        for finding in findings.iter().filter(|finding| finding.span.start < limit) {
            if finding.span.end <= self.left {
                continue;
            }
            let start = finding.span.start.max(self.left);
            let value = self.text.get(start..finding.span.end).unwrap_or_default();
            let act = self.look.act(finding, value);
            out.push_str(self.text.get(self.left..start).unwrap_or_default());
            self.left = finding.span.end;
            match act {
                Act::Replace(with) => out.push_str(&with),
                Act::Block => {
                    self.blocked = Some(finding.clone());
                    self.text = String::new();
                    return;
                }
            }
        }
        if limit > self.left {
            out.push_str(self.text.get(self.left..limit).unwrap_or_default());
            self.left = limit;
        }
        self.forget();
    }

    /// Lets go of what is no context any more.
    fn forget(&mut self) {
        let from = backward(&self.text, self.left, self.hold.context);
        // From a whole word on, so that no part of one is taken for one.
        let from = self
            .text
            .get(from..self.left)
            .and_then(|context| context.find(char::is_whitespace))
            .map_or(from, |at| from + at);
        self.text.drain(..from);
        self.left -= from;
        self.seen -= from;
    }
}

/// How far all is decided: not into what is open at the end of what has come, unless it is too long.
fn decided<L: Look>(look: &mut L, hold: Hold, stretch: &str, findings: &[Finding], limit: usize) -> usize {
    let earliest = backward(stretch, stretch.len(), hold.longest);
    let at_end = findings.iter().filter(|finding| finding.span.end >= stretch.len()).map(|finding| finding.span.start);
    let open = look.open(stretch);
    // The word in which the limit lies, if it reaches the end.
    let word = stretch.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    at_end.chain(open).chain([word]).filter(|at| *at >= earliest).fold(limit, usize::min)
}

/// Offset so many characters further on; `None` where there are not so many.
fn forward(text: &str, from: usize, characters: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let last = rest.char_indices().nth(characters - 1).map(|(at, c)| at + c.len_utf8())?;
    Some(from + last)
}

/// Offset so many characters back, or the beginning.
fn backward(text: &str, from: usize, characters: usize) -> usize {
    let before = text.get(..from).unwrap_or_default();
    match characters.checked_sub(1) {
        Some(skip) => before.char_indices().rev().nth(skip).map_or(0, |(at, _)| at),
        None => from,
    }
}

/// Checks a text that is there at once, in the way of one that comes in pieces. What leaves, and what ended it if it did.
pub fn at_once<L: Look>(text: &str, look: L, hold: Hold) -> (String, Option<Finding>) {
    let mut window = Window::new(look, hold);
    let mut out = window.push(text);
    out.push_str(&window.finish());
    (out, window.blocked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::{self, Placeholders, Style};
    use crate::rules::{Check, Rule, Rules};
    use crate::view::View;
    use proptest::prelude::*;

    /// Rules, of which those named `stop` block.
    struct ByRules<'r> {
        rules: &'r Rules,
        placeholders: Placeholders,
    }

    impl Look for ByRules<'_> {
        fn find(&mut self, stretch: &str) -> Vec<Finding> {
            let mut found = Vec::new();
            self.rules.find(&View::of(stretch), &mut found);
            found
        }

        fn open(&mut self, _: &str) -> Option<usize> {
            None
        }

        fn act(&mut self, finding: &Finding, value: &str) -> Act {
            if finding.rule == "stop" {
                return Act::Block;
            }
            Act::Replace(self.placeholders.place(&redact::label(finding), value, Style::Tag, None))
        }
    }

    fn rules(all: &[(&str, Check)]) -> Rules {
        let all: Vec<_> =
            all.iter().map(|(name, check)| Rule { name: (*name).to_owned(), check: check.clone() }).collect();
        Rules::compile(&all).unwrap()
    }

    fn words(list: &[&str]) -> Check {
        Check::Words { words: list.iter().map(|word| (*word).to_owned()).collect(), fuzzy: 1 }
    }

    fn look(rules: &Rules) -> ByRules<'_> {
        ByRules { rules, placeholders: Placeholders::default() }
    }

    fn in_pieces(text: &str, rules: &Rules, hold: Hold, size: usize) -> (String, bool) {
        let mut window = Window::new(look(rules), hold);
        let chars: Vec<char> = text.chars().collect();
        let mut out = String::new();
        for piece in chars.chunks(size) {
            out.push_str(&window.push(&piece.iter().collect::<String>()));
        }
        out.push_str(&window.finish());
        (out, window.blocked().is_some())
    }

    #[test]
    fn what_is_found_does_not_leave_and_the_rest_does() {
        let rules = rules(&[("id", Check::Expression(r"\b[A-Z]{2}-\d{6}\b".to_owned())), ("name", words(&["zephyr"]))]);
        let text = format!(
            "{} AB-123456 {} Z e p h y r {}",
            "one two ".repeat(20),
            "three four ".repeat(20),
            "five six ".repeat(5)
        );
        let (out, blocked) = in_pieces(&text, &rules, Hold::default(), 3);
        assert_eq!(out, text.replace("AB-123456", "[ID_1]").replace("Z e p h y r", "[NAME_1]"));
        assert!(!blocked);
    }

    #[test]
    fn no_more_is_held_back_than_is_said() {
        let rules = rules(&[("name", words(&["zephyr"]))]);
        let hold = Hold { back: 20, step: 4, ..Hold::default() };
        let mut window = Window::new(look(&rules), hold);
        let (mut came, mut left) = (0, 0);
        for word in "the quick brown fox jumps over the lazy dog ".repeat(20).split_inclusive(' ') {
            came += word.len();
            left += window.push(word).len();
            assert!(came - left <= hold.back + hold.step + "brown ".len(), "{came} {left}");
        }
    }

    #[test]
    fn a_long_word_is_held_back_until_it_ends_or_is_too_long() {
        let rules = rules(&[("key", Check::Expression("key_[a-z]{90}_end".to_owned()))]);
        let text = format!("my key_{}_end is", "a".repeat(90));
        assert_eq!(in_pieces(&text, &rules, Hold::default(), 5).0, "my [KEY_1] is");
        let endless = "x".repeat(20_000);
        let mut window = Window::new(look(&rules), Hold::default());
        let early = window.push(&endless).len();
        assert!(early >= 15_000, "{early}");
        assert_eq!(early + window.finish().len(), endless.len());
    }

    #[test]
    fn a_block_ends_the_text_before_it() {
        let rules = rules(&[("stop", words(&["zephyr"])), ("name", words(&["boreas"]))]);
        let text = format!("boreas {} zephyr boreas and more", "one two ".repeat(20));
        let (out, blocked) = in_pieces(&text, &rules, Hold::default(), 7);
        assert!(blocked);
        assert_eq!(out, format!("[NAME_1] {} ", "one two ".repeat(20)));
    }

    fn some_rules() -> impl Strategy<Value = Rules> {
        let check = prop_oneof![
            prop::sample::select(vec!["aa", "a+b", "[0-9]{4,20}", "b.*a", r"\bab\b", "(?s)a.b", "[^a]b", "é+"])
                .prop_map(|pattern| Check::Expression(pattern.to_owned())),
            prop::collection::vec(prop::sample::select(vec!["ab", "ba ab", "zephyr", "aab", "é"]), 1..3)
                .prop_map(|list| words(&list)),
        ];
        let named = (prop::sample::select(vec!["x", "y", "stop"]), check);
        prop::collection::vec(named, 0..4).prop_map(|all| rules(&all))
    }

    fn some_text() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "a",
            "b",
            "ab",
            " ",
            "aab ",
            "é",
            "zephyr",
            " z e p h y r ",
            "1234 5678",
            "12345678901234567890123456789012",
            "emVwaHlyIHplcGh5cg==",
            "\n",
            "\u{200b}",
            "zéphyr ",
            "ba ab",
            "x y ",
        ]);
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_pieces_give_the_same_as_the_whole(
            text in some_text(),
            rules in some_rules(),
            size in 1_usize..40,
            hold in (0_usize..40, 1_usize..20, 0_usize..40, 20_usize..80),
        ) {
            let hold = Hold { back: hold.0, step: hold.1, context: hold.2, longest: hold.3 };
            let (whole, blocked) = at_once(&text, look(&rules), hold);
            prop_assert_eq!(in_pieces(&text, &rules, hold, size), (whole, blocked.is_some()));
        }

        #[test]
        fn what_is_found_in_the_whole_does_not_leave(
            before in "[a-z ]{0,200}", after in "[a-z ]{0,200}", number in "[0-9]{16}", size in 1_usize..40,
        ) {
            let rules = rules(&[("number", Check::Expression(r"\b[0-9]{16}\b".to_owned())), ("word", words(&["zephyr"]))]);
            let text = format!("{before} {number} zephyr {after}");
            let (out, _) = in_pieces(&text, &rules, Hold::default(), size);
            prop_assert!(!out.contains(&number) && !out.contains("zephyr"), "{}", out);
        }

        #[test]
        fn the_result_is_the_redaction_of_the_whole_where_rules_look_at_words(
            text in prop::collection::vec(prop::sample::select(vec!["alpha", "beta", "zephyr", "Boreas", "x", "zephyyr", "é"]), 0..120),
            size in 1_usize..50,
        ) {
            let text = text.join(" ");
            let rules = rules(&[("a", words(&["zephyr"])), ("b", words(&["boreas"]))]);
            let mut found = Vec::new();
            rules.find(&View::of(&text), &mut found);
            let whole = redact::redact(&text, &found, &|_| Style::Tag, &mut Placeholders::default(), None).text;
            prop_assert_eq!(in_pieces(&text, &rules, Hold::default(), size).0, whole);
        }
    }
}
