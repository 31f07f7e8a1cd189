//! Which sets and services were at work on a call, and what each came to.

use super::*;
use std::time::Duration;
use tg_kernel::guarded::{OfSet, Said as Says, Verdict as Outcome};

fn with(sets: &[Set], text: &str) -> Vec<OfSet> {
    let guard = guard(sets);
    let (_, inquiry) = ask(&guard, &[said(Channel::User, 1, text)]);
    inquiry.evidence().by_set
}

#[test]
fn each_set_has_a_verdict_and_a_version_of_its_own() {
    let pii = |action| rule("mail", Check::Pii(Pii::Structured), action);
    let words = || rule("w", Check::Words { list: vec!["zephyr".into()], fuzzy: 0 }, Action::Annotate);
    let secrets = || rule("s", Check::Secrets(None), Action::Block);
    let sets = [
        set("out", vec![pii(Action::Redact(Style::Tag))]),
        set("told", vec![words()]),
        set("stop", vec![secrets()]),
        Set { rules: vec![Rule { mode: Mode::Observe, ..secrets() }], ..set("watch", Vec::new()) },
    ];
    let verdicts = |text: &str| -> Vec<(String, Outcome)> {
        with(&sets, text).into_iter().map(|of| (of.set.to_string(), of.verdict)).collect()
    };
    let expected = |all: [Outcome; 4]| -> Vec<_> {
        ["out", "told", "stop", "watch"].map(str::to_owned).into_iter().zip(all).collect()
    };
    let (passed, changed, blocked) = (Outcome::Passed, Outcome::Changed, Outcome::Blocked);
    assert_eq!(verdicts("hello"), expected([passed; 4]));
    assert_eq!(verdicts("zephyr of ann.lee@example.com"), expected([changed, passed, passed, passed]));
    assert_eq!(verdicts("use AKIAQ3EGRLZ5UPYW2KHD"), expected([passed, passed, blocked, passed]));
    // The version is that of calls which the set alone is for, and that of other rules is another.
    let alone = guard(&sets[..1]);
    let all = with(&sets, "hello");
    assert_eq!(all[0].version, *alone.version());
    assert_ne!(all[0].version, with(&[set("out", vec![pii(Action::Block)])], "hello")[0].version);
}

#[test]
fn each_set_has_the_time_of_its_own_checks() {
    let topics = vec![("t".to_owned(), vec!["Which stocks should I buy?".to_owned()], 0.9)];
    let sets = [
        set(
            "slow",
            vec![
                rule("harm", Check::Harm([Some(0.99); 7]), Action::Block),
                rule("t", Check::Topics(topics), Action::Block),
            ],
        ),
        set("none", vec![rule("answers", Check::Canaries(vec!["cnry-4f81-a06b".into()]), Action::Block)]),
    ];
    let all = with(&sets, &"The weather is fine, and nobody minds. ".repeat(400));
    assert!(all[0].micros > 0, "{all:?}");
    assert_eq!(all[1].micros, 0, "canaries are looked for in answers alone");
    // The answer adds to it, in pieces as in a whole.
    let guard = guard(&[set("house", vec![rule("s", Check::Secrets(None), Action::Block)])]);
    let mut inquiry = Inquiry::default();
    let mut watch = Watch::new(guard);
    for _ in 0..2000 {
        watch.grows(0, Channel::Assistant, "A word and another one. ", &mut inquiry);
    }
    watch.ends(0, &mut inquiry);
    let evidence = inquiry.evidence();
    assert!(evidence.by_set[0].micros > 0 && evidence.spent.as_micros() >= u128::from(evidence.by_set[0].micros));
}

#[test]
fn a_service_that_had_nothing_against_a_text_is_told_too() {
    let check = |service: &str| Check::External { service: service.into(), when_away: WhenAway::Allow, beside: false };
    let rules = vec![rule("a", check("first"), Action::Annotate), rule("b", check("second"), Action::Block)];
    let guard = guard(&[set("house", rules)]);
    let mut inquiry = Inquiry::default();
    let first: Arc<str> = "first".into();
    guard.hear(Way::Input, 0, Channel::User, Opinion::Clear, &mut inquiry);
    inquiry.took(&first, Way::Input, Effort { spent: Duration::from_millis(2), questions: 1, remembered: 3 });
    inquiry.took(&first, Way::Input, Effort { spent: Duration::from_millis(3), questions: 2, remembered: 0 });
    guard.hear(Way::Output, 0, Channel::Assistant, Opinion::Failed, &mut inquiry);
    guard.hear(Way::Output, 1, Channel::Assistant, Opinion::Failed, &mut inquiry);
    let flagged = Opinion::Flagged { categories: vec!["hate".into()], texts: Vec::new() };
    guard.hear(Way::Output, 1, Channel::Assistant, flagged, &mut inquiry);
    guard.hear(Way::Output, 1, Channel::Assistant, Opinion::Clear, &mut inquiry);
    let evidence = inquiry.evidence();
    let told = |of: &tg_kernel::guarded::OfService| (of.guard.to_string(), of.way.as_str(), of.verdict);
    let services: Vec<_> = evidence.services.iter().map(told).collect();
    let expected = [
        ("first".to_owned(), "input", Says::Clear),
        ("first".to_owned(), "output", Says::Unanswered),
        ("second".to_owned(), "output", Says::Flagged),
    ];
    assert_eq!(services, expected);
    let effort = &evidence.services[0];
    assert_eq!((effort.micros, effort.questions, effort.remembered), (5000, 3, 3));
    assert_eq!(evidence.by_set[0].verdict, Outcome::Blocked);
}

#[test]
fn what_was_found_apart_is_found() {
    let check = |service: &str| Check::External { service: service.into(), when_away: WhenAway::Allow, beside: false };
    let guard = guard(&[set("house", vec![rule("a", check("own"), Action::Block)])]);
    let own: Arc<str> = "own".into();
    let flagged = || Opinion::Flagged { categories: vec!["hate".into()], texts: Vec::new() };
    let effort = |questions| Effort { spent: Duration::from_millis(2), questions, remembered: 1 };
    let piece = |opinion| {
        let mut apart = Inquiry::default();
        apart.took(&own, Way::Output, effort(1));
        guard.hear(Way::Output, 0, Channel::Assistant, opinion, &mut apart);
        apart
    };
    let mut inquiry = Inquiry::default();
    inquiry.absorb(piece(Opinion::Clear));
    assert_eq!(inquiry.evidence().by_set[0].verdict, Outcome::Passed);
    for opinion in [Opinion::Failed, flagged(), flagged(), Opinion::Clear] {
        inquiry.absorb(piece(opinion));
    }
    let evidence = inquiry.evidence();
    let [asked] = evidence.services.as_slice() else { panic!("{evidence:?}") };
    assert_eq!((asked.verdict, asked.micros, asked.questions, asked.remembered), (Says::Flagged, 10_000, 5, 5));
    let hits: Vec<_> = evidence.hits.iter().map(|hit| (&*hit.found, hit.doing, hit.count)).collect();
    assert_eq!(hits, [("unanswered", Doing::Unanswered, 1), ("hate", Doing::Blocked, 2)]);
    assert_eq!((evidence.by_set[0].verdict, evidence.sets.len()), (Outcome::Blocked, 1));
}
