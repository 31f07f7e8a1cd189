//! Limits against what they promise: all or nothing, counted apart, given back, in words that help.

mod whose;

use super::{
    Bound, Counters, Dimension, Estimate, Facts, Hold, Limit, Limits, Measure, Mode, OutputFacts, Rate, Reserve, Scope,
    Shortage, Size, Used, WhenAway,
};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::fault::{Class, Fault, Retry};
use tg_kernel::principal::Attribution;

fn limit(name: &str, each: &[Dimension], bounds: &[(Measure, u64)]) -> Limit {
    let bound = |(measure, amount): &(Measure, u64)| {
        let size = match measure {
            Measure::Calls | Measure::Streams => Size::AtMost(*amount),
            _ => Size::Rate(Rate { amount: *amount, period: Duration::from_secs(60), burst: *amount }),
        };
        Bound { measure: *measure, size }
    };
    Limit {
        name: name.into(),
        scope: Scope::default(),
        each: each.to_vec(),
        bounds: bounds.iter().map(bound).collect(),
        reserve: Reserve::Usual,
        shortage: Shortage::Refuse,
        mode: Mode::Enforce,
        when_away: WhenAway::FailOpenLocal,
    }
}

fn booked(team: &str, key: &str, tags: &[&str]) -> Attribution {
    Attribution {
        key_id: key.into(),
        team: team.into(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..Attribution::default()
    }
}

fn facts(attribution: &Attribution) -> Facts<'_> {
    let estimate = Estimate { input: 100, output_usual: 50, output_most: 500 };
    Facts { attribution, model: "m", provider: None, stream: false, estimate, output: OutputFacts::default() }
}

struct Bench {
    limits: Limits,
    counters: Counters,
}

impl Bench {
    fn of(limits: impl IntoIterator<Item = Limit>) -> Self {
        Self { limits: Limits::new(limits), counters: Counters::default() }
    }

    fn admit(&self, facts: &Facts<'_>, second: u64) -> Result<Hold, Fault> {
        self.limits.admit_call(facts, &self.counters, Duration::from_secs(second)).map_err(Fault::from)
    }

    /// How many of a hundred calls are let through.
    fn passed(&self, attribution: &Attribution, second: u64) -> usize {
        (0..100).filter(|_| self.admit(&facts(attribution), second).is_ok()).count()
    }
}

#[test]
fn a_limit_counts_apart_what_it_is_told_to() {
    let (red, blue) = (booked("red", "k1", &["user=ann", "x"]), booked("blue", "k2", &["user=bob"]));
    let other = booked("red", "k3", &["user=ann"]);
    for (each, of_red, of_other, of_blue) in [
        (vec![], 10, 0, 0),
        (vec![Dimension::Team], 10, 0, 10),
        (vec![Dimension::Key], 10, 10, 10),
        (vec![Dimension::Tag("user".to_owned())], 10, 0, 10),
        (vec![Dimension::Tag("none".to_owned())], 10, 0, 10),
        (vec![Dimension::Model], 10, 0, 0),
        (vec![Dimension::Project], 10, 0, 10),
        (vec![Dimension::Team, Dimension::Key], 10, 10, 10),
    ] {
        let bench = Bench::of([limit("l", &each, &[(Measure::Requests, 10)])]);
        let passed = [&red, &other, &blue].map(|caller| bench.passed(caller, 0));
        assert_eq!(passed, [of_red, of_other, of_blue], "{each:?}");
    }
}

#[test]
fn a_limit_is_for_the_calls_that_it_names() {
    let red = booked("red", "k1", &["user=ann"]);
    let text = |text: &str| Some(text.to_owned());
    for (scope, is_for) in [
        (Scope::default(), true),
        (Scope { team: text("red"), ..Scope::default() }, true),
        (Scope { team: text("r*"), model: text("m"), key: text("k1"), ..Scope::default() }, true),
        (Scope { team: text("blue"), ..Scope::default() }, false),
        (Scope { project: text("*"), ..Scope::default() }, false),
        (Scope { tag: text("user=*"), ..Scope::default() }, true),
        (Scope { tag: text("user=bob"), ..Scope::default() }, false),
    ] {
        let bench = Bench::of([Limit { scope: scope.clone(), ..limit("l", &[], &[(Measure::Requests, 1)]) }]);
        assert_eq!(bench.passed(&red, 0) == 1, is_for, "{scope:?}");
    }
}

