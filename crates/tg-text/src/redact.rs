//! Takes what was found out of a text: masked, tagged, hashed, or as a token of the same form; and remembers what to put back.

use crate::finding::Finding;
use crate::pii::check::{luhn, mod97};
pub use crate::placeholders::Placeholders;
use crate::placeholders::normal;
use crate::span::Span;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// What stands where something was masked.
pub const MASK: &str = "****";

/// Most characters at the end of a value that may be left to see.
pub const KEEP_MAX: usize = 4;

/// Hexadecimal digits of a hash: enough that two values hardly ever share one.
pub(crate) const HASH_DIGITS: usize = 16;

/// What takes the place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `****`.
    Mask,
    /// `****1234`: the last characters stay, [`KEEP_MAX`] at most, and never more than a third of the value.
    KeepLast(usize),
    /// `[EMAIL_1]`: the same value has the same tag, and can be put back.
    Tag,
    /// `[EMAIL:9f86d081884c7d65]`: the same value has the same hash wherever the same key is used.
    Hash,
    /// Letters for letters and digits for digits, by the key; check digits are wrong. Can be put back. A tag where there are
    /// fewer than eight of them, or quotation marks, backslashes and controls, which would not come back as they are.
    Token,
}

/// The key of hashes and tokens. Its `Debug` is a mask.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl Key {
    /// A key of so many random bytes; 32 are right.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    pub(crate) fn sum(&self, parts: &[&[u8]]) -> Vec<u8> {
        // A key may have any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return Vec::new() };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(****)")
    }
}

pub(crate) fn keep_last(value: &str, keep: usize) -> String {
    let count = value.chars().count();
    let keep = keep.min(KEEP_MAX).min(count / 3);
    let kept: String = value.chars().skip(count - keep).collect();
    format!("{MASK}{kept}")
}

/// Letters for letters, digits for digits, none where it was. Each attempt gives another.
pub(crate) fn token(value: &str, key: &Key, label: &str, attempt: u8) -> String {
    let purpose: &[u8] = if attempt == 0 { b"token" } else { &[b't', attempt] };
    let mut stream =
        (0_u64..).flat_map(|block| key.sum(&[purpose, label.as_bytes(), value.as_bytes(), &block.to_be_bytes()]));
    let mut turn = |base: u8, c: char, size: u32| {
        let by = 1 + u32::from(stream.next().unwrap_or_default()) % (size - 1);
        let at = (u32::from(c) - u32::from(base) + by) % size;
        char::from(base + u8::try_from(at).unwrap_or_default())
    };
    let mut token: Vec<char> = value
        .chars()
        .map(|c| match c {
            '0'..='9' => turn(b'0', c, 10),
            'a'..='z' => turn(b'a', c, 26),
            'A'..='Z' => turn(b'A', c, 26),
            c if c.is_ascii() => c,
            // Of other scripts no letter may stay.
            c if c.is_uppercase() => turn(b'A', 'A', 26),
            c if c.is_numeric() => turn(b'0', '0', 10),
            _ => turn(b'a', 'a', 26),
        })
        .collect();
    break_checks(&mut token, value);
    token.into_iter().collect()
}

/// Makes check digits wrong, so that no token is somebody's number.
fn break_checks(token: &mut [char], value: &str) {
    for _ in 0..3 {
        let all = digits(token);
        if all.len() < 8 || !(luhn(&all) || is_account(token)) {
            return;
        }
        let Some(at) = token.iter().rposition(char::is_ascii_digit) else { return };
        let was = value.chars().nth(at).and_then(|c| c.to_digit(10));
        if let Some(digit) = token.get_mut(at) {
            let next = |by: u32| digit.to_digit(10).map(|d| (d + by) % 10);
            let other = next(1).filter(|d| Some(*d) != was).or_else(|| next(2)).and_then(|d| char::from_digit(d, 10));
            *digit = other.unwrap_or(*digit);
        }
    }
}

fn digits(token: &[char]) -> Vec<u8> {
    token.iter().filter_map(|c| c.to_digit(10)).filter_map(|digit| u8::try_from(digit).ok()).collect()
}

/// Whether the number of an account of the form of an IBAN is right.
fn is_account(token: &[char]) -> bool {
    let signs = token.iter().filter(|c| c.is_ascii_alphanumeric()).map(char::to_ascii_uppercase);
    let signs: Vec<u8> = signs.filter_map(|c| u8::try_from(c).ok()).collect();
    let (head, rest) = signs.split_at(signs.len().min(4));
    mod97(rest.iter().chain(head).copied()) == Some(1)
}

/// A text without what was found in it.
#[derive(Clone, Debug)]
pub struct Redacted {
    /// The new text.
    pub text: String,
    /// What was replaced, in the original, in order; overlapping findings are one.
    pub spans: Vec<Span>,
}

/// The name of a finding in tags: its rule in capitals.
#[must_use]
pub fn label(finding: &Finding) -> String {
    normal(&finding.rule)
}

