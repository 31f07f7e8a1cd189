//! Retention by a running gateway.

use crate::speak::{Manner, ask};
use crate::world::{World, rows, until};
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::Dialect;
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;
use tg_store::{ReportQuery, Store};

#[test]
fn a_gateway_deletes_calls_beyond_their_age_and_keeps_their_sums() {
    let mut world = World::start();
    world.send(&world.keyed(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hello")));
    let young = until("the row", || world.rows().pop());
    world.restart();
    let old = |days: i64| Record {
        id: CallId::fresh(),
        started_at: Timestamp::from_seconds(young.started_at.seconds() - days * 86_400),
        ..young.clone()
    };
    let path = world.folder.path().join("tallygate.db");
    let store = Store::open(&path).unwrap();
    store.ledger_writer().unwrap().append(&[old(500), old(450), old(399), old(3)]).unwrap();
    assert_eq!(world.gateway().upkeep().deleted_rows(), 0);
    world.config = world.config.replace("tallygate.db' }", "tallygate.db', retention: { calls: 400d } }");
    world.restart();
    until("what is older is gone", || (rows(&path).len() == 3).then_some(()));
    until("the figure", || (world.gateway().upkeep().deleted_rows() == 2).then_some(()));
    assert!(world.gateway().upkeep().bytes() > 0 && world.gateway().upkeep().oldest() > 0);
    let totals = store.ledger().unwrap().report(&ReportQuery::default()).unwrap().totals;
    assert_eq!((totals.calls, totals.cost.nanos()), (5, 5 * young.total_cost().amount.nanos()));
}