#[test]
fn either_all_limits_give_or_none_is_touched() {
    let bench =
        Bench::of([limit("wide", &[], &[(Measure::Requests, 100)]), limit("narrow", &[], &[(Measure::Calls, 1)])]);
    let red = booked("red", "k", &[]);
    let first = bench.admit(&facts(&red), 0).unwrap();
    for _ in 0..50 {
        assert!(bench.admit(&facts(&red), 0).unwrap_err().message.contains("'narrow'"));
    }
    bench.counters.settle(first, Some(Used::default()), Duration::ZERO);
    let second = bench.admit(&facts(&red), 0).unwrap();
    let requests = second.standings().iter().find(|standing| standing.measure == Measure::Requests).unwrap();
    assert_eq!(requests.remaining, 98, "the refused ones took nothing");
}

#[test]
fn tokens_are_reserved_and_set_right_when_the_call_ends() {
    let bench = Bench::of([limit("l", &[], &[(Measure::Tokens, 1_000), (Measure::OutputTokens, 10_000)])]);
    let red = booked("red", "k", &[]);
    let remaining = || {
        let hold = bench.admit(&facts(&red), 0).unwrap();
        let standings: Vec<u64> = hold.standings().iter().map(|standing| standing.remaining).collect();
        bench.counters.settle(hold, Some(Used::default()), Duration::ZERO);
        (standings[0], standings[1])
    };
    assert_eq!(remaining(), (850, 9_950));
    let hold = bench.admit(&facts(&red), 0).unwrap();
    bench.counters.settle(hold, Some(Used { input: 30, output: 10 }), Duration::ZERO);
    assert_eq!(remaining(), (810, 9_940));
    let hold = bench.admit(&facts(&red), 0).unwrap();
    bench.counters.settle(hold, Some(Used { input: 100, output: 2_060 }), Duration::ZERO);
    let refused = bench.admit(&facts(&red), 0).unwrap_err();
    // 1200 too much was used: 60 s for each thousand, until 150 are there again.
    assert_eq!(refused.retry, Retry::After(Duration::from_millis(81_000)));
    assert_eq!((refused.class, refused.code), (Class::Limited, "limit_reached"));
    assert_eq!(
        refused.message,
        "The limit 'l' is reached: 1000 tokens in 1 min. This call needs about 150, 0 are left. Try again in 1 min 21 s."
    );
    assert!(bench.admit(&facts(&red), 81).is_ok(), "and then there is room");
}

#[test]
fn the_most_that_a_call_allows_is_reserved_where_the_limit_says_so() {
    let usual = limit("l", &[], &[(Measure::OutputTokens, 1_000)]);
    let most = Limit { reserve: Reserve::Most, ..usual.clone() };
    let red = booked("red", "k", &[]);
    assert_eq!((Bench::of([usual]).passed(&red, 0), Bench::of([most]).passed(&red, 0)), (20, 2));
}

#[test]
fn of_several_full_limits_the_one_that_opens_last_is_told() {
    let slow = Limit {
        bounds: vec![Bound {
            measure: Measure::Requests,
            size: Size::Rate(Rate { amount: 1, period: Duration::from_secs(3600), burst: 1 }),
        }],
        ..limit("slow", &[Dimension::Key], &[])
    };
    let bench = Bench::of([limit("fast", &[], &[(Measure::Requests, 1)]), slow]);
    let red = booked("red", "k", &[]);
    assert_eq!(bench.passed(&red, 0), 1);
    let refused = bench.admit(&facts(&red), 0).unwrap_err();
    assert_eq!(refused.retry, Retry::After(Duration::from_secs(3600)));
    assert!(
        refused.message.contains("'slow' of key 'k' is reached: 1 request in 1 h for each key"),
        "{}",
        refused.message
    );
    assert_eq!(bench.counters.figures(), [("fast".into(), 100, 0), ("slow".into(), 100, 0)]);
}

