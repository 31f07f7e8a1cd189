//! Copies of calls for another model: they are booked, and nobody waits for them or hears of them.

use crate::budgets::{booked, bounded, settled};
use crate::guarded::{EMAIL, house, no_mail};
use crate::speak::{CHAT, MANNERS, Manner, ask, hear};
use crate::wire::Call;
use crate::world::{Setup, World, until};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tg_kernel::decided::Purpose;
use tg_kernel::dialect::Dialect;
use tg_kernel::record::{Ending, Record};
use tg_kernel::units::Money;
use tg_policy::guard::{Action, Style};
use tg_proxy::shadow::Fate;

/// Who gets copies of all calls.
const WATCHED: &str = "- name: watched\n  targets: [{ provider: openai, model: gpt-5-mini }]\n\
                       \x20 mirror: { provider: anthropic, model: claude-haiku-4-5, share: 100% }\n";

fn world() -> World {
    World::with(Setup { models: WATCHED.to_owned(), ..Setup::default() })
}

/// The copy of a call, once it is booked.
pub(crate) fn copy_of(world: &World, of: &Record, purpose: Purpose) -> Record {
    until(&format!("the {purpose:?} of {}", of.id), || {
        world.rows().into_iter().find(|row| {
            let decided = row.decided.as_deref();
            decided.is_some_and(|decided| decided.of == Some(of.id) && decided.purpose == Some(purpose))
        })
    })
}

pub(crate) fn fated(world: &World, purpose: Purpose, fate: Fate) -> u64 {
    let figures = world.gateway().living.shadows.figures();
    figures.fates.iter().find(|(of, what, _)| (*of, *what) == (purpose, fate)).map_or(0, |(.., count)| *count)
}

fn chat(prompt: &str) -> Call {
    ask(Dialect::OpenaiChat, Manner::Plain, "watched", prompt)
}

#[test]
fn a_copy_goes_to_the_mirror_in_every_dialect_and_its_caller_hears_nothing_of_it() {
    let world = world();
    for dialect in CHAT {
        for manner in MANNERS {
            let answer = world.send(&ask(dialect, manner, "watched", "what a day"));
            assert_eq!(answer.status, 200, "{dialect:?}: {}", answer.text());
            assert_eq!(answer.header("x-tallygate-provider"), "openai");
            assert!(hear(dialect, manner, &answer).ended, "{dialect:?} {manner:?}");
            let row = world.row(&answer);
            let copy = copy_of(&world, &row, Purpose::Mirror);
            assert_eq!((copy.ending, copy.status), (Ending::Ok, 200), "{dialect:?} {manner:?}: {copy:?}");
            let served = copy.served.as_ref().unwrap();
            assert_eq!((&*served.provider, &*served.model), ("anthropic", "claude-haiku-4-5"));
            assert_eq!((&copy.attribution, &copy.asked), (&row.attribution, &row.asked));
            assert_ne!(copy.id, row.id);
            assert!(copy.total_cost().amount > Money::ZERO, "its money is booked");
            assert!(row.decided.is_none_or(|decided| decided.purpose.is_none()), "the call is its caller's own");
        }
    }
    let calls = CHAT.len() * MANNERS.len();
    assert_eq!(fated(&world, Purpose::Mirror, Fate::Sent), calls as u64);
    assert_eq!(world.gateway().living.counts.unguarded.load(Ordering::Relaxed), 0);
    assert_eq!(world.finish().len(), 2 * calls);
}

#[test]
fn a_mirror_that_fails_or_hangs_slows_nobody_and_is_tried_once() {
    let mut world = world();
    let failing = world.row(&world.send(&chat("[[sim@claude-haiku-4-5: status=500]] hi")));
    assert_eq!(failing.status, 200);
    let copy = copy_of(&world, &failing, Purpose::Mirror);
    assert_eq!((copy.ending, copy.earlier.len()), (Ending::ProviderError, 0), "trouble is not multiplied for a look");
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(world.send(&chat("[[sim: tokens=5]] [[sim@claude-haiku-4-5: hang_before_head]] hi")).status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "nobody waits for the copies");
    until("they are under way", || (left(&world) == 8).then_some(()));
    // The gateway ends: so do they, and each is booked.
    world.drain(Duration::from_secs(10));
    assert!(began.elapsed() < Duration::from_secs(9), "the end waits for none of them");
    let given_up: Vec<Record> = world
        .rows()
        .into_iter()
        .filter(|row| row.ending == Ending::Interrupted && row.decided.as_ref().is_some_and(|d| d.purpose.is_some()))
        .collect();
    assert_eq!(given_up.len(), 3, "{given_up:?}");
    assert!(given_up.iter().all(|row| row.usage.input_tokens > 0), "what they may have used is booked");
}

