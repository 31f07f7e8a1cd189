//! Forecasts of budgets whose future is known.

use super::{Basis, Ends, Forecast, Spending, forecast};
use proptest::prelude::*;
use tg_kernel::calendar::Zone;
use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;

const DOLLAR: i64 = 1_000_000_000;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn hours(from: &str, count: i64, cost: impl Fn(Timestamp) -> i64) -> Vec<(Timestamp, Money)> {
    let from = at(from).seconds();
    let hours = (0..count).map(|n| Timestamp::from_seconds(from + n * 3600));
    hours.map(|hour| (hour, Money::from_nanos(cost(hour)))).collect()
}

fn asked(
    since: &str,
    now: &str,
    end: Option<&str>,
    dollars: (i64, i64),
    hours: &[(Timestamp, Money)],
) -> Option<Forecast> {
    forecast(&Spending {
        now: at(now),
        ends: end.map_or(Ends::Never, |end| Ends::At(at(end))),
        limit: Money::from_nanos(dollars.0 * DOLLAR),
        spent: Money::from_nanos(dollars.1 * DOLLAR),
        history_since: at(since),
        hours,
        zone: &Zone::UTC,
    })
}

#[test]
fn an_even_rate_runs_out_on_the_day_and_hour() {
    // Tuesday noon, a dollar an hour, 50 left: Thursday, 14:00.
    let spent = hours("2026-11-20T00:00:00Z", 108, |_| DOLLAR);
    let found = asked("2026-11-20T00:00:00Z", "2026-11-24T12:00:00Z", Some("2026-12-01T00:00:00Z"), (500, 450), &spent);
    let found = found.unwrap();
    assert_eq!((found.basis, found.per_day), (Basis::Days, Money::from_nanos(24 * DOLLAR)));
    assert_eq!(found.runs_out.expected, Some(at("2026-11-26T14:00:00Z")));
    assert_eq!(found.in_words(&Zone::UTC, at("2026-11-24T12:00:00Z")), "runs out Thu 2026-11-26 about 14:00");
    assert_eq!(found.at_end.unwrap().expected, Money::from_nanos((450 + 12 + 6 * 24) * DOLLAR));
    // All days were alike, so there is no doubt.
    assert_eq!(found.runs_out.low, found.runs_out.high);
}

#[test]
fn quiet_weekends_are_expected_to_be_quiet() {
    let weekend = |hour: Timestamp| matches!(hour.seconds().div_euclid(86_400).rem_euclid(7), 2 | 3);
    let spent = hours("2026-11-02T00:00:00Z", 26 * 24, |hour| if weekend(hour) { 0 } else { DOLLAR });
    // Saturday morning: nothing until Monday, when 12 hours use the last 12 dollars.
    let found = asked("2026-11-02T00:00:00Z", "2026-11-28T00:00:00Z", Some("2026-12-02T00:00:00Z"), (500, 488), &spent);
    let found = found.unwrap();
    assert_eq!((found.basis, found.runs_out.expected), (Basis::Weekdays, Some(at("2026-11-30T12:00:00Z"))));
    assert_eq!(found.at_end.unwrap().expected, Money::from_nanos((488 + 48) * DOLLAR));
}

#[test]
fn uneven_days_give_an_interval_around_what_is_expected() {
    let dear = |hour: Timestamp| hour.seconds().div_euclid(86_400) % 2 == 0;
    let spent = hours("2026-11-10T00:00:00Z", 10 * 24, |hour| if dear(hour) { 3 * DOLLAR } else { DOLLAR });
    let found = asked("2026-11-10T00:00:00Z", "2026-11-20T00:00:00Z", None, (480, 0), &spent).unwrap();
    let (low, expected, high) =
        (found.runs_out.low.unwrap(), found.runs_out.expected.unwrap(), found.runs_out.high.unwrap());
    assert_eq!(expected, at("2026-11-30T00:00:00Z"));
    assert!(high < expected && expected < low, "{found:?}");
    assert_eq!(found.at_end, None);
}

#[test]
fn a_budget_that_lasts_says_so() {
    let spent = hours("2026-11-20T00:00:00Z", 96, |_| DOLLAR / 100);
    let found = asked("2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z", Some("2026-12-01T00:00:00Z"), (500, 1), &spent);
    assert_eq!(found.unwrap().in_words(&Zone::UTC, at("2026-11-24T00:00:00Z")), "lasts");
    let nothing = asked("2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z", None, (500, 1), &[]).unwrap();
    assert_eq!((nothing.per_day, nothing.runs_out.high), (Money::ZERO, None));
}

#[test]
fn a_young_history_counts_by_the_hour_and_is_wide() {
    let spent = hours("2026-11-24T00:00:00Z", 6, |_| DOLLAR);
    let found = asked("2026-11-24T00:00:00Z", "2026-11-24T06:00:00Z", None, (30, 6), &spent).unwrap();
    assert_eq!((found.basis, found.runs_out.expected), (Basis::Hours, Some(at("2026-11-25T06:00:00Z"))));
    assert_eq!(found.runs_out.high, Some(at("2026-11-24T18:00:00Z")));
    assert_eq!(found.runs_out.low, Some(at("2026-11-26T06:00:00Z")));
    assert_eq!(asked("2026-11-24T05:30:00Z", "2026-11-24T06:00:00Z", None, (30, 6), &spent), None);
}

