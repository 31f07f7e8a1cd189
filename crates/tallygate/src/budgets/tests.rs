//! What a start says of budgets whose past is deleted.

#[expect(dead_code, reason = "what only the tests of the store need")]
#[path = "../../../tg-store/tests/it/fixture.rs"]
mod fixture;

use super::{compile, forgotten};
use fixture::{at, record};
use std::time::Duration;
use tg_kernel::record::Record;
use tg_store::Store;
use tg_store::ledger::{Piece, Retention};

const DAY: u64 = 86_400;

const BUDGETS: &str = "
providers: [{ name: a, kind: anthropic, api_key: env:K }]
budgets:
  - { name: long, window: { rolling: 15d }, amount: 1 USD }
  - { name: short, window: { rolling: 2d }, amount: 1 USD }
";

#[test]
fn a_budget_is_named_whose_past_is_deleted_with_its_sums_and_no_other() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = Store::open(folder.path().join("store.db")).unwrap();
    let calls: Vec<Record> = (0..20).map(|day| Record { started_at: at(day * DAY as i64), ..record() }).collect();
    store.ledger_writer().unwrap().append(&calls).unwrap();
    let budgets = compile(&tg_config::load::from_text("test", BUDGETS).unwrap());
    let (ledger, mut upkeep, now) = (store.ledger().unwrap(), store.upkeep().unwrap(), at(20 * DAY as i64));
    let mut keep = |retention: Retention| while upkeep.step(&retention, now).unwrap() != Piece::Nothing {};
    let days = |days: u64| Some(Duration::from_secs(days * DAY));
    keep(Retention { calls: days(5), rollups: None });
    assert_eq!(forgotten(&budgets, &ledger, now).unwrap(), [], "sums are kept");
    keep(Retention { calls: days(5), rollups: days(5) });
    let named = forgotten(&budgets, &ledger, now).unwrap();
    assert_eq!(named, [("long".to_owned(), ledger.sums_since().unwrap().unwrap())]);
}
