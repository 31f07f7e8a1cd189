//! Budgets in one process, held against what they promise.

use super::*;
use tg_kernel::calendar::Unit;
use tg_kernel::ids::CallId;
use tg_store::ledger::SpentRow;

mod bounds;
mod lasting;
mod model;
mod rows;
mod shares;

pub(super) use rows::record;

pub(super) const HOUR: i64 = 3_600;

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(super) fn money(nanos: i64) -> Money {
    Money::from_nanos(nanos)
}

pub(super) fn budget(name: &str, amount: i64) -> Budget {
    Budget {
        name: name.into(),
        scope: Scope::default(),
        each: Vec::new(),
        amount: money(amount),
        window: Window::Calendar(Unit::Month),
        zone: Zone::UTC,
        starts: None,
        warn_at: vec![50, 80, 100],
        on_exhausted: OnExhausted::Refuse,
        when_away: WhenAway::FailClosed,
        shortage: Shortage::Refuse,
        reserve: Reserve::Most,
    }
}

pub(super) fn of(team: &str) -> Attribution {
    Attribution { team: team.into(), key_id: "k".into(), ..Attribution::default() }
}

/// A ledger of rows, as the store sums it.
#[derive(Default)]
pub(super) struct Rows(pub(super) Vec<Record>);

impl Rows {
    pub(super) fn read(&self, query: &SpentQuery, each: &mut dyn FnMut(SpentRow)) -> Result<(), ()> {
        let within = |at: Timestamp| at >= query.since && query.until.is_none_or(|until| at < until);
        for row in self.0.iter().filter(|row| within(row.started_at)) {
            let hour = query.by.contains(&SpentBy::Hour);
            each(SpentRow {
                attribution: row.attribution.clone(),
                model: row.asked.model.clone(),
                hour: hour.then(|| Timestamp::from_seconds(row.started_at.seconds().div_euclid(HOUR) * HOUR)),
                cost: row.total_cost().amount,
            });
        }
        Ok(())
    }
}

pub(super) fn purses(budgets: Vec<Budget>, rows: &Rows, now: Timestamp) -> Purses {
    let purses = Purses::default();
    purses.propose(Arc::new(Budgets::new(budgets)));
    purses.load(now, |query, each| rows.read(query, each)).unwrap();
    purses
}

/// Reserves for team `team`, model `m`.
pub(super) fn reserve(purses: &Purses, team: &str, now: Timestamp, worst: i64) -> Result<CallId, Box<Exhausted>> {
    let (id, booked) = (CallId::fresh(), of(team));
    purses.reserve(id, &Payer { attribution: &booked, model: "m" }, now, &Want::fixed(money(worst))).map(|_| id)
}

/// A whole call.
fn spend(purses: &Purses, team: &str, now: Timestamp, cost: i64) {
    let id = reserve(purses, team, now, cost).unwrap();
    purses.settle(id, money(cost));
    purses.book(&[record(id, &of(team), now, cost)]);
}

fn message(refused: Exhausted) -> String {
    tg_kernel::fault::Fault::from(refused).message.to_string()
}

const NOON: &str = "2026-11-26T12:00:00Z";

#[test]
fn what_is_held_and_what_is_spent_never_pass_the_amount_together() {
    let purses = purses(vec![budget("b", 100)], &Rows::default(), at(NOON));
    let first = reserve(&purses, "red", at(NOON), 60).unwrap();
    assert_eq!(reserve(&purses, "red", at(NOON), 41).unwrap_err().left, money(40));
    let second = reserve(&purses, "red", at(NOON), 40).unwrap();
    purses.settle(first, money(10));
    assert_eq!(reserve(&purses, "red", at(NOON), 51).unwrap_err().left, money(50), "the rest came back at once");
    purses.book(&[record(first, &of("red"), at(NOON), 10)]);
    let view = &purses.view(at(NOON))[0];
    assert_eq!((view.spent, view.held, view.left()), (money(10), money(40), money(50)));
    purses.settle(second, Money::ZERO);
    assert_eq!(purses.view(at(NOON))[0].held, Money::ZERO, "what cost nothing holds nothing");
}

#[test]
fn settling_twice_changes_nothing() {
    let purses = purses(vec![budget("b", 100)], &Rows::default(), at(NOON));
    let id = reserve(&purses, "red", at(NOON), 60).unwrap();
    purses.settle(id, money(10));
    purses.settle(id, money(10));
    assert_eq!(purses.view(at(NOON))[0].held, money(10));
    purses.book(&[record(id, &of("red"), at(NOON), 10)]);
    purses.settle(id, money(10));
    let view = &purses.view(at(NOON))[0];
    assert_eq!((view.spent, view.held), (money(10), Money::ZERO));
}

