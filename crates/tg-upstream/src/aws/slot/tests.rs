//! Credentials over time: one fetch for many, refreshed ahead, kept through failures, never used after their end.

use super::*;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use tg_kernel::clock::Timestamp;
use tokio::time::{Instant, advance, sleep};

/// The wall clock of paused time.
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_790_000_000).after(self.0.elapsed())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// What each fetch yields: credentials that last so many seconds, or a failure. The last one is repeated.
struct Script {
    steps: Mutex<VecDeque<Result<u64, &'static str>>>,
    made: Arc<AtomicUsize>,
    clock: Arc<dyn Clock>,
}

impl Fetch for Script {
    fn fetch(&self) -> Pin<Box<dyn Future<Output = Fetched> + Send + '_>> {
        Box::pin(async {
            sleep(Duration::from_millis(200)).await;
            let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
            let mut steps = self.steps.lock().unwrap();
            let step = if steps.len() > 1 { steps.pop_front().unwrap() } else { steps[0] };
            let end = |seconds| self.clock.now().after(Duration::from_secs(seconds)).system_time();
            let made = |seconds| Credentials::new(format!("ID{number}"), "secret", None, Some(end(seconds)), "test");
            step.map(made).map_err(Arc::from)
        })
    }

    fn what(&self) -> &str {
        "a test"
    }
}

fn slot(steps: &[Result<u64, &'static str>]) -> (Arc<Slot>, Arc<AtomicUsize>) {
    let (made, clock) = (Arc::new(AtomicUsize::new(0)), Arc::new(Paused(Instant::now())));
    let steps = Mutex::new(steps.iter().copied().collect());
    let script = Script { steps, made: Arc::clone(&made), clock: Arc::clone(&clock) as Arc<dyn Clock> };
    (Slot::new(Box::new(script), clock), made)
}

async fn ask(slot: &Arc<Slot>) -> Result<String, String> {
    let found = slot.credentials(&Handle::current()).await;
    found.map(|c| c.access_key_id().to_owned()).map_err(|reason| reason.to_string())
}

/// Many calls at the same time.
async fn together(slot: &Arc<Slot>, count: usize) -> Vec<Result<String, String>> {
    let one = |_| {
        let slot = Arc::clone(slot);
        tg_net::tasks::spawn("call", async move { ask(&slot).await })
    };
    let calls: Vec<_> = (0..count).map(one).collect();
    let mut heard = Vec::new();
    for call in calls {
        heard.push(call.await.unwrap());
    }
    heard
}

/// Time passes, with the tasks that wait for it.
async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn many_calls_wait_for_one_fetch() {
    let (slot, made) = slot(&[Ok(3600)]);
    let expected: Result<_, String> = Ok("ID1".to_owned());
    assert_eq!(together(&slot, 50).await, vec![expected; 50]);
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn refreshed_between_75_and_80_percent_of_the_lifetime() {
    let (slot, made) = slot(&[Ok(1000)]);
    ask(&slot).await.unwrap();
    pass(745).await;
    assert_eq!((ask(&slot).await.unwrap(), made.load(Ordering::SeqCst)), ("ID1".to_owned(), 1));
    pass(60).await;
    let began = Instant::now();
    assert_eq!((ask(&slot).await.unwrap(), made.load(Ordering::SeqCst)), ("ID2".to_owned(), 2));
    assert_eq!(began.elapsed(), Duration::ZERO, "a call never waits for a refresh");
}

#[tokio::test(start_paused = true)]
async fn credentials_of_minutes_are_refreshed_while_they_can_be_used() {
    for seconds in [80, 200, 300, 400, 599] {
        let (slot, made) = slot(&[Ok(seconds), Ok(1000)]);
        ask(&slot).await.unwrap();
        pass(seconds - 61).await;
        let began = Instant::now();
        assert_eq!((ask(&slot).await.unwrap(), made.load(Ordering::SeqCst)), ("ID2".to_owned(), 2), "{seconds}");
        assert_eq!(began.elapsed(), Duration::ZERO, "a call never waits for a refresh");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_refresh_keeps_the_old_ones_until_their_last_minute() {
    let (slot, made) = slot(&[Ok(1000), Err("throttled")]);
    ask(&slot).await.unwrap();
    for _ in 0..93 {
        pass(10).await;
        assert_eq!(ask(&slot).await, Ok("ID1".to_owned()));
    }
    let tried = made.load(Ordering::SeqCst);
    assert!((5..20).contains(&tried), "{tried} tries: backed off");
    pass(15).await;
    assert_eq!(ask(&slot).await, Err("throttled".to_owned()), "55 s before their end");
}

#[tokio::test(start_paused = true)]
async fn a_first_failure_is_told_to_all_and_tried_again_after_a_pause() {
    let (slot, made) = slot(&[Err("refused"), Err("refused"), Ok(3600)]);
    let expected: Result<_, String> = Err("refused".to_owned());
    assert_eq!(together(&slot, 20).await, vec![expected; 20]);
    let began = Instant::now();
    assert_eq!((ask(&slot).await, began.elapsed()), (Err("refused".to_owned()), Duration::ZERO));
    assert_eq!(made.load(Ordering::SeqCst), 1, "nobody tries before the pause is over");
    pass(2).await;
    ask(&slot).await.unwrap_err();
    pass(4).await;
    assert_eq!((ask(&slot).await, made.load(Ordering::SeqCst)), (Ok("ID3".to_owned()), 3));
}

#[tokio::test(start_paused = true)]
async fn who_comes_after_an_old_failure_waits_for_a_new_try() {
    let (slot, _) = slot(&[Err("refused"), Ok(3600)]);
    ask(&slot).await.unwrap_err();
    // One pause for the call that failed, one more in which nobody asks.
    pass(1).await;
    advance(Duration::from_secs(600)).await;
    pass(600).await;
    assert_eq!(ask(&slot).await, Ok("ID2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_asks_for_is_not_refreshed() {
    let (slot, made) = slot(&[Ok(1000)]);
    ask(&slot).await.unwrap();
    pass(10_000).await;
    assert_eq!(made.load(Ordering::SeqCst), 2, "one more period after the last call");
    assert!(!slot.is_tended());
    assert_eq!(ask(&slot).await, Ok("ID3".to_owned()));
    assert!(slot.is_tended());
}

#[tokio::test(start_paused = true)]
async fn what_comes_with_less_than_a_minute_is_not_used() {
    let (slot, _) = slot(&[Ok(59)]);
    assert_eq!(ask(&slot).await, Err("what came has ended, or ends at once".to_owned()));
}
