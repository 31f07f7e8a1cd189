//! What budgets want of a store: sums of what was spent, and that a notice is new only once.

use crate::fixture::{at, attempt, record, text};
use crate::on_every_store;
use tg_kernel::ids::CallId;
use tg_kernel::record::{Pricing, Record};
use tg_kernel::units::Money;
use tg_store::ledger::{SpentBy, SpentQuery, SpentRow};
use tg_store::notices::Owed;

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
