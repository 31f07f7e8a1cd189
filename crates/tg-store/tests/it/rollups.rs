//! Sums beside the rows: a report from them is the report from the rows, whatever the period, and whatever came late.

use crate::budgets::{any_spent, told};
use crate::fixture::{at, attempt, record, text};
use proptest::prelude::*;
use rusqlite::Connection;
use std::path::PathBuf;
use tempfile::TempDir;
use tg_kernel::clock::Timestamp;
use tg_kernel::record::{Ending, Pricing, Record};
use tg_kernel::units::Money;
use tg_kernel::usage::UsageSource;
use tg_store::ledger::{Piece, Retention};
use tg_store::{Correction, CorrectionReason, Dimension, Filter, Report, ReportQuery, Store};

/// A store whose file a test may change behind its back.
struct File {
    _folder: TempDir,
    path: PathBuf,
    store: Store,
}

impl File {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("store.db");
        let store = Store::open(&path).unwrap();
        Self { _folder: folder, path, store }
    }

    fn sql(&self, sql: &str) {
        Connection::open(&self.path).unwrap().execute_batch(sql).unwrap();
    }

    fn report(&self, query: &ReportQuery) -> Report {
        self.store.ledger().unwrap().report(query).unwrap()
    }

    /// What is read as the rows have it.
    fn by_rows<T>(&self, read: impl FnOnce(&Self) -> T) -> T {
        let rolled: i64 = Connection::open(&self.path)
            .unwrap()
            .query_row("SELECT rolled_since FROM rollup_state", [], |row| row.get(0))
            .unwrap();
        self.sql(&format!("UPDATE rollup_state SET rolled_since = {}", 1_i64 << 60));
        let read = read(self);
        self.sql(&format!("UPDATE rollup_state SET rolled_since = {rolled}"));
        read
    }

    /// As the file was before there were sums.
    fn forget_sums(&self) {
        self.sql(
            "DELETE FROM rollups; DELETE FROM rollup_spans; DELETE FROM rollup_series; UPDATE rollup_state SET \
             generation = generation + 1, rolled_since = (SELECT coalesce(max(started_at) + 1, 0) FROM calls)",
        );
    }
}

const EVERY: [Dimension; 11] = [
    Dimension::Team,
    Dimension::Project,
    Dimension::Model,
    Dimension::Key,
    Dimension::Profile,
    Dimension::AwsSession,
    Dimension::Ending,
    Dimension::Tag,
    Dimension::Day,
    Dimension::Hour,
    Dimension::Provider,
];

