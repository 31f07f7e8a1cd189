//! Opening the store that a configuration names: a file, or a PostgreSQL database.

use anyhow::{Context as _, Result, anyhow};
use std::net::IpAddr;
use std::path::PathBuf;
use tg_config::document::{Document, Store as Declared, StoreTlsMode};
use tg_config::grammar::{Host, Period, SecretRef, StoreUrl};
use tg_config::secrets::{StoreSecrets, resolve_store_secrets};
use tg_kernel::secret::Secret;
use tg_net::egress::EgressPolicy;
use tg_net::tls::TrustedRoots;
use tg_store::{DirectoryError, Encryption, Postgres, Store, StoreError};

/// The variable that holds the password of a database that is named on the command line.
const PASSWORD_VARIABLE: &str = "TALLYGATE_STORE_PASSWORD";

/// Opens the store, and makes what is missing. A database that is away is waited for as long as the configuration says.
///
/// # Errors
/// When the store, or the authorities that its certificate is held against, cannot be used.
pub fn open(
    declared: &Declared,
    password: Option<&Secret>,
    roots: impl FnOnce() -> Result<TrustedRoots>,
) -> Result<Store> {
    match &declared.url {
        None => Ok(Store::open(declared.path())?),
        Some(url) => Ok(Store::connect(address(declared, url, password, roots)?)?),
    }
}

/// Opens the store for a command, which does not wait for a database that is away; with what secrets in the store are
/// encrypted with.
///
/// # Errors
/// When a secret is missing, or the store cannot be used.
pub(crate) fn open_at_a_terminal(document: &Document) -> Result<(Store, Option<Secret>)> {
    let StoreSecrets { secrets_key, password } = resolve_store_secrets(document, &environment)?;
    let declared = Declared { start_wait: Period::seconds(0), ..document.store.clone() };
    Ok((open(&declared, password.as_ref(), crate::process::roots)?, secrets_key))
}

/// Opens the store for a command on revisions, in which nothing is encrypted: of the document's secrets its password alone
/// is needed.
///
/// # Errors
/// As [`open_at_a_terminal`].
pub(crate) fn open_for_revisions(document: &Document) -> Result<Store> {
    let mut document = document.clone();
    document.identity.secrets_key = None;
    Ok(open_at_a_terminal(&document)?.0)
}

/// Whether what failed is a store that may answer the next time: it is away, or another process holds it.
pub(crate) fn is_passing(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let of_directory = || match cause.downcast_ref()? {
            DirectoryError::Store(error) => Some(error),
            _ => None,
        };
        let error = cause.downcast_ref().or_else(of_directory);
        matches!(error, Some(StoreError::Away { .. } | StoreError::Locked { .. }))
    })
}

/// Puts the store that is named on the command line, by path or by URL, in the place of the declared one.
///
/// # Errors
/// When it is no valid URL.
pub(crate) fn name_another(store: &mut Declared, named: &str) -> Result<()> {
    if named.starts_with("postgres://") || named.starts_with("postgresql://") {
        store.url = Some(named.parse().map_err(|refused| anyhow!("--store: {refused}"))?);
        store.path = None;
        let given = environment(PASSWORD_VARIABLE).filter(|password| !password.is_empty());
        store.password = given.map(|_| SecretRef::Env(PASSWORD_VARIABLE.to_owned())).or(store.password.take());
    } else {
        *store = Declared { path: Some(PathBuf::from(named)), ..Declared::default() };
    }
    Ok(())
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn address(
    declared: &Declared,
    url: &StoreUrl,
    password: Option<&Secret>,
    roots: impl FnOnce() -> Result<TrustedRoots>,
) -> Result<Postgres> {
    let encryption = match declared.tls_mode() {
        StoreTlsMode::Off => Encryption::Off,
        StoreTlsMode::Require => Encryption::Unverified,
        StoreTlsMode::VerifyFull => {
            let trusted = match &declared.tls.ca {
                Some(ca) => TrustedRoots::none().and(ca).context("store.tls.ca")?,
                None => roots()?,
            };
            Encryption::Verified(trusted.client_config()?.into())
        }
    };
    let name = |host: &Host| match host {
        Host::Name(name) => name.clone(),
        Host::Ip(ip) => ip.to_string(),
    };
    Ok(Postgres {
        hosts: url.hosts().iter().map(|(host, port)| (name(host), *port)).collect(),
        database: url.database().to_owned(),
        user: url.user().to_owned(),
        password: password.cloned(),
        encryption,
        may_dial,
        start_wait: declared.start_wait.get(),
    })
}

/// A database is mostly in a private network; what serves credentials is never dialled.
fn may_dial(address: IpAddr) -> Result<(), String> {
    EgressPolicy::LOCAL.check(address).map_err(|refused| refused.to_string())
}
