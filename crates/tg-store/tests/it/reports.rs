//! Reports: what was appended is what is reported, however it was batched and grouped.

use crate::fixture::{at, attempt, record, text};
use crate::{BACKENDS, Bed, on_every_store};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tempfile::TempDir;
use tg_kernel::record::{Ending, Pricing, Record};
use tg_kernel::units::Money;
use tg_kernel::usage::UsageSource;
use tg_store::{Dimension, Figures, Filter, Report, ReportQuery};

fn call(team: &str, project: Option<&str>, nanos: i64) -> Record {
    let mut call = record();
    call.attribution.team = team.into();
    call.attribution.project = project.and_then(text);
    call.cost.amount = Money::from_nanos(nanos);
    call
}

fn report(bed: &Bed, records: &[Record], query: &ReportQuery) -> Report {
    let store = bed.open();
    store.ledger_writer().unwrap().append(records).unwrap();
    store.ledger().unwrap().report(query).unwrap()
}

fn by(by: &[Dimension]) -> ReportQuery {
    ReportQuery { by: by.to_vec(), ..ReportQuery::default() }
}

fn groups(report: &Report) -> Vec<Vec<&str>> {
    report.rows.iter().map(|row| row.group.iter().map(|v| v.as_deref().unwrap_or("-")).collect()).collect()
}

#[test]
fn an_empty_ledger_reports_nothing() {
    on_every_store(|bed| {
        assert_eq!(report(bed, &[], &by(&[Dimension::Team])), Report::default());
    });
}

#[test]
fn groups_come_dearest_first_and_name_what_has_no_value() {
    on_every_store(|bed| {
        let all = [call("a", Some("p"), 10), call("b", Some("q"), 300), call("a", None, 15), call("", None, 1)];
        let report = report(bed, &all, &by(&[Dimension::Team, Dimension::Project]));
        assert_eq!(groups(&report), [["b", "q"], ["a", "-"], ["a", "p"], ["-", "-"]]);
        assert_eq!(report.totals.cost, Money::from_nanos(326));
        assert_eq!(report.totals.unattributed_cost, Money::from_nanos(16));
        assert_eq!(report.totals.unattributed_calls, 2);
        assert!((report.totals.unattributed_share() - 16.0 / 326.0).abs() < 1e-12);
    });
}

#[test]
fn times_come_in_order_and_read_as_utc() {
    on_every_store(|bed| {
        // 1 800 000 000 is 2027-01-15T08:00:00Z.
        let times = [0, 3599, 3600, 86_400];
        let all: Vec<Record> = times.iter().map(|s| Record { started_at: at(*s), ..record() }).collect();
        let hours = report(bed, &all, &by(&[Dimension::Hour]));
        assert_eq!(groups(&hours), [["2027-01-15T08"], ["2027-01-15T09"], ["2027-01-16T08"]]);
        let days = report(bed, &[], &by(&[Dimension::Day]));
        assert_eq!(groups(&days), [["2027-01-15"], ["2027-01-16"]]);
        let window = ReportQuery { since: Some(at(3599)), until: Some(at(86_400)), ..by(&[]) };
        assert_eq!(report(bed, &[], &window).totals.calls, 2);
    });
}

#[test]
fn a_call_counts_under_each_tag_and_once_in_the_totals() {
    on_every_store(|bed| {
        let mut tagged = call("a", None, 7);
        tagged.attribution.tags = vec!["x".to_owned(), "y=1".to_owned()];
        let report = report(bed, &[tagged, call("a", None, 1)], &by(&[Dimension::Tag]));
        assert_eq!(groups(&report), [["x"], ["y=1"], ["-"]]);
        assert_eq!((report.totals.calls, report.totals.cost), (2, Money::from_nanos(8)));
    });
}

#[test]
fn estimates_and_missing_prices_are_counted_apart() {
    on_every_store(|bed| {
        let mut estimated = call("a", Some("p"), 40);
        (estimated.usage_source, estimated.ending) = (UsageSource::Estimated, Ending::Interrupted);
        let mut unpriced = call("a", Some("p"), 0);
        unpriced.cost.pricing = Pricing::Unpriced;
        let mut ceiling = call("a", Some("p"), 60);
        ceiling.cost.pricing = Pricing::Ceiling;
        let report = report(bed, &[estimated, unpriced, ceiling], &by(&[Dimension::Team]));
        let figures = report.rows[0].figures;
        assert_eq!((figures.estimated_calls, figures.unpriced_calls, figures.ceiling_calls), (1, 1, 1));
        assert!((figures.estimated_share() - 0.4).abs() < 1e-12);
        assert_eq!(report.endings, [(Ending::Ok, 2), (Ending::Interrupted, 1)]);
    });
}

