//! Questions that many callers wait for: each is asked once at a time, when its turn comes, and has an end. What nobody
//! waits for any more is not asked; what is being asked goes on without whoever began it.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_policy::iam::{Digest, Hitch};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How many questions there may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Open at a time, those that wait for their turn too.
    pub open_max: usize,
    /// Of one source.
    pub of_one_max: usize,
    /// Asked at a time.
    pub asked_max: usize,
    /// As many more may be open, and asked, for those who have proven themselves of late.
    pub reserved: (usize, usize),
    /// Longest that one waits, for the answer as for its turn.
    pub patience: Duration,
}

/// On whose behalf a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A stranger's, by the network from which he comes.
    Network(IpAddr),
    /// Somebody's who has proven himself of late, by what he did it with.
    Proven(Digest),
    /// The gateway's own.
    Own,
}

impl Source {
    /// The network of an address: itself, or its /64, of which one machine may have all.
    #[must_use]
    pub fn of(from: IpAddr) -> Self {
        Self::Network(match from.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address @ IpAddr::V4(_) => address,
        })
    }

    const fn is_proven(self) -> bool {
        matches!(self, Self::Proven(_))
    }
}

/// Questions that are open, by what they are about. Shared by all workers.
#[derive(Debug)]
pub struct Flights<K, T> {
    open: Arc<Mutex<Open<K, T>>>,
    bounds: Bounds,
    turns: Turns,
}

type Told<T> = Arc<watch::Sender<Option<Result<T, Hitch>>>>;
type Answer<T> = watch::Receiver<Option<Result<T, Hitch>>>;

#[derive(Debug)]
struct Open<K, T> {
    questions: HashMap<K, Told<T>>,
    of_one: HashMap<Source, usize>,
}

#[derive(Clone, Debug)]
struct Turns {
    all: Arc<Semaphore>,
    reserved: Arc<Semaphore>,
}

impl Turns {
    async fn take(self, is_proven: bool) -> Option<OwnedSemaphorePermit> {
        let turn = tokio::select! {
            biased;
            turn = self.all.acquire_owned() => turn,
            turn = self.reserved.acquire_owned(), if is_proven => turn,
        };
        turn.ok()
    }
}

impl<K, T> Flights<K, T>
where
    K: Copy + Eq + Hash + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// None yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let all = Arc::new(Semaphore::new(bounds.asked_max));
        let turns = Turns { all, reserved: Arc::new(Semaphore::new(bounds.reserved.1)) };
        let open = Open { questions: HashMap::new(), of_one: HashMap::new() };
        Self { open: Arc::new(Mutex::new(open)), bounds, turns }
    }

    /// The answer to the question about `key`: to the one that is open, or to `ask`, which becomes a task of its own on
    /// this worker.
    ///
    /// # Errors
    /// Why there is none. Where too many are open, nobody has waited.
    pub async fn join<F>(&self, key: K, source: Source, ask: impl FnOnce() -> F + Send + 'static) -> Result<T, Hitch>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut answer = self.board(key, source, ask)?;
        let waited = tokio::time::timeout(self.bounds.patience, answer.wait_for(Option::is_some)).await;
        let told = waited.map_err(|_| Hitch::TooLate)?.map_err(|_| Hitch::NoAnswer)?;
        told.clone().unwrap_or(Err(Hitch::NoAnswer))
    }

    /// Asks as [`Flights::join`] does where the question is not open, but nobody waits for the answer.
    pub fn begin<F>(&self, key: K, source: Source, ask: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let is_open = lock(&self.open).questions.contains_key(&key);
        if !is_open && let Ok(mut answer) = self.board(key, source, ask) {
            // The question is dropped when nobody listens.
            drop(tg_net::tasks::spawn("hear an answer", async move {
                drop(answer.wait_for(Option::is_some).await);
            }));
        }
    }

    fn board<F>(&self, key: K, source: Source, ask: impl FnOnce() -> F + Send + 'static) -> Result<Answer<T>, Hitch>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut open = lock(&self.open);
        if let Some(told) = open.questions.get(&key) {
            return Ok(told.subscribe());
        }
        let room = self.bounds.open_max + if source.is_proven() { self.bounds.reserved.0 } else { 0 };
        let of_one = open.of_one.get(&source).copied().unwrap_or_default();
        if open.questions.len() >= room || of_one >= self.bounds.of_one_max {
            return Err(Hitch::Crowded);
        }
        let (told, answer) = watch::channel(None);
        let told = Arc::new(told);
        open.questions.insert(key, Arc::clone(&told));
        open.of_one.insert(source, of_one + 1);
        drop(open);
        let question = Question { open: Arc::clone(&self.open), key, source, told };
        let (turns, patience) = (self.turns.clone(), self.bounds.patience);
        drop(tg_net::tasks::spawn("ask for many", async move {
            if let Some(_turn) = question.turn(turns, patience).await {
                let answer = ask().await;
                question.told.send_replace(Some(Ok(answer)));
            }
        }));
        Ok(answer)
    }
}

