//! Texts without their values, and what rules make of them.

use super::*;
use crate::guard::replay::{RECORD_FORMAT, Recorded, Stripped};
use tg_kernel::clock::Timestamp;
use tg_kernel::guarded::{self, Guarded};
use tg_kernel::ids::CallId;

const MAIL: &str = "ada.lovelace@analytical-engines.co.uk";

fn recorded(input: Vec<Stripped>, hits: Vec<guarded::Hit>) -> Recorded {
    let (sets, version, verdict) = (vec!["house".into()], "v".into(), guarded::Verdict::Passed);
    Recorded {
        format: RECORD_FORMAT,
        id: CallId::from_bytes([1; 16]),
        at: Timestamp::from_seconds(1),
        attribution: Attribution::default(),
        model: "m".into(),
        guarded: Guarded { sets, version, verdict, micros: 1, hits, ..Guarded::default() },
        bound: false,
        media: Vec::new(),
        unread: Vec::new(),
        unseen: false,
        input,
        output: Vec::new(),
    }
}

fn words(name: &str, word: &str, action: Action) -> Rule {
    rule(name, Check::Words { list: vec![word.to_owned()], fuzzy: 0 }, action)
}

#[test]
fn values_are_taken_out_where_they_are_split_and_where_no_rule_looks_for_them() {
    let guard = guard(&[set("house", vec![words("w", "project heron", Action::Redact(Style::Mask))])]);
    let texts = [
        said(Channel::User, 1, "mail ada.lovelace@analytical-"),
        said(Channel::User, 1, "engines.co.uk about Project Heron"),
        said(Channel::System, 0, "be kind"),
    ];
    let stripped = guard.strip(Way::Input, &texts);
    let shown: Vec<&str> = stripped.iter().map(|one| &*one.text).collect();
    assert_eq!(shown, ["mail [email] about [words]", "be kind"]);
    let marks = |check: &str, found: &str| {
        let mut all = stripped.iter().flat_map(|one| &one.marks);
        all.find(|mark| mark.check == check && mark.found == found).map(|mark| mark.rules.concat())
    };
    assert_eq!((marks("pii", "email"), marks("words", "words")), (Some(String::new()), Some("house/w".to_owned())));
    let alone = guard.strip(Way::Output, &[said(Channel::Assistant, 0, MAIL), said(Channel::Assistant, 0, "so")]);
    assert_eq!(alone.iter().map(|one| &*one.text).collect::<Vec<_>>(), ["[email]", "so"]);
}

#[test]
fn rules_find_what_was_taken_out_by_what_it_was() {
    let old = guard(&[set("house", vec![words("w", "heron", Action::Redact(Style::Mask))])]);
    let call = recorded(old.strip(Way::Input, &[said(Channel::User, 0, &format!("heron {MAIL}"))]), Vec::new());
    let mail = |which, action| rule("mail", Check::Pii(which), action);
    for (rules, verdict, by) in [
        (vec![mail(Pii::Structured, Action::Block)], guarded::Verdict::Blocked, vec!["house/mail"]),
        (
            vec![mail(Pii::Named(vec!["email".into()]), Action::Restore(Style::Tag))],
            guarded::Verdict::Changed,
            vec!["house/mail"],
        ),
        (vec![mail(Pii::Named(vec!["iban".into()]), Action::Block)], guarded::Verdict::Passed, vec![]),
        (vec![Rule { mode: Mode::Observe, ..mail(Pii::All, Action::Block) }], guarded::Verdict::Passed, vec![]),
        (vec![Rule { on: Some(On::Output), ..mail(Pii::All, Action::Block) }], guarded::Verdict::Passed, vec![]),
        (vec![words("w", "crane", Action::Block)], guarded::Verdict::Blocked, vec!["house/w"]),
        (vec![words("x", "crane", Action::Block)], guarded::Verdict::Passed, vec![]),
    ] {
        let replayed = guard(&[set("house", rules)]).replay(&call);
        assert_eq!((replayed.verdict, replayed.rules), (verdict, by.into_iter().map(str::to_owned).collect()));
    }
}

