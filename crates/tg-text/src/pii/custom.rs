//! Entities of the configuration: an expression, words that have to stand near, and a check digit.

use super::check;
use crate::finding::{Finding, Kind};
use crate::span::Span;
use crate::view::View;
use aho_corasick::AhoCorasick;
use regex::{Regex, RegexBuilder};
use std::borrow::Cow;

/// The longest expression, in bytes.
pub const PATTERN_MAX: usize = 4 * 1024;
/// The most memory that a compiled expression takes, in bytes.
pub const COMPILED_MAX: usize = 1024 * 1024;
/// The most words of one entity.
pub const WORDS_MAX: usize = 64;
/// How far from a match one of the words has to stand, in bytes.
pub const NEAR: usize = 40;
/// The longest match, in bytes. A longer one is found up to here.
pub const MATCH_MAX: usize = 512;
/// How many matches are looked at in any text; in a long one, one more for each [`MATCH_EACH`] bytes. If there are more,
/// all the rest of the text counts as found: an expression that fits everywhere must not let anything through.
pub const MATCHES_MIN: usize = 1024;
/// See [`MATCHES_MIN`].
pub const MATCH_EACH: usize = 8;

/// A check digit over the digits of a match (letters count as in IBAN for MOD 97-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Luhn's formula.
    Luhn,
    /// MOD 97-10 as in IBAN: the first four characters count last.
    Mod97,
    /// Verhoeff's formula.
    Verhoeff,
    /// MOD 11,10.
    Mod11_10,
}

/// What an entity of the configuration is made of.
#[derive(Clone, Debug, Default)]
pub struct Definition {
    /// Its name in findings.
    pub name: String,
    /// An expression in the syntax of the `regex` crate, which works in linear time: no look-around, no back-references.
    pub pattern: String,
    /// Words of which one has to stand within [`NEAR`] bytes, case aside; none: no word is needed.
    pub words: Vec<String>,
    /// The check digit.
    pub check: Option<Check>,
}

/// Why an entity cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It has no name.
    #[error("the entity has no name; give it one")]
    NoName,
    /// The expression is empty, or matches nothing but emptiness.
    #[error("the expression of `{0}` also matches the empty text; require at least one character")]
    Empty(String),
    /// The expression is too long.
    #[error("the expression of `{0}` is longer than {PATTERN_MAX} bytes; make it shorter or split it")]
    Long(String),
    /// The expression does not compile.
    #[error("the expression of `{name}` does not compile: {reason}")]
    Pattern {
        /// The entity.
        name: String,
        /// What the engine says.
        reason: String,
    },
    /// Too many words, or one without letters.
    #[error("the words of `{0}` are more than {WORDS_MAX}, or one of them is empty")]
    Words(String),
}

/// A compiled entity of the configuration.
#[derive(Clone, Debug)]
pub struct Custom {
    name: String,
    regex: Regex,
    words: Option<AhoCorasick>,
    check: Option<Check>,
}

impl Custom {
    /// Compiles an entity.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(definition: Definition) -> Result<Self, Invalid> {
        let Definition { name, pattern, words, check } = definition;
        if name.trim().is_empty() {
            return Err(Invalid::NoName);
        }
        if pattern.len() > PATTERN_MAX {
            return Err(Invalid::Long(name));
        }
        if words.len() > WORDS_MAX || words.iter().any(|word| word.trim().is_empty()) {
            return Err(Invalid::Words(name));
        }
        let regex = match RegexBuilder::new(&pattern).size_limit(COMPILED_MAX).dfa_size_limit(COMPILED_MAX).build() {
            Ok(regex) => regex,
            Err(error) => return Err(Invalid::Pattern { name, reason: error.to_string() }),
        };
        if regex.is_match("") {
            return Err(Invalid::Empty(name));
        }
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&words);
        let words = match (words.is_empty(), automaton) {
            (true, _) => None,
            (false, Ok(automaton)) => Some(automaton),
            (false, Err(_)) => return Err(Invalid::Words(name)),
        };
        Ok(Self { name, regex, words, check })
    }

    /// Adds what it finds in a text, in order of its place.
    pub fn find(&self, view: &View<'_>, found: &mut Vec<Finding>) {
        let plain = view.plain();
        self.spans(plain.text(), &mut |span| found.push(self.finding(plain.origin(span))));
        for hidden in view.hidden() {
            let mut any = false;
            self.spans(&hidden.text, &mut |_| any = true);
            if any {
                found.push(self.finding(hidden.origin));
            }
        }
    }

    fn finding(&self, span: Span) -> Finding {
        Finding { kind: Kind::Pii, rule: Cow::Owned(self.name.clone()), span, score: 1.0 }
    }

    /// Each match that holds. The time is linear, also where the expression looks far ahead before it settles for a
    /// short match: where the next one ends at the earliest is found first, and only a little beyond is read.
    fn spans(&self, text: &str, tell: &mut dyn FnMut(Span)) {
        let mut left = MATCHES_MIN + text.len() / MATCH_EACH;
        let mut at = 0;
        while let Some(earliest) = text.get(at..).and_then(|_| self.regex.shortest_match_at(text, at)) {
            let block = text.get(..boundary(text, earliest + MATCH_MAX)).unwrap_or(text);
            let Some(found) = self.regex.find_at(block, at) else { return };
            let span = Span::new(found.start(), boundary(text, found.start() + MATCH_MAX).min(found.end()));
            if left == 0 {
                return tell(Span::new(span.start, text.len()));
            }
            left -= 1;
            let value = text.get(span.range()).unwrap_or_default();
            if !value.is_empty() && self.holds(value) && self.told(text, span.range()) {
                tell(span);
            }
            at = boundary(text, span.end.max(at + 1));
        }
    }

    fn told(&self, text: &str, found: std::ops::Range<usize>) -> bool {
        let Some(words) = &self.words else { return true };
        let bytes = text.as_bytes();
        let before = bytes.get(found.start.saturating_sub(NEAR)..found.start).unwrap_or_default();
        let behind = bytes.get(found.end..(found.end + NEAR).min(bytes.len())).unwrap_or_default();
        words.is_match(before) || words.is_match(behind)
    }

    fn holds(&self, value: &str) -> bool {
        let digits = || value.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect::<Vec<_>>();
        match self.check {
            None => true,
            Some(Check::Luhn) => check::luhn(&digits()),
            Some(Check::Verhoeff) => check::verhoeff(&digits()),
            Some(Check::Mod11_10) => check::mod11_10(&digits()),
            Some(Check::Mod97) => {
                let chars: Vec<u8> =
                    value.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_uppercase()).collect();
                check::mod97(chars.iter().skip(4).chain(chars.iter().take(4)).copied()) == Some(1)
            }
        }
    }
}

