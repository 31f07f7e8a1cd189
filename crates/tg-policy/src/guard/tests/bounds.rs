//! What is kept of an answer while it comes: no more the more of it has come, or been found.

use super::*;

fn pii(action: Action) -> Rule {
    rule("pii", Check::Pii(Pii::Structured), action)
}

/// Addresses, each of them another.
fn addresses(count: usize) -> Vec<String> {
    (0..count).map(|nth| format!("mail u{nth}.x@example.com now, ")).collect()
}

#[test]
fn what_callers_are_told_of_a_stream_does_not_grow_with_what_is_found() {
    let told = rule("told", Check::Pii(Pii::Structured), Action::Annotate);
    let scored = rule("harm", Check::Harm([Some(0.01); 7]), Action::Annotate);
    let guard = guard(&[set("s", vec![told, scored])]);
    let kept = |count: usize| {
        let (mut watch, mut inquiry) = (Watch::new(guard.clone()), Inquiry::default());
        addresses(count).iter().for_each(|text| watch.grows(0, Channel::Assistant, text, &mut inquiry));
        let found: u64 = inquiry.hits().iter().map(|hit| hit.count).sum();
        (format!("{watch:?}").len(), found)
    };
    let ((few, found_few), (many, found_many)) = (kept(300), kept(1500));
    assert!(found_few > 250 && found_many > 4 * found_few, "{found_few} {found_many}");
    assert!(many < few + 2000, "{few} {many}");
}

#[test]
fn what_takes_the_place_of_values_is_kept_until_it_has_left() {
    let guard = guard(&[set("s", vec![pii(Action::Redact(Style::Mask))])]);
    let (mut watch, mut inquiry) = (Watch::new(guard), Inquiry::default());
    let (mut text, mut left, mut most) = (String::new(), String::new(), 0);
    let mut leave = |watch: &mut Watch<u8>, text: &str, left: &mut usize, out: &mut String| {
        let cleared = watch.cleared(0);
        most = most.max(watch.changes(0).len());
        let mut at = *left;
        for change in watch.changes(0).iter().filter(|change| change.range.end <= cleared) {
            assert!(change.range.start >= *left, "{change:?}");
            out.push_str(&text[at..change.range.start]);
            out.push_str(&change.text);
            at = change.range.end;
        }
        out.push_str(&text[at..cleared]);
        *left = cleared;
        watch.leaves(0, cleared);
    };
    let mut gone = 0;
    for piece in addresses(1000) {
        text.push_str(&piece);
        watch.grows(0, Channel::Assistant, &piece, &mut inquiry);
        leave(&mut watch, &text, &mut gone, &mut left);
    }
    watch.ends(0, &mut inquiry);
    leave(&mut watch, &text, &mut gone, &mut left);
    assert_eq!(left, "mail **** now, ".repeat(1000));
    assert!(most <= 16 && watch.changes(0).is_empty(), "{most}");
}

#[test]
fn no_value_is_kept_of_a_text_that_has_ended() {
    let seen = Rule { mode: Mode::Observe, ..rule("seen", Check::Secrets(None), Action::Block) };
    let harm = rule("harm", Check::Harm([Some(0.99); 7]), Action::Block);
    let guard = guard(&[set("s", vec![pii(Action::Redact(Style::Tag)), seen, harm])]);
    let (mut watch, mut inquiry) = (Watch::new(guard), Inquiry::default());
    for (part, text) in addresses(20).iter().enumerate() {
        watch.grows(part, Channel::Assistant, text, &mut inquiry);
    }
    assert!(format!("{watch:?}").contains("@example.com"));
    (0..20).for_each(|part| watch.ends(part, &mut inquiry));
    assert!(!format!("{watch:?}").contains("@example.com"), "{watch:?}");
    for (part, text) in addresses(20).iter().enumerate() {
        let left = edits::apply(&text[..watch.cleared(part)], watch.changes(part));
        assert_eq!(left, "mail [EMAIL_1] now, ");
        // Told again, it changes nothing.
        watch.grows(part, Channel::Assistant, text, &mut inquiry);
        watch.parts(part);
        watch.ends(part, &mut inquiry);
        assert_eq!((watch.cleared(part), watch.changes(part).len()), (text.len(), 1));
    }
}

/// An answer that is JSON of so many bytes and more.
fn json(bytes: usize) -> String {
    format!("[\"{}\"]", "a word ".repeat(bytes / 7 + 1))
}

#[test]
fn an_answer_too_large_to_be_read_as_a_whole_is_told_where_a_rule_only_watches() {
    let shape = || Check::JsonSchema(serde_json::json!({ "type": "array" }));
    let seen = Rule { mode: Mode::Observe, ..rule("seen", shape(), Action::Block) };
    let told = rule("told", shape(), Action::Annotate);
    let guard = guard(&[set("s", vec![seen, told])]);
    for (bytes, found) in [(15 << 20, &[][..]), (16 << 20, &["too_large", "too_large"])] {
        let text = json(bytes);
        let (mut watch, mut inquiry) = (Watch::new(guard.clone()), Inquiry::default());
        for piece in text.as_bytes().chunks(1 << 16) {
            watch.grows(0, Channel::Assistant, std::str::from_utf8(piece).unwrap(), &mut inquiry);
        }
        watch.ends(0, &mut inquiry);
        let named = |inquiry: &Inquiry| inquiry.hits().iter().map(|hit| hit.found.to_string()).collect::<Vec<_>>();
        assert_eq!(named(&inquiry), found);
        assert_eq!((watch.cleared(0), watch.is_blocked()), (text.len(), None));
        // A whole answer goes the same way.
        let mut whole = Inquiry::default();
        let verdict = guard.judge(Way::Output, &[said(Channel::Assistant, 0, &text)], &[], &mut whole);
        assert_eq!((named(&whole).len(), verdict.block), (found.len(), None));
        assert_eq!(verdict.annotations.len(), found.len() / 2);
    }
}

#[test]
fn several_answers_side_by_side_share_what_is_kept_of_them() {
    let shape = Check::JsonSchema(serde_json::json!({ "type": "array" }));
    let seen = Rule { mode: Mode::Observe, ..rule("seen", shape, Action::Block) };
    let guard = guard(&[set("s", vec![seen])]);
    let (mut watch, mut inquiry) = (Watch::new(guard), Inquiry::default());
    let text = json(6 << 20);
    // One after another there is room for each, side by side for two of them.
    for (parts, too_large) in [([0, 1, 2], 0), ([3, 4, 5], 1)] {
        for part in parts {
            watch.grows(part, Channel::Assistant, &text, &mut inquiry);
            if too_large == 0 {
                watch.ends(part, &mut inquiry);
            }
        }
        parts.iter().for_each(|part| watch.ends(*part, &mut inquiry));
        let told = inquiry.hits().iter().filter(|hit| hit.found == "too_large").map(|hit| hit.count).sum::<u64>();
        assert_eq!(told, too_large);
    }
}
