//! What stands for which value over all texts of a call, in memory that no text can make large.

use crate::redact::{HASH_DIGITS, Key, MASK, Style, keep_last, token};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// Most values for which tags and tokens stand; what comes beyond is masked, and does not come back.
pub const VALUES_MAX: usize = 65_536;

/// Most labels of which each is known by itself up to which number a text has tags of it.
const LABELS_MAX: usize = 1024;

/// Longest text in brackets that may be a tag, in bytes.
const TAG_BYTES_MAX: usize = 128;

/// Fewest letters and digits of a token: fewer may be anybody's.
const TOKEN_MIN: usize = 8;

/// How often a token is derived that stands for another value already.
const ATTEMPTS_MAX: u8 = 4;

/// Highest number of a tag: where a text has it of itself, there is none behind it, and values are masked.
const NUMBER_MAX: u64 = 1_000_000_000_000_000;

/// What stands for which value, over all texts of a call; or of one text, over what stands for the call
/// ([`Placeholders::over`]). Its `Debug` tells no value.
#[derive(Clone, Default)]
pub struct Placeholders {
    /// What stood before.
    beneath: Option<Arc<Self>>,
    /// By label and value, the tag that stands for it.
    placed: HashMap<String, HashMap<Arc<str>, String>>,
    /// The other way: tags, in the form that restoring compares.
    tags: HashMap<String, Arc<str>>,
    /// And tokens, in order, so that the one with which a text begins is found at once.
    tokens: BTreeMap<String, Arc<str>>,
    /// The highest number that a tag of a label has, here or in the texts before.
    numbers: HashMap<String, u64>,
    /// The same of all labels that found no room there.
    others: u64,
    longest_tag: usize,
    longest_token: usize,
    begins: Bytes,
}

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Bytes([u64; 4]);

impl Bytes {
    fn add(&mut self, byte: u8) {
        if let Some(bits) = self.0.get_mut(usize::from(byte >> 6)) {
            *bits |= 1 << (byte & 63);
        }
    }

    fn has(self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|bits| bits & (1 << (byte & 63)) != 0)
    }
}

impl std::fmt::Debug for Placeholders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Placeholders").field("tags", &self.tags.len()).field("tokens", &self.tokens.len()).finish()
    }
}

impl Placeholders {
    /// Begins with what stands there, and leaves it as it is.
    #[must_use]
    pub fn over(beneath: Arc<Self>) -> Self {
        let Self { others, longest_tag, longest_token, begins, .. } = *beneath;
        Self { beneath: Some(beneath), others, longest_tag, longest_token, begins, ..Self::default() }
    }

    /// Keeps tags free that a text has of itself; to be told of every text of a call before the first is redacted. Of each
    /// label the highest number is kept, and numbers go on behind it.
    pub fn avoid(&mut self, text: &str) {
        for part in text.split('[').skip(1) {
            let Some((tag, _)) = part.split_once(']').filter(|(tag, _)| tag.len() <= TAG_BYTES_MAX) else { continue };
            let tag = normal(tag);
            let Some((label, digits)) = tag.rsplit_once('_') else { continue };
            let Some(number) = digits.parse().ok().filter(|number| *number <= NUMBER_MAX) else { continue };
            let highest = self.highest(label).max(number);
            if let Some(known) = self.numbers.get_mut(label) {
                *known = highest;
            } else if self.numbers.len() < LABELS_MAX {
                self.numbers.insert(label.to_owned(), highest);
            } else {
                self.others = self.others.max(number);
            }
        }
    }

    /// The highest number of a label that is taken.
    fn highest(&self, label: &str) -> u64 {
        self.numbers.get(label).copied().unwrap_or_else(|| {
            let beneath = self.beneath.as_ref().map(|beneath| beneath.highest(label)).unwrap_or_default();
            beneath.max(self.others)
        })
    }