/// How many calls have left, copies among them.
pub(crate) fn left(world: &World) -> u64 {
    world.gateway().living.counts.sent.load(Ordering::Relaxed)
}

/// field.md §14 B 8: copies must not pass a hard cap that calls cannot pass.
#[test]
fn a_copy_for_which_there_is_no_money_is_not_sent_and_takes_none() {
    let budgets = "- { name: tight, for: { team: red }, amount: 0.002 USD }\n";
    let world = World::with(Setup { models: WATCHED.to_owned(), budgets: budgets.to_owned(), ..Setup::default() });
    // The call can cost half of it; its copy, at a model of some four times the price, more than all.
    let mut spent = Money::ZERO;
    for calls in 1..=2 {
        let answer = world.send(&bounded("watched", 200, "[[sim: tokens=150]] hi"));
        assert_eq!(answer.status, 200, "what is left is for callers: {}", answer.text());
        spent = spent.plus(world.row(&answer).total_cost().amount);
        until("the copy was not sent", || (fated(&world, Purpose::Mirror, Fate::NoRoom) == calls).then_some(()));
        assert_eq!(settled(&world), spent, "what it held was given back");
        assert_eq!(booked(&world), spent);
    }
    assert!(world.sim.books.entries().iter().all(|entry| entry.model != "claude-haiku-4-5"));
    assert_eq!(world.finish().len(), 2, "what was not sent has no row");
}

/// field.md §14 B 8: nor what a copy costs be forgotten.
#[test]
fn what_copies_cost_is_spent_of_the_budgets_of_their_calls() {
    let budgets = "- { name: wide, for: { team: red }, amount: 1000 USD }\n";
    let world = World::with(Setup { models: WATCHED.to_owned(), budgets: budgets.to_owned(), ..Setup::default() });
    let row = world.row(&world.send(&bounded("watched", 200, "[[sim: tokens=150]] hi")));
    let copy = copy_of(&world, &row, Purpose::Mirror);
    let both = row.total_cost().amount.plus(copy.total_cost().amount);
    until("both are spent", || (settled(&world) == both).then_some(()));
}

#[test]
fn a_mirror_gets_what_the_checks_let_go_and_nothing_else() {
    let world = World::with(Setup {
        models: WATCHED.to_owned(),
        guards: vec![house(vec![no_mail(Action::Redact(Style::Tag))])],
        ..Setup::default()
    });
    for manner in MANNERS {
        let answer = world.send(&ask(Dialect::OpenaiChat, manner, "watched", &format!("write to {EMAIL}")));
        let copy = copy_of(&world, &world.row(&answer), Purpose::Mirror);
        let told = crate::guarded::told(&world, &copy);
        assert!(!told.contains(EMAIL) && told.contains("write to"), "{told}");
        assert!(copy.guarded.is_some(), "its answer was checked, too");
    }
    assert_eq!(world.gateway().living.counts.unguarded.load(Ordering::Relaxed), 0);
}

#[test]
fn copies_are_bounded_and_only_of_chats_that_ended_well() {
    let world = world();
    let refused = world.send(&chat("[[sim: status=400]] hi"));
    assert_eq!(refused.status, 400);
    world.row(&refused);
    for number in 0..140 {
        let prompt = format!("[[sim: tokens=1]] [[sim@claude-haiku-4-5: hang_before_head]] {number}");
        assert_eq!(world.send(&chat(&prompt)).status, 200);
    }
    until("all is decided", || {
        let copies = left(&world) - 141;
        (fated(&world, Purpose::Mirror, Fate::Crowded) + copies == 140).then_some(())
    });
    assert_eq!(fated(&world, Purpose::Mirror, Fate::Crowded), 12, "128 at a time");
}
