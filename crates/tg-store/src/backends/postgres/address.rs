//! Where a PostgreSQL server is, as whom it is asked, and how the connection is kept private.

use rustls::ClientConfig;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::secret::Secret;

/// A PostgreSQL database, and how it is reached.
#[derive(Clone)]
pub struct Postgres {
    /// Names or addresses with their ports. With several, the first that can be written is used: a failover moves the
    /// connections to another.
    pub hosts: Vec<(String, u16)>,
    /// The database.
    pub database: String,
    /// The role.
    pub user: String,
    /// Its password; none where the server asks for none.
    pub password: Option<Secret>,
    /// Whether and how the connection is encrypted.
    pub encryption: Encryption,
    /// Whether an address may be dialled, else why not.
    pub may_dial: fn(IpAddr) -> Result<(), String>,
    /// How long the opening of the store waits for a server that is away.
    pub start_wait: Duration,
}

/// How a connection is kept private.
#[derive(Clone)]
pub enum Encryption {
    /// Not at all.
    Off,
    /// Encrypted; the server may be anyone.
    Unverified,
    /// Encrypted, and the server shows a certificate for its name that these settings trust.
    Verified(Arc<ClientConfig>),
}

impl Postgres {
    /// The address for messages: without the password.
    pub(super) fn place(&self) -> String {
        let hosts: Vec<String> = self
            .hosts
            .iter()
            .map(|(host, port)| if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
            .collect();
        format!("postgres://{}@{}/{}", self.user, hosts.join(","), self.database)
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())
    }
}
