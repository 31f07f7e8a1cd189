//! Which addresses may be dialled: the guard against a configured or resolved name that points into our own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What one provider's connections may do beyond HTTPS to public addresses. The default allows nothing more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct EgressPolicy {
    /// Plain `http://`.
    pub allow_http: bool,
    /// Private networks: RFC 1918, shared address space (100.64.0.0/10), IPv6 unique local.
    pub allow_private: bool,
    /// This machine: 127.0.0.0/8 and ::1.
    pub allow_loopback: bool,
}

/// Why an address may not be dialled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressRefusal {
    /// The address is of a private network.
    #[error(
        "{0} is a private address; allow_private permits it: in the egress of a provider, in identity.aws for STS and issuers"
    )]
    Private(IpAddr),
    /// The address is this machine.
    #[error("{0} is this machine; set allow_loopback on the provider to permit it")]
    Loopback(IpAddr),
    /// The address serves credentials or never names a provider; no setting permits it.
    #[error("{0} is {1} and is never dialled")]
    Forbidden(IpAddr, &'static str),
    /// The scheme is `http`.
    #[error("the address is plain http; use https, or set allow_http on the provider to permit it")]
    PlainHttp,
    /// The scheme is neither `http` nor `https`, or there is no host.
    #[error("the address must begin with https:// (or http://) and name a host")]
    NotAnAddress,
}

impl EgressPolicy {
    /// Everything that a setting can allow: for tests and local servers.
    pub const LOCAL: Self = Self { allow_http: true, allow_private: true, allow_loopback: true };

    /// Whether this address may be dialled. IPv6 forms that carry an IPv4 address are judged by it.
    ///
    /// # Errors
    /// The reason why not.
    pub fn check(&self, address: IpAddr) -> Result<(), EgressRefusal> {
        match reach(address) {
            Reach::Public => Ok(()),
            Reach::Private if self.allow_private => Ok(()),
            Reach::Loopback if self.allow_loopback => Ok(()),
            Reach::Private => Err(EgressRefusal::Private(address)),
            Reach::Loopback => Err(EgressRefusal::Loopback(address)),
            Reach::Never(what) => Err(EgressRefusal::Forbidden(address, what)),
        }
    }

    /// Whether this scheme may be used.
    ///
    /// # Errors
    /// The reason why not.
    pub fn check_scheme(&self, scheme: Option<&str>) -> Result<(), EgressRefusal> {
        match scheme {
            Some("https") => Ok(()),
            Some("http") if self.allow_http => Ok(()),
            Some("http") => Err(EgressRefusal::PlainHttp),
            _ => Err(EgressRefusal::NotAnAddress),
        }
    }
}

