//! Corrections: added to what was booked, counted where their call is, and never twice.

use crate::fixture::{at, attempt, record};
use crate::on_every_store;
use tg_kernel::record::{Pricing, Record};
use tg_kernel::units::Money;
use tg_kernel::usage::UsageSource;
use tg_store::{Correction, CorrectionReason, Dimension, Filter, Report, ReportQuery, Store};

pub(crate) fn correction(call: &Record, number: u32, nanos: i64) -> Correction {
    Correction {
        call: call.id,
        number,
        made_at: at(9),
        reason: CorrectionReason::PriceChanged,
        old_price: call.cost.price.clone(),
        new_price: "mine/x".into(),
        pricing: Pricing::Priced,
        delta: Money::from_nanos(nanos),
        earlier_delta: Money::ZERO,
        list_delta: Money::from_nanos(2 * nanos),
        unpriced_delta: 0,
        ceiling_delta: 0,
        rates: Some(r#"{"input":9}"#.into()),
    }
}

fn report(store: &Store, by: &[Dimension]) -> Report {
    store.ledger().unwrap().report(&ReportQuery { by: by.to_vec(), ..ReportQuery::default() }).unwrap()
}

#[test]
fn a_correction_is_added_to_its_call_and_edits_nothing() {
    on_every_store(|bed| {
        let store = bed.open();
        let mut writer = store.ledger_writer().unwrap();
        let (one, other) = (record(), record());
        writer.append(&[one.clone(), other.clone()]).unwrap();
        let (first, second) = (correction(&one, 1, -1_000_000), correction(&one, 2, 7));
        assert_eq!(writer.correct(&[first.clone(), second.clone()]).unwrap(), 2);
        let ledger = store.ledger().unwrap();
        assert_eq!(ledger.get(one.id).unwrap().as_ref(), Some(&one));
        assert_eq!(ledger.corrections(&[other.id, one.id]).unwrap(), [first, second]);
        assert_eq!(ledger.corrections_made().unwrap(), 2);
        let totals = report(&store, &[]).totals;
        assert_eq!((totals.calls, totals.corrected_calls), (2, 1));
        assert_eq!((totals.cost.nanos(), totals.list_cost.nanos()), (12_000_002 - 999_993, 14_000_002 - 1_999_986));
        assert_eq!(totals.corrections.nanos(), -999_993);
        let as_booked = ReportQuery { as_booked: true, ..ReportQuery::default() };
        let booked = ledger.report(&as_booked).unwrap().totals;
        assert_eq!((booked.cost.nanos(), booked.corrected_calls), (12_000_002, 0));
    });
}

#[test]
fn two_who_correct_at_once_correct_once_and_what_is_no_call_is_not_corrected() {
    on_every_store(|bed| {
        let store = bed.open();
        let (mut here, mut there) = (store.ledger_writer().unwrap(), store.ledger_writer().unwrap());
        let call = record();
        here.append(std::slice::from_ref(&call)).unwrap();
        assert_eq!(here.correct(&[correction(&call, 1, 5)]).unwrap(), 1);
        assert_eq!(there.correct(&[correction(&call, 1, 5), correction(&record(), 1, 5)]).unwrap(), 0);
        assert_eq!(here.correct(&[]).unwrap(), 0);
        assert_eq!(report(&store, &[]).totals.corrections.nanos(), 5);
        assert_eq!(store.ledger().unwrap().corrections_made().unwrap(), 1, "what was left out was not made");
    });
}

#[test]
fn corrections_count_in_the_group_and_the_period_of_their_call() {
    on_every_store(|bed| {
        let store = bed.open();
        let mut writer = store.ledger_writer().unwrap();
        let mut cheap = Record { started_at: at(0), ..record() };
        cheap.attribution.team = "cheap".into();
        cheap.attribution.tags = vec!["a".into(), "b".into()];
        cheap.usage_source = UsageSource::Estimated;
        let dear = Record { started_at: at(90_000), earlier: vec![attempt(5, Pricing::Unpriced)], ..record() };
        writer.append(&[cheap.clone(), dear.clone()]).unwrap();
        let known =
            Correction { unpriced_delta: -1, earlier_delta: Money::from_nanos(40), ..correction(&dear, 1, 100) };
        assert_eq!(report(&store, &[]).totals.unpriced_calls, 1);
        writer.correct(&[correction(&cheap, 1, 1_000_000_000), known]).unwrap();

        let teams = report(&store, &[Dimension::Team]);
        let rows: Vec<_> =
            teams.rows.iter().map(|r| (r.group[0].as_deref().unwrap(), r.figures.cost.nanos())).collect();
        // The one that was cheaper is the dearer one now, and comes first.
        assert_eq!(rows, [("cheap", 1_006_000_001), ("search", 6_000_106)]);
        assert_eq!(teams.totals.unpriced_calls, 0);
        assert_eq!(teams.totals.estimated_cost.nanos(), 1_006_000_001 + 5 + 40);
        let tags = report(&store, &[Dimension::Tag]);
        assert_eq!(tags.rows.iter().map(|r| r.figures.corrections.nanos()).sum::<i64>(), 2_000_000_100);
        assert_eq!(tags.totals.corrections.nanos(), 1_000_000_100);
        let days = report(&store, &[Dimension::Day]);
        assert_eq!(days.rows.iter().map(|r| r.figures.corrections.nanos()).collect::<Vec<_>>(), [1_000_000_000, 100]);
        let filters = vec![Filter { dimension: Dimension::Team, value: Some("search".into()) }];
        let window = ReportQuery { since: Some(at(1)), filters, ..ReportQuery::default() };
        assert_eq!(store.ledger().unwrap().report(&window).unwrap().totals.corrections.nanos(), 100);
    });
}
