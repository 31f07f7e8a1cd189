//! What looks after the directory: changes from outside.

use crate::keeper::Keeper;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tg_kernel::outage::{Failing, Outage};
use tg_proxy::living::Living;

/// How often changes by another process (the command line) are looked for.
const TICK: Duration = Duration::from_millis(250);

/// Starts the keeper of the directory.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn start(living: Arc<Living>) -> std::io::Result<Keeper> {
    let mut outage = Outage::default();
    Keeper::start("directory", move || {
        match living.directory.refresh_unless_busy() {
            // A reload that waits for the store is not waited for: the end of the process waits for this thread.
            None => {}
            Some(Ok(_)) => {
                if let Some(Failing { tries, lasts }) = outage.mended(Instant::now()) {
                    tracing::info!(tries, ?lasts, "the directory can be read again");
                }
            }
            Some(Err(error)) => {
                if let Some(Failing { tries, lasts }) = outage.failed(Instant::now()) {
                    let what = "the directory cannot be read; keys stay as they were last seen";
                    tracing::warn!(%error, tries, ?lasts, "{what}");
                }
            }
        }
        TICK
    })
}
