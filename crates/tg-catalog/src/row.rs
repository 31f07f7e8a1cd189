//! A row: what one model of one provider costs and can do, with every missing rate already filled in by rule.

use crate::ability::{Abilities, Ability};
use crate::source::{Factor, RateSource, RowSource};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::usage::ServiceTier;

/// The highest rate that is believed: 4 000 dollars per million tokens.
pub const HIGHEST_RATE: u64 = 4_000_000_000;
/// The highest price of one image that is believed: 1 000 dollars.
pub(crate) const HIGHEST_IMAGE_RATE: u64 = 1_000_000_000_000_000;
const LONGEST_ID: usize = 512;

/// What a model makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// Answers in a conversation.
    #[default]
    Chat,
    /// Vectors.
    Embedding,
}

impl ModelKind {
    pub(crate) fn is_chat(&self) -> bool {
        *self == Self::Chat
    }
}

/// Rates in pico-dollars per token, which is micro-dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rates {
    /// Input.
    pub input: u32,
    /// Output.
    pub output: u32,
    /// Input read from a prompt cache; the input rate where none is known.
    pub cache_read: u32,
    /// Input written to a five-minute cache; the input rate where none is known.
    pub cache_write_5m: u32,
    /// Input written to a one-hour cache; the five-minute rate where none is known.
    pub cache_write_1h: u32,
    /// Reasoning; the output rate where it is not priced apart.
    pub reasoning: u32,
    /// Audio input; the input rate where none is known.
    pub audio_input: u32,
    /// Audio output; the output rate where none is known.
    pub audio_output: u32,
    /// One image made, in pico-dollars. There is no rule for a missing one.
    pub image: Option<u64>,
}

/// The rates for one service tier and one range of input lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateSet {
    /// The tier.
    pub tier: ServiceTier,
    /// The set holds for calls with more than this many input tokens, cached ones included.
    pub above: u32,
    /// The rates.
    pub rates: Rates,
}

/// Limits of a model, in tokens. `None`: not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Most input.
    pub context: Option<u32>,
    /// Most output.
    pub output_max: Option<u32>,
    /// Fewest that a prompt cache takes.
    pub cache_min: Option<u32>,
}

/// A scope and the factor on all rates in it.
type Scope = (Cow<'static, str>, Factor);

/// What one model of one provider costs and can do, from one date on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub(crate) version: Arc<str>,
    pub(crate) provider: Arc<str>,
    pub(crate) id: Cow<'static, str>,
    pub(crate) derived: Option<Arc<str>>,
    /// Sorted by tier, then by threshold; never empty; the first is the default tier from zero.
    pub(crate) sets: Box<[RateSet]>,
    pub(crate) scopes: Box<[Scope]>,
    pub(crate) limits: Limits,
    pub(crate) abilities: Abilities,
    pub(crate) kind: ModelKind,
    pub(crate) valid_from: Timestamp,
    pub(crate) valid_to: Option<Timestamp>,
    pub(crate) retires: Option<Timestamp>,
}

impl Row {
    /// The provider kind whose price this is.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The row's id: the model's id, `REGION/ID` where the price holds in one Region only.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The version of the catalogue, or the label of the override file, that the row comes from.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The scopes by whose factors the rates were derived from the written row (`us`, `us+fast`), if any were.
    #[must_use]
    pub fn derived(&self) -> Option<&str> {
        self.derived.as_deref()
    }

    /// What the model makes.
    #[must_use]
    pub const fn kind(&self) -> ModelKind {
        self.kind
    }

    /// Limits in tokens.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether the model can do this. A row that does not list an ability says that it is not known to have it.
    #[must_use]
    pub const fn can(&self, ability: Ability) -> bool {
        self.abilities.has(ability)
    }

    /// All that the model can do.
    #[must_use]
    pub const fn abilities(&self) -> Abilities {
        self.abilities
    }

    /// From when the row holds; `i64::MIN` microseconds if always.
    #[must_use]
    pub const fn valid_from(&self) -> Timestamp {
        self.valid_from
    }

    /// Until when the row holds, exclusive; `None`: until a later row of the same id does.
    #[must_use]
    pub const fn valid_to(&self) -> Option<Timestamp> {
        self.valid_to
    }

