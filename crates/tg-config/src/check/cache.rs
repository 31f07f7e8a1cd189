//! Answers that are kept: whether there is room for them, and whether what rules name is there.

use super::limits::{Named, check_named};
use super::served::Served;
use super::{Findings, providers};
use crate::document::{AlikeMode, CacheAlike, CachePlace, CacheRule, Document, ProviderKind};
use crate::grammar::Percent;
use crate::problem::{Path, Problem};
use std::time::Duration;

/// Longest that an answer is given again.
const TTL_MAX: Duration = Duration::from_secs(30 * 86_400);

/// Most bytes of one answer: it is held in memory while it is gathered, one for each call.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// What is less like than this is not like.
const THRESHOLD_MIN: Percent = Percent::of_hundred(80);

/// Most questions with which one is compared.
const ENTRIES_MAX: u32 = 5_000;

/// Longest that a call waits for a vector.
const TIMEOUT_MAX: Duration = Duration::from_secs(5);

pub(super) fn check(document: &Document, served: &Served, found: &mut Findings) {
    let (cache, path) = (&document.cache, Path::root().member("cache"));
    if cache.place == CachePlace::Counters && document.counters.is_none() {
        let message = "is `counters`, and there are none";
        let hint = "add `counters` with the `url` of a Redis or Valkey, or write `memory`";
        let problem = Problem::new(path.member("place"), message, hint);
        found.add_resting_on(vec![Path::root().member("counters")], problem);
    }
    let (one, all) = (cache.answer_bytes_max, cache.bytes_max);
    if one.bytes() > ANSWER_BYTES_MAX {
        found.add(path.member("answer_bytes_max"), format!("{one} is more than 16 MiB"), "write at most `16 MiB`");
    } else if one > all {
        let message = format!("{one} is more than all answers together may have ({all})");
        found.add(path.member("answer_bytes_max"), message, "write less, or raise `bytes_max`");
    }
    let list = path.member("rules");
    let names = cache.rules.iter().enumerate();
    found.add_repeated(names.map(|(number, rule)| (list.element(number).member("name"), rule.name.as_str())));
    for (number, rule) in cache.rules.iter().enumerate() {
        let path = list.element(number);
        if rule.ttl.get() > TTL_MAX {
            found.add(path.member("ttl"), format!("{} is longer than 30 days", rule.ttl), "write at most `30d`");
        }
        check_named((document, served), &Named::of(&rule.scope, &[]), &path, found);
        if let Some(declared) = &rule.alike {
            alike(document, declared, &path.member("alike"), found);
        }
    }
    if let Some(number) = shadowed(&cache.rules) {
        let message = "is for no call: an earlier rule is for all calls";
        found.add(list.element(number), message, "put it before that rule, or remove it");
    }
}

fn alike(document: &Document, declared: &CacheAlike, path: &Path, found: &mut Findings) {
    let model = path.member("model");
    providers::is_there(document, &declared.model.provider, &model, found);
    let kind = document.provider(declared.model.provider.as_str()).map(|provider| provider.kind);
    if kind == Some(ProviderKind::Anthropic) {
        found.add(model.member("provider"), "has no models that make vectors", "name another provider");
    }
    if let Some(judge) = &declared.judge {
        providers::is_there(document, &judge.provider, &path.member("judge"), found);
    }
    let threshold = path.member("threshold");
    match declared.threshold {
        None if declared.mode == AlikeMode::Enforce => {
            let hint = "watch first (`mode: observe`), and write what `tallygate report --likeness` shows to be safe";
            found.add(threshold, "is missing: nobody knows yet how like is like enough", hint);
        }
        Some(least) if least < THRESHOLD_MIN => {
            found.add(threshold, format!("{least} is hardly like"), format!("write {THRESHOLD_MIN} or more"));
        }
        _ => {}
    }
    if declared.entries_max == 0 || declared.entries_max > ENTRIES_MAX {
        let message = format!("{} is out of range", declared.entries_max);
        found.add(path.member("entries_max"), message, format!("write a number from 1 to {ENTRIES_MAX}"));
    }
    if declared.timeout.get() > TIMEOUT_MAX {
        let message = format!("{} is too long for a call to wait", declared.timeout);
        found.add(path.member("timeout"), message, "write at most `5s`");
    }
}

/// The rule behind the first one that is for all calls.
fn shadowed(rules: &[CacheRule]) -> Option<usize> {
    let first = rules.iter().position(|rule| rule.scope == crate::document::CallScope::default())?;
    (first + 1 < rules.len()).then_some(first + 1)
}
