//! TLS: the server's certificate, replaceable while it serves, and the roots that upstream connections trust.

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file holds no PEM section of the kind needed.
    #[error("{path} holds no {kind} in PEM form; expected a section that begins with {example}")]
    Missing {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        kind: &'static str,
        /// How such a section begins.
        example: &'static str,
    },
    /// A file's PEM cannot be decoded.
    #[error("{path} is not valid PEM: {reason}")]
    BadPem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key do not go together, or one is of an unsupported kind.
    #[error("the certificate in {certificate} and the key in {key} cannot be used: {reason}")]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        reason: rustls::Error,
    },
    /// A certificate authority cannot be trusted.
    #[error("the certificate authority in {path} cannot be used: {reason}")]
    BadRoot {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: rustls::Error,
    },
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// A server's certificate and key. Clones share one certificate; [`ServerTls::reload`] replaces it for all.
#[derive(Clone, Debug)]
pub struct ServerTls {
    current: Arc<ArcSwap<ServerConfig>>,
    certificate: PathBuf,
    key: PathBuf,
}

impl ServerTls {
    /// Reads a certificate chain (leaf first) and its key. Offers `h2` and `http/1.1`; TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// When a file cannot be read, is not PEM, or the two do not go together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let config = server_config(certificate, key)?;
        Ok(Self {
            current: Arc::new(ArcSwap::from_pointee(config)),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Reads the same files again, without using them yet.
    ///
    /// # Errors
    /// As [`ServerTls::load`].
    pub fn renewal(&self) -> Result<Renewal, TlsError> {
        Ok(Renewal(Arc::new(server_config(&self.certificate, &self.key)?)))
    }

    /// Puts what was read into use: later handshakes use it; open connections are not touched.
    pub fn renew(&self, renewal: Renewal) {
        self.current.store(renewal.0);
    }

    /// Reads the same files again and uses them.
    ///
    /// # Errors
    /// As [`ServerTls::load`]; the certificate in use then stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.renew(self.renewal()?);
        Ok(())
    }

    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }
}

/// A certificate and key that were read and found good.
#[derive(Clone, Debug)]
pub struct Renewal(Arc<ServerConfig>);

fn server_config(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let chain = read_certificates(certificate)?;
    let private = read_key(key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|reason| TlsError::Unusable { certificate: certificate.into(), key: key.into(), reason })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Reads every certificate of a PEM file; at least one.
///
/// # Errors
/// When the file cannot be read, is not PEM, or holds no certificate.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let chain = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| TlsError::BadPem { path: path.into(), reason: e.to_string() })?;
    if chain.is_empty() {
        let (kind, example) = ("certificate", "-----BEGIN CERTIFICATE-----");
        return Err(TlsError::Missing { path: path.into(), kind, example });
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    use rustls::pki_types::pem::Error;
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|e| match e {
        Error::NoItemsFound => {
            let (kind, example) = ("private key", "-----BEGIN PRIVATE KEY-----");
            TlsError::Missing { path: path.into(), kind, example }
        }
        other => TlsError::BadPem { path: path.into(), reason: other.to_string() },
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.into(), source })
}

/// Whom upstream connections trust. Build it once and share it: the system's roots are many.
#[derive(Clone, Debug)]
pub struct TrustedRoots {
    store: Arc<RootCertStore>,
}

impl TrustedRoots {
    /// Mozilla's roots, compiled in, and those of the machine. Roots of the machine that cannot be read are left out.
    #[must_use]
    pub fn public() -> Self {
        let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let native = rustls_native_certs::load_native_certs();
        let (_, unusable) = store.add_parsable_certificates(native.certs);
        for error in &native.errors {
            tracing::debug!(%error, "a certificate authority of this machine cannot be read");
        }
        tracing::debug!(roots = store.len(), unusable, "trusted certificate authorities");
        Self { store: Arc::new(store) }
    }

    /// These roots and every certificate in a PEM file.
    ///
    /// # Errors
    /// When the file cannot be read, is not PEM, holds no certificate, or one that cannot be an authority.
    pub fn and(&self, path: &Path) -> Result<Self, TlsError> {
        let mut store = RootCertStore::clone(&self.store);
        for certificate in read_certificates(path)? {
            store.add(certificate).map_err(|reason| TlsError::BadRoot { path: path.into(), reason })?;
        }
        Ok(Self { store: Arc::new(store) })
    }

    /// No roots at all: a start for [`TrustedRoots::and`] where only a private authority shall be trusted.
    #[must_use]
    pub fn none() -> Self {
        Self { store: Arc::new(RootCertStore::empty()) }
    }

    /// Settings of a client that trusts these.
    ///
    /// # Errors
    /// When the cryptography offers no protocol that is safe.
    pub fn client_config(&self) -> Result<ClientConfig, TlsError> {
        Ok(ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&self.store))
            .with_no_client_auth())
    }
}
