//! The threads that look after what other processes change: teams and keys, and what is known of the quality of answers.

use crate::keeper::Keeper;
use crate::{directory_keeper, quality};
use anyhow::Result;
use std::sync::Arc;
use tg_policy::route::Routes;
use tg_proxy::living::Living;
use tg_store::store::Store;

/// The running threads.
pub(super) struct Keepers([Keeper; 2]);

impl Keepers {
    /// Starts them, once what the ledger knows of these routes is taken in.
    ///
    /// # Errors
    /// When the store cannot be used, or the system gives no thread.
    pub(super) fn start(living: &Arc<Living>, store: &Store, routes: &Routes) -> Result<Self> {
        quality::read(store, living, routes)?;
        let directory = directory_keeper::start(Arc::clone(living))?;
        Ok(Self([directory, quality::start(Arc::clone(living), store.ledger()?, store.switches()?)?]))
    }

    /// Lets them end after what they do now, and waits for that.
    pub(super) fn stop(self) {
        self.0.iter().for_each(Keeper::end);
        self.0.into_iter().for_each(Keeper::stop);
    }
}
