//! Plans: every moment of a period once, and from the coarsest sums that do.

use super::{DAY_MICROS, Grain, HOUR_MICROS, Known, Plan, Wanted};
use crate::rollup::Level;
use proptest::prelude::*;

/// Some day of 2026.
const DAY: i64 = 20_700;

fn wanted(since: i64, until: i64) -> Wanted {
    Wanted { since, until, level: Level::Plain, is_hourly: false, is_particular: true }
}

fn hour(hours: i64) -> i64 {
    DAY * DAY_MICROS + hours * HOUR_MICROS
}

#[test]
fn whole_days_come_from_days_the_rest_of_hours_from_hours_and_only_parts_of_hours_from_rows() {
    let plan = Plan::of(wanted(hour(1) - 5, hour(50) + 7), &Known::default());
    let first = DAY * 24;
    assert_eq!(
        plan.cells,
        [
            (Grain::PlainHours, first + 1, first + 24),
            (Grain::PlainDays, DAY + 1, DAY + 2),
            (Grain::PlainHours, first + 48, first + 50),
        ]
    );
    assert_eq!(plan.rows, [(hour(1) - 5, hour(1)), (hour(50), hour(50) + 7)]);
    assert!(!plan.is_coarse);
}

#[test]
fn rows_that_are_not_in_the_sums_yet_are_read() {
    let known = Known { rolled_since: hour(25) + 1, ..Known::default() };
    let plan = Plan::of(wanted(0, i64::MAX), &known);
    assert_eq!(plan.rows, [(0, hour(26))]);
    assert_eq!(plan.cells[0], (Grain::PlainHours, DAY * 24 + 26, DAY * 24 + 48));
}

#[test]
fn folded_spans_are_read_finer_unless_team_and_ending_suffice() {
    let folded = [(Grain::PlainDays, DAY), (Grain::PlainHours, DAY * 24 + 3)];
    let known = Known { folded: folded.into(), ..Known::default() };
    let plan = Plan::of(wanted(hour(-24), hour(48)), &known);
    let first = DAY * 24;
    assert_eq!(
        plan.cells,
        [
            (Grain::PlainDays, DAY - 1, DAY),
            (Grain::PlainHours, first, first + 3),
            (Grain::PlainHours, first + 4, first + 24),
            (Grain::PlainDays, DAY + 1, DAY + 2),
        ]
    );
    assert_eq!(plan.rows, [(hour(3), hour(4))]);
    let by_team = Wanted { is_particular: false, ..wanted(hour(-24), hour(48)) };
    assert_eq!(Plan::of(by_team, &known).cells, [(Grain::PlainDays, DAY - 1, DAY + 2)]);
}

#[test]
fn where_rows_are_gone_hours_are_counted_whole_and_the_plan_says_so() {
    let known = Known { rows_since: hour(48), folded: [(Grain::PlainHours, DAY * 24 + 4)].into(), ..Known::default() };
    let plan = Plan::of(wanted(hour(2) + 1, hour(6) - 1), &known);
    let first = DAY * 24;
    assert_eq!(plan, Plan { cells: vec![(Grain::PlainHours, first + 2, first + 6)], rows: vec![], is_coarse: true });
    assert!(!Plan::of(wanted(hour(48) + 1, hour(50)), &known).is_coarse);
}

proptest! {
    #[test]
    fn every_moment_is_read_once(
        since in 0..200 * HOUR_MICROS,
        length in 0..200 * HOUR_MICROS,
        rolled in 0..300_i64,
        folded in prop::collection::btree_set((0..2_usize, 0..300_i64), 0..40),
        is_hourly: bool,
        is_particular: bool,
    ) {
        let (since, until) = (hour(0) + since, hour(0) + since + length);
        let folded = folded.into_iter().map(|(grain, at)| match grain {
            0 => (Grain::PlainHours, DAY * 24 + at),
            _ => (Grain::PlainDays, DAY + at / 24),
        });
        let known = Known { rolled_since: hour(rolled), rows_since: 0, folded: folded.collect() };
        let plan = Plan::of(Wanted { is_hourly, is_particular, ..wanted(since, until) }, &known);
        let cells = plan.cells.iter().map(|(grain, from, to)| (from * grain.micros(), to * grain.micros()));
        let mut spans: Vec<(i64, i64)> = cells.clone().chain(plan.rows.iter().copied()).collect();
        spans.sort_unstable();
        let mut next = since;
        for (from, to) in spans {
            prop_assert_eq!(from, next);
            next = to;
        }
        prop_assert_eq!(next, until);
        prop_assert!(cells.clone().all(|(from, _)| from >= known.rolled_since));
        for (grain, start) in known.folded.iter().filter(|_| is_particular) {
            let read = plan.cells.iter().any(|(g, from, to)| g == grain && from <= start && start < to);
            prop_assert!(!read);
        }
    }
}
