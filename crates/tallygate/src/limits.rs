//! From declared limits to compiled ones.

use crate::scope::scope_of_limit;
use std::num::NonZeroU32;
use std::time::Duration;
use tg_config::document::{self, Document, LimitMode, LimitOutput, Reserve};
use tg_config::grammar::{Allowance, Dimension};
use tg_policy::admit::{self, Bound, Limit, Limits, Measure, Mode, Rate, Shortage, Size, WhenAway};

/// Compiles limits that have been checked.
pub(crate) fn compile(document: &Document) -> Limits {
    Limits::new(document.limits.iter().map(|declared| limit(document, declared)))
}

fn limit(document: &Document, declared: &document::Limit) -> Limit {
    Limit {
        name: declared.name.shared(),
        scope: scope_of_limit(document, &declared.scope),
        each: declared.each.iter().map(dimension).collect(),
        bounds: bounds(declared),
        reserve: reserve(declared.reserve),
        shortage: shortage(declared.output, declared.output_min),
        mode: match declared.mode {
            LimitMode::Enforce => Mode::Enforce,
            LimitMode::Observe => Mode::Observe,
        },
        when_away: when_away(declared.when_away.unwrap_or(document::WhenAway::FailOpenLocal)),
    }
}

/// Fewest output tokens of an answer where the file says nothing: a few paragraphs.
const OUTPUT_MIN: u32 = 256;

pub(crate) const fn reserve(declared: Reserve) -> admit::Reserve {
    match declared {
        Reserve::Usual => admit::Reserve::Usual,
        Reserve::Most => admit::Reserve::Most,
    }
}

pub(crate) fn shortage(declared: LimitOutput, least: Option<NonZeroU32>) -> Shortage {
    let least = u64::from(least.map_or(OUTPUT_MIN, NonZeroU32::get));
    match declared {
        LimitOutput::Refuse => Shortage::Refuse,
        LimitOutput::Clamp => Shortage::Clamp { least },
        LimitOutput::Cut => Shortage::Cut { least },
    }
}

pub(crate) const fn when_away(declared: document::WhenAway) -> WhenAway {
    match declared {
        document::WhenAway::FailOpenLocal => WhenAway::FailOpenLocal,
        document::WhenAway::FailClosed => WhenAway::FailClosed,
        document::WhenAway::Shadow => WhenAway::Shadow,
    }
}

pub(crate) fn dimension(declared: &Dimension) -> admit::Dimension {
    match declared {
        Dimension::Team => admit::Dimension::Team,
        Dimension::Project => admit::Dimension::Project,
        Dimension::Environment => admit::Dimension::Environment,
        Dimension::Key => admit::Dimension::Key,
        Dimension::Model => admit::Dimension::Model,
        Dimension::Provider => admit::Dimension::Provider,
        Dimension::Tag(name) => admit::Dimension::Tag(name.clone()),
    }
}

fn bounds(declared: &document::Limit) -> Vec<Bound> {
    let rates = [
        (Measure::Requests, declared.requests),
        (Measure::InputTokens, declared.input_tokens),
        (Measure::OutputTokens, declared.output_tokens),
        (Measure::Tokens, declared.tokens),
    ];
    let at_a_time = [(Measure::Calls, declared.concurrent), (Measure::Streams, declared.concurrent_streams)];
    let burst = declared.burst.map(|period| period.get());
    let rates = rates
        .into_iter()
        .filter_map(|(measure, allowance)| Some(Bound { measure, size: Size::Rate(rate(allowance?, burst)) }));
    let at_a_time = at_a_time
        .into_iter()
        .filter_map(|(measure, most)| Some(Bound { measure, size: Size::AtMost(u64::from(most?.get())) }));
    rates.chain(at_a_time).collect()
}

pub(crate) fn rate(allowance: Allowance, burst: Option<Duration>) -> Rate {
    let (amount, period) = (allowance.amount(), allowance.period());
    let in_burst = |span: Duration| {
        let units = u128::from(amount) * span.as_nanos() / period.as_nanos().max(1);
        u64::try_from(units).unwrap_or(u64::MAX).max(1)
    };
    Rate { amount, period, burst: burst.map_or(amount, in_burst) }
}
