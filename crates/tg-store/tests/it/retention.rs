//! Retention: the ledger does not grow without bound, and what was deleted is still in the reports.

use crate::fixture::{at, record};
use crate::on_every_store;
use std::time::Duration;
use tempfile::TempDir;
use tg_kernel::record::{Pricing, Record};
use tg_kernel::units::Money;
use tg_store::ledger::{Piece, Retention, Upkeep};
use tg_store::{
    CallFilter, Correction, CorrectionReason, Dimension, Found, Journal, JournalError, Report, ReportQuery, Store,
};

const DAY: i64 = 86_400;

/// Midnight after the day of `at(0)`, in seconds after that.
const MIDNIGHT: i64 = 16 * 3600;

fn days(number: i64) -> Duration {
    Duration::from_secs((number * DAY).unsigned_abs())
}

/// Calls, one each ten minutes, over so many days.
fn fill(store: &Store, number: i64) -> Vec<Record> {
    let calls = (0..number * 144).map(|n| Record { started_at: at(n * 600 + 7), ..record() });
    let calls: Vec<Record> = calls.collect();
    store.ledger_writer().unwrap().append(&calls).unwrap();
    calls
}

/// Works until there is nothing to do; answers how many rows and sums went.
fn work(upkeep: &mut Upkeep, retention: Retention, now: i64) -> (usize, usize) {
    let (mut rows, mut sums) = (0, 0);
    loop {
        match upkeep.step(&retention, at(now)).unwrap() {
            Piece::DeletedRows(number) => rows += number,
            Piece::DeletedRollups(number) => sums += number,
            Piece::RolledUp(_) => {}
            Piece::Nothing => return (rows, sums),
        }
    }
}

fn report(store: &Store, query: &ReportQuery) -> Report {
    store.ledger().unwrap().report(query).unwrap()
}

fn by(by: &[Dimension]) -> ReportQuery {
    ReportQuery { by: by.to_vec(), ..ReportQuery::default() }
}

fn correction(call: &Record) -> Correction {
    Correction {
        call: call.id,
        number: 1,
        made_at: at(0),
        reason: CorrectionReason::PriceChanged,
        old_price: "a".into(),
        new_price: "b".into(),
        pricing: Pricing::Priced,
        delta: Money::from_nanos(77),
        earlier_delta: Money::ZERO,
        list_delta: Money::ZERO,
        unpriced_delta: 0,
        ceiling_delta: 0,
        rates: None,
    }
}

#[test]
fn rows_are_deleted_by_whole_days_and_their_sums_stay() {
    on_every_store(|bed| {
        let store = bed.open();
        let calls = fill(&store, 10);
        store.ledger_writer().unwrap().correct(&[correction(&calls[0])]).unwrap();
        let queries = [by(&[Dimension::Day, Dimension::Model]), by(&[Dimension::Hour]), by(&[Dimension::Tag])];
        let before: Vec<Report> = queries.iter().map(|query| report(&store, query)).collect();
        let keep = Retention { calls: Some(days(3)), rollups: None };
        assert_eq!(store.ledger().unwrap().rows_since().unwrap(), None);
        let (deleted, _) = work(&mut store.upkeep().unwrap(), keep, 10 * DAY);
        assert_eq!(store.ledger().unwrap().rows_since().unwrap(), Some(at(MIDNIGHT + 6 * DAY)));
        assert_eq!(store.ledger().unwrap().sums_since().unwrap(), None);
        // Three days before is eight in the morning: that day stays whole.
        let old = calls.iter().filter(|call| call.started_at < at(MIDNIGHT + 6 * DAY)).count();
        assert_eq!(deleted, old);
        let left = store.ledger().unwrap().calls(&CallFilter::default(), 10_000).unwrap();
        assert_eq!(left.len(), calls.len() - old);
        for (query, before) in queries.iter().zip(before) {
            assert_eq!(before.totals.corrections.nanos(), 77);
            assert_eq!(report(&store, query), before);
        }
    });
}

#[test]
fn nothing_is_deleted_that_is_not_in_the_sums_or_that_policy_keeps() {
    on_every_store(|bed| {
        let store = bed.open();
        fill(&store, 2);
        let mut upkeep = store.upkeep().unwrap();
        assert_eq!(work(&mut upkeep, Retention::default(), 1000 * DAY), (0, 0));
        let keep = Retention { calls: Some(days(30)), rollups: None };
        assert_eq!(work(&mut upkeep, keep, 20 * DAY), (0, 0));
        // A clock that went back deletes nothing either.
        assert_eq!(work(&mut upkeep, keep, -20 * DAY), (0, 0));
    });
}

#[test]
fn a_report_says_where_rows_are_gone_that_it_would_have_needed() {
    on_every_store(|bed| {
        let store = bed.open();
        let calls = fill(&store, 6);
        let uneven = ReportQuery { since: Some(at(3600 + 900)), until: Some(at(2 * 3600 + 60)), ..by(&[]) };
        let exact = report(&store, &uneven);
        assert_eq!((exact.totals.calls, exact.coarse_until), (5, None));
        work(&mut store.upkeep().unwrap(), Retention { calls: Some(days(2)), rollups: None }, 6 * DAY);
        let coarse = report(&store, &uneven);
        // Two whole hours.
        assert_eq!((coarse.totals.calls, coarse.coarse_until), (12, Some(at(MIDNIGHT + 3 * DAY))));
        let late = ReportQuery { since: Some(at(5 * DAY + 1)), ..by(&[]) };
        let young = calls.iter().filter(|call| call.started_at >= at(5 * DAY + 1)).count();
        assert_eq!((report(&store, &late).totals.calls, report(&store, &late).coarse_until), (young as u64, None));
    });
}

