//! From counts to money: exact pico-dollars per kind of unit, one rounding at the end.

use crate::ability::Ability;
use crate::row::{RateSet, Row};
use tg_kernel::record::{Cost, Pricing};
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage};

/// What a line of a cost counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnitKind {
    /// Input tokens outside any cache.
    Input,
    /// Input tokens read from a prompt cache.
    CacheRead,
    /// Input tokens written to a five-minute cache.
    CacheWrite5m,
    /// Input tokens written to a one-hour cache.
    CacheWrite1h,
    /// Audio input tokens.
    AudioInput,
    /// Output tokens that were not reasoning.
    Output,
    /// Output tokens that were reasoning.
    Reasoning,
    /// Audio output tokens.
    AudioOutput,
    /// Images made.
    Image,
}

impl UnitKind {
    /// The name in stores and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CacheRead => "cache_read",
            Self::CacheWrite5m => "cache_write_5m",
            Self::CacheWrite1h => "cache_write_1h",
            Self::AudioInput => "audio_input",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::AudioOutput => "audio_output",
            Self::Image => "image",
        }
    }
}

/// One line of a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostLine {
    /// What is counted.
    pub kind: UnitKind,
    /// How many.
    pub units: u64,
    /// Pico-dollars for one; `None` where the row has no price for this kind.
    pub rate: Option<u64>,
}

impl CostLine {
    /// The exact amount in pico-dollars; zero where the rate is not known.
    #[must_use]
    pub fn picos(&self) -> i128 {
        i128::from(self.units) * i128::from(self.rate.unwrap_or_default())
    }
}

/// A cost, line by line. The lines add up to the amount before rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostLines {
    /// One line for each kind of unit, used or not.
    pub lines: [CostLine; 9],
    /// The tier whose rates were taken.
    pub tier: ServiceTier,
    /// The long-context threshold that the call exceeded; zero if none.
    pub above: u32,
}

impl CostLines {
    /// The exact sum in pico-dollars.
    #[must_use]
    pub fn picos(&self) -> i128 {
        self.lines.iter().map(CostLine::picos).sum()
    }

    /// Whether every kind that was used has a rate.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.lines.iter().all(|line| line.units == 0 || line.rate.is_some())
    }
}

/// The cost of these counts at this row, line by line. `tier` is the one at which the call was served.
#[must_use]
pub fn cost_lines(row: &Row, usage: &Usage, tier: ServiceTier) -> CostLines {
    let RateSet { tier, above, rates } = *row.rates(tier, usage.total_input_tokens());
    let reasoning = usage.reasoning_tokens.min(usage.output_tokens);
    let line = |kind, units, rate: u32| CostLine { kind, units, rate: Some(u64::from(rate)) };
    let lines = [
        line(UnitKind::Input, usage.input_tokens, rates.input),
        line(UnitKind::CacheRead, usage.cache_read_tokens, rates.cache_read),
        line(UnitKind::CacheWrite5m, usage.cache_write_5m_tokens, rates.cache_write_5m),
        line(UnitKind::CacheWrite1h, usage.cache_write_1h_tokens, rates.cache_write_1h),
        line(UnitKind::AudioInput, usage.audio_input_tokens, rates.audio_input),
        line(UnitKind::Output, usage.output_tokens - reasoning, rates.output),
        line(UnitKind::Reasoning, reasoning, rates.reasoning),
        line(UnitKind::AudioOutput, usage.audio_output_tokens, rates.audio_output),
        CostLine { kind: UnitKind::Image, units: usage.images, rate: rates.image },
    ];
    CostLines { lines, tier, above }
}