fn lock<K, T>(open: &Mutex<Open<K, T>>) -> MutexGuard<'_, Open<K, T>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An open question. Makes room when it ends, in whatever way.
struct Question<K: Copy + Eq + Hash, T> {
    open: Arc<Mutex<Open<K, T>>>,
    key: K,
    source: Source,
    told: Told<T>,
}

impl<K: Copy + Eq + Hash, T> Question<K, T> {
    /// Its turn to be asked; `None` where nobody waits for it any more, or it came too late.
    async fn turn(&self, turns: Turns, patience: Duration) -> Option<OwnedSemaphorePermit> {
        let mut turn = std::pin::pin!(turns.take(self.source.is_proven()));
        let mut late = std::pin::pin!(tokio::time::sleep(patience));
        loop {
            tokio::select! {
                biased;
                () = self.told.closed() => if self.end_if_unheard() { return None },
                () = &mut late => {
                    self.told.send_replace(Some(Err(Hitch::TooLate)));
                    return None;
                }
                turn = &mut turn => return turn,
            }
        }
    }

    /// Whoever comes at this moment is either seen here, or asks anew.
    fn end_if_unheard(&self) -> bool {
        let mut open = lock(&self.open);
        let is_unheard = self.told.receiver_count() == 0;
        if is_unheard {
            self.leave(&mut open);
        }
        is_unheard
    }

    /// Takes it off the table, if it is still there: another about the same may have begun.
    fn leave(&self, open: &mut Open<K, T>) {
        if !open.questions.get(&self.key).is_some_and(|told| Arc::ptr_eq(told, &self.told)) {
            return;
        }
        open.questions.remove(&self.key);
        match open.of_one.get_mut(&self.source) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.of_one.remove(&self.source)),
        }
    }
}

