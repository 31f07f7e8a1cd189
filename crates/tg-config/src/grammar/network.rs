//! Source networks of callers.

use super::{Refused, quoted, written_as_text};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Addresses from which something is accepted: a network with the length of its prefix, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    /// The network.
    #[must_use]
    pub const fn get(self) -> IpNet {
        self.0
    }
}

impl FromStr for Network {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let single = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| single()).map(Self).map_err(|_| {
            let message = format!("{} is not a network", quoted(text));
            Refused::new(message, "write as in `10.20.0.0/16`, `2001:db8::/32` or `192.0.2.7`")
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

written_as_text!(
    Network,
    "network",
    "Network",
    "Addresses from which something is accepted: a network with the length of its prefix, or one address.",
    ["10.20.0.0/16", "192.0.2.7"]
);
