//! Questions that many callers wait for: each is asked once at a time, goes on without whoever began it, and has an end.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Questions that are open, by what they are about. Shared by all workers.
#[derive(Debug)]
pub struct Flights<K, T> {
    open: Arc<Mutex<HashMap<K, watch::Receiver<Option<T>>>>>,
    /// Most of them at a time.
    count_max: usize,
}

impl<K, T> Flights<K, T>
where
    K: Copy + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// None, and later at most `count_max` at a time.
    #[must_use]
    pub fn new(count_max: usize) -> Self {
        Self { open: Arc::default(), count_max }
    }

    /// The answer to the question about `key`: to the one that is open, or to `ask`, which becomes a task of its own on
    /// this worker.
    ///
    /// `None`: there are too many open, it took longer than `patience`, or it ended without an answer.
    pub async fn join<F>(&self, key: K, patience: Duration, ask: impl FnOnce() -> F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut answer = self.board(key, ask)?;
        let waited = tokio::time::timeout(patience, answer.wait_for(Option::is_some)).await;
        waited.ok()?.ok()?.clone()
    }

    fn board<F>(&self, key: K, ask: impl FnOnce() -> F) -> Option<watch::Receiver<Option<T>>>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut open = lock(&self.open);
        if let Some(answer) = open.get(&key) {
            return Some(answer.clone());
        }
        if open.len() >= self.count_max {
            return None;
        }
        let (told, answer) = watch::channel(None);
        open.insert(key, answer.clone());
        drop(open);
        let (landing, asking) = (Landing { open: Arc::clone(&self.open), key }, ask());
        drop(tg_net::tasks::spawn("find out who calls", async move {
            let _landing = landing;
            told.send_replace(Some(asking.await));
        }));
        Some(answer)
    }
}

fn lock<K, T>(open: &Mutex<HashMap<K, T>>) -> MutexGuard<'_, HashMap<K, T>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes room when a question ends, in whatever way.
struct Landing<K: Eq + Hash, T> {
    open: Arc<Mutex<HashMap<K, watch::Receiver<Option<T>>>>>,
    key: K,
}

impl<K: Eq + Hash, T> Drop for Landing<K, T> {
    fn drop(&mut self) {
        lock(&self.open).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::Flights;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;
    use tokio::sync::oneshot;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn all_who_ask_at_once_share_one_answer() {
        let (flights, asked) = (Arc::new(Flights::<u8, u32>::new(8)), Arc::new(AtomicU32::new(0)));
        let ask = || {
            let asked = Arc::clone(&asked);
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                asked.fetch_add(1, Ordering::SeqCst)
            }
        };
        let (a, b, other) = tokio::join!(
            flights.join(1, LONG, ask),
            flights.join(1, LONG, || async { 99 }),
            flights.join(2, LONG, || async { 7 }),
        );
        assert_eq!((a, b, other), (Some(0), Some(0), Some(7)));
        assert_eq!(flights.join(1, LONG, ask).await, Some(1), "what has ended is asked anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_has_an_end_whoever_waits() {
        let flights = Flights::<u8, u32>::new(1);
        let (answer, asked) = oneshot::channel::<u32>();
        let hangs = || async { asked.await.unwrap_or_default() };
        assert_eq!(flights.join(1, Duration::from_secs(5), hangs).await, None, "patience has an end");
        assert_eq!(flights.join(2, LONG, || async { 1 }).await, None, "there is room for one");
        answer.send(5).unwrap();
        assert_eq!(flights.join(1, LONG, || async { 6 }).await, Some(5), "the question went on meanwhile");
        let falls = || async { panic!("on purpose") };
        assert_eq!(flights.join(1, LONG, falls).await, None);
        assert_eq!(flights.join(2, LONG, || async { 1 }).await, Some(1), "and made room");
    }
}
