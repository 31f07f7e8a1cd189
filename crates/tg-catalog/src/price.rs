//! From counts to money: exact pico-dollars per kind of unit, one rounding at the end.

use crate::ability::Ability;
use crate::row::{RateSet, Rates, Row};
use crate::terms::Discount;
use std::sync::Arc;
use tg_kernel::rates::{RateSheet, UnitKind, UnitPrice};
use tg_kernel::record::{Cost, Pricing};
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage};

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

impl Rates {
    /// Pico-dollars for one unit of a kind; `None` where there is no price.
    #[must_use]
    pub fn of(&self, kind: UnitKind) -> Option<u64> {
        let tokens = match kind {
            UnitKind::Input => self.input,
            UnitKind::CacheRead => self.cache_read,
            UnitKind::CacheWrite5m => self.cache_write_5m,
            UnitKind::CacheWrite1h => self.cache_write_1h,
            UnitKind::AudioInput => self.audio_input,
            UnitKind::Output => self.output,
            UnitKind::Reasoning => self.reasoning,
            UnitKind::AudioOutput => self.audio_output,
            UnitKind::Image => return self.image,
        };
        Some(u64::from(tokens))
    }

    /// These rates as list prices that are charged as they are.
    #[must_use]
    pub fn sheet(&self) -> RateSheet {
        RateSheet::of(|kind| self.of(kind).map(|rate| UnitPrice { list: rate, contracted: rate }))
    }
}

/// The cost of these counts at this row, line by line, at list price. `tier` is the one at which the call was served.
#[must_use]
pub fn cost_lines(row: &Row, usage: &Usage, tier: ServiceTier) -> CostLines {
    let RateSet { tier, above, rates } = *row.rates(tier, usage.total_input_tokens());
    let lines = UnitKind::ALL.map(|kind| CostLine { kind, units: kind.units(usage), rate: rates.of(kind) });
    CostLines { lines, tier, above }
}

/// The cost of these counts at this row, at list price. `tier` is the one at which the call was served.
///
/// Nothing used is [`Pricing::Nothing`]; an image used with a row that has no price for images is
/// [`Pricing::Unpriced`] with amount zero. Amounts beyond the range of [`Money`] saturate. The text of the unit prices is
/// made anew; calls share theirs, see [`crate::Terms::price`].
#[must_use]
pub fn price(row: &Row, usage: &Usage, tier: ServiceTier) -> Cost {
    let set = row.rates(tier, usage.total_input_tokens());
    let sheet = set.rates.sheet();
    by_sheet(&sheet, usage, || (label(row, set.tier, set.above, None).into(), sheet.to_text().into()))
}

/// The cost of these counts by these unit prices, which are named and written only where they are needed.
pub(crate) fn by_sheet(sheet: &RateSheet, usage: &Usage, written: impl FnOnce() -> (Arc<str>, Arc<str>)) -> Cost {
    if is_nothing(usage) {
        return Cost::default();
    }
    let (price, rates) = written();
    let rates = Some(rates);
    if !sheet.covers(usage) {
        return Cost { pricing: Pricing::Unpriced, price, rates, ..Cost::default() };
    }
    let (amount, list) = (sheet.contracted(usage), sheet.list(usage));
    Cost { amount, list, pricing: Pricing::Priced, price, rates }
}

fn is_nothing(usage: &Usage) -> bool {
    usage.total_tokens() == 0 && usage.images == 0
}

/// `VERSION/PROVIDER/ID[~SCOPE][@TIER][>THRESHOLD][%[committed:]DISCOUNT]`.
pub(crate) fn label(row: &Row, tier: ServiceTier, above: u32, discount: Option<&Discount>) -> String {
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
    if let Some(discount) = discount {
        text.push_str(if discount.committed { "%committed:" } else { "%" });
        text.push_str(&discount.name);
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
    let sheet = RateSheet::of(|kind| {
        let rate = match kind {
            UnitKind::Image => return None,
            UnitKind::Output | UnitKind::Reasoning | UnitKind::AudioOutput => output_rate,
            _ => input_rate,
        };
        Some(UnitPrice { list: rate, contracted: rate })
    });
    let rates = Some(sheet.to_text().into());
    Cost { rates, ..Cost::at_list(sheet.contracted(usage), Pricing::Ceiling, "ceiling") }
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
