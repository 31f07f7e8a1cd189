//! Where a PostgreSQL database is: the address of a shared store, without its password.

use super::address::{Host, host_and_port};
use super::{Refused, written_as_text};
use std::fmt;
use std::str::FromStr;

/// The port of PostgreSQL.
const PORT: u16 = 5432;
/// Most hosts of one store.
const HOSTS_MAX: usize = 8;
/// PostgreSQL cuts longer names.
const NAME_MAX: usize = 63;

/// A PostgreSQL database: `postgres://USER@HOST[:PORT][,HOST[:PORT]…]/DATABASE`. User and database may be written with
/// percent signs. No password, no query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreUrl {
    text: String,
    hosts: Vec<(Host, u16)>,
    user: String,
    database: String,
}

impl StoreUrl {
    /// The hosts and their ports; at least one.
    #[must_use]
    pub fn hosts(&self) -> &[(Host, u16)] {
        &self.hosts
    }

    /// The role.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Whether every host names this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.hosts.iter().all(|(host, _)| host.is_loopback())
    }
}

impl FromStr for StoreUrl {
    type Err = Refused;

    // A URL may carry a password by mistake, so no message repeats it.
    fn from_str(text: &str) -> Result<Self, Refused> {
        let refused =
            |what: &str| Refused::new(what, "write as in `postgres://tallygate@db.example.com:5432/tallygate`");
        let rest = text
            .strip_prefix("postgres://")
            .or_else(|| text.strip_prefix("postgresql://"))
            .ok_or_else(|| refused("the URL does not begin with `postgres://`"))?;
        if text.len() > 2048 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(refused("the URL is longer than 2048 characters, or not all visible ASCII"));
        }
        if rest.contains(['?', '#']) {
            let hint = "leave it out; encryption is set in `store.tls`, as in `tls: {mode: verify-full}`";
            return Err(Refused::new("the URL has a query or a fragment", hint));
        }
        let (before, database) = rest.split_once('/').ok_or_else(|| refused("the URL names no database"))?;
        let (user, hosts) = before.rsplit_once('@').ok_or_else(|| refused("the URL names no user"))?;
        if user.contains(':') {
            let hint = "leave it out, and set `store.password` to a reference, as in `env:TALLYGATE_STORE_PASSWORD`";
            return Err(Refused::new("the URL has a password", hint));
        }
        let user = decoded(user).ok_or_else(|| refused("the URL has no valid user"))?;
        let database = decoded(database).ok_or_else(|| refused("the URL has no valid database"))?;
        let hosts: Option<Vec<_>> = hosts.split(',').map(host_and_port).collect();
        let hosts = hosts.filter(|hosts| hosts.len() <= HOSTS_MAX);
        let hosts = hosts.ok_or_else(|| refused("the URL has a host that is not valid, or more than 8"))?;
        let hosts = hosts.into_iter().map(|(host, port)| (host, port.unwrap_or(PORT))).collect();
        Ok(Self { text: text.to_owned(), hosts, user, database })
    }
}

/// A name as it is meant: with `%40` for `@`.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'/' | b'@' | b':' => return None,
            other => other,
        };
        bytes.push(byte);
    }
    let name = String::from_utf8(bytes).ok()?;
    ((1..=NAME_MAX).contains(&name.len()) && !name.contains(char::is_control)).then_some(name)
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

written_as_text!(
    StoreUrl,
    "store_url",
    "StoreUrl",
    "A PostgreSQL database: user, one or more hosts, database. No password, no query.",
    ["postgres://tallygate@db.example.com:5432/tallygate"]
);

#[cfg(test)]
mod tests {
    use super::StoreUrl;

    #[test]
    fn an_address_is_read_with_its_parts() {
        let url: StoreUrl =
            "postgresql://tg%40acme@db-1.example.com,[fd00::1]:6432,10.0.0.1/gate%2Dway".parse().unwrap();
        let hosts: Vec<String> = url.hosts().iter().map(|(host, port)| format!("{host} {port}")).collect();
        assert_eq!(hosts, ["db-1.example.com 5432", "fd00::1 6432", "10.0.0.1 5432"]);
        assert_eq!((url.user(), url.database(), url.is_loopback()), ("tg@acme", "gate-way", false));
        assert!("postgres://t@localhost,127.0.0.2/t".parse::<StoreUrl>().unwrap().is_loopback());
    }

    #[test]
    fn what_is_wrong_is_said_and_a_password_is_not_repeated() {
        for (text, part) in [
            ("mysql://u@h/d", "begin with"),
            ("postgres://h/d", "no user"),
            ("postgres://u@h", "no database"),
            ("postgres://u@h/", "no valid database"),
            ("postgres://u@h/a/b", "no valid database"),
            ("postgres://u:hunter2@h/d", "store.password"),
            ("postgres://u:hunter2%@h@h/d", "store.password"),
            ("postgres://u@h/d?sslmode=require", "store.tls"),
            ("postgres://u@/d", "host that is not valid"),
            ("postgres://u@a,,b/d", "host that is not valid"),
            ("postgres://u@h:0/d", "host that is not valid"),
            ("postgres://u%4@h/d", "no valid user"),
        ] {
            let refused = text.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(refused.contains(part) && !refused.contains("hunter2"), "{text}: {refused}");
        }
    }
}
