//! The connections of one worker: one pool per provider, kept over reloads as long as its settings stay the same.

use crate::provider::Upstream;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tg_kernel::fault::Fault;
use tg_net::client::{Client, ClientOptions};
use tg_net::egress::EgressPolicy;
use tg_net::resolve::Resolver;
use tg_net::tls::TrustedRoots;

/// The pools of one worker. Use it on that worker's runtime only.
pub struct Pools {
    roots: TrustedRoots,
    resolver: Resolver,
    clients: Mutex<HashMap<Arc<str>, Pool>>,
}

/// The pool of one provider, and the settings with which it was made.
struct Pool {
    options: ClientOptions,
    client: Arc<Client>,
}

impl Pools {
    /// No connections yet; `roots` are the certificate authorities that providers' certificates are checked against.
    #[must_use]
    pub fn new(roots: TrustedRoots, resolver: Resolver) -> Self {
        Self { roots, resolver, clients: Mutex::new(HashMap::new()) }
    }

    /// The client for a provider.
    ///
    /// # Errors
    /// `Class::Internal` when TLS cannot be set up.
    pub fn client(&self, upstream: &Upstream) -> Result<Arc<Client>, Fault> {
        let options = ClientOptions {
            egress: upstream.egress,
            connect_timeout: upstream.timeouts.connect,
            ..ClientOptions::default()
        };
        self.get(&upstream.name, options)
    }

    /// The client for a provider's probes: each has a connection of its own. One that was kept may be closed by the other side in the
    /// moment in which it is used again, and that says nothing of whether the provider is well.
    ///
    /// # Errors
    /// `Class::Internal` when TLS cannot be set up.
    pub(crate) fn probes(&self, upstream: &Upstream) -> Result<Arc<Client>, Fault> {
        let options = ClientOptions {
            egress: upstream.egress,
            connect_timeout: upstream.timeouts.connect,
            idle_max: 0,
            ..ClientOptions::default()
        };
        self.get(&Arc::from(format!("probe.{}", upstream.name)), options)
    }

    /// The client for those who say who a caller is. Its name is none that a provider can have.
    ///
    /// # Errors
    /// `Class::Internal` when TLS cannot be set up.
    pub(crate) fn witnesses(&self, egress: EgressPolicy) -> Result<Arc<Client>, Fault> {
        self.get(&Arc::from("identity.aws"), ClientOptions { egress, ..ClientOptions::default() })
    }

    /// The client for a guard's webhook; `name` is the guard's.
    ///
    /// # Errors
    /// `Class::Internal` when TLS cannot be set up.
    pub(crate) fn guard(&self, name: &str, options: ClientOptions) -> Result<Arc<Client>, Fault> {
        self.get(&Arc::from(format!("guard.{name}")), options)
    }

    fn get(&self, name: &Arc<str>, options: ClientOptions) -> Result<Arc<Client>, Fault> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = clients.get(name).filter(|pool| pool.options == options) {
            return Ok(Arc::clone(&pool.client));
        }
        let client = Arc::new(Client::new(&options, &self.roots, &self.resolver).map_err(Fault::internal)?);
        clients.insert(name.clone(), Pool { options, client: Arc::clone(&client) });
        Ok(client)
    }
}
