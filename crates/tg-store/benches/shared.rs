//! What shared counters cost a call: the time of its one round trip, by how much it asks for, and how many a server bears.
//!
//! Starts a `redis-server` of its own. One thread; a call is settled and booked behind its back.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench that cannot go on fails, and shows what it found"
)]

#[path = "../tests/servers/premises.rs"]
mod premises;
#[expect(dead_code, reason = "what only tests need")]
#[path = "../tests/servers/redis.rs"]
mod redis;

use std::time::{Duration, Instant};
use tg_kernel::ids::CallId;
use tg_store::counters::{Ask, CounterKey, HoldId, Kind, Mode, Purse, Rate, Reserved};
use tg_store::shared::{Options, Patience, Place, SharedCounters, SharedLink};

const CALLS: usize = 4_000;
const AT_ONCE: usize = 32;

fn asks(count: usize, lease: bool) -> Vec<Ask> {
    let rate = Rate::new(1_000_000_000, Duration::from_secs(60), 1_000_000_000);
    let purse = Purse { cap: u64::MAX / 2, keep: Duration::from_secs(86_400) };
    let kinds = [Kind::Bucket(rate), Kind::Gauge(1_000_000), Kind::Purse(purse), Kind::Bucket(rate)];
    let ask = |number: usize| {
        let kind = if lease { kinds[0] } else { kinds[number % kinds.len()] };
        let key = CounterKey::of(&["bench", &count.to_string(), &number.to_string()]);
        Ask { key, kind, units: 100, mode: Mode::Enforce, lease: if lease { rate.slice(5) } else { 0 } }
    };
    (0..count).map(ask).collect()
}

/// One call, its money's purses filled if they are not; answers how long it waited.
async fn call(counters: &SharedCounters, link: &SharedLink, asks: &[Ask]) -> Duration {
    let id = CallId::fresh();
    let begun = Instant::now();
    let reserved = link.reserve(HoldId::of(id), asks).await.unwrap();
    let took = begun.elapsed();
    match reserved {
        Reserved::Held(hold) => counters.settle(hold, |_, taken| taken / 2),
        Reserved::Unseeded(purses) => {
            for purse in purses {
                link.seed(&purse.key, purse.mark, 0, Duration::from_secs(86_400)).await.unwrap();
            }
        }
        other => println!("{other:?}"),
    }
    took
}

async fn measure(counters: &SharedCounters, what: &str, asks: &[Ask]) {
    let link = counters.link();
    for _ in 0..100 {
        call(counters, &link, asks).await;
    }
    let mut each = Vec::new();
    for _ in 0..CALLS {
        each.push(call(counters, &link, asks).await);
        // The settlement is said meanwhile.
        while counters.figures().waiting > 0 {
            tokio::task::yield_now().await;
        }
    }
    each.sort();
    let begun = Instant::now();
    for _ in 0..CALLS / AT_ONCE {
        futures_util::future::join_all((0..AT_ONCE).map(|_| call(counters, &link, asks))).await;
    }
    let rate = f64::from(u32::try_from(CALLS).unwrap()) / begun.elapsed().as_secs_f64();
    let at = |percent: usize| each[each.len() * percent / 100].as_micros();
    println!("{what:<28} p50 {:>5} us   p99 {:>5} us   {AT_ONCE} at once: {rate:>7.0} calls/s", at(50), at(99));
}

fn main() {
    let server = redis::Redis::start();
    let patience = Patience { connect: Duration::from_secs(5), command: Duration::from_secs(5) };
    let place = Place::parse(&server.url()).unwrap();
    let counters = SharedCounters::new(Options { patience, ..Options::new(place) });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let driver = tokio::task::spawn_local({
            let counters = counters.clone();
            async move { counters.drive().await }
        });
        for count in [1, 4, 16] {
            measure(&counters, &format!("{count} counts"), &asks(count, false)).await;
        }
        for count in [1, 4] {
            measure(&counters, &format!("{count} buckets, leased"), &asks(count, true)).await;
        }
        driver.abort();
    });
}