#[test]
fn all_budgets_of_a_call_are_taken_from_or_none() {
    let parent = budget("organisation", 100);
    let child = Budget { scope: Scope { team: Some("red".into()), ..Scope::default() }, ..budget("red", 30) };
    let purses = purses(vec![parent, child], &Rows::default(), at(NOON));
    assert_eq!(&*reserve(&purses, "red", at(NOON), 31).unwrap_err().budget, "red");
    assert!(purses.view(at(NOON)).iter().all(|purse| purse.held == Money::ZERO));
    reserve(&purses, "blue", at(NOON), 80).unwrap();
    assert_eq!(&*reserve(&purses, "red", at(NOON), 30).unwrap_err().budget, "organisation");
    reserve(&purses, "red", at(NOON), 20).unwrap();
}

#[test]
fn each_value_has_a_purse_of_its_own_with_a_key_that_every_process_makes_alike() {
    let each = Budget { each: vec![Dimension::Team, Dimension::Tag("user".into())], ..budget("b", 10) };
    let budgets = Budgets::new(vec![each]);
    let mut booked = of("red");
    booked.tags = vec!["user=ä/*".to_owned()];
    let asks = budgets.asks(&Payer { attribution: &booked, model: "m" }, at(NOON), &[]);
    assert_eq!(asks[0].key, format!("b~{}/red/red:%C3%A4%2F%2A@1793491200", budgets.digests[0]));
    assert_eq!(asks[0].together, format!("b~{}/*@1793491200", budgets.digests[0]));
    assert_eq!(budgets.digests[0].len(), 12);
}

/// Gateways of two versions that share a store count in one purse.
#[test]
fn a_budget_is_called_as_it_was_before_models_had_other_names() {
    let one = budget("b", 1);
    assert_eq!(digest(&one), "dfe647f3ecd9");
    let scope = Scope { aliases: vec!["best".to_owned()], ..Scope::default() };
    assert_ne!(digest(&Budget { scope, ..one }), "dfe647f3ecd9", "for other calls it is another");
}

/// field.md §14 B 7: resets that do not fire, or at the wrong time.
#[test]
fn a_window_rolls_over_at_midnight_in_its_zone_and_not_at_midnight_in_utc() {
    let berlin =
        Budget { window: Window::Calendar(Unit::Day), zone: Zone::named("Europe/Berlin").unwrap(), ..budget("b", 100) };
    let purses = purses(vec![berlin], &Rows::default(), at("2026-10-25T10:00:00Z"));
    // The day of 25 hours: from 22:00 UTC to 23:00 UTC.
    spend(&purses, "red", at("2026-10-24T22:00:00Z"), 60);
    spend(&purses, "red", at("2026-10-25T22:59:59Z"), 40);
    let refused = reserve(&purses, "red", at("2026-10-25T22:59:59Z"), 1).unwrap_err();
    assert!(message(*refused).contains("opens again on 2026-10-26 00:00 Europe/Berlin"));
    spend(&purses, "red", at("2026-10-25T23:00:00Z"), 100);
    // The day of 23 hours.
    spend(&purses, "red", at("2027-03-27T23:00:00Z"), 100);
    assert!(reserve(&purses, "red", at("2027-03-28T21:59:59Z"), 1).is_err());
    reserve(&purses, "red", at("2027-03-28T22:00:00Z"), 1).unwrap();
}

#[test]
fn a_clock_that_goes_back_opens_no_window_again() {
    let daily = Budget { window: Window::Calendar(Unit::Day), ..budget("b", 100) };
    let purses = purses(vec![daily], &Rows::default(), at("2026-11-26T23:59:00Z"));
    spend(&purses, "red", at("2026-11-26T23:59:00Z"), 90);
    spend(&purses, "red", at("2026-11-27T00:00:00Z"), 50);
    let refused = reserve(&purses, "red", at("2026-11-26T23:59:30Z"), 11).unwrap_err();
    assert_eq!(refused.left, money(10), "yesterday is remembered");
    spend(&purses, "red", at("2026-11-28T00:00:00Z"), 10);
    let refused = reserve(&purses, "red", at("2026-11-26T12:00:00Z"), 51).unwrap_err();
    assert_eq!(
        refused.left,
        money(50),
        "what was left behind is not begun anew: the oldest that is known stands for it"
    );
    // A clock that is far ahead for a moment.
    spend(&purses, "red", at("2031-01-01T00:00:00Z"), 100);
    assert_eq!(reserve(&purses, "red", at("2026-11-28T00:00:01Z"), 91).unwrap_err().left, money(90));
}

