//! Shared keys split by a tag: the parts and the whole.

use crate::rows::{ledgers, record, total};
use proptest::prelude::*;
use tg_finops::showback::{Rest, Share, Split};
use tg_kernel::record::Record;
use tg_kernel::units::Money;

fn call(nanos: i64, tags: &[&str]) -> Record {
    let mut call = record();
    call.cost.amount = Money::from_nanos(nanos);
    call.attribution.tags = tags.iter().map(|&tag| tag.to_owned()).collect();
    call
}

fn split(calls: &[Record], rest: Rest) -> Vec<(Option<String>, u64, i64, i64)> {
    let mut split = Split::by("feature");
    calls.iter().for_each(|call| split.take(vec![Some("red".into())], call, &[]));
    let plain = |share: Share| (share.value, share.calls, share.cost_nanos, share.spread_nanos);
    split.finish(rest).into_iter().map(plain).collect()
}

#[test]
fn costs_go_to_the_values_of_the_tag_and_the_rest_is_shown_or_spread() {
    let calls = [
        call(100, &["feature=search", "other=x"]),
        call(50, &["feature=chat", "feature=search"]),
        call(31, &["featured=no"]),
        call(10, &[]),
    ];
    let (chat, search) = (Some("chat".to_owned()), Some("search".to_owned()));
    assert_eq!(
        split(&calls, Rest::Unallocated),
        [(None, 2, 41, 0), (chat.clone(), 1, 25, 0), (search.clone(), 2, 125, 0)]
    );
    assert_eq!(split(&calls, Rest::Proportional), [(chat, 1, 32, 7), (search, 2, 159, 34)]);
}

#[test]
fn what_nobody_can_be_charged_with_stays_unallocated() {
    assert_eq!(split(&[call(41, &[]), call(0, &["feature=free"])], Rest::Proportional)[0], (None, 1, 41, 0));
}

proptest! {
    #[test]
    fn parts_add_up_to_the_ledger(rows in ledgers(), values in proptest::collection::vec(0..4_usize, 40)) {
        let mut rows = rows;
        for ((record, _), value) in rows.iter_mut().zip(values) {
            record.attribution.tags = ["feature=a", "feature=b", "feature=c"][..value].iter().map(|&tag| tag.into()).collect();
        }
        for rest in [Rest::Unallocated, Rest::Proportional] {
            let mut split = Split::by("feature");
            for (record, corrections) in &rows {
                split.take(vec![Some(record.attribution.team.to_string())], record, corrections);
            }
            let sum: i128 = split.finish(rest).iter().map(|share| i128::from(share.cost_nanos)).sum();
            prop_assert_eq!(sum, total(&rows));
        }
    }
}
