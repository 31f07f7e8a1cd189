//! TLS: whom it trusts, and whom not.

use super::server::Server;
use super::{PATIENT, Replica, gauge};
use crate::backends::redis::{Login, Options, Place};
use crate::counters::{HoldId, Reason};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tg_kernel::ids::CallId;
use tg_kernel::secret::Secret;

struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { params, key: KeyPair::generate().unwrap() }
    }

    fn pem(&self) -> String {
        self.params.self_signed(&self.key).unwrap().pem()
    }

    /// A server of this name, with a password.
    fn server(&self, name: &str, folder: &tempfile::TempDir) -> Server {
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let file = |end: &str| folder.path().join(format!("{name}.{end}")).display().to_string();
        std::fs::write(file("crt"), certificate.pem()).unwrap();
        std::fs::write(file("key"), key.serialize_pem()).unwrap();
        std::fs::write(file("ca"), self.pem()).unwrap();
        Server::with(|port| {
            let files =
                ["--tls-cert-file", &file("crt"), "--tls-key-file", &file("key"), "--tls-ca-cert-file", &file("ca")];
            let port = port.to_string();
            let rest = ["--tls-port", &port, "--port", "0", "--tls-auth-clients", "no", "--requirepass", "hunter2"];
            files.iter().chain(&rest).map(|word| (*word).to_owned()).collect()
        })
    }
}

#[tokio::test]
async fn only_a_server_of_that_name_by_that_authority_is_spoken_to() {
    let folder = tempfile::TempDir::new().unwrap();
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (right, wrong_name) = (ours.server("127.0.0.1", &folder), ours.server("cache.example", &folder));
    let at = |server: &Server, ca: Option<String>| {
        let place = Place::parse(&format!("rediss://127.0.0.1:{}", server.port)).unwrap();
        let place = place.login(Login { user: None, password: Some(Secret::new("hunter2")) });
        let place = ca.map_or_else(|| Ok(place.clone()), |ca| place.clone().trusting(ca.into_bytes())).unwrap();
        Replica::of(Options { patience: PATIENT, ..Options::new(place) })
    };
    let ask = [gauge("g", 1)];
    assert!(at(&right, Some(ours.pem())).passes(&ask).await);
    for (server, ca) in [(&right, Some(theirs.pem())), (&right, None), (&wrong_name, Some(ours.pem()))] {
        let away = at(server, ca).link.reserve(HoldId::of(CallId::fresh()), &ask).await.unwrap_err();
        assert!(matches!(&away.reason, Reason::Connection(_)), "{away:?}");
        assert!(!format!("{away:?}").contains("hunter2"), "{away:?}");
    }
}
