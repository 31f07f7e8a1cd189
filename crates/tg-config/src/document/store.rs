//! Where teams, keys and the ledger are kept.

use super::Retention;
use crate::grammar::{Period, SecretRef, Size, StoreUrl};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The file that is taken where none is named.
const PATH: &str = "tallygate.db";

/// Where keys, teams and the ledger are kept: in a SQLite file of this gateway, or in a PostgreSQL database that many
/// gateways share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The SQLite file; made when it is not there. Absent, and no `url`: `tallygate.db`.
    pub path: Option<PathBuf>,
    /// The PostgreSQL database, in the place of a file. With several hosts, the first that can be written is used.
    pub url: Option<StoreUrl>,
    /// The password of the database's user.
    pub password: Option<SecretRef>,
    /// How the connection to the database is kept private.
    pub tls: StoreTls,
    /// How long a start waits for a database that is away, before it ends with an error.
    pub start_wait: Period,
    /// The directory of the journal, which keeps calls until the ledger has them: on this machine, of this gateway
    /// alone. Absent: beside `path`, with `.journal` added to its name; with `url`: `tallygate.journal`.
    pub journal: Option<PathBuf>,
    /// How much the journal may take on the disk while calls wait for the ledger; up to 8 MiB for each worker come on
    /// top. At least 16 MiB.
    pub journal_bytes_max: Size,
    /// How often the journal is put on the disk: what a loss of power may take of the calls under way. At most 1 minute.
    pub journal_sync: Period,
    /// What becomes of calls while the journal cannot be written: `journal_bytes_max` is reached, the disk is full or
    /// fails, the folder is gone.
    pub on_journal_failure: OnJournalFailure,
    /// How long calls and their sums are kept.
    pub retention: Retention,
    /// Whether the rest of the configuration is taken from the store.
    pub revisions: Revisions,
}

/// Whether the rest of the configuration is taken from the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Revisions {
    /// No: the file is the whole configuration.
    #[default]
    Ignore,
    /// Yes: what is not in this file is in the newest revision that `tallygate config push` put into the store, and a
    /// new one is in force within 2 seconds. The file holds `store`, and of `listen`, `admin`, `counters`, `telemetry`,
    /// `drain`, `recording` and `identity.secrets_key` what differs from machine to machine; nothing stands in both.
    Follow,
}

impl Revisions {
    /// The word in the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Follow => "follow",
        }
    }
}

/// What becomes of calls while the journal cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnJournalFailure {
    /// They are refused with 503, and readiness says so: no call is sent that a crash could forget.
    #[default]
    Refuse,
    /// They are sent, and wait in memory for the ledger: if the process dies before the ledger has them, they are
    /// forgotten. Said in the log, counted in `tallygate_journal_unwritten_calls_total`. Once 65 536 for each worker wait,
    /// calls are refused.
    AllowAndAlert,
}

/// How the connection to a PostgreSQL database is kept private.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreTls {
    /// Absent: `verify-full`; `off` where every host of the URL is this machine.
    pub mode: Option<StoreTlsMode>,
    /// A PEM file with the authorities that are trusted. Absent: the public ones and those of the machine.
    pub ca: Option<PathBuf>,
}

/// Whether and how a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StoreTlsMode {
    /// In the clear: the password is hashed, rows are not.
    #[serde(rename = "off")]
    Off,
    /// Encrypted; whose certificate the server shows is not looked at.
    #[serde(rename = "require")]
    Require,
    /// Encrypted, with a certificate for the host's name from an authority that is trusted.
    #[serde(rename = "verify-full")]
    VerifyFull,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: None,
            url: None,
            password: None,
            tls: StoreTls::default(),
            start_wait: Period::seconds(30),
            journal: None,
            // An hour of more than a thousand calls a second.
            journal_bytes_max: Size::mebibytes(4096),
            journal_sync: Period::seconds(1),
            on_journal_failure: OnJournalFailure::Refuse,
            retention: Retention::default(),
            revisions: Revisions::Ignore,
        }
    }
}

impl Store {
    /// The SQLite file, stated or by default; of no meaning where there is a `url`.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(PATH))
    }

    /// The directory of the journal, stated or by default.
    #[must_use]
    pub fn journal_directory(&self) -> PathBuf {
        self.journal.clone().unwrap_or_else(|| {
            if self.url.is_some() {
                return PathBuf::from("tallygate.journal");
            }
            let mut name = self.path().to_owned().into_os_string();
            name.push(".journal");
            PathBuf::from(name)
        })
    }

    /// How the connection to the database is encrypted, stated or by default.
    #[must_use]
    pub fn tls_mode(&self) -> StoreTlsMode {
        let here = self.url.as_ref().is_some_and(StoreUrl::is_loopback);
        self.tls.mode.unwrap_or(if here { StoreTlsMode::Off } else { StoreTlsMode::VerifyFull })
    }
}
