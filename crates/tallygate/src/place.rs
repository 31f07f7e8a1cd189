//! Opening the store that a configuration names: a file, or a PostgreSQL database.

use anyhow::{Context as _, Result};
use std::net::IpAddr;
use tg_config::document::{Store as Declared, StoreTlsMode};
use tg_config::grammar::{Host, StoreUrl};
use tg_kernel::secret::Secret;
use tg_net::egress::EgressPolicy;
use tg_net::tls::TrustedRoots;
use tg_store::{Encryption, Postgres, Store};

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
