//! Where to listen and where to call.

use super::{Refused, quoted, written_as_text};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// An address to listen on: an IP address and a port (0: any free port). Never a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address(SocketAddr);

impl Address {
    /// This port of the IPv4 loopback address.
    #[must_use]
    pub const fn loopback(port: u16) -> Self {
        Self(SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port))
    }

    /// As the standard library has it.
    #[must_use]
    pub const fn get(self) -> SocketAddr {
        self.0
    }
}

impl FromStr for Address {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        text.parse().map(Self).map_err(|_| {
            Refused::new(
                format!("{} is not an IP address with a port", quoted(text)),
                "write as in `127.0.0.1:8080`, `0.0.0.0:8080` or `[::]:8080`",
            )
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

written_as_text!(
    Address,
    "address",
    "Address",
    "An address to listen on: an IP address and a port (0: any free port).",
    ["127.0.0.1:8080", "[::]:8080"]
);

/// Where a provider is reached: `https://` or `http://`, a host, perhaps a port and a path. No user, query or
/// fragment; no `/` at the end. At most 2048 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    text: String,
    host: Host,
}

/// The host of a [`BaseUrl`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name to be resolved; lower case.
    Name(String),
    /// An address, named literally.
    Ip(IpAddr),
}

impl Host {
    /// Whether it names this machine literally: `localhost`, 127.0.0.0/8 or `::1`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost",
            Self::Ip(ip) => ip.to_canonical().is_loopback(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

impl BaseUrl {
    /// The URL, without `/` at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it begins with `https://`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https://")
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }
}

impl FromStr for BaseUrl {
    type Err = Refused;

    // A URL may carry credentials by mistake, so no message repeats it.
    fn from_str(text: &str) -> Result<Self, Refused> {
        let refused = |what: &str| Refused::new(what, "write as in `https://api.example.com/v1`");
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or_else(|| refused("the URL does not begin with `https://` or `http://`"))?;
        if text.len() > 2048 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(refused("the URL is longer than 2048 characters, or not all visible ASCII"));
        }
        if rest.contains(['?', '#', '@', '\\']) {
            return Err(refused("the URL has a user, a query or a fragment"));
        }
        let authority = rest.split('/').next().unwrap_or_default();
        let host = host_of(authority).ok_or_else(|| refused("the URL has no valid host"))?;
        Ok(Self { text: text.trim_end_matches('/').to_owned(), host })
    }
}

fn host_of(authority: &str) -> Option<Host> {
    host_and_port(authority).map(|(host, _)| host)
}

/// A host with the port that may stand behind it.
pub(super) fn host_and_port(authority: &str) -> Option<(Host, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (ip, tail) = rest.split_once(']')?;
            let ip = ip.parse::<Ipv6Addr>().ok()?;
            let port = if tail.is_empty() { None } else { Some(tail.strip_prefix(':')?) };
            (Host::Ip(IpAddr::V6(ip)), port)
        }
        None => {
            let (name, port) = authority.split_once(':').map_or((authority, None), |(name, port)| (name, Some(port)));
            (named_host(name)?, port)
        }
    };
    let read = |port: &str| port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok()).flatten();
    match port.map(read) {
        None => Some((host, None)),
        Some(Some(port)) if port > 0 => Some((host, Some(port))),
        Some(_) => None,
    }
}

fn named_host(name: &str) -> Option<Host> {
    if let Ok(ip) = name.parse::<std::net::Ipv4Addr>() {
        return Some(Host::Ip(IpAddr::V4(ip)));
    }
    let label_is_good = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits would be read as an address in one of its odd spellings (`127.1`, `2130706433`).
    let last = name.rsplit('.').next().unwrap_or_default();
    let odd_address = last.bytes().next().is_some_and(|b| b.is_ascii_digit());
    (name.len() <= 253 && name.split('.').all(label_is_good) && !odd_address)
        .then(|| Host::Name(name.to_ascii_lowercase()))
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

written_as_text!(
    BaseUrl,
    "base_url",
    "BaseUrl",
    "A URL without user, query or fragment; the paths of the provider's API are added to it.",
    ["https://api.example.com/v1", "http://127.0.0.1:11434/v1"]
);
