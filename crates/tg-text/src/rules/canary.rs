//! Strings that are planted to be noticed when they come out.

use super::Flaw;
use crate::span::Span;
use crate::view::{self, View};
use aho_corasick::AhoCorasick;

/// Shortest canary: a shorter one would be met by chance.
const CANARY_LETTERS_MIN: usize = 8;

/// Longest canary.
const CANARY_BYTES_MAX: usize = 256;

/// All canaries of all rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Canaries {
    texts: Vec<String>,
    rules: Vec<usize>,
    automaton: Option<AhoCorasick>,
}

impl Canaries {
    /// Adds those of a rule.
    pub(super) fn add(&mut self, rule: usize, texts: &[String]) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        if texts.is_empty() {
            flaws.push(("it has no canaries".to_owned(), "name at least one".to_owned()));
        }
        for text in texts {
            let folded = view::folded(text);
            // What it says is not told: it is a secret.
            if folded.chars().filter(|c| c.is_alphanumeric()).count() < CANARY_LETTERS_MIN {
                let mend = format!("use {CANARY_LETTERS_MIN} and more, at random");
                flaws.push((format!("a canary has fewer than {CANARY_LETTERS_MIN} letters and digits"), mend));
            } else if text.len() > CANARY_BYTES_MAX {
                flaws.push((format!("a canary has {} bytes", text.len()), format!("use at most {CANARY_BYTES_MAX}")));
            } else {
                self.texts.push(folded);
                self.rules.push(rule);
            }
        }
        flaws
    }

    pub(super) fn build(&mut self) -> Vec<(usize, String, String)> {
        if self.texts.is_empty() {
            return Vec::new();
        }
        match AhoCorasick::new(std::mem::take(&mut self.texts)) {
            Ok(automaton) => {
                self.automaton = Some(automaton);
                Vec::new()
            }
            Err(e) => {
                let rule = self.rules.first().copied().unwrap_or_default();
                vec![(rule, format!("its canaries are too many together: {e}"), "leave some out".to_owned())]
            }
        }
    }

    /// Tells each canary that is found: whose it is, and where.
    pub(super) fn find(&self, view: &View<'_>, tell: &mut dyn FnMut(usize, Span)) {
        let Some(automaton) = &self.automaton else { return };
        super::in_folded(view, &mut |text, back| {
            for found in automaton.find_overlapping_iter(text) {
                if let Some(rule) = self.rules.get(found.pattern().as_usize()) {
                    tell(*rule, back(Span::new(found.start(), found.end())));
                }
            }
        });
    }
}
