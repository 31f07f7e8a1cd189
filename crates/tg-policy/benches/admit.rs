//! What limits cost a call: `cargo bench --package tg-policy`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use divan::{Bencher, black_box};
use std::time::Duration;
use tg_kernel::principal::Attribution;
use tg_policy::admit::{
    Bound, Counters, Dimension, Estimate, Facts, Limit, Limits, Measure, Mode, OutputFacts, Rate, Reserve, Scope,
    Shortage, Size, Used, WhenAway,
};

fn main() {
    divan::main();
}

/// So many limits, each of which counts requests and tokens of each team and key.
fn limits(count: usize) -> Limits {
    let rate = Size::Rate(Rate { amount: u64::from(u32::MAX), period: Duration::from_secs(1), burst: 1 << 40 });
    let bound = |measure| Bound { measure, size: rate };
    Limits::new((0..count).map(|number| Limit {
        name: format!("limit-{number}").into(),
        scope: Scope { model: Some("claude-*".to_owned()), ..Scope::default() },
        each: vec![Dimension::Team, Dimension::Key],
        bounds: vec![bound(Measure::Requests), bound(Measure::Tokens)],
        reserve: Reserve::Usual,
        shortage: Shortage::Refuse,
        mode: Mode::Enforce,
        when_away: WhenAway::FailOpenLocal,
    }))
}

#[divan::bench(args = [0, 1, 4, 16])]
fn reserve_and_settle(bencher: Bencher<'_, '_>, count: usize) {
    let (limits, counters) = (limits(count), Counters::default());
    let attribution = Attribution { team: "search".into(), key_id: "k7".into(), ..Attribution::default() };
    let estimate = Estimate { input: 1_000, output_usual: 500, output_most: 4_000 };
    let (model, output) = ("claude-haiku-4-5", OutputFacts::default());
    let facts = Facts { attribution: &attribution, model, provider: None, stream: true, estimate, output };
    let mut now = Duration::ZERO;
    bencher.bench_local(|| {
        now += Duration::from_micros(10);
        let hold = limits.admit_call(black_box(&facts), &counters, now).unwrap();
        counters.settle(hold, Some(Used { input: 900, output: 100 }), now);
    });
}
