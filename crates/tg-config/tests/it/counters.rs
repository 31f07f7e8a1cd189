//! Counters that gateways share, as configured.

use crate::bad_input::{OK, check};
use tg_config::load::from_text;

#[test]
fn counters_say_where_they_are_and_the_rest_is_usual() {
    let text = format!("{OK}counters: {{url: 'rediss+sentinel://a,b/main', user: u, password: env:P}}\n");
    let counters = from_text("t", &text).unwrap().counters.unwrap();
    assert!(counters.url.is_tls() && counters.url.has_sentinels());
    assert_eq!((counters.tag.as_str(), counters.lease_percent, counters.replicas), ("tallygate", 0, None));
    assert_eq!(counters.timeout.get().as_millis(), 20);
}

/// field.md §14 C 13: a setting that silently does nothing.
#[test]
fn what_would_do_nothing_is_a_problem() {
    for (counters, expected) in [
        ("{}", &[("counters.url", "is missing")][..]),
        ("{url: 'redis://:hunter2@a'}", &[("counters.url", "counters.password")]),
        ("{url: 'redis://a', user: u}", &[("counters.user", "without a `password`")]),
        ("{url: 'redis://a', sentinel_password: env:P}", &[("counters.sentinel_password", "names no Sentinels")]),
        ("{url: 'redis+sentinel://a/m', sentinel_user: u}", &[("counters.sentinel_user", "sentinel_password")]),
        ("{url: 'redis://a', ca: x.pem}", &[("counters.ca", "nothing is encrypted")]),
        ("{url: 'redis://a', tag: 'a b'}", &[("counters.tag", "letters")]),
        ("{url: 'redis://a', timeout: 6s}", &[("counters.timeout", "too long")]),
        ("{url: 'redis://a', connect_timeout: 1m}", &[("counters.connect_timeout", "too long")]),
        ("{url: 'redis://a', lease_percent: 30}", &[("counters.lease_percent", "25")]),
    ] {
        check(&format!("{OK}counters: {counters}\n"), expected);
    }
    let text = format!(
        "{OK}limits: [{{name: l, requests: 1/m, when_away: shadow}}]\n\
         budgets: [{{name: b, amount: 1 USD, when_away: fail_closed}}]\n"
    );
    check(&text, &[("limits[0].when_away", "has no meaning"), ("budgets[0].when_away", "has no meaning")]);
    assert!(from_text("t", &format!("{text}counters: {{url: 'redis://a'}}\n")).is_ok());
}
