//! Whether a value looks made by chance, as secrets are, or written by people: words, names, placeholders, code.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::OnceLock;

/// Pairs of letters that 96 of 100 in English words are: a set of second letters for each first one.
const PAIRS: [u32; 26] = [
    0x17e_bd6e, 0x012_4911, 0x01a_4d95, 0x016_4111, 0x1ee_f97d, 0x01a_4931, 0x012_4991, 0x01a_4111, 0x2ae_fc7f,
    0x010_4010, 0x004_0110, 0x11c_4919, 0x014_d113, 0x13c_697d, 0x07e_fd7e, 0x01a_c991, 0x010_0000, 0x11e_7d5d,
    0x05c_c195, 0x15e_4991, 0x00e_b95f, 0x000_0111, 0x002_6191, 0x008_0000, 0x004_4010, 0x000_0000,
];

/// What no value of anybody has: examples, and variables that stand for a value.
const EXAMPLES: &[&str] = &[
    "example",
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "your",
    "redacted",
    "xxxx",
    "****",
    "....",
    "dummy",
    "insert",
    "replace",
    "sample",
    "secret_here",
    "fixme",
    "goes_here",
    "lorem",
    "<",
    "${",
    "{{",
    "$(",
    "%(",
    "#{",
];

/// Of those, what makes even a value of a known form one that nobody can use.
const EXAMPLES_OF_FORMS: usize = 8;

/// What only a short value has because it is none; in a long one it can be chance, or the humour of whoever made it.
const STAND_INS: &[&str] = &[
    "todo",
    "null",
    "undefined",
    "none",
    "foobar",
    "12345678",
    "qwerty",
    "abcdef",
    "asdf",
    "test",
    "fake",
    "mock",
    "default",
    "password",
    "passwd",
    "hidden",
    "masked",
    "enter",
];

/// From this length on a value is long.
const LONG: usize = 24;

/// Whether a value is one that somebody put in the place of a real one.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let words = words();
    words.examples.has(value) || (value.len() < LONG && words.stand_ins.has(value))
}

/// Whether a value of a known form is filled with nothing: one character over and over, an alphabet, an example.
pub(super) fn is_filler(body: &[u8]) -> bool {
    if body.len() <= 80 && words().examples_of_forms.has(body) {
        return true;
    }
    let (mut same, mut rising, mut longest, mut before) = (1, 1, 1, None);
    for byte in body.iter().map(u8::to_ascii_lowercase) {
        same = if before == Some(byte) { same + 1 } else { 1 };
        rising = if before.is_some_and(|b: u8| b + 1 == byte) { rising + 1 } else { 1 };
        let crossed = matches!(byte, b'x' | b'*') && same >= 4;
        if same >= 9 || crossed {
            return true;
        }
        longest = longest.max(rising);
        before = Some(byte);
    }
    (longest >= 8 && longest * 2 > body.len()) || (body.len() >= 12 && entropy(body) < 2.3)
}

/// Words that a value may have, in either case, all looked for at once.
struct Words(Option<AhoCorasick>);

impl Words {
    /// They are lists of ours: that no automaton can be made of them does not happen.
    fn new(words: &[&str]) -> Self {
        let builder = AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(words);
        Self(builder.ok())
    }

    fn has(&self, value: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|words| words.is_match(value))
    }
}

struct Lists {
    examples: Words,
    examples_of_forms: Words,
    stand_ins: Words,
    usual: Words,
}

fn words() -> &'static Lists {
    static LISTS: OnceLock<Lists> = OnceLock::new();
    LISTS.get_or_init(|| Lists {
        examples: Words::new(EXAMPLES),
        examples_of_forms: Words::new(EXAMPLES.get(..EXAMPLES_OF_FORMS).unwrap_or(EXAMPLES)),
        stand_ins: Words::new(STAND_INS),
        usual: Words::new(USUAL),
    })
}

/// Shannon's entropy, in bits a character.
pub(super) fn entropy(value: &[u8]) -> f32 {
    let mut counts = [0_u16; 256];
    for byte in value.iter().take(4096) {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = f32::from(u16::try_from(value.len().clamp(1, 4096)).unwrap_or(u16::MAX));
    let part = |count: u16| {
        let share = f32::from(count) / total;
        -share * share.log2()
    };
    // Most characters of a value are there once or a few times.
    let few: [f32; 8] = std::array::from_fn(|count| part(u16::try_from(count).unwrap_or(0)));
    let seen = counts.iter().filter(|count| **count > 0);
    seen.map(|count| few.get(usize::from(*count)).copied().unwrap_or_else(|| part(*count))).sum()
}

/// How many of the pairs of letters are those of words, in hundredths; how many pairs there are. A pair of a small and
/// a capital letter is the border of two words.
pub(super) fn pairs(value: &[u8]) -> (usize, usize) {
    let (mut common, mut all) = (0, 0);
    for pair in value.windows(2) {
        let [first, second] = pair else { continue };
        if !first.is_ascii_alphabetic()
            || !second.is_ascii_alphabetic()
            || (first.is_ascii_lowercase() && second.is_ascii_uppercase())
        {
            continue;
        }
        all += 1;
        let row = PAIRS.get(usize::from(first.to_ascii_lowercase() - b'a')).copied().unwrap_or(0);
        common += usize::from(row >> (second.to_ascii_lowercase() - b'a') & 1 == 1);
    }
    ((common * 100).checked_div(all).unwrap_or(0), all)
}

/// Whether the letters of a value are those of words.
pub(super) fn is_words(value: &[u8]) -> bool {
    let (share, all) = pairs(value);
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    if all < 4 { digits * 4 < value.len() } else { share >= if digits * 5 > value.len() { 88 } else { 78 } }
}

/// Which kinds of characters are in a value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kinds {
    pub digits: usize,
    pub small: usize,
    pub capital: usize,
    pub other: usize,
    pub hex: bool,
}

