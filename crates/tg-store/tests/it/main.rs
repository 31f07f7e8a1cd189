//! What every store must do, tried on each of them through its seams.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod budgets;
mod corrections;
mod directory;
mod fixture;
mod journal;
mod journal_trouble;
mod ledger;
mod reports;
mod retention;
mod revisions;
mod rollups;
mod saved;
mod store;
mod switches;

use tempfile::TempDir;
use tg_store::Store;

/// A fresh store, and a way to open the same one again as another process would.
struct Bed {
    folder: TempDir,
    open: fn(&TempDir) -> Store,
}

impl Bed {
    fn open(&self) -> Store {
        (self.open)(&self.folder)
    }

    /// What the engine does by itself when it finds the time: nothing here.
    fn tidy(&self) {}
}

/// Every backend. The tests of directory and ledger run on each.
const BACKENDS: &[fn(&TempDir) -> Store] = &[|folder| Store::open(folder.path().join("store.db")).unwrap()];

/// Runs a test on a fresh store of every backend.
fn on_every_store(test: impl Fn(&Bed)) {
    for open in BACKENDS {
        test(&Bed { folder: TempDir::new().unwrap(), open: *open });
    }
}
