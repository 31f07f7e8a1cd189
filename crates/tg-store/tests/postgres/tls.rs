//! Encrypted connections to a server.

use crate::server::PostgresServer;
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tg_store::{Encryption, Postgres, Store};

/// An authority, and a server's certificate of it for `localhost`.
struct Certificates {
    authority: rcgen::Certificate,
    server: rcgen::Certificate,
    key: KeyPair,
}

fn certificates() -> Certificates {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let named = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let server = named.signed_by(&key, &Issuer::new(params, authority_key)).unwrap();
    Certificates { authority, server, key }
}

fn trusting(authorities: &[&rcgen::Certificate]) -> Encryption {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.der().clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Encryption::Verified(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

fn connect(server: &PostgresServer, host: &str, encryption: Encryption) -> Result<Store, String> {
    let hosts = vec![(host.to_owned(), server.port)];
    let address = Postgres { hosts, encryption, ..server.address("postgres") };
    Store::connect(address).map_err(|refused| refused.to_string())
}

#[test]
fn a_server_is_trusted_for_its_name_and_its_authority_alone() {
    let mut server = PostgresServer::start(&[]);
    let unencrypted = connect(&server, "localhost", Encryption::Unverified).unwrap_err();
    assert!(unencrypted.contains("TLS"), "a server without TLS is not spoken to in the clear: {unencrypted}");

    let (right, other) = (certificates(), certificates());
    server.certify(&right.server.pem(), &right.key.serialize_pem());
    let store = connect(&server, "localhost", trusting(&[&right.authority])).unwrap();
    store.directory().unwrap();
    let seen = "SELECT count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND \
                application_name = 'tallygate'";
    let directory = store.directory().unwrap();
    assert_eq!(server.sql("postgres", seen), "t");
    drop(directory);

    let unknown = connect(&server, "localhost", trusting(&[&other.authority])).unwrap_err();
    assert!(unknown.contains("certificate"), "{unknown}");
    let misnamed = connect(&server, "127.0.0.1", trusting(&[&right.authority])).unwrap_err();
    assert!(misnamed.contains("certificate"), "{misnamed}");
    connect(&server, "127.0.0.1", Encryption::Unverified).unwrap();
}
