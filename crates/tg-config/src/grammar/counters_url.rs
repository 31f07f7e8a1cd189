//! Where shared counters are: the address of a Redis or Valkey, without its password.

use super::address::host_and_port;
use super::{Refused, written_as_text};
use std::fmt;
use std::str::FromStr;

/// Most servers that an address may list.
const HOSTS_MAX: usize = 64;

const FORMS: &str = "write as in `redis://cache.example.com:6379/0`, `redis+sentinel://HOST,HOST/NAME` or \
                     `redis+cluster://HOST,HOST`; `rediss` is with TLS";

/// A Redis or Valkey: `redis://HOST[:PORT][/DATABASE]`, `redis+sentinel://HOST[:PORT],…/NAME[/DATABASE]` or
/// `redis+cluster://HOST[:PORT],…`; `rediss` is with TLS, `valkey` and `valkeys` mean the same. No password, no query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CountersUrl {
    text: String,
    is_tls: bool,
    has_sentinels: bool,
}

impl CountersUrl {
    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Whether it names Sentinels.
    #[must_use]
    pub const fn has_sentinels(&self) -> bool {
        self.has_sentinels
    }
}

impl FromStr for CountersUrl {
    type Err = Refused;

    // A URL may carry a password by mistake, so no message repeats it.
    fn from_str(text: &str) -> Result<Self, Refused> {
        let refused = |what: &str| Refused::new(what, FORMS);
        if text.len() > 4096 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(refused("the URL is longer than 4096 characters, or not all visible ASCII"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| refused("it is no URL"))?;
        let (protocol, form) = scheme.split_once('+').map_or((scheme, None), |(protocol, form)| (protocol, Some(form)));
        let is_tls = match protocol {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return Err(refused("the URL does not begin with `redis`")),
        };
        if rest.contains('@') {
            let hint = "leave it out; set `counters.user`, and `counters.password` to a reference";
            return Err(Refused::new("the URL has a login", hint));
        }
        if rest.contains(['?', '#']) {
            return Err(refused("the URL has a query or a fragment"));
        }
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let hosts: Option<Vec<_>> = hosts.split(',').map(host_and_port).collect();
        let hosts = hosts.filter(|hosts| hosts.len() <= HOSTS_MAX);
        let hosts = hosts.ok_or_else(|| refused("the URL has a host that is not valid, or more than 64"))?;
        let (name, database) = match form {
            None if hosts.len() > 1 => return Err(refused("several servers are no single one")),
            None => (None, path),
            Some("cluster") if path.is_empty() || path == "0" => (None, ""),
            Some("cluster") => return Err(refused("a cluster has no other database than 0")),
            Some("sentinel") => {
                let (name, database) = path.split_once('/').unwrap_or((path, ""));
                (Some(name), database)
            }
            Some(_) => return Err(refused("what stands after the `+` is neither `sentinel` nor `cluster`")),
        };
        if name.is_some_and(str::is_empty) {
            return Err(refused("it does not say by which name the Sentinels know the server"));
        }
        if !database.is_empty() && database.parse::<u16>().is_err() {
            return Err(refused("the database after the last `/` is no number"));
        }
        Ok(Self { text: text.to_owned(), is_tls, has_sentinels: name.is_some() })
    }
}

impl fmt::Display for CountersUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

written_as_text!(
    CountersUrl,
    "counters_url",
    "CountersUrl",
    "A Redis or Valkey: one server, one that Sentinels name, or a cluster. No password, no query.",
    ["rediss://cache.example.com:6379/0", "redis+sentinel://a,b,c/main", "redis+cluster://a:7000,b:7000"]
);

#[cfg(test)]
mod tests {
    use super::CountersUrl;

    #[test]
    fn an_address_says_what_stands_there() {
        let read = |text: &str| {
            let url: CountersUrl = text.parse().unwrap();
            (url.is_tls(), url.has_sentinels())
        };
        assert_eq!(read("redis://cache"), (false, false));
        assert_eq!(read("valkeys://[::1]:7000/3"), (true, false));
        assert_eq!(read("rediss+sentinel://a,b:7/main/0"), (true, true));
        assert_eq!(read("redis+cluster://a,b:7000/0"), (false, false));
    }

    #[test]
    fn what_is_wrong_is_said_and_a_password_is_not_repeated() {
        for (text, part) in [
            ("cache:6379", "no URL"),
            ("http://cache", "begin with"),
            ("redis://:hunter2@cache", "counters.password"),
            ("redis://cache?db=1", "query"),
            ("redis://a,b", "several"),
            ("redis://", "host that is not valid"),
            ("redis://a:0", "host that is not valid"),
            ("redis://a/x", "no number"),
            ("redis+sentinel://a", "which name"),
            ("redis+cluster://a/1", "database than 0"),
            ("redis+mirror://a", "neither"),
        ] {
            let refused = text.parse::<CountersUrl>().unwrap_err().to_string();
            assert!(refused.contains(part) && !refused.contains("hunter2"), "{text}: {refused}");
        }
    }
}
