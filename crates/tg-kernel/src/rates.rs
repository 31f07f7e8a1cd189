//! Unit prices as a ledger row keeps them: of each kind of unit the list price and the one that is charged.

use crate::units::Money;
use crate::usage::Usage;
use serde_json::Value;
use std::fmt::Write as _;

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
    /// Every kind, in the order of a bill.
    pub const ALL: [Self; 9] = [
        Self::Input,
        Self::CacheRead,
        Self::CacheWrite5m,
        Self::CacheWrite1h,
        Self::AudioInput,
        Self::Output,
        Self::Reasoning,
        Self::AudioOutput,
        Self::Image,
    ];

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

    /// How many of these counts are units of this kind. No token is in two kinds: reasoning is taken out of output.
    #[must_use]
    pub fn units(self, usage: &Usage) -> u64 {
        let reasoning = usage.reasoning_tokens.min(usage.output_tokens);
        match self {
            Self::Input => usage.input_tokens,
            Self::CacheRead => usage.cache_read_tokens,
            Self::CacheWrite5m => usage.cache_write_5m_tokens,
            Self::CacheWrite1h => usage.cache_write_1h_tokens,
            Self::AudioInput => usage.audio_input_tokens,
            Self::Output => usage.output_tokens - reasoning,
            Self::Reasoning => reasoning,
            Self::AudioOutput => usage.audio_output_tokens,
            Self::Image => usage.images,
        }
    }
}

/// The price of one unit, in pico-dollars (1 USD = 10^12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnitPrice {
    /// As the catalogue has it.
    pub list: u64,
    /// As it is charged, after a negotiated discount.
    pub contracted: u64,
}

/// The unit prices by which a call was priced; a kind without a price is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RateSheet([Option<UnitPrice>; UnitKind::ALL.len()]);

impl RateSheet {
    /// A sheet of these prices.
    #[must_use]
    pub fn of(price: impl FnMut(UnitKind) -> Option<UnitPrice>) -> Self {
        Self(UnitKind::ALL.map(price))
    }

    /// The price of a kind of unit; `None` where there is none.
    #[must_use]
    pub const fn get(&self, kind: UnitKind) -> Option<UnitPrice> {
        self.0[kind as usize]
    }

    /// Whether there is a price for every kind that was used.
    #[must_use]
    pub fn covers(&self, usage: &Usage) -> bool {
        UnitKind::ALL.into_iter().all(|kind| kind.units(usage) == 0 || self.get(kind).is_some())
    }

    /// What these counts cost at list price: an exact sum, rounded once.
    #[must_use]
    pub fn list(&self, usage: &Usage) -> Money {
        self.sum(usage, |price| price.list)
    }

    /// What is charged for these counts: an exact sum, rounded once.
    #[must_use]
    pub fn contracted(&self, usage: &Usage) -> Money {
        self.sum(usage, |price| price.contracted)
    }

    fn sum(&self, usage: &Usage, of: fn(UnitPrice) -> u64) -> Money {
        let line = |kind: UnitKind| {
            let rate = self.get(kind).map_or(0, of);
            i128::from(kind.units(usage)).saturating_mul(i128::from(rate))
        };
        // Far from the end of the range, which rounding must not cross.
        let picos = UnitKind::ALL.into_iter().map(line).fold(0_i128, i128::saturating_add);
        Money::from_picos(picos.min(i128::MAX / 2))
    }

    /// Compact JSON: `{"input":4000000,"output":[20000000,18000000]}`. Pico-dollars for one unit; two numbers where the
    /// list price and the one that is charged differ.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(192);
        for kind in UnitKind::ALL {
            let Some(UnitPrice { list, contracted }) = self.get(kind) else { continue };
            text.push(if text.is_empty() { '{' } else { ',' });
            // Writing to a `String` cannot fail.
            let _ = if list == contracted {
                write!(text, "\"{}\":{list}", kind.as_str())
            } else {
                write!(text, "\"{}\":[{list},{contracted}]", kind.as_str())
            };
        }
        text.push_str(if text.is_empty() { "{}" } else { "}" });
        text
    }

    /// Reads what [`RateSheet::to_text`] writes; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let members = value.as_object()?;
        let known = |name: &String| UnitKind::ALL.into_iter().any(|kind| kind.as_str() == name);
        if !members.keys().all(known) {
            return None;
        }
        let mut sheet = Self::default();
        for kind in UnitKind::ALL {
            let Some(price) = members.get(kind.as_str()) else { continue };
            let (list, contracted) = match price.as_array().map(Vec::as_slice) {
                Some([list, contracted]) => (list.as_u64()?, contracted.as_u64()?),
                Some(_) => return None,
                None => (price.as_u64()?, price.as_u64()?),
            };
            sheet.0[kind as usize] = Some(UnitPrice { list, contracted });
        }
        Some(sheet)
    }
}

#[cfg(test)]
mod tests {
    use super::{RateSheet, UnitKind, UnitPrice};
    use crate::usage::Usage;

    #[test]
    fn a_sheet_survives_its_text() {
        let price = |kind| match kind {
            UnitKind::Input => Some(UnitPrice { list: 4_000_000, contracted: 4_000_000 }),
            UnitKind::Output => Some(UnitPrice { list: 20_000_000, contracted: 18_000_000 }),
            _ => None,
        };
        let sheet = RateSheet::of(price);
        assert_eq!(sheet.to_text(), r#"{"input":4000000,"output":[20000000,18000000]}"#);
        assert_eq!(RateSheet::parse(&sheet.to_text()), Some(sheet));
        assert_eq!(RateSheet::parse(&RateSheet::default().to_text()), Some(RateSheet::default()));
        for other in ["", "[]", "{", r#"{"input":-1}"#, r#"{"input":1.5}"#, r#"{"input":[1]}"#, r#"{"put":1}"#] {
            assert_eq!(RateSheet::parse(other), None, "{other}");
        }
    }

    #[test]
    fn sums_are_exact_and_rounded_once() {
        let sheet = RateSheet::of(|_| Some(UnitPrice { list: 300, contracted: 200 }));
        let usage = Usage { input_tokens: 1, output_tokens: 2, reasoning_tokens: 1, ..Usage::default() };
        // 900 and 600 pico-dollars: each line by itself would round to nothing.
        assert_eq!((sheet.list(&usage).nanos(), sheet.contracted(&usage).nanos()), (1, 1));
        let all = Usage { input_tokens: u64::MAX, images: u64::MAX, ..usage };
        assert_eq!(sheet.list(&all).nanos(), i64::MAX);
        assert!(!RateSheet::default().covers(&usage) && RateSheet::default().covers(&Usage::default()));
    }
}