    /// Whether there is nothing to put back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For how many values something stands.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tags.len() + self.tokens.len() + self.beneath.as_ref().map(|beneath| beneath.len()).unwrap_or_default()
    }

    /// Whether a placeholder may begin with a byte.
    pub(crate) fn begins(&self, byte: u8) -> bool {
        self.begins.has(byte)
    }

    /// The value that a tag stands for, as it is compared: upper case, nothing but letters, digits and `_`.
    pub(crate) fn tagged(&self, tag: &str) -> Option<&str> {
        self.of_tag(&normal(tag))
    }

    fn of_tag(&self, normal: &str) -> Option<&str> {
        let own = self.tags.get(normal).map(|value| &**value);
        own.or_else(|| self.beneath.as_ref()?.of_tag(normal))
    }

    /// Longest tag, without its brackets.
    pub(crate) const fn longest_tag(&self) -> usize {
        self.longest_tag
    }

    /// The longest token that stands at a place of a text, between others than letters and digits: its length, and the value
    /// that it stands for.
    pub(crate) fn token_at(&self, text: &str, at: usize) -> Option<(usize, &str)> {
        let (before, text) = text.split_at_checked(at)?;
        if goes_on(before.chars().next_back(), text.chars().next()) {
            return None;
        }
        let is_whole = |token: &str| {
            let behind = text.get(token.len()..).and_then(|behind| behind.chars().next());
            !goes_on(token.chars().next_back(), behind)
        };
        self.token_of(text, &is_whole)
    }

    fn token_of(&self, text: &str, is_whole: &dyn Fn(&str) -> bool) -> Option<(usize, &str)> {
        let beneath = self.beneath.as_ref().and_then(|beneath| beneath.token_of(text, is_whole));
        // The last token that is not behind the text in their order begins as the text does, or none that does is longer
        // than what both have in common.
        let mut head = text;
        let own = loop {
            let before = (Bound::Unbounded, Bound::Included(head));
            let Some((token, value)) = self.tokens.range::<str, _>(before).next_back() else { break None };
            let common = token.bytes().zip(head.bytes()).take_while(|(a, b)| a == b).count();
            let shorter = match common == token.len() {
                true if is_whole(token) => break Some((common, &**value)),
                true => common - 1,
                false => common,
            };
            match text.get(..shorter) {
                Some(shorter) if shorter.len() >= TOKEN_MIN => head = shorter,
                _ => break None,
            }
        };
        own.into_iter().chain(beneath).max_by_key(|(length, _)| *length)
    }

    /// Whether there are tokens to put back.
    #[must_use]
    pub fn has_tokens(&self) -> bool {
        self.longest_token > 0
    }

    /// Lets go of tokens that a text has of itself, so that they are not put back: to be told of every text of a call when
    /// all is placed. It is a chance in many millions.
    pub fn give_way(&mut self, text: &str) {
        let begins = text.bytes().enumerate().filter(|(at, byte)| self.begins(*byte) && text.is_char_boundary(*at));
        let own: Vec<String> =
            begins.filter_map(|(at, _)| text.get(at..at + self.token_at(text, at)?.0)).map(str::to_owned).collect();
        own.iter().for_each(|token| {
            self.tokens.remove(token);
        });
    }

    /// Whether a text is the beginning of a token.
    pub(crate) fn begins_token(&self, text: &str) -> bool {
        if text.len() >= self.longest_token {
            return false;
        }
        let behind = (Bound::Excluded(text), Bound::Unbounded);
        let own = self.tokens.range::<str, _>(behind).next().is_some_and(|(token, _)| token.starts_with(text));
        own || self.beneath.as_ref().is_some_and(|beneath| beneath.begins_token(text))
    }

    /// What stands for a value of a kind; the same each time.
    pub fn place(&mut self, label: &str, value: &str, style: Style, key: Option<&Key>) -> String {
        match (style, key) {
            (Style::KeepLast(keep), _) => keep_last(value, keep),
            (Style::Tag, _) => self.tag(label, value),
            (Style::Hash, Some(key)) => {
                let sum = key.sum(&[b"hash", label.as_bytes(), value.as_bytes()]);
                format!("[{label}:{}]", hex::encode(sum).get(..HASH_DIGITS).unwrap_or_default())
            }
            (Style::Token, Some(key)) => self.token(label, value, key),
            (Style::Mask | Style::Hash | Style::Token, _) => MASK.to_owned(), // without a key nothing is derived
        }
    }

    fn placed(&self, label: &str, value: &str) -> Option<&str> {
        let own = self.placed.get(label).and_then(|values| values.get(value)).map(String::as_str);
        own.or_else(|| self.beneath.as_ref()?.placed(label, value))
    }

    fn tag(&mut self, label: &str, value: &str) -> String {
        if let Some(tag) = self.placed(label, value) {
            return tag.to_owned();
        }
        let number = self.highest(label) + 1;
        if number > NUMBER_MAX || self.len() >= VALUES_MAX {
            return MASK.to_owned();
        }
        self.numbers.insert(label.to_owned(), number);
        let tag = format!("{label}_{number}");
        let shown = format!("[{tag}]");
        let value: Arc<str> = value.into();
        self.longest_tag = self.longest_tag.max(tag.len());
        [b'[', b'\\'].into_iter().for_each(|byte| self.begins.add(byte));
        self.tags.insert(normal(&tag), value.clone());
        self.placed.entry(label.to_owned()).or_default().insert(value, shown.clone());
        shown
    }

    fn token(&mut self, label: &str, value: &str, key: &Key) -> String {
        for attempt in 0..ATTEMPTS_MAX {
            let token = token(value, key, label, attempt);
            if !has_form(&token) {
                break;
            }
            match self.of_token(&token) {
                Some(known) if known == value => return token,
                Some(_) => {}
                None if self.len() >= VALUES_MAX => return MASK.to_owned(),
                None => {
                    self.longest_token = self.longest_token.max(token.len());
                    token.bytes().take(1).for_each(|byte| self.begins.add(byte));
                    self.tokens.insert(token.clone(), value.into());
                    return token;
                }
            }
        }
        self.tag(label, value)
    }

    fn of_token(&self, token: &str) -> Option<&str> {
        let own = self.tokens.get(token).map(|value| &**value);
        own.or_else(|| self.beneath.as_ref()?.of_token(token))
    }
}

