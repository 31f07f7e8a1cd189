//! Quantities with their units: durations, sizes, prices of tokens, shares.

use super::{Refused, quoted, written_as_text};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration: a whole number and one of `ms`, `s`, `m`, `h`, `d`. From 1 ms to 365 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Period(u64);

const DAY_MS: u64 = 86_400_000;
const PERIOD_MS_MAX: u64 = 365 * DAY_MS;
const PERIOD_UNITS: [(&str, u64); 5] = [("d", DAY_MS), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Period {
    /// This many seconds, at least one and at most 365 days.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self::millis(seconds.saturating_mul(1000))
    }

    /// This many milliseconds, at least one and at most 365 days.
    #[must_use]
    pub const fn millis(millis: u64) -> Self {
        Self(if millis == 0 {
            1
        } else if millis > PERIOD_MS_MAX {
            PERIOD_MS_MAX
        } else {
            millis
        })
    }

    /// As the standard library has it.
    #[must_use]
    pub const fn get(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for Period {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refused = |what: &str| {
            Refused::new(
                format!("{} {what}", quoted(text)),
                "write a whole number and a unit (ms, s, m, h, d), as in `30s` or `10m`",
            )
        };
        let (digits, unit) = split_number(text);
        let factor = PERIOD_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let (Ok(number), Some(factor)) = (digits.parse::<u64>(), factor) else {
            return Err(refused("is not a duration"));
        };
        match number.checked_mul(factor) {
            Some(0) => Err(refused("is no time at all")),
            Some(millis) if millis <= PERIOD_MS_MAX => Ok(Self(millis)),
            _ => Err(refused("is longer than 365 days")),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) =
            PERIOD_UNITS.iter().find(|(_, factor)| self.0.is_multiple_of(*factor)).unwrap_or(&("ms", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

written_as_text!(
    Period,
    "duration",
    "Duration",
    "A duration: a whole number and one of ms, s, m, h, d.",
    ["30s", "10m", "250ms"]
);

/// How often something happens, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keepalive {
    /// Never.
    Off,
    /// Each time that this long has passed in silence.
    Every(Period),
}

impl FromStr for Keepalive {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        match text {
            "off" => Ok(Self::Off),
            _ => text.parse().map(Self::Every).map_err(|refused: Refused| {
                Refused::new(refused.message, "write a duration with its unit, as in `15s`, or `off`")
            }),
        }
    }
}

impl fmt::Display for Keepalive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Every(period) => period.fmt(f),
        }
    }
}

written_as_text!(Keepalive, "duration_or_off", "DurationOrOff", "A duration, or `off`.", ["15s", "off"]);

/// A size in bytes: a whole number and one of `B`, `KiB`, `MiB`, `GiB`. From 1 B to 1024 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size(u64);

const GIB: u64 = 1 << 30;
const SIZE_MAX: u64 = 1024 * GIB;
const SIZE_UNITS: [(&str, u64); 4] = [("GiB", GIB), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Size {
    /// This many mebibytes, at least one and at most 1024 GiB.
    #[must_use]
    pub const fn mebibytes(number: u32) -> Self {
        let bytes = (number as u64) << 20;
        Self(if bytes == 0 {
            1 << 20
        } else if bytes > SIZE_MAX {
            SIZE_MAX
        } else {
            bytes
        })
    }

    /// Bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Bytes, as lengths in memory are counted.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Size {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refused = |what: &str| {
            Refused::new(
                format!("{} {what}", quoted(text)),
                "write a whole number and a unit (B, KiB, MiB, GiB), as in `32 MiB`",
            )
        };
        let (digits, unit) = split_number(text);
        let factor = SIZE_UNITS.iter().find(|(name, _)| *name == unit.trim_start()).map(|(_, factor)| *factor);
        let (Ok(number), Some(factor)) = (digits.parse::<u64>(), factor) else {
            return Err(refused("is not a size"));
        };
        match number.checked_mul(factor) {
            Some(0) => Err(refused("is no size at all")),
            Some(bytes) if bytes <= SIZE_MAX => Ok(Self(bytes)),
            _ => Err(refused("is more than 1024 GiB")),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = SIZE_UNITS.iter().find(|(_, factor)| self.0.is_multiple_of(*factor)).unwrap_or(&("B", 1));
        write!(f, "{} {unit}", self.0 / factor)
    }
}

written_as_text!(Size, "size", "Size", "A size: a whole number and one of B, KiB, MiB, GiB.", ["32 MiB", "512 KiB"]);

/// A price of tokens: `20.00 USD per 1M tokens`. At most 10 000 000 USD per million, at most six decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenPrice(u64);

const MICRO: u64 = 1_000_000;
const PRICE_MAX: u64 = 10_000_000 * MICRO;
const PRICE_TAIL: &str = " USD per 1M tokens";

impl TokenPrice {
    /// Pico-dollars for one token (1 USD = 10^12); the same number as micro-dollars for a million tokens.
    #[must_use]
    pub const fn picos_per_token(self) -> u64 {
        self.0
    }
}

impl FromStr for TokenPrice {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refused = |what: &str| {
            Refused::new(
                format!("{} {what}", quoted(text)),
                "write dollars for a million tokens, as in `20.00 USD per 1M tokens`",
            )
        };
        let amount = text.strip_suffix(PRICE_TAIL).ok_or_else(|| refused("is not a price of tokens"))?;
        let (whole, part) = amount.split_once('.').unwrap_or((amount, "0"));
        let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !all_digits(part) || part.len() > 6 {
            return Err(refused("is not an amount of dollars with at most six decimals"));
        }
        let micros = format!("{part:0<6}").parse::<u64>().unwrap_or(u64::MAX);
        let dollars = whole.parse::<u64>().unwrap_or(u64::MAX);
        match dollars.checked_mul(MICRO).and_then(|d| d.checked_add(micros)) {
            Some(picos) if picos <= PRICE_MAX => Ok(Self(picos)),
            _ => Err(refused("is more than 10000000 USD per million")),
        }
    }
}

impl fmt::Display for TokenPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:06}", self.0 % MICRO);
        let kept = part.trim_end_matches('0').len().max(2);
        write!(f, "{}.{}{PRICE_TAIL}", self.0 / MICRO, &part[..kept])
    }
}

written_as_text!(
    TokenPrice,
    "token_price",
    "TokenPrice",
    "A price of tokens in US dollars for a million of them.",
    ["20.00 USD per 1M tokens"]
);

/// A share from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Ratio(f64);

impl Ratio {
    /// All of it.
    pub const ALL: Self = Self(1.0);

    /// Nothing of it.
    pub const NONE: Self = Self(0.0);

    /// The number, from 0 to 1.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

// No such share is not a number.
impl Eq for Ratio {}

impl TryFrom<f64> for Ratio {
    type Error = Refused;

    fn try_from(number: f64) -> Result<Self, Refused> {
        if (0.0..=1.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(Refused::new(format!("{number} is not from 0 to 1"), "write a share, as in `0.1` for one in ten"))
        }
    }
}

impl From<Ratio> for f64 {
    fn from(ratio: Ratio) -> Self {
        ratio.0
    }
}

impl schemars::JsonSchema for Ratio {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ratio".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "number", "minimum": 0, "maximum": 1, "description": "A share from 0 to 1.", "examples": [0.1],
        })
    }
}

pub(super) fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}
