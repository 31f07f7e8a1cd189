//! Where answers are: in this process's memory, or where gateways share them.

use crate::living::Worker;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tg_kernel::clock::Timestamp;
use tg_policy::cache::Key;
use tg_store::answers::{Held, Kept, Memory};
use tg_store::counters::Away;

/// Most answers of a process that are on their way to where gateways share them; others are not kept.
const PUTTING_MAX: u64 = 64;

/// Answers of a process.
#[derive(Debug, Default)]
pub struct Answers {
    memory: Memory,
    kept: AtomicU64,
    putting: AtomicU64,
}

/// How the cache stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheFigures {
    /// What is in this process's memory.
    pub held: Held,
    /// Answers that were kept since the start, wherever.
    pub kept: u64,
}

impl Answers {
    /// How they stand.
    #[must_use]
    pub fn figures(&self) -> CacheFigures {
        CacheFigures { held: self.memory.held(), kept: self.kept.load(Ordering::Relaxed) }
    }

    /// Makes that no more is in this process's memory than this.
    pub fn shrink(&self, bytes_max: u64) {
        self.memory.shrink(bytes_max);
    }
}

impl Worker {
    /// The answer of this key, if its time is not over.
    ///
    /// # Errors
    /// When those that gateways share are away.
    pub(super) async fn find(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Kept>>, Away> {
        match &self.answers {
            Some(link) => Ok(link.get(key.as_bytes(), now).await?.map(Arc::new)),
            None => Ok(self.living.answers.memory.get(key.as_bytes(), now)),
        }
    }

    /// Keeps an answer, all together within so many bytes; waits for nothing. Whether it is kept, or on its way.
    pub(crate) fn keep(self: &Arc<Self>, key: Key, kept: Kept, bytes_max: u64) -> bool {
        let answers = &self.living.answers;
        let Some(link) = self.answers.clone() else {
            let is_kept = answers.memory.put(*key.as_bytes(), kept, bytes_max);
            answers.kept.fetch_add(u64::from(is_kept), Ordering::Relaxed);
            return is_kept;
        };
        if answers.putting.fetch_add(1, Ordering::Relaxed) >= PUTTING_MAX {
            answers.putting.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        let living = Arc::clone(&self.living);
        drop(tg_net::tasks::spawn("keep an answer", async move {
            match link.put(key.as_bytes(), &kept, bytes_max).await {
                Ok(is_kept) => drop(living.answers.kept.fetch_add(u64::from(is_kept), Ordering::Relaxed)),
                Err(away) => tracing::debug!(%away, "an answer is not kept"),
            }
            living.answers.putting.fetch_sub(1, Ordering::Relaxed);
        }));
        true
    }
}