enum Reach {
    Public,
    Private,
    Loopback,
    Never(&'static str),
}

/// Addresses at which clouds hand out credentials although they lie in ranges that may be allowed.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

fn reach(address: IpAddr) -> Reach {
    if METADATA.contains(&address) {
        return Reach::Never("a cloud's metadata endpoint");
    }
    match address {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

/// The special-purpose registry: <https://www.iana.org/assignments/iana-ipv4-special-registry>.
fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [0, ..] => Reach::Never("an unspecified address"),
        [127, ..] => Reach::Loopback,
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => Reach::Private,
        [169, 254, ..] => Reach::Never("a link-local address"),
        [192, 0, 0, _] | [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [198, 18..=19, ..] => {
            Reach::Never("an address reserved for protocols, documentation or benchmarks")
        }
        [192, 88, 99, _] => Reach::Never("a relay address"),
        [224..=239, ..] => Reach::Never("a multicast address"),
        [240..=255, ..] => Reach::Never("a reserved or broadcast address"),
        _ => Reach::Public,
    }
}

/// The special-purpose registry: <https://www.iana.org/assignments/iana-ipv6-special-registry>.
fn reach_v6(address: Ipv6Addr) -> Reach {
    let low = |a: u16, b: u16| {
        let ([a, b], [c, d]) = (a.to_be_bytes(), b.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Never("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Loopback,
        [0, 0, 0, 0, 0, 0xffff, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] | [0x2002, a, b, ..] => reach(low(a, b)),
        [0, 0, 0, 0, 0, 0, ..] => Reach::Never("a deprecated IPv4-compatible address"),
        [0x64, 0xff9b, 1, ..] | [0x2001, 0, ..] => Reach::Never("a translation address"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] | [0x100, 0, 0, ..] => {
            Reach::Never("an address reserved for documentation or discarding")
        }
        [0xfc00..=0xfdff, ..] => Reach::Private,
        [0xfe80..=0xfebf, ..] => Reach::Never("a link-local address"),
        [0xfec0..=0xfeff, ..] => Reach::Never("a deprecated site-local address"),
        [0xff00..=0xffff, ..] => Reach::Never("a multicast address"),
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never("an unassigned address"),
    }
}

#[cfg(test)]
mod tests {
    use super::{EgressPolicy, EgressRefusal};

    #[derive(Debug, PartialEq)]
    enum Verdict {
        Always,
        IfPrivate,
        IfLoopback,
        Never,
    }
    use Verdict::{Always, IfLoopback, IfPrivate, Never};

    #[test]
    fn every_kind_of_address_has_its_rule() {
        let private = EgressPolicy { allow_private: true, ..EgressPolicy::default() };
        let loopback = EgressPolicy { allow_loopback: true, ..EgressPolicy::default() };
        for (address, expected) in TABLE {
            let ip = address.parse().unwrap();
            let found = match (EgressPolicy::default().check(ip), private.check(ip), loopback.check(ip)) {
                (Ok(()), Ok(()), Ok(())) => Always,
                (Err(_), Ok(()), Err(_)) => IfPrivate,
                (Err(_), Err(_), Ok(())) => IfLoopback,
                (Err(_), Err(_), Err(_)) => Never,
                other => panic!("{address}: {other:?}"),
            };
            assert_eq!(&found, expected, "{address}");
            assert_eq!(EgressPolicy::LOCAL.check(ip).is_err(), *expected == Never, "{address}");
        }
    }

    const TABLE: &[(&str, Verdict)] = &[
        ("8.8.8.8", Always),
        ("52.94.133.131", Always),
        ("2606:4700::6810:1", Always),
        ("10.0.0.1", IfPrivate),
        ("172.15.255.255", Always),
        ("172.16.0.1", IfPrivate),
        ("172.31.255.255", IfPrivate),
        ("172.32.0.1", Always),
        ("192.168.1.1", IfPrivate),
        ("100.63.255.255", Always),
        ("100.64.0.1", IfPrivate),
        ("100.127.255.255", IfPrivate),
        ("100.100.100.200", Never),
        ("fd12:3456::1", IfPrivate),
        ("fd00:ec2::254", Never),
        ("127.0.0.1", IfLoopback),
        ("127.255.255.254", IfLoopback),
        ("::1", IfLoopback),
        ("169.254.169.254", Never),
        ("169.254.1.1", Never),
        ("168.63.129.16", Never),
        ("fe80::1", Never),
        ("0.0.0.0", Never),
        ("0.1.2.3", Never),
        ("::", Never),
        ("224.0.0.1", Never),
        ("239.255.255.255", Never),
        ("ff02::1", Never),
        ("255.255.255.255", Never),
        ("240.0.0.1", Never),
        ("192.0.2.1", Never),
        ("198.18.0.1", Never),
        ("2001:db8::1", Never),
        ("2001::1", Never),
        ("::ffff:8.8.8.8", Always),
        ("::ffff:127.0.0.1", IfLoopback),
        ("::ffff:10.1.2.3", IfPrivate),
        ("::ffff:169.254.169.254", Never),
        ("::127.0.0.1", Never),
        ("64:ff9b::a00:1", IfPrivate),
        ("64:ff9b::808:808", Always),
        ("64:ff9b:1::1", Never),
        ("2002:7f00:1::", IfLoopback),
        ("fec0::1", Never),
        ("4000::1", Never),
    ];

    #[test]
    fn plain_http_needs_leave() {
        let strict = EgressPolicy::default();
        assert_eq!(strict.check_scheme(Some("https")), Ok(()));
        assert_eq!(strict.check_scheme(Some("http")), Err(EgressRefusal::PlainHttp));
        assert_eq!(EgressPolicy::LOCAL.check_scheme(Some("http")), Ok(()));
        for scheme in [None, Some("ftp"), Some("file")] {
            assert_eq!(EgressPolicy::LOCAL.check_scheme(scheme), Err(EgressRefusal::NotAnAddress));
        }
    }
}
