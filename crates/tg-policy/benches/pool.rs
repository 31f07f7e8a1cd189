//! What a place in a pool costs a try: `cargo bench --package tg-policy --bench pool`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use divan::{Bencher, black_box};
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::target::Target;
use tg_policy::admit::{Measure, Rate, Reserve, Used};
use tg_policy::pool::{
    Arrival, Ask, Class, Concurrency, Cover, End, Gates, Need, Pool, QueueBounds, Quotas, Signal, Spec, Standing,
};

fn main() {
    divan::main();
}

fn spec(concurrent: u32) -> Spec {
    Spec {
        name: "pool".into(),
        covers: vec![Cover { provider: "bedrock".to_owned(), model: Some("us.anthropic.*".to_owned()) }],
        each_target: false,
        rates: vec![(Measure::Tokens, Rate { amount: 1 << 40, period: Duration::from_secs(60), burst: 1 << 40 })],
        output_factor: 5,
        reserve: Reserve::Most,
        concurrency: Concurrency::Fixed(concurrent),
        queue: Some(QueueBounds { wait_max: Duration::from_secs(3600), length_max: 100_000, bytes_max: 1 << 40 }),
        generation: 0,
    }
}

fn ask(team: usize) -> Ask {
    Ask {
        team: format!("team-{team}").into(),
        standing: Standing { class: Class::ALL[team % 3], weight: 1 },
        need: Need { input: 1_000, output: 4_000, bytes: 4_000 },
        patience: Duration::from_secs(3600),
    }
}

fn target() -> Target {
    Target { provider: "bedrock".into(), model: "us.anthropic.claude-haiku-4-5".into() }
}

const END: End =
    End { used: Some(Used { input: 900, output: 100 }), left: Duration::ZERO, signal: Signal::Answered(None) };

/// Without pools: whether there are any.
#[divan::bench]
fn no_pools(bencher: Bencher<'_, '_>) {
    let (quotas, target) = (Quotas::default(), target());
    bencher.bench_local(|| black_box(&quotas).is_empty() || quotas.of(black_box(&target)).is_none());
}

/// Found, taken and given back, where there is room.
#[divan::bench]
fn a_place_that_is_free(bencher: Bencher<'_, '_>) {
    let (quotas, gates, ask, target) = (Quotas::new([spec(100)]), Gates::default(), ask(0), target());
    let mut now = Duration::ZERO;
    bencher.bench_local(|| {
        now += Duration::from_micros(10);
        let gate = gates.of(quotas.of(black_box(&target)).unwrap(), &target, now);
        if let Arrival::Enters(taken) = gate.arrive(&ask, now) {
            gate.end(taken, END, now);
        }
    });
}

/// One comes to those that wait, and the next one goes, with so many teams before a full pool.
#[divan::bench(args = [1, 10, 100, 1000])]
fn a_turn_in_the_line(bencher: Bencher<'_, '_>, teams: usize) {
    let mut pool = Pool::new(&Arc::new(spec(1)), Duration::ZERO);
    let asks: Vec<Ask> = (0..teams).map(ask).collect();
    let Arrival::Enters(first) = pool.arrive(&asks[0], Duration::ZERO) else { return };
    let mut held = Some(first);
    for ask in asks.iter().cycle().take(teams * 4) {
        let _ = pool.arrive(ask, Duration::ZERO);
    }
    let (mut now, mut turn) = (Duration::ZERO, 0);
    bencher.bench_local(|| {
        now += Duration::from_micros(10);
        turn += 1;
        let _ = pool.arrive(&asks[turn % teams], now);
        if let Some(taken) = held.take() {
            pool.end(taken, END, now);
        }
        held = pool.next(now).map(|(_, taken)| taken);
    });
}
