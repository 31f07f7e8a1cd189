//! Answers that are kept: whether there is room for them, and whether what rules name is there.

use super::Findings;
use super::limits::{Named, check_named};
use super::served::Served;
use crate::document::{CachePlace, CacheRule, Document};
use crate::problem::{Path, Problem};
use std::time::Duration;

/// Longest that an answer is given again.
const TTL_MAX: Duration = Duration::from_secs(30 * 86_400);

/// Most bytes of one answer: it is held in memory while it is gathered, one for each call.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

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
        check_named((document, served), &named(rule), &path, found);
    }
    if let Some(number) = shadowed(&cache.rules) {
        let message = "is for no call: an earlier rule is for all calls";
        found.add(list.element(number), message, "put it before that rule, or remove it");
    }
}

fn named(rule: &CacheRule) -> Named<'_> {
    let scope = &rule.scope;
    Named {
        team: scope.team.as_ref(),
        project: scope.project.as_ref(),
        environment: scope.environment.as_ref(),
        model: scope.model.as_ref(),
        tag: scope.tag.as_ref(),
        each: &[],
    }
}

/// The rule behind the first one that is for all calls.
fn shadowed(rules: &[CacheRule]) -> Option<usize> {
    let first = rules.iter().position(|rule| rule.scope == crate::document::CallScope::default())?;
    (first + 1 < rules.len()).then_some(first + 1)
}
