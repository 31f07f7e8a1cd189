//! Harmless prompts with the words of attacks in them: ordinary prompts in which a few words are replaced.
//!
//! Which words those are is read from what is learnt from: the ones that attacks use much more often than other texts. One
//! such word, or three of them apart, is no attack; without these examples a model takes them for one.

use crate::dice::Dice;
use crate::example::{Example, UNKNOWN, Use};
use std::collections::{BTreeMap, BTreeSet};
use tg_text::score::model::INJECTION;

/// Attacks that must use a word before it is borrowed.
const USED_MIN: usize = 12;
/// Sources whose attacks must use it.
const SOURCES_MIN: usize = 2;
/// How much commoner it must be in attacks.
const COMMONER: f32 = 4.0;
/// Most words that are borrowed.
const WORDS_MAX: usize = 500;
/// Longest prompt that borrows, in bytes.
const PROMPT_MAX: usize = 400;

#[derive(Default)]
struct Count<'a> {
    attacks: usize,
    others: usize,
    sources: BTreeSet<&'a str>,
}

/// The words of attacks, commonest first.
pub fn words(examples: &[Example]) -> Vec<String> {
    let mut counts: BTreeMap<String, Count<'_>> = BTreeMap::new();
    let (mut attacks, mut others) = (0, 0);
    for example in examples.iter().filter(|e| !e.targets[INJECTION].is_nan() && e.text.len() < 4000) {
        let bad = example.targets[INJECTION] > 0.0;
        *(if bad { &mut attacks } else { &mut others }) += 1;
        let own: BTreeSet<String> = split(&example.text).filter(|w| fits(w)).map(str::to_lowercase).collect();
        for word in own {
            let count = counts.entry(word).or_default();
            *(if bad { &mut count.attacks } else { &mut count.others }) += 1;
            if bad {
                // Own families of one kin are one source.
                count.sources.insert(example.source.split('.').next().unwrap_or_default());
            }
        }
    }
    let share = |count: usize, of: usize| (count as f32 + 2.0) / (of as f32 + 4.0);
    let mut known: Vec<(usize, String)> = counts
        .into_iter()
        .filter(|(_, c)| c.attacks >= USED_MIN && c.sources.len() >= SOURCES_MIN)
        .filter(|(_, c)| share(c.attacks, attacks) > COMMONER * share(c.others, others))
        .map(|(word, c)| (c.attacks, word))
        .collect();
    known.sort_unstable_by(|a, b| b.cmp(a));
    known.truncate(WORDS_MAX);
    known.into_iter().map(|(_, word)| word).collect()
}

/// `count` ordinary prompts with borrowed words. Whether they still make sense does not matter; that nobody is told to do
/// something forbidden does.
pub fn prompts(examples: &[Example], count: usize, dice: &mut Dice) -> Vec<Example> {
    let words = words(examples);
    let fits = |e: &&Example| {
        matches!(e.used, Use::Ordinary | Use::TriggerWords | Use::Sensitive) && e.text.len() < PROMPT_MAX
    };
    let carriers: Vec<&Example> = examples.iter().filter(fits).collect();
    let mut made = Vec::new();
    for _ in 0..count {
        let Some(carrier) = dice.pick(&carriers) else { break };
        let mut targets = UNKNOWN;
        targets[INJECTION] = 0.0;
        let text = borrow(&carrier.text, &words, dice);
        made.push(Example { text, source: "borrowed".to_owned(), used: Use::TriggerWords, targets, planted: false });
    }
    made
}

fn borrow(text: &str, words: &[String], dice: &mut Dice) -> String {
    let places = places(text);
    let wanted = (1 + dice.below(3)).min(places.len().div_ceil(3));
    let mut chosen = BTreeSet::new();
    for _ in 0..wanted * 4 {
        let at = dice.below(places.len());
        // Never two beside each other: together they might say it after all.
        if chosen.len() < wanted && (at.saturating_sub(2)..=at + 2).all(|near| !chosen.contains(&near)) {
            chosen.insert(at);
        }
    }
    let mut out = String::new();
    let mut from = 0;
    for at in chosen {
        if let (Some((start, end)), Some(word)) = (places.get(at), dice.pick(words)) {
            out.push_str(&text[from..*start]);
            out.push_str(word);
            from = *end;
        }
    }
    out.push_str(&text[from..]);
    out
}

/// Where the words lie that may be replaced.
fn places(text: &str) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if !c.is_alphanumeric() {
            if text.get(start..at).is_some_and(fits) {
                places.push((start, at));
            }
            start = at + c.len_utf8();
        }
    }
    places
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty())
}

fn fits(word: &str) -> bool {
    word.len() > 3 && word.chars().all(|c| c.is_ascii_alphabetic())
}