    /// When the provider means to switch the model off.
    #[must_use]
    pub const fn retires(&self) -> Option<Timestamp> {
        self.retires
    }

    /// All rates, sorted by tier, then by threshold. The first is the default tier from zero.
    #[must_use]
    pub fn rate_sets(&self) -> &[RateSet] {
        &self.sets
    }

    /// The rates for a call of this many input tokens (cached ones included) at this tier. A tier without rates of
    /// its own is priced at the default tier. The whole call gets the rates of the highest threshold that it exceeds.
    #[must_use]
    pub fn rates(&self, tier: ServiceTier, total_input_tokens: u64) -> &RateSet {
        let fits = |set: &&RateSet| set.above == 0 || u64::from(set.above) < total_input_tokens;
        let of = |tier| self.sets.iter().rev().filter(move |set| set.tier == tier).find(fits);
        of(tier).or_else(|| of(ServiceTier::Default)).unwrap_or(&self.sets[0])
    }

    /// The same row with every rate multiplied by the factor; a rate that is no whole pico-dollar then is rounded up.
    pub(crate) fn scaled(&self, scope: &str, (numerator, denominator): Factor) -> Self {
        let mut row = self.clone();
        row.derived = Some(match &self.derived {
            Some(earlier) => format!("{earlier}+{scope}").into(),
            None => scope.into(),
        });
        let scale = |rate: u64| (rate * u64::from(numerator)).div_ceil(u64::from(denominator).max(1));
        for set in &mut row.sets {
            let rates = &mut set.rates;
            for rate in [
                &mut rates.input,
                &mut rates.output,
                &mut rates.cache_read,
                &mut rates.cache_write_5m,
                &mut rates.cache_write_1h,
                &mut rates.reasoning,
                &mut rates.audio_input,
                &mut rates.audio_output,
            ] {
                *rate = u32::try_from(scale(u64::from(*rate))).unwrap_or(u32::MAX);
            }
            rates.image = rates.image.map(scale);
        }
        row
    }

    /// Builds a row from its written form and the rates made of it.
    ///
    /// # Errors
    /// Says what is wrong with the written form.
    pub(crate) fn build(
        source: RowSource<'static>,
        sets: Box<[RateSet]>,
        provider: Arc<str>,
        version: Arc<str>,
    ) -> Result<Self, String> {
        if source.id.is_empty() || source.id.len() > LONGEST_ID {
            return Err(format!("`id` must have 1 to {LONGEST_ID} bytes"));
        }
        for (scope, (numerator, denominator)) in &source.scopes {
            if *denominator == 0 || *numerator == 0 || numerator / denominator > 10 {
                return Err(format!("`scopes.{scope}` must be [numerator, denominator], above zero and at most ten"));
            }
        }
        let valid_from = date("valid_from", source.valid_from)?.unwrap_or(ALWAYS);
        let valid_to = date("valid_to", source.valid_to)?;
        if let Some(to) = valid_to.filter(|to| *to <= valid_from) {
            return Err(format!("`valid_to` ({to}) is not after `valid_from` ({valid_from})"));
        }
        Ok(Self {
            sets,
            version,
            provider,
            id: source.id,
            derived: None,
            scopes: source.scopes.into_iter().collect(),
            limits: Limits { context: source.context, output_max: source.output_max, cache_min: source.cache_min },
            abilities: source.abilities.unwrap_or_default().into_iter().collect(),
            kind: source.kind,
            valid_from,
            valid_to,
            retires: date("retires", source.retires)?,
        })
    }
}

/// Before every call.
pub(crate) const ALWAYS: Timestamp = Timestamp::from_micros(i64::MIN);

pub(crate) fn date(field: &str, text: Option<Cow<'static, str>>) -> Result<Option<Timestamp>, String> {
    let Some(text) = text else { return Ok(None) };
    let parsed =
        if text.len() == 10 { Timestamp::parse(&format!("{text}T00:00:00Z")) } else { Timestamp::parse(&text) };
    parsed.map(Some).ok_or_else(|| format!("`{field}` must be a date like 2026-11-23 or RFC 3339, not `{text}`"))
}

