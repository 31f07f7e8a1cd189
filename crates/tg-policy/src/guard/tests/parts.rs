//! Values that are split over parts of a request, and what stands beside and between them.

use super::cuts::taking_out;
use super::*;
use std::time::Instant;

/// What is left of some parts of a turn, of which some stand aside.
fn left(parts: &[&str], asides: &[usize]) -> Vec<String> {
    let guard = taking_out(Style::Mask);
    let said: Vec<Said<'_>> = parts.iter().map(|part| said(Channel::User, 1, part)).collect();
    let mut inquiry = Inquiry::default();
    inquiry.stand_aside(asides.iter().copied());
    let verdict = guard.judge(Way::Input, &said, &[], &mut inquiry);
    let mut left: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
    verdict.edits.into_iter().for_each(|(index, text)| left[index] = text);
    left
}

/// A value in pieces of so many characters.
fn pieces(value: &str, size: usize) -> Vec<String> {
    value.chars().collect::<Vec<_>>().chunks(size).map(|piece| piece.iter().collect()).collect()
}

#[test]
fn no_unknown_member_and_no_name_between_its_halves_hides_a_value() {
    for (first, second) in [("so use AKIAQ3EG", "RLZ5UPYW2KHD."), ("pay with 4111 1111 ", "1111 1111 now")] {
        for between in ["alice", "x7", "of no matter"] {
            let parts = left(&[first, between, second], &[1]);
            assert_eq!(parts[1], between, "{first}: {parts:?}");
            assert!(parts[0].ends_with("****") && parts[2].starts_with("****"), "{first} {between}: {parts:?}");
            // In front of the first and behind the last of them, nothing is hidden by it.
            assert!(left(&[between, first, second, between], &[0, 3]).concat().contains("****"), "{first} {between}");
            // What is said between is said.
            assert!(!left(&[first, between, second], &[]).concat().contains("****"), "{first} {between}");
        }
    }
    // With what stands between, it is an address as well, which goes as a whole.
    assert_eq!(left(&["to ann.lee@exam", "alice", "ple.com"], &[1]), ["to ****", "…", "…"]);
    assert_eq!(
        left(&["to ann.lee@exam", "of no matter", "ple.com now"], &[1]),
        ["to ****", "of no matter", "**** now"]
    );
    assert_eq!(left(&["see page 4", "bob", "of the report"], &[1]), ["see page 4", "bob", "of the report"]);
}

#[test]
fn a_value_over_many_parts_that_letters_touch_is_found() {
    for value in ["AKIAQ3EGRLZ5UPYW2KHD", "4111111111111111", "ann.lee@example.com", "DE89370400440532013000"] {
        for size in [1, 2, 3, 4, 7] {
            let pieces = pieces(value, size);
            let parts: Vec<&str> =
                ["see"].into_iter().chain(pieces.iter().map(String::as_str)).chain(["and go on"]).collect();
            let left = left(&parts, &[]).concat();
            assert!(left.contains("****") && !left.contains(&value[5..9]), "{value} by {size}: {left}");
        }
    }
}

#[test]
fn a_value_that_a_full_stop_behind_a_letter_touches_is_found() {
    for (first, second) in [("4111 1111", " 1111 1111"), ("41111111", "11111111"), ("DE8937040044", "0532013000")] {
        for (before, behind) in [("Look at it.", ""), ("", ".Then go"), ("Look at it.", ".Then go"), ("it.", "and so")]
        {
            let left = left(&[before, first, second, behind], &[]).concat();
            assert!(
                left.contains("****") && !left.contains("1111") && !left.contains("3704"),
                "{before} {first} {behind}: {left}"
            );
        }
    }
    let left = left(&["As it was.Then", "came what came.", "So be it.", "In 2024 it went", ".So"], &[]);
    assert_eq!(left.concat(), "As it was.Thencame what came.So be it.In 2024 it went.So");
}

/// Whether a request is taken to hide something, where that is not let through.
fn hides(parts: &[String]) -> bool {
    let set = Set {
        blocked_media: vec![Medium::Hidden],
        ..set("house", vec![rule("pii", Check::Pii(Pii::All), Action::Block)])
    };
    let said: Vec<Said<'_>> = parts.iter().map(|part| said(Channel::User, 1, part)).collect();
    ask(&guard(&[set]), &said).0.block.is_some_and(|block| block.found == "hidden")
}

#[test]
fn ordinary_texts_in_parts_hide_nothing_and_cost_no_more_than_they_are_long() {
    let words = "The town is known for its wine and for the fair of 2019, which thousands visit";
    let sentences: Vec<String> = (0..3000).map(|nth| format!("{words} ({nth}).")).collect();
    assert!(!hides(&sentences));
    let years: Vec<String> = (0..600).map(|nth| format!("{nth}. It was sold in {}.", 1900 + nth % 120)).collect();
    assert!(!hides(&years));
    // As a tokenizer cuts it.
    let tokens: Vec<String> = (0..200)
        .flat_map(|_| words.split_inclusive(' '))
        .flat_map(|word| if word.len() > 5 { vec![&word[..3], &word[3..]] } else { vec![word] })
        .map(str::to_owned)
        .take(400)
        .collect();
    assert!(!hides(&tokens));
    let time = |said: &[&str], count: usize| {
        let parts: Vec<String> = (0..count).map(|nth| said[nth % said.len()].to_owned()).collect();
        let asides: Vec<usize> = (0..count).filter(|nth| nth % 3 == 1).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let began = Instant::now();
        left(&parts, &asides);
        began.elapsed()
    };
    // Nothing of each, and an address over every border.
    for said in [&["4", "1a", "b7", "@x"][..], &["dd.com aa@"]] {
        time(said, 1000);
        let (some, many) = (time(said, 4000), time(said, 32_000));
        assert!(many < 16 * some + std::time::Duration::from_millis(200), "{said:?} {some:?} {many:?}");
    }
}
