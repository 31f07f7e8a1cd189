//! The cache of answers: what is refused, and what is meant where nothing is said.

use crate::bad_input::{OK, check};
use tg_config::document::{CachePlace, CacheShare};
use tg_config::load::from_text;

#[test]
fn caches_that_would_do_nothing_or_too_much() {
    let cache = |members: &str| {
        format!(
            "{OK}models: [{{name: fast, targets: [{{provider: a, model: m}}]}}]\n\
             teams: [{{name: red, projects: [x]}}]\ncache: {members}\n"
        )
    };
    for (members, expected) in [
        ("{place: counters}", &[("cache.place", "there are none")][..]),
        ("{place: disk}", &[("cache.place", "memory")]),
        ("{answer_bytes_max: 17 MiB}", &[("cache.answer_bytes_max", "more than 16 MiB")]),
        ("{bytes_max: 512 KiB}", &[("cache.answer_bytes_max", "more than all answers")]),
        ("{rules: [{name: r}]}", &[("cache.rules[0].ttl", "is missing")]),
        ("{rules: [{name: r, ttl: 31d}]}", &[("cache.rules[0].ttl", "longer than 30 days")]),
        ("{rules: [{name: r, ttl: 1h, share: all}]}", &[("cache.rules[0].share", "team")]),
        (
            "{rules: [{name: r, ttl: 1h, for: {model: fast}}, {name: r, ttl: 1h}]}",
            &[("cache.rules[1].name", "already the name")],
        ),
        ("{rules: [{name: r, ttl: 1h, for: {model: fastt}}]}", &[("cache.rules[0].for.model", "no model")]),
        (
            "{rules: [{name: r, ttl: 1h, for: {team: red, project: y}}]}",
            &[("cache.rules[0].for.project", "no project")],
        ),
        ("{rules: [{name: r, ttl: 1h}, {name: s, ttl: 2h}]}", &[("cache.rules[1]", "is for no call")]),
    ] {
        check(&cache(members), expected);
    }
}

#[test]
fn what_is_not_said_is_off_for_a_team_and_only_for_what_is_determined() {
    let document = from_text("test", OK).unwrap();
    assert!(document.cache.rules.is_empty());
    assert_eq!((document.cache.place, document.cache.bytes_max.bytes()), (CachePlace::Memory, 128 << 20));
    let document = from_text("test", &format!("{OK}cache: {{rules: [{{name: r, ttl: 1h}}]}}\n")).unwrap();
    let rule = &document.cache.rules[0];
    assert_eq!((rule.share, rule.only_deterministic), (CacheShare::Team, true));
}
