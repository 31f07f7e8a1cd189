//! What a limit lets through, and by what it counts apart.

use super::quantity::split_number;
use super::{Refused, quoted, written_as_text};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// So much in a period: `600/m`, `2M/h`, `5/10s`. From 1 to 10^15 in 1 s to 31 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Allowance {
    amount: u64,
    seconds: u64,
}

const AMOUNT_MAX: u64 = 1_000_000_000_000_000;
const SECONDS_MAX: u64 = 31 * 86_400;
const PERIODS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
const AMOUNTS: [(&str, u64); 4] = [("B", 1_000_000_000), ("M", 1_000_000), ("k", 1_000), ("", 1)];

impl Allowance {
    /// How much.
    #[must_use]
    pub const fn amount(self) -> u64 {
        self.amount
    }

    /// In which time.
    #[must_use]
    pub const fn period(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

impl FromStr for Allowance {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refused = |what: &str| {
            Refused::new(
                format!("{} {what}", quoted(text)),
                "write a number and a period (s, m, h, d), as in `600/m`, `2M/h` or `5/10s`",
            )
        };
        let (amount, period) = text.split_once('/').ok_or_else(|| refused("is not a rate"))?;
        let (digits, suffix) = split_number(amount);
        let (count, unit) = split_number(period);
        let factor = AMOUNTS.iter().find(|(name, _)| *name == suffix).map(|(_, factor)| *factor);
        let span = PERIODS.iter().find(|(name, _)| *name == unit).map(|(_, seconds)| *seconds);
        let count = if count.is_empty() { Ok(1) } else { count.parse::<u64>() };
        let (Ok(number), Some(factor), Ok(count), Some(span)) = (digits.parse::<u64>(), factor, count, span) else {
            return Err(refused("is not a rate"));
        };
        match (number.checked_mul(factor), count.checked_mul(span)) {
            (Some(0), _) => Err(refused("lets nothing through")),
            (_, Some(0)) => Err(refused("is a rate in no time at all")),
            (Some(amount), Some(seconds)) if amount <= AMOUNT_MAX && seconds <= SECONDS_MAX => {
                Ok(Self { amount, seconds })
            }
            _ => Err(refused("is more than 10^15, or longer than 31 days")),
        }
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |whole: u64, (_, factor): &&(&str, u64)| whole.is_multiple_of(*factor);
        let (suffix, factor) = AMOUNTS.iter().find(|unit| fits(self.amount, unit)).unwrap_or(&("", 1));
        let (unit, seconds) = PERIODS.iter().find(|unit| fits(self.seconds, unit)).unwrap_or(&("s", 1));
        write!(f, "{}{suffix}/", self.amount / factor)?;
        match self.seconds / seconds {
            1 => f.write_str(unit),
            count => write!(f, "{count}{unit}"),
        }
    }
}

written_as_text!(
    Allowance,
    "allowance",
    "Allowance",
    "So much in a period: a number (with k, M or B), `/`, and a period of s, m, h or d.",
    ["600/m", "2M/h"]
);

/// By what a limit counts apart: `team`, `project`, `environment`, `key`, `model`, `provider`, or `tag:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of what is counted")]
pub enum Dimension {
    Team,
    Project,
    Environment,
    Key,
    Model,
    Provider,
    Tag(String),
}

const WORDS: [(&str, Dimension); 6] = [
    ("team", Dimension::Team),
    ("project", Dimension::Project),
    ("environment", Dimension::Environment),
    ("key", Dimension::Key),
    ("model", Dimension::Model),
    ("provider", Dimension::Provider),
];

impl FromStr for Dimension {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        if let Some((_, word)) = WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(word.clone());
        }
        match text.strip_prefix("tag:") {
            Some(name) if (1..=128).contains(&name.len()) && !name.contains(['=', ',']) => {
                Ok(Self::Tag(name.to_owned()))
            }
            _ => Err(Refused::new(
                format!("{} is nothing to count by", quoted(text)),
                "write `team`, `project`, `environment`, `key`, `model`, `provider` or `tag:NAME`",
            )),
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(name) => write!(f, "tag:{name}"),
            _ => f.write_str(WORDS.iter().find(|(_, word)| word == self).map_or("", |(word, _)| word)),
        }
    }
}

written_as_text!(
    Dimension,
    "dimension",
    "Dimension",
    "By what a limit counts apart: team, project, environment, key, model, provider, or tag:NAME.",
    ["team", "tag:user"]
);