#[test]
fn services_are_taken_to_say_what_they_said() {
    let hit = |found: &str| guarded::Hit {
        set: "house".into(),
        rule: "asked".into(),
        check: "external".into(),
        found: found.into(),
        channel: Channel::User,
        way: guarded::Way::Input,
        action: guarded::Action::Observed,
        count: 1,
    };
    let asked = |action, mode, when_away| {
        let check = Check::External { service: "s".into(), when_away, beside: false };
        guard(&[set("house", vec![Rule { mode, ..rule("asked", check, action) }])])
    };
    let call = |found| recorded(Vec::new(), vec![hit(found)]);
    for (guard, found, verdict) in [
        (asked(Action::Block, Mode::Enforce, WhenAway::Allow), "rude", guarded::Verdict::Blocked),
        (asked(Action::Redact(Style::Tag), Mode::Enforce, WhenAway::Allow), "rude", guarded::Verdict::Changed),
        (asked(Action::RouteTo("kept".into()), Mode::Enforce, WhenAway::Allow), "rude", guarded::Verdict::Rerouted),
        (asked(Action::Block, Mode::Observe, WhenAway::Allow), "rude", guarded::Verdict::Passed),
        (asked(Action::Block, Mode::Enforce, WhenAway::Allow), "unanswered", guarded::Verdict::Passed),
        (asked(Action::Redact(Style::Tag), Mode::Enforce, WhenAway::Block), "unanswered", guarded::Verdict::Blocked),
    ] {
        assert_eq!(guard.replay(&call(found)).verdict, verdict, "{found}");
    }
}

#[test]
fn a_call_that_would_go_to_another_model_is_told_from_one_that_is_changed_or_stopped() {
    let guard = guard(&[set("house", vec![words("w", "crane", Action::RouteTo("kept".into()))])]);
    let said = Stripped { channel: Channel::User, turn: 1, text: "project crane".to_owned(), marks: Vec::new() };
    let call = recorded(vec![said], Vec::new());
    let replayed = guard.replay(&call);
    assert_eq!(
        (replayed.verdict, guard.sends_to(&replayed.rules).as_deref()),
        (guarded::Verdict::Rerouted, Some("kept"))
    );
    // What is no chat would be stopped.
    assert_eq!(guard.replay(&Recorded { bound: true, ..call }).verdict, guarded::Verdict::Blocked);
}

#[test]
fn what_was_spoken_or_went_unseen_is_tried_as_it_was() {
    let redacts =
        || Rule { on: Some(On::Output), ..rule("mail", Check::Pii(Pii::Structured), Action::Redact(Style::Tag)) };
    let house = |blocks_unread_answers| guard(&[Set { blocks_unread_answers, ..set("house", vec![redacts()]) }]);
    let output = house(false).strip(Way::Output, &[said(Channel::Assistant, 0, &format!("write to {MAIL}"))]);
    let call = Recorded { output, ..recorded(Vec::new(), Vec::new()) };
    let verdict = |blocks, call: &Recorded| house(blocks).replay(call).verdict;
    assert_eq!(verdict(true, &call), guarded::Verdict::Changed);
    let spoken = Recorded { unread: vec!["audio".to_owned()], ..call.clone() };
    assert_eq!(verdict(false, &spoken), guarded::Verdict::Blocked, "sound is not changed");
    let drawn = Recorded { unread: vec!["image".to_owned()], ..call.clone() };
    assert_eq!(verdict(false, &drawn), guarded::Verdict::Changed);
    assert_eq!(verdict(true, &drawn), guarded::Verdict::Blocked);
    // What a request had is no part of its answer.
    assert_eq!(verdict(true, &Recorded { media: vec!["image".to_owned()], ..call.clone() }), guarded::Verdict::Changed);
    let unseen = Recorded { unseen: true, output: Vec::new(), ..call };
    assert_eq!(verdict(false, &unseen), guarded::Verdict::Blocked);
    let requests = guard(&[set("house", vec![Rule { on: Some(On::Input), ..redacts() }])]);
    assert_eq!(requests.replay(&unseen).verdict, guarded::Verdict::Passed);
}
