//! What only compiling a rule tells: expressions that cannot be read or grow too large, words too many, topics without words.

use crate::check::Findings;
use crate::document::{CheckDigit, GuardrailRule};
use crate::grammar::Ratio;
use crate::problem::Path;
use std::collections::HashSet;
use tg_text::pii::custom::{self, Custom, Definition};
use tg_text::rules::{Check, Rule, Rules, Schema};
use tg_text::score::topic::Topic;

/// Highest threshold with which a check can find anything.
const THRESHOLD_MAX: f64 = 0.99;

/// Compiles what a rule consists of, and tells what is wrong with it.
pub(super) fn check(rule: &GuardrailRule, path: &Path, found: &mut Findings) {
    thresholds(rule, path, found);
    if let Some(words) = &rule.words {
        let check = Check::Words { words: words.list.clone(), fuzzy: words.fuzzy };
        rules(rule, check, path.member("words"), found);
    }
    if let Some(pattern) = &rule.pattern {
        rules(rule, Check::Expression(pattern.clone()), path.member("pattern"), found);
    }
    if let Some(schema) = &rule.json_schema {
        for (what, mend) in Schema::compile(schema).err().unwrap_or_default() {
            found.add(path.member("json_schema"), what, mend);
        }
    }
    if let Some(texts) = &rule.canaries {
        rules(rule, Check::Canary(texts.clone()), path.member("canaries"), found);
    }
    entities(rule, &path.member("entities"), found);
    topics(rule, &path.member("topics"), found);
    if let Some(harm) = &rule.harm {
        let path = path.member("harm").member("categories");
        for (number, category) in harm.categories.iter().enumerate() {
            if harm.categories.iter().take(number).any(|earlier| earlier == category) {
                found.add(path.element(number), "stands there twice", "remove one of the two");
            }
        }
    }
}

fn rules(rule: &GuardrailRule, check: Check, path: Path, found: &mut Findings) {
    let name = rule.name.as_str().to_owned();
    for problem in Rules::compile(&[Rule { name, check }]).err().unwrap_or_default() {
        found.add(path.clone(), problem.what, problem.mend);
    }
}

/// A score of nought is exceeded by every text, and one of one by none.
fn thresholds(rule: &GuardrailRule, path: &Path, found: &mut Findings) {
    let harm = rule.harm.as_ref().map(|harm| harm.threshold);
    let all = [
        (path.member("injection"), rule.injection),
        (path.member("indirect_injection"), rule.indirect_injection),
        (path.member("harm").member("threshold"), harm),
    ];
    let topics = path.member("topics");
    let nearness = rule.topics.iter().flatten().enumerate();
    let nearness = nearness.map(|(number, topic)| (topics.element(number).member("threshold"), topic.threshold));
    for (path, _) in nearness.filter(|(_, threshold)| threshold.get() > THRESHOLD_MAX) {
        found.add(
            path,
            "is reached by the examples and nothing else",
            "write 0.6 for paraphrases, 0.8 for nearly the same words",
        );
    }
    for (path, threshold) in all {
        if threshold.map(Ratio::get).is_some_and(|threshold| threshold > THRESHOLD_MAX) {
            found.add(
                path.clone(),
                "is reached by hardly a text",
                "write 0.9 (0.1 % of ordinary texts exceed it) or less",
            );
        }
        if threshold.map(Ratio::get).is_some_and(|threshold| threshold <= 0.0) {
            found.add(path, "is reached by every text", "write 0.5 (1 % of ordinary texts exceed it) and more");
        }
    }
}

fn entities(rule: &GuardrailRule, path: &Path, found: &mut Findings) {
    let mut seen = HashSet::new();
    for (number, entity) in rule.entities.iter().flatten().enumerate() {
        let path = path.element(number);
        if !seen.insert(entity.name.as_str()) {
            found.add(path.member("name"), format!("`{}` is named twice", entity.name), "give each its own name");
        }
        let definition = Definition {
            name: entity.name.as_str().to_owned(),
            pattern: entity.pattern.clone(),
            words: entity.near.clone(),
            check: entity.check_digit.map(check_digit),
        };
        if let Err(problem) = Custom::new(definition) {
            let (member, hint) = match &problem {
                custom::Invalid::Words(_) => ("near", "write at most 64 words, none of them empty"),
                _ => ("pattern", "the syntax is that of RE2 and Rust: no look-around, no back-references"),
            };
            found.add(path.member(member), problem.to_string(), hint);
        }
    }
}

fn check_digit(declared: CheckDigit) -> custom::Check {
    match declared {
        CheckDigit::Luhn => custom::Check::Luhn,
        CheckDigit::Mod97 => custom::Check::Mod97,
        CheckDigit::Verhoeff => custom::Check::Verhoeff,
        CheckDigit::Mod11 => custom::Check::Mod11_10,
    }
}

fn topics(rule: &GuardrailRule, path: &Path, found: &mut Findings) {
    let mut seen = HashSet::new();
    for (number, topic) in rule.topics.iter().flatten().enumerate() {
        let path = path.element(number);
        if !seen.insert(topic.name.as_str()) {
            found.add(path.member("name"), format!("`{}` is named twice", topic.name), "give each its own name");
        }
        if let Err(problem) = Topic::new(topic.name.as_str(), &topic.examples, topic.threshold.get() as f32) {
            found.add(path, problem.to_string(), "write whole English sentences, and a threshold about 0.6");
        }
    }
}
