//! Commitments in exports: what is billed by the hour, and what calls and idle hours have of it, is the same sum.

use crate::focus::{check, csv, sum};
use crate::rows::record;
use proptest::prelude::*;
use std::collections::BTreeMap;
use tg_finops::decimal::Decimal;
use tg_finops::focus::{Amortisation, Charge, ChargeKey, Committed, Export, Kind};
use tg_kernel::clock::Timestamp;
use tg_kernel::commitment::{Commitment, CommitmentRate};
use tg_kernel::ids::CallId;
use tg_kernel::rates::{RateSheet, UnitPrice};
use tg_kernel::record::{Cost, Pricing, Record};
use tg_kernel::units::Money;
use tg_kernel::usage::Usage;

const DOLLAR: i64 = 1_000_000_000;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Two of it, three dollars each an hour, from 03:00 to 06:00.
fn committed(rate: i64) -> Committed {
    let commitment = Commitment {
        name: "pt-1".into(),
        provider: "bedrock".into(),
        sku: Some("*ProvisionedThroughput*".into()),
        rate: CommitmentRate::Hourly(Money::from_nanos(rate)),
        quantity: 2,
        from: at("2026-11-24T03:00:00Z"),
        until: Some(at("2026-11-24T06:00:00Z")),
    };
    Committed { commitment, vendor: "bedrock".into() }
}

/// A call of so many input tokens, a dollar for a million of them, under the commitment or not.
fn call(second: i64, team: &str, tokens: u64, is_committed: bool) -> Record {
    let usage = Usage { input_tokens: tokens, ..Usage::default() };
    let contracted = if is_committed { 0 } else { 1_000_000 };
    let sheet = RateSheet::of(|_| Some(UnitPrice { list: 1_000_000, contracted }));
    let price = if is_committed { "v/bedrock/model%committed:pt-1" } else { "v/bedrock/model" };
    let mut row = Record { id: CallId::fresh(), usage, ..record() };
    row.started_at = Timestamp::from_seconds(at("2026-11-24T03:00:00Z").seconds() + second);
    row.attribution.team = team.into();
    row.cost = Cost {
        amount: sheet.contracted(&usage),
        list: sheet.list(&usage),
        pricing: Pricing::Priced,
        price: price.into(),
        rates: Some(sheet.to_text().into()),
    };
    row
}

fn exported(committed: Committed, calls: &[Record]) -> Vec<(ChargeKey, Charge)> {
    let mut amortisation = Amortisation::new(vec![committed], None, at("2026-11-25T00:00:00Z"));
    calls.iter().for_each(|call| amortisation.see(call));
    let (mut export, mut rows) = (Export::default(), Vec::new());
    for call in calls {
        let mut finished = export.take(call, &[]);
        amortisation.spread(&mut finished);
        rows.extend(finished);
    }
    let mut finished = export.finish();
    amortisation.spread(&mut finished);
    rows.extend(finished);
    rows.extend(amortisation.rows());
    rows
}