#[test]
fn a_day_of_hours_that_begins_within_one_is_not_overrated() {
    let mut spent = hours("2026-11-24T00:00:00Z", 31, |_| DOLLAR);
    // Half past six: half of the last hour is spent.
    spent[30].1 = Money::from_nanos(DOLLAR / 2);
    let found = asked("2026-11-24T00:00:00Z", "2026-11-25T06:30:00Z", None, (100, 31), &spent).unwrap();
    assert_eq!((found.basis, found.per_day), (Basis::Hours, Money::from_nanos(24 * DOLLAR)));
}

#[test]
fn what_is_spent_already_is_out_now() {
    let spent = hours("2026-11-20T00:00:00Z", 96, |_| DOLLAR);
    let found = asked("2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z", Some("2026-12-01T00:00:00Z"), (96, 96), &spent);
    let (found, now) = (found.unwrap(), at("2026-11-24T00:00:00Z"));
    assert_eq!((found.runs_out.expected, found.in_words(&Zone::UTC, now)), (Some(now), "is spent".to_owned()));
}

#[test]
fn hours_are_those_of_the_budgets_own_clock() {
    let spent = hours("2026-11-20T00:00:00Z", 108, |_| DOLLAR);
    let now = at("2026-11-24T12:00:00Z");
    let found = asked("2026-11-20T00:00:00Z", "2026-11-24T12:00:00Z", Some("2026-12-01T00:00:00Z"), (500, 450), &spent);
    let berlin = Zone::named("Europe/Berlin").unwrap();
    assert_eq!(found.unwrap().in_words(&berlin, now), "runs out Thu 2026-11-26 about 15:00");
}

/// A rolling budget of a day, at 00:00 on Tuesday, with this history since Friday.
fn rolling(limit: i64, spent: i64, hours: &[(Timestamp, Money)]) -> Forecast {
    forecast(&Spending {
        now: at("2026-11-24T00:00:00Z"),
        ends: Ends::Hours(24),
        limit: Money::from_nanos(limit * DOLLAR),
        spent: Money::from_nanos(spent * DOLLAR),
        history_since: at("2026-11-20T00:00:00Z"),
        hours,
        zone: &Zone::UTC,
    })
    .unwrap()
}

#[test]
fn a_rolling_budget_forgets_what_it_spent() {
    let even = hours("2026-11-20T00:00:00Z", 96, |_| DOLLAR);
    // A dollar an hour, of which 24 whole hours and this one count: 25 at most, so 26 last and 25 do not.
    assert_eq!(rolling(26, 24, &even).runs_out.expected, None);
    assert_eq!(rolling(26, 24, &even).at_end, None);
    assert_eq!(rolling(25, 24, &even).runs_out.expected, Some(at("2026-11-24T01:00:00Z")));
    // A dear hour yesterday evening, at 23:00, counts until the next midnight.
    let last = at("2026-11-23T23:00:00Z");
    let mut dear = hours("2026-11-20T00:00:00Z", 96, |_| DOLLAR);
    for (hour, cost) in &mut dear {
        if *hour == last {
            *cost = Money::from_nanos(25 * DOLLAR);
        }
    }
    // 30 dollars a day on the average of four days: 1.25 an hour, and each hour forgets a dollar.
    let found = rolling(60, 48, &dear);
    assert_eq!(found.per_day, Money::from_nanos(30 * DOLLAR));
    assert_eq!(found.runs_out.expected, None, "the dear hour is forgotten before the limit is reached");
    assert!(rolling(53, 48, &dear).runs_out.expected.unwrap() < at("2026-11-25T00:00:00Z"));
}

proptest! {
    #[test]
    fn bounds_are_in_order(costs in proptest::collection::vec(0..1_000_i64, 48..700), limit in 1..5_000_i64) {
        let count = i64::try_from(costs.len()).unwrap();
        let spent: Vec<_> = hours("2026-10-01T00:00:00Z", count, |_| 0)
            .into_iter()
            .zip(&costs)
            .map(|((hour, _), cost)| (hour, Money::from_nanos(cost * DOLLAR / 100)))
            .collect();
        let now = at("2026-10-01T00:00:00Z").seconds() + count * 3600;
        let found = forecast(&Spending {
            now: Timestamp::from_seconds(now),
            ends: Ends::At(Timestamp::from_seconds(now + 30 * 86_400)),
            limit: Money::from_nanos(limit * DOLLAR),
            spent: Money::ZERO,
            history_since: at("2026-10-01T00:00:00Z"),
            hours: &spent,
            zone: &Zone::UTC,
        });
        let found = found.unwrap();
        let end = found.at_end.unwrap();
        prop_assert!(end.low <= end.expected && end.expected <= end.high);
        let late = |at: Option<Timestamp>| at.map_or(i64::MAX, Timestamp::micros);
        prop_assert!(late(found.runs_out.high) <= late(found.runs_out.expected));
        prop_assert!(late(found.runs_out.expected) <= late(found.runs_out.low));
    }
}
