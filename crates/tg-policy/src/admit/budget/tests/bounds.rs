//! Calls whose output can be bounded: clamped before they are sent, or cut as they stream.

use super::*;

const MIDNIGHT_AFTER_NEXT: &str = "2026-11-28T00:30:00Z";

/// A call of 10 for its input, 1 for each output token, at most 100 and usually 20 of these.
fn want(bounds: Bounds, with_output: &dyn Fn(u64) -> Money) -> Want<'_> {
    Want { most: money(110), usual: money(30), with_output, bounds }
}

fn cost(tokens: u64) -> Money {
    money(10 + i64::try_from(tokens.min(100)).unwrap())
}

fn ask(purses: &Purses, bounds: Bounds) -> Result<(CallId, Held), Box<Exhausted>> {
    let (id, booked) = (CallId::fresh(), of("red"));
    let payer = Payer { attribution: &booked, model: "m" };
    purses.reserve(id, &payer, at(NOON), &want(bounds, &cost)).map(|held| (id, held))
}

fn held(amount: i64, stepwise: bool) -> Held {
    Held { met: true, amount: money(amount), stepwise }
}

#[test]
fn a_budget_that_clamps_gives_what_is_left_and_refuses_where_that_is_too_little() {
    let clamps = Budget { shortage: Shortage::Clamp { least: 16 }, ..budget("clamps", 150) };
    let all = purses(vec![clamps], &Rows::default(), at(NOON));
    assert_eq!(ask(&all, Bounds::Before).unwrap().1, held(110, false));
    assert_eq!(ask(&all, Bounds::Not).unwrap_err().worst, money(110), "it cannot be bounded");
    assert_eq!(ask(&all, Bounds::Midway).unwrap().1, held(40, false), "what streams is clamped too");
    let refused = ask(&all, Bounds::Before).unwrap_err();
    assert_eq!((refused.left, refused.worst), (money(0), money(26)));
    assert!(message(*refused).contains("this call needs 0.000000026 USD"));
}

#[test]
fn a_budget_that_cuts_holds_what_is_usual_and_more_as_it_is_asked_for() {
    let cuts = Budget { shortage: Shortage::Cut { least: 16 }, reserve: Reserve::Usual, ..budget("cuts", 100) };
    let all = purses(vec![cuts], &Rows::default(), at(NOON));
    let (first, got) = ask(&all, Bounds::Midway).unwrap();
    assert_eq!(got, held(30, true));
    let (second, got) = ask(&all, Bounds::Midway).unwrap();
    assert_eq!(got, held(30, true));
    assert_eq!(all.extend(first, money(50)), money(50));
    assert_eq!(ask(&all, Bounds::Before).unwrap_err().left, money(20), "not enough for input and 16 tokens");
    assert_eq!(all.extend(second, money(60)), money(50), "no more is there");
    assert_eq!(all.extend(second, money(60)), money(50));
    assert_eq!(all.figures(at(NOON))[0].refused, 2, "one that was not let through, and one that is to be cut");
    all.settle(first, money(15));
    assert_eq!(all.extend(second, money(60)), money(60), "what came back is there");
    assert_eq!(all.view(at(NOON))[0].held, money(75));
}

#[test]
fn a_call_is_cut_only_where_every_budget_of_it_cuts() {
    let cuts = Budget { shortage: Shortage::Cut { least: 16 }, reserve: Reserve::Usual, ..budget("cuts", 80) };
    let soft = Budget { on_exhausted: OnExhausted::AllowAndAlert, ..budget("soft", 1) };
    let both = purses(vec![cuts.clone(), soft], &Rows::default(), at(NOON));
    assert_eq!(ask(&both, Bounds::Midway).unwrap().1, held(30, true), "what holds nothing up does not matter");
    let mixed = purses(vec![cuts, budget("strict", 200)], &Rows::default(), at(NOON));
    assert_eq!(ask(&mixed, Bounds::Midway).unwrap().1, held(80, false), "one wants to know beforehand");
    assert_eq!(ask(&mixed, Bounds::Midway).unwrap_err().budget.as_ref(), "cuts");
}

#[test]
fn a_try_that_costs_more_is_bounded_by_what_is_left_and_never_by_less_than_is_held() {
    let clamps = Budget { shortage: Shortage::Clamp { least: 16 }, ..budget("clamps", 150) };
    let all = purses(vec![clamps], &Rows::default(), at(NOON));
    let (id, _) = ask(&all, Bounds::Before).unwrap();
    let dearer = |tokens: u64| money(30 + 2 * i64::try_from(tokens.min(100)).unwrap());
    let want = Want { most: money(230), usual: money(230), with_output: &dearer, bounds: Bounds::Before };
    assert_eq!(all.raise(id, &want).unwrap(), held(150, false));
    assert_eq!(all.raise(id, &super::super::Want::fixed(money(20))).unwrap(), held(150, false));
    let more = |tokens: u64| money(130 + 2 * i64::try_from(tokens.min(100)).unwrap());
    let want = Want { most: money(330), usual: money(330), with_output: &more, bounds: Bounds::Before };
    assert_eq!(all.raise(id, &want).unwrap_err().worst, money(162));
}

#[test]
fn a_call_that_lasts_over_several_windows_is_bounded_to_its_end() {
    let daily = Budget { window: Window::Calendar(Unit::Day), ..budget("b", 100) };
    let all = purses(vec![daily], &Rows::default(), at(NOON));
    let (long, other) = (reserve(&all, "red", at(NOON), 40).unwrap(), reserve(&all, "red", at(NOON), 40).unwrap());
    for later in ["2026-11-27T12:00:00Z", MIDNIGHT_AFTER_NEXT, "2026-11-29T12:00:00Z"] {
        spend(&all, "red", at(later), 90);
    }
    assert_eq!(all.raise(long, &Want::fixed(money(61))).unwrap_err().left, money(60));
    all.settle(other, money(30));
    all.book(&[record(other, &of("red"), at(NOON), 30)]);
    assert_eq!(all.raise(long, &Want::fixed(money(71))).unwrap_err().left, money(70), "what the other spent counts");
    assert!(all.raise(long, &Want::fixed(money(70))).is_ok());
    all.settle(long, money(70));
    all.book(&[record(long, &of("red"), at(NOON), 70)]);
    assert_eq!(all.view(at("2026-11-29T12:00:00Z"))[0].spent, money(90), "it weighs on no later window");
}

#[test]
fn that_the_gateway_is_at_its_end_is_not_said_to_be_want_of_money() {
    let fault = tg_kernel::fault::Fault::from(Exhausted::crowded(money(1)));
    assert_eq!((fault.class, fault.code), (tg_kernel::fault::Class::Overloaded, "holds_crowded"));
}
