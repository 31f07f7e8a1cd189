//! Words and phrases: looked for all at once, whole ones, wherever and however they are written.

use super::Flaw;
use crate::layer::{Layer, LayerWriter};
use crate::span::Span;
use crate::view::{self, View};
use aho_corasick::AhoCorasick;

/// Most words of all rules of one set.
pub const WORDS_MAX: usize = 20_000;

/// Longest word or phrase, in bytes.
pub const WORD_BYTES_MAX: usize = 256;

/// All words of all rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    single: Finder,
    /// Of several words, looked for where each gap is one space.
    phrases: Finder,
}

/// One automaton and what its patterns are.
#[derive(Clone, Debug, Default)]
struct Finder {
    patterns: Vec<String>,
    rules: Vec<usize>,
    automaton: Option<AhoCorasick>,
}

impl Words {
    /// Adds the words of a rule.
    pub(super) fn add(&mut self, rule: usize, words: &[String]) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        if words.is_empty() {
            flaws.push(("it has no words".to_owned(), "name at least one".to_owned()));
        }
        for word in words {
            let folded = view::folded(word.trim());
            if word.len() > WORD_BYTES_MAX {
                let start: String = word.chars().take(24).collect();
                flaws.push((
                    format!("“{start}…” has {} bytes", word.len()),
                    format!("words and phrases have at most {WORD_BYTES_MAX}"),
                ));
            } else if !folded.chars().any(char::is_alphanumeric) {
                flaws
                    .push((format!("“{word}” has neither letter nor digit"), "use an expression for signs".to_owned()));
            } else if folded.contains(char::is_whitespace) {
                self.phrases.push(rule, one_space(&folded).text().to_owned());
            } else {
                self.single.push(rule, folded);
            }
        }
        if self.single.patterns.len() + self.phrases.patterns.len() > WORDS_MAX {
            flaws.push((
                format!("with it there are more than {WORDS_MAX} words"),
                "leave some out, or write an expression for what they have in common".to_owned(),
            ));
            self.single = Finder::default();
            self.phrases = Finder::default();
        }
        flaws
    }

    /// Makes the automata, when all words are there.
    pub(super) fn build(&mut self) -> Vec<(usize, String, String)> {
        [&mut self.single, &mut self.phrases].into_iter().filter_map(Finder::build).collect()
    }

    /// Tells each word that is found: whose it is, and where.
    pub(super) fn find(&self, view: &View<'_>, tell: &mut dyn FnMut(usize, Span)) {
        if self.single.automaton.is_none() && self.phrases.automaton.is_none() {
            return;
        }
        super::in_folded(view, &mut |text, back| {
            self.single.find(text, &mut |rule, span| tell(rule, back(span)));
            if self.phrases.automaton.is_some() {
                let spaced = one_space(text);
                self.phrases.find(spaced.text(), &mut |rule, span| tell(rule, back(spaced.origin(span))));
            }
        });
    }
}

impl Finder {
    fn push(&mut self, rule: usize, pattern: String) {
        self.patterns.push(pattern);
        self.rules.push(rule);
    }

    fn build(&mut self) -> Option<(usize, String, String)> {
        if self.patterns.is_empty() {
            return None;
        }
        match AhoCorasick::new(&self.patterns) {
            Ok(automaton) => {
                self.automaton = Some(automaton);
                self.patterns = Vec::new();
                None
            }
            Err(e) => Some((
                self.rules.first().copied().unwrap_or_default(),
                format!("its words are too many together: {e}"),
                "leave some out".to_owned(),
            )),
        }
    }

    /// All of them, also those that overlap: what is found does not depend on what is found before.
    fn find(&self, text: &str, tell: &mut dyn FnMut(usize, Span)) {
        let Some(automaton) = &self.automaton else { return };
        for found in automaton.find_overlapping_iter(text) {
            if is_whole(text, found.start(), found.end())
                && let Some(rule) = self.rules.get(found.pattern().as_usize())
            {
                tell(*rule, Span::new(found.start(), found.end()));
            }
        }
    }
}

/// Whether a stretch is not a part of a longer word.
pub(super) fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let (before, rest) = text.split_at_checked(start).unwrap_or((text, ""));
    let (inside, after) = rest.split_at_checked(end.saturating_sub(start)).unwrap_or((rest, ""));
    let joins = |left: Option<char>, right: Option<char>| {
        left.zip(right).is_some_and(|(left, right)| is_spaced(left) && is_spaced(right))
    };
    !joins(before.chars().next_back(), inside.chars().next())
        && !joins(inside.chars().next_back(), after.chars().next())
}

/// Whether a character belongs to a word of a script that puts spaces between words.
fn is_spaced(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || (c.is_alphanumeric()
            && !matches!(c as u32, 0xe00..=0xeff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x2e80..=0xa4cf | 0xac00..=0xd7ff
                | 0xf900..=0xfaff | 0xff66..=0xff9f | 0x20000..=0x3ffff))
}

/// A text in which each gap between words is one space.
fn one_space(text: &str) -> Layer<'_> {
    let mut writer = LayerWriter::new(text);
    let (mut at, bytes) = (0, text.as_bytes());
    let is_gap = |b: &u8| b.is_ascii() && !b.is_ascii_alphanumeric();
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let word = rest.iter().position(is_gap).unwrap_or(rest.len());
        writer.keep(word);
        let gap = rest.iter().skip(word).take_while(|b| is_gap(b)).count();
        if gap > 0 {
            writer.write(gap, " ");
        }
        at += word + gap;
    }
    writer.finish()
}