impl<K: Copy + Eq + Hash, T> Drop for Question<K, T> {
    fn drop(&mut self) {
        self.leave(&mut lock(&self.open));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::oneshot;

    const FROM: Source = Source::Own;

    fn flights(open_max: usize, asked_max: usize) -> Flights<u8, u32> {
        let patience = Duration::from_secs(8);
        Flights::new(Bounds { open_max, of_one_max: 3, asked_max, reserved: (1, 1), patience })
    }

    fn stranger(number: u8) -> Source {
        Source::of(IpAddr::from([192, 0, 2, number]))
    }

    /// Lets tasks that were begun run as far as they can.
    async fn settle() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_ask_at_once_share_one_answer() {
        let (flights, asked) = (flights(8, 8), Arc::new(AtomicU32::new(0)));
        let ask = |asked: &Arc<AtomicU32>| {
            let asked = Arc::clone(asked);
            || async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                asked.fetch_add(1, Ordering::SeqCst)
            }
        };
        let (a, b, other) = tokio::join!(
            flights.join(1, FROM, ask(&asked)),
            flights.join(1, FROM, || async { 99 }),
            flights.join(2, FROM, || async { 7 }),
        );
        assert_eq!((a, b, other), (Ok(0), Ok(0), Ok(7)));
        assert_eq!(flights.join(1, FROM, ask(&asked)).await, Ok(1), "what has ended is asked anew");
        flights.begin(1, FROM, ask(&asked));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(asked.load(Ordering::SeqCst), 3, "what nobody waits for from the start is asked");
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_has_an_end_whoever_waits() {
        let flights = flights(1, 1);
        let (answer, asked) = oneshot::channel::<u32>();
        let hangs = || async { asked.await.unwrap_or_default() };
        assert_eq!(flights.join(1, FROM, hangs).await, Err(Hitch::TooLate), "patience has an end");
        assert_eq!(flights.join(2, FROM, || async { 1 }).await, Err(Hitch::Crowded), "there is room for one");
        let late = flights.join(1, FROM, || async { 6 });
        let (late, sent) = tokio::join!(late, async { answer.send(5) });
        assert_eq!((late, sent), (Ok(5), Ok(())), "what is being asked goes on meanwhile");
        let falls = || async { panic!("on purpose") };
        assert_eq!(flights.join(1, FROM, falls).await, Err(Hitch::NoAnswer));
        assert_eq!(flights.join(2, FROM, || async { 1 }).await, Ok(1), "and made room");
        assert!(lock(&flights.open).of_one.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_waits_for_or_what_waited_too_long_is_not_asked() {
        let (flights, asked) = (flights(8, 1), Arc::new(AtomicU32::new(0)));
        let (answer, hanging) = oneshot::channel::<u32>();
        flights.begin(1, stranger(1), || async { hanging.await.unwrap_or_default() });
        let count = |asked: &Arc<AtomicU32>| {
            let asked = Arc::clone(asked);
            || async move { asked.fetch_add(1, Ordering::SeqCst) }
        };
        settle().await;
        let gone = flights.join(2, stranger(2), count(&asked));
        assert!(tokio::time::timeout(Duration::from_secs(1), gone).await.is_err());
        settle().await;
        assert_eq!(lock(&flights.open).questions.len(), 1, "whose caller has left makes room at once");
        flights.begin(3, stranger(3), count(&asked));
        let waited = flights.join(3, stranger(3), || async { 9 }).await;
        assert_eq!(waited, Err(Hitch::TooLate));
        answer.send(0).unwrap();
        settle().await;
        assert_eq!(asked.load(Ordering::SeqCst), 0);
        assert_eq!(flights.join(2, stranger(2), count(&asked)).await, Ok(0), "now it is asked");
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_leave_room_for_each_other_and_for_who_is_known() {
        let flights = flights(5, 1);
        let hangs = || std::future::pending::<u32>();
        for key in 0..5 {
            flights.begin(key, stranger(if key < 3 { 1 } else { 2 }), hangs);
        }
        let crowded = flights.join(5, stranger(3), || async { 1 }).await;
        assert_eq!(crowded, Err(Hitch::Crowded), "the table is full");
        let known = Source::Proven([1; 32]);
        assert_eq!(flights.join(6, known, || async { 2 }).await, Ok(2), "who is known has a place and a turn");
        let roomy = self::flights(100, 1);
        for key in 0..3 {
            roomy.begin(key, stranger(1), hangs);
        }
        let of_one = roomy.join(3, stranger(1), || async { 1 }).await;
        assert_eq!(of_one, Err(Hitch::Crowded), "one source has its part");
        roomy.begin(3, stranger(2), hangs);
        assert_eq!(lock(&roomy.open).questions.len(), 4);
        assert_eq!(Source::of("2001:db8::1".parse().unwrap()), Source::of("2001:db8::ffff:2".parse().unwrap()));
        assert_ne!(Source::of("2001:db8::1".parse().unwrap()), Source::of("2001:db8:0:1::1".parse().unwrap()));
        assert_eq!(Source::of("::ffff:192.0.2.1".parse().unwrap()), stranger(1));
    }
}