/// The cost of these counts at this row. `tier` is the one at which the call was served.
///
/// Nothing used is [`Pricing::Nothing`]; an image used with a row that has no price for images is
/// [`Pricing::Unpriced`] with amount zero. Amounts beyond the range of [`Money`] saturate.
#[must_use]
pub fn price(row: &Row, usage: &Usage, tier: ServiceTier) -> Cost {
    if is_nothing(usage) {
        return Cost::default();
    }
    let lines = cost_lines(row, usage, tier);
    let complete = lines.is_complete();
    Cost {
        amount: if complete { Money::from_picos(lines.picos()) } else { Money::ZERO },
        pricing: if complete { Pricing::Priced } else { Pricing::Unpriced },
        price: label(row, lines.tier, lines.above).into(),
    }
}

fn is_nothing(usage: &Usage) -> bool {
    usage.total_tokens() == 0 && usage.images == 0
}

/// `VERSION/PROVIDER/ID[~SCOPE][@TIER][>THRESHOLD]`.
fn label(row: &Row, tier: ServiceTier, above: u32) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(row.version.len() + row.provider.len() + row.id.len() + 24);
    for part in [&row.version, "/", &row.provider, "/", &row.id] {
        text.push_str(part);
    }
    if let Some(scope) = &row.derived {
        text.push('~');
        text.push_str(scope);
    }
    if tier != ServiceTier::Default {
        text.push('@');
        text.push_str(tier.as_str());
    }
    if above > 0 {
        // Writing to a `String` cannot fail.
        let _ = write!(text, ">{above}");
    }
    text
}

/// The cost of these counts where the catalogue has no row and policy states a ceiling, in micro-dollars per million
/// tokens: all input at the one rate, all output at the other. Images are not covered.
#[must_use]
pub fn ceiling_cost(usage: &Usage, input_rate: u64, output_rate: u64) -> Cost {
    if is_nothing(usage) {
        return Cost::default();
    }
    let output = usage.output_tokens.saturating_add(usage.audio_output_tokens);
    let picos = product(usage.total_input_tokens(), input_rate).saturating_add(product(output, output_rate));
    Cost { amount: Money::from_picos(picos.min(i128::MAX / 2)), pricing: Pricing::Ceiling, price: "ceiling".into() }
}

fn product(units: u64, rate: u64) -> i128 {
    i128::from(units).saturating_mul(i128::from(rate))
}

/// The most that a call can cost which has not been sent yet: every input token at the dearest input rate (a cache
/// write, say), every output token at the dearest output rate, at the worse of the tier asked for and the default one.
#[must_use]
pub fn ceiling_estimate(row: &Row, tier: ServiceTier, input_tokens: u64, max_output_tokens: u64) -> Money {
    let worst = |tier| {
        let rates = row.rates(tier, input_tokens).rates;
        let audio_input = if row.can(Ability::AudioInput) { rates.audio_input } else { 0 };
        let audio_output = if row.can(Ability::AudioOutput) { rates.audio_output } else { 0 };
        let input = rates.input.max(rates.cache_read).max(rates.cache_write_5m).max(rates.cache_write_1h);
        let output = rates.output.max(rates.reasoning).max(audio_output);
        product(input_tokens, u64::from(input.max(audio_input))) + product(max_output_tokens, u64::from(output))
    };
    Money::from_picos(worst(tier).max(worst(ServiceTier::Default)))
}

/// The most output tokens that a call with so much input can be sure to pay with `amount`, by [`ceiling_estimate`]; zero
/// where its input alone costs more.
#[must_use]
pub fn output_within(row: &Row, tier: ServiceTier, input_tokens: u64, amount: Money) -> u64 {
    let fits = |output: u64| ceiling_estimate(row, tier, input_tokens, output) <= amount;
    let (mut least, mut most) = (0, OUTPUT_BELIEVED + 1);
    // What fits is below `most`, and `least` fits or is zero.
    while most - least > 1 {
        let middle = least + (most - least) / 2;
        if fits(middle) { least = middle } else { most = middle }
    }
    least
}

/// More output tokens than any call has.
const OUTPUT_BELIEVED: u64 = 1 << 32;
