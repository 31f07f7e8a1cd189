//! Rules of a configuration: words, expressions, canaries, and beside them schemas and repeated system texts. Compiled once, with
//! every problem named.

mod canary;
mod expression;
mod fuzzy;
mod leak;
mod schema;
#[cfg(test)]
mod tests;
mod words;

pub use expression::{COMPILED_BYTES_MAX, MATCH_BYTES_MAX, MATCHES_MAX, PATTERN_BYTES_MAX};
pub use fuzzy::{FUZZY_LETTERS_MIN, FUZZY_WORDS_MAX};
pub use leak::{LEAK_WORDS_DEFAULT, Leak};
pub use schema::{Broken, Schema};
pub use words::{WORD_BYTES_MAX, WORDS_MAX};

use crate::finding::{Finding, Kind};
use crate::span::Span;
use crate::view::View;
use std::borrow::Cow;

/// Most rules of one set.
pub const RULES_MAX: usize = 256;

/// One rule as it is configured.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, which its findings carry.
    pub name: String,
    /// What it looks for.
    pub check: Check,
}

/// What a rule looks for.
#[derive(Clone, Debug)]
pub enum Check {
    /// Words and phrases of any language, whole ones, in any case, with any accents and look-alikes, hidden or not.
    Words {
        /// The words.
        words: Vec<String>,
        /// How many letters may be wrong, left out, too many or swapped with their neighbour, in single words of
        /// [`FUZZY_LETTERS_MIN`] letters and more: 0, 1 or 2 (2 only from nine letters on). Others match exactly.
        fuzzy: u8,
    },
    /// A regular expression, searched in linear time, in the plain reading and in what is hidden.
    Expression(String),
    /// Strings that must not appear, as parts of words too: planted where only a leak can bring them out.
    Canary(Vec<String>),
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule} ({name}): {what}; {mend}")]
pub struct Problem {
    /// Which rule, counted from nought.
    pub rule: usize,
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

/// A problem of which it is not yet said whose it is: what, how to mend it.
pub(crate) type Flaw = (String, String);

/// Rules, compiled.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    names: Vec<Cow<'static, str>>,
    words: words::Words,
    fuzzy: fuzzy::Fuzzy,
    expressions: Vec<(usize, regex::Regex)>,
    canaries: canary::Canaries,
}

impl Rules {
    /// Compiles rules.
    ///
    /// # Errors
    /// All that is wrong with any of them.
    pub fn compile(rules: &[Rule]) -> Result<Self, Vec<Problem>> {
        let mut compiled = Self::default();
        let mut problems = Vec::new();
        if rules.len() > RULES_MAX {
            problems.push(Problem {
                rule: RULES_MAX,
                name: rules.get(RULES_MAX).map(|rule| rule.name.clone()).unwrap_or_default(),
                what: format!("there are {} rules, and one set has at most {RULES_MAX}", rules.len()),
                mend: "put words that are treated alike into one rule".to_owned(),
            });
        }
        for (index, rule) in rules.iter().enumerate().take(RULES_MAX) {
            compiled.names.push(Cow::Owned(rule.name.clone()));
            for (what, mend) in compiled.add(index, &rule.check) {
                problems.push(Problem { rule: index, name: rule.name.clone(), what, mend });
            }
        }
        for (rule, what, mend) in compiled.words.build().into_iter().chain(compiled.canaries.build()) {
            let name = rules.get(rule).map(|rule| rule.name.clone()).unwrap_or_default();
            problems.push(Problem { rule, name, what, mend });
        }
        if problems.is_empty() { Ok(compiled) } else { Err(problems) }
    }

    fn add(&mut self, index: usize, check: &Check) -> Vec<Flaw> {
        match check {
            Check::Words { words, fuzzy } => {
                let mut flaws = self.words.add(index, words);
                if *fuzzy > 2 {
                    flaws.push((format!("fuzzy is {fuzzy}"), "use 0, 1 or 2".to_owned()));
                } else if *fuzzy > 0 {
                    flaws.extend(self.fuzzy.add(index, words, usize::from(*fuzzy)));
                }
                flaws
            }
            Check::Expression(pattern) => match expression::compile(pattern) {
                Ok(regex) => {
                    self.expressions.push((index, regex));
                    Vec::new()
                }
                Err(flaw) => vec![flaw],
            },
            Check::Canary(texts) => self.canaries.add(index, texts),
        }
    }

    /// Adds what the rules find in a text.
    pub fn find(&self, view: &View<'_>, found: &mut Vec<Finding>) {
        self.words.find(view, &mut |rule, span| found.push(self.finding(rule, span, 1.0)));
        self.fuzzy.find(view, &mut |rule, span, score| found.push(self.finding(rule, span, score)));
        self.canaries.find(view, &mut |rule, span| found.push(self.finding(rule, span, 1.0)));
        for (rule, regex) in &self.expressions {
            expression::find(regex, view, &mut |span| found.push(self.finding(*rule, span, 1.0)));
        }
    }

    fn finding(&self, rule: usize, span: Span, score: f32) -> Finding {
        let rule = self.names.get(rule).cloned().unwrap_or_default();
        Finding { kind: Kind::Custom, rule, span, score }
    }
}

/// What is done with each folded text, and with the way back from it.
type Search<'s> = dyn FnMut(&str, &dyn Fn(Span) -> Span) + 's;

/// Tells where a stretch of the folded reading, and of each hidden text, lies in the original.
pub(crate) fn in_folded(view: &View<'_>, search: &mut Search<'_>) {
    search(view.folded().text(), &|span| view.folded().origin(span));
    for hidden in view.hidden() {
        search(&hidden.text, &|span| hidden.place(span));
    }
}
