//! What budgets want of a store: sums of what was spent, and that a notice is new only once.

use crate::fixture::{at, attempt, record, text};
use crate::on_every_store;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::record::{Pricing, Record};
use tg_kernel::units::Money;
use tg_store::Store;
use tg_store::ledger::{Piece, Retention, SpentBy, SpentQuery, SpentRow};
use tg_store::notices::Owed;

/// All by which a store sums what was spent.
pub(crate) const EVERY: [SpentBy; 7] = [
    SpentBy::Team,
    SpentBy::Project,
    SpentBy::Environment,
    SpentBy::Key,
    SpentBy::AskedModel,
    SpentBy::Tags,
    SpentBy::Hour,
];

/// What is spent, by what calls have in common.
type Spent = BTreeMap<String, i128>;

/// The name of a group.
fn name(row: &SpentRow) -> String {
    format!("{:?} {} {:?}", row.attribution, row.model, row.hour)
}

/// What the store says.
pub(crate) fn told(store: &Store, query: &SpentQuery) -> Spent {
    let mut told = Spent::new();
    let mut note = |row: SpentRow| {
        let group = told.insert(name(&row), row.cost.nanos().into());
        assert_eq!(group, None, "each group once");
    };
    store.ledger().unwrap().spent(query, &mut note).unwrap();
    told
}