#[test]
fn sums_go_by_their_own_policy_and_the_report_says_so() {
    on_every_store(|bed| {
        let store = bed.open();
        fill(&store, 12);
        let keep = Retention { calls: Some(days(2)), rollups: Some(days(5)) };
        let mut writer = store.ledger_writer().unwrap();
        let (_, sums) = work(&mut store.upkeep().unwrap(), keep, 12 * DAY);
        assert!(sums > 0);
        let report_now = report(&store, &by(&[Dimension::Day]));
        assert_eq!(report_now.gone_until, Some(at(MIDNIGHT + 6 * DAY)));
        assert_eq!(store.ledger().unwrap().sums_since().unwrap(), Some(at(MIDNIGHT + 6 * DAY)));
        assert_eq!(report_now.rows[0].group, [Some("2027-01-22".to_owned())]);
        // Combinations that nothing has any more are gone too, and come back when a call has them.
        work(&mut store.upkeep().unwrap(), keep, 40 * DAY);
        assert_eq!(store.ledger().unwrap().size().unwrap().series, 0);
        writer.append(&[Record { started_at: at(40 * DAY), ..record() }]).unwrap();
        assert_eq!(report(&store, &by(&[Dimension::Team])).rows[0].figures.calls, 1);
    });
}

/// Complaint H 22.
#[test]
fn log_tables_do_not_grow_without_bound() {
    on_every_store(|bed| {
        let store = bed.open();
        let mut upkeep = store.upkeep().unwrap();
        let mut writer = store.ledger_writer().unwrap();
        let keep = Retention { calls: Some(days(2)), rollups: Some(days(4)) };
        let mut sizes = Vec::new();
        for day in 0..24 {
            let calls = (0..400).map(|n| Record { started_at: at(day * DAY + n * 200), ..record() });
            writer.append(&calls.collect::<Vec<_>>()).unwrap();
            work(&mut upkeep, keep, (day + 1) * DAY);
            bed.tidy();
            sizes.push(store.ledger().unwrap().size().unwrap());
        }
        let (early, last) = (sizes[8], sizes[23]);
        assert!(last.rows <= 400 * 4 && last.rollups <= early.rollups, "{last:?}");
        // The space is used again.
        assert!(last.bytes <= early.bytes + early.bytes / 8, "{} and then {} bytes", early.bytes, last.bytes);
    });
}

#[test]
fn calls_are_booked_while_old_ones_are_deleted() {
    on_every_store(|bed| {
        let store = bed.open();
        fill(&store, 30);
        let mut upkeep = store.upkeep().unwrap();
        let keep = Retention { calls: Some(days(1)), rollups: None };
        let mut writer = store.ledger_writer().unwrap();
        std::thread::scope(|scope| {
            let deleting = scope.spawn(move || work(&mut upkeep, keep, 31 * DAY).0);
            // A piece holds the writer for milliseconds; the busy timeout of five seconds is never reached.
            for n in 0..50 {
                let call = Record { started_at: at(31 * DAY + n), ..record() };
                assert_eq!(writer.append(&[call]).unwrap(), 1);
            }
            assert!(deleting.join().unwrap() > 4000);
        });
        assert_eq!(report(&store, &by(&[])).totals.calls, 30 * 144 + 50);
    });
}

#[test]
fn calls_that_the_policy_deleted_are_not_booked_again_when_a_journal_still_has_them() {
    on_every_store(|bed| {
        let (store, dir) = (bed.open(), TempDir::new().unwrap());
        let old: Vec<Record> = (0..5).map(|n| Record { started_at: at(n), ..record() }).collect();
        let new = Record { started_at: at(9 * DAY), ..record() };
        {
            let (journal, _) = Journal::open(dir.path()).unwrap();
            let worker = journal.worker(0);
            for call in old.iter().chain([&new]) {
                let ticket = worker.note(call).unwrap();
                if call.id != new.id {
                    ticket.confirm();
                }
            }
        }
        let mut writer = store.ledger_writer().unwrap();
        writer.append(&old).unwrap();
        let keep = Retention { calls: Some(days(3)), rollups: None };
        assert_eq!(work(&mut store.upkeep().unwrap(), keep, 10 * DAY).0, 5);
        let before = report(&store, &by(&[])).totals;
        let (_journal, recovered) = Journal::open(dir.path()).unwrap();
        let (mut past, mut cost) = (0, Money::ZERO);
        let settled = recovered.settle(4, |found| {
            let Found::Ended(records) = found else { panic!("all ended") };
            let part = writer.append_found(records).unwrap();
            (past, cost) = (past + part.calls, cost.plus(part.cost));
            Ok::<(), JournalError>(())
        });
        assert_eq!((settled.unwrap().ended, past), (6, 5), "one segment holds them all");
        assert_eq!(cost, old.iter().fold(Money::ZERO, |sum, call| sum.plus(call.cost.amount)));
        let after = report(&store, &by(&[])).totals;
        assert_eq!((after.calls, after.cost), (before.calls + 1, before.cost.plus(new.cost.amount)));
    });
}
