//! The ledger under an engine: a plain list, or a store.

use super::postgres::PostgresServer;
use std::cell::RefCell;
use tg_kernel::clock::Timestamp;
use tg_kernel::record::Record;
use tg_store::ledger::{SpentBy, SpentQuery, SpentRow};
use tg_store::{Ledger, LedgerWriter, Store};

/// See the module.
pub(crate) enum Books {
    List(RefCell<Vec<Record>>),
    Store(Box<(RefCell<LedgerWriter>, Ledger)>),
}

impl Books {
    pub(crate) fn list() -> Self {
        Self::List(RefCell::default())
    }

    pub(crate) fn of(store: &Store) -> Self {
        Self::Store(Box::new((RefCell::new(store.ledger_writer().unwrap()), store.ledger().unwrap())))
    }

    pub(crate) fn append(&self, rows: &[Record]) {
        match self {
            Self::List(list) => list.borrow_mut().extend(rows.iter().cloned()),
            Self::Store(both) => assert_eq!(both.0.borrow_mut().append(rows).unwrap(), rows.len()),
        }
    }

    pub(crate) fn spent(&self, query: &SpentQuery, each: &mut dyn FnMut(SpentRow)) -> Result<(), String> {
        match self {
            Self::List(list) => {
                let within = |at: Timestamp| at >= query.since && query.until.is_none_or(|until| at < until);
                for row in list.borrow().iter().filter(|row| within(row.started_at)) {
                    let hour = Timestamp::from_seconds(row.started_at.seconds().div_euclid(3_600) * 3_600);
                    each(SpentRow {
                        attribution: row.attribution.clone(),
                        model: row.asked.model.clone(),
                        hour: query.by.contains(&SpentBy::Hour).then_some(hour),
                        cost: row.total_cost().amount,
                    });
                }
                Ok(())
            }
            Self::Store(both) => both.1.spent(query, each).map_err(|error| error.to_string()),
        }
    }
}

/// A store in a database of its own.
pub(crate) fn connect(server: &PostgresServer) -> Store {
    Store::connect(server.address(&server.database())).unwrap()
}