#[test]
fn what_a_call_of_a_window_left_behind_holds_weighs_on_no_later_one() {
    let daily = |amount| Budget { window: Window::Calendar(Unit::Day), ..budget("b", amount) };
    let purses = purses(vec![daily(100)], &Rows::default(), at(NOON));
    let old = reserve(&purses, "red", at(NOON), 90).unwrap();
    for day in ["2026-11-27T12:00:00Z", "2026-11-28T12:00:00Z"] {
        spend(&purses, "red", at(day), 10);
    }
    purses.propose(Arc::new(Budgets::new(vec![daily(50)])));
    assert_eq!(reserve(&purses, "red", at("2026-11-27T13:00:00Z"), 41).unwrap_err().left, money(40));
    purses.settle(old, money(90));
    purses.book(&[record(old, &of("red"), at(NOON), 90)]);
    assert_eq!(reserve(&purses, "red", at("2026-11-27T13:00:00Z"), 41).unwrap_err().left, money(40));
}

#[test]
fn a_rolling_window_gives_back_what_has_grown_old_and_nothing_before() {
    let rolling = Budget { window: Window::Rolling(24), ..budget("b", 100) };
    let purses = purses(vec![rolling], &Rows::default(), at(NOON));
    spend(&purses, "red", at("2026-11-26T12:59:59Z"), 70);
    spend(&purses, "red", at("2026-11-26T20:00:00Z"), 30);
    let refused = reserve(&purses, "red", at("2026-11-27T12:59:59Z"), 50).unwrap_err();
    assert!(message(*refused).contains("room for such a call on 2026-11-27 13:00 UTC"));
    reserve(&purses, "red", at("2026-11-27T13:00:00Z"), 70).unwrap();
    assert!(reserve(&purses, "red", at("2026-11-26T21:00:00Z"), 1).is_err(), "nor does a clock that goes back");
}

#[test]
fn prepaid_money_counts_from_its_start_and_never_fills_up_by_itself() {
    let starts = Some(at("2026-11-20T00:00:00Z"));
    let prepaid = Budget { window: Window::Prepaid, starts, ..budget("b", 100) };
    let old = Rows(vec![
        record(CallId::fresh(), &of("red"), at("2026-11-19T23:59:59Z"), 1_000),
        record(CallId::fresh(), &of("red"), at("2026-11-20T00:00:00Z"), 60),
    ]);
    let purses = purses(vec![prepaid], &old, at(NOON));
    let refused = reserve(&purses, "red", at("2029-11-26T12:00:00Z"), 41).unwrap_err();
    assert_eq!(refused.left, money(40));
    assert!(message(*refused).contains("prepaid, and is not filled up by itself"));
    let before = reserve(&purses, "red", at("2026-11-19T00:00:00Z"), 1_000);
    assert!(before.is_ok(), "what comes before is not bounded");
}

#[test]
fn a_restart_keeps_what_is_spent_and_a_changed_amount_holds_at_once() {
    let rows = Rows(vec![record(CallId::fresh(), &of("red"), at("2026-11-01T00:00:00Z"), 90)]);
    let purses = purses(vec![budget("b", 100)], &rows, at(NOON));
    assert_eq!(reserve(&purses, "red", at(NOON), 11).unwrap_err().left, money(10));
    purses.propose(Arc::new(Budgets::new(vec![budget("b", 200)])));
    assert!(!purses.is_waiting(), "nothing is to be read for another amount");
    let id = reserve(&purses, "red", at(NOON), 110).unwrap();
    purses.propose(Arc::new(Budgets::new(vec![budget("b", 50)])));
    assert_eq!(reserve(&purses, "red", at(NOON), 1).unwrap_err().left, Money::ZERO);
    assert_eq!(purses.view(at(NOON))[0].held, money(110));
    purses.settle(id, Money::ZERO);
}

