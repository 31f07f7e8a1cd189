//! What becomes of pictures that go with a request.

use super::*;
use std::sync::Arc;

fn asked(name: &str, action: Action) -> Rule {
    let check = Check::External { service: "eyes".into(), when_away: WhenAway::Block, beside: false };
    rule(name, check, action)
}

fn asking(name: &str, rules: Vec<Rule>) -> Set {
    Set { asks_about_images: true, ..set(name, rules) }
}

#[test]
fn what_a_service_says_of_a_picture_is_done_as_its_rule_says_and_nothing_is_taken_out() {
    let flagged = || Opinion::Flagged { categories: vec!["VIOLENCE".to_owned()], texts: Vec::new() };
    for (action, mode, expected) in [
        (Action::Block, Mode::Enforce, Doing::Blocked),
        (Action::Redact(Style::Tag), Mode::Enforce, Doing::Blocked),
        (Action::Annotate, Mode::Enforce, Doing::Annotated),
        (Action::RouteTo("kept".into()), Mode::Enforce, Doing::Rerouted),
        (Action::Block, Mode::Observe, Doing::Observed),
    ] {
        let guard = guard(&[asking("s", vec![Rule { mode, ..asked("eyes", action.clone()) }])]);
        let mut inquiry = Inquiry::default();
        let verdict = guard.hear_of_images(0, Channel::ToolResult, flagged(), &mut inquiry);
        let hits = inquiry.evidence().hits;
        assert_eq!((hits.len(), hits[0].doing, hits[0].channel), (1, expected, Channel::ToolResult), "{action:?}");
        assert_eq!(verdict.block.is_some(), expected == Doing::Blocked, "{action:?}");
        let told = verdict.block.is_some_and(|block| block.message.contains("a picture is not changed"));
        assert_eq!(told, matches!(action, Action::Redact(_)), "{action:?}");
        assert!(verdict.edits.is_empty());
    }
    let guard = guard(&[asking("s", vec![asked("eyes", Action::Redact(Style::Tag))])]);
    let away = guard.hear_of_images(0, Channel::User, Opinion::Failed, &mut Inquiry::default()).block.unwrap();
    assert!(&*away.found == "unanswered" && !away.message.contains("picture"), "{away:?}");
}

#[test]
fn only_the_services_of_sets_that_ask_are_asked_about_requests() {
    let both = Rule { on: Some(On::Both), ..asked("eyes", Action::Block) };
    let guard = guard(&[set("blind", vec![both.clone()]), asking("asks", vec![both])]);
    assert_eq!(guard.asking(), [Arc::from("asks")]);
    let asks = |way| -> Vec<bool> { guard.externals(way).iter().map(|rule| rule.asks_about_images).collect() };
    assert_eq!(asks(Way::Input), [false, true]);
    assert_eq!(asks(Way::Output), [false, false]);
}

#[test]
fn a_picture_about_which_nobody_is_asked_is_refused_with_the_reason() {
    let judged =
        |sets: &[Set], files: &Files<'_>| guard(sets).judge_request(&[], files, &[], &mut Inquiry::default()).block;
    let unseen = Unseen { set: "asks".into(), name: "format", told: "its format is not looked at" };
    let files = Files { unseen: Some(unseen), ..Files::default() };
    let sets = [asking("asks", vec![asked("eyes", Action::Block)])];
    let block = judged(&sets, &files).unwrap();
    assert_eq!((&*block.set, &*block.rule, &*block.found), ("asks", "unreadable", "image_format"));
    assert!(block.message.contains("image: its format is not looked at"), "{}", block.message);
    let pictured = Files { has_pictures: true, ..Files::default() };
    assert!(judged(&sets, &pictured).is_none(), "it does not look into files");
    let [asks] = sets;
    let block = judged(&[Set { reads_documents: true, ..asks }], &pictured).unwrap();
    assert_eq!(&*block.found, "document_image");
}