/// What the rows come to, one by one.
fn counted(rows: &[Record], query: &SpentQuery) -> Spent {
    let within = |at: Timestamp| at >= query.since && query.until.is_none_or(|until| at < until);
    let mut sums = Spent::new();
    for row in rows.iter().filter(|row| within(row.started_at)) {
        let cost = row.total_cost().amount;
        let mut group =
            SpentRow { attribution: Default::default(), model: "".into(), hour: None, cost: Money::default() };
        let (to, from) = (&mut group.attribution, &row.attribution);
        for by in &query.by {
            match by {
                SpentBy::Team => to.team = from.team.clone(),
                SpentBy::Project => to.project = from.project.clone(),
                SpentBy::Environment => to.environment = from.environment.clone(),
                SpentBy::Key => to.key_id = from.key_id.clone(),
                SpentBy::AskedModel => group.model = row.asked.model.clone(),
                SpentBy::Tags => to.tags = from.tags.clone(),
                SpentBy::Hour => {
                    group.hour = Some(Timestamp::from_seconds(row.started_at.seconds().div_euclid(3_600) * 3_600));
                }
            }
        }
        *sums.entry(name(&group)).or_default() += i128::from(cost.nanos());
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

#[test]
fn more_groups_than_are_read_at_once_are_told_once_each() {
    on_every_store(|bed| {
        let store = bed.open();
        let call = |number: i64| {
            let mut call = record();
            call.started_at = at(number * 3_600);
            call.cost.amount = Money::from_nanos(number + 1);
            call
        };
        let rows: Vec<Record> = (0..2_500).map(call).collect();
        let mut writer = store.ledger_writer().unwrap();
        rows.chunks(500).for_each(|some| assert_eq!(writer.append(some).unwrap(), some.len()));
        let query = SpentQuery { since: at(-1), until: None, by: vec![SpentBy::Team, SpentBy::Hour] };
        let found = told(&store, &query);
        assert_eq!(found.len(), rows.len());
        assert_eq!(found, counted(&rows, &query));
        assert_eq!(told(&store, &query), found, "the connection can be used again");
    });
}

fn any_row() -> impl Strategy<Value = Record> {
    let who = (0..3_usize, 0..3_usize, 0..2_usize, 0..2_usize, 0..2_usize, 0..4_usize);
    (who, -2_000_000_000..9_000_000_000_i64, 0..300_000_000_i64, any::<u8>()).prop_map(
        |((team, project, environment, key, model, tags), nanos, milli, dice)| {
            let mut row = record();
            row.started_at = Timestamp::from_micros(at(0).micros() + milli * 1_000);
            row.attribution.team = ["a", "b", ""][team].into();
            row.attribution.project = [text("p"), text("q"), None][project].clone();
            row.attribution.environment = [text("e"), None][environment].clone();
            row.attribution.key_id = ["k1", ""][key].into();
            row.asked.model = ["m", "n"][model].into();
            row.attribution.tags =
                [&[][..], &["x"], &["x", "y=1"], &["ü\"q\""]][tags].iter().map(|tag| tag.to_string()).collect();
            row.cost.amount = Money::from_nanos(nanos);
            if dice % 5 == 0 {
                row.earlier = vec![attempt(i64::from(dice) * 10_000_000, Pricing::Ceiling)];
            }
            row
        },
    )
}

/// Some bounds are of a zone's days, some of any moment.
pub(crate) fn any_spent() -> impl Strategy<Value = SpentQuery> {
    let moment = |seconds: i64| {
        prop_oneof![
            (0..90_i64).prop_map(|hour| at(hour * 3_600)),
            (0..90_i64).prop_map(|hour| at(hour * 3_600 + 1_800)),
            (0..seconds * 1_000).prop_map(|milli| Timestamp::from_micros(at(0).micros() + milli * 1_000)),
        ]
    };
    let by = prop::sample::subsequence(EVERY.to_vec(), 0..EVERY.len());
    (by, moment(200_000), prop::option::of(moment(320_000))).prop_map(|(by, since, until)| SpentQuery {
        since,
        until,
        by,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_spent_is_what_the_rows_come_to_whatever_the_window(
        rows in prop::collection::vec(any_row(), 1..80),
        queries in prop::collection::vec(any_spent(), 12),
    ) {
        on_every_store(|bed| {
            let store = bed.open();
            store.ledger_writer().unwrap().append(&rows).unwrap();
            for query in &queries {
                assert_eq!(told(&store, query), counted(&rows, query), "{query:?}");
            }
        });
    }
}

/// More combinations in one hour than sums tell apart, beside a quiet day.
#[test]
fn what_a_crowd_spent_is_exact_while_its_rows_are_there_and_its_team_s_for_longer() {
    on_every_store(|bed| {
        let store = bed.open();
        let rows: Vec<Record> = (0..5_300)
            .map(|n| spent(n % 600, n + 1, |row| row.attribution.project = text(&format!("p{n}"))))
            .chain((0..24).map(|hour| spent(86_400 + hour * 3_600, 1_000_000, |_| ())))
            .collect();
        let mut writer = store.ledger_writer().unwrap();
        rows.chunks(2_000).for_each(|batch| assert_eq!(writer.append(batch).unwrap(), batch.len()));
        let by_team = SpentQuery { since: at(0), until: None, by: vec![SpentBy::Team] };
        let by_project = SpentQuery { by: vec![SpentBy::Team, SpentBy::Project], ..by_team.clone() };
        let (teams, projects) = (counted(&rows, &by_team), counted(&rows, &by_project));
        assert_eq!((told(&store, &by_team), told(&store, &by_project)), (teams.clone(), projects.clone()));
        let mut upkeep = store.upkeep().unwrap();
        let keep = Retention { calls: Some(Duration::from_secs(86_400)), rollups: None };
        while upkeep.step(&keep, at(10 * 86_400)).unwrap() != Piece::Nothing {}
        assert_eq!(told(&store, &by_team), teams, "rows are gone, sums are not");
        let left = told(&store, &by_project);
        let whole = |spent: &Spent| spent.values().sum::<i128>();
        assert_eq!(whole(&left), whole(&projects), "what is known no more is nobody's, and not lost");
    });
}

fn spent(seconds: i64, nanos: i64, change: impl FnOnce(&mut Record)) -> Record {
    let mut row = record();
    (row.id, row.started_at) = (CallId::fresh(), at(seconds));
    row.cost.amount = Money::from_nanos(nanos);
    change(&mut row);
    row
}

#[test]
fn what_was_spent_is_summed_by_what_is_asked_for_and_nothing_else() {
    on_every_store(|bed| {
        let store = bed.open();
        let rows = [
            spent(0, 1, |_| ()),
            spent(1, 10, |row| row.earlier.push(attempt(100, Pricing::Priced))),
            spent(3_600, 1_000, |row| row.attribution.project = None),
            spent(3_601, 10_000, |row| row.attribution.tags = vec!["a=\"x\"".to_owned(), "b".to_owned()]),
            spent(7_200, 100_000, |row| row.asked.model = "other".into()),
            spent(2, 0, |row| row.attribution.team = "free".into()),
        ];
        store.ledger_writer().unwrap().append(&rows).unwrap();
        let ledger = store.ledger().unwrap();
        let sum = |since: i64, until: Option<i64>, by: &[SpentBy]| -> Vec<SpentRow> {
            let query = SpentQuery { since: at(since), until: until.map(at), by: by.to_vec() };
            let mut found = Vec::new();
            ledger.spent(&query, &mut |row| found.push(row)).unwrap();
            found.sort_by_key(|row| row.cost);
            found
        };
        let costs = |rows: Vec<SpentRow>| rows.iter().map(|row| row.cost.nanos()).collect::<Vec<_>>();
        assert_eq!(costs(sum(0, None, &[])), [111_111]);
        assert_eq!(costs(sum(1, Some(3_601), &[])), [1_110], "from the first moment on, until just before the last");
        assert_eq!(costs(sum(90_000, None, &[])), [] as [i64; 0]);
        let by_project = sum(0, None, &[SpentBy::Team, SpentBy::Project]);
        assert_eq!((&*by_project[0].attribution.team, &by_project[0].attribution.project), ("search", &None));
        assert_eq!((by_project[1].cost.nanos(), &by_project[1].attribution.project), (110_111, &text("ranking")));
        let by_tags = sum(0, None, &[SpentBy::Tags, SpentBy::AskedModel]);
        assert_eq!(by_tags.len(), 3);
        assert_eq!(by_tags[1].attribution.tags, ["a=\"x\"", "b"]);
        assert_eq!((&*by_tags[2].model, by_tags[2].hour), ("other", None));
        let by_hour = sum(0, None, &[SpentBy::Environment, SpentBy::Key, SpentBy::Hour]);
        let hours: Vec<_> = by_hour.iter().map(|row| (row.hour.unwrap(), row.cost.nanos())).collect();
        assert_eq!(hours, [(at(0), 111), (at(3_600), 11_000), (at(7_200), 100_000)]);
    });
}

#[test]
fn a_notice_is_new_once_and_owed_until_it_is_delivered() {
    on_every_store(|bed| {
        let (mut one, mut other) = (bed.open().notices().unwrap(), bed.open().notices().unwrap());
        let notice = |kind: &str| Owed { purse: "p@1".to_owned(), kind: kind.to_owned(), notice: "{}".to_owned() };
        assert!(one.add(&notice("80%"), at(0)).unwrap());
        assert!(!other.add(&notice("80%"), at(1)).unwrap(), "another process told it");
        assert!(other.add(&notice("100%"), at(2)).unwrap());
        assert_eq!(one.owed(at(0)).unwrap(), [notice("80%"), notice("100%")]);
        one.delivered(&notice("80%"), at(3)).unwrap();
        assert_eq!(other.owed(at(0)).unwrap(), [notice("100%")]);
        assert_eq!(other.owed(at(3)).unwrap(), [], "too old");
        one.forget_old(at(4)).unwrap();
        assert!(!one.add(&notice("80%"), at(5)).unwrap());
        one.forget_old(at(4 * 366 * 86_400)).unwrap();
        assert!(one.add(&notice("80%"), at(6)).unwrap());
    });
}