#[test]
fn an_idle_hour_is_a_row_of_its_own_and_no_team_pays_for_it() {
    // In the first hour calls worth three of six dollars, in the second worth twelve, in the third none.
    let calls = [
        call(5_000, "blue", 12_000_000, true),
        call(700, "red", 5_000_000, false),
        call(600, "red", 2_000_000, true),
        call(10, "blue", 1_000_000, true),
    ];
    let rows = exported(committed(3 * DOLLAR), &calls);
    let cells = csv(&rows);
    cells.iter().for_each(check);
    let dollars = |of: &[(&str, &str)], column: &str| {
        let rows: Vec<_> = cells
            .iter()
            .filter(|row| of.iter().all(|(name, value)| row.get(*name).map(String::as_str) == Some(*value)))
            .cloned()
            .collect();
        sum(&rows, column) / 1_000_000_000_000
    };
    let first = ("ChargePeriodStart", "2026-11-24T03:00:00Z");
    let (used, unused, bought) =
        (("CommitmentDiscountStatus", "Used"), ("CommitmentDiscountStatus", "Unused"), ("ChargeCategory", "Purchase"));
    assert_eq!(dollars(&[first, used, ("SubAccountId", "red")], "EffectiveCost"), 2);
    assert_eq!(dollars(&[first, used, ("SubAccountId", "blue")], "EffectiveCost"), 1);
    assert_eq!(dollars(&[first, unused], "EffectiveCost"), 3);
    assert_eq!(dollars(&[first, used], "CommitmentDiscountQuantity"), 1);
    assert_eq!(dollars(&[used, ("ChargePeriodStart", "2026-11-24T04:00:00Z")], "EffectiveCost"), 6);
    assert_eq!(dollars(&[unused], "EffectiveCost"), 9, "an idle hour, and half of one");
    assert_eq!(dollars(&[bought], "BilledCost"), 18);
    assert_eq!((dollars(&[bought], "EffectiveCost"), dollars(&[used], "BilledCost")), (0, 0));
    assert_eq!((dollars(&[], "BilledCost"), dollars(&[], "EffectiveCost")), (23, 23));
    // Without the commitment it would have been the list price.
    assert_eq!((dollars(&[used], "ListCost"), dollars(&[used], "ContractedCost")), (15, 15));
    let purchase = cells.iter().find(|row| row["ChargeCategory"] == "Purchase").unwrap();
    for (column, value) in [
        ("ChargeFrequency", "Recurring"),
        ("PricingCategory", "Standard"),
        ("PricingUnit", "Hours"),
        ("PricingQuantity", "2"),
        ("ListUnitPrice", "3"),
        ("SkuId", "ProvisionedThroughput"),
        ("ServiceName", "Amazon Bedrock"),
        ("CommitmentDiscountId", "pt-1"),
        ("ResourceType", "Commitment"),
        ("ChargeDescription", "An hour of commitment pt-1 by Amazon Bedrock"),
    ] {
        assert_eq!(purchase[column], value, "{column}");
    }
}

#[test]
fn a_call_that_came_into_the_ledger_too_late_takes_no_part_twice() {
    let mut amortisation = Amortisation::new(vec![committed(DOLLAR)], None, at("2026-11-25T00:00:00Z"));
    let (seen, late) = (call(10, "red", 4_000_000, true), call(20, "blue", 4_000_000, true));
    amortisation.see(&seen);
    let part = |amortisation: &mut Amortisation, call: &Record| amortisation.of_call(call, &[]).1;
    assert_eq!(part(&mut amortisation, &seen), Decimal::whole(2));
    assert_eq!(part(&mut amortisation, &late), Decimal::ZERO);
}

proptest! {
    #[test]
    fn what_is_billed_is_what_calls_and_idle_hours_have(
        calls in proptest::collection::vec((0..16_000_i64, 0..3_usize, 0..9_000_000_u64, any::<bool>()), 0..60),
        rate in 1..5_000_000_000_i64,
    ) {
        let mut calls: Vec<Record> =
            calls.into_iter().map(|(second, team, tokens, under)| call(second, ["red", "blue", ""][team], tokens, under)).collect();
        calls.sort_by_key(|call| std::cmp::Reverse(call.started_at));
        let rows = exported(committed(rate), &calls);
        let sum = |of: fn(&Charge) -> Decimal| rows.iter().map(|(_, charge)| of(charge)).sum::<Decimal>();
        prop_assert_eq!(sum(|charge| charge.cost), sum(|charge| charge.effective));
        let mut hours: BTreeMap<i64, Decimal> = BTreeMap::new();
        for (key, charge) in &rows {
            // No call is given more than it is worth, and hours that are paid for only.
            let limit = if key.commitment().is_some() { charge.list } else { charge.cost };
            prop_assert!(key.kind == Kind::Unused || charge.effective <= limit);
            if !matches!(key.kind, Kind::Commitment(_)) && key.commitment().is_some() {
                *hours.entry(key.hour).or_default() += charge.effective;
            }
        }
        let paid = hours.values().filter(|cost| **cost > Decimal::ZERO);
        prop_assert!(paid.clone().all(|cost| *cost == Decimal::from(Money::from_nanos(2 * rate))));
        prop_assert_eq!(paid.count(), 3);
    }
}