fn any_call() -> impl Strategy<Value = Record> {
    let who = (0..3_usize, 0..3_usize, 0..4_usize, 0..3_usize);
    (who, 0..6_usize, any::<u32>(), -3_000_000_000..9_000_000_000_i64, 0..300_000_i64, any::<u8>()).prop_map(
        |((team, project, tags, session), ending, tokens, nanos, second, dice)| {
            let mut call = record();
            call.attribution.team = ["a", "b", ""][team].into();
            call.attribution.project = [text("p"), text("q"), None][project].clone();
            call.attribution.tags =
                [&[][..], &["x"], &["x", "y=1"], &["ü\"q\""]][tags].iter().map(|t| t.to_string()).collect();
            (call.ending, call.started_at) = (Ending::ALL[ending], at(second));
            call.usage.input_tokens = tokens.into();
            (call.cost.amount, call.cost.list) = (Money::from_nanos(nanos), Money::from_nanos(nanos + 7));
            call.cost.rates = (dice % 2 == 0).then(|| format!(r#"{{"input":{}}}"#, dice % 3).into());
            call.usage_source = if dice % 5 == 0 { UsageSource::Estimated } else { UsageSource::Reported };
            call.cost.pricing = [Pricing::Priced, Pricing::Unpriced, Pricing::Ceiling][usize::from(dice % 3)];
            if dice % 7 == 0 {
                call.earlier = vec![attempt(i64::from(dice), Pricing::Ceiling)];
            }
            match (&mut call.served, session) {
                (served, 0) => *served = None,
                (Some(served), _) => served.session = Some(["s1", "s2"][session - 1].into()),
                _ => {}
            }
            call
        },
    )
}

fn any_query() -> impl Strategy<Value = ReportQuery> {
    let by = prop::sample::subsequence(EVERY.to_vec(), 0..4).prop_shuffle();
    let moment = || prop::option::of((0..300_000_i64).prop_map(|s| Timestamp::from_micros(at(s).micros() + s % 3)));
    let filter = prop::sample::select(vec![
        None,
        Some((Dimension::Team, Some("a"))),
        Some((Dimension::Project, None)),
        Some((Dimension::Tag, Some("x"))),
        Some((Dimension::Tag, None)),
        Some((Dimension::AwsSession, Some("s2"))),
        Some((Dimension::Day, Some("2027-01-16"))),
        Some((Dimension::Hour, Some("2027-01-17T05"))),
    ]);
    (by, moment(), moment(), filter, any::<bool>()).prop_map(|(by, since, until, filter, as_booked)| {
        let filters = filter.into_iter();
        let filters = filters.map(|(dimension, value)| Filter { dimension, value: value.map(str::to_owned) });
        ReportQuery { by, since, until, filters: filters.collect(), as_booked }
    })
}

fn correction(call: &Record, number: u32, nanos: i64) -> Correction {
    Correction {
        call: call.id,
        number,
        made_at: at(9),
        reason: CorrectionReason::PriceKnown,
        old_price: "".into(),
        new_price: "mine/x".into(),
        pricing: Pricing::Priced,
        delta: Money::from_nanos(nanos),
        earlier_delta: Money::from_nanos(nanos / 3),
        list_delta: Money::from_nanos(2 * nanos),
        unpriced_delta: if call.cost.pricing == Pricing::Unpriced { -1 } else { 0 },
        ceiling_delta: 0,
        rates: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_report_from_sums_is_the_report_from_rows(
        calls in prop::collection::vec(any_call(), 1..60),
        cut in any::<prop::sample::Index>(),
        late in any::<prop::sample::Index>(),
        queries in prop::collection::vec(any_query(), 6),
        spent in prop::collection::vec(any_spent(), 6),
        folded in prop::collection::vec((0..4_u8, any::<prop::sample::Index>()), 0..4),
    ) {
        let file = File::new();
        let mut writer = file.store.ledger_writer().unwrap();
        let (early, rest) = calls.split_at(cut.index(calls.len()));
        writer.append(early).unwrap();
        let old: Vec<Correction> = early.iter().step_by(3).map(|call| correction(call, 1, -5_000_000_123)).collect();
        writer.correct(&old).unwrap();
        // These come into the sums later, piece by piece, and the others while that goes on.
        file.forget_sums();
        writer.append(rest).unwrap();
        let again: Vec<Correction> = calls.iter().step_by(2).map(|call| correction(call, 2, 77)).collect();
        writer.correct(&again).unwrap();
        for query in &queries {
            prop_assert_eq!(file.report(query), file.by_rows(|file| file.report(query)));
        }
        for query in &spent {
            prop_assert_eq!(told(&file.store, query), file.by_rows(|file| told(&file.store, query)));
        }
        let mut upkeep = file.store.upkeep().unwrap();
        while upkeep.step(&Retention::default(), at(0)).unwrap() != Piece::Nothing {}
        writer.append(&calls).unwrap();
        writer.correct(&[correction(late.get(&calls), 3, 1_000_000_009)]).unwrap();
        // Where sums are folded, finer ones or rows are read.
        for (grain, call) in folded {
            let unit = if grain % 2 == 0 { 3_600_000_000 } else { 86_400_000_000 };
            let start = call.get(&calls).started_at.micros() / unit;
            file.sql(&format!("UPDATE rollup_spans SET is_folded = 1 WHERE grain = {grain} AND start = {start}"));
        }
        for query in &queries {
            prop_assert_eq!(file.report(query), file.by_rows(|file| file.report(query)));
        }
        for query in &spent {
            prop_assert_eq!(told(&file.store, query), file.by_rows(|file| told(&file.store, query)));
        }
    }
}

fn by(by: &[Dimension]) -> ReportQuery {
    ReportQuery { by: by.to_vec(), ..ReportQuery::default() }
}

/// A thousand calls of as many callers, each with a tag of his own, and so often.
fn crowd(file: &File, times: usize) {
    let mut writer = file.store.ledger_writer().unwrap();
    for part in 0..times {
        let call = |number: usize| {
            let mut call = Record { started_at: at(number as i64 % 600), ..record() };
            call.attribution.tags = vec![format!("user=u{}", part * 1000 + number)];
            call
        };
        writer.append(&(0..1000).map(call).collect::<Vec<_>>()).unwrap();
    }
}

#[test]
fn a_tag_per_user_does_not_blow_the_sums_up_and_reports_stay_exact() {
    let file = File::new();
    crowd(&file, 21);
    let size = file.store.ledger().unwrap().size().unwrap();
    // One plain hour and day, the detailed hour at its bound with one folded sum, and the detailed day.
    assert_eq!(size.rollups, 2 + 20_001 + 21_000);
    for query in [by(&[Dimension::Tag]), by(&[Dimension::Tag, Dimension::Hour]), by(&[Dimension::Team])] {
        assert_eq!(file.report(&query), file.by_rows(|file| file.report(&query)));
    }
    // What arrives again in a full hour finds its place, and what is new is folded with the others.
    crowd(&file, 1);
    assert_eq!(file.store.ledger().unwrap().size().unwrap().rollups, 2 + 20_001 + 21_000);
    assert_eq!(file.report(&by(&[Dimension::Tag])).totals.calls, 22_000);
}

#[test]
fn more_groups_than_fit_in_memory_are_summed_by_the_engine() {
    let file = File::new();
    crowd(&file, 1);
    // The same sums in 300 more hours: 300 000 groups.
    file.sql(
        "WITH RECURSIVE later (hours) AS (VALUES (1) UNION ALL SELECT hours + 1 FROM later WHERE hours < 300) \
         INSERT INTO rollups (grain, start, series, calls, input_tokens, cache_read_tokens, cache_write_5m_tokens, \
         cache_write_1h_tokens, output_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens, images, \
         cost_dollars, cost_rest, list_dollars, list_rest, estimated_calls, estimated_dollars, estimated_rest, \
         unpriced_calls, ceiling_calls) SELECT grain, start + hours, series, calls, input_tokens, 0, 0, 0, \
         output_tokens, 0, 0, 0, 0, 0, cost_rest, 0, list_rest, 0, 0, 0, 0, 0 FROM rollups, later WHERE grain IN (0, 2)",
    );
    let report = file.report(&by(&[Dimension::Hour, Dimension::Tag]));
    assert!(report.cut);
    assert_eq!(report.rows.len(), tg_store::ledger::ROWS_MAX);
    assert_eq!(report.rows[0].figures.calls, 1);
    assert_eq!(report.rows[0].group, [Some("2027-01-15T08".to_owned()), Some("user=u0".to_owned())]);
}

/// Complaint A 5: spend rows that are lost, or late in reports.
#[test]
fn a_batch_that_failed_leaves_nothing_in_the_sums() {
    let file = File::new();
    let mut writer = file.store.ledger_writer().unwrap();
    file.sql("CREATE TRIGGER full BEFORE INSERT ON rollups BEGIN SELECT raise(ABORT, 'no'); END");
    let calls = [record(), record()];
    writer.append(&calls).unwrap_err();
    assert_eq!(file.report(&by(&[])).totals.calls, 0);
    file.sql("DROP TRIGGER full");
    assert_eq!(writer.append(&calls).unwrap(), 2);
    assert_eq!(file.report(&by(&[Dimension::Team])), file.by_rows(|file| file.report(&by(&[Dimension::Team]))));
}

#[test]
fn groups_come_in_the_order_of_their_whole_cost() {
    let file = File::new();
    let call = |team: &str, nanos| {
        let mut call = record();
        call.attribution.team = team.into();
        call.cost.amount = Money::from_nanos(nanos);
        call
    };
    let many = (0..3).map(|_| call("many", 900_000_000));
    let all: Vec<Record> = many.chain([call("one", 2_000_000_000)]).collect();
    file.store.ledger_writer().unwrap().append(&all).unwrap();
    let dearest = |report: Report| report.rows[0].group[0].clone();
    assert_eq!(dearest(file.report(&by(&[Dimension::Team]))).as_deref(), Some("many"));
}
