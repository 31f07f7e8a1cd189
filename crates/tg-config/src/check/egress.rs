//! Which addresses a document may name for a provider.

use super::Findings;
use crate::document::{Egress, Provider};
use crate::grammar::{BaseUrl, Host};
use crate::problem::Path;
use std::net::IpAddr;

/// Checks the address that stands at `path`.
pub(super) fn check(provider: &Provider, url: &BaseUrl, path: &Path, found: &mut Findings) {
    check_url(provider.egress, url, path, found);
}

/// Checks the address that stands at `path`, under what may be dialled beyond public addresses.
pub(super) fn check_url(egress: Egress, url: &BaseUrl, path: &Path, found: &mut Findings) {
    let loopback = url.host().is_loopback();
    if let Host::Ip(ip) = url.host() {
        match reach(ip.to_canonical()) {
            Reach::Never => {
                found.add(
                    path.clone(),
                    format!("{ip} is an address that is never dialled"),
                    "name the provider's own address",
                );
                return;
            }
            Reach::Private if !egress.allow_private => {
                let hint = "set `egress: {allow_private: true}` if this is meant";
                found.add(path.clone(), format!("{ip} is a private address"), hint);
            }
            Reach::Private | Reach::Loopback | Reach::Public => {}
        }
    }
    if !url.is_https() && !loopback && !egress.allow_http {
        found.add(
            path.clone(),
            "is not encrypted: prompts and credentials could be read on the way",
            "write `https://`, or set `egress: {allow_http: true}` if this is meant",
        );
    }
}

pub(super) enum Reach {
    Public,
    Private,
    Loopback,
    Never,
}

pub(super) fn reach(ip: IpAddr) -> Reach {
    let (loopback, private, never) = match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            // Where Alibaba Cloud and Azure hand out credentials, outside of the link-local range.
            let metadata = [[100, 100, 100, 200], [168, 63, 129, 16]].contains(&v4.octets());
            let never = metadata || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || a == 0 || a >= 240;
            (v4.is_loopback(), v4.is_private() || shared, never)
        }
        IpAddr::V6(v6) => {
            // The metadata service of EC2 lies within the private range.
            let metadata = v6.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254];
            let never = v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified() || metadata;
            (v6.is_loopback(), v6.is_unique_local(), never)
        }
    };
    match (never, loopback, private) {
        (true, ..) => Reach::Never,
        (_, true, _) => Reach::Loopback,
        (_, _, true) => Reach::Private,
        _ => Reach::Public,
    }
}
