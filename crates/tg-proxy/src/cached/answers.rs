//! Where answers are: in this process's memory, or where gateways share them.

use crate::living::Worker;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tg_kernel::clock::Timestamp;
use tg_policy::cache::Key;
use tg_store::answers::{Held, Kept, Memory};
use tg_store::counters::Away;

/// Most answers of a process that are on their way to where gateways share them; others are not kept,
const PUTTING_MAX: u64 = 64;

/// nor are those with which more than so many bytes would be on their way.
const PUTTING_BYTES_MAX: u64 = 64 << 20;

/// So often is an answer there while it is on its way: as it is, written, encrypted, as text.
const COPIES: u64 = 4;

/// Answers of a process.
#[derive(Debug, Default)]
pub struct Answers {
    memory: Memory,
    kept: AtomicU64,
    /// Bytes on their way.
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

    /// Takes room for an answer of so many bytes that is to go on its way; `None` where there is none. What is taken is owed
    /// back.
    fn sets_out(&self, bytes: usize) -> Option<u64> {
        let taken = (bytes as u64).saturating_mul(COPIES).max(PUTTING_BYTES_MAX / PUTTING_MAX);
        if self.putting.fetch_add(taken, Ordering::Relaxed).saturating_add(taken) <= PUTTING_BYTES_MAX {
            return Some(taken);
        }
        self.arrives(taken);
        None
    }

    /// Gives back what was taken.
    fn arrives(&self, taken: u64) {
        self.putting.fetch_sub(taken, Ordering::Relaxed);
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
        let Some(taken) = answers.sets_out(kept.body.len()) else { return false };
        let living = Arc::clone(&self.living);
        drop(tg_net::tasks::spawn("keep an answer", async move {
            match link.put(key.as_bytes(), &kept, bytes_max).await {
                Ok(is_kept) => drop(living.answers.kept.fetch_add(u64::from(is_kept), Ordering::Relaxed)),
                Err(away) => tracing::debug!(%away, "an answer is not kept"),
            }
            living.answers.arrives(taken);
        }));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_many_answers_nor_many_bytes_are_on_their_way_at_once() {
        let answers = Answers::default();
        let longest = answers.sets_out(16 << 20).unwrap();
        assert_eq!(answers.sets_out(1), None);
        answers.arrives(longest);
        let small: Vec<u64> = std::iter::from_fn(|| answers.sets_out(1)).collect();
        assert_eq!((small.len() as u64, answers.sets_out(0)), (PUTTING_MAX, None));
        small.into_iter().for_each(|taken| answers.arrives(taken));
        assert_eq!(answers.putting.load(Ordering::Relaxed), 0);
    }
}
