//! How a store can fail, in words that say how to mend it.

use std::io;
use std::sync::Arc;

/// Why a store could not be opened, read or written. Every message names the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process held the store for longer than the busy timeout.
    #[error("{place}: locked by another process; end what holds it (a copy, a backup, a database shell) and try again")]
    Locked {
        /// The store's path or address.
        place: Arc<str>,
    },
    /// The server cannot be reached, or does not answer in time.
    #[error("{place}: away: {detail}; nothing is lost, and the next attempt may succeed when it is back")]
    Away {
        /// The store's path or address.
        place: Arc<str>,
        /// What was met.
        detail: String,
    },
    /// The file or its folder, or the database, cannot be written.
    #[error(
        "{place}: read-only; make the file and its folder (or the database) writable for this user, or name another \
         store"
    )]
    ReadOnly {
        /// The store's path or address.
        place: Arc<str>,
    },
    /// No room is left.
    #[error("{place}: no space left; free some on that volume (nothing that was already stored is lost)")]
    Full {
        /// The store's path or address.
        place: Arc<str>,
    },
    /// The file is damaged, or is not a store of Tallygate.
    #[error("{place}: {detail}; restore it from a backup, or move it away to start with an empty store")]
    Corrupt {
        /// The store's path or address.
        place: Arc<str>,
        /// What is wrong with it.
        detail: String,
    },
    /// A newer Tallygate made the file.
    #[error("{place}: has schema version {found}, this binary knows up to {known}; run the newer binary again")]
    NewerSchema {
        /// The store's path or address.
        place: Arc<str>,
        /// The version of the file.
        found: i64,
        /// The newest version that this binary can read.
        known: i64,
    },
    /// The operating system refused to open or create it.
    #[error("{place}: {doing}: {source}")]
    Io {
        /// The store's path or address.
        place: Arc<str>,
        /// What was being done.
        doing: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// Anything else that the engine reports.
    #[error("{place}: {source}")]
    Engine {
        /// The store's path or address.
        place: Arc<str>,
        /// The engine's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
