//! What a gateway takes from the process in which it runs.

use std::sync::Arc;
use tg_kernel::clock::{Clock, SystemClock};
use tg_net::tls::TrustedRoots;

/// Settings of a process rather than of a configuration.
#[derive(Clone)]
pub struct Surroundings {
    /// Whom connections to providers trust.
    pub roots: TrustedRoots,
    /// By which calls, windows, keys and rows have their times.
    pub clock: Arc<dyn Clock>,
}

impl Surroundings {
    /// Those of this machine, by its own clock.
    #[must_use]
    pub fn here(roots: TrustedRoots) -> Self {
        Self { roots, clock: Arc::new(SystemClock::new()) }
    }
}