/// Every tier crossed with every threshold, each with every rate.
///
/// # Errors
/// Says what is missing, doubled or not to be believed.
pub(crate) fn rate_sets(written: &[RateSource]) -> Result<Box<[RateSet]>, String> {
    let base = written
        .iter()
        .find(|r| tier_of(r) == ServiceTier::Default && above_of(r) == 0)
        .ok_or("`rates` must have an entry without `tier` and `above`")?;
    if base.input.is_none() || base.output.is_none() {
        return Err("the entry of `rates` without `tier` and `above` must have `in` and `out`".into());
    }
    let mut tiers: Vec<ServiceTier> = written.iter().map(tier_of).collect();
    let mut thresholds: Vec<u32> = written.iter().map(above_of).collect();
    tiers.sort_by_key(|tier| *tier as u8);
    tiers.dedup();
    thresholds.sort_unstable();
    thresholds.dedup();
    if written.len() > tiers.len() * thresholds.len() {
        return Err("`rates` has two entries for the same `tier` and `above`".into());
    }
    written.iter().try_for_each(check_bounds)?;
    let mut sets = Vec::with_capacity(tiers.len() * thresholds.len());
    for tier in tiers {
        for above in &thresholds {
            sets.push(RateSet { tier, above: *above, rates: fill(written, tier, *above) });
        }
    }
    Ok(sets.into_boxed_slice())
}

fn tier_of(rates: &RateSource) -> ServiceTier {
    rates.tier.unwrap_or_default()
}

fn above_of(rates: &RateSource) -> u32 {
    rates.above.unwrap_or_default()
}

fn check_bounds(rates: &RateSource) -> Result<(), String> {
    let tokens = [
        ("in", rates.input),
        ("out", rates.output),
        ("cache_read", rates.cache_read),
        ("cache_write_5m", rates.cache_write_5m),
        ("cache_write_1h", rates.cache_write_1h),
        ("reasoning", rates.reasoning),
        ("audio_in", rates.audio_in),
        ("audio_out", rates.audio_out),
    ];
    let all = tokens.map(|(name, rate)| (name, rate, HIGHEST_RATE)).into_iter();
    for (name, rate, highest) in all.chain([("image", rates.image, HIGHEST_IMAGE_RATE)]) {
        if let Some(rate) = rate.filter(|rate| *rate > highest) {
            return Err(format!(
                "`{name}` is {rate}; the highest rate believed is {highest} (rates are micro-dollars per million units)"
            ));
        }
    }
    Ok(())
}

/// One rate of the set for `tier` and `above`. Where the set does not state it: the larger of what the same tier
/// states below the threshold and what the default tier states above it, so that a gap never makes a call cheaper.
fn stated(written: &[RateSource], tier: ServiceTier, above: u32, rate: fn(&RateSource) -> Option<u64>) -> Option<u64> {
    let exact = written.iter().find(|r| tier_of(r) == tier && above_of(r) == above).and_then(rate);
    let nearest = |tier| {
        let reached = written.iter().filter(|r| tier_of(r) == tier && above_of(r) <= above);
        reached.filter_map(|r| rate(r).map(|value| (above_of(r), value))).max().map(|(_, value)| value)
    };
    exact.or_else(|| nearest(tier).max(nearest(ServiceTier::Default)))
}

fn fill(written: &[RateSource], tier: ServiceTier, above: u32) -> Rates {
    let get = |rate: fn(&RateSource) -> Option<u64>| {
        stated(written, tier, above, rate).map(|value| u32::try_from(value).unwrap_or(u32::MAX))
    };
    let input = get(|r| r.input).unwrap_or_default();
    let output = get(|r| r.output).unwrap_or_default();
    let cache_write_5m = get(|r| r.cache_write_5m).unwrap_or(input);
    Rates {
        input,
        output,
        cache_read: get(|r| r.cache_read).unwrap_or(input),
        cache_write_5m,
        cache_write_1h: get(|r| r.cache_write_1h).unwrap_or(cache_write_5m),
        reasoning: get(|r| r.reasoning).unwrap_or(output),
        audio_input: get(|r| r.audio_in).unwrap_or(input),
        audio_output: get(|r| r.audio_out).unwrap_or(output),
        image: stated(written, tier, above, |r| r.image),
    }
}