#[test]
fn what_earlier_tries_may_have_cost_is_summed_as_an_estimate() {
    on_every_store(|bed| {
        let with = |nanos, pricing| Record { earlier: vec![attempt(nanos, pricing)], ..call("a", Some("p"), 40) };
        let all = [with(5, Pricing::Priced), with(0, Pricing::Unpriced), with(15, Pricing::Ceiling)];
        let unbilled = Record { earlier: vec![attempt(0, Pricing::Nothing)], ..call("b", None, 300) };
        let report = report(bed, &[&all[..], &[unbilled]].concat(), &by(&[Dimension::Team]));
        assert_eq!(groups(&report), [["b"], ["a"]]);
        let figures = report.rows[1].figures;
        assert_eq!(figures.cost, Money::from_nanos(3 * 40 + 5 + 15));
        assert_eq!((figures.estimated_calls, figures.estimated_cost), (3, Money::from_nanos(20)));
        assert_eq!((figures.unpriced_calls, figures.ceiling_calls), (1, 1));
        assert_eq!((report.totals.estimated_calls, report.totals.unattributed_cost), (3, Money::from_nanos(300)));
    });
}

#[test]
fn money_beyond_the_engine_sum_saturates_instead_of_failing() {
    on_every_store(|bed| {
        let all = [call("a", None, i64::MAX), call("a", None, i64::MAX), call("b", None, -3)];
        let report = report(bed, &all, &by(&[Dimension::Team]));
        assert_eq!(report.totals.cost, Money::from_nanos(i64::MAX));
        assert_eq!(report.rows[1].figures.cost, Money::from_nanos(-3));
    });
}

#[test]
fn filters_narrow_rows_and_totals_alike() {
    on_every_store(|bed| {
        let filters = vec![Filter { dimension: Dimension::Team, value: Some("a".to_owned()) }];
        let query = ReportQuery { filters, ..by(&[Dimension::Project]) };
        let report = report(bed, &[call("a", None, 1), call("b", None, 2)], &query);
        assert_eq!((report.totals.calls, report.rows.len()), (1, 1));
        assert_eq!(report.rows[0].figures, report.totals);
    });
}

/// What some calls add up to, computed without the store.
fn sum<'a>(records: impl IntoIterator<Item = &'a Record>) -> (u64, i64, u64, u64, u64) {
    records.into_iter().fold((0, 0, 0, 0, 0), |(calls, nanos, input, output, cached), r| {
        (
            calls + 1,
            nanos + r.cost.amount.nanos(),
            input + r.usage.input_tokens,
            output + r.usage.output_tokens,
            cached + r.usage.cache_read_tokens,
        )
    })
}

fn read(figures: &Figures) -> (u64, i64, u64, u64, u64) {
    let usage = &figures.usage;
    (figures.calls, figures.cost.nanos(), usage.input_tokens, usage.output_tokens, usage.cache_read_tokens)
}

fn any_call() -> impl Strategy<Value = Record> {
    (0..3_usize, 0..3_usize, 0..6_usize, any::<u32>(), 0..5_000_000_000_i64, 0..200_000_i64).prop_map(
        |(team, project, ending, tokens, nanos, second)| {
            let mut call = call(["a", "b", ""][team], [Some("p"), Some("q"), None][project], nanos);
            call.ending = Ending::ALL[ending];
            call.started_at = at(second);
            call.usage.input_tokens = u64::from(tokens);
            call.usage.output_tokens = u64::from(tokens / 7);
            call.usage.cache_read_tokens = u64::from(tokens % 1000);
            call
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn what_is_appended_is_what_is_reported(
        calls in prop::collection::vec(any_call(), 1..40),
        batches in prop::collection::vec((any::<prop::sample::Index>(), 1..20_usize), 0..10),
    ) {
        for open in BACKENDS {
            let bed = Bed { folder: TempDir::new().unwrap(), open: *open };
            let store = bed.open();
            let mut writer = store.ledger_writer().unwrap();
            let mut new = 0;
            // Any parts in any order and any number of times, then all: each call must count once.
            for (start, length) in &batches {
                let start = start.index(calls.len());
                new += writer.append(&calls[start..calls.len().min(start + length)]).unwrap();
            }
            new += writer.append(&calls).unwrap();
            prop_assert_eq!(new, calls.len());

            let ledger = store.ledger().unwrap();
            for dimension in [Dimension::Team, Dimension::Project, Dimension::Profile, Dimension::Ending, Dimension::Day, Dimension::Hour] {
                let report = ledger.report(&by(&[dimension])).unwrap();
                prop_assert_eq!(read(&report.totals), sum(&calls));
                let mut groups: BTreeMap<Option<String>, Vec<&Record>> = BTreeMap::new();
                for call in &calls {
                    groups.entry(value(call, dimension)).or_default().push(call);
                }
                prop_assert_eq!(report.rows.len(), groups.len());
                for row in &report.rows {
                    prop_assert_eq!(read(&row.figures), sum(groups[&row.group[0]].iter().copied()));
                }
            }
        }
    }
}

fn value(call: &Record, dimension: Dimension) -> Option<String> {
    let attribution = &call.attribution;
    match dimension {
        Dimension::Team => Some(attribution.team.to_string()).filter(|t| !t.is_empty()),
        Dimension::Project => attribution.project.as_deref().map(str::to_owned),
        Dimension::Profile => call.served.as_ref().and_then(|s| s.profile.as_deref()).map(str::to_owned),
        Dimension::Ending => Some(call.ending.as_str().to_owned()),
        Dimension::Day => Some(call.started_at.to_string()[..10].to_owned()),
        Dimension::Hour => Some(call.started_at.to_string()[..13].to_owned()),
        _ => None,
    }
}
