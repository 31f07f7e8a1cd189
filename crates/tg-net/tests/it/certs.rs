//! The local authority: kept, protected, and refused where it is not ours.

use crate::support::{authority, client, get, serve, within};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tg_kernel::clock::{Clock as _, SystemClock};
use tg_net::certs::{CertsError, make_local_ca};
use tg_net::listener::ListenerOptions;
use tg_net::tls::{ServerTls, TrustedRoots};

#[tokio::test]
async fn a_kept_authority_still_vouches_for_a_new_certificate() {
    let authority = authority();
    let (ca, server_before) = (fs::read(&authority.files.ca).unwrap(), fs::read(&authority.files.server).unwrap());
    assert!(!authority.files.ca_kept);
    let again = make_local_ca(authority.dir.path(), &["gateway.test".into()], SystemClock::new().now()).unwrap();
    assert!(again.ca_kept);
    assert_eq!(fs::read(&again.ca).unwrap(), ca);
    assert_ne!(fs::read(&again.server).unwrap(), server_before);

    let tls = ServerTls::load(&again.server, &again.server_key).unwrap();
    let server = serve(ListenerOptions::default(), Some(tls));
    let roots = TrustedRoots::none().and(&again.ca).unwrap();
    for host in ["localhost", "127.0.0.1"] {
        let uri = format!("https://{host}:{}/facts", server.addr.port());
        within(client(&roots).send(get(&uri))).await.unwrap();
    }
}

#[cfg(unix)]
#[test]
fn keys_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let authority = authority();
    for (path, mode) in [(&authority.files.ca_key, 0o600), (&authority.files.server_key, 0o600)] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn what_cannot_be_used_is_refused() {
    let make = |dir: &Path, name: &str| make_local_ca(dir, &[name.to_owned()], SystemClock::new().now());
    let dir = TempDir::new().unwrap();
    assert!(matches!(make(dir.path(), "no host name"), Err(CertsError::BadName(_))));

    let (one, other) = (authority(), authority());
    fs::copy(&other.files.ca, &one.files.ca).unwrap();
    assert!(matches!(make(one.dir.path(), "a.test"), Err(CertsError::Foreign { .. })));
    fs::remove_file(&one.files.ca_key).unwrap();
    assert!(matches!(make(one.dir.path(), "a.test"), Err(CertsError::Half { .. })));
}
