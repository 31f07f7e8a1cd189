//! The thread that looks after the directory: changes from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tg_kernel::outage::{Failing, Outage};
use tg_proxy::living::Living;

/// How often changes by another process (the command line) are looked for.
const TICK: Duration = Duration::from_millis(250);

/// A running keeper of the directory.
pub(crate) struct DirectoryKeeper {
    thread: thread::JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl DirectoryKeeper {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(living: Arc<Living>) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut outage = Outage::default();
        let mut follow = move || match living.directory.refresh_if_changed() {
            Ok(_) => {
                if let Some(Failing { tries, lasts }) = outage.mended(Instant::now()) {
                    tracing::info!(tries, ?lasts, "the directory can be read again");
                }
            }
            Err(error) => {
                if let Some(Failing { tries, lasts }) = outage.failed(Instant::now()) {
                    let what = "the directory cannot be read; keys stay as they were last seen";
                    tracing::warn!(%error, tries, ?lasts, "{what}");
                }
            }
        };
        let seen = Arc::clone(&stop);
        let run = move || {
            while !seen.load(Ordering::Acquire) {
                thread::park_timeout(TICK);
                follow();
            }
        };
        let thread = thread::Builder::new().name("directory".to_owned()).spawn(run)?;
        Ok(Self { thread, stop })
    }

    /// Lets it end after what it does now.
    pub(crate) fn end(&self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
    }

    /// Waits until it has ended.
    pub(crate) fn stop(self) {
        self.end();
        if self.thread.join().is_err() {
            tracing::error!("the keeper of the directory panicked");
        }
    }
}