/// The first boundary of characters at or after an offset, or the end.
fn boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(definition: Definition, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        Custom::new(definition).unwrap().find(&View::of(text), &mut found);
        found.iter().map(|finding| text[finding.span.range()].to_owned()).collect()
    }

    #[test]
    fn an_expression_a_word_and_a_check_digit_have_to_agree() {
        let staff = |words: &[&str], check| Definition {
            name: "staff".into(),
            pattern: r"\bE-\d{6}\b".into(),
            words: words.iter().map(|w| (*w).to_owned()).collect(),
            check,
        };
        assert_eq!(found(staff(&[], None), "E-123456 and E-12"), ["E-123456"]);
        assert_eq!(found(staff(&["badge"], None), "Badge E-123456"), ["E-123456"]);
        assert!(found(staff(&["badge"], None), "order E-123456").is_empty());
        assert_eq!(found(staff(&[], Some(Check::Luhn)), "E-123455, E-123456"), ["E-123455"]);
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_reason() {
        let invalid = |pattern: &str| {
            Custom::new(Definition { name: "x".into(), pattern: pattern.into(), ..Definition::default() }).unwrap_err()
        };
        assert!(matches!(invalid(r"(?=a)b"), Invalid::Pattern { .. }));
        assert!(matches!(invalid(r"(a)\1"), Invalid::Pattern { .. }));
        assert!(matches!(invalid("a*"), Invalid::Empty(_)));
        assert!(matches!(invalid(&"a".repeat(PATTERN_MAX + 1)), Invalid::Long(_)));
        assert!(matches!(invalid(r"(\w{500}){500}"), Invalid::Pattern { .. }));
    }

    #[test]
    fn an_expression_that_looks_far_ahead_does_not_stall_and_lets_nothing_through() {
        // Of each letter the whole rest would be looked at before it is settled that one letter matches.
        let far = Definition { name: "x".into(), pattern: ".*[^A-Z]|[A-Z]".into(), ..Definition::default() };
        let text = "A".repeat(1 << 20);
        let all = found(far, &text);
        assert_eq!(all.concat(), text);
        assert_eq!(all.len(), MATCHES_MIN + text.len() / MATCH_EACH + 1);
    }

    #[test]
    fn many_that_fail_their_check_do_not_hide_one_that_holds() {
        let luhn = Definition {
            name: "x".into(),
            pattern: r"\b\d{8}\b".into(),
            check: Some(Check::Luhn),
            ..Definition::default()
        };
        let text = format!("{} 12345674", "12345678 ".repeat(30_000));
        assert_eq!(found(luhn, &text), ["12345674"]);
    }

    #[test]
    fn a_long_match_is_found_up_to_its_bound() {
        let long = Definition { name: "x".into(), pattern: "a+".into(), ..Definition::default() };
        let all = found(long, &"a".repeat(2000));
        assert_eq!(all.iter().map(String::len).collect::<Vec<_>>(), [512, 512, 512, 464]);
    }
}