impl Kinds {
    pub(super) fn of(value: &[u8]) -> Self {
        let mut kinds = Self { hex: true, ..Self::default() };
        for byte in value {
            match byte {
                b'0'..=b'9' => kinds.digits += 1,
                b'a'..=b'z' => kinds.small += 1,
                b'A'..=b'Z' => kinds.capital += 1,
                _ => kinds.other += 1,
            }
            kinds.hex &= byte.is_ascii_hexdigit();
        }
        kinds
    }

    pub(super) fn letters(self) -> usize {
        self.small + self.capital
    }
}

/// `8-4-4-4-12` hexadecimal digits.
pub(super) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether a value is a token that chance made, of at least 10 characters; `entropy_min` for those of 20 and more.
pub(super) fn is_random(value: &[u8], entropy_min: f32) -> bool {
    let kinds = Kinds::of(value);
    if value.len() < 10 || is_filler(value) || is_placeholder(value) || kinds.letters() == 0 {
        return false;
    }
    let mixed = kinds.digits > 0 || (kinds.small > 2 && kinds.capital > 2 && value.len() >= 20) || value.len() >= 24;
    let least = match (kinds.hex, value.len()) {
        (_, ..=15) => 2.8,
        (true, _) => 2.7,
        (_, 16..=19) => 3.0,
        _ => entropy_min,
    };
    mixed && entropy(value) >= least && !is_words(value)
}

/// Words of passwords that everybody tries first, or writes when he shows how.
const USUAL: &[&str] = &[
    "admin", "user", "pass", "secret", "hello", "welcome", "letmein", "guest", "root", "demo", "abc", "foo", "bar",
    "master", "temp", "login", "token", "key", "name", "value", "string", "word", "strong", "secure", "new", "old",
    "john", "hunter", "valid", "wrong", "super", "simple",
];

/// Whether a value is a password that somebody could have: not a word, nor a word with a number behind it.
pub(super) fn is_password(value: &[u8]) -> bool {
    let kinds = Kinds::of(value);
    let sorts = [kinds.digits, kinds.letters(), kinds.other].iter().filter(|count| **count > 0).count();
    if value.len() < 6 || is_placeholder(value) || sorts < 2 || is_filler(value) || kinds.letters() == 0 {
        return false;
    }
    let stem = value.iter().rposition(|b| b.is_ascii_alphabetic()).map_or(0, |at| at + 1);
    let word = value.get(..stem).unwrap_or_default();
    let tail = value.len() - stem;
    let plain = word.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-' | b'.' | b' ' | b'/'));
    let worded = (pairs(word).0 >= 78 || word.len() < 4) && (value.len() < 8 || tail == 0);
    let usual = words().usual.has(word);
    !(plain && (worded || usual)) && entropy(value) >= 2.2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_are_found_in_either_case(value in "([a-z]{0,3}|[A-Z0-9_*.$<{(%#]{0,4}|example|PlaceHolder|xXxX|\\*{4}|sample|TODO|qwerty|admin|Hunter){0,6}") {
            let lower = value.to_ascii_lowercase();
            let slowly = |words: &[&str]| words.iter().any(|word| lower.contains(word));
            prop_assert_eq!(words().examples.has(value.as_bytes()), slowly(EXAMPLES));
            prop_assert_eq!(words().examples_of_forms.has(value.as_bytes()), slowly(&EXAMPLES[..EXAMPLES_OF_FORMS]));
            prop_assert_eq!(words().stand_ins.has(value.as_bytes()), slowly(STAND_INS));
            prop_assert_eq!(words().usual.has(value.as_bytes()), slowly(USUAL));
        }
    }

    #[test]
    fn chance_is_told_from_words() {
        for random in [
            "q7Xv2LmPz9RtK4",
            "9f86d081884c7d659a2feaa0",
            "bGk3ZTk0cXo1bWw",
            "zqxjvkwpylbnmrtdghcfsqkzv",
            "wJalrXUtnFEMIKbPxRfiCYzzKAYQ",
        ] {
            assert!(is_random(random.as_bytes(), 3.2), "{random}");
        }
        for words in [
            "getElementById",
            "user_authentication_token",
            "ThisIsATokenName2",
            "application/json",
            "com.acme.service.TokenProvider",
            "aaaaaaaaaaaaaaaa1",
            "abcdefghijklmnopqrstuv1",
            "your-api-key-1234",
            "1234567890123456",
        ] {
            assert!(!is_random(words.as_bytes(), 3.2), "{words}");
        }
    }

    #[test]
    fn a_password_is_more_than_a_word() {
        for password in ["Tr0ub4dor&3", "p@55w0rd!x", "k3!vQz", "gR8t-w4ll"] {
            assert!(is_password(password.as_bytes()), "{password}");
        }
        for word in ["hunter2", "password123", "admin123", "secret", "my_token", "12345678", "changeme1!"] {
            assert!(!is_password(word.as_bytes()), "{word}");
        }
    }
}