#[test]
fn streams_are_counted_as_such_and_what_uses_no_tokens_is_not_held_up() {
    let bench = Bench::of([limit("l", &[], &[(Measure::Streams, 1), (Measure::Tokens, 10)])]);
    let red = booked("red", "k", &[]);
    let streamed = Facts { stream: true, ..facts(&red) };
    let going = bench.admit(&streamed, 0).unwrap();
    assert!(bench.admit(&streamed, 0).is_err());
    let count = Facts { estimate: Estimate::default(), ..facts(&red) };
    assert!(bench.admit(&count, 0).unwrap().standings().is_empty());
    bench.counters.settle(going, Some(Used { input: 5, output: 0 }), Duration::ZERO);
    assert!(bench.admit(&streamed, 1).is_err(), "the tokens are all taken");
}

#[test]
fn a_limit_that_observes_refuses_nothing_and_says_what_it_would_have() {
    let observing =
        Limit { mode: Mode::Observe, ..limit("l", &[], &[(Measure::Requests, 10), (Measure::Tokens, 1_500)]) };
    let bench = Bench::of([observing.clone()]);
    let red = booked("red", "k", &[]);
    // Twice as many as it would let through, for a long time: half of them would have been refused.
    let second = |call: u64| call * 3;
    assert!((0..1_000).all(|call| bench.admit(&facts(&red), second(call)).is_ok()));
    let [(_, refused, 0)] = bench.counters.figures()[..] else { panic!("{:?}", bench.counters.figures()) };
    assert!((480..=500).contains(&refused), "{refused}");
    assert!(bench.admit(&facts(&red), second(1_000)).unwrap().standings().is_empty(), "callers are not told");
    // Put into force, it goes on from there, and owes nothing for what it let pass.
    let limits = Limits::new([Limit { mode: Mode::Enforce, ..observing }]);
    let later = Duration::from_secs(second(1_000) + 6);
    assert!(limits.admit_call(&facts(&red), &bench.counters, later).is_ok());
}

#[test]
fn a_call_that_needs_more_than_ever_fits_takes_all_there_is_and_what_it_used_is_owed() {
    let bench = Bench::of([limit("l", &[], &[(Measure::InputTokens, 600)])]);
    let red = booked("red", "k", &[]);
    let vast = Facts { estimate: Estimate { input: u64::MAX, ..Estimate::default() }, ..facts(&red) };
    let hold = bench.admit(&vast, 0).unwrap();
    assert_eq!(hold.standings()[0].remaining, 0);
    assert_eq!(
        bench.admit(&vast, 30).unwrap_err().retry,
        Retry::After(Duration::from_secs(30)),
        "when it is full again"
    );
    bench.counters.settle(hold, Some(Used { input: 1_800, output: 0 }), Duration::from_secs(30));
    let refused = bench.admit(&facts(&red), 30).unwrap_err();
    assert_eq!(refused.retry, Retry::After(Duration::from_secs(100)), "1800 of 600 a minute, half a minute ago");
}

#[test]
fn what_came_to_nothing_gives_back_its_request() {
    let bench = Bench::of([limit("l", &[], &[(Measure::Requests, 1), (Measure::Tokens, 1_000)])]);
    let red = booked("red", "k", &[]);
    for used in [None, None, Some(Used::default())] {
        let hold = bench.admit(&facts(&red), 0).unwrap();
        bench.counters.settle(hold, used, Duration::ZERO);
    }
    assert!(bench.admit(&facts(&red), 0).is_err());
}

#[test]
fn limits_that_name_providers_are_for_tries() {
    let of_provider = Limit { each: vec![Dimension::Provider], ..limit("p", &[], &[(Measure::Requests, 1)]) };
    let bench = Bench::of([of_provider]);
    let red = booked("red", "k", &[]);
    assert_eq!(bench.passed(&red, 0), 100, "not for calls");
    let at = |provider| Facts { provider: Some(provider), ..facts(&red) };
    let attempt = |provider| bench.limits.admit_try(&at(provider), &bench.counters, Duration::ZERO);
    assert!(attempt("a").is_ok() && attempt("b").is_ok());
    assert!(attempt("a").is_err());
}

