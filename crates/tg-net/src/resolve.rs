//! Names to addresses: the system's resolver with a small cache, shared by the clients of a worker.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long an answer is used. The system's resolver does not tell the record's own time to live; half a minute follows
/// a provider's failover quickly and spares a look-up for almost every connection.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// Most names remembered; more than a gateway has providers. When full, the cache is emptied.
const NAMES_MAX: usize = 256;

/// Resolves names. Clones share one cache.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    known: Arc<Mutex<HashMap<Box<str>, Known>>>,
}

#[derive(Debug)]
struct Known {
    at: Instant,
    addresses: Arc<[IpAddr]>,
}

impl Resolver {
    /// A resolver with an empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers the following look-ups of `name` with `addresses`, for as long as an answer is kept: for tests.
    pub fn remember(&self, name: &str, addresses: &[IpAddr]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= NAMES_MAX {
            known.clear();
        }
        known.insert(name.into(), Known { at: Instant::now(), addresses: addresses.into() });
    }

    /// The addresses of a name, in the system's order of preference; at least one.
    ///
    /// # Errors
    /// When the name has no address or the resolver fails.
    pub async fn resolve(&self, name: &str) -> std::io::Result<Arc<[IpAddr]>> {
        if let Some(addresses) = self.recall(name) {
            return Ok(addresses);
        }
        let owned = name.to_owned();
        let looked_up = tokio::task::spawn_blocking(move || look_up(&owned)).await;
        let addresses = looked_up.map_err(std::io::Error::other)??;
        self.remember(name, &addresses);
        Ok(addresses.into())
    }

    fn recall(&self, name: &str) -> Option<Arc<[IpAddr]>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|k| k.at.elapsed() < KEPT_FOR).map(|k| Arc::clone(&k.addresses))
    }
}

fn look_up(name: &str) -> std::io::Result<Vec<IpAddr>> {
    let addresses: Vec<IpAddr> = (name, 0).to_socket_addrs()?.map(|a| a.ip()).collect();
    if addresses.is_empty() {
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::{KEPT_FOR, Resolver};
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_kept_for_a_while() {
        let resolver = Resolver::new();
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
        resolver.remember("provider.invalid", &[address]);
        assert_eq!(*resolver.resolve("provider.invalid").await.unwrap(), [address]);
        tokio::time::advance(KEPT_FOR + Duration::from_secs(1)).await;
        assert!(resolver.recall("provider.invalid").is_none());
    }
}
