//! That what is said to be saved is what is saved, as far as a part of all requests can tell.

use super::super::tests::{call, with_repeats};
use super::*;
use proptest::prelude::*;
use tg_kernel::decided::Decided;

/// Numbers that look like chance, the same each time.
struct Dice(u64);

impl Dice {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

#[test]
fn the_true_saving_lies_in_the_range_nineteen_times_of_twenty() {
    let (mut dice, mut within, mut mean) = (Dice(7), 0, 0_u128);
    // Requests that are repeated up to thirty times, at some cost each.
    let requests: Vec<(u32, u128)> =
        (0..1_500).map(|_| (dice.draw() as u32 % 31, u128::from(dice.draw() % 900 + 100))).collect();
    let truth: u128 = requests.iter().map(|(repeats, cost)| u128::from(*repeats) * cost).sum();
    for _ in 0..400 {
        let mut hits = Hits::default();
        for (repeats, cost) in &requests {
            if dice.draw() % 8 == 0 {
                (1..=*repeats).for_each(|times| hits.take(*cost, &Repeat { one_in: 8, times, ..Repeat::default() }));
            }
        }
        mean += hits.all;
        let [low, high] = hits.range();
        within += u32::from(low <= truth && truth <= high);
    }
    assert!((mean / 400).abs_diff(truth) * 100 <= truth, "{} / {truth}", mean / 400);
    assert!((370..=395).contains(&within), "{within} of 400");
}

proptest! {
    #[test]
    fn what_was_seen_is_sure_and_where_all_requests_are_looked_at_so_is_the_sum(
        calls in prop::collection::vec((0..u64::MAX / 4, 1..40_u32), 0..40), one_in in 1..1_000_u32,
    ) {
        let mut hits = Hits::default();
        for (cost, times) in &calls {
            hits.take(u128::from(*cost), &Repeat { one_in, times: *times, ..Repeat::default() });
        }
        let seen: u128 = calls.iter().map(|(cost, _)| u128::from(*cost)).sum();
        let [low, high] = hits.range();
        prop_assert!(low >= seen && low <= hits.all && hits.all <= high);
        prop_assert_eq!((hits.seen, hits.all), (seen, seen * u128::from(one_in)));
        if one_in == 1 {
            prop_assert_eq!((low, high), (seen, seen));
        }
    }
}

/// A call of a team that was looked at, and what a cache would have done.
fn looked_at(team: &str, determined: bool, times: u32, [hour, day]: [Option<u32>; 2]) -> Record {
    let repeat = Repeat { one_in: 8, determined, times, within_hour_s: hour, within_day_s: day };
    let mut call = call(team, "roc-grand-4", 1_000, 3);
    call.cost.amount = Money::from_nanos(1_000);
    call.decided = Some(Box::new(Decided { repeat: Some(repeat), ..Decided::default() }));
    call
}

fn advised(rows: &[Record]) -> Vec<Advice> {
    let mut repeats = Repeats::default();
    rows.iter().for_each(|row| repeats.take(row));
    with_repeats(&repeats, advice)
}

const NEVER: [Option<u32>; 2] = [None, None];
const HOUR: [Option<u32>; 2] = [Some(60), Some(60)];
const DAY: [Option<u32>; 2] = [None, Some(7_200)];

fn rows(determined: bool, of: [(usize, [Option<u32>; 2]); 3]) -> Vec<Record> {
    let rows = of.iter().flat_map(|(calls, ages)| std::iter::repeat_n(*ages, *calls));
    rows.map(|ages| looked_at("faq", determined, u32::from(ages[1].is_some()), ages)).collect()
}

#[test]
fn a_rule_is_advised_with_its_saving_by_what_was_seen() {
    let all = advised(&rows(true, [(60, NEVER), (40, HOUR), (4, DAY)]));
    let [only] = all.as_slice() else { panic!("{all:#?}") };
    assert_eq!((only.kind, only.risk, only.subject.as_str()), (Kind::ResponseCache, Risk::Low, "best"));
    let saving = only.saving.unwrap();
    // Forty calls at 1000 nano-dollars, of which each stands for eight; ten days were seen.
    assert_eq!((saving.period.nanos(), saving.month.nanos()), (320_000, 960_000));
    // Of 8 × 7 × 40 squares the root is 47.3 (thousands), and 1.96 of it 92.8; three times in a month.
    let off = 3 * 92_762;
    let [low, high] = saving.range.unwrap().map(Money::nanos);
    assert!((low - (960_000 - off)).abs() < 30 && (high - (960_000 + off)).abs() < 30, "{low} {high}");
    assert!(only.evidence.starts_with("40 of 104 calls looked at asked for what"), "{}", only.evidence);
    let rule = |ttl, only_deterministic| {
        Some(Addition::Cache { team: "faq".to_owned(), model: "best".to_owned(), ttl, only_deterministic })
    };
    assert_eq!(only.addition, rule("1h", true));
    // Where most of it is a day old, a day; where temperatures are usual, with the risk of that.
    let daily = advised(&rows(true, [(60, NEVER), (10, HOUR), (30, DAY)]));
    assert_eq!(daily[0].addition, rule("1d", true));
    let warm = advised(&rows(false, [(60, NEVER), (40, HOUR), (0, DAY)]));
    assert_eq!((warm[0].risk, &warm[0].addition), (Risk::Medium, &rule("1h", false)));
    let mixed = [rows(true, [(60, NEVER), (30, HOUR), (0, DAY)]), rows(false, [(0, NEVER), (20, HOUR), (0, DAY)])];
    let mixed = advised(&mixed.concat());
    assert_eq!((&mixed[0].addition, mixed[0].saving.unwrap().period.nanos()), (&rule("1h", true), 240_000));
}

#[test]
fn few_calls_few_repeats_and_calls_of_nobody_are_not_advised_on() {
    for rows in [
        rows(true, [(0, NEVER), (49, HOUR), (0, DAY)]),
        rows(true, [(60, NEVER), (9, HOUR), (0, DAY)]),
        rows(true, [(1_000, NEVER), (40, HOUR), (0, DAY)]),
        (0..60).map(|_| looked_at("", true, 1, HOUR)).collect(),
        (0..60).map(|_| call("faq", "roc-grand-4", 1_000, 3)).collect(),
    ] {
        assert_eq!(advised(&rows), [], "{} rows", rows.len());
    }
    let copies = rows(true, [(0, NEVER), (60, HOUR), (0, DAY)]).into_iter().map(|mut row| {
        row.decided.as_mut().unwrap().purpose = Some(tg_kernel::decided::Purpose::Mirror);
        row
    });
    assert_eq!(advised(&copies.collect::<Vec<_>>()), []);
}
