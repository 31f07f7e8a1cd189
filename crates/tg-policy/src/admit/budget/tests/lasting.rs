//! What outlives a window, a clock or a configuration: holds, and the purses of rolling budgets.

use super::*;

/// Money that is spent before the earliest window that is known comes out of that window.
#[test]
fn what_a_clock_that_went_back_spends_is_counted() {
    let daily = || vec![Budget { window: Window::Calendar(Unit::Day), ..budget("b", 100) }];
    let purses = purses(daily(), &Rows::default(), at(NOON));
    for round in 1..=4 {
        spend(&purses, "red", at("2026-11-20T12:00:00Z"), 20);
        assert_eq!(purses.view(at(NOON))[0].spent, money(20 * round), "it is not for nothing");
    }
    let id = reserve(&purses, "red", at("2026-11-20T12:00:00Z"), 20).unwrap();
    purses.propose(Arc::new(Budgets::new(daily())));
    assert_eq!(purses.view(at(NOON))[0].held, money(20), "nor does a reload forget it");
    assert!(reserve(&purses, "red", at("2026-11-20T12:00:00Z"), 1).is_err());
    purses.settle(id, money(20));
    purses.book(&[record(id, &of("red"), at("2026-11-20T12:00:00Z"), 20)]);
    assert!(reserve(&purses, "red", at(NOON), 1).is_err());
    assert_eq!(purses.view(at(NOON))[0].spent, money(100));
}

#[test]
fn calls_that_end_while_there_is_no_budget_hold_nothing_of_one_that_comes_later() {
    let (rows, none) = (Rows::default(), || Arc::new(Budgets::default()));
    let purses = purses(vec![budget("b", 100)], &rows, at(NOON));
    let (free, paid) = (reserve(&purses, "red", at(NOON), 40).unwrap(), reserve(&purses, "red", at(NOON), 40).unwrap());
    purses.propose(none());
    assert!(!purses.is_idle(), "two calls hold something");
    purses.settle(free, Money::ZERO);
    purses.settle(paid, money(5));
    purses.book(&[record(paid, &of("red"), at(NOON), 5)]);
    assert!(purses.is_idle());
    purses.propose(Arc::new(Budgets::new(vec![budget("b", 100)])));
    purses.load(at(NOON), |query, each| rows.read(query, each)).unwrap();
    assert_eq!(purses.view(at(NOON))[0].held, Money::ZERO);
    reserve(&purses, "red", at(NOON), 100).unwrap();
}

/// A surge of values does not make all that come later share one amount for good.
#[test]
fn purses_of_a_rolling_budget_make_room_when_what_was_spent_has_grown_old() {
    let rolling = Budget { window: Window::Rolling(24), each: vec![Dimension::Team], ..budget("b", 10) };
    let purses = purses(vec![rolling], &Rows::default(), at(NOON));
    for number in 0..1 << 15 {
        spend(&purses, &format!("t{number}"), at(NOON), 8);
    }
    spend(&purses, "one", at(NOON), 6);
    assert_eq!(reserve(&purses, "other", at(NOON), 5).unwrap_err().left, money(4), "they share");
    // A day and the two for which clocks may go back.
    let late = "2026-11-29T13:00:00Z";
    spend(&purses, "two", at("2026-11-29T11:00:00Z"), 6);
    spend(&purses, "other", at(late), 9);
    spend(&purses, "another", at(late), 9);
    assert_eq!(reserve(&purses, "two", at(late), 5).unwrap_err().left, money(4), "what it spent still counts");
    let figures = &purses.figures(at(late))[0];
    assert_eq!((figures.purses, figures.spent), (3, money(24)));
}

#[test]
fn a_rolling_budget_that_is_overspent_says_when_there_is_room_and_no_sooner() {
    let rolling = |amount| vec![Budget { window: Window::Rolling(24), ..budget("b", amount) }];
    let purses = purses(rolling(100), &Rows::default(), at(NOON));
    spend(&purses, "red", at("2026-11-26T12:00:00Z"), 30);
    spend(&purses, "red", at("2026-11-26T20:00:00Z"), 70);
    purses.propose(Arc::new(Budgets::new(rolling(40))));
    let refused = reserve(&purses, "red", at("2026-11-26T21:00:00Z"), 10).unwrap_err();
    assert_eq!(refused.left, Money::ZERO);
    assert!(message(*refused).contains("room for such a call on 2026-11-27 21:00 UTC"));
}
