//! From declared pools and priorities to compiled ones.

use crate::limits::{rate, reserve};
use crate::scope::scope;
use std::num::NonZeroU32;
use tg_config::document::{self, Document, PoolEach};
use tg_config::grammar::Percent;
use tg_policy::admit::{Measure, Rate};
use tg_policy::pool::{Class, Concurrency, Cover, Precedence, Priorities, QueueBounds, Quotas, Spec, Standing};

/// Compiles pools that have been checked.
pub(crate) fn compile(declared: &[document::Pool]) -> Quotas {
    Quotas::new(declared.iter().map(pool))
}

/// Compiles priorities that have been checked.
pub(crate) fn priorities(document: &Document) -> Priorities {
    Priorities::new(document.priorities.iter().map(|priority| Precedence {
        scope: scope(document, &priority.scope),
        standing: Standing { class: class(priority.class), weight: u32::from(priority.weight) },
    }))
}

const fn class(declared: document::Class) -> Class {
    match declared {
        document::Class::Interactive => Class::Interactive,
        document::Class::Normal => Class::Normal,
        document::Class::Batch => Class::Batch,
    }
}

fn pool(declared: &document::Pool) -> Spec {
    let cover = |cover: &document::PoolCover| Cover {
        provider: cover.provider.as_str().to_owned(),
        model: cover.model.as_ref().map(|model| model.as_str().to_owned()),
    };
    Spec {
        name: declared.name.shared(),
        covers: declared.covers.iter().map(cover).collect(),
        each_target: declared.each == PoolEach::Target,
        rates: rates(declared),
        output_factor: declared.output_factor.map_or(1, u64::from),
        reserve: reserve(declared.reserve),
        concurrency: concurrency(declared),
        queue: declared.queue.map(|queue| QueueBounds {
            wait_max: queue.wait_max.get(),
            length_max: usize::try_from(queue.length_max.get()).unwrap_or(usize::MAX),
            bytes_max: queue.bytes_max.bytes(),
        }),
        generation: 0,
    }
}

/// This gateway's part of something, and one at least.
fn part(whole: u64, share: Percent) -> u64 {
    let part = u128::from(whole) * u128::from(share.millionths()) / u128::from(Percent::WHOLE);
    u64::try_from(part).unwrap_or(u64::MAX).max(1)
}

fn rates(declared: &document::Pool) -> Vec<(Measure, Rate)> {
    let burst = declared.burst.map(|period| period.get());
    let of = |whole: Rate| Rate {
        amount: part(whole.amount, declared.share),
        burst: part(whole.burst, declared.share),
        ..whole
    };
    [
        (Measure::Requests, declared.requests),
        (Measure::InputTokens, declared.input_tokens),
        (Measure::OutputTokens, declared.output_tokens),
        (Measure::Tokens, declared.tokens),
    ]
    .into_iter()
    .filter_map(|(measure, allowance)| Some((measure, of(rate(allowance?, burst)))))
    .collect()
}

fn concurrency(declared: &document::Pool) -> Concurrency {
    let of = |whole: NonZeroU32| u32::try_from(part(u64::from(whole.get()), declared.share)).unwrap_or(u32::MAX);
    match (declared.adaptive, declared.concurrent) {
        (Some(adaptive), _) => Concurrency::Found { min: of(adaptive.min), max: of(adaptive.max) },
        (None, Some(most)) => Concurrency::Fixed(of(most)),
        (None, None) => Concurrency::Unbounded,
    }
}

#[cfg(test)]
mod tests {
    use super::{compile, priorities};
    use std::time::Duration;
    use tg_config::load::from_text;
    use tg_kernel::principal::Attribution;
    use tg_kernel::target::Target;
    use tg_policy::admit::{Measure, Rate};
    use tg_policy::pool::{Class, Concurrency, Standing, WAIT_BOUNDS};
    use tg_telemetry::names::POOL_WAIT;

    const TEXT: &str = "
providers: [{ name: a, kind: anthropic, api_key: env:K }]
models: [{ name: m, targets: [{ provider: a }] }]
pools:
- { name: quarter, for: [{ provider: a, model: 'claude-*' }], tokens: 4M/m, burst: 30s, concurrent: 10, share: 25%, queue: {} }
- { name: rest, for: [{ provider: '*' }], each: target, adaptive: {} }
priorities: [{ for: { team: red }, class: interactive, weight: 3 }]
";

    #[test]
    fn waits_are_counted_by_the_bounds_that_the_metric_shows() {
        let shown: Vec<String> = POOL_WAIT.buckets.iter().map(ToString::to_string).collect();
        assert_eq!(shown, WAIT_BOUNDS.map(|millis| (millis as f64 / 1000.0).to_string()));
    }

    #[test]
    fn what_is_declared_is_what_is_in_force() {
        let document = from_text("test", TEXT).unwrap();
        let quotas = compile(&document.pools);
        let of = |model: &str| quotas.of(&Target { provider: "a".into(), model: model.into() }).unwrap().clone();
        let quarter = of("claude-x");
        let minute = Duration::from_secs(60);
        assert_eq!(quarter.rates, [(Measure::Tokens, Rate { amount: 1_000_000, period: minute, burst: 500_000 })]);
        assert_eq!(quarter.concurrency, Concurrency::Fixed(2));
        assert_eq!(quarter.queue.unwrap().wait_max, Duration::from_secs(2));
        let rest = of("other");
        assert_eq!((rest.concurrency, rest.queue), (Concurrency::Found { min: 2, max: 256 }, None));
        assert!(rest.each_target && !quarter.each_target);
        let booked = Attribution { team: "red".into(), ..Attribution::default() };
        let standing = priorities(&document).of(&booked, "m");
        assert_eq!(standing, Standing { class: Class::Interactive, weight: 3 });
    }
}
