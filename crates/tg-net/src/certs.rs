//! A local certificate authority for development: clients that insist on HTTPS can be pointed at a gateway at once.

use crate::tls::{TlsError, read_certificates};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{ServerName, UnixTime};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tg_kernel::clock::Timestamp;

/// The files of a local authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalCa {
    /// The authority's certificate: what clients must trust (`AWS_CA_BUNDLE`, `NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE`).
    pub ca: PathBuf,
    /// The authority's key. Readable by its owner only.
    pub ca_key: PathBuf,
    /// The server's certificate.
    pub server: PathBuf,
    /// The server's key. Readable by its owner only.
    pub server_key: PathBuf,
    /// Whether an authority was found and kept, so that clients which trust it need no change.
    pub ca_kept: bool,
}

/// Why no local authority could be made.
#[derive(Debug, thiserror::Error)]
pub enum CertsError {
    /// A file cannot be read or written.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Only one of the authority's two files is there.
    #[error("{present} exists but {absent} does not; restore it, or remove both to make a new authority")]
    Half {
        /// The file that is there.
        present: PathBuf,
        /// The file that is not.
        absent: PathBuf,
    },
    /// A name is not a host name or address.
    #[error("{0:?} is not a host name or an IP address")]
    BadName(String),
    /// The authority found was not made here, or its files do not belong together.
    #[error("{ca} and {key} cannot be used as a local authority ({reason}); remove both to make a new one")]
    Foreign {
        /// The certificate.
        ca: PathBuf,
        /// The key.
        key: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file cannot be read as a certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Keys or certificates could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

/// Names that every local certificate covers.
const ALWAYS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Clients refuse server certificates that live longer than 825 days; authorities may live ten years.
const SERVER_DAYS: i64 = 820;
const CA_DAYS: i64 = 3650;
const DAY: i64 = 86_400;

/// Writes `ca.pem`, `ca-key.pem`, `server.pem` and `server-key.pem` into `dir` (made if missing). The server's
/// certificate covers `localhost`, `127.0.0.1`, `::1` and `names`, is good from a day before `now` for 820 days, and
/// replaces an earlier one; an authority that is already there is kept.
///
/// # Errors
/// When a file cannot be used, a name is none, or the authority found was not made by this function.
pub fn make_local_ca(dir: &Path, names: &[String], now: Timestamp) -> Result<LocalCa, CertsError> {
    fs::create_dir_all(dir).map_err(|source| CertsError::File { path: dir.into(), source })?;
    let [ca, ca_key, server, server_key] =
        ["ca.pem", "ca-key.pem", "server.pem", "server-key.pem"].map(|name| dir.join(name));
    let ca_kept = match (ca.exists(), ca_key.exists()) {
        (true, true) => true,
        (false, false) => false,
        (true, false) => return Err(CertsError::Half { present: ca, absent: ca_key }),
        (false, true) => return Err(CertsError::Half { present: ca_key, absent: ca }),
    };
    let authority_params = authority(now)?;
    let authority_key = if ca_kept {
        let pem = fs::read_to_string(&ca_key).map_err(|source| CertsError::File { path: ca_key.clone(), source })?;
        let foreign = |e: rcgen::Error| foreign(&ca, &ca_key, e.to_string());
        KeyPair::from_pem(&pem).map_err(foreign)?
    } else {
        let key = KeyPair::generate()?;
        write_private(&ca_key, &key.serialize_pem())?;
        write(&ca, &authority_params.self_signed(&key)?.pem())?;
        key
    };
    let issuer = Issuer::from_params(&authority_params, &authority_key);
    let key = KeyPair::generate()?;
    let certificate = server_params(names, now)?.signed_by(&key, &issuer)?;
    verify(&ca, certificate.der(), now).map_err(|reason| foreign(&ca, &ca_key, reason))?;
    write_private(&server_key, &key.serialize_pem())?;
    write(&server, &certificate.pem())?;
    Ok(LocalCa { ca, ca_key, server, server_key, ca_kept })
}

fn foreign(ca: &Path, key: &Path, reason: String) -> CertsError {
    CertsError::Foreign { ca: ca.into(), key: key.into(), reason }
}

/// The authority's parameters. Its name never varies: an existing authority is used by its key and this name alone.
fn authority(now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name = name("Tallygate local authority");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    validity(&mut params, now, CA_DAYS);
    Ok(params)
}

fn server_params(names: &[String], now: Timestamp) -> Result<CertificateParams, CertsError> {
    let mut all: Vec<String> = ALWAYS.map(str::to_owned).into();
    for name in names {
        if ServerName::try_from(name.as_str()).is_err() {
            return Err(CertsError::BadName(name.clone()));
        }
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    let mut params = CertificateParams::new(all)?;
    params.distinguished_name = name("Tallygate local server");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    validity(&mut params, now, SERVER_DAYS);
    Ok(params)
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// A day's slack towards the past, for clients whose clocks are behind.
fn validity(params: &mut CertificateParams, now: Timestamp, days: i64) {
    let day = |offset: i64| Timestamp::from_seconds(now.seconds() + offset * DAY).system_time();
    params.not_before = day(-1).into();
    params.not_after = day(days).into();
}

/// Whether a client that trusts only `ca` would trust `server`.
fn verify(ca: &Path, server: &rustls::pki_types::CertificateDer<'_>, now: Timestamp) -> Result<(), String> {
    let mut roots = rustls::RootCertStore::empty();
    for root in read_certificates(ca).map_err(|e| e.to_string())? {
        roots.add(root).map_err(|e| e.to_string())?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let verifier = verifier.map_err(|e| e.to_string())?;
    let localhost = ServerName::try_from("localhost").map_err(|e| e.to_string())?;
    let seconds = u64::try_from(now.seconds()).unwrap_or(0);
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    verifier.verify_server_cert(server, &[], &localhost, &[], at).map(|_| ()).map_err(|e| e.to_string())
}

fn write(path: &Path, pem: &str) -> Result<(), CertsError> {
    fs::write(path, pem).map_err(|source| CertsError::File { path: path.into(), source })
}

/// Writes a key so that it is never readable by others, not even for a moment.
fn write_private(path: &Path, pem: &str) -> Result<(), CertsError> {
    let failed = |source| CertsError::File { path: path.into(), source };
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(pem.as_bytes()).map_err(failed)
}
