//! Whose count is full, in the words of a refusal.

use super::{Bench, Dimension, Facts, Fault, Limit, Measure, booked, facts, limit};
use std::time::Duration;
use tg_kernel::principal::Attribution;
use tg_store::counters;

fn per_user(amount: u64) -> Limit {
    limit("l", &[Dimension::Key, Dimension::Tag("user".to_owned())], &[(Measure::Requests, amount)])
}

fn ann() -> Attribution {
    booked("red", "tgk_ann", &["user=a\u{1b}[31mnn", "secret=x"])
}

const WORDS: &str = "The limit 'l' of key 'tgk_ann' and value of the tag 'user' 'red:a[31mnn' is reached: \
                     1 request in 1 min for each key and value of the tag 'user'. ";

#[test]
fn one_caller_of_many_is_told_whose_count_is_full() {
    let bench = Bench::of([per_user(1)]);
    let ann = ann();
    assert_eq!(bench.passed(&ann, 0), 1);
    let message = bench.admit(&facts(&ann), 0).unwrap_err().message;
    assert!(message.starts_with(WORDS) && !message.contains("secret"), "{message}");
    let nobody = booked("red", "tgk_bob", &[]);
    assert_eq!(bench.passed(&nobody, 0), 1);
    let message = bench.admit(&facts(&nobody), 0).unwrap_err().message;
    assert!(message.contains("of key 'tgk_bob' and value of the tag 'user' 'red:' is reached"), "{message}");
    let long = booked("red", "k", &[&format!("user={}", "x".repeat(4_000))]);
    assert_eq!(bench.passed(&long, 0), 1);
    assert!(bench.admit(&facts(&long), 0).unwrap_err().message.len() < 300);
}

#[test]
fn whose_count_is_full_is_told_of_shared_counts_and_of_shares_of_them() {
    let bench = Bench::of([per_user(1)]);
    let ann = ann();
    let mut asks = bench.limits.shared_call(&facts(&ann), &bench.counters, Duration::ZERO);
    let (reset, wait) = (Duration::from_secs(60), Some(Duration::from_secs(60)));
    let full = counters::Standing { full: true, limit: 1, remaining: 0, reset, wait };
    let message = Fault::from(asks.fit(&[full], &bench.counters).unwrap_err()).message;
    assert!(message.starts_with(WORDS) && !message.contains("secret"), "{message}");
    let share = || bench.limits.admit_call_share(&facts(&ann), &bench.counters, Duration::ZERO, 2);
    assert!(share().is_ok());
    assert!(Fault::from(share().unwrap_err()).message.starts_with(WORDS));
}

#[test]
fn nobody_is_named_where_too_many_are_counted_together() {
    let bench = Bench::of([limit("many", &[Dimension::Key], &[(Measure::Requests, 1)])]);
    for number in 0..1u32 << 16 {
        let one = booked("red", &number.to_string(), &[]);
        let hold = bench.admit(&facts(&one), 0).unwrap();
        bench.counters.settle(hold, Some(super::Used::default()), Duration::ZERO);
    }
    let (late, later) = (booked("red", "late", &[]), booked("red", "later", &[]));
    assert_eq!(bench.passed(&late, 0), 1);
    let told = "The limit 'many' is reached: 1 request in 1 min for each key.";
    let message = bench.admit(&facts(&later), 0).unwrap_err().message;
    assert!(message.starts_with(told), "{message}");
    let later: Facts<'_> = facts(&later);
    let mut asks = bench.limits.shared_call(&later, &bench.counters, Duration::ZERO);
    let full = counters::Standing { full: true, limit: 1, remaining: 0, reset: Duration::ZERO, wait: None };
    let message = Fault::from(asks.fit(&[full], &bench.counters).unwrap_err()).message;
    assert!(message.starts_with(told), "{message}");
}
