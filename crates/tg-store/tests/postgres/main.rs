//! What every store must do, tried on a real PostgreSQL, and what only a server can do.
//!
//! The suite is that of `tests/it`. It runs in a process of its own: servers are children, and a child that is being
//! started holds, for a moment, the locks of every journal that is open then.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod away;
#[path = "../it/budgets.rs"]
mod budgets;
#[path = "../it/corrections.rs"]
mod corrections;
#[path = "../it/directory.rs"]
mod directory;
#[expect(dead_code, reason = "what only the journal's tests need")]
#[path = "../it/fixture.rs"]
mod fixture;
#[path = "../it/ledger.rs"]
mod ledger;
#[path = "../servers/premises.rs"]
mod premises;
#[path = "../it/reports.rs"]
mod reports;
#[path = "../it/retention.rs"]
mod retention;
#[path = "../it/revisions.rs"]
mod revisions;
#[path = "../it/saved.rs"]
mod saved;
mod server;
mod sums;
#[path = "../it/switches.rs"]
mod switches;
mod tls;

use server::PostgresServer;
use tempfile::TempDir;
use tg_store::{Postgres, Store};

/// A fresh store, and a way to open the same one again as another process would.
struct Bed {
    folder: TempDir,
    open: fn(&TempDir) -> Store,
}

impl Bed {
    fn open(&self) -> Store {
        (self.open)(&self.folder)
    }

    /// What the engine does by itself when it finds the time.
    fn tidy(&self) {
        PostgresServer::shared().sql(&database(&self.folder).database, "VACUUM");
    }
}

/// The backend. The tests of directory and ledger run on it.
const BACKENDS: &[fn(&TempDir) -> Store] = &[|folder| Store::connect(database(folder)).unwrap()];

/// Runs a test on a fresh store of every backend.
fn on_every_store(test: impl Fn(&Bed)) {
    for open in BACKENDS {
        test(&Bed { folder: TempDir::new().unwrap(), open: *open });
    }
}

/// The database that belongs to a folder, made when it is first asked for.
fn database(folder: &TempDir) -> Postgres {
    let (server, noted) = (PostgresServer::shared(), folder.path().join("database"));
    let name = std::fs::read_to_string(&noted).unwrap_or_else(|_| {
        let name = server.database();
        std::fs::write(&noted, &name).unwrap();
        name
    });
    server.address(&name)
}
