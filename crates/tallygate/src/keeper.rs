//! A thread that does the same again and again beside the calls, until it is told to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// The running thread.
pub(crate) struct Keeper {
    name: &'static str,
    thread: thread::JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl Keeper {
    /// Starts it. Each round answers how long to wait before the next.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(
        name: &'static str,
        mut round: impl FnMut() -> Duration + Send + 'static,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            while !seen.load(Ordering::Acquire) {
                thread::park_timeout(round());
            }
        })?;
        Ok(Self { name, thread, stop })
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
            tracing::error!(thread = self.name, "a thread beside the calls panicked");
        }
    }
}
