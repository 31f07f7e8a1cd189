//! What of two texts must be the same, though their vectors hardly differ by it: numbers, denials, contraries, names, quoted
//! stretches, placeholders, what is no plain word; and the language.

use super::words::{is_common, language, turns};
use std::collections::HashMap;
use std::sync::Arc;

/// What opens a stretch that is compared as it stands, and what closes it.
const STRETCHES: [(char, char); 12] = [
    ('"', '"'),
    ('“', '”'),
    ('„', '“'),
    ('«', '»'),
    ('»', '«'),
    ('‹', '›'),
    ('`', '`'),
    ('{', '}'),
    ('[', ']'),
    ('<', '>'),
    ('‘', '’'),
    ('\'', '\''),
];

/// Signs at the ends of a word that are no part of it.
const AROUND: [char; 12] = ['.', ',', ';', ':', '!', '?', '(', ')', '¿', '¡', '…', '\''];

/// The facts of a text, in their order. Two texts with other facts are not alike, whatever their vectors.
#[must_use]
pub fn facts(text: &str) -> Vec<String> {
    let text = text.replace('\u{2019}', "'");
    let (mut facts, mut small) = (Vec::new(), Vec::new());
    let (mut rest, mut begins) = (text.as_str(), true);
    // A stretch before a word, and a word before a stretch, as they come.
    while let Some(first) = rest.chars().next() {
        if let Some(stretch) = stretch(rest, &text[..text.len() - rest.len()]) {
            facts.push(format!("stretch {stretch}"));
            (rest, begins) = (&rest[stretch.len()..], false);
        } else if first.is_whitespace() {
            begins |= first == '\n';
            rest = &rest[first.len_utf8()..];
        } else {
            let end = word_end(rest);
            let word = &rest[..end];
            facts.extend(fact(word, begins, &mut small));
            begins = word.ends_with(['.', '!', '?', ':', '…']);
            rest = &rest[end..];
        }
    }
    facts.push(format!("language {}", language(small.iter().map(String::as_str)).unwrap_or("unknown")));
    facts
}

/// Shortest word whose place among the others tells something.
const PLACED_MIN: usize = 4;

/// The words of a text that carry what it says, in small letters, in their order.
#[must_use]
pub fn placed(text: &str) -> Arc<[Box<str>]> {
    let words = text.split(|sign: char| !sign.is_alphanumeric()).filter(|word| word.chars().count() >= PLACED_MIN);
    words.map(str::to_lowercase).filter(|word| !is_common(word)).map(String::into_boxed_str).collect()
}

/// Whether the words that both texts have once stand in the same order: who is older than whom, from where to where.
#[must_use]
pub fn same_order(one: &[Box<str>], other: &[Box<str>]) -> bool {
    let (of_one, of_other) = (counts(one), counts(other));
    let once = |word: &str| of_one.get(word) == Some(&1) && of_other.get(word) == Some(&1);
    one.iter().filter(|word| once(word)).eq(other.iter().filter(|word| once(word)))
}

/// How often each word is there.
fn counts(words: &[Box<str>]) -> HashMap<&str, u32> {
    let mut counts: HashMap<&str, u32> = HashMap::with_capacity(words.len());
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    counts
}

/// The stretch with which this begins, its signs included; `None` where it begins with none, or with one that does not end.
fn stretch<'a>(rest: &'a str, before: &str) -> Option<&'a str> {
    let mut signs = rest.char_indices();
    let (_, opens) = signs.next()?;
    let (_, closes) = STRETCHES.into_iter().find(|(open, _)| *open == opens)?;
    // Within a word it is an apostrophe, and "a < b" is no placeholder.
    let is_within = before.chars().next_back().is_some_and(char::is_alphanumeric);
    let next = rest[opens.len_utf8()..].chars().next()?;
    if (opens == '\'' && is_within) || (matches!(opens, '\'' | '<') && next.is_whitespace()) {
        return None;
    }
    let (mut depth, mut chars) = (1_usize, signs.peekable());
    while let Some((at, sign)) = chars.next() {
        let goes_on = sign == '\'' && chars.peek().is_some_and(|(_, next)| next.is_alphanumeric());
        // Typists close „ with “, ” or ", and so on.
        let ends = sign == closes || (opens == '„' && matches!(sign, '”' | '"')) || (opens == '‘' && sign == '\'');
        if ends && !goes_on {
            depth -= 1;
        } else if sign == opens && opens != closes {
            depth += 1;
        }
        if depth == 0 {
            return Some(&rest[..at + sign.len_utf8()]);
        }
    }
    None
}

/// Where the word ends with which this begins: at a blank, or where a stretch begins that is no apostrophe.
fn word_end(rest: &str) -> usize {
    let opens = |sign: char| sign != '\'' && STRETCHES.iter().any(|(open, _)| *open == sign);
    let end = rest.char_indices().skip(1).find(|(_, sign)| sign.is_whitespace() || opens(*sign));
    end.map_or(rest.len(), |(at, _)| at)
}

/// What a word must be the same for, if anything; `begins`: a sentence begins with it, so that a capital says nothing.
fn fact(written: &str, begins: bool, small: &mut Vec<String>) -> Option<String> {
    let word = written.trim_matches(AROUND);
    if word.is_empty() {
        return None;
    }
    let lower = word.to_lowercase();
    small.push(lower.clone());
    if word.chars().any(char::is_numeric) {
        return Some(format!("number {lower}"));
    }
    // "don't" and "do not" deny alike; "l'an" is one word more than it looks.
    if lower.ends_with("n't") {
        return Some("denial not".to_owned());
    }
    // Of "twenty-one" and "non-EU" the rest counts, too.
    let mut parts = [lower.as_str()].into_iter().chain(lower.split(['\'', '-']).filter(|part| *part != lower));
    if let Some(kind) = parts.find_map(turns) {
        return Some(format!("{kind} {lower}"));
    }
    if word.chars().any(|sign| !sign.is_alphabetic() && !matches!(sign, '\'' | '-')) {
        return Some(format!("sign {word}"));
    }
    let mut letters = word.chars();
    let is_capital = letters.next().is_some_and(char::is_uppercase);
    let is_name = letters.any(char::is_uppercase) || (is_capital && !begins);
    (is_name && lower != "i" && !lower.starts_with("i'")).then(|| format!("name {lower}"))
}
