//! Pools by hand and by chance: who goes, who waits, who is refused, and that nothing is lost.

mod neighbours;
mod searching;
mod simulation;
mod waking;

use super::*;
use crate::admit::{Measure, Rate, Reserve, Used};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::target::Target;

/// A pool for everything, with a line.
pub(super) fn spec(concurrency: Concurrency, rates: Vec<(Measure, Rate)>) -> Spec {
    Spec {
        name: "pool".into(),
        covers: vec![Cover { provider: "*".to_owned(), model: None }],
        each_target: false,
        rates,
        output_factor: 1,
        reserve: Reserve::Most,
        concurrency,
        queue: Some(QueueBounds { wait_max: Duration::from_secs(2), length_max: 1000, bytes_max: 1 << 30 }),
        generation: 0,
    }
}

pub(super) fn ask(team: &str, class: Class, weight: u32) -> Ask {
    Ask {
        team: team.into(),
        standing: Standing { class, weight },
        need: Need { input: 10, output: 10, bytes: 1 },
        patience: Duration::from_secs(2),
    }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn used(left: Duration) -> End {
    let used = Some(Used { input: 10, output: 10 });
    End { used, left, signal: Signal::Answered(None) }
}

fn rate(amount: u64, period: Duration) -> Rate {
    Rate { amount, period, burst: amount }
}

fn place(arrival: Arrival) -> Taken {
    match arrival {
        Arrival::Enters(taken) => taken,
        other => panic!("no place: {other:?}"),
    }
}

fn ticket(arrival: Arrival) -> u64 {
    match arrival {
        Arrival::Waits(ticket, _) => ticket,
        other => panic!("no ticket: {other:?}"),
    }
}

fn refusal(arrival: Arrival) -> Refusal {
    match arrival {
        Arrival::Refused(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn who_would_wait_too_long_is_told_so_when_it_comes() {
    let mut pool = Pool::new(&Arc::new(spec(Concurrency::Fixed(1), Vec::new())), ms(0));
    let one = ask("a", Class::Normal, 1);
    let first = place(pool.arrive(&one, ms(0)));
    let waits = ticket(pool.arrive(&one, ms(0)));
    assert!(pool.next(ms(0)).is_none());
    pool.end(first, used(ms(0)), ms(1500));
    let (called, second) = pool.next(ms(1500)).unwrap();
    assert_eq!(called, waits);
    // It is known now that a place is held for a second and a half: one may wait for the next, but not for the one after.
    let third = ticket(pool.arrive(&one, ms(1500)));
    let refused = refusal(pool.arrive(&one, ms(1500)));
    assert_eq!(refused, Refusal { reason: Reason::TooLong, wait: ms(3000) });
    let hurried = Ask { patience: ms(1000), ..ask("b", Class::Normal, 1) };
    assert_eq!(refusal(pool.arrive(&hurried, ms(1500))).reason, Reason::TooLong, "its own deadline counts");
    assert_eq!(pool.leave(&one, third, true).reason, Reason::Waited);
    pool.end(second, used(ms(1500)), ms(1600));
    assert!(pool.next(ms(1600)).is_none() && pool.is_whole(ms(1600)));
    let tallies = Tallies { at_once: 1, waited: 1, too_long: 2, full: 0, in_vain: 1 };
    assert_eq!(pool.tallies(), tallies);
}

#[test]
fn quick_failures_do_not_teach_how_long_a_place_is_held() {
    let mut pool = Pool::new(&Arc::new(spec(Concurrency::Fixed(1), Vec::new())), ms(0));
    let one = ask("a", Class::Normal, 1);
    let first = place(pool.arrive(&one, ms(0)));
    pool.end(first, used(ms(0)), ms(1000));
    for signal in [Signal::Congested, Signal::Nothing] {
        let failing = place(pool.arrive(&one, ms(1000)));
        pool.end(failing, End { signal, ..used(ms(1000)) }, ms(1000));
    }
    let _held = place(pool.arrive(&one, ms(1000)));
    assert_eq!(pool.look(&one, ms(1000)), ms(1000), "a place is still held for a second");
}

#[test]
fn a_rate_says_when_there_is_room_again() {
    let rates = vec![(Measure::Tokens, rate(60, Duration::from_secs(60)))];
    let mut pool = Pool::new(&Arc::new(Spec { output_factor: 5, ..spec(Concurrency::Unbounded, rates) }), ms(0));
    let mut one = ask("a", Class::Normal, 1);
    let first = place(pool.arrive(&one, ms(0)));
    // Ten in, ten out which count fifty: all is taken.
    assert_eq!(pool.look(&one, ms(0)), Duration::from_secs(60));
    one.need = Need { input: 2, output: 0, bytes: 1 };
    let waits = ticket(pool.arrive(&one, ms(0)));
    assert_eq!(pool.due(ms(0)), Some((waits, Some(ms(2000)))));
    assert!(pool.next(ms(1999)).is_none());
    let (_, second) = pool.next(ms(2000)).unwrap();
    // It made two tokens, not ten: forty come back.
    let few = Some(Used { input: 10, output: 2 });
    pool.end(first, End { used: few, ..used(ms(0)) }, ms(2000));
    pool.end(second, End::UNUSED, ms(2000));
    assert_eq!(pool.look(&ask("a", Class::Normal, 1), ms(2000)), Duration::from_secs(18), "of sixty 42 are there");
}

#[test]
fn what_needs_more_than_ever_fits_takes_all_there_is() {
    let rates = vec![(Measure::InputTokens, rate(5, Duration::from_secs(5)))];
    let mut pool = Pool::new(&Arc::new(spec(Concurrency::Unbounded, rates)), ms(0));
    let taken = place(pool.arrive(&ask("a", Class::Normal, 1), ms(0)));
    pool.end(taken, used(ms(0)), ms(0));
    assert!(!pool.is_whole(ms(9999)), "five more are owed");
    assert!(pool.is_whole(ms(10_000)));
}

#[test]
fn a_full_line_refuses_the_flood_and_not_its_neighbours() {
    let queue = Some(QueueBounds { wait_max: Duration::from_secs(60), length_max: 4, bytes_max: 100 });
    let mut pool = Pool::new(&Arc::new(Spec { queue, ..spec(Concurrency::Fixed(1), Vec::new()) }), ms(0));
    let (flood, small) = (ask("flood", Class::Normal, 1), ask("small", Class::Normal, 1));
    let _held = place(pool.arrive(&flood, ms(0)));
    let tickets: Vec<u64> = (0..4).map(|_| ticket(pool.arrive(&flood, ms(0)))).collect();
    assert_eq!(refusal(pool.arrive(&flood, ms(0))).reason, Reason::Full);
    match pool.arrive(&small, ms(0)) {
        Arrival::Waits(_, displaced) => assert_eq!(displaced, tickets.last().copied()),
        other => panic!("{other:?}"),
    }
    let large = Ask { need: Need { bytes: 98, ..Need::default() }, ..ask("large", Class::Normal, 1) };
    assert_eq!(refusal(pool.arrive(&large, ms(0))).reason, Reason::Full, "bytes are bounded, too");
    let hurried = Ask { patience: ms(0), ..ask("hurried", Class::Normal, 1) };
    assert_eq!(refusal(pool.arrive(&hurried, ms(0))).reason, Reason::TooLong, "who cannot wait pushes nobody out");
    assert_eq!(pool.waiting(), 4);
    let alone = Spec { queue: None, ..spec(Concurrency::Fixed(1), Vec::new()) };
    let mut pool = Pool::new(&Arc::new(alone), ms(0));
    let _held = place(pool.arrive(&flood, ms(0)));
    assert_eq!(refusal(pool.arrive(&small, ms(0))).reason, Reason::Full, "without a line nobody waits");
}

#[test]
fn a_reload_keeps_what_is_under_way() {
    let mut pool = Pool::new(&Arc::new(spec(Concurrency::Fixed(2), Vec::new())), ms(0));
    let one = ask("a", Class::Normal, 1);
    let (first, second) = (place(pool.arrive(&one, ms(0))), place(pool.arrive(&one, ms(0))));
    let _waits = ticket(pool.arrive(&one, ms(0)));
    pool.adopt(&Arc::new(spec(Concurrency::Fixed(1), Vec::new())), ms(1));
    pool.end(first, used(ms(0)), ms(2));
    assert!(pool.next(ms(2)).is_none(), "one is under way, and one may be");
    pool.adopt(&Arc::new(spec(Concurrency::Fixed(3), Vec::new())), ms(3));
    let (_, third) = pool.next(ms(3)).unwrap();
    pool.end(second, used(ms(0)), ms(4));
    pool.end(third, used(ms(0)), ms(4));
    assert_eq!(pool.under_way(), 0);
}

#[test]
fn pools_are_found_by_target_and_apart_where_each_has_one() {
    let target = |provider: &str, model: &str| Target { provider: provider.into(), model: model.into() };
    let named = |name: &str, provider: &str, model: Option<&str>, each_target| Spec {
        name: name.into(),
        covers: vec![Cover { provider: provider.to_owned(), model: model.map(str::to_owned) }],
        each_target,
        ..spec(Concurrency::Fixed(1), Vec::new())
    };
    let quotas =
        Quotas::new([named("claude", "bedrock", Some("us.anthropic.*"), false), named("rest", "*", None, true)]);
    let gates = Gates::default();
    let find = |provider: &str, model: &str| {
        let target = target(provider, model);
        let spec = quotas.of(&target).unwrap();
        (spec.name.to_string(), gates.of(spec, &target, ms(0)))
    };
    let (name, haiku) = find("bedrock", "us.anthropic.haiku");
    let (_, opus) = find("bedrock", "us.anthropic.opus");
    assert_eq!(name, "claude");
    assert!(Arc::ptr_eq(&haiku, &opus), "they share one");
    let (name, one) = find("openai", "gpt-5");
    let (_, other) = find("openai", "gpt-5-mini");
    assert_eq!(name, "rest");
    assert!(!Arc::ptr_eq(&one, &other));
    let _taken = place(one.arrive(&ask("a", Class::Normal, 1), ms(0)));
    let figures = gates.figures(&quotas);
    let shown: Vec<(&str, &str, u64)> = figures.iter().map(|of| (&*of.pool, &*of.target, of.under_way)).collect();
    assert_eq!(shown, [("claude", "", 0), ("rest", "openai/gpt-5", 1), ("rest", "openai/gpt-5-mini", 0)]);
}

#[test]
fn a_call_from_before_a_reload_does_not_bring_the_old_settings_back() {
    let target = Target { provider: "p".into(), model: "m".into() };
    let of = |slots: u32| Quotas::new([spec(Concurrency::Fixed(slots), Vec::new())]);
    let (before, after, gates) = (of(5), of(2), Gates::default());
    let limit_as_seen_by = |quotas: &Quotas| {
        let _gate = gates.of(quotas.of(&target).unwrap(), &target, ms(0));
        gates.figures(quotas)[0].limit
    };
    assert_eq!(limit_as_seen_by(&before), Some(5));
    assert_eq!(limit_as_seen_by(&after), Some(2));
    assert_eq!(limit_as_seen_by(&before), Some(2), "it began before, and its try comes after");
    assert_eq!(limit_as_seen_by(&of(5)), Some(5), "a reload that goes back does");
}

/// What a test may do to a gate.
#[derive(Clone, Copy, Debug)]
enum Step {
    Come(u8),
    Look(u8),
    Cancel(u8),
    GiveUp(u8),
    End(u8, bool),
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u8>().prop_map(Step::Come),
        2 => any::<u8>().prop_map(Step::Look),
        1 => any::<u8>().prop_map(Step::Cancel),
        1 => any::<u8>().prop_map(Step::GiveUp),
        3 => (any::<u8>(), any::<bool>()).prop_map(|(which, left)| Step::End(which, left)),
        2 => any::<u16>().prop_map(Step::Pass),
    ]
}

proptest! {
    /// Whoever leaves, gives up, is displaced or ends, in whatever order: never more than the limit are under way, and in
    /// the end all is back.
    #[test]
    fn nothing_leaks(steps in prop::collection::vec(step(), 1..200), slots in 1_u32..5) {
        let queue = Some(QueueBounds { wait_max: Duration::from_secs(5), length_max: 6, bytes_max: 1 << 20 });
        let rates = vec![(Measure::Requests, rate(50, Duration::from_secs(1))), (Measure::Tokens, rate(2000, Duration::from_secs(1)))];
        let spec = Arc::new(Spec { queue, ..spec(Concurrency::Fixed(slots), rates) });
        let (quotas, gates) = (Quotas::new([(*spec).clone()]), Gates::default());
        let target = Target { provider: "p".into(), model: "m".into() };
        let spec = quotas.of(&target).unwrap();
        let gate = gates.of(spec, &target, ms(0));
        let (mut now, mut held, mut waiting) = (ms(0), Vec::new(), Vec::new());
        let pick = |which: u8, from: usize| usize::from(which).checked_rem(from);
        for step in steps {
            match step {
                Step::Come(which) => {
                    let class = Class::ALL[usize::from(which % 3)];
                    let team = ["a", "b", "c"][usize::from(which / 3 % 3)];
                    match gate.arrive(&ask(team, class, u32::from(which % 5) + 1), now) {
                        Arrival::Enters(taken) => held.push(taken),
                        Arrival::Waits(ticket, _) => waiting.push(ticket),
                        Arrival::Refused(_) => {}
                    }
                }
                Step::Look(which) => if let Some(place) = pick(which, waiting.len()) {
                    match gate.look(waiting[place], std::task::Waker::noop(), now) {
                        Seen::Place(taken) => { held.push(taken); waiting.remove(place); }
                        Seen::Refused(_) => { waiting.remove(place); }
                        Seen::Waits(_) => {}
                    }
                },
                Step::Cancel(which) => if let Some(place) = pick(which, waiting.len()) {
                    gate.cancel(waiting.remove(place), now);
                },
                Step::GiveUp(which) => if let Some(place) = pick(which, waiting.len()) {
                    held.extend(gate.give_up(waiting.remove(place), now).ok());
                },
                Step::End(which, left) => if let Some(place) = pick(which, held.len()) {
                    gate.end(held.remove(place), if left { used(now) } else { End::UNUSED }, now);
                },
                Step::Pass(millis) => now += ms(u64::from(millis)),
            }
            let figures = gates.figures(&quotas).remove(0);
            prop_assert!(figures.under_way <= u64::from(slots));
            prop_assert!(figures.waiting <= 6);
            prop_assert!(figures.under_way >= held.len() as u64, "who was called and has not come has a place, too");
        }
        waiting.into_iter().for_each(|ticket| gate.cancel(ticket, now));
        held.into_iter().for_each(|taken| gate.end(taken, End::UNUSED, now));
        let figures = gates.figures(&quotas).remove(0);
        prop_assert_eq!((figures.under_way, figures.waiting), (0, 0));
        let mut all = Vec::new();
        // And all of the rates is there again after a while: as much at once as they let through.
        now += Duration::from_secs(60);
        for _ in 0..slots {
            all.push(place(gate.arrive(&ask("a", Class::Normal, 1), now)));
        }
        all.into_iter().for_each(|taken| gate.end(taken, End::UNUSED, now));
    }
}