#[test]
fn a_limit_with_too_many_values_counts_the_rest_together_and_takes_no_room_from_others() {
    let bench = Bench::of([
        limit("many", &[Dimension::Key], &[(Measure::Requests, 2)]),
        limit("few", &[Dimension::Team], &[(Measure::Requests, 1_000_000)]),
    ]);
    let most = 1u32 << 16;
    for number in 0..most {
        let hold = bench.admit(&facts(&booked("red", &number.to_string(), &[])), 0).unwrap();
        bench.counters.settle(hold, Some(Used::default()), Duration::ZERO);
    }
    assert_eq!(bench.counters.len(), most as usize + 1, "each of them, and the other limit's");
    let late = booked("blue", "late", &[]);
    assert_eq!(bench.passed(&late, 0), 2, "the rest share what one may have");
    let [("few", 0, 0), ("many", refused, crowded)] = bench
        .counters
        .figures()
        .iter()
        .map(|(name, refused, crowded)| (&**name, *refused, *crowded))
        .collect::<Vec<_>>()[..]
    else {
        panic!("{:?}", bench.counters.figures())
    };
    assert!(refused >= 98 && crowded >= 100, "{refused} {crowded}");
    assert_eq!(bench.passed(&late, 3600), 2);
    assert_eq!(bench.counters.len(), 3, "forgotten is what lacks nothing and of which nobody holds anything");
}

#[test]
fn however_many_ask_at_once_no_more_than_the_bound_gets_through() {
    let bench = Arc::new(Bench::of([limit("l", &[], &[(Measure::Requests, 500), (Measure::Calls, 10_000)])]));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let bench = Arc::clone(&bench);
            std::thread::spawn(move || (0..10).map(|_| bench.passed(&booked("red", "k", &[]), 0)).sum::<usize>())
        })
        .collect();
    assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>(), 500);
}

/// What may happen to a limit on tokens.
#[derive(Clone, Debug)]
enum Event {
    /// So many milliseconds pass.
    Wait(u64),
    /// A call comes that is taken to need so much.
    Call(u64),
    /// The oldest call that goes on ends, having used so much.
    End(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0u64..5_000).prop_map(Event::Wait),
        (1u64..300).prop_map(Event::Call),
        (0u64..300).prop_map(Event::End),
    ]
}

proptest! {
    /// Against a reference that keeps the whole history, and works out the level anew each time by stepping through it
    /// millisecond by millisecond.
    #[test]
    fn a_limit_lets_through_what_a_plain_reference_does(events in proptest::collection::vec(event(), 1..60)) {
        let rate = Rate { amount: 500, period: Duration::from_secs(1), burst: 400 };
        let bound = Bound { measure: Measure::InputTokens, size: Size::Rate(rate) };
        let bench = Bench::of([Limit { bounds: vec![bound], ..limit("l", &[], &[]) }]);
        let red = booked("red", "k", &[]);
        let (mut now, mut level, mut going) = (0u64, 800i64, std::collections::VecDeque::new());
        for event in events {
            match event {
                Event::Wait(millis) => {
                    now += millis;
                    // In halves of a token: 500 a second is half a one each millisecond.
                    (0..millis).for_each(|_| level = (level + 1).min(800));
                }
                Event::Call(units) => {
                    let fits = level >= 2 * i64::try_from(units).unwrap() || level == 800;
                    let estimate = Estimate { input: units, ..Estimate::default() };
                    let facts = Facts { estimate, ..facts(&red) };
                    let taken = bench.limits.admit_call(&facts, &bench.counters, Duration::from_millis(now));
                    prop_assert_eq!(taken.is_ok(), fits, "{} at {}", units, level);
                    if let Ok(hold) = taken {
                        level -= 2 * i64::try_from(units).unwrap();
                        prop_assert_eq!(hold.standings()[0].remaining, u64::try_from(level.div_euclid(2)).unwrap_or(0));
                        going.push_back((hold, units));
                    }
                }
                Event::End(used) => {
                    let Some((hold, reserved)) = going.pop_front() else { continue };
                    bench.counters.settle(hold, Some(Used { input: used, output: 0 }), Duration::from_millis(now));
                    let back = i64::try_from(reserved).unwrap() - i64::try_from(used).unwrap();
                    level = (level + 2 * back).min(800);
                }
            }
        }
    }
}