/// Whether a token can be told from what is written anyway, and is written the same in JSON.
fn has_form(token: &str) -> bool {
    token.chars().filter(char::is_ascii_alphanumeric).count() >= TOKEN_MIN
        && !token.contains(|c: char| c.is_ascii_control() || matches!(c, '"' | '\\'))
}

/// Whether a word goes on from one character to the next.
fn goes_on(before: Option<char>, behind: Option<char>) -> bool {
    before.is_some_and(char::is_alphanumeric) && behind.is_some_and(char::is_alphanumeric)
}

/// A tag in the form in which tags are compared, whatever was done to its case, spaces, dashes and escapes.
pub(crate) fn normal(tag: &str) -> String {
    let mut normal = String::with_capacity(tag.len());
    for c in tag.trim().chars().filter(|c| *c != '\\') {
        match c.to_ascii_uppercase() {
            c if c.is_alphanumeric() => normal.push(c),
            _ if normal.ends_with('_') => {}
            _ => normal.push('_'),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_of_a_text_take_no_memory_and_no_tag_of_theirs_is_given() {
        let mut placeholders = Placeholders::default();
        let text: String = (0..50_000).map(|n| format!("[word {n}] [L{n}_3] [see]")).collect();
        placeholders.avoid(&text);
        assert!(placeholders.numbers.len() <= LABELS_MAX, "{}", placeholders.numbers.len());
        for label in ["WORD", "L7", "L49999"] {
            let tag = placeholders.place(label, "value", Style::Tag, None);
            let shown = tag.trim_matches(['[', ']']);
            assert!(!text.contains(shown) && !text.contains(&shown.replace("WORD_", "word ")), "{tag}");
        }
    }

    #[test]
    fn where_no_number_is_left_a_value_is_masked() {
        let mut placeholders = Placeholders::default();
        placeholders.avoid(&format!("[EMAIL_{NUMBER_MAX}] [CARD_{}0]", NUMBER_MAX));
        assert_eq!(placeholders.place("EMAIL", "a", Style::Tag, None), MASK);
        assert_eq!(placeholders.place("CARD", "a", Style::Tag, None), "[CARD_1]");
    }

    #[test]
    fn a_call_has_so_many_values_and_no_more() {
        let mut call = Placeholders::default();
        for n in 0..VALUES_MAX {
            call.place("X", &n.to_string(), Style::Tag, None);
        }
        assert_eq!(call.place("X", "one more", Style::Tag, None), MASK);
        assert_eq!(call.place("X", "7", Style::Tag, None), "[X_8]");
        let mut text = Placeholders::over(Arc::new(call));
        assert_eq!(text.place("X", "one more", Style::Tag, None), MASK);
        assert_eq!(text.place("X", "7", Style::Tag, None), "[X_8]");
    }

    #[test]
    fn a_text_goes_on_where_its_call_has_ended() {
        let mut call = Placeholders::default();
        call.avoid("[Y_6]");
        call.place("X", "a", Style::Tag, None);
        let call = Arc::new(call);
        for _ in 0..2 {
            let mut text = Placeholders::over(call.clone());
            let placed = ["a", "b"].map(|value| text.place("X", value, Style::Tag, None));
            assert_eq!(placed, ["[X_1]", "[X_2]"]);
            text.avoid("[Y_2] [x 9]");
            assert_eq!(text.place("Y", "c", Style::Tag, None), "[Y_7]");
            assert_eq!(text.place("X", "d", Style::Tag, None), "[X_10]");
            assert_eq!((text.tagged("x_1"), text.tagged("x_2")), (Some("a"), Some("b")));
        }
        assert_eq!(call.len(), 1);
    }

    #[test]
    fn the_longest_token_is_found_that_stands_by_itself() {
        let mut placeholders = Placeholders::default();
        for token in ["abcdefgh", "abcdefgh-12", "abcdefgh-zz", "abcdefgh+g", "xyzxyzxyz"] {
            placeholders.tokens.insert(token.to_owned(), token.into());
            placeholders.longest_token = 11;
        }
        for (text, token) in [
            ("abcdefgh-12.", Some("abcdefgh-12")),
            ("abcdefgh-123", Some("abcdefgh")),
            ("abcdefgh-1", Some("abcdefgh")),
            ("abcdefgh+g", Some("abcdefgh+g")),
            ("abcdefghi", None),
            ("abcdefg", None),
            ("zz", None),
            ("", None),
        ] {
            assert_eq!(placeholders.token_at(text, 0).map(|(_, value)| value), token, "{text}");
        }
        assert!(placeholders.token_at("1abcdefgh", 1).is_none() && placeholders.token_at("(abcdefgh)", 1).is_some());
        assert!(placeholders.begins_token("abcdefgh") && placeholders.begins_token("x"));
        assert!(!placeholders.begins_token("abcdefgh-12") && !placeholders.begins_token("b"));
    }

    #[test]
    fn no_token_stands_for_two_values_or_for_what_a_text_has_of_itself() {
        let key = Key::new(&[7; 32]);
        let mut placeholders = Placeholders::default();
        let place =
            |placeholders: &mut Placeholders, value: &str| placeholders.place("X", value, Style::Token, Some(&key));
        let token = place(&mut placeholders, "4111-1111");
        assert_eq!(token, place(&mut placeholders, "4111-1111"));
        // As if another value had come to the same.
        placeholders.tokens.insert(token.clone(), "another".into());
        let anew = place(&mut placeholders, "4111-1111");
        assert!(anew != token && anew.len() == token.len() && !anew.starts_with('['), "{anew}");
        // Of few letters and digits many values would come to the same; what JSON escapes would not be found again.
        for value in ["1234", "12-34-567", "\"12345678\"", "1234\n5678"] {
            assert!(place(&mut placeholders, value).starts_with("[X_"), "{value}");
        }
        placeholders.give_way(&format!("no. 1{anew}, (no. {token})"));
        assert!(!placeholders.tokens.contains_key(&token) && placeholders.tokens.contains_key(&anew));
    }
}
