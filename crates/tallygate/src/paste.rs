//! What an operator pastes into a shell: addresses that can be called, and words that the shell takes as they are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use tg_config::document::Tls;

/// How a listener is called from this machine.
pub(crate) struct Reach {
    /// The address to call: `https://127.0.0.1:8080`.
    pub(crate) base: String,
    /// Listening on every address of the machine.
    pub(crate) everywhere: bool,
    authority: Option<PathBuf>,
}

impl Reach {
    /// A listener at `address`. What `tallygate certs` made stands beside its certificate: callers trust it by that.
    pub(crate) fn of(address: SocketAddr, tls: Option<&Tls>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let beside = |tls: &Tls| Some(tls.certificate.parent()?.join("ca.pem"));
        let ours = tls.filter(|tls| tls.certificate.ends_with("server.pem"));
        Self {
            base: format!("{scheme}://{}", callable(address)),
            everywhere: address.ip().is_unspecified(),
            authority: ours.and_then(beside).filter(|path| path.is_file()),
        }
    }

    /// What curl needs besides the address, with a blank before it.
    pub(crate) fn curl_options(&self) -> String {
        self.authority.as_ref().map_or_else(String::new, |path| format!(" --cacert {}", word(&path.to_string_lossy())))
    }
}

/// The address by which this machine calls a listener: nobody can call `0.0.0.0`.
fn callable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The text as one word of a shell.
pub(crate) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@%+=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{Reach, word};
    use tg_config::document::Tls;

    #[test]
    fn an_address_can_be_called_from_this_machine() {
        for (address, tls, base, everywhere) in [
            ("127.0.0.1:8080", false, "http://127.0.0.1:8080", false),
            ("192.0.2.7:80", true, "https://192.0.2.7:80", false),
            ("0.0.0.0:8080", false, "http://127.0.0.1:8080", true),
            ("[::]:8443", true, "https://[::1]:8443", true),
        ] {
            let certificate = Tls { certificate: "none/server.pem".into(), key: "none/key.pem".into() };
            let reach = Reach::of(address.parse().unwrap(), tls.then_some(&certificate));
            assert_eq!((reach.base.as_str(), reach.everywhere), (base, everywhere), "{address}");
            assert_eq!(reach.curl_options(), "", "no authority is there");
        }
    }

    #[test]
    fn an_authority_of_our_own_is_named() {
        let folder = tempfile::Builder::new().prefix("of an operator's ").tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), "").unwrap();
        for (certificate, named) in [("server.pem", true), ("bought.pem", false)] {
            let tls = Tls { certificate: folder.path().join(certificate), key: "key.pem".into() };
            let options = Reach::of("127.0.0.1:1".parse().unwrap(), Some(&tls)).curl_options();
            assert_eq!(options.starts_with(" --cacert '"), named, "{options}");
            assert_eq!(options.contains(r"of an operator'\''s "), named, "{options}");
        }
    }

    #[test]
    fn a_shell_reads_a_word_as_it_is() {
        for (text, written) in [("certs/ca.pem", "certs/ca.pem"), ("", "''"), ("a b", "'a b'"), ("$x'", r"'$x'\'''")] {
            assert_eq!(word(text), written);
        }
    }
}