fn with_output(shortage: Shortage, reserve: Reserve, measure: Measure, amount: u64) -> Limit {
    Limit { shortage, reserve, ..limit("l", &[], &[(measure, amount)]) }
}

fn asking<'a>(attribution: &'a Attribution, output: OutputFacts) -> Facts<'a> {
    Facts { output, ..facts(attribution) }
}

#[test]
fn a_call_that_allows_more_than_is_left_is_clamped_to_what_is_left_and_holds_no_more() {
    let red = booked("red", "k", &[]);
    let bounded = OutputFacts { is_bounded: true, ..OutputFacts::default() };
    // The call needs 100 of input, and allows 500 of output.
    for (measure, amount, reserve, bound, left) in [
        (Measure::OutputTokens, 1_000, Reserve::Most, None, 500),
        (Measure::OutputTokens, 300, Reserve::Most, Some(300), 0),
        (Measure::OutputTokens, 300, Reserve::Usual, Some(300), 250),
        (Measure::Tokens, 300, Reserve::Most, Some(200), 0),
        (Measure::Tokens, 120, Reserve::Most, Some(20), 0),
        (Measure::InputTokens, 300, Reserve::Most, None, 200),
    ] {
        let bench = Bench::of([with_output(Shortage::Clamp { least: 16 }, reserve, measure, amount)]);
        let hold = bench.admit(&asking(&red, bounded), 0).unwrap();
        assert_eq!((hold.output_bound(), hold.output_granted()), (bound, None), "{measure:?} {amount}");
        assert_eq!(hold.standings()[0].remaining, left, "{measure:?} {amount} {reserve:?}");
        bench.counters.settle(hold, None, Duration::ZERO);
    }
    let unknown = Bench::of([with_output(Shortage::Clamp { least: 16 }, Reserve::Most, Measure::OutputTokens, 10_000)]);
    let hold = unknown.admit(&asking(&red, OutputFacts::default()), 0).unwrap();
    assert_eq!(hold.output_bound(), Some(500), "what has no bound of its own gets the one that is reserved");
    unknown.counters.settle(hold, None, Duration::ZERO);
}

#[test]
fn less_output_than_is_of_use_is_refused_in_words_that_say_what_is_missing() {
    let red = booked("red", "k", &[]);
    for (output, needed) in [
        (OutputFacts::default(), 200),
        (OutputFacts { least: 150, ..OutputFacts::default() }, 250),
        (OutputFacts { further_answers: 1, ..OutputFacts::default() }, 300),
    ] {
        let bench =
            Bench::of([with_output(Shortage::Clamp { least: 100 }, Reserve::Most, Measure::Tokens, needed - 1), {
                Limit { name: "large".into(), ..with_output(Shortage::Refuse, Reserve::Usual, Measure::Tokens, 9_000) }
            }]);
        // Once not whole, the limit is not let run into debt.
        let hold = bench.admit(&Facts { estimate: Estimate { input: 1, ..Estimate::default() }, ..facts(&red) }, 0);
        let fault = bench.admit(&asking(&red, output), 0).unwrap_err();
        let words = format!("This call needs about {needed}, {} are left.", needed - 2);
        assert!(fault.message.contains(&words), "{}", fault.message);
        bench.counters.settle(hold.unwrap(), None, Duration::ZERO);
    }
    let strict = Limit {
        name: "strict".into(),
        ..with_output(Shortage::Clamp { least: 90 }, Reserve::Most, Measure::OutputTokens, 400)
    };
    let tight = with_output(Shortage::Clamp { least: 16 }, Reserve::Most, Measure::OutputTokens, 60);
    let bench = Bench::of([strict, tight]);
    let first = bench.admit(&asking(&red, OutputFacts { is_bounded: true, ..OutputFacts::default() }), 0);
    assert_eq!(first.as_ref().unwrap().output_bound(), Some(90), "a full bucket gives what the strictest asks for");
    assert!(bench.admit(&facts(&red), 0).is_err());
    bench.counters.settle(first.unwrap(), None, Duration::ZERO);
}

