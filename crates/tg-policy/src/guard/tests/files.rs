//! What becomes of files that go with a request.

use super::*;

fn pii(name: &str, action: Action) -> Rule {
    rule(name, Check::Pii(Pii::Structured), action)
}

fn judged(sets: &[Set], said: &[Said<'_>], files: &Files<'_>) -> (Verdict, Inquiry) {
    let mut inquiry = Inquiry::default();
    let verdict = guard(sets).judge_request(said, files, &[], &mut inquiry);
    (verdict, inquiry)
}

fn files(text: &str) -> Files<'_> {
    Files { said: vec![said(Channel::Document, u32::MAX, text)], ..Files::default() }
}

fn reading(name: &str, rules: Vec<Rule>) -> Set {
    Set { reads_documents: true, ..set(name, rules) }
}

#[test]
fn what_is_in_a_file_is_blocked_where_it_would_be_changed() {
    let file = files("Mail ann.lee@example.com");
    for action in [Action::Block, Action::Redact(Style::Tag), Action::Restore(Style::Tag)] {
        let (verdict, inquiry) = judged(&[reading("s", vec![pii("p", action.clone())])], &[], &file);
        let block = verdict.block.unwrap();
        assert_eq!((&*block.rule, &*block.found), ("p", "email"));
        assert_eq!(block.message.contains("a file is not changed"), action != Action::Block);
        assert_eq!(inquiry.evidence().hits[0].doing, Doing::Blocked);
    }
    let watched = Rule { mode: Mode::Observe, ..pii("p", Action::Block) };
    let (verdict, inquiry) = judged(&[reading("s", vec![watched, pii("q", Action::Annotate)])], &[], &file);
    assert!(verdict.block.is_none() && verdict.annotations.len() == 1);
    let doings: Vec<Doing> = inquiry.evidence().hits.iter().map(|hit| hit.doing).collect();
    assert_eq!(doings, [Doing::Observed, Doing::Annotated]);
}

#[test]
fn what_is_in_a_file_sends_a_call_elsewhere_as_a_text_does() {
    let file = files("Mail ann.lee@example.com");
    let away = pii("away", Action::RouteTo("kept".into()));
    let sets = [reading("s", vec![away.clone()])];
    let (verdict, inquiry) = judged(&sets, &[], &file);
    assert!(verdict.block.is_none());
    assert_eq!(&*verdict.route.unwrap().model, "kept");
    assert_eq!(inquiry.evidence().hits[0].doing, Doing::Rerouted);
    let mut bound = Inquiry::default();
    bound.is_bound_to_its_model();
    let verdict = guard(&sets).judge_request(&[], &file, &[], &mut bound);
    assert!(verdict.route.is_none() && !verdict.block.unwrap().message.contains("a file is not changed"));
    assert_eq!(bound.evidence().hits[0].doing, Doing::Blocked);
    let (verdict, _) = judged(&[reading("s", vec![away, pii("p", Action::Redact(Style::Tag))])], &[], &file);
    assert!(verdict.route.is_none() && verdict.block.is_some());
}

#[test]
fn only_sets_that_read_files_look_into_them() {
    let file = files("Mail ann.lee@example.com");
    let other = rule("w", Check::Pattern("heron".into()), Action::Block);
    let sets = [set("blind", vec![pii("p", Action::Block)]), reading("reads", vec![other])];
    assert!(judged(&sets, &[], &file).0.block.is_none());
    assert!(judged(&sets, &[], &files("a heron")).0.block.is_some());
}

#[test]
fn tags_that_a_file_has_of_itself_are_not_used_again() {
    let rules = vec![pii("p", Action::Restore(Style::Tag))];
    let said = [said(Channel::User, 1, "Mail ann.lee@example.com")];
    let (verdict, _) = judged(&[reading("s", rules)], &said, &files("see [EMAIL_1] there"));
    assert_eq!(verdict.edits, [(0, "Mail [EMAIL_2]".to_owned())]);
}

#[test]
fn what_was_not_read_of_a_file_is_refused_with_the_reason() {
    let sets = [set("blind", vec![pii("p", Action::Block)]), reading("reads", vec![pii("p", Action::Block)])];
    let unread = Files { unread: Some(("encrypted", "it is encrypted")), ..Files::default() };
    let block = judged(&sets, &[], &unread).0.block.unwrap();
    assert_eq!((&*block.set, &*block.rule, &*block.found), ("reads", "unreadable", "document_encrypted"));
    assert!(block.message.contains("document: it is encrypted"));
    let pictured = Files { has_pictures: true, ..files("hello") };
    assert!(judged(&sets, &[], &pictured).0.block.is_none());
    let [blind, reads] = sets;
    let strict = Set { blocked_media: vec![Medium::Image], ..blind };
    assert!(judged(&[strict, reads.clone()], &[], &pictured).0.block.is_none(), "it does not look into files");
    let strict = Set { blocked_media: vec![Medium::Image], ..reads };
    assert_eq!(&*judged(&[strict], &[], &pictured).0.block.unwrap().found, "document_image");
}
