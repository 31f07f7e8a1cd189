//! The shared store: one PostgreSQL database for the directory and the ledger of many gateways.

mod address;
mod conditions;
mod corrections;
mod directory;
mod ledger;
mod migrate;
mod notices;
mod report;
mod revisions;
mod rollup;
mod row;
mod session;
mod sheets;
mod spent;
mod switches;
mod tls;
mod upkeep;

pub use address::{Encryption, Postgres};
pub(crate) use directory::DirectoryTables;
pub(crate) use ledger::{CallReader, CallWriter};
pub(crate) use notices::NoticeTable;
pub(crate) use revisions::RevisionTable;
pub(crate) use switches::SwitchTable;
pub(crate) use upkeep::UpkeepWriter;

use crate::error::StoreError;
use session::Session;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tg_kernel::outage::{Failing, Outage};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// How long to wait before a start looks for the server again.
const START_PAUSE: Duration = Duration::from_millis(250);

/// A server that was reached and has this binary's schema.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    address: Arc<Postgres>,
    place: Place,
}

/// The store's name in messages, and the one place where the engine's errors become ours.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<str>);

impl Place {
    fn error(&self, source: Error) -> StoreError {
        let place = self.0.clone();
        let Some(db) = source.as_db_error() else {
            return if source.is_closed() || is_io(&source) {
                self.away(chain(&source))
            } else {
                StoreError::Engine { place, source: chain(&source).into() }
            };
        };
        match *db.code() {
            SqlState::READ_ONLY_SQL_TRANSACTION => StoreError::ReadOnly { place },
            SqlState::DISK_FULL => StoreError::Full { place },
            SqlState::LOCK_NOT_AVAILABLE => StoreError::Locked { place },
            SqlState::QUERY_CANCELED => self.away("the statement took longer than its limit".to_owned()),
            _ if is_away(db) => self.away(words(db)),
            _ => StoreError::Engine { place, source: words(db).into() },
        }
    }

    fn away(&self, detail: String) -> StoreError {
        StoreError::Away { place: self.0.clone(), detail }
    }

    fn corrupt(&self, detail: impl Into<String>) -> StoreError {
        StoreError::Corrupt { place: self.0.clone(), detail: detail.into() }
    }
}

/// Whether the server says that it is not there for anyone: it starts, stops, or has no room for another connection.
fn is_away(db: &DbError) -> bool {
    let code = db.code();
    let class = code.code().get(..2).unwrap_or_default();
    class == "08" || class == "57" || *code == SqlState::TOO_MANY_CONNECTIONS
}

/// Whether the same work may succeed if it is done again at once, on a new connection.
fn is_passing(error: &Error) -> bool {
    match error.as_db_error() {
        Some(db) => {
            let again = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
            again.contains(db.code())
                || matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) && is_away(db)
        }
        None => error.is_closed() || is_io(error),
    }
}

fn is_io(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

/// The server's own words; its details may quote rows, and are left out.
fn words(db: &DbError) -> String {
    format!("{} (SQLSTATE {})", db.message(), db.code().code())
}

/// An error with what caused it.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

impl Server {
    /// Reaches the server and brings the schema up to date; tries again while it is away, for as long as the address
    /// says.
    pub(crate) fn open(address: Postgres) -> Result<Self, StoreError> {
        let place = Place(Arc::from(address.place()));
        let server = Self { address: Arc::new(address), place };
        let (begun, mut outage) = (Instant::now(), Outage::default());
        loop {
            let mut session = Session::new(&server, session::STATEMENT_MAX, "")?;
            match migrate::run(&mut session, &server.place) {
                Err(error @ (StoreError::Away { .. } | StoreError::Locked { .. }))
                    if begun.elapsed() + START_PAUSE < server.address.start_wait =>
                {
                    if let Some(Failing { tries, .. }) = outage.failed(Instant::now()) {
                        tracing::warn!(%error, tries, "the store cannot be reached yet; the start waits for it");
                    }
                    thread::sleep(START_PAUSE);
                }
                done => {
                    done?;
                    if let Some(Failing { tries, lasts }) = outage.mended(Instant::now()) {
                        tracing::info!(tries, ?lasts, "the store is reached");
                    }
                    return Ok(server);
                }
            }
        }
    }

    pub(crate) fn place(&self) -> &str {
        &self.place.0
    }
}