#[test]
fn a_stream_takes_more_step_by_step_until_nothing_is_left_and_all_comes_back() {
    let red = booked("red", "k", &[]);
    let streaming = OutputFacts { can_cut: true, ..OutputFacts::default() };
    let cut = Shortage::Cut { least: 16 };
    let bench = Bench::of([
        with_output(cut, Reserve::Usual, Measure::Tokens, 400),
        Limit { name: "o".into(), ..with_output(cut, Reserve::Usual, Measure::OutputTokens, 170) },
    ]);
    let mut one = bench.admit(&asking(&red, streaming), 0).unwrap();
    assert_eq!((one.output_granted(), one.output_bound()), (Some(50), None));
    let mut other = bench.admit(&asking(&red, streaming), 0).unwrap();
    let extend = |hold: &mut Hold, wanted| bench.counters.extend([hold], wanted, Duration::ZERO);
    assert_eq!(extend(&mut one, 50), 50);
    assert_eq!(extend(&mut other, 100), 20, "what the tighter one has left");
    assert_eq!(extend(&mut one, 1), 0);
    bench.counters.settle(other, Some(Used { input: 100, output: 30 }), Duration::ZERO);
    assert_eq!(extend(&mut one, 100), 40, "what the other did not use");
    bench.counters.settle(one, Some(Used { input: 100, output: 140 }), Duration::ZERO);
    let last = bench.admit(&asking(&red, streaming), 0).unwrap_err();
    assert!(last.message.contains("This call needs about 116, 30 are left"), "{}", last.message);
    // What does not show all that it makes is clamped, and holds all of it.
    let bench = Bench::of([with_output(cut, Reserve::Usual, Measure::OutputTokens, 170)]);
    let hold = bench.admit(&facts(&red), 0).unwrap();
    assert_eq!((hold.output_bound(), hold.output_granted(), hold.standings()[0].remaining), (Some(170), None, 0));
    bench.counters.settle(hold, None, Duration::ZERO);
}

#[test]
fn a_limit_that_only_observes_bounds_no_output() {
    let red = booked("red", "k", &[]);
    for shortage in [Shortage::Clamp { least: 16 }, Shortage::Cut { least: 16 }] {
        let watching =
            Limit { mode: Mode::Observe, ..with_output(shortage, Reserve::Most, Measure::OutputTokens, 100) };
        let bench = Bench::of([watching]);
        let hold = bench.admit(&asking(&red, OutputFacts { can_cut: true, ..OutputFacts::default() }), 0).unwrap();
        assert_eq!((hold.output_bound(), hold.output_granted()), (None, None));
        bench.counters.settle(hold, None, Duration::ZERO);
    }
}

proptest! {
    /// Streams that are extended against one limit never hold, together, more than there is.
    #[test]
    fn streams_never_hold_more_than_there_is(
        amount in 100u64..5_000,
        steps in proptest::collection::vec((0usize..4, 1u64..600), 1..80),
    ) {
        let red = booked("red", "k", &[]);
        let bench = Bench::of([with_output(Shortage::Cut { least: 16 }, Reserve::Usual, Measure::OutputTokens, amount)]);
        let streaming = OutputFacts { can_cut: true, ..OutputFacts::default() };
        let mut streams: Vec<(Hold, u64)> = (0..4)
            .filter_map(|_| bench.admit(&asking(&red, streaming), 0).ok())
            .map(|hold| { let granted = hold.output_granted().unwrap(); (hold, granted) })
            .collect();
        for (stream, wanted) in steps {
            let count = streams.len();
            if let Some((hold, held)) = streams.get_mut(stream % count.max(1)) {
                *held += bench.counters.extend([hold], wanted, Duration::ZERO);
            }
            prop_assert!(streams.iter().map(|(_, held)| held).sum::<u64>() <= amount);
        }
        for (hold, held) in streams {
            bench.counters.settle(hold, Some(Used { input: 0, output: held }), Duration::ZERO);
        }
    }
}