#[test]
fn a_budget_that_comes_with_a_reload_counts_what_was_spent_and_what_is_under_way() {
    let mut rows = Rows::default();
    let purses = purses(vec![budget("all", 1_000)], &rows, at(NOON));
    let id = reserve(&purses, "red", at(NOON), 60).unwrap();
    rows.0.push(record(CallId::fresh(), &of("red"), at(NOON), 10));
    let red = Budget { each: vec![Dimension::Team], ..budget("teams", 100) };
    purses.propose(Arc::new(Budgets::new(vec![red])));
    assert!(purses.is_waiting());
    reserve(&purses, "red", at(NOON), 500).map(|id| purses.settle(id, Money::ZERO)).unwrap();
    purses.load(at(NOON), |query, each| rows.read(query, each)).unwrap();
    assert_eq!(reserve(&purses, "red", at(NOON), 31).unwrap_err().left, money(30));
    purses.settle(id, money(20));
    purses.book(&[record(id, &of("red"), at(NOON), 20)]);
    let view = &purses.view(at(NOON))[0];
    assert_eq!((view.spent, view.held), (money(30), Money::ZERO));
}

#[test]
fn a_hold_is_raised_for_a_dearer_try_or_stays_as_it_was() {
    let purses = purses(vec![budget("b", 100)], &Rows::default(), at(NOON));
    let id = reserve(&purses, "red", at(NOON), 40).unwrap();
    purses.raise(id, &Want::fixed(money(70))).unwrap();
    purses.raise(id, &Want::fixed(money(50))).unwrap();
    assert_eq!(purses.view(at(NOON))[0].held, money(70));
    let refused = purses.raise(id, &Want::fixed(money(101))).unwrap_err();
    assert_eq!((refused.left, refused.worst), (money(100), money(101)));
    assert_eq!(purses.view(at(NOON))[0].held, money(70));
}

#[test]
fn thresholds_and_exhaustion_are_told_once_in_each_window() {
    let budgets = || {
        let quiet = Budget { on_exhausted: OnExhausted::AllowAndAlert, warn_at: Vec::new(), ..budget("quiet", 10) };
        vec![budget("b", 100), quiet]
    };
    let purses = purses(budgets(), &Rows::default(), at(NOON));
    let told = |purses: &Purses| -> Vec<String> {
        let (notices, lost) = purses.take_notices();
        assert_eq!(lost, 0);
        notices.iter().map(|notice| format!("{} {}", notice.budget, notice.kind.name())).collect()
    };
    spend(&purses, "red", at(NOON), 49);
    assert_eq!(told(&purses), ["quiet exhausted"], "and the call passes");
    spend(&purses, "red", at(NOON), 40);
    assert_eq!(told(&purses), ["b 50%", "b 80%"]);
    spend(&purses, "red", at(NOON), 11);
    assert_eq!(told(&purses), ["b 100%"]);
    assert!(reserve(&purses, "red", at(NOON), 1).is_err());
    assert!(reserve(&purses, "red", at(NOON), 1).is_err());
    assert_eq!(told(&purses), ["b exhausted"]);
    let figures = purses.figures(at(NOON));
    assert_eq!((figures[0].refused, figures[0].notices, figures[1].notices), (2, 4, 1));
    spend(&purses, "red", at("2026-12-01T00:00:00Z"), 50);
    assert_eq!(told(&purses), ["quiet exhausted", "b 50%"]);
}

#[test]
fn a_budget_that_names_a_cheaper_model_says_which_unless_another_one_refuses() {
    let cheaper = Budget { on_exhausted: OnExhausted::Downgrade("small".into()), ..budget("cheaper", 10) };
    let rows = Rows::default();
    let alone = purses(vec![cheaper.clone()], &rows, at(NOON));
    assert_eq!(reserve(&alone, "red", at(NOON), 11).unwrap_err().downgrade.as_deref(), Some("small"));
    let both = purses(vec![cheaper, budget("hard", 5)], &rows, at(NOON));
    let refused = reserve(&both, "red", at(NOON), 11).unwrap_err();
    assert_eq!((&*refused.budget, refused.downgrade), ("hard", None));
}

/// A cap is not lost by there being too many values.
#[test]
fn values_beyond_the_most_that_are_counted_apart_share_one_purse() {
    let each = Budget { each: vec![Dimension::Team], ..budget("b", 10) };
    let purses = purses(vec![each], &Rows::default(), at(NOON));
    for number in 0..1 << 15 {
        spend(&purses, &format!("t{number}"), at(NOON), 1);
    }
    spend(&purses, "one", at(NOON), 6);
    let refused = reserve(&purses, "other", at(NOON), 5).unwrap_err();
    assert_eq!(refused.left, money(4));
    assert!(message(*refused).contains("of team '*'"));
    assert_eq!(reserve(&purses, "t7", at(NOON), 10).unwrap_err().left, money(9), "those that were there keep theirs");
    let figures = &purses.figures(at(NOON))[0];
    assert_eq!((figures.purses, figures.spent), ((1 << 15) + 1, money((1 << 15) + 6)));
}
