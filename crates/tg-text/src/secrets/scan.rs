//! One pass over a text for all words that credentials begin with or are named by, and a look around each.

use super::blocks::{BLOCKS, Read};
use super::forms::{FORMS, Form, NAMED, Named};
use super::pattern::Pattern;
use super::words::Words;
use super::{assign, check, generic, value};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

/// Words that names of secrets have.
const NAMES: &[&str] = &["pass", "pwd", "psw", "pword", "secret", "token", "key", "cred", "auth", "bearer"];

/// How specific a form of a vendor is, and a block: more than any name.
pub(super) const RANK_FORM: u8 = 3;

/// What was found, before it is told.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub id: &'static str,
    pub span: Range<usize>,
    pub score: f32,
    /// The more specific wins over the less.
    pub rank: u8,
}

/// What a word calls for.
#[derive(Clone, Copy, Debug)]
enum Call {
    /// A form: which, which of its patterns, how far behind its start the word stands.
    Form(usize, usize),
    Named(usize),
    Block(&'static str, Read),
    Name,
}

/// The compiled tables.
#[derive(Debug)]
pub(super) struct Tables {
    words: Words,
    /// For each word, what it calls for.
    calls: Vec<Vec<Call>>,
    forms: Vec<(&'static Form, Pattern)>,
    named: Vec<(&'static Named, Vec<Pattern>)>,
}

/// The tables, compiled at first use.
pub(super) fn tables() -> Option<&'static Tables> {
    static TABLES: OnceLock<Option<Tables>> = OnceLock::new();
    TABLES.get_or_init(Tables::compile).as_ref()
}

/// The patterns of a row: with a space between, but for one behind a backslash.
pub(super) fn patterns(row: &str) -> Vec<Pattern> {
    row.replace("\\ ", "\u{1}").split(' ').map(|pattern| Pattern::new(&pattern.replace('\u{1}', " "))).collect()
}

impl Tables {
    fn compile() -> Option<Self> {
        let mut index: HashMap<String, Vec<Call>> = HashMap::new();
        let mut call = |word: &str, call: Call| index.entry(word.to_ascii_lowercase()).or_default().push(call);
        let mut forms = Vec::new();
        for form in FORMS.iter().copied().flatten() {
            for pattern in patterns(form.pattern) {
                if let Some((words, behind)) = pattern.keys() {
                    words.iter().for_each(|word| call(word, Call::Form(forms.len(), behind)));
                }
                forms.push((form, pattern));
            }
        }
        let named: Vec<_> = NAMED.iter().map(|named| (named, patterns(named.pattern))).collect();
        for (at, (row, _)) in named.iter().enumerate() {
            row.words.split('|').for_each(|word| call(word, Call::Named(at)));
        }
        for block in BLOCKS {
            block.words.iter().for_each(|word| call(word, Call::Block(block.id, block.read)));
        }
        NAMES.iter().for_each(|word| call(word, Call::Name));
        let (words, calls): (Vec<String>, Vec<Vec<Call>>) = index.into_iter().unzip();
        Some(Self { words: Words::new(words)?, calls, forms, named })
    }

    /// Bytes that the tables take in memory, about.
    pub(super) fn memory(&self) -> usize {
        self.words.memory()
    }

    /// All that a text has, overlapping.
    pub(super) fn hits(&self, text: &str) -> Vec<Hit> {
        let bytes = text.as_bytes();
        let mut hits = Vec::new();
        self.words.each(bytes, |word, index| {
            for call in self.calls.get(index).into_iter().flatten() {
                let hit = match *call {
                    Call::Form(index, behind) => self.form(bytes, &word, (index, behind), hits.last()),
                    Call::Named(index) => self.named(bytes, &word, index),
                    Call::Block(id, read) => {
                        read(bytes, word.clone()).map(|(span, score)| Hit { id, span, score, rank: RANK_FORM })
                    }
                    Call::Name => name(bytes, &word),
                };
                hits.extend(hit);
            }
        });
        hits.retain(|hit| text.get(hit.span.clone()).is_some_and(|value| !value.is_empty()));
        hits
    }

    fn form(
        &self,
        bytes: &[u8],
        word: &Range<usize>,
        (index, behind): (usize, usize),
        last: Option<&Hit>,
    ) -> Option<Hit> {
        let (form, pattern) = self.forms.get(index)?;
        let start = word.start.checked_sub(behind)?;
        // What lies within the last finding of the same form is part of it.
        if last.is_some_and(|hit| hit.id == form.id && hit.span.start < start && hit.span.end > word.start) {
            return None;
        }
        let end = pattern.at(bytes, start)?;
        let whole = bytes.get(start..end)?;
        let skipped = form
            .behind
            .and_then(|mark| memchr::memmem::find(whole, mark.as_bytes()).map(|at| at + mark.len()))
            .unwrap_or(0);
        let body = whole.get(skipped.max(if behind == 0 { word.len().min(whole.len() / 2) } else { 0 })..)?;
        let kinds = value::Kinds::of(body);
        // What has no digit can be the name of something.
        if value::is_filler(body) || (kinds.digits == 0 && value::is_words(body)) {
            return None;
        }
        let score = check::score(form.check, std::str::from_utf8(whole).ok()?);
        (score > 0.0).then(|| Hit { id: form.id, span: start + skipped..end, score, rank: RANK_FORM })
    }

    fn named(&self, bytes: &[u8], word: &Range<usize>, index: usize) -> Option<Hit> {
        let (row, patterns) = self.named.get(index)?;
        let found = assign::after(bytes, word.clone())?;
        // A word within another word names nothing.
        let small = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_lowercase);
        if word.start > found.name.start
            && small(word.start.checked_sub(1))
            && small(Some(word.start))
            && !row.words.contains('_')
        {
            return None;
        }
        let value = bytes.get(found.value.clone())?;
        if value.len() < 8
            || !patterns.iter().any(|pattern| pattern.at(bytes, found.value.start) == Some(found.value.end))
        {
            return None;
        }
        let says = generic::says(bytes.get(found.name.clone())?);
        let sure = if says.is_some() { found.firm || found.quoted } else { found.firm };
        let secret = value::is_random(value, 3.0) || value::is_uuid(value) && !value::is_filler(value);
        (sure && secret && (says.is_some() || value.len() >= 14)).then(|| Hit {
            id: row.id,
            span: found.value,
            score: if says.is_some() { 0.9 } else { 0.7 },
            rank: 2,
        })
    }
}

fn name(bytes: &[u8], word: &Range<usize>) -> Option<Hit> {
    let found = assign::after(bytes, word.clone())?;
    let (id, score) = generic::judge(bytes, &found)?;
    Some(Hit { id, span: found.value, score, rank: 1 })
}
