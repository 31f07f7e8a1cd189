//! A request of many megabytes that is one word: all of it is read before a byte goes on, and nobody waits for it meanwhile.

use crate::guarded::{EMAIL, SECRET, guarded, no_mail, no_secrets};
use crate::speak::{Manner, ask};
use std::time::{Duration, Instant};
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::Verdict;
use tg_kernel::record::Ending;
use tg_policy::guard::{Action, Style};

/// Characters of the word.
const LENGTH: usize = 16 << 20;

/// A word in an order that does not repeat itself, of letters that make no word that calls anything secret.
fn word(length: usize) -> String {
    let letters = b"bcdfghjklmnpqrtv";
    let mut state = 20_261_127_u64;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(letters[usize::try_from(state >> 60).unwrap()])
        })
        .collect()
}

#[test]
fn a_word_of_megabytes_hides_nothing_that_stands_behind_it_and_holds_nobody_up() {
    let world = guarded(vec![no_secrets(), no_mail(Action::Redact(Style::Tag))]);
    let word = word(LENGTH);
    let large = |length: usize, end: &str| {
        ask(Dialect::OpenaiChat, Manner::Plain, "on-local", &format!("{} {end}", &word[..length]))
    };
    let small = ask(Dialect::OpenaiChat, Manner::Plain, "on-local", "hello");
    let call = large(LENGTH, SECRET);
    let answer = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| world.send(&call));
        // Whoever comes meanwhile is answered before it, however long it takes.
        let (mut slowest, mut answered) = (Duration::ZERO, 0);
        while !waiting.is_finished() {
            let began = Instant::now();
            assert_eq!(world.send(&small).status, 200);
            (slowest, answered) = (slowest.max(began.elapsed()), answered + 1);
        }
        assert!(answered > 1, "{answered} calls, the slowest {slowest:?}");
        waiting.join().unwrap()
    });
    assert_eq!(answer.status, 400, "{}", answer.text());
    let row = world.row(&answer);
    assert_eq!((row.ending, row.fault.as_deref()), (Ending::Refused, Some("content_blocked")));
    assert!(row.served.is_none());
    let hits = row.guarded.unwrap().hits;
    assert!(!hits.is_empty() && hits.iter().all(|hit| hit.found.contains("aws")), "{hits:?}");

    let answer = world.send(&large(LENGTH / 4, &format!("{EMAIL} [[sim: tokens=1]]")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-tallygate-guardrail"), "house/mail");
    assert_eq!(world.row(&answer).guarded.unwrap().verdict, Verdict::Changed);
}
