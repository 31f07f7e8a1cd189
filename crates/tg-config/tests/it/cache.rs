//! The cache of answers: what is refused, and what is meant where nothing is said.

use crate::bad_input::{OK, check};
use tg_config::document::{AlikeMode, CachePlace, CacheShare};
use tg_config::load::from_text;

#[test]
fn caches_that_would_do_nothing_or_too_much() {
    let makes_vectors = OK.replace("anthropic", "openai");
    let cache = |members: &str| {
        format!(
            "{makes_vectors}models: [{{name: fast, targets: [{{provider: a, model: m}}]}}]\n\
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
        (
            "{rules: [{name: r, ttl: 1h, alike: {model: {provider: b, model: e}, mode: enforce, entries_max: 0, \
             timeout: 6s, judge: {provider: c, model: j}}}]}",
            &[
                ("cache.rules[0].alike.threshold", "is missing"),
                ("cache.rules[0].alike.model.provider", "no provider `b`"),
                ("cache.rules[0].alike.entries_max", "0 is out of range"),
                ("cache.rules[0].alike.timeout", "too long for a call to wait"),
                ("cache.rules[0].alike.judge.provider", "no provider `c`"),
            ],
        ),
        (
            "{rules: [{name: r, ttl: 1h, alike: {model: {provider: a, model: e}, threshold: 79.9%}}]}",
            &[("cache.rules[0].alike.threshold", "79.9% is hardly like")],
        ),
        ("{rules: [{name: r, ttl: 1h, alike: {threshold: 97%}}]}", &[("cache.rules[0].alike.model", "is missing")]),
        ("{rules: [{name: r, ttl: 1h}, {name: s, ttl: 2h}]}", &[("cache.rules[1]", "is for no call")]),
    ] {
        check(&cache(members), expected);
    }
    let members = "{rules: [{name: r, ttl: 1h, alike: {model: {provider: a, model: e}}}]}";
    let of_none = cache(members).replace("openai", "anthropic");
    check(&of_none, &[("cache.rules[0].alike.model.provider", "no models that make vectors")]);
}

#[test]
fn what_is_not_said_is_off_for_a_team_and_only_for_what_is_determined() {
    let document = from_text("test", OK).unwrap();
    assert!(document.cache.rules.is_empty());
    assert_eq!((document.cache.place, document.cache.bytes_max.bytes()), (CachePlace::Memory, 128 << 20));
    let document = from_text("test", &format!("{OK}cache: {{rules: [{{name: r, ttl: 1h}}]}}\n")).unwrap();
    let rule = &document.cache.rules[0];
    assert_eq!((rule.share, rule.only_deterministic), (CacheShare::Team, true));
    assert_eq!(rule.alike, None, "likeness is for who asks for it");
    let alike = "alike: {model: {provider: a, model: e}}";
    let makes_vectors = OK.replace("anthropic", "openai");
    let text = format!("{makes_vectors}cache: {{rules: [{{name: r, ttl: 1h, {alike}}}]}}\n");
    let document = from_text("test", &text).unwrap();
    let alike = document.cache.rules[0].alike.as_ref().unwrap();
    assert_eq!((alike.mode, alike.threshold), (AlikeMode::Observe, None), "and then it is watched");
}