/// Findings of which none overlaps another: what overlaps is one, named after the surest, then the longest.
#[must_use]
pub fn merged(findings: &[Finding]) -> Vec<Finding> {
    let mut sorted: Vec<&Finding> = findings.iter().filter(|finding| !finding.span.is_empty()).collect();
    sorted
        .sort_by(|a, b| (a.span.start, b.span.end).cmp(&(b.span.start, a.span.end)).then_with(|| a.rule.cmp(&b.rule)));
    let mut all: Vec<Finding> = Vec::with_capacity(sorted.len());
    let mut lead = (0.0, 0);
    for finding in sorted {
        let rank = (finding.score, finding.span.len());
        match all.last_mut().filter(|last| last.span.overlaps(finding.span)) {
            Some(last) => {
                last.span.end = last.span.end.max(finding.span.end);
                if rank.0 > lead.0 || (rank.0 >= lead.0 && rank.1 > lead.1) {
                    (last.kind, last.rule, last.score) = (finding.kind, finding.rule.clone(), finding.score);
                    lead = rank;
                }
            }
            None => {
                all.push(finding.clone());
                lead = rank;
            }
        }
    }
    all
}

/// Replaces what was found, each in the style that is asked for it. No byte of a finding's stretch is left, but for what
/// [`Style::KeepLast`] keeps.
pub fn redact(
    text: &str,
    findings: &[Finding],
    style: &dyn Fn(&Finding) -> Style,
    placeholders: &mut Placeholders,
    key: Option<&Key>,
) -> Redacted {
    let mut out = String::with_capacity(text.len());
    let mut spans = Vec::new();
    let mut last = 0;
    for finding in merged(findings) {
        let Some(value) = text.get(finding.span.range()) else { continue };
        out.push_str(text.get(last..finding.span.start).unwrap_or_default());
        out.push_str(&placeholders.place(&label(&finding), value, style(&finding), key));
        last = finding.span.end;
        spans.push(finding.span);
    }
    out.push_str(text.get(last..).unwrap_or_default());
    Redacted { text: out, spans }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Kind;
    use proptest::prelude::*;

    fn finding(rule: &'static str, start: usize, end: usize) -> Finding {
        Finding { kind: Kind::Pii, rule: rule.into(), span: Span::new(start, end), score: 1.0 }
    }

    fn redacted(text: &str, findings: &[Finding], style: Style) -> String {
        let key = Key::new(&[7; 32]);
        redact(text, findings, &|_| style, &mut Placeholders::default(), Some(&key)).text
    }

    #[test]
    fn each_style_leaves_what_it_says() {
        let text = "to ann@example.com, 4111111111111111";
        let found = [finding("email", 3, 18), finding("card", 20, 36)];
        assert_eq!(redacted(text, &found, Style::Mask), "to ****, ****");
        assert_eq!(redacted(text, &found, Style::KeepLast(4)), "to ****.com, ****1111");
        assert_eq!(redacted(text, &found, Style::Tag), "to [EMAIL_1], [CARD_1]");
        let hashed = redacted(text, &found, Style::Hash);
        assert!(
            hashed.starts_with("to [EMAIL:")
                && hashed.len() == "to [EMAIL:0123456789abcdef], [CARD:0123456789abcdef]".len()
        );
        let token = redacted(text, &found, Style::Token);
        assert_eq!(token.len(), text.len());
        assert!(!luhn(&digits(&token[20..].chars().collect::<Vec<_>>())));
    }

    #[test]
    fn the_same_value_has_the_same_tag_and_a_tag_of_the_text_is_left_alone() {
        let text = "a b a [X_1]";
        let mut placeholders = Placeholders::default();
        placeholders.avoid(text);
        let found = [finding("x", 0, 1), finding("x", 2, 3), finding("x", 4, 5)];
        let out = redact(text, &found, &|_| Style::Tag, &mut placeholders, None).text;
        assert_eq!(out, "[X_2] [X_3] [X_2] [X_1]");
    }

    #[test]
    fn what_overlaps_is_replaced_once() {
        let found = [finding("a", 0, 4), finding("bb", 2, 8), finding("c", 9, 10)];
        assert_eq!(redacted("0123456789", &found, Style::Tag), "[BB_1]8[C_1]");
    }

    #[test]
    fn without_a_key_nothing_is_derived() {
        let mut placeholders = Placeholders::default();
        assert_eq!(placeholders.place("X", "value", Style::Token, None), MASK);
        assert_eq!(format!("{:?}", Key::new(b"secret")), "Key(****)");
    }

    proptest! {
        #[test]
        fn no_character_of_a_token_stays_in_its_place(value in "[0-9a-zA-Zäéß -]{4,40}") {
            let out = token(&value, &Key::new(b"k"), "X", 0);
            prop_assert_eq!(out.chars().count(), value.chars().count());
            for (a, b) in value.chars().zip(out.chars()) {
                prop_assert!(a != b || !a.is_alphanumeric(), "{} {}", value, out);
            }
        }

        #[test]
        fn nothing_of_what_was_found_is_left(
            text in "[a-z]{40}",
            spans in prop::collection::vec((0_usize..40, 1_usize..12), 0..6),
        ) {
            let found: Vec<_> = spans.iter().map(|(at, n)| finding("r", *at, (at + n).min(40))).collect();
            let out = redacted(&text, &found, Style::Mask);
            let kept: String = text.char_indices().filter(|(i, _)| !found.iter().any(|f| f.span.range().contains(i))).map(|(_, c)| c).collect();
            prop_assert_eq!(out.replace('*', ""), kept);
        }
    }
}
