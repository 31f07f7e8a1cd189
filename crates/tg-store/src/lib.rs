//! What outlives a call: the directory of teams and keys, the ledger of calls, revisions of the configuration, and the
//! journal that survives a crash.
//!
//! `directory`, `ledger`, `journal`, `counters` and `answers` are what the rest of Tallygate knows; `backends` holds how each is kept.

pub mod answers;
mod backends;
pub mod correction;
pub mod counters;
pub mod directory;
pub mod error;
pub mod journal;
pub mod key;
pub mod ledger;
pub mod notices;
pub mod revision;
mod rollup;
pub mod seal;
pub mod store;
pub mod switches;
pub mod team;

pub use backends::postgres::{Encryption, Postgres};
pub use backends::redis as shared;
pub use correction::{Correction, CorrectionReason};
pub use directory::{Directory, DirectoryError, Grant, KeyRefusal};
pub use error::StoreError;
pub use journal::{Found, Journal, JournalError, OpenEntry, Recovered, Tally, Ticket, WorkerJournal};
pub use key::{IssuedKey, KeyKind, KeyRecord, NewKey};
pub use ledger::{
    CallFilter, Dimension, Figures, Filter, Ledger, LedgerSize, LedgerWriter, Report, ReportQuery, ReportRow,
};
pub use revision::{NewRevision, Revision, RevisionError, RevisionHead, Revisions};
pub use seal::{BadSecretsKey, SecretsKey};
pub use store::Store;
pub use switches::{Switch, Switches};
pub use team::{
    DeclaredTeam, Owner, SyncReport, TagPolicy, TagSources, TeamPolicy, TeamRecord, TeamState, UnknownProject,
};
